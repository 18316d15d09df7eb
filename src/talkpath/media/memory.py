"""A media engine without sockets: it hands out port numbers and remembers what it was told.

For tests of routing scripts and of the edge, which run calls in memory. No packet moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import msgspec

from talkpath.base.address import Address
from talkpath.base.errors import Unavailable
from talkpath.media.engine import (
    HEIRS,
    Clip,
    Engine,
    EngineEvent,
    FirstHeard,
    HostPort,
    Leases,
    Played,
    Port,
    Recording,
    SecureEngine,
    TimedOut,
)


@dataclass(eq=False)
class MemoryPort:
    """A leased pair, and all the engine knows of it."""

    id: int
    host: str
    rtp: int
    expected: dict[str, object] = field(default_factory=dict)
    target: "MemoryPort | None" = None
    #: what is heard and what it becomes, where it is converted
    converts: tuple[object, ...] | None = None
    #: "", "echo", or the payload type and codec of a tone
    plays: str = ""
    #: what is announced to the peer, and in which formats it goes on
    clip: Clip | None = None
    speaks: tuple[tuple[int, str], ...] = ()
    timeout_s: float | None = None
    recording: Recording | None = None
    #: towards WebRTC: whom it may hear, where it sends, what it sent, whose checks climb, and the keys
    approved: set[HostPort] = field(default_factory=set)
    sends_to: HostPort | None = None
    datagrams: list[tuple[bytes, HostPort]] = field(default_factory=list)
    ufrags: list[str] = field(default_factory=list)
    keys: tuple[str, tuple[bytes, bytes], tuple[bytes, bytes]] | None = None
    mki: bytes = b""
    #: the same of an RTCP port that is keyed, or checked, by itself
    rtcp_datagrams: list[tuple[bytes, HostPort]] = field(default_factory=list)
    rtcp_keys: tuple[str, tuple[bytes, bytes], tuple[bytes, bytes]] | None = None
    rtcp_approved: set[HostPort] = field(default_factory=set)
    rtcp_sends_to: HostPort | None = None
    #: the port whose transport this one shares, and by what its packets are known there
    carrier: "MemoryPort | None" = None
    identity: dict[str, object] = field(default_factory=dict)
    #: payload types by the peer's number and the call's
    numbers: tuple[tuple[int, int], ...] = ()
    closed: bool = False
    heard_packets: int = 0
    heard_bytes: int = 0
    heard_rtcp: int = 0
    sent_packets: int = 0
    sent_bytes: int = 0
    sent_rtcp: int = 0
    lost: int = 0
    strangers: int = 0
    unauthentic: int = 0
    replayed: int = 0
    last_heard: float | None = None
    forgiven: int = 0
    dropped: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def rtcp(self) -> int:
        return self.rtp + 1


# Sections that may share the transport of one, processes that may go on from one state, and the version of a state,
# as in the relay.
_SHARED = 15
_VERSION = 1
# What a state says by places of other ports, or not at all.
_APART = frozenset({"id", "host", "rtp", "target", "carrier", "recording", "closed"})


class _SavedPort(msgspec.Struct):
    host: str
    rtp: int
    told: dict[str, object]
    target: int | None = None
    carrier: int | None = None


class _Saved(msgspec.Struct):
    version: int
    ports: list[_SavedPort]


class MemoryEngine:
    """Implements `Engine`, and `Leases` of one call. `told` lists every call in order, for tests that count them."""

    def __init__(self) -> None:
        #: addresses that this host has not, or no longer
        self.absent: set[str] = set()
        self.ports: dict[int, MemoryPort] = {}
        self.told: list[tuple[str, int]] = []
        self._opened = 0

    @property
    def engine(self) -> "MemoryEngine":
        return self

    def open(self, address: str, low: int, high: int) -> MemoryPort:
        taken = {port.rtp for port in self.open_ports if port.host == address}
        free = next((port for port in range(low + low % 2, high, 2) if port not in taken), None)
        if free is None:
            raise Unavailable("media-ports", f"no media port is free in {low}-{high}; widen the range", address)
        self._opened += 1
        port = self.ports[self._opened] = MemoryPort(self._opened, address, free)
        self.told.append(("open", port.id))
        return port

    def share(self, port: Port) -> MemoryPort:
        carrier = self._told("share", port)
        carrier = carrier.carrier or carrier
        if sum(one.carrier is carrier for one in self.open_ports) >= _SHARED:
            raise Unavailable("media-bundle", "too many sections share a transport; offer fewer in one bundle")
        self._opened += 1
        shared = MemoryPort(self._opened, carrier.host, carrier.rtp, carrier=carrier)
        self.ports[self._opened] = shared
        return shared

    def identify(
        self, port: Port, mid: str, *, extension: int = 0, ssrcs: Sequence[int] = (), stamp: bool = False
    ) -> None:
        mine = self._told("identify", port)
        mine.identity = {"mid": mid, "extension": extension, "ssrcs": tuple(ssrcs), "stamp": stamp}

    def renumber(self, port: Port, pairs: Sequence[tuple[int, int]]) -> None:
        self._told("renumber", port).numbers = tuple(pairs)

    @property
    def open_ports(self) -> list[MemoryPort]:
        return [port for port in self.ports.values() if not port.closed]

    def expect(
        self,
        port: Port,
        *,
        rtp: HostPort | None,
        rtcp: HostPort | None = None,
        mux: bool = False,
        latch: str | None = None,
        formats: Sequence[tuple[int, int, str]] = (),
        levels: int = 0,
        raw: bool = False,
        ice: bool = False,
        climb: bool = False,
        opaque: bool = False,
        kin: str | None = None,
    ) -> None:
        mine = self._told("expect", port)
        mine.rtcp_keys = None if mux else mine.rtcp_keys
        mine.expected = {"rtp": rtp, "rtcp": rtcp, "mux": mux, "latch": latch, "formats": tuple(formats), "raw": raw}
        mine.expected |= {"ice": ice, "climb": climb, "levels": levels, "opaque": opaque, "kin": kin}

    def approve(self, port: Port, address: HostPort, *, rtcp: bool = False, send: bool = True) -> None:
        mine = self._told("approve", port)
        if rtcp:
            mine.rtcp_approved.add(address)
            mine.rtcp_sends_to = address if send else mine.rtcp_sends_to
        else:
            mine.approved.add(address)
            mine.sends_to = address if send else mine.sends_to

    def revoke(self, port: Port, address: HostPort, *, rtcp: bool = False) -> None:
        mine = self._told("revoke", port)
        if rtcp:
            mine.rtcp_approved.discard(address)
            mine.rtcp_sends_to = None if mine.rtcp_sends_to == address else mine.rtcp_sends_to
        else:
            mine.approved.discard(address)
            mine.sends_to = None if mine.sends_to == address else mine.sends_to

    def send(self, port: Port, data: bytes, address: HostPort, *, rtcp: bool = False) -> None:
        mine = self._told("send", port)
        (mine.rtcp_datagrams if rtcp else mine.datagrams).append((data, address))

    def checks(self, port: Port, names: list[tuple[str, str]]) -> None:
        self._told("checks", port).ufrags = [ufrag for ufrag, _ in names]

    def secure(
        self,
        port: Port,
        suite: str,
        ours: tuple[bytes, bytes],
        theirs: tuple[bytes, bytes],
        *,
        rtcp: bool = False,
        mki: bytes = b"",
    ) -> None:
        mine, keys = self._told("secure", port), (suite, ours, theirs)
        if rtcp:
            mine.rtcp_keys = keys
        else:
            mine.keys, mine.mki = keys, mki

    def shut(self, port: Port) -> None:
        self._told("shut", port).keys = None

    def unsecure(self, port: Port) -> None:
        self._told("unsecure", port).keys = None

    def route(self, source: Port, target: Port | None) -> None:
        mine = self._told("route", source)
        mine.target, mine.plays = None if target is None else self.ports[target.id], ""

    def transcode(
        self,
        source: Port,
        heard: Sequence[tuple[int, int, str, tuple[int, int] | None]],
        payload_type: int,
        codec: str,
        *,
        packet_ms: int = 20,
        bitrate: int = 0,
        fec: bool = False,
        dtx: bool = False,
        constant: bool = False,
        playback_rate: int = 0,
        ssrc: int | None = None,
        extension: int = 0,
        mid: str = "",
    ) -> None:
        wishes = {"bitrate": bitrate, "fec": fec, "dtx": dtx, "constant": constant, "playback_rate": playback_rate}
        marks = (ssrc, extension, mid)
        self._told("transcode", source).converts = (tuple(heard), payload_type, codec, packet_ms, wishes, marks)

    def untranscode(self, source: Port) -> None:
        self._told("untranscode", source).converts = None

    def tee(self, source: Port, recording: Recording | None) -> None:
        self._told("tee", source).recording = recording

    def reflect(self, port: Port) -> None:
        self._told("reflect", port).plays = "echo"

    def tone(self, port: Port, payload_type: int, codec: str) -> None:
        self._told("tone", port).plays = f"{payload_type} {codec}"

    def quiet(self, port: Port) -> None:
        self._told("quiet", port).plays = ""

    def announce(
        self,
        port: Port,
        clip: Clip | None,
        formats: Sequence[tuple[int, str]],
        *,
        events: Sequence[int] = (),
        bitrate: int = 0,
        fec: bool = False,
        dtx: bool = False,
        constant: bool = False,
        playback_rate: int = 0,
        ssrc: int | None = None,
        extension: int = 0,
        mid: str = "",
    ) -> None:
        mine = self._told("announce", port)
        mine.clip, mine.speaks = clip or mine.clip, tuple(formats)

    def watch(self, port: Port, timeout_s: float | None) -> None:
        self._told("watch", port).timeout_s = timeout_s

    def save(self, ports: Sequence[Port], *, last: bool = False) -> bytes:
        mine = [self._told("save", port) for port in ports]
        return msgspec.msgpack.encode(_Saved(_VERSION, [_state(port, mine) for port in mine]))

    def adopt(
        self, state: bytes, *, heir: int = 1, hosts: Sequence[str] = (), low: int = 0, high: int = 0
    ) -> list[Port]:
        saved = _read(state)
        if not 1 <= heir <= HEIRS:
            raise ValueError(f"heirs are numbered from 1 to {HEIRS}")
        if hosts:
            saved = self._elsewhere(saved, hosts, low, high)
        taken = {(port.host, port.rtp) for port in self.open_ports}
        for kept in saved:
            pair = f"{kept.host}:{kept.rtp}"
            if kept.host in self.absent:
                raise Unavailable("media-address", f"{pair}: the address has not come to this host", kept.host)
            if (kept.host, kept.rtp) in taken:
                raise Unavailable("media-ports", f"{pair}: another has this port", kept.host)
        ports = [self._resumed(kept) for kept in saved]
        for port, kept in zip(ports, saved, strict=True):
            port.target = None if kept.target is None else ports[kept.target]
            port.carrier = None if kept.carrier is None else ports[kept.carrier]
        return list(ports)

    def _elsewhere(self, saved: list[_SavedPort], hosts: Sequence[str], low: int, high: int) -> list[_SavedPort]:
        if [":" in host for host in hosts] != [":" in kept.host for kept in saved]:
            raise ValueError("each port needs an address of the family that it had")
        found: list[_SavedPort] = []
        taken = {(port.host, port.rtp) for port in self.open_ports}
        for kept, host in zip(saved, hosts, strict=True):
            if kept.carrier is not None:
                rtp = found[kept.carrier].rtp
            else:
                rtp = next((port for port in range(low + low % 2, high, 2) if (host, port) not in taken), 0)
            if not rtp:
                raise Unavailable("media-ports", f"no media port is free in {low}-{high}; widen the range", host)
            taken.add((host, rtp))
            found.append(msgspec.structs.replace(kept, host=host, rtp=rtp))
        return found

    def _resumed(self, kept: _SavedPort) -> MemoryPort:
        self._opened += 1
        port = self.ports[self._opened] = MemoryPort(self._opened, kept.host, kept.rtp)
        for one in fields(MemoryPort):
            if one.name in kept.told:
                setattr(port, one.name, _as(getattr(port, one.name), kept.told[one.name]))
        self.told.append(("adopt", port.id))
        return port

    def totals(self, port: Port) -> MemoryPort:
        return self.ports[port.id]

    def close(self, port: Port) -> MemoryPort:
        mine = self._told("close", port)
        mine.closed = True
        for other in self.ports.values():
            if other.target is mine:
                other.target = None
        return mine

    def hear(self, port: MemoryPort, now: float, packets: int = 1) -> EngineEvent | None:
        """Packets of the peer arrive; gives the event of the first."""
        first = port.heard_packets == 0
        port.heard_packets += packets
        port.last_heard = now
        if port.target is not None:
            port.target.sent_packets += packets
        source = port.expected.get("rtp")
        return FirstHeard(port.id, now, Address(*source)) if first and isinstance(source, tuple) else None

    def play_out(self, port: MemoryPort, now: float) -> EngineEvent:
        """What is announced to the peer comes to its end."""
        clip, port.clip = port.clip, None
        return Played(port.id, now, 0.0 if clip is None else clip.seconds)

    def fall_silent(self, port: MemoryPort, now: float) -> EngineEvent:
        """The watch of this port fires."""
        return TimedOut(port.id, now, port.timeout_s or 0.0)

    def _told(self, verb: str, port: Port) -> MemoryPort:
        mine = self.ports[port.id]
        if mine.closed:
            raise KeyError(port.id)
        self.told.append((verb, port.id))
        return mine


def _state(port: MemoryPort, places: list[MemoryPort]) -> _SavedPort:
    def place(other: MemoryPort | None) -> int | None:
        if other is None or other.closed:
            return None
        if other not in places:
            raise ValueError("a port leads to, or shares its transport with, one that is not saved with it")
        return places.index(other)

    told = {one.name: getattr(port, one.name) for one in fields(port) if one.name not in _APART}
    return _SavedPort(port.host, port.rtp, told, place(port.target), place(port.carrier))


def _read(state: bytes) -> list[_SavedPort]:
    try:
        saved = msgspec.msgpack.decode(state, type=_Saved)
    except msgspec.MsgspecError as error:
        raise ValueError(f"this is no state of ports: {error}") from None
    if saved.version > _VERSION:
        raise ValueError(
            f"the state of these ports is of version {saved.version}; {_VERSION} is the newest known here"
        )
    places = range(len(saved.ports))
    if any(place is not None and place not in places for one in saved.ports for place in (one.target, one.carrier)):
        raise ValueError("this is no state of ports: a place in it is none")
    return saved.ports


def _as(before: object, value: object) -> object:
    """A value that was read, of the kind that stands there: what is read has lists only."""
    if isinstance(value, dict):
        return {name: _as(None, one) for name, one in value.items()}
    if not isinstance(value, list):
        return value
    inner = [_as(None, one) for one in value]
    if isinstance(before, set):
        return set(inner)
    return inner if isinstance(before, list) else tuple(inner)


# mypy holds it to them
_contracts: tuple[type[Engine], type[Leases], type[SecureEngine]] = (MemoryEngine, MemoryEngine, MemoryEngine)

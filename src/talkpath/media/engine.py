"""What the media machine asks of the engine that moves packets, and what the engine tells.

`Engine` is a Protocol: the native relay is the real one, `memory` one without sockets. Every method returns at once.
The meaning of each is told in full at `talkpath._native.Relay`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from talkpath.base.address import Address

HostPort = tuple[str, int]


class Port(Protocol):
    """A leased pair of local UDP ports towards one peer."""

    @property
    def id(self) -> int: ...
    @property
    def host(self) -> str: ...
    @property
    def rtp(self) -> int: ...
    @property
    def rtcp(self) -> int: ...


class Recording(Protocol):
    """A file to which packets are copied."""

    @property
    def packets(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


class Clip(Protocol):
    """A sound that the engine can play."""

    @property
    def seconds(self) -> float: ...


class Totals(Protocol):
    """What passed through one port: *heard* is from its peer, *sent* is to its peer."""

    @property
    def heard_packets(self) -> int: ...
    @property
    def heard_bytes(self) -> int: ...
    @property
    def heard_rtcp(self) -> int: ...
    @property
    def sent_packets(self) -> int: ...
    @property
    def sent_bytes(self) -> int: ...
    @property
    def sent_rtcp(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def strangers(self) -> int: ...
    @property
    def unauthentic(self) -> int: ...
    @property
    def replayed(self) -> int: ...
    @property
    def last_heard(self) -> float | None: ...
    @property
    def forgiven(self) -> int: ...
    @property
    def dropped(self) -> Sequence[tuple[str, int, int]]: ...


#: Processes that may go on from one saved state, one after the other (`relay/ahead.rs`).
HEIRS: Final = 3


class Engine(Protocol):
    """What can be asked of the engine about a port, the same for every call."""

    def identify(
        self, port: Port, mid: str, *, extension: int = 0, ssrcs: Sequence[int] = ..., stamp: bool = False
    ) -> None: ...
    def renumber(self, port: Port, pairs: Sequence[tuple[int, int]]) -> None: ...
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
    ) -> None: ...
    def route(self, source: Port, target: Port | None) -> None: ...
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
    ) -> None: ...
    def untranscode(self, source: Port) -> None: ...
    def tee(self, source: Port, recording: Recording | None) -> None: ...
    def reflect(self, port: Port) -> None: ...
    def tone(self, port: Port, payload_type: int, codec: str) -> None: ...
    def quiet(self, port: Port) -> None: ...
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
    ) -> None: ...
    def watch(self, port: Port, timeout_s: float | None) -> None: ...
    def totals(self, port: Port) -> Totals: ...


class Leases(Protocol):
    """The ports of one call: who leases one has its events.

    `open`, `share` and `adopt` raise `Unavailable` when there is no room, `save` and `adopt` ValueError.
    """

    @property
    def engine(self) -> Engine: ...
    def open(self, address: str, low: int, high: int) -> Port: ...
    def share(self, port: Port) -> Port: ...
    def save(self, ports: Sequence[Port], *, last: bool = False) -> bytes: ...
    def adopt(
        self, state: bytes, *, heir: int = 1, hosts: Sequence[str] = (), low: int = 0, high: int = 0
    ) -> list[Port]: ...
    def close(self, port: Port) -> Totals: ...


class SecureEngine(Protocol):
    """The further verbs for ports towards WebRTC; they are about ports that an `Engine` opened."""

    def approve(self, port: Port, address: HostPort, *, rtcp: bool = False, send: bool = True) -> None: ...
    def revoke(self, port: Port, address: HostPort, *, rtcp: bool = False) -> None: ...
    def send(self, port: Port, data: bytes, address: HostPort, *, rtcp: bool = False) -> None: ...
    def checks(self, port: Port, names: list[tuple[str, str]]) -> None: ...
    def secure(
        self,
        port: Port,
        suite: str,
        ours: tuple[bytes, bytes],
        theirs: tuple[bytes, bytes],
        *,
        rtcp: bool = False,
        mki: bytes = b"",
    ) -> None: ...
    def shut(self, port: Port) -> None: ...
    def unsecure(self, port: Port) -> None: ...


class PeerEngine(SecureEngine, Protocol):
    """The engine as the transport of one peer uses it."""

    def expect(self, port: Port, *, rtp: HostPort | None, mux: bool = False, ice: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class FirstHeard:
    """The first packet of a port's peer since its address was expected."""

    port: int
    at: float
    source: Address


@dataclass(frozen=True, slots=True)
class Latched:
    """A peer behind a NAT was found at `source`; `rebound` when another address had been latched before."""

    port: int
    at: float
    source: Address
    rtcp: bool = False
    rebound: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nothing was heard from the port's peer for as long as `watch` asked."""

    port: int
    at: float
    silent_s: float


@dataclass(frozen=True, slots=True)
class Advanced:
    """What was saved of the port is as old as it may be: save the ports of its call again."""

    port: int
    at: float


@dataclass(frozen=True, slots=True)
class Climbed:
    """A STUN or DTLS packet that came to the port."""

    port: int
    at: float
    source: Address
    data: bytes
    rtcp: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The peer is heard from `source`, because nothing came from where it said; what we send still goes there."""

    port: int
    at: float
    source: Address


@dataclass(frozen=True, slots=True)
class Received:
    """What the peer's RTCP says of what we send it: it comes, or nothing came of so many packets."""

    port: int
    at: float
    unheard_packets: int


@dataclass(frozen=True, slots=True)
class Played:
    """What was announced to the port's peer has been, for so long."""

    port: int
    at: float
    seconds: float


EngineEvent = FirstHeard | Latched | Elsewhere | Received | TimedOut | Played | Advanced | Climbed

"""All calls' media on one native relay: opens their sessions, and brings each the events and seconds of its ports."""

from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from talkpath import _native
from talkpath.base.address import Address
from talkpath.base.errors import Unavailable
from talkpath.media.engine import EngineEvent, FirstHeard, HostPort, Latched, Port, TimedOut, Totals
from talkpath.media.policy import MediaPolicy
from talkpath.media.session import MediaSession

Owner = TypeVar("Owner")


class CallEngine(Generic[Owner]):
    """The relay as one call uses it (`Engine`). It remembers whose port is whose."""

    __slots__ = ("_board", "_relay", "owner", "session")

    def __init__(self, relay: _native.Relay, board: "dict[int, CallEngine[Owner]]", owner: Owner) -> None:
        self._relay = relay
        self._board = board
        self.owner = owner
        self.session: MediaSession | None = None

    def open(self, address: str, low: int, high: int) -> Port:
        try:
            port = self._relay.open(address, low, high)
        except OSError as error:
            reason = f"no media port can be leased in {low}-{high} ({error}); widen the range or add an address"
            raise Unavailable("media-ports", reason, address) from error
        self._board[port.id] = self
        return port

    def expect(
        self,
        port: Port,
        *,
        rtp: HostPort | None,
        rtcp: HostPort | None = None,
        mux: bool = False,
        latch: str | None = None,
        formats: Sequence[tuple[int, int, str]] = (),
        raw: bool = False,
    ) -> None:
        self._relay.expect(_own(port), rtp=rtp, rtcp=rtcp, mux=mux, latch=latch, formats=formats, raw=raw)

    def route(self, source: Port, target: Port | None) -> None:
        self._relay.route(_own(source), None if target is None else _own(target))

    def reflect(self, port: Port) -> None:
        self._relay.reflect(_own(port))

    def tone(self, port: Port, payload_type: int, codec: str) -> None:
        self._relay.tone(_own(port), payload_type, codec)

    def quiet(self, port: Port) -> None:
        self._relay.quiet(_own(port))

    def watch(self, port: Port, timeout_s: float | None) -> None:
        self._relay.watch(_own(port), timeout_s)

    def totals(self, port: Port) -> Totals:
        return self._relay.totals(_own(port))

    def close(self, port: Port) -> Totals:
        self._board.pop(port.id, None)
        return self._relay.close(_own(port))


class HeardSecond(NamedTuple, Generic[Owner]):
    """A second of RTP that was metered: whose call, from which peer to which address of ours, and what it counts."""

    owner: Owner
    source: Address
    destination: Address
    second: _native.Second


class Switchboard(Generic[Owner]):
    """The sessions of one relay. An owner is whatever the caller of `open` knows its call by."""

    def __init__(self, relay: _native.Relay, policy: MediaPolicy) -> None:
        self._relay = relay
        self._policy = policy
        self._board: dict[int, CallEngine[Owner]] = {}

    def open(self, owner: Owner) -> MediaSession:
        """The media of a new call."""
        engine = CallEngine(self._relay, self._board, owner)
        engine.session = MediaSession(engine, self._policy)
        return engine.session

    def fileno(self) -> int:
        """A descriptor that is readable while `receive` has something to do."""
        return self._relay.fileno()

    def receive(self, now: float) -> list[Owner]:
        """Hand out what happened on the ports since the last call; gives the calls concerned, each once."""
        concerned: dict[int, Owner] = {}
        for event in self._relay.events():
            engine = self._board.get(event.port)
            told = _told(event)
            if engine is not None and engine.session is not None and told is not None:
                engine.session.receive(told, now)
                concerned[id(engine)] = engine.owner
        return list(concerned.values())

    def seconds(self) -> Iterator[HeardSecond[Owner]]:
        """The metered seconds since the last call. Those of ports given back meanwhile are left out."""
        for second in self._relay.meters():
            engine = self._board.get(second.port)
            if engine is not None and engine.session is not None:
                way = engine.session.way(second.port)
                if way is not None:
                    yield HeardSecond(engine.owner, *way, second)


def _own(port: Port) -> _native.Port:
    assert isinstance(port, _native.Port), "a port of another engine"
    return port


def _told(event: object) -> EngineEvent | None:
    """A native event in this room's words; None for what is not for a session."""
    match event:
        case _native.FirstHeard():
            return FirstHeard(event.port, event.at, Address(*event.source))
        case _native.Latched():
            return Latched(event.port, event.at, Address(*event.source), event.rtcp, event.rebound)
        case _native.TimedOut():
            return TimedOut(event.port, event.at, event.silent_s)
        case _:
            return None

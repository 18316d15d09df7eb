"""Media of calls in memory: who speaks, who hears whom, and silence that ends a call.

No packet moves. Once a second every party that speaks is heard on the port that faces it, as the relay would tell.
"""

from collections.abc import Callable
from typing import Protocol

from talkpath.base.address import Address
from talkpath.edge.call import RunningCall
from talkpath.media.memory import MemoryEngine, MemoryPort

# The first packets come when somebody picks up, then a second's worth each second.
_FIRST_S = 0.02
_PAUSE_S = 1.0
_PACKETS_A_SECOND = 50


class Speaker(Protocol):
    """One end of a call."""

    @property
    def speaks(self) -> bool:
        """Whether it sends media now."""


class Sound:
    """See the module. `heard(call)` is told of a call whose media machine learned something."""

    def __init__(
        self,
        engine: MemoryEngine,
        calls: Callable[[], list[RunningCall]],
        heard: Callable[[RunningCall], None],
        now: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._engine = engine
        self._calls = calls
        self._heard = heard
        self._now = now
        self._later = later
        self._is_ticking = False
        self._speakers: dict[Address, Speaker] = {}
        #: since when a port is watched, and for how long it may be silent
        self._watched: dict[int, tuple[float, float]] = {}

    def joins(self, at: Address, speaker: Speaker) -> None:
        """Somebody sends and takes media at an address."""
        self._speakers[at] = speaker
        self._later(_FIRST_S, self._listen_to_all)

    def hears(self, at: Address) -> bool:
        """Whether what somebody says, or a service plays, comes to that address now."""
        return any(self._is_fed(port) for port in self._engine.open_ports if _peer(port) == at)

    def begin(self) -> None:
        """There may be a call with media now."""
        if not self._is_ticking and self._calls():
            self._is_ticking = True
            self._later(_PAUSE_S, self._tick)

    def _is_fed(self, port: MemoryPort) -> bool:
        sources = (one for one in self._engine.open_ports if one.target is port)
        return bool(port.plays) or any(self._speaks(source) for source in sources)

    def _speaks(self, port: MemoryPort) -> bool:
        peer = _peer(port)
        speaker = self._speakers.get(peer) if peer is not None else None
        return speaker is not None and speaker.speaks

    def _tick(self) -> None:
        self._is_ticking = False
        self._listen_to_all()
        self.begin()

    def _listen_to_all(self) -> None:
        for call in self._calls():
            if self._listen(call):
                self._heard(call)

    def _listen(self, call: RunningCall) -> bool:
        """What the ports of a call hear; whether that was worth telling."""
        media, now, is_news = call.media, self._now(), False
        if media is None:
            return False
        for number, _ in media.ports:
            port = self._engine.ports[number]
            if self._speaks(port):
                event = self._engine.hear(port, now, _PACKETS_A_SECOND)
            else:
                event = self._engine.fall_silent(port, now) if self._is_overdue(port, now) else None
            if event is not None:
                is_news = True
                media.receive(event, now)
        return is_news

    def _is_overdue(self, port: MemoryPort, now: float) -> bool:
        """Whether a watched port has been silent for as long as it is told to bear."""
        if port.timeout_s is None:
            self._watched.pop(port.id, None)
            return False
        since, timeout_s = self._watched.get(port.id, (now, port.timeout_s))
        if timeout_s != port.timeout_s:
            since = now
        self._watched[port.id] = (since, port.timeout_s)
        if now - max(since, port.last_heard or since) < port.timeout_s:
            return False
        self._watched[port.id] = (now, port.timeout_s)
        return True


def _peer(port: MemoryPort) -> Address | None:
    source = port.expected.get("rtp")
    return Address(*source) if isinstance(source, tuple) else None

"""Media of calls in memory: who speaks, who hears whom, and silence that ends a call.

No packet of media moves: once a second every party that speaks is heard on the port that faces it, as the relay would
tell. STUN and DTLS of browsers do move, for their machines are real on both sides.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from talkpath.base.address import Address
from talkpath.edge.calls.call import RunningCall
from talkpath.media.engine import Climbed, EngineEvent, FirstHeard
from talkpath.media.memory import MemoryEngine, MemoryPort
from talkpath.testing.clock import Clock

# The first packets come when somebody picks up, then a second's worth each second.
_FIRST_S = 0.02
_PAUSE_S = 1.0
_PACKETS_A_SECOND = 50


class Speaker(Protocol):
    """One end of a call."""

    @property
    def speaks(self) -> bool:
        """Whether it sends media now that can be read."""

    def takes_media(self, data: bytes, source: Address) -> None:
        """STUN or DTLS for it."""


class Sound:
    """See the module. `heard(call)` is told of a call whose media machine learned something."""

    def __init__(
        self,
        engine: MemoryEngine,
        calls: Callable[[], list[RunningCall]],
        heard: Callable[[RunningCall], None],
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._engine = engine
        self._calls = calls
        self._heard = heard
        self._clock = clock
        self._loop = loop
        self._due_at = float("inf")
        self._is_ticking = False
        self._speakers: dict[Address, Speaker] = {}
        #: since when a port is watched, and for how long it may be silent
        self._watched: dict[int, tuple[float, float]] = {}

    def faces(self, at: Address, speaker: Speaker) -> None:
        """Somebody takes media at an address."""
        self._speakers[at] = speaker

    def joins(self) -> None:
        """Somebody begins to speak."""
        self._loop.call_later(_FIRST_S, self._listen_to_all)

    def hears(self, at: Address) -> bool:
        """Whether what somebody says, or a service plays, comes to that address now."""
        ports = (port for port in self._engine.open_ports if _peer(port) == at and _is_readable(port))
        return any(self._is_fed(port) for port in ports)

    def begin(self) -> None:
        """There may be a call with media now."""
        if not self._is_ticking and self._calls():
            self._is_ticking = True
            self._loop.call_later(_PAUSE_S, self._tick)

    def takes(self, data: bytes, source: Address, to: Address) -> None:
        """STUN or DTLS of a browser comes to a port of ours."""
        for call in self._calls():
            for number, _ in call.media.ports if call.media is not None else ():
                port = self._engine.ports[number]
                if (port.host, port.rtp) == to and port.carrier is None and call.media is not None:
                    call.media.receive(Climbed(number, self._clock.now(), source, data), self._clock.now())
                    self._heard(call)
                    return

    def pump(self) -> None:
        """Send what the media machines want sent, and wake them at their deadline."""
        for port in self._engine.open_ports:
            sent, port.datagrams = port.datagrams, []
            for data, to in sent:
                speaker = self._speakers.get(Address(*to))
                if speaker is not None:
                    speaker.takes_media(data, Address(port.host, port.rtp))
        deadlines = (call.media.deadline() for call in self._calls() if call.media is not None)
        soonest = min((one for one in deadlines if one is not None), default=None)
        if soonest is not None and soonest < self._due_at:
            self._due_at = soonest
            self._loop.call_at(self._clock.until(soonest), self._due, soonest)

    def _due(self, when: float) -> None:
        if self._due_at == when:
            self._due_at = float("inf")
        now = self._clock.reach(when)
        for call in self._calls():
            if call.media is not None and (deadline := call.media.deadline()) is not None and deadline <= now:
                call.media.expire(now)
                self._heard(call)

    def _is_fed(self, port: MemoryPort) -> bool:
        sources = (one for one in self._engine.open_ports if one.target is port)
        return bool(port.plays) or any(self._speaks(source) for source in sources)

    def _speaks(self, port: MemoryPort) -> bool:
        peer = _peer(port)
        speaker = self._speakers.get(peer) if peer is not None else None
        return speaker is not None and speaker.speaks and _is_readable(port)

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
        media, now, is_news = call.media, self._clock.now(), False
        if media is None:
            return False
        for number, _ in media.ports:
            port = self._engine.ports[number]
            if self._speaks(port):
                event = self._hear(port, now)
            else:
                event = self._engine.fall_silent(port, now) if self._is_overdue(port, now) else None
            if event is not None:
                is_news = True
                media.receive(event, now)
        return is_news

    def _hear(self, port: MemoryPort, now: float) -> EngineEvent | None:
        peer, is_first = _peer(port), port.heard_packets == 0
        event = self._engine.hear(port, now, _PACKETS_A_SECOND)
        return FirstHeard(port.id, now, peer) if is_first and peer is not None else event

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
    """Who speaks to a port and is spoken to from it."""
    transport = port.carrier or port
    source = transport.sends_to if port.expected.get("ice") else port.expected.get("rtp")
    return Address(*source) if isinstance(source, tuple) else None


def _is_readable(port: MemoryPort) -> bool:
    """Whether what comes there is plain, or we have its keys."""
    return not port.expected.get("ice") or (port.carrier or port).keys is not None

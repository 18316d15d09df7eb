"""A call between a caller and its branches, in memory."""

import os

from talkpath.media import (
    Exchange,
    LegId,
    MediaAddress,
    MediaDied,
    MediaMoment,
    MediaPolicy,
    MediaSession,
    Origin,
    Security,
)
from talkpath.media.memory import MemoryEngine, MemoryPort
from talkpath.media.record import Unsaid, decoded, encoded
from talkpath.sdp import SessionDescription
from talkpath.secure.identity import Identity

V4 = MediaAddress("10.9.9.9", "203.0.113.1")
V6 = MediaAddress("2001:db8::9", "2001:db8::9")


def sdp(host: str, *sections: str, lines: str = "") -> bytes:
    """A small description: `sections` are m= values with their attribute lines."""
    family = "IP6" if ":" in host else "IP4"
    head = f"v=0\no=- 1 1 IN {family} {host}\ns=-\nc=IN {family} {host}\nt=0 0\n{lines}"
    return (head + "".join(f"m={section.strip()}\n" for section in sections)).replace("\n", "\r\n").encode()


# Descriptions are compared byte by byte: nothing is added to them.
AS_THEY_ARE = MediaPolicy(transcoding=())


class Call:
    """A session under test with the SIP messages around it left out.

    Where it is `handed_over`, another session goes on after each step, from what the one before said of itself.
    """

    handed_over = False

    def __init__(self, policy: MediaPolicy = AS_THEY_ARE, identity: Identity | None = None) -> None:
        self.engine = MemoryEngine()
        security = None if identity is None else Security(self.engine, identity, os.urandom)
        self.policy, self.security = policy, security
        self.session = MediaSession(self.engine, policy, security)
        self.origins = {0: Origin("192.0.2.10", False, (V4, V6))}
        self.moments: list[MediaMoment] = []
        self.deaths: list[MediaDied] = []
        self.now = 1000.0

    def say(self, leg: int, to: int, exchange: Exchange, body: bytes) -> SessionDescription:
        """A description travels; gives what the other side reads."""
        sent = self.session.carry(
            body,
            frm=LegId(leg),
            to=LegId(to),
            exchange=exchange,
            origin=self.origin(leg),
            target=self.origin(to),
            now=self.now,
        )
        self.drain()
        return SessionDescription.parse(sent)

    def offer(self, body: bytes, branch: int = 1, cseq: int = 1, method: str = "INVITE") -> SessionDescription:
        return self.say(0, branch, Exchange(method, cseq), body)

    def answer(
        self, body: bytes, branch: int = 1, cseq: int = 1, status: int = 200, method: str = "INVITE"
    ) -> SessionDescription:
        return self.say(branch, 0, Exchange(method, cseq, status), body)

    def origin(self, leg: int) -> Origin:
        """Who stands there: the party of `origins`, else one on an address of its own."""
        return self.origins.get(leg, Origin(f"192.0.2.{20 + leg}", False, (V4, V6)))

    def chosen(self, branch: int = 1) -> None:
        self.session.chosen(LegId(branch), self.now)
        self.drain()

    def rejected(self, branch: int = 1, cseq: int = 1) -> None:
        """The branch refuses a request of the caller that carried an offer."""
        exchange = Exchange("INVITE", cseq)
        self.session.rejected(frm=LegId(branch), to=LegId(0), exchange=exchange, now=self.now)
        self.drain()

    def released(self, branch: int) -> None:
        self.session.released(LegId(branch), self.now)
        self.drain()

    def hear(self, port: MemoryPort, packets: int = 1) -> None:
        event = self.engine.hear(port, self.now, packets)
        if event is not None:
            self.session.receive(event, self.now)
        self.drain()

    def fall_silent(self, port: MemoryPort) -> None:
        self.session.receive(self.engine.fall_silent(port, self.now), self.now)
        self.drain()

    def port(self, leg: int, section: int = 0) -> MemoryPort:
        """Our port that faces this leg."""
        for number, anchor in self.session.ports:
            if anchor.leg.id == LegId(leg) and anchor.index == section:
                return self.engine.ports[number]
        raise AssertionError(f"no port faces leg {leg} section {section}")

    def kinds(self) -> list[str]:
        return [moment.kind for moment in self.moments]

    def drain(self) -> None:
        for output in self.session.drain():
            if isinstance(output, MediaDied):
                self.deaths.append(output)
            else:
                self.moments.append(output)
        if self.handed_over:
            self.hand_over()

    def hand_over(self) -> bool:
        """Let another session go on, if the call can be said as data at this moment."""
        saved = self.session.save()
        if isinstance(saved, Unsaid) or any(port.recording for port in self.engine.open_ports):
            return False  # who goes on with a recording begins another
        told, record = list(self.engine.told), decoded(encoded(saved))
        ports = [self.engine.ports[number] for number, _ in self.session.ports]
        heir = MediaSession.resumed(record, ports, self.engine, self.policy, self.security, self.now)
        assert self.engine.told == told, "the engine knows already"
        assert heir.save() == record
        assert [anchor.leg.sections for _, anchor in heir.ports] == [
            anchor.leg.sections for _, anchor in self.session.ports
        ]
        for (_, anchor), (_, before) in zip(heir.ports, self.session.ports, strict=True):
            assert anchor.hears in (None, before.hears)
        self.session = heir
        return True

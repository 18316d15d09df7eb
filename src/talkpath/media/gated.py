"""DTLS-SRTP without ICE, as desk phones and gateways speak it.

Only the signalled address (or, behind a NAT, the host it signals from) may shake hands, and must return a cookie
first; where media goes is for the relay's latch, which believes nothing that is not authentic. Without rtcp-mux the
RTCP port has an association of its own (RFC 5764 section 4.1).
"""

from dataclasses import replace

from talkpath.base.address import Address
from talkpath.base.octets import raw, text
from talkpath.base.timers import earliest
from talkpath.media.announced import Announced
from talkpath.media.engine import Climbed, Port
from talkpath.media.keying import Keying, Security
from talkpath.media.record import GatedRecord
from talkpath.media.standing import Standing
from talkpath.media.telling import Telling
from talkpath.sdp import MediaSection


class GatedTransport:
    """Towards one peer on one of our port pairs, which is to be `open`ed."""

    uses_ice = False
    uses_dtls = True
    # Consent is of ICE.
    lost_at: float | None = None
    is_gone = False

    def __init__(self, standing: Standing, port: Port, local: Address, security: Security, note: Telling) -> None:
        security = replace(security, engine=standing)
        self.standing = standing
        self._port = port
        self._local = local
        self._security = security
        self._note = note
        self._rtp = Keying(port, security, note, cookie=True)
        self._rtcp = Keying(port, security, note, cookie=True, rtcp=True)
        self.protocol = "UDP/TLS/RTP/SAVP"
        self._named: Address | None = None
        #: RTCP goes with RTP: the peer offered it, or took it up
        self.mux = False

    def save(self) -> GatedRecord:
        """As data."""
        rtp, rtcp = self._rtp.save(), self._rtcp.save()
        return GatedRecord(self.standing.save(), self._local, rtp, rtcp, raw(self.protocol), self.mux, self._named)

    @classmethod
    def resumed(
        cls, record: GatedRecord, standing: Standing, port: Port, security: Security, note: Telling
    ) -> "GatedTransport":
        """The same again, of which the engine knows already."""
        made = cls(standing, port, record.local, security, note)
        made._rtp.resume(record.rtp)
        made._rtcp.resume(record.rtcp)
        made.protocol, made.mux, made._named = text(record.protocol), record.mux, record.named
        return made

    def open(self) -> None:
        """Let nothing pass before there are keys."""
        self._security.engine.shut(self._port)

    def another(self, standing: Standing, note: Telling) -> "GatedTransport":
        """For somebody else who answers the same offer on this port."""
        made = GatedTransport(standing, self._port, self._local, self._security, note)
        made.open()
        return made

    @property
    def is_busy(self) -> bool:
        """Whether somebody shakes hands."""
        return self._rtp.is_busy or self._rtcp.is_busy

    def is_of_peer(self, event: Climbed) -> bool:
        """Whether a packet that climbed comes from the peer."""
        return event.source == self._named

    @property
    def announces_mux(self) -> bool:
        """Whether our description says rtcp-mux."""
        return self.mux

    def rename(self, host: str, now: float) -> None:
        """The peer moved, and knows our port by another address."""
        self._local = Address(host, self._local.port)

    def learn(self, theirs: Announced, now: float) -> None:
        """The peer's description came, first or again."""
        web = theirs.web
        assert web is not None, "a section without DTLS goes plain instead"
        has_parted = self.mux and not theirs.mux
        self.protocol, self.mux = theirs.protocol, theirs.mux
        for keying in (self._rtp, self._rtcp):
            keying.learn(web.fingerprints, web.tls_id, web.setup, now)
        # The address again is no news: behind a NAT the peer was found elsewhere meanwhile.
        if theirs.rtp is None or theirs.rtp.is_ipv6 != self._local.is_ipv6:
            return
        has_moved, self._named = theirs.rtp != self._named, theirs.rtp
        if has_moved:
            self._rtp.selected(theirs.rtp, now)
        if not theirs.mux and (has_moved or has_parted):
            self._rtcp.selected(theirs.rtcp or Address(theirs.rtp.host, theirs.rtp.port + 1), now)

    def write(self, section: MediaSection, *, answering: bool, again: bool = False) -> None:
        """Put our side of the transport into a section that goes to the peer. The RTCP port has the same role."""
        if answering and self._rtp.active is None:
            self._rtcp.active = False
        self._rtp.write(section, answering=answering)

    def receive(self, event: Climbed, now: float) -> None:
        """A DTLS packet climbed. STUN, which some send to keep a NAT open, says nothing without ICE."""
        if event.data[:1] >= b"\x04":
            (self._rtcp if event.rtcp else self._rtp).receive(event.source, event.data, now)

    def deadline(self) -> float | None:
        if self.standing.is_parked:
            return None
        return earliest((self._rtp.deadline(), self._rtcp.deadline()))

    def expire(self, now: float) -> None:
        """Let every timer that is due fire. Nothing that answers comes through while another is heard."""
        if not self.standing.is_parked:
            self._rtp.expire(now)
            self._rtcp.expire(now)

    @property
    def broken_link(self) -> str | None:
        """The kind of moment that says how far it did not come."""
        return self._rtp.broken_link

    def give_up(self) -> None:
        """The peer turned out to speak plain RTP: the port is as it was before."""
        self._security.engine.unsecure(self._port)

    def close(self, now: float) -> None:
        """Say goodbye to the peer; the port is closed next."""
        self._rtp.close(now)
        self._rtcp.close(now)
        self._note.end(now)

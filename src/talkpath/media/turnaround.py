"""Turning a description around: what a party wrote becomes what the other side is told, by the ports that face it.

Ports are leased on both sides and what is agreed is written down; nothing of it is in force before `Hearing` says so.
"""

from functools import partial

from talkpath.base.errors import Unavailable
from talkpath.base.limits import MEDIA_SECTIONS
from talkpath.media import bundle, moments, page
from talkpath.media.announced import Announced, Reading
from talkpath.media.answer import hold_to, name_profiles, name_sections, point_within
from talkpath.media.crypto import CryptoDesk, disbelieve
from talkpath.media.hearing import Hearing
from talkpath.media.leg import Leg
from talkpath.media.negotiation import Turn
from talkpath.media.policy import CALLER, MediaPolicy, MediaRefused
from talkpath.media.ports import Ports
from talkpath.media.readdress import Facing, name_origin, readdress
from talkpath.media.remarks import note_oddities
from talkpath.media.telling import Noting
from talkpath.media.told import Told
from talkpath.media.transcoding import Bridge, Known, bridge_codecs, is_convertible, is_foreign, widen
from talkpath.media.web import dress_all, reject_data, reject_unproven, undress
from talkpath.sdp import SessionDescription


class Turnaround:
    """That of one call. Without `crypto` nobody's ICE, DTLS or SDES ends here."""

    __slots__ = ("_crypto", "_hearing", "_note", "_policy", "_ports")

    def __init__(
        self, ports: Ports, hearing: Hearing, policy: MediaPolicy, crypto: CryptoDesk | None, note: Noting
    ) -> None:
        self._ports = ports
        self._hearing = hearing
        self._policy = policy
        self._crypto = crypto
        self._note = note

    def turn(self, raw: bytes, speaker: Leg, hearer: Leg, turn: Turn, now: float) -> Told:
        """What becomes of a description. Raises `Malformed`, `MediaRefused` and `Unavailable`."""
        description = SessionDescription.parse(raw)
        is_answer = turn.offer is not None
        if is_answer and _PROOF in raw:
            disbelieve(description, speaker)
        self.listen_to(speaker, raw, description)
        own = page.hear(speaker, description, raw, turn.offer) if self.is_web(speaker) else raw
        to_page = self._crypto is not None and hearer.is_web
        is_mended = turn.offer is not None and hold_to(description, turn.offer)
        if turn.offer is not None:
            if to_page:
                point_within(description, turn.offer.sections)
        elif to_page:
            page.reject_unknown(description, partial(self._note, side=speaker.side), now)
            page.require_common(hearer, description, partial(self._note, side=hearer.side), now)
        for what in reject_data(description) if self.is_web(speaker) or self.is_web(hearer) else ():
            self._note(now, moments.NOT_RELAYED, side=speaker.side, what=what)
        crypto = self._crypto
        is_keyed = crypto is not None and crypto.take_off(
            description, speaker, hearer, self.is_web, is_answer=is_answer
        )
        reading = self._read(description, speaker, now)
        # Of a phone without keys that speaks with a phone nothing was touched, and nothing need be written again.
        ends_here = reading.terminates or self.ends_here(hearer)
        is_touched = is_mended or is_keyed or to_page or ends_here or _KEYS in raw or _PROOF in raw
        read = description.encode() if is_touched else raw
        facing = self._face(reading.announced, speaker, hearer, turn, now)
        if speaker.said != raw:
            note_oddities(self._note, reading, speaker.side, now)
        first = next((anchor for anchor in hearer.anchors if anchor is not None), None)
        host = "" if first is None else first.address.advertised
        readdress(reading, host, facing)
        name_origin(description, host or _host_facing(hearer))
        if ends_here:
            self._convert(reading, host, speaker, hearer, turn, now)
        name_profiles(
            description, hearer.spoken, None if hearer.origin is None else hearer.origin.profile, turn.offer
        )
        bridges = self._share_codecs(own, reading, speaker, hearer, turn.offer)
        if crypto is not None and is_keyed:
            crypto.put_on(description, speaker, hearer, is_answer, now)
        sent = made = description.encode()
        kept = frozenset[int]()
        if to_page:
            note = partial(self._note, side=hearer.side)
            sent, kept = page.speak(hearer, description, turn.offer, note, now)
        by_caller, sections = speaker.id == CALLER, reading.announced
        return Told(by_caller, raw, sent, sections, read, reading.terminates, own, made, bridges, holds_kept=kept)

    def _read(self, description: SessionDescription, speaker: Leg, now: float) -> Reading:
        """Raises `MediaRefused` for DTLS whose certificate could not be checked."""
        terminates = self.ends_here(speaker)
        reading = Reading(description, terminates=terminates)
        unproven = reject_unproven(description, reading.announced)
        for kind in unproven:
            self._note(now, moments.DTLS_UNPROVEN, side=speaker.side, what=kind)
        return Reading(description, terminates=terminates) if unproven else reading

    def _share_codecs(
        self, own: bytes, reading: Reading, speaker: Leg, hearer: Leg, offer: Told | None
    ) -> dict[int, Bridge]:
        """Add to an offer what can be converted; give the sections of an answer in which it has to be."""
        allowed, bridges = self._policy.transcoding, dict[int, Bridge]()
        sections = reading.announced
        for index, section in enumerate(sections if allowed else ()):
            lines = reading.description.media[index]
            if not is_convertible(section):
                continue
            if offer is None:
                others = tuple(one.formats for at, one in enumerate(sections) if at != index and one.live)
                widen(lines, section.formats, Known(hearer.formats(index), others), allowed, for_web=hearer.is_web)
            elif self._bridges(offer, section, speaker, hearer, index):
                wholes = (offer.own, offer.asked, own)
                offered, asked, answered = (SessionDescription.parse(one).media[index] for one in wholes)
                made = bridge_codecs(offered, asked, answered, lines, for_web=hearer.is_web)
                bridges |= {} if made is None else {index: made}
        return bridges

    def _bridges(self, offer: Told, answer: Announced, speaker: Leg, hearer: Leg, index: int) -> bool:
        """Whether an answer makes us join the sides. A browser stays joined: it goes deaf when the source of what it
        hears changes forth and back with who offers."""
        agreed = self._hearing.branch((hearer if speaker.id == CALLER else speaker).id).negotiation.agreed
        is_joined = agreed is not None and index in agreed.answer.bridges and (speaker.is_web or hearer.is_web)
        if offer.is_settled or is_joined:
            return True
        return is_foreign(offer.sections[index].formats, answer.formats, self._policy.transcoding, hearer.is_web)

    def listen_to(self, leg: Leg, raw: bytes, description: SessionDescription) -> None:
        """What a leg speaks is what its last description says; one without live sections says nothing of it."""
        if self._crypto is not None:
            live = [section.is_dtls for section in description.media if section.port and section.is_rtp]
            has_agreed = any(anchor is not None and anchor.has_dtls for anchor in leg.anchors)
            leg.ends_here = any(live) if live else has_agreed
            leg.speaks_ice = b"\na=ice-ufrag:" in raw

    def is_web(self, leg: Leg) -> bool:
        """Whether the leg's DTLS ends here; what comes over a WebSocket is taken to speak it."""
        return self._crypto is not None and (leg.ends_here or leg.wants_dtls)

    def ends_here(self, leg: Leg) -> bool:
        """Whether the leg's ICE or DTLS ends here, or did until its last description."""
        if self._crypto is None:
            return False
        is_agreed = any(anchor is not None and anchor.transport is not None for anchor in leg.anchors)
        return is_agreed or leg.ends_here or leg.wants_dtls or leg.wants_ice

    def _convert(self, reading: Reading, host: str, speaker: Leg, hearer: Leg, turn: Turn, now: float) -> None:
        """Between a party with ICE or DTLS and anybody: they end here on each side."""
        description, offered = reading.description, turn.offer.sections if turn.offer else None
        if self.is_web(speaker):
            undress(description, host, [one.is_under_dtls for one in reading.announced], for_web=hearer.is_web)
        if offered is None and hearer.is_web:
            hearer.its_dialect().name(description)
        elif offered is not None:
            name_sections(description, offered)
            self._share_transports(description, reading.announced, speaker, hearer, offered, now)
        if self.ends_here(hearer):
            dress_all(description, hearer.anchors, host, answering=offered is not None)

    def _share_transports(
        self,
        description: SessionDescription,
        answered: tuple[Announced, ...],
        speaker: Leg,
        hearer: Leg,
        offered: tuple[Announced, ...],
        now: float,
    ) -> None:
        """An answer came: sections come together on the transports agreed, and those learn of their peers."""
        for anchor, carrier in list(bundle.moved_by_answer(speaker, answered)):
            self._ports.move(anchor, carrier, now)
        live = [index for index, section in enumerate(answered) if section.live]
        for leg, sections in ((speaker, answered), (hearer, offered)):
            for index in live:
                self._ports.secure(leg.anchor(index), sections[index], now)
        bundle.learn([(speaker.anchor(index), answered[index]) for index in live], now)
        bundle.learn([(hearer.anchor(index), offered[index]) for index in live], now)
        stamped = bundle.needs_mid(hearer, offered, answered)
        if stamped:
            bundle.accept_mid(description, offered)
        bundle.identify(speaker, answered, stamped=bundle.stamps_for(speaker, answered, offered))
        bundle.identify(hearer, offered, stamped=stamped)

    def _face(
        self, sections: tuple[Announced, ...], speaker: Leg, hearer: Leg, turn: Turn, now: float
    ) -> list[Facing | None]:
        """Our ports towards the hearer for every live section; both sides are leased now, so that ringing is safe."""
        branch = self._hearing.find(speaker.id)
        is_portless = branch is not None and branch.is_portless
        live = sum(section.live for section in sections)
        if live > MEDIA_SECTIONS:
            raise MediaRefused(
                "media-sections", f"{live} streams are more than the {MEDIA_SECTIONS} of a call; offer fewer"
            )
        known = {port for port, _ in self._ports}
        facing: list[Facing | None] = []
        try:
            for index, section in enumerate(sections):
                offer = None if turn.offer is None else turn.offer.sections[index]
                if section.live:
                    if not is_portless:
                        joined = bundle.joined_by_offer(speaker, sections, index)
                        self._ports.lease(speaker, index, section, section.web is not None, joined, now)
                    ends_here = self.ends_here(hearer) and section.is_rtp
                    joined = bundle.joined_by_us(hearer, sections, index) if ends_here else None
                    port = self._ports.lease(hearer, index, offer, ends_here, joined, now).port
                    facing.append(Facing(port.rtp, port.rtcp, None if offer is None else offer.mux))
                else:
                    facing.append(None)
        except Unavailable:
            self._ports.close_others(known, now)
            raise
        return facing


# Those that cannot be used, or that nobody asked for, are taken off.
_KEYS, _PROOF = b"a=crypto:", b"a=fingerprint:"


def _host_facing(leg: Leg) -> str:
    """Our media address for a party that has no port of ours, "" where none is known."""
    media = leg.origin.media if leg.origin is not None else ()
    return media[0].advertised if media else ""

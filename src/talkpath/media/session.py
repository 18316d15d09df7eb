"""One call's media: descriptions are turned around so that it flows through us, and the engine is told how.

A machine without I/O: descriptions and engine events come in with the time, moments and the death of a call go out.
Each `m=` section has one port pair towards the caller and one towards every branch. What was offered changes nothing
until it is answered; what was answered early is taken back when the request is refused after all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from talkpath.base.address import Address
from talkpath.base.errors import Unavailable
from talkpath.base.limits import MEDIA_SECTIONS
from talkpath.ice.consent import LIFETIME_S
from talkpath.media import bundle, moments, page, trickle
from talkpath.media.announced import Announced, Reading
from talkpath.media.answer import hold_to, name_profiles, name_sections, point_within
from talkpath.media.crypto import CryptoDesk, disbelieve
from talkpath.media.described import ANSWER, OFFER, Described, in_force, offered, sent
from talkpath.media.engine import (
    Climbed,
    Elsewhere,
    Engine,
    EngineEvent,
    FirstHeard,
    Latched,
    Received,
    Recording,
    TimedOut,
)
from talkpath.media.hearing import Hearing
from talkpath.media.keying import Security
from talkpath.media.leg import Anchor, Leg, Loudness
from talkpath.media.links import LinkWatch
from talkpath.media.moments import MediaMoment
from talkpath.media.negotiation import Exchange, Role, Told, Turn
from talkpath.media.policy import CALLER, GRACE_S, LegId, MediaPolicy, MediaRefused, Origin
from talkpath.media.ports import Ports, PortTotals
from talkpath.media.readdress import Facing, name_origin, readdress
from talkpath.media.remarks import note_agreement, note_oddities, note_totals
from talkpath.media.service import Leaser, LocalService, Service
from talkpath.media.telling import Notes
from talkpath.media.transcoding import Bridge, Known, bridge_codecs, is_convertible, is_foreign, widen
from talkpath.media.web import dress_all, reject_data, reject_unproven, undress
from talkpath.sdp import SessionDescription


@dataclass(frozen=True, slots=True)
class MediaDied:
    """Media is over for longer than the policy bears: the call is to be ended on both sides.

    `side` is "caller" or "callee", "" where neither sends any more.
    """

    time: float
    reason: str
    side: str
    silent_s: float


class MediaSession:
    """The media of one call. `engine` moves the packets, `policy` is the operator's.

    Without `security` nobody is taken for a browser: what is encrypted passes through from end to end.
    """

    def __init__(self, engine: Engine, policy: MediaPolicy, security: Security | None = None) -> None:
        self._engine = engine
        self._note = Notes()
        self._security = security
        self._crypto = None if security is None else CryptoDesk(security, self._note)
        self._policy = policy
        self._caller = Leg(CALLER)
        self._links = LinkWatch(self._note)
        self._ports = Ports(engine, policy, security, self._note)
        self._hearing = Hearing(self._caller, self._ports, policy, self._crypto, self._note)
        self._deaths: list[MediaDied] = []
        self._died = False
        self._service: LocalService | None = None
        #: of a service, which has no negotiation: the last description that it gave
        self._served: Described | None = None
        self._described: list[Described] = []

    # --- what signalling tells

    def carry(
        self,
        description: bytes,
        *,
        frm: LegId,
        to: LegId,
        exchange: Exchange,
        origin: Origin,
        target: Origin,
        now: float,
        codecs: Callable[[bytes], bytes] | None = None,
    ) -> bytes:
        """A description travels between the caller and a branch; gives the body to send on.

        `origin` is the party that wrote it and `target` the one it goes to; `codecs` leaves some out in the end.
        Repetitions give what was given before.
        Raises `Malformed` (answer 488, or end the call when it was an answer), `MediaRefused` (488) and
        `Unavailable` (503); then nothing has changed.
        """
        by_caller = frm == CALLER
        branch = self._hearing.branch(to if by_caller else frm)
        turn = branch.negotiation.turn(by_caller, exchange)
        repeated = branch.negotiation.repeats(turn, description)
        if repeated is not None:
            return _sent(turn, repeated)
        if branch.answers_proposal(turn) and not (turn.final or exchange.reliable):
            return b""  # which can be no offer (RFC 3261 section 13.2.1)
        self._hearing.house(branch, turn, now)
        speaker, hearer = (self._caller, branch.leg) if by_caller else (branch.leg, self._caller)
        speaker.introduce(origin, now)
        hearer.introduce(target, now)
        told = self._turn_around(description, speaker, hearer, turn, now)
        if codecs is not None:
            told = replace(told, sent=codecs(told.sent))
        if branch.answers_proposal(turn):
            told = replace(told, is_settled=True)
            bundle.learn([(speaker.anchor(index), one) for index, one in enumerate(told.sections) if one.live], now)
        if turn.role is Role.OFFER:
            branch.negotiation.offered(turn, told)
            if speaker.said != description:
                self._note(now, moments.OFFERED, side=speaker.side, media=told.text)
        elif turn.role is Role.ANSWER and turn.offer is not None:
            before = branch.negotiation.agreed
            agreement = branch.negotiation.answered(turn, turn.offer, told)
            self._note(now, moments.ANSWERED, side=speaker.side, media=told.text)
            self._hearing.agreed(branch, before, agreement, now)
            note_agreement(self._note, self._caller.side, branch.leg.side, before, agreement, now)
            if turn.final:
                self._hearing.release_unused(branch, now)
        speaker.said, speaker.sections = description, told.sections
        body = _sent(turn, told)
        if body and self._ports.is_recorded:
            self._described.append(sent(turn, told))
        return body

    def propose(self, *, to: LegId, target: Origin, cseq: int, now: float) -> bytes | None:
        """Our own offer to a WebRTC party, for an INVITE (of this CSeq) that brings none; None to ask for its own.

        Without transcoding it is asked: it could send what the caller does not take. Raises `Unavailable` (503).
        """
        if self._security is None or not target.webrtc or not self._policy.transcoding:
            return None
        branch = self._hearing.branch(to)
        if not branch.proposed:
            branch.propose(self._ports, target, self._policy.transcoding, cseq, now)
            self._note(now, moments.PROPOSED, side=branch.leg.side)
            if self._ports.is_recorded:
                self._described.extend(in_force(branch))
        return branch.proposed

    def slimmed(self, before: bytes, after: bytes) -> None:
        """The offer `before` was too large for its datagram, and `after` is what went."""
        for branch in self._hearing:
            told = branch.negotiation.slimmed(before, after)
            if told is not None and self._ports.is_recorded:
                self._described = [one for one in self._described if one.sdp != before]
                self._described.append(offered(told))

    def answer_locally(
        self, description: bytes, service: str, origin: Origin, now: float, *, doubted: bool = False
    ) -> bytes:
        """Be the callee ourselves (`Service`): gives our answer to the caller's offer, first or in a re-INVITE.

        An INVITE without a description gets our offer; `answered_locally` takes the answer that its ACK brings. Who
        is `doubted` hears no tone before `acknowledged_locally`, and only at the host that his INVITE came from.
        Repetitions give what was given before. Raises `Malformed` and `MediaRefused` (488), `Unavailable` (503).
        """
        self._caller.introduce(origin, now)
        self._hearing.serve()
        self._links.answered(now)
        if self._service is None:
            host = origin.host if doubted else ""
            self._service = LocalService(self._engine, self._policy, Service(service), host)
            self._note(now, moments.SERVICE_ANSWERED, service=service)
        body = self._serve(self._service, description, now)
        self._served = Described(ANSWER if description else OFFER, self._caller.side, body)
        if self._ports.is_recorded:
            self._described.append(self._served)
        return body

    def _serve(self, service: LocalService, description: bytes, now: float) -> bytes:
        lease = self._leaser(now)
        if not description:
            return service.offer(lease, now)
        offer, us = SessionDescription.parse(description), Leg(CALLER)  # a service speaks plain RTP and has no ports
        self._listen_to(self._caller, description, offer)
        is_web, ends_here = self._is_web(self._caller), self._ends_here(self._caller)
        crypto = None if is_web else self._crypto
        if crypto is None or not crypto.take_off(offer, self._caller, us, self._is_web, is_answer=False):
            return service.answer(description, lease, now, web=ends_here)
        answer = SessionDescription.parse(service.answer(offer.encode(), lease, now, web=ends_here))
        crypto.put_on(answer, us, self._caller, True, now)
        return answer.encode()

    def answered_locally(self, description: bytes, origin: Origin, now: float) -> None:
        """The caller answers, in its ACK, what we offered. Raises `Malformed` and `MediaRefused`: end the call."""
        self._caller.introduce(origin, now)
        if self._service is not None:
            ends_here = self._ends_here(self._caller)
            self._service.answered(description, self._leaser(now), now, web=ends_here)

    def acknowledged_locally(self, now: float) -> None:
        """The ACK for our answer came."""
        for host in self._service.acknowledged() if self._service is not None else ():
            self._note(now, moments.SERVICE_WITHHELD, remote=host)

    def _leaser(self, now: float) -> Leaser:
        def lease(section: int, announced: Sequence[Announced]) -> Anchor:
            if not announced:
                return self._ports.lease(self._caller, section, None, self._ends_here(self._caller), None, now)
            carrier = bundle.joined_by_offer(self._caller, announced, section)
            own = announced[section]
            return self._ports.lease(self._caller, section, own, own.web is not None, carrier, now)

        return lease

    def trickled(self, fragment: bytes, frm: LegId, now: float) -> bool:
        """A party names more candidates (RFC 8840); False where its ICE does not end here."""
        if frm == CALLER:
            return trickle.take(self._caller, self._caller.transports, fragment, now)
        branch = self._hearing.find(frm)
        return branch is not None and trickle.take(branch.leg, branch.transports, fragment, now)

    def rejected(self, *, frm: LegId, to: LegId, exchange: Exchange, now: float) -> None:
        """`frm` refused a request that carried an offer (or timed out): everything is as agreed before."""
        by_caller = frm == CALLER
        branch = self._hearing.find(to if by_caller else frm)
        if branch is None:
            return
        if branch.negotiation.rejected(by_caller, exchange):
            self._hearing.connect(branch, now)
        if branch.negotiation.agreed is not None:
            self._note(now, moments.ROLLED_BACK, side=self._caller.side if by_caller else branch.leg.side)
            self._hearing.release_unused(branch, now)

    def forked(self, leg: LegId, *, of: LegId, cseq: int) -> None:
        """Somebody else answers, under a tag of its own, the INVITE of this CSeq that went to the branch `of`."""
        self._hearing.fork(leg, of, cseq)

    def unheard(self, leg: LegId, now: float) -> None:
        """This branch has nothing to say any more before somebody answers; its ports stay for who does."""
        self._hearing.unheard(leg, now)

    def chosen(self, leg: LegId, now: float) -> None:
        """This branch's 2xx went to the caller: its media is the caller's from now on, and is watched. Of several the
        first is chosen."""
        self._links.answered(now)
        self._hearing.answered(leg, now)

    def released(self, leg: LegId, now: float) -> None:
        """This branch failed, was cancelled, or its dialog ended: its ports go back, or to who shares them."""
        self._hearing.released(leg, now)

    # --- the machine

    def receive(self, event: EngineEvent, now: float) -> None:
        """Take an event of one of this call's ports; those of ports given back are ignored."""
        anchor = self._ports.find(event.port)
        if anchor is None:
            return
        side = anchor.leg.side
        match event:
            case FirstHeard():
                anchor.heard, anchor.heard_at, anchor.remote = True, event.at, event.source
                self._note(event.at, moments.FIRST_PACKET, side=side, remote=str(event.source), media=anchor.kind)
            case Latched(rtcp=True):
                self._note(event.at, moments.LATCHED_RTCP, side=side, remote=str(event.source))
            case Latched():
                anchor.remote = event.source
                if self._service is not None:
                    self._service.latched(anchor)
                if event.source == anchor.announced:
                    self._note(event.at, moments.LATCHED_BACK, side=side, remote=str(event.source))
                    return
                values = {"side": side, "remote": str(event.source), "announced": str(anchor.announced)}
                self._note(event.at, moments.LATCHED, **values)
            case Elsewhere():
                anchor.remote = event.source
                values = {"side": side, "remote": str(event.source), "announced": str(anchor.announced)}
                self._note(event.at, moments.ELSEWHERE, **values)
            case Received(unheard_packets=0):
                self._note(event.at, moments.CONFIRMED, side=side, media=anchor.kind)
            case Received():
                lost = {"packets": event.unheard_packets, "web": anchor.has_dtls}
                self._note(event.at, moments.UNHEARD, side=side, media=anchor.kind, **lost)
            case TimedOut():
                self._fell_silent(anchor, event, now)
            case Climbed():
                anchor.climbed(event, now)

    @property
    def is_watched(self) -> bool:
        """Whether the engine tells when some port of it falls silent."""
        return any(anchor.watched_s is not None for _, anchor in self._ports)

    def may_be_silent(self, leg: LegId) -> bool:
        """Whether this leg is watched, and need not send: somebody is on hold."""
        anchors = [anchor for _, anchor in self._ports if anchor.leg.id == leg and anchor.watched_s is not None]
        return bool(anchors) and not any(anchor.must_send for anchor in anchors)

    def hears_all(self, since: float) -> bool:
        """Whether every leg that makes the call was heard since then."""
        legs = self._hearing.ends
        return all(leg.heard_at >= since for leg in legs)

    def deadline(self) -> float | None:
        """When ICE or DTLS of some leg wants `expire`, or None. Silence is watched by the engine."""
        transports = self._ports.transports()
        times = [transport.deadline() for transport in transports]
        if transports:
            times.append(self._links.deadline())
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""
        for transport in self._ports.transports():
            transport.expire(now)
        self._links.look(now, self._hearing.ends)
        self._look_who_is_gone(now)

    def metered(self, port: int, second: Loudness) -> bool:
        """Take a finished second of a port's meter; whether it made a moment."""
        anchor = self._ports.find(port)
        codec = None if anchor is None else anchor.sound_in(second)
        if anchor is not None and codec is not None:
            at = max(second.at, anchor.heard_at)
            self._note(at, moments.FIRST_SOUND, side=anchor.leg.side, codec=codec)
        return codec is not None

    def drain(self) -> list[MediaMoment | MediaDied]:
        """What happened since the last drain, in order."""
        deaths, self._deaths = self._deaths, []
        return [*self._note.take(), *deaths]

    def record(self, recording: Recording | None) -> None:
        """Copy what is heard from now on, by every branch and also on ports leased later; None ends it."""
        self._ports.record(recording)
        self._described.clear()

    def in_force(self) -> list[Described]:
        """What each side was told last and is held to, offers that wait included."""
        served = [] if self._served is None else [self._served]
        return served + [one for branch in self._hearing for one in in_force(branch)]

    def take_described(self) -> list[Described]:
        """The descriptions that were sent since this was last asked, while the call is recorded."""
        described, self._described = self._described, []
        return described

    def close(self, now: float) -> list[PortTotals]:
        """The call is over: give every port back. What each leg sent and got, in the order of release."""
        self._links.end(now, self._hearing.ends)
        self._ports.close_others(set(), now)
        self._hearing.close()
        note_totals(self._note, self._ports.released, now)
        return self._ports.released

    @property
    def ports(self) -> Iterator[tuple[int, Anchor]]:
        """The ids of the ports now leased, as engine events and meters name them."""
        return iter(self._ports)

    def way(self, port: int) -> tuple[Address, Address] | None:
        """Where what this port hears comes from and goes to, as announced; None for a port that has no peer."""
        anchor = self._ports.find(port)
        if anchor is None or anchor.remote is None:
            return None
        return anchor.remote, anchor.local

    # --- turning a description around

    def _turn_around(self, raw: bytes, speaker: Leg, hearer: Leg, turn: Turn, now: float) -> Told:
        description = SessionDescription.parse(raw)
        is_answer = turn.offer is not None
        if is_answer and b"a=fingerprint:" in raw:
            disbelieve(description, speaker)
        self._listen_to(speaker, raw, description)
        own = page.hear(speaker, description, raw, turn.offer) if self._is_web(speaker) else raw
        to_page = self._security is not None and hearer.is_web
        if turn.offer is not None:
            hold_to(description, turn.offer)
            if to_page:
                point_within(description, turn.offer.sections)
        elif to_page:
            page.reject_unknown(description, partial(self._note, side=speaker.side), now)
            page.require_common(hearer, description, partial(self._note, side=hearer.side), now)
        for what in reject_data(description) if self._is_web(speaker) or self._is_web(hearer) else ():
            self._note(now, moments.NOT_RELAYED, side=speaker.side, what=what)
        crypto = self._crypto
        is_keyed = crypto is not None and crypto.take_off(
            description, speaker, hearer, self._is_web, is_answer=is_answer
        )
        reading = self._read(description, speaker, now)
        facing = self._face(reading.announced, speaker, hearer, turn, now)
        if speaker.said != raw:
            note_oddities(self._note, reading, speaker.side, now)
        first = next((anchor for anchor in hearer.anchors if anchor is not None), None)
        host = "" if first is None else first.address.advertised
        readdress(reading, host, facing)
        name_origin(description, host or _host_facing(hearer))
        if self._ends_here(speaker) or self._ends_here(hearer):
            self._convert(reading, host, speaker, hearer, turn, now)
        name_profiles(
            description, hearer.spoken, None if hearer.origin is None else hearer.origin.profile, turn.offer
        )
        bridges = self._share_codecs(own, reading, speaker, hearer, turn.offer)
        if crypto is not None and is_keyed:
            crypto.put_on(description, speaker, hearer, is_answer, now)
        made = description.encode()
        told = Told(speaker.id == CALLER, raw, made, reading.announced, own, made, bridges)
        if not to_page:
            return told
        return page.speak(hearer, description, told, turn.offer, partial(self._note, side=hearer.side), now)

    def _read(self, description: SessionDescription, speaker: Leg, now: float) -> Reading:
        """Raises `MediaRefused` for DTLS whose certificate could not be checked."""
        terminates = self._ends_here(speaker)
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
        agreed = self._hearing.branch((hearer if speaker is self._caller else speaker).id).negotiation.agreed
        is_joined = agreed is not None and index in agreed.answer.bridges and (speaker.is_web or hearer.is_web)
        if offer.is_settled or is_joined:
            return True
        return is_foreign(offer.sections[index].formats, answer.formats, self._policy.transcoding, hearer.is_web)

    def _listen_to(self, leg: Leg, raw: bytes, description: SessionDescription) -> None:
        """What a leg speaks is what its last description says; one without live sections says nothing of it."""
        if self._security is not None:
            live = [section.is_dtls for section in description.media if section.port and section.is_rtp]
            has_agreed = any(anchor is not None and anchor.has_dtls for anchor in leg.anchors)
            leg.ends_here = any(live) if live else has_agreed
            leg.speaks_ice = b"\na=ice-ufrag:" in raw

    def _is_web(self, leg: Leg) -> bool:
        """Whether the leg's DTLS ends here; what comes over a WebSocket is taken to speak it."""
        return self._security is not None and (leg.ends_here or leg.wants_dtls)

    def _ends_here(self, leg: Leg) -> bool:
        """Whether the leg's ICE or DTLS ends here, or did until its last description."""
        if self._security is None:
            return False
        is_agreed = any(anchor is not None and anchor.transport is not None for anchor in leg.anchors)
        return is_agreed or leg.ends_here or leg.wants_dtls or leg.wants_ice

    def _convert(self, reading: Reading, host: str, speaker: Leg, hearer: Leg, turn: Turn, now: float) -> None:
        """Between a party with ICE or DTLS and anybody: they end here on each side."""
        description, offered = reading.description, turn.offer.sections if turn.offer else None
        if self._is_web(speaker):
            undress(description, host, [one.is_under_dtls for one in reading.announced], for_web=hearer.is_web)
        if offered is None and hearer.is_web:
            hearer.its_dialect().name(description)
        elif offered is not None:
            name_sections(description, offered)
            self._share_transports(description, reading.announced, speaker, hearer, offered, now)
        if self._ends_here(hearer):
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
                    ends_here = self._ends_here(hearer) and section.is_rtp
                    joined = bundle.joined_by_us(hearer, sections, index) if ends_here else None
                    port = self._ports.lease(hearer, index, offer, ends_here, joined, now).port
                    facing.append(Facing(port.rtp, port.rtcp, None if offer is None else offer.mux))
                else:
                    facing.append(None)
        except Unavailable:
            self._ports.close_others(known, now)
            raise
        return facing

    # --- silence and release

    def _fell_silent(self, anchor: Anchor, event: TimedOut, now: float) -> None:
        """A leg that had spoken and should still speak is dead; otherwise the call is, once all of it is silent.

        A leg that never spoke does not end the call alone: loudspeakers that only listen announce `sendrecv` too.
        """
        leg = anchor.leg
        died = leg.had_spoken and anchor.must_send
        both = all(one.is_silent(now) for one in self._hearing.ends if one.anchors)
        if not leg.is_silent(now) or not (died or both):
            anchor.watch_again()
        elif not self._died:
            self._died = True
            if both:
                self._note(now, moments.TIMEOUT_BOTH, seconds=round(event.silent_s))
            else:
                self._note(now, moments.TIMEOUT, side=leg.side, seconds=round(event.silent_s))
            self._deaths.append(MediaDied(now, "media-timeout", "" if both else leg.side, event.silent_s))

    def _look_who_is_gone(self, now: float) -> None:
        """A party that lost its consent (RFC 7675) and did not come back has left: a page that was closed or loaded
        again. One whose packets came all the time only does not confirm them; silence will tell."""
        if self._died or not self._policy.timeout_s or not self._hearing.is_answered:
            return
        for leg in self._hearing.ends:
            lost_at = leg.gone_since
            if lost_at is None:
                continue
            if leg.heard_at < lost_at - GRACE_S:
                self._died = True
                silent_s = now - max(leg.heard_at, lost_at - LIFETIME_S)
                self._note(now, moments.GONE, side=leg.side, seconds=round(silent_s))
                self._deaths.append(MediaDied(now, "media-timeout", leg.side, silent_s))
                return


def _host_facing(leg: Leg) -> str:
    """Our media address for a party that has no port of ours, "" where none is known."""
    media = leg.origin.media if leg.origin is not None else ()
    return media[0].advertised if media else ""


def _sent(turn: Turn, told: Told) -> bytes:
    """What goes on: nothing to who has answered our own offer."""
    return b"" if turn.offer is not None and turn.offer.is_settled else told.sent

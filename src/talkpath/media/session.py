"""One call's media: descriptions are turned around so that it flows through us, and the engine is told how.

A machine without I/O: descriptions and engine events come in with the time, moments and the death of a call go out.
Each `m=` section has one port pair towards the caller and one towards every branch. What was offered changes nothing
until it is answered; what was answered early is taken back when the request is refused after all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from talkpath.base.errors import Malformed
from talkpath.base.timers import earliest
from talkpath.media import bundle, moments, trickle
from talkpath.media.announcing import Announcing
from talkpath.media.crypto import CryptoDesk
from talkpath.media.described import Described, in_force, offered, sent
from talkpath.media.elsewhere import moved
from talkpath.media.engine import (
    Advanced,
    Climbed,
    Clip,
    Elsewhere,
    EngineEvent,
    FirstHeard,
    Latched,
    Leases,
    Played,
    Port,
    Received,
    Recording,
    TimedOut,
)
from talkpath.media.hearing import Hearing
from talkpath.media.keying import Security
from talkpath.media.leg import Anchor, Leg, Loudness
from talkpath.media.links import LinkWatch
from talkpath.media.moments import MediaMoment
from talkpath.media.negotiation import Exchange, Role, Turn
from talkpath.media.policy import CALLER, LegId, MediaAddress, MediaPolicy, Origin
from talkpath.media.ports import Ports, PortTotals
from talkpath.media.record import VERSION, MediaRecord, Unsaid
from talkpath.media.remarks import note_agreement, note_totals
from talkpath.media.service import LocalService, Service
from talkpath.media.serving import Serving
from talkpath.media.silence import MediaDied, SilenceWatch
from talkpath.media.telling import Notes
from talkpath.media.told import Packing, Told, Unpacking
from talkpath.media.transport import IceTransport
from talkpath.media.turnaround import Turnaround


class MediaSession:
    """The media of one call. The engine of `leases` moves the packets, `policy` is the operator's.

    Without `security` nobody is taken for a browser: what is encrypted passes through from end to end.
    """

    def __init__(self, leases: Leases, policy: MediaPolicy, security: Security | None = None) -> None:
        self._note = Notes()
        self._leases = leases
        self._security = security
        self._crypto = None if security is None else CryptoDesk(security, self._note)
        self._policy = policy
        self._caller = Leg(CALLER)
        self._links = LinkWatch(self._note)
        self._ports = Ports(leases, policy, security, self._note)
        self._hearing = Hearing(self._caller, self._ports, policy, self._crypto, self._note)
        self._turnaround = Turnaround(self._ports, self._hearing, policy, self._crypto, self._note)
        self._announcing = Announcing(leases.engine, self._note)
        #: where we are the callee ourselves
        self._serving: Serving | None = None
        self._silence = SilenceWatch(self._hearing, policy, self._note)
        #: what was sent while the call is recorded
        self._described: list[Described] = []
        #: what was last saved of its ports is as old as it may be
        self.has_advanced = False

    # --- what another process needs

    def save(self) -> MediaRecord | Unsaid:
        """The call as data, after `drain`, without what the engine knows of its ports (`save_ports`)."""
        unsaid = self.unsaid()
        if unsaid is not None:
            return unsaid
        pack = Packing([port for port, _ in self._ports])
        caller, hearing = self._caller.save(pack), self._hearing.save(pack)
        service = None if self._serving is None else self._serving.save(pack)
        return MediaRecord(
            VERSION,
            pack.texts,
            tuple(pack.records),
            caller,
            hearing,
            self._ports.save(pack),
            self._links.save(),
            tuple([one.save() for one in self._ports.released]),
            service,
            self._silence.has_died,
        )

    def unsaid(self) -> Unsaid | None:
        """What keeps the call from being said as data at this moment."""
        busy = self._ports.busy
        return None if busy is None else Unsaid("handshake", busy.side)

    def save_ports(self) -> bytes:
        """What the engine knows of its ports, in their order (`Leases.save`)."""
        self.has_advanced = False
        return self._leases.save([anchor.port for _, anchor in self._ports])

    def hand_over(self) -> bytes:
        """The same for the last time: the ports fall silent with it, and go back without a word to the peers."""
        state = self._leases.save([anchor.port for _, anchor in self._ports], last=True)
        self.abandon()
        return state

    @classmethod
    def resumed(
        cls,
        record: MediaRecord,
        ports: Sequence[Port],
        leases: Leases,
        policy: MediaPolicy,
        security: Security | None,
        now: float,
        places: Sequence[MediaAddress] = (),
    ) -> "MediaSession":
        """The same call again, with its `ports` as `leases` adopted them: the engine is told nothing. `places` are
        where they are, when that is another address than before.

        `security` is that of who made the record: with its certificate. Raises `Malformed` for a record that does not
        hold together.
        """
        made = cls(leases, policy, security)
        try:
            made._resume(moved(record, places, ports) if places else record, ports, now)
        except (LookupError, ValueError) as error:
            reason = f"the record of a call's media does not hold together ({error})"
            raise Malformed("media-record", reason) from error
        return made

    def _resume(self, record: MediaRecord, ports: Sequence[Port], now: float) -> None:
        pack = Unpacking(record)
        self._caller.resume(record.caller, pack)
        self._hearing.resume(record.hearing, pack)
        self._ports.resume(record.ports, self._hearing.legs, ports, now)
        self._hearing.recall()
        self._ports.released.extend(PortTotals.resumed(one) for one in record.released)
        self._links.resume(record.links)
        self._silence.has_died = record.has_died
        service = record.service
        if service is not None:
            self._serving = self._serve_by(
                LocalService.resumed(service, pack, self._caller, self._leases.engine, self._policy)
            )
            if service.described is not None:
                mode, at = service.described
                self._serving.described = Described(mode, self._caller.side, pack.texts[at])

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
        told = self._turnaround.turn(description, speaker, hearer, turn, now)
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
            self._announcing.adjust(self._hearing.ends, now)
            note_agreement(self._note, self._caller.side, branch.leg.side, before, agreement, now)
            if turn.final:
                self._hearing.release_unused(branch, now)
        speaker.last = told
        body = _sent(turn, told)
        if body and self._ports.is_recorded:
            self._described.append(sent(turn, told))
        return body

    def renew(self, leg: LegId, now: float) -> None:
        """The next offer to this leg restarts its ICE: our ports are elsewhere now."""
        for anchor in self._hearing.legs[leg].anchors:
            if anchor is not None and anchor.carrier is None and isinstance(anchor.transport, IceTransport):
                anchor.transport.restart(now)

    def expects(self, *, frm: LegId, to: LegId, exchange: Exchange) -> bool:
        """Whether it is known what a description from there would be an answer to."""
        branch = self._hearing.find(to if frm == CALLER else frm)
        return branch is not None and branch.negotiation.turn(frm == CALLER, exchange).role is not Role.OFFER

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
        if self._serving is None:
            host = origin.host if doubted else ""
            self._serving = self._serve_by(LocalService(self._leases.engine, self._policy, Service(service), host))
            self._note(now, moments.SERVICE_ANSWERED, service=service)
        described = self._serving.answer(description, now)
        if self._ports.is_recorded:
            self._described.append(described)
        self._announcing.adjust(self._hearing.ends, now)
        return described.sdp

    def _serve_by(self, service: LocalService) -> Serving:
        return Serving(service, self._caller, self._ports, self._turnaround, self._crypto, self._note)

    def answered_locally(self, description: bytes, origin: Origin, now: float) -> None:
        """The caller answers, in its ACK, what we offered. Raises `Malformed` and `MediaRefused`: end the call."""
        self._caller.introduce(origin, now)
        if self._serving is not None:
            self._serving.answered(description, now)
            self._announcing.adjust(self._hearing.ends, now)

    def acknowledged_locally(self, now: float) -> None:
        """The ACK for our answer came."""
        if self._serving is not None:
            self._serving.acknowledged(now)

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
            self._announcing.adjust(self._hearing.ends, now)
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
                if self._serving is not None:
                    self._serving.latched(anchor)
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
                self._silence.fell_silent(anchor, event, now)
            case Played():
                self._announcing.heard(anchor, event.seconds, event.at)
            case Advanced():
                self.has_advanced = True
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
        return earliest(times)

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""
        for transport in self._ports.transports():
            transport.expire(now)
        self._links.look(now, self._hearing.ends)
        self._silence.look_who_is_gone(now)

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
        return [*self._note.take(), *self._silence.take()]

    def record(self, recording: Recording | None) -> None:
        """Copy what is heard from now on, by every branch and also on ports leased later; None ends it."""
        self._ports.record(recording)
        self._described.clear()

    def announce(self, clip: Clip, sides: Sequence[str], now: float, *, is_noted: bool = True) -> None:
        """Let these sides of an answered call hear a clip in place of each other; `is_noted` as in `Announcing`."""
        self._announcing.begin(clip, sides, self._hearing.ends, now, is_noted=is_noted)

    @property
    def is_announcing(self) -> bool:
        """Whether its sides have not heard to the end what is announced to them."""
        return self._announcing.is_telling

    def in_force(self) -> list[Described]:
        """What each side was told last and is held to, offers that wait included."""
        served = None if self._serving is None else self._serving.described
        return ([] if served is None else [served]) + [one for branch in self._hearing for one in in_force(branch)]

    def take_described(self) -> list[Described]:
        """The descriptions that were sent since this was last asked, while the call is recorded."""
        described, self._described = self._described, []
        return described

    def abandon(self) -> None:
        """Another process has the ports: forget them, without a word to the peers."""
        self._ports.abandon()
        self._hearing.close()

    def close(self, now: float) -> list[PortTotals]:
        """The call is over: give every port back. What each leg sent and got, in the order of release."""
        self._links.end(now, self._hearing.ends)
        self._announcing.close(now)
        self._ports.close_others(set(), now)
        self._hearing.close()
        note_totals(self._note, self._ports.released, now)
        return self._ports.released

    @property
    def ports(self) -> Iterator[tuple[int, Anchor]]:
        """The ids of the ports now leased, as engine events and meters name them."""
        return iter(self._ports)

    def anchor(self, port: int) -> Anchor | None:
        """What is known of a port that is now leased."""
        return self._ports.find(port)


def _sent(turn: Turn, told: Told) -> bytes:
    """What goes on: nothing to who has answered our own offer."""
    return b"" if turn.offer is not None and turn.offer.is_settled else told.sent

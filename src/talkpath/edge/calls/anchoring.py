"""Anchoring: the session descriptions in SIP messages pass through the call's media machine, and come out with our
addresses. What the machine says of it goes into the ledger.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from talkpath.base.address import Hop
from talkpath.base.errors import Malformed, Unavailable
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.changes import Changes, Edit
from talkpath.media import trickle
from talkpath.media.elsewhere import places
from talkpath.media.negotiation import Exchange
from talkpath.media.policy import MediaRefused, Origin
from talkpath.media.record import MediaRecord
from talkpath.media.service import Service
from talkpath.media.session import MediaSession
from talkpath.media.silence import MediaDied
from talkpath.sip.message import Message

# What was missing for a call, by the code that the engine gives: as a moment, and in the answer.
_EXHAUSTED = {"descriptors": "media.no-descriptor", "media-ports": "media.no-port"}
_SAID = {"descriptors": "No file descriptor is free", "media-address": "No media address"}
# One for all: each empty set would be one of its own.
_UNKNOWN: frozenset[str] = frozenset()

# An INVITE that we send in the name of a party; its number is none of that party's own.
_OURS = "INVITE of ours"


class MediaFailed(Exception):
    """A description that can not be relayed; the request that brings it is answered with `status`."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Anchoring:
    """Between the proxy and the media of its calls."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._dead: list[tuple[RunningCall, MediaDied]] = []

    def request_body(
        self,
        call: RunningCall | None,
        receiver: Party | None,
        arrival: Arrival,
        hop: Hop,
        now: float,
        changes: Changes | None = None,
    ) -> bytes | None:
        """The body to send on with a request, None to leave it as it is. Raises MediaFailed."""
        request = arrival.message
        if call is None or call.phase is Phase.OVER or receiver is None:
            return None
        if request.method == "INVITE" and not request.to_tag:
            self._core.recordings.consider(call, receiver, now)
        if not request.carries_sdp:
            return self._own_offer(call, receiver, request, now)
        sender = call.caller if receiver is not call.caller else self._speaking(call, request)
        if sender is None:
            return None
        exchange = Exchange(request.method, request.cseq_number)
        offer = request.sdp if changes is None or changes.offer is None else changes.offer(request.sdp)
        codecs = None if changes is None else changes.codecs
        wanted = receiver.through.wanted if receiver.through is not None and not request.to_tag else None
        in_the_end = _one_after_the_other(codecs, wanted)
        return request.with_sdp(self._carry(call, offer, sender, receiver, exchange, now, in_the_end))

    def _own_offer(self, call: RunningCall, receiver: Party, request: Message, now: float) -> bytes | None:
        """Our own offer with an INVITE that brings nothing, for who makes none itself. Raises MediaFailed."""
        is_bare = request.method == "INVITE" and not request.to_tag and not request.frame.body_length
        if not is_bare or not receiver.place.transport.is_websocket:
            return None
        media, origin = self._media(call), self._origin(receiver)
        with self._refusals(call, now):
            return media.propose(to=receiver.leg, target=origin, cseq=request.cseq_number, now=now)

    @staticmethod
    def _speaking(call: RunningCall, request: Message) -> Party | None:
        """Whose dialog it is that a request to the caller comes from."""
        pair = call.sides(request)
        return pair[0] if pair is not None else None

    def response_body(
        self,
        call: RunningCall | None,
        speaker: Party | None,
        arrival: Arrival,
        response: Message,
        now: float,
        changes: Changes | None = None,
    ) -> bytes | None:
        """The body to send back with a response, None to leave it as it is, as that of a call that ended meanwhile.

        A provisional response whose description can not be relayed goes on without it. Raises MediaFailed for that of
        a 2xx: the call would be silent.
        """
        if call is None or call.phase is Phase.OVER or speaker is None:
            return None
        if not response.carries_sdp or response.status >= 300:
            return None
        hearer = self._asker(call, speaker, arrival.message)
        if hearer is None:
            return None
        is_reliable = "100rel" in (response.first("Require") or "")
        exchange = Exchange(response.method, arrival.message.cseq_number, response.status, is_reliable)
        try:
            answer = response.sdp if changes is None or changes.answer is None else changes.answer(response.sdp)
            return response.with_sdp(self._carry(call, answer, speaker, hearer, exchange, now))
        except MediaFailed:
            if response.status >= 200:
                raise
            return b""

    @staticmethod
    def expects(call: RunningCall, speaker: Party, hearer: Party, exchange: Exchange) -> bool:
        """Whether it is known what the description in a response is an answer to."""
        return call.media is not None and call.media.expects(frm=speaker.leg, to=hearer.leg, exchange=exchange)

    def late_body(
        self, call: RunningCall, speaker: Party, hearer: Party, exchange: Exchange, response: Message, now: float
    ) -> bytes:
        """The body to send back with a response that answers an offer of another process. Raises MediaFailed."""
        return response.with_sdp(self._carry(call, response.sdp, speaker, hearer, exchange, now))

    @staticmethod
    def _asker(call: RunningCall, speaker: Party, request: Message) -> Party | None:
        """Whom the response goes to: the sender of the request."""
        if speaker is not call.caller:
            return call.caller
        pair = call.sides(request)
        return pair[0] if pair is not None else None

    def _carry(
        self,
        call: RunningCall,
        body: bytes,
        sender: Party,
        receiver: Party,
        exchange: Exchange,
        now: float,
        codecs: Edit | None = None,
    ) -> bytes:
        media = self._media(call)
        with self._refusals(call, now, is_sent=bool(exchange.status)):
            return media.carry(
                body,
                frm=sender.leg,
                to=receiver.leg,
                exchange=exchange,
                origin=self._origin(sender),
                target=self._origin(receiver),
                now=now,
                codecs=codecs,
            )

    def _media(self, call: RunningCall) -> MediaSession:
        if call.media is None:
            call.media = self._core.world.open_media(call)
            if call.recording is not None:
                call.media.record(call.recording.tape.recording)
        return call.media

    def sent(self, call: RunningCall, made: bytes, request: bytes, now: float) -> None:
        """A request leaves with the description that was made for it, or with what had to be left of that."""
        if call.media is None:
            return
        if not request.endswith(made):
            call.media.slimmed(made, request.partition(b"\r\n\r\n")[2])
        self._core.recordings.described(call, now)

    @contextmanager
    def _refusals(self, call: RunningCall, now: float, is_sent: bool = True) -> Iterator[None]:
        """Turn what the media machine raises into the answer to give, and tell the ledger what happened. What is not
        yet `is_sent` may have to be smaller."""
        try:
            yield
        except Unavailable as exhausted:
            self._core.counters[f"refused_{exhausted.code}"] += 1
            self._core.note(call.call_id, _EXHAUSTED.get(exhausted.code, "media.refused"), now, why=exhausted.reason)
            raise MediaFailed(503, _SAID.get(exhausted.code, "No media port is free")) from exhausted
        except (MediaRefused, Malformed) as refused:
            self._core.note(call.call_id, "media.refused", now, why=refused.reason)
            raise MediaFailed(488, "") from refused
        finally:
            self.tell(call, now, is_sent)

    def _origin(self, party: Party) -> Origin:
        """Where a party is, and by which addresses of ours it can be reached with media."""
        addresses, transport = self._core.media_addresses(party.place), party.place.transport
        host = party.place.remote.host
        encrypted, webrtc = transport.is_secure, transport.is_websocket
        speaks = self._core.tastes.of(party.phone).speaks if webrtc else _UNKNOWN
        wishes = party.profile, party.ice, speaks, party.own_keys
        return Origin(host, party.behind_nat, addresses, webrtc, encrypted, *wishes)

    def answer(
        self, call: RunningCall, service: Service, request: Message, now: float, *, doubted: bool = False
    ) -> bytes:
        """Our own answer to an offer, for a service number; `doubted` as in `MediaSession`. Raises MediaFailed."""
        self._core.recordings.consider(call, None, now)
        media = self._media(call)
        with self._refusals(call, now):
            return media.answer_locally(request.sdp, service, self._origin(call.caller), now, doubted=doubted)

    def take_answer(self, call: RunningCall, ack: Message, now: float) -> None:
        """The answer, in an ACK, to an offer that a service made. Raises MediaFailed."""
        with self._refusals(call, now):
            self._media(call).answered_locally(ack.sdp, self._origin(call.caller), now)

    def acknowledged(self, call: RunningCall, now: float) -> None:
        """The answer of a service reached its caller."""
        if call.media is not None:
            call.media.acknowledged_locally(now)
            self.tell(call, now)

    def trickled(self, call: RunningCall | None, sender: Party | None, request: Message, now: float) -> bool:
        """Whether this is an INFO with more candidates of a party whose ICE ends here: it goes no further."""
        if call is None or call.media is None or sender is None or request.method != "INFO":
            return False
        if (request.first("Content-Type") or "").partition(";")[0].strip().lower() != trickle.CONTENT_TYPE:
            return False
        is_ours = call.media.trickled(request.body, sender.leg, now)
        self.tell(call, now)
        return is_ours

    def rejected(self, call: RunningCall, request: Message, refuser: Party, now: float) -> None:
        """An in-dialog offer was refused: media goes on as agreed before."""
        if call.media is None or not request.carries_sdp:
            return
        asker = self._asker(call, refuser, request)
        if asker is not None:
            exchange = Exchange(request.method, request.cseq_number)
            call.media.rejected(frm=refuser.leg, to=asker.leg, exchange=exchange, now=now)
            self.tell(call, now)

    def go_on_elsewhere(
        self, call: RunningCall, callee: Party, record: MediaRecord, ports: bytes, heir: int, now: float
    ) -> None:
        """Go on with the media of a call of another process at addresses of ours, of which its parties do not know.
        Raises MediaFailed."""
        media = {int(one.leg): self._core.media_addresses(one.place) for one in (call.caller, callee)}
        try:
            at = places(record, media)
            call.media = self._core.world.resume_media(call, record, ports, heir, at, now)
        except (Malformed, Unavailable) as hindered:
            self._core.note(call.call_id, "node.media-lost", now, why=hindered.reason)
            raise MediaFailed(500, "") from hindered

    def offered(self, call: RunningCall, said: bytes, frm: Party, to: Party, number: int, now: float) -> bytes:
        """What one party said last, as an offer to the other that we make in its name. Raises MediaFailed."""
        self._media(call).renew(to.leg, now)
        return self._carry(call, said, frm, to, Exchange(_OURS, number), now)

    def accepted(self, call: RunningCall, answer: Message, frm: Party, to: Party, number: int, now: float) -> None:
        """The answer to that; the other party is not told of it so. Raises MediaFailed."""
        if not answer.carries_sdp:
            raise MediaFailed(488, "")
        self._carry(call, answer.sdp, frm, to, Exchange(_OURS, number, answer.status), now)
        if call.media is not None and call.winner is not None:
            call.media.chosen(call.winner.leg, now)
            self.tell(call, now)

    def taken_back(self, call: RunningCall, frm: Party, to: Party, number: int, now: float) -> None:
        """It was refused."""
        if call.media is not None:
            call.media.rejected(frm=frm.leg, to=to.leg, exchange=Exchange(_OURS, number), now=now)
            self.tell(call, now)

    def released(self, call: RunningCall, callee: Party, now: float) -> None:
        """A dialog is over, or will never be."""
        if call.media is not None:
            call.media.released(callee.leg, now)
            self.tell(call, now)

    def tell(self, call: RunningCall, now: float, is_sent: bool = True) -> None:
        """Hand what the media machine says to the ledger; remember calls whose media died."""
        if call.media is None:
            return
        if is_sent:
            self._core.recordings.described(call, now)
        for one in call.media.drain():
            if isinstance(one, MediaDied):
                self._dead.append((call, one))
            else:
                self._core.note(call.call_id, one.kind, one.time, **one.values)

    def take_dead(self) -> list[tuple[RunningCall, MediaDied]]:
        """The calls whose media died since this was last asked."""
        dead, self._dead = self._dead, []
        return dead

    def close(self, call: RunningCall, now: float) -> None:
        """The call is over: give its ports back."""
        if call.media is not None:
            self._core.world.close_media(call, now)
            self.tell(call, now)
            call.media = None


def _one_after_the_other(first: Edit | None, second: Edit | None) -> Edit | None:
    """Both edits as one."""
    if first is None or second is None:
        return first or second
    return partial(_twice_edited, first, second)


def _twice_edited(first: Edit, second: Edit, description: bytes) -> bytes:
    return second(first(description))

"""Numbers that the edge answers itself: `echo` plays back what it hears, `tone` plays 1004 Hz.

A small user agent server (RFC 3261 section 13.3): it answers at once, repeats its 200 until the ACK comes, and takes
re-INVITEs, so that hold and session refresh work here as with any phone.
"""

from hashlib import blake2b

from talkpath.base.leaving import Send
from talkpath.calls.model import Side
from talkpath.edge.calls.anchoring import Anchoring, MediaFailed
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.calls.recordkey import RecordKey
from talkpath.edge.core import Core
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.responses import response_to
from talkpath.edge.routing.heading import Refusal
from talkpath.edge.routing.routing import follow
from talkpath.media.service import Service
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction
from talkpath.sip.uri import sip_uri

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, MESSAGE\r\n"


class Dialog:
    """One call to a service."""

    __slots__ = ("awaits_answer", "call", "is_acknowledged", "last", "local_tag", "service")

    def __init__(self, call: RunningCall, service: Service, local_tag: str) -> None:
        self.call = call
        self.service = service
        self.local_tag = local_tag
        self.is_acknowledged = False
        #: Our 200 carried an offer of ours.
        self.awaits_answer = False
        self.last: bytes = b""


class Services:
    """All calls to service numbers."""

    def __init__(self, core: Core, anchoring: Anchoring, ending: Ending, record_key: RecordKey) -> None:
        self._core = core
        self._anchoring = anchoring
        self._ending = ending
        self._record_key = record_key
        self._dialogs: dict[tuple[str, str], Dialog] = {}

    # --- a new call

    def answer(self, fork: Fork, service: Service, now: float) -> None:
        """Answer the INVITE of a fork. Raises Refusal."""
        core, call, request = self._core, fork.call, fork.request
        if call is None or not fork.is_initial_invite:
            raise Refusal(405)
        dialog = Dialog(call, service, self._tag())
        self._dialogs[(request.call_id, dialog.local_tag)] = dialog
        callee = self._be_party(call, request, dialog)
        try:
            self._answer_offer(fork.arrival, fork.server, dialog, now)
        except Refusal:
            callee.is_over, call.winner = True, None
            self._forget(dialog)
            raise
        fork.is_won, call.phase, call.unanswered = True, Phase.ANSWERED, None
        core.beginning.discard(call)
        core.recordings.answered(call, now)
        core.recordings.joined(call, now)

    def _tag(self) -> str:
        """One that nobody guesses: an ACK shows that its sender has read the answer."""
        word = self._core.fresh()
        return word + blake2b(word.encode(), key=self._core.tag_key, digest_size=8).hexdigest()

    @staticmethod
    def _be_party(call: RunningCall, request: Message, dialog: Dialog) -> Party:
        """We are the callee: a media timeout then ends the call towards the caller in our own name."""
        callee = call.add_callee(call.caller.flow, False)
        callee.name = f"{request.first('To') or ''};tag={dialog.local_tag}"
        callee.tag = dialog.local_tag
        call.winner, callee.is_confirmed = callee, True
        return callee

    def _answer_offer(self, arrival: Arrival, server: ServerTransaction, dialog: Dialog, now: float) -> None:
        """Answer an offer, or make one where the INVITE brought none (the answer is then in the ACK)."""
        request = arrival.message
        dialog.awaits_answer = not request.carries_sdp
        try:
            doubted = not (dialog.call.caller.user or self._core.is_peer(arrival))
            body = self._anchoring.answer(dialog.call, dialog.service, request, now, doubted=doubted)
        except MediaFailed as failed:
            raise Refusal(failed.status, failed.reason) from failed
        here = self._core.facing(arrival.flow)
        contact = sip_uri(here, arrival.flow.transport, dialog.service) if here else f"sip:{dialog.service}@invalid"
        records = "".join(f"Record-Route: {value}\r\n" for value in request.all("Record-Route"))
        fields = f"{records}Contact: <{contact}>\r\n{ALLOW}Content-Type: application/sdp\r\n"
        dialog.last = response_to(request, arrival.via, 200, to_tag=dialog.local_tag, fields=fields, body=body)
        dialog.is_acknowledged = False
        server.respond(200, dialog.last, now)
        self._repeat_answer(server, dialog, dialog.last, self._core.settings.timers.t1, now, now)

    def _repeat_answer(
        self, server: ServerTransaction, dialog: Dialog, answer: bytes, pause: float, began: float, now: float
    ) -> None:
        """RFC 3261 section 13.3.1.4: the 200 is repeated until the ACK comes, for 64*T1 at most."""
        core, values = self._core, self._core.settings.timers

        def again(then: float) -> None:
            if dialog.is_acknowledged or dialog.last is not answer or dialog.call.phase is Phase.OVER:
                return
            if then - began >= values.timeout:
                reason = 'SIP;cause=408;text="ACK missing"'
                self._ending.end_on_both_sides(dialog.call, "ack-missing", reason, then)
                self._forget(dialog)
                return
            core.out.append(Send(server.reply_to, answer, dialog.call.call_id))
            self._repeat_answer(server, dialog, answer, min(2 * pause, values.t2), began, then)

        core.timers.start(pause, now, again)

    # --- within a call

    def dialog_of(self, request: Message) -> Dialog | None:
        """The dialog that an in-dialog request belongs to, None when it is not one of ours."""
        return self._dialogs.get((request.call_id, request.to_tag))

    def acknowledge(self, dialog: Dialog, ack: Message, now: float) -> None:
        """The ACK came; with it the answer to an offer of ours."""
        if dialog.is_acknowledged:
            return
        dialog.is_acknowledged = True
        self._anchoring.acknowledged(dialog.call, now)
        if not dialog.awaits_answer:
            return
        dialog.awaits_answer = False
        try:
            self._anchoring.take_answer(dialog.call, ack, now)
        except MediaFailed:
            reason = 'SIP;cause=488;text="Your answer can not be used"'
            self._ending.end_on_both_sides(dialog.call, "refused", reason, now)
            self._forget(dialog)

    def in_dialog(self, arrival: Arrival, server: ServerTransaction, dialog: Dialog, now: float) -> None:
        """Answer a request within a call to a service. Raises Refusal."""
        core, request = self._core, arrival.message
        if self._record_key.pressed(dialog.call, dialog.call.caller, arrival, server, now):
            return
        dialog.call.heard_at = now
        follow(core, dialog.call.caller, arrival)
        if request.method == "INVITE" or (request.method == "UPDATE" and request.carries_sdp):
            self._ending.seen(dialog.call, dialog.call.caller, request, now)
            self._answer_offer(arrival, server, dialog, now)
            dialog.is_acknowledged = request.method == "UPDATE"
        elif request.method == "BYE":
            core.reply(arrival, server, 200, now)
            self._ending.end(dialog.call, Side.CALLER, "bye", now)
            self._forget(dialog)
        elif request.method in ("OPTIONS", "INFO", "UPDATE", "MESSAGE", "NOTIFY"):
            self._anchoring.trickled(dialog.call, dialog.call.caller, request, now)
            core.reply(arrival, server, 200, now, fields=ALLOW)
        else:
            core.reply(arrival, server, 405, now, fields=ALLOW)

    # --- as data

    def _of(self, call: RunningCall) -> Dialog | None:
        return None if call.winner is None else self._dialogs.get((call.call_id, call.winner.tag))

    def answering(self, call: RunningCall) -> Service | None:
        """The service that answered a call, None for one that somebody else did."""
        dialog = self._of(call)
        return None if dialog is None else dialog.service

    def is_settled(self, call: RunningCall) -> bool:
        """Whether no answer of ours waits for its ACK."""
        dialog = self._of(call)
        return dialog is None or dialog.is_acknowledged

    def resume(self, call: RunningCall, service: Service) -> None:
        """Go on with a call that a service answered in another process."""
        if call.winner is not None:
            dialog = Dialog(call, service, call.winner.tag)
            dialog.is_acknowledged = True
            self._dialogs[(call.call_id, dialog.local_tag)] = dialog

    def forget_ended(self, call: RunningCall) -> None:
        """A call was ended from elsewhere (media timeout)."""
        if call.winner is not None:
            self._dialogs.pop((call.call_id, call.winner.tag), None)

    def _forget(self, dialog: Dialog) -> None:
        self._dialogs.pop((dialog.call.call_id, dialog.local_tag), None)

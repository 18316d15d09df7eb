"""Responses on their way back: written for the asker, their media anchored, and the consequences for the call drawn
(RFC 3261 section 16.7).
"""

from functools import partial

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Hop, Target
from talkpath.base.errors import Malformed
from talkpath.base.unsent import UNSENT
from talkpath.calls.model import Side
from talkpath.edge.admission.identity import names_sender, withheld
from talkpath.edge.calls.anchoring import Anchoring, MediaFailed
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import TOO_LATE, Ending
from talkpath.edge.core import Core
from talkpath.edge.forking.asking import REFUSES_MEDIA, Asking
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forking.trying import Trying
from talkpath.edge.forwarding.forwarding import Backward, forwarded_response
from talkpath.edge.forwarding.legible import legible_contact
from talkpath.edge.gateways.trunks import Trunks
from talkpath.edge.routing.routing import sides_of
from talkpath.media.policy import GRACE_S
from talkpath.sip.message import Message

# What parties are told whom we hang up on (RFC 3326).
_CALLER_GONE = 'SIP;cause=480;text="The caller is gone"'
_UNUSABLE_ANSWER = 'SIP;cause=488;text="The answer can not be used"'
_NO_TAG = 'SIP;cause=502;text="The answer has no To tag"'

# An early dialog is over, and the INVITE goes on (RFC 6228).
_EARLY_ENDED = 199


class Answers:
    """See the module's docstring. Implements what forks ask of their owner."""

    def __init__(
        self, core: Core, anchoring: Anchoring, ending: Ending, asking: Asking, trying: Trying, trunks: Trunks
    ) -> None:
        self._core = core
        self._anchoring = anchoring
        self._ending = ending
        self._asking = asking
        self._trying = trying
        self._trunks = trunks

    def _withheld(self, fork: Fork, branch: Branch, response: Message) -> tuple[str, ...]:
        """What is said of the callee and goes no further (RFC 3325 section 5: responses as well)."""
        if not names_sender(response):
            return ()
        core = self._core
        callee = branch.heading.through is not None or core.is_trusted(branch.hop.remote.host)
        caller = core.is_peer(fork.arrival)
        return withheld(response, from_trusted=callee, to_trusted=caller)

    def relay(self, fork: Fork, branch: Branch, response: Message, now: float) -> bool:
        """Write a response back upstream, its media anchored, and draw the consequences for the call."""
        status, contact = response.status, ""
        call, party = fork.call, branch.party
        if call is not None and party is not None and 100 < status < 300:
            if fork.is_initial_invite:
                party = self._dialog(call, party, response, now)
                if party is None:
                    return True
            if status >= 200 and party.is_told_the_end and fork.is_initial_invite:
                self._refuse_answer(fork, party, now)  # it says again what was refused
                return False
            contact = self._learn(fork, party, branch, response)
            if status >= 200 and fork.is_initial_invite and not response.to_tag:
                self._core.note(call.call_id, "answer.no-tag", now, target=branch.name)
                self._refuse_answer(fork, party, now, _NO_TAG)
                return False
        is_reached = status < 200 or self._finds_asker(fork, now)
        if 200 <= status < 300 and fork.is_initial_invite and self._is_in_vain(fork, party, is_reached, now):
            return True
        try:
            body = self._anchoring.response_body(call, party, fork.arrival, response, now, branch.heading.changes)
        except MediaFailed:
            self._refuse_answer(fork, party, now)
            self._asking.after_answer(fork, branch, response, now)
            return False
        fork.server.respond(status, self._written(fork, branch, response, body, contact, now), now)
        if call is not None and party is not None and fork.is_initial_invite and status == _EARLY_ENDED:
            self._early_ended(call, party, now)
        if call is None or status < 200:
            if status >= 200:
                self._ending.passed_on(fork.arrival, fork.request, status, now)
            return True
        if fork.request.to_tag:
            self._ending.answered_in_dialog(call, fork.request, status, now)
        elif status >= 300:
            self._ending.refused(call, fork.request, status, now)
        elif party is not None and not party.is_confirmed:
            self._answered(call, party, branch, now)
            if not call.caller.user:
                self._core.guard.answered(party.user, fork.arrival.flow, now)
        return True

    def _written(
        self, fork: Fork, branch: Branch, response: Message, body: bytes | None, contact: str, now: float
    ) -> bytes:
        """The bytes of a response on its way back, with `contact` in the place of a Contact that says nothing."""
        request, changes = fork.request, branch.heading.changes
        back = Backward(body, self._withheld(fork, branch, response))
        if branch.cseq_shift > 0:
            back.cseq = request.first("CSeq")
        if branch.is_renamed:
            back.sender, back.receiver = request.first("From"), _called(request, response)
        if changes is not None:
            back.withheld = tuple(dict.fromkeys((*back.withheld, *changes.answer_removed)))
            back.added = changes.answer_added
        if response.frame.index("From") < 0:
            # RFC 3261 section 8.2.6.2: what the asker said of both, also where a phone left it out.
            back.sender = None
            back.added += f"From: {request.first('From')}\r\n"
        if response.frame.index("To") < 0:
            back.receiver = None
            own = "" if request.to_tag or response.status < 200 else f";tag={self._core.fresh()}"
            back.added += f"To: {request.first('To')}{own}\r\n"
        if contact:
            # The caller could acknowledge nothing and never hang up (section 12.1.2); our route leads there anyhow.
            self._core.note(fork.request.call_id, "answer.contact-put-in", now, target=branch.name, contact=contact)
            back.withheld = (*back.withheld, "Contact")
            back.added += f"Contact: <{contact}>\r\n"
            return forwarded_response(response, back)
        is_page = fork.arrival.flow.transport.is_websocket
        if not response.frame.names_are_legible(is_page):
            spelt = legible_contact(response, self._core.domain_of(fork.arrival), is_page=is_page)
            if spelt:
                back.withheld = (*back.withheld, "Contact")
                back.added += f"Contact: {spelt}\r\n"
        return forwarded_response(response, back)

    def _dialog(self, call: RunningCall, first: Party, response: Message, now: float) -> Party | None:
        """Whom a response is from: each To tag on a branch is a dialog of its own (RFC 3261 section 12.1.2). None for
        what goes no further: one more than a call may have, the end of one that nobody knows (RFC 6228 section 4)."""
        tag = response.to_tag
        if not tag or first.tag in ("", tag):
            return first if response.status != _EARLY_ENDED or first.tag else None
        dialogs = call.dialogs_of(first)
        known = next((one for one in dialogs if one.tag == tag), None)
        if known is not None or response.status == _EARLY_ENDED or len(call.callees) >= limits.CALL_DIALOGS:
            return known
        added = call.add_dialog(first)
        if call.media is not None:
            living = next((one for one in dialogs if not one.is_over), first)
            call.media.forked(added.leg, of=living.leg, cseq=call.invite_cseq)
        for one in dialogs:
            if one.has_ended_early:
                self._early_over(call, one, now)
        return added

    def _meet(self, party: Party, fork: Fork, branch: Branch, response: Message) -> None:
        """Take up what a response says of who sent it, by the name by which the caller called."""
        party.learn(response, "To", self._beyond_us(response, fork, branch))
        if branch.is_renamed:
            party.name = _called(fork.request, response)

    def _early_ended(self, call: RunningCall, party: Party, now: float) -> None:
        """An early dialog ended, and its INVITE goes on (RFC 6228). The last on its branch keeps what the one offer
        named, for whoever answers that next."""
        party.has_ended_early = True
        self._core.note(call.call_id, "fork.early-ended", now, tag=party.tag)
        if any(not one.is_over for one in call.dialogs_of(party.first or party) if one is not party):
            self._early_over(call, party, now)
        elif call.media is not None:
            call.media.unheard(party.leg, now)
            self._anchoring.tell(call, now)

    def _early_over(self, call: RunningCall, party: Party, now: float) -> None:
        if not (party.is_over or party.is_confirmed):
            party.is_over = True
            self._anchoring.released(call, party, now)

    def settled(self, fork: Fork, now: float) -> None:
        """Who has not answered by now did so elsewhere, or not at all."""
        call = fork.call
        if call is None or call.phase is Phase.OVER or not fork.is_initial_invite:
            return
        for party in list(call.callees.values()):
            self._early_over(call, party, now)

    def _finds_asker(self, fork: Fork, now: float) -> bool:
        """Whether an answer can go back. Where its connection is gone, down the one that took its place, or to a new
        one to where the asker listens (RFC 3261 section 18.2.2)."""
        flow, call, request = fork.arrival.flow, fork.call, fork.request
        if self._core.world.reach.is_open(flow):
            return True
        asker = call.caller if call is not None and not request.to_tag else sides_of(call, request)[0]
        hop = self._ending.standing_hop(asker, now) if asker is not None else None
        if hop is not None:
            fork.server.reply_to = hop
        elif not fork.arrival.behind_nat and not flow.transport.is_websocket:
            there = Address(flow.remote.host, request.top_via.sent_by_port)
            fork.server.reply_to = Target(flow.transport, there)
        return hop is not None

    def _is_in_vain(self, fork: Fork, party: Party | None, is_reached: bool, now: float) -> bool:
        """Whether a phone took a call that is over, or that nobody waits for any more; it is told so."""
        call = fork.call
        if call is None or party is None or party.is_confirmed:
            return False
        if call.phase is Phase.OVER or party.is_over or (fork.is_over and not fork.is_won):
            self._ending.refuse_answer(call, party, TOO_LATE, now)
            return True
        if is_reached or (call.phase is Phase.CALLING and not call.given_up_as):
            return False
        if not party.is_told_the_end:
            self._not_reached(call.call_id, "flow.answer-undelivered", call.caller.flow, now)
        self._ending.refuse_answer(call, party, _CALLER_GONE, now)
        if call.phase is Phase.CALLING:
            self._ending.end(call, Side.SERVER, "flow-gone", now)
        return True

    def _refuse_answer(self, fork: Fork, party: Party | None, now: float, why: str = _UNUSABLE_ANSWER) -> None:
        """A 2xx or its description can not be relayed, and its sender waits for media. One that answered the call is
        told by a BYE, and the others go on ringing; within a call both sides are: it was agreed to by one."""
        call = fork.call
        if call is None or party is None:
            return
        if fork.is_initial_invite:
            self._ending.refuse_answer(call, party, why, now)
            return
        asker, _ = sides_of(call, fork.request)
        if fork.is_invite and asker is not None:
            self._ending.acknowledge(call, party, asker, fork.request.cseq_number, now)
        self.end_unusable(call, now)

    def end_unusable(self, call: RunningCall, now: float) -> None:
        """What was agreed to within a call can not be used."""
        if call.phase is Phase.CALLING and call.unanswered is not None:
            call.unanswered.abandon(now, _UNUSABLE_ANSWER, "an answer can not be used")
        else:
            self._ending.end_on_both_sides(call, "refused", _UNUSABLE_ANSWER, now)

    def _answered(self, call: RunningCall, party: Party, branch: Branch, now: float) -> None:
        """A dialog is confirmed. The first makes the call; whoever answers as well is for the caller to keep or to
        hang up on (RFC 3261 section 13.2.2.4)."""
        party.is_confirmed = True
        call.heard_at = now
        if call.phase is Phase.CALLING:
            call.phase = Phase.ANSWERED
            call.unanswered = None
            call.winner = party
            self._core.guard.toll.answered(call, now)
            self._core.recordings.answered(call, now)
        else:
            self._core.beginning.add(call)
            self._core.note(call.call_id, "fork.answered-too", now, target=branch.name)
        if branch.offered is not None:
            self._core.tastes.took(party.phone, party.agent, branch.offered)
        if call.media is not None:
            call.media.chosen(party.leg, now)
            self._core.recordings.joined(call, now)
            self._anchoring.tell(call, now)

    @staticmethod
    def _time(call: RunningCall | None, response: Message) -> None:
        """The session timer that a 2xx sets (RFC 4028 section 8.2), or takes away."""
        if call is not None:
            text = (response.first("Session-Expires") or "").partition(";")[0].strip()
            call.session_s = int(text[:9]) if text.isascii() and text.isdigit() else 0

    def ask_again(self, fork: Fork, branch: Branch, refusal: Message, now: float) -> None:
        """A branch refused what it was offered, or wants credentials."""
        if refusal.status in REFUSES_MEDIA:
            self._asking.again(fork, branch, refusal, now)
        elif refusal.status < 400:
            self._trying.redirected(fork, branch, refusal, now)
        else:
            self._trunks.prove(fork, branch, refusal, now)

    def gateway_answered(self, branch: Branch, response: Message, now: float) -> None:
        """A response came from a gateway."""
        if branch.heading.through is not None:
            self._trunks.answered(branch, branch.heading.through, response, now)

    def _learn(self, fork: Fork, party: Party, branch: Branch, response: Message) -> str:
        """A response that makes or refreshes a dialog tells its party's tag, Contact and route. Gives the Contact
        that an answer lacks, "" where it lacks none."""
        is_answer = fork.is_initial_invite and response.status >= 200
        is_reachable = not is_answer or response.frame.index("Contact") >= 0
        try:
            if fork.request.to_tag:
                if fork.request.method in ("INVITE", "UPDATE") and response.status >= 200:
                    self._time(fork.call, response)
                    party.refresh(response)
            elif fork.is_invite and response.status >= 200:
                self._time(fork.call, response)
                self._meet(party, fork, branch, response)
            elif response.to_tag and (party.tag != response.to_tag or response.status >= 200):
                self._meet(party, fork, branch, response)
        except Malformed:
            self._core.counters["responses_unreadable"] += 1
            is_reachable = not is_answer
        if not party.contact:
            # Who says no Contact, or one that nobody can read, is where the request found it.
            party.contact = branch.heading.uri
        return "" if is_reachable else branch.heading.uri

    def _beyond_us(self, response: Message, fork: Fork, branch: Branch) -> list[str]:
        """The route from us to the callee: the Record-Route entries above ours, the nearest to us first. Those of
        other nodes are left out: which of them leads to the callee is known whenever something goes there."""
        entries = response.listed("Record-Route")
        added = len(entries) - len(fork.request.listed("Record-Route")) - branch.record_routes
        beyond = entries[: max(0, added)][::-1]
        if branch.party is None or not branch.party.node:
            return beyond
        return [entry for entry in beyond if not self._core.tokens.made(entry, response.call_id)]

    def reply(self, fork: Fork, status: int, now: float, reason: str = "") -> None:
        """Answer upstream in our own name: no branch gave a response worth passing on."""
        self._ending.not_forwarded(fork.call, fork.request, status, now)
        self._core.reply(fork.arrival, fork.server, status, now, reason=reason)

    def branch_over(self, fork: Fork, branch: Branch, why: str, now: float) -> None:
        """A branch ended without winning."""
        call = fork.call
        self._core.note(fork.request.call_id, "fork.branch-failed", now, target=branch.name, why=why)
        if why == "timeout" and fork.is_invite and branch.party is not None and branch.party.identity is not None:
            self._doubt(branch, branch.party.user, branch.party.identity, now)
        if call is not None and branch.party is not None:
            self._release(fork, call, branch.party, now)
        if why == "timeout" or why in UNSENT:
            self._trying.unreached(branch, now)
            if branch.heading.through is not None:
                self._trunks.silent(branch, branch.heading.through, why, now)

    def _release(self, fork: Fork, call: RunningCall, party: Party, now: float) -> None:
        """What was leased for a branch is given back."""
        if fork.request.to_tag:
            self._anchoring.rejected(call, fork.request, party, now)
            return
        for one in call.dialogs_of(party):
            if not one.is_confirmed:
                one.is_over = True
                self._anchoring.released(call, one, now)

    def unreached(self, branch: Branch, now: float) -> None:
        """A branch was passed over without a word."""
        self._trying.unreached(branch, now)
        if branch.heading.through is not None:
            self._trunks.silent(branch, branch.heading.through, "timeout", now)

    def refuse_late(self, fork: Fork, branch: Branch, response: Message, now: float) -> None:
        """An address that was passed over accepts the call after all, while another is asked or talks: it is
        acknowledged and hung up on."""
        call, party = fork.call, branch.party
        if call is None or party is None:
            return
        if not party.is_told_the_end:
            self._learn(fork, party, branch, response)
            self._core.note(call.call_id, "fork.answered-late", now, target=branch.name)
        self._ending.refuse_answer(call, party, TOO_LATE, now)

    def _doubt(self, branch: Branch, user: str, identity: tuple[str, str], now: float) -> None:
        """A registered phone gave no word to an INVITE, neither in its time nor until the caller gave up."""
        binding = self._core.registrar.find(user, identity)
        if binding is None or binding.flow != branch.hop:
            return
        if branch.cancel_reason is None:
            self._core.keep_alive.unanswered(binding, now)
        else:
            self._core.keep_alive.doubted(binding, now)

    def note(self, fork: Fork, kind: str, now: float, **values: str | int | float) -> None:
        """A decision for the ledger."""
        self._core.note(fork.request.call_id, kind, now, **values)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A caller whose connection dies before it acknowledged an answer may come back; if it does not, phones ring,
        or talk, for nobody."""
        for call in self._core.beginning:
            if call.caller.flow == flow:
                self._core.timers.start(GRACE_S, now, partial(self._give_up, call))

    def await_caller(self, call: RunningCall, now: float) -> None:
        """A call of another process rings on here: its caller may have to come back first."""
        self._core.timers.start(GRACE_S, now, partial(self._give_up, call))

    def _give_up(self, call: RunningCall, now: float) -> None:
        caller = call.caller.flow
        is_known = any(one.is_acknowledged for one in call.callees.values())
        if is_known or not isinstance(caller, Flow) or self._core.world.reach.is_open(caller):
            return
        if call.unanswered is not None:
            self._core.note(call.call_id, "flow.caller-gone", now, remote=str(caller.remote))
            call.given_up_as = "flow-gone"
            call.unanswered.abandon(now, "", "the caller is gone")
        elif call.phase is Phase.ANSWERED:
            self._not_reached(call.call_id, "flow.answer-undelivered", caller, now)
            self._ending.end_on_both_sides(call, "flow-gone", _CALLER_GONE, now)

    def _not_reached(self, call_id: str, kind: str, end: Hop, now: float) -> None:
        self._core.note(call_id, kind, now, remote=str(end.remote), transport=str(end.transport))


def _called(request: Message, response: Message) -> str:
    """To of a response as the sender of the request wrote it (RFC 3261 section 8.2.6.2)."""
    called = request.first("To") or ""
    return called if request.to_tag or not response.to_tag else f"{called};tag={response.to_tag}"

"""How calls end: a BYE that passes, a refusal, a cancel, or we ourselves when the media died.

Whatever the way, a call ends once: its media is closed, the ledger is told by whom and how, and it is forgotten.
"""

from typing import NamedTuple

from talkpath.base.address import Hop, Target
from talkpath.base.errors import Malformed
from talkpath.calls.model import Side
from talkpath.edge.calls.anchoring import Anchoring
from talkpath.edge.calls.call import Party, Phase, RunningCall, own_request
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.forwarding import via_line
from talkpath.edge.forwarding.legible import legible
from talkpath.edge.nodes.nodes import Bound
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.routing.routing import elsewhere_of, present, reachable_contact
from talkpath.media.policy import CALLER
from talkpath.sip.message import Message
from talkpath.sip.transaction import NOBODY

# A challenge to a BYE is no end: the phone sends it again with credentials.
_TRY_AGAIN = (401, 407)

# What who was away, or could not be sent the BYE itself, is told (RFC 3326).
_HUNG_UP = 'Q.850;cause=16;text="The other side hung up"'


#: What who takes a call up in vain is told.
TOO_LATE = 'SIP;cause=487;text="The call is over"'


class Letter(NamedTuple):
    """A request of our own on its way: its branch, the hop, and its bytes."""

    branch: str
    hop: Hop
    data: bytes


class Ending:
    """Ends calls."""

    def __init__(self, core: Core, anchoring: Anchoring) -> None:
        self._core = core
        self._anchoring = anchoring

    def seen(self, call: RunningCall, sender: Party, request: Message, now: float) -> None:
        """An in-dialog request passes: a BYE says who hangs up, a target refresh moves a Contact."""
        if request.method == "BYE":
            self._hangs_up(call, sender, request, now)
        elif request.method in ("INVITE", "UPDATE"):
            try:
                sender.refresh(request)
            except Malformed:
                self._core.counters["contacts_unreadable"] += 1

    @staticmethod
    def _hangs_up(call: RunningCall, sender: Party, request: Message, now: float) -> None:
        """The first BYE in the last of the dialogs that were answered counts. One before the answer ends an early
        dialog only (RFC 3261 section 15): the call ends with the final answer to its INVITE."""
        callee = _callee_of(call, request)
        if call.phase is Phase.CALLING:
            call.is_cancelled = call.is_cancelled or sender is call.caller
        elif callee is not None and callee.is_confirmed:
            callee.is_hanging_up = True
            if call.hung_up_at is None and not call.is_lasting:
                call.hung_up_at = now
                call.hung_up_by = _side_of(sender)

    def answered_in_dialog(self, call: RunningCall, request: Message, status: int, now: float) -> None:
        """A final answer to an in-dialog request: to a BYE it ends the dialog, and the call with its last one."""
        if request.method != "BYE" or call.phase is Phase.CALLING:
            return
        callee = _callee_of(call, request)
        if callee is None:
            return
        if status in _TRY_AGAIN:
            callee.is_hanging_up = False
            call.hung_up_at = None
        elif not callee.is_confirmed or any(one is not callee for one in call.lasting()):
            self._released(call, callee, now)
        else:
            self.end(call, call.hung_up_by, "bye", now)

    def _released(self, call: RunningCall, callee: Party, now: float) -> None:
        """One of several dialogs ended, and the call goes on."""
        callee.is_over = True
        lasting = call.lasting()
        if call.winner is callee and lasting:
            call.winner = lasting[0]
        self._anchoring.released(call, callee, now)

    def refused(
        self, call: RunningCall | None, request: Message, status: int, now: float, by: Side = Side.CALLEE
    ) -> None:
        """The initial INVITE got a final answer that is no success; `by` is whose word it is."""
        if call is None or call.phase is not Phase.CALLING:
            return
        how, by = ("cancel", Side.CALLER) if call.is_cancelled else ("refused", by)
        if call.given_up_as and not call.is_cancelled:
            how, by = call.given_up_as, Side.SERVER
        elif how == "refused" and status == 408:
            how = "timeout"
        self.end(call, by, how, now)

    def passed_on(self, arrival: Arrival, request: Message, status: int, now: float) -> None:
        """A final answer went back in a call that another node has: its story there is whole, ours ends here."""
        core, call_id = self._core, request.call_id
        if request.method == "BYE":
            trace = core.ledger.trace(call_id)
            if trace is not None and trace.messages:
                first = Message.parse(trace.live[0][2])
                by = Side.CALLER if first.from_tag == request.from_tag else Side.CALLEE
                core.ledger.ended(now, call_id, by, "bye")
        elif arrival.node and request.method == "INVITE" and not request.to_tag and status >= 300:
            by, how = (Side.CALLER, "cancel") if status == 487 else (Side.CALLEE, "refused")
            core.ledger.ended(now, call_id, by, how)

    def not_forwarded(self, call: RunningCall | None, request: Message, status: int, now: float) -> None:
        """We answered a request ourselves with a refusal: a callee that is silent (408) gives no other."""
        if call is None:
            return
        if request.to_tag:
            pair = call.sides(request) if request.method == "BYE" and call.phase is Phase.ANSWERED else None
            if pair is not None and self.hop_to(pair[1], now) is None:
                self.leave_untold(call, pair[1], pair[0], _HUNG_UP, now)
            self.answered_in_dialog(call, request, status, now)
        else:
            self.refused(call, request, status, now, Side.CALLEE if status == 408 else Side.SERVER)

    def bye_refused(self, call: RunningCall | None, request: Message, now: float) -> None:
        """A BYE that we cannot send on as it is (its route is broken, its hops are used up): who sent it has ended
        its session all the same (RFC 3261 section 15.1.1), so the other side is told in its name."""
        pair = call.sides(request) if call is not None and call.phase is Phase.ANSWERED else None
        if call is None or pair is None:
            return
        sender, receiver = pair
        sender.cseq = max(sender.cseq, request.cseq_number)
        self._hangs_up(call, sender, request, now)
        # A party without Contact is a service of ours; who is away is told when it is back.
        if receiver.contact and self.hop_to(receiver, now) is not None:
            self._hang_up(call, receiver, sender, _HUNG_UP, now)

    def end(self, call: RunningCall, by: Side, how: str, now: float) -> None:
        """Close the media, tell the ledger, forget the call. Who hung up before ended it, and then."""
        if call.phase is Phase.OVER:
            return
        if call.hung_up_at is not None:
            by, how = call.hung_up_by, "bye"
        call.phase = Phase.OVER
        self._core.beginning.discard(call)
        call.unanswered = None
        self._core.touch(call, is_urgent=True)
        self._core.forget(call)
        name = (call.call_id, call.caller.tag)
        if self._core.world.router is not None and name not in self._core.calls:
            self._core.world.router.ended(*name, now)
        self._core.guard.toll.ended(call, now)
        self._anchoring.close(call, now)
        self._core.recordings.ended(call, str(by), how, now)
        for seat in call.seats:
            seat.gateway.over(seat.key, now)
        self._core.ledger.ended(now, call.call_id, by, how, at=call.hung_up_at)

    def end_on_both_sides(self, call: RunningCall, how: str, reason: str, now: float) -> None:
        """Hang up in each party's name towards the other (RFC 3261 section 15.1.1), with a Reason (RFC 3326)."""
        if call.phase is Phase.OVER:
            return
        for callee in call.callees.values():
            if not callee.is_confirmed or callee.is_over:
                continue
            for to, other in ((call.caller, callee), (callee, call.caller)):
                # A party without Contact is a service of ours; neither it nor who hung up needs telling.
                if to.contact and not (call.hung_up_at is not None and _side_of(to) is call.hung_up_by):
                    self._hang_up(call, to, other, reason, now)
        self._core.untold.bury(call)
        self.end(call, Side.SERVER, how, now)

    def end_dialog(self, call: RunningCall, callee: Party, how: str, reason: str, now: float) -> None:
        """Hang up in one dialog, and end the call when it is the last."""
        others = [one for one in call.lasting() if one is not callee]
        if not others:
            self.end_on_both_sides(call, how, reason, now)
            return
        self._hang_up(call, call.caller, callee, reason, now)
        self._hang_up(call, callee, call.caller, reason, now)
        self._released(call, callee, now)

    def refuse_answer(self, call: RunningCall, callee: Party, reason: str, now: float) -> None:
        """A phone answered in vain: acknowledge it and hang up, also when it says so again."""
        self._hang_up(call, callee, call.caller, reason, now)
        self._anchoring.released(call, callee, now)

    def acknowledge(self, call: RunningCall, to: Party, other: Party, cseq: int, now: float) -> None:
        """The ACK for an answer of `to` in the name of `other`, whose own does not come or can not be sent on."""
        letter = self.letter("ACK", cseq + to.cseq_shift, call.call_id, to, other, now)
        if letter is not None:
            self._core.send(letter.hop, letter.data, call.call_id)

    def acknowledge_refusal(self, call: RunningCall, to: Party, other: Party, refusal: Message, now: float) -> None:
        """The ACK for a refusal of `to` that no transaction here waits for (RFC 3261 section 17.1.1.3)."""
        number, branch = refusal.cseq_number, refusal.top_via.branch
        letter = self.letter("ACK", number, call.call_id, to, other, now, branch=branch)
        if letter is not None:
            self._core.send(letter.hop, letter.data, call.call_id)

    def _hang_up(self, call: RunningCall, to: Party, other: Party, reason: str, now: float) -> None:
        hop = self.hop_to(to, now)
        if hop is None or self._core.facing(hop) is None:
            self.leave_untold(call, to, other, reason, now)
            return
        if to is not call.caller and not to.is_acknowledged:
            self.acknowledge(call, to, other, call.invite_cseq, now)
        if other.is_caller_told if to is call.caller else to.is_told_the_end:
            return
        if to is call.caller:
            other.is_caller_told = True
        else:
            to.is_told_the_end = True
        self._send_bye(call.call_id, to, other, reason, now)

    def _send_bye(self, call_id: str, to: Party, other: Party, reason: str, now: float) -> None:
        other.cseq += 1
        fields = f"Reason: {reason}\r\n"
        letter = self.letter("BYE", other.cseq + to.cseq_shift, call_id, to, other, now, fields)
        if letter is not None:
            self._core.transactions.start(letter.branch, "BYE", call_id, letter.data, letter.hop, NOBODY, now)

    def letter(
        self,
        method: str,
        number: int,
        call_id: str,
        to: Party,
        other: Party,
        now: float,
        fields: str = "",
        branch: str = "",
        body: bytes = b"",
    ) -> Letter | None:
        """A request of our own to a party, in the name of the other, on a new branch or on this; None where no way
        leads there."""
        core, hop = self._core, self.hop_to(to, now)
        here = core.facing(hop) if hop is not None else None
        if hop is None or here is None:
            return None
        lead, elsewhere = "", elsewhere_of(core, to, now)
        if elsewhere is not None and isinstance(hop, Target):
            bound = Bound(call_id, other.tag, to.tag, number, method)
            lead = core.passes.to_phone(bound, elsewhere, hop)
        branch = branch or core.branch()
        via = via_line(hop.transport, here, branch)
        domain, is_page = core.domain_at(here), hop.transport.is_websocket
        names = [legible(name, domain, is_page=is_page) or name for name in (to.caller_as or other.name, to.name)]
        return Letter(branch, hop, own_request(method, number, call_id, to, names, via, lead, fields, body))

    def leave_untold(self, call: RunningCall, to: Party, other: Party, reason: str, now: float) -> None:
        """The call ends while a party is away; it is told when it registers again."""
        self._core.note(call.call_id, "flow.end-untold", now, remote=str(to.flow.remote))
        self._core.untold.remember(call.call_id, to, other, reason)
        self._core.untold.bury(call)

    def tell_returned(self, binding: Binding, now: float) -> None:
        """A phone registered: what it missed is told to it now."""
        for end in self._core.untold.take((binding.user, binding.identity)):
            self._core.counters["ends_told_late"] += 1
            self._send_bye(end.call_id, end.to, end.other, end.reason, now)

    def hop_to(self, party: Party, now: float) -> Hop | None:
        """The flow to a party, or that of its present registration, or the node that holds it; to who never
        registers, as a carrier, where it said that it listens."""
        elsewhere = elsewhere_of(self._core, party, now)
        if elsewhere is not None:
            return self._core.world.nodes.way_to(elsewhere.node)
        known = self.standing_hop(party, now)
        if known is not None or (party.identity is not None and not party.node):
            return known
        place = reachable_contact(party)
        return place if isinstance(place, Target) else None

    def standing_hop(self, party: Party, now: float) -> Hop | None:
        """The flow to a party, or that of its present registration, where this node holds it."""
        core, flow = self._core, party.flow
        if not party.node and (isinstance(flow, Target) or core.world.reach.is_open(flow)):
            return flow
        binding = present(core, party, now)
        return None if binding is None or binding.node else binding.flow


def _callee_of(call: RunningCall, request: Message) -> Party | None:
    """Whose dialog with the caller a request is of; None when it is of none of this call."""
    pair = call.sides(request)
    return None if pair is None else pair[0] if pair[1] is call.caller else pair[1]


def _side_of(party: Party) -> Side:
    return Side.CALLER if party.leg == CALLER else Side.CALLEE

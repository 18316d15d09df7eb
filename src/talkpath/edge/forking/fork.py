"""One request sent on to one or several targets, and the one answer that goes back (RFC 3261 sections 16.6 to 16.10).

A `Fork` is the response context of a request; a `Branch` is one target of it. The rules:

    1xx (not 100)   goes back at once
    2xx             goes back at once, always; the other branches of an INVITE are cancelled
    6xx             the other branches are cancelled
    3xx to 6xx      the best goes back when the last branch is over
    silence         408 for the branch; a phone that could not be reached counts as 480, a place as 503, one that gave
                    an answer which can not be used as 502
    passed over     a branch that had its time and never said a word is waited for no more, but heard out; so is one
                    that was cancelled before it did

A phone with several flows (RFC 5626), or a name with several addresses (RFC 3263), has one branch at a time: the next
has its turn when one fails or is silent.
A phone that refused what it was offered may be asked again; the fork stays open meanwhile, as it does while who is to
get a request may still come back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from talkpath.base.address import Hop
from talkpath.base.timers import Timer
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.gateways.through import NOBODY_TAKES_IT
from talkpath.edge.routing.inquiry import Outcome
from talkpath.sip.message import Message
from talkpath.sip.transaction import NOBODY, ServerTransaction, State, Transactions

# Within one class these tell the caller how to try again (RFC 3261 section 16.7 step 6).
_TELLING = (401, 407, 415, 420, 484, 488)
# What is wanted is another offer, or credentials.
_ASKED_AGAIN = (401, 407, 415, 488, 606)


class ForkOwner(Protocol):
    """What a fork asks of the proxy that made it."""

    def relay(self, fork: Fork, branch: Branch, response: Message, now: float) -> bool:
        """Write a response back upstream; False for a 2xx that can not be used, whose sender was told so."""

    def ask_again(self, fork: Fork, branch: Branch, refusal: Message, now: float) -> None:
        """A branch refused what it was offered (488, 415, 606), or wants credentials: ask it again, if there is
        something else to ask it."""

    def reply(self, fork: Fork, status: int, now: float, reason: str = "") -> None:
        """Answer upstream in our own name."""

    def branch_over(self, fork: Fork, branch: Branch, why: str, now: float) -> None:
        """A branch ended without winning: release what was leased for it."""

    def gateway_answered(self, branch: Branch, response: Message, now: float) -> None:
        """A response came from a gateway."""

    def unreached(self, branch: Branch, now: float) -> None:
        """A branch was passed over without a word."""

    def refuse_late(self, fork: Fork, branch: Branch, response: Message, now: float) -> None:
        """An address that was passed over accepts the call after all."""

    def settled(self, fork: Fork, now: float) -> None:
        """It was answered so long ago that nobody else will take it up (RFC 3261 section 13.2.2.4)."""

    def note(self, fork: Fork, kind: str, now: float, **values: str | int | float) -> None:
        """A decision for the ledger."""


class Asker(Protocol):
    """Whoever may name others when all branches have failed (`question.py`)."""

    def exhausted(self, now: float) -> None:
        """All branches failed."""

    def settled(self, now: float) -> None:
        """Somebody answered, or the final answer has gone back."""


class Fork:
    """The response context. See the module's docstring."""

    __slots__ = (
        "_best",
        "_best_branch",
        "_best_status",
        "_later",
        "_next",
        "_next_timer",
        "_owner",
        "_reason",
        "_ring_timeout_s",
        "_timer_c",
        "_transactions",
        "arrival",
        "asker",
        "branches",
        "call",
        "is_won",
        "server",
    )

    def __init__(
        self,
        owner: ForkOwner,
        transactions: Transactions,
        arrival: Arrival,
        server: ServerTransaction,
        call: RunningCall | None,
        ring_timeout_s: float,
    ) -> None:
        self._owner = owner
        self._transactions = transactions
        self._ring_timeout_s = ring_timeout_s
        self._timer_c: Timer | None = None
        self._later: list[Timer] = []
        self._next: Callable[[float], bool] | None = None
        self._next_timer: Timer | None = None
        self._best: Message | None = None
        self._best_branch: Branch | None = None
        self._best_status = 0
        self._reason = ""
        self.arrival = arrival
        self.server = server
        self.call = call
        self.branches: list[Branch] = []
        self.asker: Asker | None = None
        self.is_won = False
        server.owner = self

    @property
    def request(self) -> Message:
        return self.arrival.message

    @property
    def is_invite(self) -> bool:
        return self.server.is_invite

    @property
    def is_initial_invite(self) -> bool:
        """Whether it is what begins a call."""
        return self.is_invite and not self.request.to_tag

    @property
    def is_over(self) -> bool:
        """Whether its final answer has gone back."""
        return self.server.state not in (State.TRYING, State.PROCEEDING)

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for another answer any more."""
        return self.is_won or self.is_over

    def send(self, branch: Branch, branch_id: str, data: bytes, hop: Hop, now: float) -> None:
        """Start a branch with the bytes of its request, over the hop that carries them."""
        if self.is_invite and self._timer_c is None:
            self._start_timer_c(now)
        method, call_id = self.request.method, self.request.call_id
        branch.transaction = self._transactions.start(branch_id, method, call_id, data, hop, branch, now)

    def _start_timer_c(self, now: float) -> None:
        """RFC 3261 section 16.6 step 11."""
        if self._timer_c is not None:
            self._timer_c.cancel()
        self._timer_c = self._transactions.timers.start(self._ring_timeout_s, now, self._rang_too_long)

    def _rang_too_long(self, now: float) -> None:
        self._later_never()
        self._best, self._best_branch, self._best_status = None, None, 408
        self.cancel(now, "", "timer C")

    def then(self, wait_s: float | None, now: float, start: Callable[[float], bool]) -> None:
        """What is tried when all branches have failed, or after so many seconds without an answer (RFC 3261 section
        16.6: targets in the order of their q). `start` says whether it tried anybody."""
        if self.is_settled:
            return
        self._next = start
        if wait_s is not None:
            self._next_timer = self._transactions.timers.start(wait_s, now, self._waited_enough)

    def _waited_enough(self, now: float) -> None:
        start = self._next_never()
        for branch in self.branches:
            self._pass_over(branch, "others are tried", now)
        if start is not None and not self.is_over:
            start(now)
            self._finish_if_over(now)

    def _pass_over(self, branch: Branch, why: str, now: float) -> None:
        """A branch had its time, and others have theirs. It is heard out, and may still take the call."""
        if branch.status or branch.is_passed_over:
            return
        branch.is_passed_over = True
        self._remember(branch.silence, branch, None)
        if branch.is_silent:
            self._owner.unreached(branch, now)
        if self.is_invite:
            self._cancel_branch(branch, "", why, now)

    def watch(
        self,
        branch: Branch,
        wait_s: float,
        after: tuple[int, ...],
        now: float,
        start: Callable[[float, bool], None] | None,
    ) -> None:
        """What is done when this branch fails, is silent for so many seconds, or gives one of these answers: a phone
        has another flow, the name another address. With none left, the branch is passed over."""
        branch.next_hop, branch.next_hop_after = start, after

        def look(then: float) -> None:
            if branch.status or branch.cancel_reason is not None:
                return
            if branch.otherwise is not None or branch.transaction is None:
                # It goes another way over the same flow first.
                self._transactions.timers.start(wait_s, then, look)
            elif branch.is_silent and not self.is_settled:
                self._pass_over(branch, "no answer at all", then)
                self._try_next_hop(branch, then, was_heard=True)
                self._finish_if_over(then)

        self._transactions.timers.start(wait_s, now, look)

    def _try_next_hop(self, branch: Branch, now: float, *, was_heard: bool) -> None:
        start, branch.next_hop = branch.next_hop, None
        if start is not None and not self.is_settled:
            start(now, was_heard)

    def _next_never(self) -> Callable[[float], bool] | None:
        """Nobody comes next any more; gives who would have."""
        start, self._next = self._next, None
        if self._next_timer is not None:
            self._next_timer.cancel()
            self._next_timer = None
        return start

    def later(self, wait_s: float, now: float, ask: Callable[[float], None]) -> Callable[[float], None]:
        """Give no answer before `ask` has had its turn to send another branch; gives what lets it have it sooner."""

        def take_turn(then: float) -> None:
            if timer not in self._later:
                return
            timer.cancel()
            self._later.remove(timer)
            ask(then)
            self._finish_if_over(then)

        timer = self._transactions.timers.start(wait_s, now, take_turn)
        self._later.append(timer)
        return take_turn

    def _later_never(self) -> bool:
        """Nobody is to be asked any more; whether somebody was."""
        later, self._later = self._later, []
        for timer in later:
            timer.cancel()
        return bool(later)

    # --- what branches report

    def answered(self, branch: Branch, response: Message, now: float) -> None:
        """A response came on a branch."""
        status, branch.otherwise = response.status, None
        if branch.heading.through is not None:
            self._owner.gateway_answered(branch, response, now)
        if status != 100 and status not in branch.next_hop_after:
            # A 100 tells only that the request came (RFC 3261 section 8.1.3.2).
            branch.next_hop = None
        if status == 100:
            self._cancel_if_wanted(branch, now)
        elif status < 200:
            if self.is_invite and not self.is_settled:
                self._start_timer_c(now)
            self._cancel_if_wanted(branch, now)
            if not self.is_settled and not (branch.is_place and branch.is_passed_over):
                self._owner.relay(self, branch, response, now)
        elif status < 300 and branch.is_place and branch.is_passed_over and self.is_invite:
            branch.status = 408
            self._owner.refuse_late(self, branch, response, now)
        elif status < 300:
            self._accepted(branch, response, now)
        else:
            branch.status = status
            if branch.is_passed_over and status == 487:
                self._remember(branch.silence, branch, None)
            else:
                self._remember(status, branch, response)
            self._owner.branch_over(self, branch, f"{status} {response.reason}", now)
            asked = self._asked()
            if _is_asked_again(branch, status) and branch.cancel_reason is None and not self.is_won:
                self._owner.ask_again(self, branch, response, now)
            if status >= 600 and self._asked() == asked:
                self.cancel(now, "", "declined everywhere")
            elif self._asked() == asked and branch.cancel_reason is None:
                self._try_next_hop(branch, now, was_heard=status == 408)
            self._finish_if_over(now)

    def _asked(self) -> int:
        """How many branches there are, those included that wait for a connection."""
        return len(self.branches) + len(self._later)

    def _accepted(self, branch: Branch, response: Message, now: float) -> None:
        first = not self.is_won
        if not self._owner.relay(self, branch, response, now):
            self.failed(branch, 502, "its answer can not be used", now)
            return
        branch.status, branch.asked = response.status, b""
        self.is_won = True
        if first and self.asker is not None:
            self.asker.settled(now)
        if first:
            self._stop_timer_c()
            if self.is_invite:
                self.cancel(now, 'SIP;cause=200;text="Call completed elsewhere"', "answered elsewhere")

    def forget(self, branch: Branch) -> None:
        """What a branch said was no answer: it is asked again."""
        if self._best_branch is branch:
            self._best, self._best_branch, self._best_status = None, None, 0

    def could_not(self, status: int, reason: str) -> None:
        """Somebody could not be asked at all."""
        if self._best_status == 0 or rank(status) < rank(self._best_status):
            self._best_status, self._best_branch, self._best, self._reason = status, None, None, reason

    def failed(self, branch: Branch, status: int, why: str, now: float) -> None:
        """A branch ended without a final response."""
        if branch.status:
            return
        branch.status = status
        if branch.is_passed_over:
            status = branch.silence
        elif branch.cancel_reason is not None and status == 408:
            status = 487
        self._remember(status, branch, None)
        self._owner.branch_over(self, branch, why, now)
        if branch.cancel_reason is None:
            self._try_next_hop(branch, now, was_heard=status == 408)
        self._finish_if_over(now)

    def on_no_ack(self, transaction: ServerTransaction, now: float) -> None:
        """Our final answer was never acknowledged; the caller is told of it by its own timers."""
        self._owner.note(self, "transaction.unacknowledged", now, target=str(self.arrival.flow.remote))

    def on_over(self, transaction: ServerTransaction, now: float) -> None:
        """The server transaction is over, and nobody waits upstream."""
        if self.is_won:
            self._owner.settled(self, now)
        self._later_never()
        self._next_never()
        if self.asker is not None:
            self.asker.settled(now)
        for branch in self.branches:
            is_heard_out = branch.is_silent or (
                branch.transaction is not None and branch.transaction.state is State.PROCEEDING
            )
            if not is_heard_out:
                branch.let_go()

    # --- the answer

    def _remember(self, status: int, branch: Branch, response: Message | None) -> None:
        if self._best_status == 0 or rank(status) < rank(self._best_status):
            self._best_status, self._best_branch, self._best, self._reason = status, branch, response, ""

    def _finish_if_over(self, now: float) -> None:
        if self.is_settled or self._later or any(branch.is_waited_for for branch in self.branches):
            return
        start = self._next_never()
        if start is not None and start(now):
            return
        if self.asker is not None:
            self.asker.exhausted(now)
            return
        self._stop_timer_c()
        if self._best is None or self._best_branch is None or self._best_status == 503:
            # 503 would tell the caller to avoid us, not the target (RFC 3261 section 16.7 step 6), unless it is us.
            is_theirs = self._best_status == 503 and self._best_branch is not None
            status = 500 if is_theirs else self._best_status or 480
            reason = self._reason
            if is_theirs and self._best_branch is not None and self._best_branch.heading.through is not None:
                reason = NOBODY_TAKES_IT
            if self.request.method == "BYE" and self._best is None and (is_theirs or status == 480):
                # That nobody is there ends the dialog where 408 says it, and is no word of its end where others do
                # (RFC 3261 sections 12.2.1.2 and 15.1.1).
                status = 408
            self._owner.reply(self, status, now, reason)
        else:
            self._owner.relay(self, self._best_branch, self._best, now)

    def _stop_timer_c(self) -> None:
        if self._timer_c is not None:
            self._timer_c.cancel()
            self._timer_c = None

    def finish(self, now: float) -> None:
        """Nobody else is named: the best answer goes back when the last branch is over."""
        self._finish_if_over(now)

    def outcome(self) -> Outcome:
        """How it stands: who answered, else the best of the refusals."""
        won = next((branch for branch in self.branches if 200 <= branch.status < 300), None)
        if won is not None:
            return Outcome(won.status, "OK", won.name)
        return Outcome(self._best_status or 480, self._best.reason if self._best is not None else self._reason)

    # --- between processes

    @property
    def best_status(self) -> int:
        """The best refusal so far as we can give it without the response that brought it, 0 for none."""
        is_telling = self._best_status in (401, 407) or (self._best_status == 503 and self._best_branch is not None)
        return 500 if is_telling else self._best_status

    @property
    def has_others(self) -> bool:
        """Whether somebody else would be tried, or is yet to be named."""
        is_open = self._next is not None or bool(self._later) or self.asker is not None
        return is_open or any(branch.next_hop is not None and not branch.status for branch in self.branches)

    def go_on(self, branches: list[Branch], best_status: int, now: float) -> None:
        """These branches ring, as another process knew; `finish` draws the consequences."""
        self.branches, self._best_status = branches, best_status
        self._start_timer_c(now)
        for branch in branches:
            self._cancel_if_wanted(branch, now)

    def lose(self, branch: Branch, why: str, now: float) -> None:
        """No answer can come on this branch, though its phone may ring."""
        self._cancel_branch(branch, "", why, now)
        self.failed(branch, 480, why, now)

    def break_off(self, status: int, why: str, reason: str, now: float) -> None:
        """It cannot go on: whoever waits upstream hears so at once, and who rings is told this Reason."""
        self._next_never()
        self._later_never()
        self._stop_timer_c()
        self._owner.reply(self, status, now, why)
        for branch in self.branches:
            self._cancel_branch(branch, reason, why, now)

    def leave(self, now: float) -> None:
        """Another process goes on with it: nobody is told anything."""
        self._stop_timer_c()
        for branch in self.branches:
            if branch.transaction is not None:
                self._transactions.leave(branch.transaction, now)
            branch.let_go()
        self.server.forget(now)

    # --- cancelling

    def abandon(self, now: float, reason: str, why: str) -> None:
        """Nobody waits upstream any more, or the call is given up: nobody else is named either."""
        asker, self.asker = self.asker, None
        if asker is not None:
            asker.settled(now)
        if asker is not None or any(branch.is_waited_for for branch in self.branches):
            # What others answered before is not why it ends.
            self._best, self._best_branch, self._best_status = None, None, 487
        self.cancel(now, reason, why)

    def cancel(self, now: float, reason: str, why: str) -> None:
        """Cancel every branch that has no final response yet; `reason` is a Reason field for the phones."""
        self._next_never()
        if self._best_status == 480 and self._best is None:
            # That some were passed over is not why it ends.
            self._best_branch, self._best_status = None, 487
        if not self.branches and not self.is_over:
            # Where it goes is not known yet, and need not be known any more.
            self._owner.reply(self, 487, now)
        if self._later_never():
            # The refusal that led to asking again is not what ends this.
            self._best, self._best_branch, self._best_status = None, None, 487
            self._finish_if_over(now)
        for branch in self.branches:
            self._cancel_branch(branch, reason, why, now)
        self._finish_if_over(now)

    def _cancel_branch(self, branch: Branch, reason: str, why: str, now: float) -> None:
        if branch.status or branch.cancel_reason is not None:
            return
        branch.cancel_reason = reason
        if branch.transaction is not None:
            branch.transaction.stop_repeating()
        if not branch.is_waited_for:
            # It is given up without its word.
            self._remember(branch.silence if branch.is_passed_over else 487, branch, None)
        self._owner.note(self, "fork.branch-cancelled", now, target=branch.name, why=why)
        self._cancel_if_wanted(branch, now)

    def _cancel_if_wanted(self, branch: Branch, now: float) -> None:
        """A CANCEL goes out once the branch has answered provisionally (RFC 3261 section 9.1)."""
        transaction = branch.transaction
        if branch.cancel_reason is None or transaction is None or transaction.state is not State.PROCEEDING:
            return
        layer = self._transactions
        if (transaction.branch, "CANCEL") in layer.clients:
            return
        data = _cancel_of(transaction.data, branch.cancel_reason)
        layer.start(transaction.branch, "CANCEL", transaction.call_id, data, transaction.hop, NOBODY, now)
        layer.timers.start(layer.values.timeout, now, lambda then: self._never_cancelled(branch, then))

    def _never_cancelled(self, branch: Branch, now: float) -> None:
        """64*T1 after CANCEL without a final response: the branch is gone (RFC 3261 section 9.1). Who was out of
        reach may take up the phone yet, and is heard for as long again, to be told."""
        if not branch.status:
            self._transactions.timers.start(self._transactions.values.timeout, now, branch.forget)
            self.failed(branch, 408, "no answer to CANCEL", now)


def _is_asked_again(branch: Branch, status: int) -> bool:
    """Whether what a branch says may lead to another question, to it or to others."""
    return status in _ASKED_AGAIN or (status < 400 and branch.heading.follows > 0)


def rank(status: int) -> tuple[int, int, int]:
    """Lower is better: 6xx, then the lowest class, within it what tells how to try again."""
    group = status // 100
    return (0 if group == 6 else group, 0 if status in _TELLING else 1, status in (408, 480, 487))


def _cancel_of(invite: bytes, reason: str) -> bytes:
    """The CANCEL of an INVITE we sent (RFC 3261 section 9.1)."""
    request = Message.parse(invite)
    lines = [f"CANCEL {request.uri} SIP/2.0", f"Via: {request.all('Via')[0]}"]
    lines += [f"Route: {route}" for route in request.all("Route")]
    lines += ["Max-Forwards: 70", f"From: {request.first('From')}", f"To: {request.first('To')}"]
    lines += [f"Call-ID: {request.call_id}", f"CSeq: {request.cseq.number} CANCEL"]
    if reason:
        lines.append(f"Reason: {reason}")
    lines.append("Content-Length: 0\r\n\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")

"""One target of a request that was sent on: what it was sent, and what came of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from talkpath.base.address import Hop
from talkpath.base.unsent import Unsent
from talkpath.edge.calls.call import Party
from talkpath.edge.routing.heading import Heading
from talkpath.media.policy import Profile
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction, State

#: The flow brought no answer of the phone itself: another may (RFC 5626 section 5.3).
FLOW_FAILED = (408, 430)
#: The address does not serve now: another of the same name may (RFC 3263 section 4.3).
ADDRESS_FAILED = (503,)


class BranchOwner(Protocol):
    """What a branch tells its fork."""

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for another answer any more."""

    def answered(self, branch: Branch, response: Message, now: float) -> None:
        """A response came."""

    def failed(self, branch: Branch, status: int, why: str, now: float) -> None:
        """It ended without a final response."""


class Branch:
    """One target."""

    __slots__ = (
        "_fork",
        "asked",
        "cancel_reason",
        "cseq_shift",
        "heading",
        "hop",
        "is_passed_over",
        "is_place",
        "is_renamed",
        "name",
        "next_hop",
        "next_hop_after",
        "offered",
        "otherwise",
        "party",
        "path",
        "record_routes",
        "status",
        "transaction",
    )

    def __init__(
        self, fork: BranchOwner, hop: Hop, party: Party | None, heading: Heading, path: tuple[str, ...] = ()
    ) -> None:
        #: None once the server transaction is over: what comes on the branch then is answered to nobody.
        self._fork: BranchOwner | None = fork
        self.hop = hop
        #: The target in words, for the ledger.
        self.name = str(hop.remote)
        self.party = party
        self.transaction: ClientTransaction | None = None
        #: The final status, 0 while there is none.
        self.status = 0
        self.cancel_reason: str | None = None
        #: Where its request goes beyond the hop, and the profile that it offered.
        self.heading = heading
        self.path = path
        self.offered: Profile | None = None
        #: The request that offered it, until it is accepted.
        self.asked = b""
        #: What the CSeq of its request has more than the one that came.
        self.cseq_shift = 0
        #: It rang long enough, and others are tried.
        self.is_passed_over = False
        #: How many Record-Route entries we put into its request.
        self.record_routes = 0
        #: How else it is sent when the connection that carries it fails before any answer.
        self.otherwise: Callable[[float], None] | None = None
        #: Tries the next flow of a phone, or the next address of a name, told whether this one may have brought the
        #: request; and the answers after which it does.
        self.next_hop: Callable[[float, bool], None] | None = None
        self.next_hop_after: tuple[int, ...] = ()
        #: From or To of its request are not as they came.
        self.is_renamed = False
        #: It leads where a name or an address says, and not to a phone that registered.
        self.is_place = False

    @property
    def is_silent(self) -> bool:
        """Whether nothing came back yet."""
        return self.transaction is not None and self.transaction.state in (State.CALLING, State.TRYING)

    @property
    def is_waited_for(self) -> bool:
        """Whether the one answer waits for it. Who is to be cancelled and never said a word may be gone, and can not
        even be told before it says one (RFC 3261 section 9.1): nobody waits half a minute for that. A request that is
        no INVITE can not be cancelled, and a phone may yet answer it."""
        if self.status:
            return False
        is_let_be = self.cancel_reason is not None or (self.is_place and self.is_passed_over)
        return not (is_let_be and self.is_silent)

    @property
    def silence(self) -> int:
        """What its silence counts as: nobody is at the phone, or nobody at the place."""
        return 408 if self.is_place else 480

    @property
    def unsent(self) -> int:
        """What it counts as that nothing can leave for there: a phone is not there, a place does not serve (RFC 3261
        section 16.9)."""
        return 503 if self.is_place else 480

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        if self._fork is not None:
            self._fork.answered(self, response, now)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        if self._fork is not None:
            self._fork.failed(self, 408, "timeout", now)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        if self._fork is not None and not self._sent_otherwise(now):
            self._fork.failed(self, self.unsent, why, now)

    def on_silence(self, now: float) -> None:
        """Nothing came down the connection for long."""
        transaction = self.transaction
        if self.otherwise is None or transaction is None or not self.is_silent:
            return
        transaction.abandon(now)
        if not self._sent_otherwise(now) and self._fork is not None:
            self._fork.failed(self, self.unsent, Unsent.UNREACHABLE, now)

    def _sent_otherwise(self, now: float) -> bool:
        otherwise, self.otherwise = self.otherwise, None
        if otherwise is None or self._fork is None or self._fork.is_settled or self.cancel_reason is not None:
            return False
        otherwise(now)
        return True

    def forget(self, now: float) -> None:
        """Expect no answer any more."""
        if self.transaction is not None and self.transaction.state is State.PROCEEDING:
            self.transaction.abandon(now)
        self.let_go()

    def let_go(self) -> None:
        """Hold the fork no more: what is over must go by counting, not wait for the collector."""
        self._fork = self.otherwise = self.next_hop = None

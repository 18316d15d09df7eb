"""A request that somebody outside the edge routes (a script): what is asked, and how the answer comes back.

The edge asks, and goes on when `decide` is called, at once or later. Meanwhile the request is open: its sender may
cancel it, and nothing else waits for it.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple, Protocol

from talkpath.base.address import Flow
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.routing.plan import Plan
from talkpath.sip.message import Message


class Answer(NamedTuple):
    """A final answer of our own: a refusal, or a redirection. `fields` are whole header lines."""

    status: int
    reason: str = ""
    fields: str = ""


class Verb(Enum):
    """`USUAL`: as without a script. `OUTCOME`: the caller gets the best answer of the attempts. `CHALLENGE`: the
    sender must say who it is. `DROP`: no answer at all."""

    USUAL = auto()
    OUTCOME = auto()
    CHALLENGE = auto()
    DROP = auto()


class Usual(NamedTuple):
    """As without a script, but for what changes on the way."""

    changes: Changes


Verdict = Plan | Answer | Verb | Usual


class Outcome(NamedTuple):
    """How an attempt ended: the status that the caller got (2xx) or would get, and who answered ("" for nobody)."""

    status: int
    reason: str = ""
    by: str = ""

    @property
    def is_answered(self) -> bool:
        return 200 <= self.status < 300


class Inquiry(Protocol):
    """One question. `user` is whom the sender has proven to be, `gateway` the name of the gateway that it came from
    and `gateway_group` its group, each "" for none; `is_dry` says that nothing is sent: somebody wants
    to know what would happen."""

    message: Message
    flow: Flow
    user: str
    gateway: str
    gateway_group: str
    is_dry: bool
    #: called once when nobody waits for the answer any more: the caller gave up, or its time is over
    on_over: Callable[[float], None] | None

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of the call."""

    def attempt(self, plan: Plan, done: Callable[[Outcome, float], None], now: float) -> None:
        """Carry out a plan, and hear how it ended; the question stays open unless somebody answered."""

    def decide(self, verdict: Verdict, now: float) -> None:
        """The answer. Only the first counts."""


class Within(Protocol):
    """A request within a call: whether it goes on, and how."""

    message: Message
    call_id: str

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of the call."""

    def go_on(self, word: Answer | Changes | None, now: float) -> None:
        """The answer: a refusal, or None to let it pass, or what changes on its way. Only the first counts."""


class Router(Protocol):
    """Whoever is asked. Answers through the callables, now or later."""

    #: methods of requests outside dialogs, and of requests within them, that it wants to be asked about
    begins: frozenset[str]
    within: frozenset[str]

    def ask(self, inquiry: Inquiry, now: float) -> None:
        """Where a request goes."""

    def ask_within(self, within: Within, now: float) -> None:
        """Whether a request within a call goes on, and how."""

    def remembered(self, call_id: str, caller_tag: str) -> bytes:
        """What it keeps of a call that runs, as data for another process; b"" for nothing."""

    def recall(self, call_id: str, caller_tag: str, data: bytes) -> None:
        """The call goes on here, of which another process remembered this."""

    def ended(self, call_id: str, caller_tag: str, now: float) -> None:
        """What it was asked about is over: the call, or the INVITE that began none."""

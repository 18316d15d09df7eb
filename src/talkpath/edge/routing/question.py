"""One request that a script routes: the edge's end of an `Inquiry`, between the asked and the fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from talkpath.base.address import Flow
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.inquiry import Answer, Outcome, Usual, Verb, Verdict
from talkpath.edge.routing.plan import Plan
from talkpath.sip.message import Message


class QuestionOwner(Protocol):
    """What a question asks of the proxy."""

    def carry_out(self, fork: Fork, heading: Heading, plan: Plan, now: float) -> None:
        """Carry a plan of somebody outside out. Raises Refusal."""

    def refuse(self, fork: Fork, answer: Answer, now: float) -> None:
        """Answer in our own name."""

    def as_usual(self, fork: Fork, heading: Heading, now: float, changes: Changes | None = None) -> None:
        """Route it as without a script, but for what changes on the way."""

    def challenge(self, fork: Fork, now: float) -> None:
        """The sender must say who it is."""

    def drop(self, fork: Fork, now: float) -> None:
        """Give no answer at all."""

    def decided(self, fork: Fork, now: float) -> None:
        """Nobody is asked any more about a request. If it began no call, this is its end."""

    def note(self, call_id: str, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of a call."""


def plain(values: dict[str, str | int | float]) -> dict[str, str | int | float]:
    """Values as the ledger and the history keep them: text of a kind of its own would stop the writing."""
    return {name: str(value) if isinstance(value, str) else value for name, value in values.items()}


class Question:
    """Implements `Inquiry`; the fork stays open while it is its `asker`."""

    __slots__ = (
        "_done",
        "_fork",
        "_heading",
        "_owner",
        "flow",
        "gateway",
        "gateway_group",
        "is_dry",
        "message",
        "on_over",
        "user",
    )

    def __init__(self, owner: QuestionOwner, fork: Fork, heading: Heading) -> None:
        arrival = fork.arrival
        self._owner = owner
        self._fork: Fork | None = fork
        self._heading = heading
        self._done: Callable[[Outcome, float], None] | None = None
        self.message: Message = arrival.message
        self.flow: Flow = arrival.flow
        self.user = arrival.proven
        settings = arrival.gateway.settings if arrival.gateway is not None else None
        self.gateway = settings.name if settings is not None else ""
        self.gateway_group = settings.group if settings is not None else ""
        self.is_dry = False
        self.on_over: Callable[[float], None] | None = None
        fork.asker = self

    @property
    def is_open(self) -> bool:
        """Whether the answer still matters."""
        return self._fork is not None

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of the call, also after the answer: what was decided is carried out then."""
        self._owner.note(self.message.call_id, kind, now, **plain(values))

    def attempt(self, plan: Plan, done: Callable[[Outcome, float], None], now: float) -> None:
        """Carry out a plan, and hear how it ended."""
        fork = self._fork
        if fork is None:
            return
        self._done = done
        try:
            self._owner.carry_out(fork, self._heading, plan, now)
        except Refusal as refusal:
            fork.could_not(refusal.status, refusal.reason)
            self.exhausted(now)

    def decide(self, verdict: Verdict, now: float) -> None:
        """The answer. Only the first counts."""
        fork = self._let_go()
        if fork is None:
            return
        try:
            if not fork.is_settled:
                self._follow(fork, verdict, now)
        except Refusal as refusal:
            fork.could_not(refusal.status, refusal.reason)
            fork.finish(now)
        self._owner.decided(fork, now)

    def _follow(self, fork: Fork, verdict: Verdict, now: float) -> None:
        if isinstance(verdict, Plan):
            self._owner.carry_out(fork, self._heading, verdict, now)
        elif isinstance(verdict, Answer):
            self._owner.refuse(fork, verdict, now)
        elif verdict is Verb.USUAL:
            self._owner.as_usual(fork, self._heading, now)
        elif isinstance(verdict, Usual):
            self._owner.as_usual(fork, self._heading, now, verdict.changes)
        elif verdict is Verb.CHALLENGE:
            self._owner.challenge(fork, now)
        elif verdict is Verb.DROP:
            self._owner.drop(fork, now)
        else:
            fork.finish(now)

    def _let_go(self) -> Fork | None:
        """Nobody asks any more."""
        # What it asked knows it too, and neither would go without the collector of garbage.
        fork, self._fork, self._done, self.on_over = self._fork, None, None, None
        if fork is not None:
            fork.asker = None
        return fork

    # --- what the fork tells

    def exhausted(self, now: float) -> None:
        """Everybody of an attempt was tried; somebody else may be named."""
        done, self._done = self._done, None
        if done is not None and self._fork is not None:
            done(self._fork.outcome(), now)

    def settled(self, now: float) -> None:
        """Somebody answered, or nobody waits for an answer any more."""
        done, on_over = self._done, self.on_over
        fork = self._let_go()
        if fork is None:
            return
        if done is not None and fork.is_won:
            done(fork.outcome(), now)
        elif on_over is not None:
            on_over(now)
        self._owner.decided(fork, now)

"""One gateway: whether it is there, what it carries, and how that went.

    NEW    a probe is answered                  -> UP
    NEW    `failures` probes in a row fail      -> DOWN
    UP     `failures` probes in a row fail      -> DOWN
    DOWN   `successes` probes in a row succeed  -> UP
    DOWN   a call gets a word                   -> UP

A gateway that is NEW is called. What calls tell beside that is the circuit breaker's (`breaker.py`): a machine may
answer OPTIONS and carry no call.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from talkpath.base import limits
from talkpath.base.address import Target
from talkpath.edge.gateways.agenda import Agenda
from talkpath.edge.gateways.breaker import Breaker, Circuit
from talkpath.edge.gateways.numbering import uri_of
from talkpath.edge.gateways.settings import GatewaySettings
from talkpath.edge.gateways.window import Outcomes, Window

#: What names a call: its Call-ID and the caller's tag, and whatever else tells two tries of one call apart.
Key = tuple[str, ...]

# A busy gateway that names no better time gets no call for so long at most (RFC 3261 section 21.5.4).
_LONGEST_PAUSE_S = 120.0


class State(StrEnum):
    """What is known of a gateway, in one word."""

    NEW = "new"
    UP = "up"
    DOWN = "down"
    #: Its circuit is open; one call is let through to see whether it works again.
    BROKEN = "broken"
    TRIAL = "trial"
    #: It asked for a pause with 503 and Retry-After.
    PAUSED = "paused"
    DISABLED = "disabled"


class How(StrEnum):
    """How a call failed at a gateway."""

    NO_ANSWER = "no-answer"
    #: The connection was refused or not trusted, or ICMP said that nobody is there.
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    #: It answered with a status that says so (500, 502, 503, 504 ...).
    STATUS = "status"
    #: It answered in a way of which no call can be made.
    UNUSABLE = "unusable"
    #: It wants credentials that we do not have, or refused those that we have.
    CREDENTIALS = "credentials"


class Told(NamedTuple):
    """Something about a gateway that an operator wants to know: `kind` is a key of the room's words."""

    at: float
    gateway: str
    kind: str
    why: str = ""
    #: the node of the cluster that found it, "" for this one
    node: str = ""


class Said(NamedTuple):
    """What nodes of a cluster tell each other of a gateway. `until`: how long it is paused or its circuit open, in
    seconds since the epoch. `channels` taken there and calls `begun` there since its start are told of a gateway that
    limits them."""

    address: str
    state: str
    why: str = ""
    until: float = 0.0
    channels: int = 0
    begun: int = 0


class _Seat:
    """One call on a gateway."""

    __slots__ = ("begun_at", "is_counted", "is_heard")

    def __init__(self, begun_at: float, is_counted: bool) -> None:
        self.begun_at = begun_at
        #: Whether its outcome is known. What came in from the gateway has none.
        self.is_counted = is_counted
        self.is_heard = False


class Gateway:
    """See the module's docstring. Its group hears through `changed` that it is there or not, or what it carries."""

    __slots__ = (
        "_agenda",
        "_failures",
        "_is_spent",
        "_seats",
        "_successes",
        "_tell",
        "_tokens",
        "_tokens_at",
        "answers",
        "attempts",
        "breaker",
        "changed",
        "doubt",
        "elsewhere",
        "failures",
        "health",
        "heard_from",
        "is_disabled",
        "last_failure",
        "last_failure_at",
        "last_used",
        "latency_s",
        "open_until",
        "paused_until",
        "place",
        "registered_until",
        "registration",
        "registration_why",
        "settings",
        "since",
        "targets",
        "uri",
        "why",
        "window",
    )

    def __init__(self, settings: GatewaySettings, agenda: Agenda, tell: Callable[[Told], None], now: float) -> None:
        self.settings = settings
        #: Where it is.
        self.uri = uri_of(settings)
        self._agenda = agenda
        self._tell = tell
        self._seats: dict[Key, _Seat] = {}
        self._failures = self._successes = 0
        self._tokens, self._tokens_at, self._is_spent = max(1.0, settings.calls_per_s), now, False
        self.breaker = Breaker(settings.breaker)
        self.window = Window()
        self.health = State.NEW
        self.is_disabled = False
        #: When its state last changed, and why: a reason word, maybe with a status behind it.
        self.since = now
        self.why = ""
        #: The node of the cluster that found this, "" for this one.
        self.heard_from = ""
        #: Calls that other nodes run over it.
        self.elsewhere = 0
        #: How long its last answer took to OPTIONS, or the first word to INVITE; None before there was any.
        self.latency_s: float | None = None
        self.last_failure = ""
        self.last_failure_at = 0.0
        self.last_used = 0.0
        self.paused_until = self.open_until = 0.0
        #: Since the start: calls it was given, that were answered, that failed there.
        self.attempts = self.answers = self.failures = 0
        #: Where its name leads, as of the last look-up.
        self.targets: list[Target] = []
        #: What stands of our registration there, "" where there shall be none (`registering.py`).
        self.registration = self.registration_why = ""
        self.registered_until = 0.0
        #: Its place in its group, and who wants to know of changes.
        self.place = 0
        self.changed: Callable[[Gateway, float], None] = _nobody
        #: Who looks at once whether it is there, when a call says that it may not be.
        self.doubt: Callable[[float], None] = _nothing

    def succeed(self, before: "Gateway") -> None:
        """Take the place of the one that had its name: the calls that run over it take their channels here, and what
        the operator disabled stays so."""
        self._seats, self.elsewhere, self.is_disabled = before._seats, before.elsewhere, before.is_disabled
        # Calls know the gateway that they began with, and give their channels back to that.
        before.changed = lambda gateway, now: self.changed(self, now)

    # --- what it may take

    @property
    def state(self) -> State:
        """In one word, the strongest reason not to use it first."""
        if self.is_disabled:
            return State.DISABLED
        if self.health is State.DOWN:
            return State.DOWN
        if self.breaker.circuit is Circuit.OPEN:
            return State.BROKEN
        if self.paused_until:
            return State.PAUSED
        return State.TRIAL if self.breaker.circuit is Circuit.TRIAL else self.health

    @property
    def channels(self) -> int:
        """Calls that run over it, those that it brought and those of other nodes included."""
        return len(self._seats) + self.elsewhere

    def outcomes(self, now: float) -> Outcomes:
        """What became of the calls that it was given within the last five minutes."""
        self.window.move(now)
        return self.window.total

    @property
    def barred(self) -> str:
        """Why it gets no call now, as a reason word; "" where it may get one."""
        state = self.state
        if state not in (State.NEW, State.UP, State.TRIAL):
            return str(state)
        if state is State.TRIAL and self.breaker.trial:
            return "on-trial"
        if self.settings.channels and self.channels >= self.settings.channels:
            return "full"
        return "too-many-a-second" if self._is_spent else ""

    def _spend(self, calls: int, now: float) -> None:
        """So many more of its calls a second; where that were the last for now, it is known when the next may go.
        What other nodes begin at the same moment may be more than there is, by what a second gives at most."""
        rate = self.settings.calls_per_s
        if not rate:
            return
        most = max(1.0, rate)
        self._tokens = max(min(most, self._tokens + (now - self._tokens_at) * rate) - calls, -most)
        self._tokens_at = now
        if self._tokens < 1 and not self._is_spent:
            self._is_spent = True
            self._agenda.at(now + (1 - self._tokens) / rate, self._recovered)

    def _recovered(self, now: float) -> None:
        self._is_spent = False
        self._spend(0, now)
        self.changed(self, now)

    # --- calls

    def begun(self, key: Key, now: float) -> None:
        """A call is sent to it."""
        self._spend(1, now)
        self.breaker.begun(key)
        self._seats[key] = _Seat(now, False)
        self.attempts += 1
        self.last_used = now
        self.changed(self, now)

    def came(self, key: Key, now: float) -> None:
        """A call came from it: it takes a channel, and tells nothing of what the gateway carries."""
        self._seats[key] = _Seat(now, True)
        self.changed(self, now)

    def heard(self, key: Key, now: float) -> None:
        """A call got its first word from it, be it 100 Trying: it works on it."""
        seat = self._seats.get(key)
        if seat is None or seat.is_heard:
            return
        seat.is_heard = True
        self.latency_s = now - seat.begun_at
        self._works(now)

    def answered(self, key: Key, now: float) -> None:
        """Somebody took the call."""
        seat = self._outcome(key)
        if seat is not None:
            self.answers += 1
            self.window.slot(now).answered += 1
            self.window.total.answered += 1
            self._works(now)
            self.changed(self, now)

    def refused(self, key: Key, now: float) -> None:
        """The call got to somebody who is busy, away or unwilling, or to a number that there is not."""
        if self._outcome(key) is not None:
            self.window.slot(now).carried += 1
            self.window.total.carried += 1
            self._works(now)
        self.over(key, now)

    def failed(self, key: Key, how: How, why: str, now: float, *, retry_after_s: float = 0.0) -> None:
        """The call failed at the gateway itself; `why` is a reason word, maybe with a status behind it.
        `retry_after_s` is what a 503 asked for, 0 for nothing."""
        if self._outcome(key) is None:
            self.over(key, now)
            return
        self.failures += 1
        self.window.slot(now).failed += 1
        self.window.total.failed += 1
        self._note_failure(why, now)
        open_s = self.breaker.failed(key)
        if open_s is not None:
            self._open_until(now + open_s, self.last_failure, now)
        if retry_after_s > 0:
            self._pause(now + min(retry_after_s, _LONGEST_PAUSE_S), self.last_failure, now)
        if how in (How.NO_ANSWER, How.UNREACHABLE):
            self.doubt(now)
        self.over(key, now)

    def over(self, key: Key, now: float) -> None:
        """The call takes no channel any more. Who ended it before it was answered or refused gave it up."""
        seat = self._seats.pop(key, None)
        if seat is None:
            return
        if not seat.is_counted:
            self.window.slot(now).given_up += 1
            self.window.total.given_up += 1
        self.breaker.over(key)
        self.changed(self, now)

    def _outcome(self, key: Key) -> _Seat | None:
        """The seat of a call whose outcome is told for the first time."""
        seat = self._seats.get(key)
        if seat is None or seat.is_counted:
            return None
        seat.is_counted = True
        return seat

    def _works(self, now: float) -> None:
        """It works on a call."""
        if self.breaker.heard():
            self._turn("back", "call", now)
        if self.health is State.DOWN:
            self._failures, self.health = 0, State.UP
            self._turn("back", "call", now)

    def _open_until(self, until: float, why: str, now: float, node: str = "") -> None:
        self.open_until = until
        self._turn("broken", why, now, node)
        self._agenda.at(until, self._let_try)

    def _let_try(self, now: float) -> None:
        self.breaker.let_try()
        self.changed(self, now)

    def _pause(self, until: float, why: str, now: float, node: str = "") -> None:
        self.paused_until = until
        self._turn("paused", why, now, node)

        def on(then: float) -> None:
            if self.paused_until == until:
                self.paused_until = 0.0
                self.changed(self, then)

        self._agenda.at(until, on)

    # --- probes

    def probed(self, latency_s: float, now: float) -> None:
        """A probe was answered."""
        self.latency_s = latency_s
        self._failures = 0
        self._successes += 1
        if self.health is State.NEW:
            self.health = State.UP
            self._turn("up", "", now)
        elif self.health is State.DOWN and self._successes >= self.settings.probe.successes:
            self.health = State.UP
            self._turn("back", "probe", now)

    def missed(self, why: str, now: float) -> None:
        """A probe failed: for want of an answer, a way or an address, or by a status that says so."""
        self._successes = 0
        self._failures += 1
        self._note_failure(why, now)
        # Each of several addresses gets its chance.
        needed = max(self.settings.probe.failures, min(len(self.targets), limits.GATEWAY_TARGETS))
        if self.health is not State.DOWN and self._failures >= needed:
            self.health = State.DOWN
            self._turn("down", why, now)

    @property
    def is_doubtful(self) -> bool:
        """Whether the next probe decides something: it is sent soon."""
        if self.health is State.DOWN:
            return 0 < self._successes < self.settings.probe.successes
        return self._failures > 0

    # --- other nodes

    def said(self) -> Said:
        """What they are to know of it."""
        state, settings = self.state, self.settings
        until = self.open_until if state is State.BROKEN else self.paused_until if state is State.PAUSED else 0.0
        channels = len(self._seats) if settings.channels else 0
        begun = self.attempts if settings.calls_per_s else 0
        return Said(settings.address, str(state), self.why, until, channels, begun)

    def heard_of(self, node: str, said: Said, before: Said | None, now: float) -> None:
        """A node says what it knows of it, and said `before`. That it is gone is believed until a probe of our own
        is answered: seen from here it may be there."""
        if said.address != self.settings.address:
            return
        if before is not None:
            self._spend(max(0, said.begun - before.begun), now)
            if (before.state, before.until) == (said.state, said.until):
                return
        match said.state:
            case State.DOWN:
                if self.health is not State.DOWN and self.settings.probe.interval_s > 0:
                    self.health, self._successes = State.DOWN, self.settings.probe.successes - 1
                    self._turn("down", said.why, now, node)
                    self.doubt(now)
            case State.BROKEN:
                if said.until > now and self.breaker.open():
                    self._open_until(said.until, said.why, now, node)
            case State.PAUSED:
                if said.until > max(now, self.paused_until):
                    self._pause(min(said.until, now + _LONGEST_PAUSE_S), said.why, now, node)
            case State.UP:
                self._heard_works(node, "" if before is None else before.state, now)

    def _heard_works(self, node: str, before: str, now: float) -> None:
        if self.health is State.DOWN:
            self.doubt(now)
        elif before in (State.BROKEN, State.TRIAL) and self.breaker.heard():
            self._turn("back", "call", now, node)

    def taken_elsewhere(self, said: list[Said], now: float) -> None:
        """The nodes that are there say this: their calls take its channels."""
        channels = sum(one.channels for one in said if one.address == self.settings.address)
        if channels != self.elsewhere:
            self.elsewhere = channels
            self.changed(self, now)

    # --- the operator

    def disable(self, is_disabled: bool, now: float) -> None:
        """Give it no calls any more, or again. Those that run go on."""
        if is_disabled is not self.is_disabled:
            self.is_disabled = is_disabled
            self._turn("disabled" if is_disabled else "enabled", "operator", now)

    # --- telling

    def tell(self, kind: str, why: str, now: float, node: str = "") -> None:
        """What an operator wants to know, and changes nothing of the state."""
        self._tell(Told(now, self.settings.name, kind, why, node))

    def _note_failure(self, what: str, now: float) -> None:
        self.last_failure, self.last_failure_at = what, now

    def _turn(self, kind: str, why: str, now: float, node: str = "") -> None:
        """The state changed; `node` of the cluster says so, "" where we found it."""
        self.since, self.why, self.heard_from = now, why, node
        self.tell(kind, why, now, node)
        self.changed(self, now)


def _nobody(gateway: Gateway, now: float) -> None:
    """Nobody wants to know."""


def _nothing(now: float) -> None:
    """Nobody looks."""

"""Asks an operator's script about calls, and tells the edge what it decided.

What fails refuses: an exception and anything that is no decision with 500, a deadline that passes with 503. The story
of the call says where the script decided or failed. A function that began goes on with the script that it began with;
what is asked after a reload, also within calls that run, is asked of the new one.
"""

import logging
import os
import traceback
from asyncio import AbstractEventLoop, Future, TimerHandle
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.routing.inquiry import Answer, Inquiry, Verb, Verdict, Within
from talkpath.edge.routing.inquiry import Outcome as EdgeOutcome
from talkpath.routing.answers import Edit
from talkpath.routing.call import Call, Challenged, Wait
from talkpath.routing.caller import Origin
from talkpath.routing.edge import RequestFunction
from talkpath.routing.forgetting import forgotten, kept, kept_by_script
from talkpath.routing.hints import hint_of
from talkpath.routing.holdup import HeldUp, HoldUps
from talkpath.routing.loading import Script, described, first_of, place_of
from talkpath.routing.memory import Memory, read, written
from talkpath.routing.mistakes import Place
from talkpath.routing.planning import NoDecision, answer_of, changes_of, misread, plan_of, verdict_of
from talkpath.routing.routes import Decision, Outcome, Rejection, Route
from talkpath.routing.running import Runner, Running, TooMany
from talkpath.routing.within import OFFERING, CallWithin, Request

_log = logging.getLogger(__name__)

_FAILED = Answer(500)
_LATE = Answer(503)
_TOO_LATE = "call.to() after the call is answered or decided about; nobody else can be tried"


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """How a script is asked. `region` is where numbers without + are dialled ("DE"), "" for nowhere."""

    deadline_s: float = 5.0
    region: str = ""


class _Known:
    """What is remembered of a call while it runs."""

    __slots__ = ("caller_tag", "gateway", "is_over", "later", "user", "vars")

    def __init__(self, caller_tag: str, user: str, gateway: Origin) -> None:
        self.caller_tag = caller_tag
        self.user = user
        self.gateway = gateway
        #: whether it ended, maybe while the script still thinks
        self.is_over = False
        self.vars: dict[str, Any] = {}
        #: edits of every offer that is still to come
        self.later: list[Edit] = []


class ScriptRouter:
    """See the module's docstring. Implements `edge.inquiry.Router`."""

    def __init__(
        self,
        script: Script,
        settings: RouterSettings,
        loop: AbstractEventLoop,
        now: Callable[[], float],
        answered: Callable[[], None],
        hold_ups: HoldUps | None = None,
    ) -> None:
        """`now` gives the time of the edge; `answered` is called when the edge was told something at a moment at
        which it does not listen anyway. `hold_ups` breaks off functions that block."""
        self.settings = settings
        self.now = now
        self.answered = answered
        self.loop = loop
        self.runner = Runner(loop, hold_ups)
        #: calls by their Call-ID and the caller's tag, from the question to the end
        self._known: dict[tuple[str, str], _Known] = {}
        #: whether a call ever said how its later offers are edited
        self._edits_later = False
        self.use(script)

    def use(self, script: Script) -> None:
        """Ask this script from now on."""
        self.script = script
        self._told: set[str] = set()
        self.begins = frozenset(("INVITE",)) if script.on_call is not None else frozenset()
        self._hear()

    def _hear(self) -> None:
        """Which requests within calls we are asked about."""
        self.within = frozenset((*self.script.on_request, *(OFFERING if self._edits_later else ())))

    # --- what the edge asks

    def ask(self, inquiry: Inquiry, now: float) -> None:
        """Where a call goes."""
        gateway = Origin(inquiry.gateway, inquiry.gateway_group)
        known = _Known(inquiry.message.from_tag, inquiry.user, gateway)
        if not inquiry.is_dry:
            # Also where no hook wants to know: the next script may have one.
            self._remember((inquiry.message.call_id, known.caller_tag), known)
        _Question(self, inquiry, known).begin(now)

    def _remember(self, key: tuple[str, str], known: _Known) -> None:
        """The first question of a call counts: a second way through us is the same call."""
        if key in self._known:
            return
        if len(self._known) >= limits.LEDGER_CALLS:
            del self._known[next(iter(self._known))]
        self._known[key] = known

    def edits_later(self, known: _Known) -> None:
        """A call said how its later offers are edited."""
        if not known.is_over and not self._edits_later:
            self._edits_later = True
            self._hear()

    def ask_within(self, within: Within, now: float) -> None:
        """Whether a request within a call goes on."""
        hook = self.script.on_request.get(within.message.method) if within.message.is_request else None
        call_id, message = within.call_id, within.message
        known = self._known.get((call_id, message.from_tag)) or self._known.get((call_id, message.to_tag))
        if hook is None and (known is None or not known.later or not within.message.carries_sdp):
            within.go_on(None, now)
        else:
            _Hooked(self, within, hook, known).begin(now)

    def remembered(self, call_id: str, caller_tag: str) -> bytes:
        """Who calls, and the variables that another process understands. Edits of later offers are functions, and
        stay here."""
        known = self._known.get((call_id, caller_tag))
        return b"" if known is None else written(Memory(known.user, known.gateway, known.gateway.group, known.vars))

    def recall(self, call_id: str, caller_tag: str, data: bytes) -> None:
        """Hooks find again what they kept where the call ran before."""
        memory = read(data)
        if memory is not None:
            known = _Known(caller_tag, memory.user, Origin(memory.gateway, memory.group))
            known.vars = memory.vars
            self._remember((call_id, caller_tag), known)

    def ended(self, call_id: str, caller_tag: str, now: float) -> None:
        """A call is over, or an INVITE that began none."""
        known = self._known.pop((call_id, caller_tag), None)
        if known is not None:
            known.is_over = True

    def log(self, error: BaseException, place: str) -> None:
        """Each fault of a script is told once with all its lines; the calls that it costs tell of it, too."""
        fault = f"{place} {type(error).__name__}"
        if fault not in self._told and len(self._told) < limits.SCRIPT_FAULTS:
            self._told.add(fault)
            _log.warning("the script failed in %s", place)
            for line in _lines(error):
                _log.warning("%s", line)

    def close(self) -> None:
        """Nobody asks any more."""
        self.runner.close()


class _Asked:
    """A function of the script that was asked: its time, its end, what is told."""

    __slots__ = (
        "_at",
        "_began_at",
        "_notes",
        "_pauses",
        "_router",
        "_running",
        "_script",
        "_spent_s",
        "_timer",
        "is_decided",
    )

    def __init__(self, router: ScriptRouter) -> None:
        self._router = router
        self._script = router.script
        self._running: Running | None = None
        self._timer: TimerHandle | None = None
        #: the time while the edge waits for us to come back; None when it does not
        self._at: float | None = None
        self._began_at = 0.0
        self._spent_s = 0.0
        self._pauses = self._notes = 0
        self.is_decided = False

    @property
    def function(self) -> object:
        """The function of the script that is asked."""
        raise NotImplementedError

    @property
    def now(self) -> float:
        """The time of the edge."""
        return self._router.now() if self._at is None else self._at

    def run(self, coroutine: Any, now: float) -> None:
        """Run the function: to its end, or until it waits."""
        self._at = now
        try:
            self._running = self._router.runner.start(coroutine, self._ended)
        except TooMany:
            self.failed_with("script.crowded", None, _LATE, waiting=limits.SCRIPTS_WAITING)
        finally:
            self._at = None
        if self._running is not None and not self.is_decided:
            self._began_at = self._router.loop.time()
            self._wind()

    # --- the deadline

    def _wind(self) -> None:
        left_s = self._router.settings.deadline_s - self._spent_s
        if self._pauses == 0:
            self._timer = self._router.loop.call_later(max(left_s, 0.0), self._deadline)

    def _unwind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for what it decides: what it does then takes the time that it takes."""
        return False

    def pause(self) -> None:
        """What happens now takes its time, and none of the script's."""
        self._pauses += 1
        if self._timer is not None:
            self._spent_s += self._router.loop.time() - self._began_at
            self._unwind()

    def resume(self) -> None:
        """The script goes on."""
        self._pauses -= 1
        if self._pauses == 0 and not self.is_settled and self._running is not None and not self.is_decided:
            self._began_at = self._router.loop.time()
            self._wind()

    def _deadline(self) -> None:
        self._timer = None
        seconds, place = self._router.settings.deadline_s, self._waits_at()
        self.failed_with("script.late", None, _LATE, seconds=seconds, place=place)
        self._stop()

    def _waits_at(self) -> str:
        """The last line of the script on the way to what its function waits for."""
        place, folder = _place_of(self.function, self._script), f"{self._script.file.parent}{os.sep}"
        for file, line in self._running.waits_at() if self._running is not None else ():
            if file.startswith(folder) and "site-packages" not in file:
                place = Place(file, line)
        return place.brief

    def _stop(self) -> None:
        self._unwind()
        if self._running is not None:
            self._running.cancel()

    # --- its end

    def _ended(self, value: object, error: BaseException | None) -> None:
        """The function returned, or raised. Nothing that goes wrong here reaches anybody else."""
        self._unwind()
        try:
            if self.is_decided:
                return
            if error is None:
                self.returned(value)
            else:
                self.raised(error)
        except Exception as fault:  # noqa: BLE001 - the outermost driver: one call must not stop the others
            self._misfired(fault)
        finally:
            self.forget()

    def forget(self) -> None:
        """The function is over. What it had knows us, too: together they would wait for the collector of garbage."""
        self._running = None

    def _misfired(self, fault: Exception) -> None:
        """What it returned is no decision; or the edge could not carry it out."""
        if self.is_decided:
            _log.error("a decision could not be carried out; please report this", exc_info=fault)
        else:
            self.failed_with("script.failed", fault, _FAILED)

    def returned(self, value: object) -> None:
        """It gave a value."""
        raise NotImplementedError

    def raised(self, error: BaseException) -> None:
        """It raised: the peer broke the protocol, or the script is wrong."""
        if isinstance(error, HeldUp):
            self.failed_with("script.blocked", error, _LATE, seconds=self._router.runner.hold_ups.hold_s)
            return
        answer = Answer(400) if isinstance(error, Malformed) else _FAILED
        self.failed_with("script.failed", error, answer)

    def failed_with(self, kind: str, error: BaseException | None, answer: Answer, **values: str | float) -> None:
        """Refuse, and say why: in the story of the call, and in the log."""
        if error is not None:
            values |= _told(error, self._script, self.function)
            self._router.log(error, str(values["place"]))
        self.moment(kind, **values)
        self.refuse(answer)

    def moment(self, kind: str, **values: str | float) -> None:
        """A moment of the call."""
        raise NotImplementedError

    def refuse(self, answer: Answer) -> None:
        """Tell the edge that it failed."""
        raise NotImplementedError

    def note(self, text: str) -> None:
        """A remark of the script."""
        self._notes += 1
        if self._notes <= limits.SCRIPT_NOTES:
            self.moment("script.note", text=text if self._notes < limits.SCRIPT_NOTES else "...")

    def _edit_failed(self, error: BaseException) -> None:
        """An edit of a description could not be made, when its time came."""
        told = _told(error, self._script, self.function)
        self.moment("script.edit-failed", place=told["place"], error=told["error"], trace=told["trace"])

    def told(self) -> None:
        """The edge was told something; it listens now if it was not it that asked."""
        if self._at is None:
            self._router.answered()


class _Question(_Asked):
    """A call whose way is asked for."""

    __slots__ = ("_attempt", "_attempts", "_call", "_inquiry", "_is_answered", "_known")

    def __init__(self, router: ScriptRouter, inquiry: Inquiry, known: _Known) -> None:
        super().__init__(router)
        self._inquiry = inquiry
        self._known = known
        #: what the function is given, until it is over
        self._call: Call | None = Call(inquiry, self, router.settings.region, known.vars, known.later)
        self._attempt: Future[EdgeOutcome] | None = None
        self._attempts = 0
        self._is_answered = False

    @property
    def function(self) -> object:
        """The one that decides about calls."""
        return self._script.on_call

    @property
    def is_settled(self) -> bool:
        """Somebody took the call."""
        return self._is_answered

    def begin(self, now: float) -> None:
        """Ask."""
        function, call = self._script.on_call, self._call
        if function is None or call is None:
            self._inquiry.decide(Verb.USUAL, now)
            return
        self._inquiry.on_over = self._over
        self.run(function(call), now)

    def forget(self) -> None:
        super().forget()
        self._call = None

    def returned(self, value: object) -> None:
        call = self._call
        assert call is not None
        for wait in call.unawaited:
            raise NoDecision(_not_awaited(wait))
        if forgot := kept(call.vars.values()):
            raise NoDecision(forgot)
        if call.is_challenged:
            self.raised(Challenged())
            return
        verdict = verdict_of(value, call, self._edit_failed)
        assert isinstance(value, Decision | Outcome)
        self.moment("script.decided", place=value.place.brief, what=_shown(value))
        self._decide(verdict)

    def raised(self, error: BaseException) -> None:
        if self._call is not None and self._call.is_challenged and isinstance(error, Challenged):
            self.moment("script.decided", place=self._place(error), what="challenge")
            self._decide(Verb.CHALLENGE)
        else:
            super().raised(error)

    def _place(self, error: BaseException) -> str:
        place = place_of(error, self._script.file.parent)
        return place.brief if place is not None else self._script.file.name

    def _decide(self, verdict: Verdict | None) -> None:
        self.is_decided = True
        self._keep_edits()
        if verdict is not None:
            self._inquiry.decide(verdict, self.now)
            self.told()
        self._let_go()

    def _keep_edits(self) -> None:
        if self._known.later and not self._inquiry.is_dry:
            self._router.edits_later(self._known)

    def _let_go(self) -> None:
        """Whatever still waits for an attempt, waits in vain."""
        if self._attempt is not None:
            self._attempt.cancel()

    def refuse(self, answer: Answer) -> None:
        self._decide(answer)

    def moment(self, kind: str, **values: str | float) -> None:
        self._inquiry.note(kind, self.now, **values)

    def _over(self, now: float) -> None:
        """Nobody waits for the answer any more."""
        if not self.is_decided:
            self.is_decided = True
            self._let_go()
            self._stop()

    def attempt(self, route: Route, place: Place) -> Generator[Any, Any, Outcome]:
        """Carry out a route; the function waits."""
        call = self._call
        if call is None:
            raise RuntimeError(_TOO_LATE)
        for wait in call.unawaited:
            if wait.what != "call.to()":
                # Who is let in before that is awaited has proven nothing.
                raise NoDecision(_not_awaited(wait))
        if self._attempt is not None and not self._attempt.done():
            raise RuntimeError("one call.to() at a time; to ring several at once join them by together()")
        if self.is_decided or self._is_answered:
            raise RuntimeError(_TOO_LATE)
        if forgot := forgotten() or kept_by_script():
            raise NoDecision(forgot)
        self._attempts += 1
        if self._attempts > limits.SCRIPT_ATTEMPTS:
            raise RuntimeError(f"call.to() {self._attempts} times for one call; is there a loop without an end?")
        ended: Future[EdgeOutcome] = self._router.loop.create_future()
        self._attempt = ended

        def done(outcome: EdgeOutcome, then: float) -> None:
            if not ended.done():
                ended.set_result(outcome)

        self.moment("script.tried", place=place.brief, what=_shown(route))
        self.pause()
        try:
            plan = plan_of(route, call, self._edit_failed)
            self._keep_edits()
            hold_ups = self._router.runner.hold_ups
            hold_ups.end()
            self._inquiry.attempt(plan, done, self.now)
            self.told()
            hold_ups.begin()
            outcome = yield from ended
            self._is_answered = outcome.is_answered
        finally:
            self.resume()
        return Outcome(outcome, place)


class _Hooked(_Asked):
    """A request within a call."""

    __slots__ = ("_hook", "_known", "_request", "_within")

    def __init__(
        self, router: ScriptRouter, within: Within, hook: RequestFunction | None, known: _Known | None
    ) -> None:
        """Without a hook only what was said before of every offer is done."""
        super().__init__(router)
        self._within = within
        self._hook = hook
        self._known = known
        is_from_caller = known is not None and known.caller_tag == within.message.from_tag
        self._request = Request(within.message, is_from_caller)

    @property
    def function(self) -> object:
        """The hook for such requests."""
        return self._hook or self._script.on_call

    def begin(self, now: float) -> None:
        """Ask."""
        self.run(self._ask(), now)

    async def _ask(self) -> "Rejection | None":
        """What was said of every offer is done first, so that the hook sees what comes of it."""
        known = self._known
        if known is not None and known.later and self._request.offer:
            for edit in known.later:
                edit(self._request.offer)
        if self._hook is None:
            return None
        user, gateway = (known.user, known.gateway) if known is not None else ("", Origin())
        variables = known.vars if known is not None else {}
        return await self._hook(CallWithin(self._within.call_id, user, gateway, variables, self), self._request)

    def returned(self, value: object) -> None:
        if value is not None and not isinstance(value, Rejection):
            raise NoDecision(f"{misread(value).partition(';')[0]}; return None to let it pass, or reject()")
        if value is not None:
            self.moment("script.decided", place=value.place.brief, what=_shown(value))
            self._go_on(answer_of(value))
            return
        changes = changes_of(self._request, self._edit_failed)
        if changes is not None:
            method, place = self._within.message.method, _place_of(self.function, self._script)
            self.moment("script.changed", place=place.brief, method=method, what=_changed(changes))
        self._go_on(changes)

    def refuse(self, answer: Answer) -> None:
        self._go_on(answer)

    def _go_on(self, word: Answer | Changes | None) -> None:
        self.is_decided = True
        self._within.go_on(word, self.now)
        self.told()

    def moment(self, kind: str, **values: str | float) -> None:
        self._within.note(kind, self.now, **values)


def _not_awaited(wait: Wait[Any]) -> str:
    return f"{wait.what} in {wait.place.brief} was not awaited: write await {wait.what}"


def _told(error: BaseException, script: Script, function: object) -> dict[str, str | float]:
    """An error as values of a moment: in one line, where, and the way there through the script. What is returned has
    no line of its own; then it is the function's."""
    place = place_of(error, script.file.parent) or _place_of(function, script)
    near = hint_of(first_of(error))
    text = described(error) if not isinstance(error, NoDecision) else str(error)
    trace = " > ".join(f"{one.name} ({Place(one.filename, one.lineno or 0).brief})" for one in _frames(error))
    return {
        "error": (text + (f" (did you mean {near}?)" if near else ""))[: limits.SCRIPT_NOTE],
        "place": place.brief,
        "trace": _end_of(trace or getattr(function, "__name__", "")),
    }


def _end_of(trace: str) -> str:
    """The last steps of a long way, each whole."""
    if len(trace) <= limits.SCRIPT_NOTE:
        return trace
    return "... > " + trace[6 - limits.SCRIPT_NOTE :].partition(" > ")[2]


def _place_of(function: object, script: Script) -> Place:
    """Where a function begins."""
    code = getattr(function, "__code__", None)
    return Place(code.co_filename, code.co_firstlineno) if code is not None else Place(str(script.file))


def _changed(changes: Changes) -> str:
    """What is changed, in words of a script."""
    named = {
        "headers": changes.added or changes.removed,
        "offer": changes.offer or changes.codecs,
        "answer": changes.answer,
        "answer_headers": changes.answer_added or changes.answer_removed,
    }
    return ", ".join(name for name, is_changed in named.items() if is_changed)


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The way to an error, without the steps of ours."""
    own = os.path.dirname(__file__)
    return [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(own)]


def _lines(error: BaseException) -> Iterator[str]:
    """The same with the lines of the sources, as Python shows it."""
    for text in (*traceback.format_list(_frames(error)), *traceback.format_exception_only(error)):
        yield from text.rstrip().split("\n")


def _shown(value: object) -> str:
    return str(value)[: limits.SCRIPT_NOTE]

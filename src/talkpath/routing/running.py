"""Runs the functions of a script: at once, and in a task only where one waits for something.

A task for each call would cost more than most scripts do. Yet a library may ask in which task it runs (timeouts of
asyncio, anyio under httpx), and that must be one and the same from the first step to the last. So a task stands ready
beforehand: a function takes its first step in its name, and is handed over to it only when it waits.
"""

import asyncio
import logging
import signal
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import copy_context
from types import coroutine
from typing import Any

from talkpath.base import limits
from talkpath.routing.forgetting import FORGOTTEN, listen
from talkpath.routing.holdup import HoldUps, NoHoldUps
from talkpath.routing.planning import NoDecision

_log = logging.getLogger(__name__)

# What ends a task as such, and is not for whoever waits for a decision.
_Done = Callable[[object, BaseException | None], None]


class TooMany(Exception):
    """More functions wait than may."""


class Running:
    """A function of a script that began. `done(value, error)` is called once, when it ended."""

    __slots__ = ("_worker", "done", "is_over")

    def __init__(self, done: _Done, worker: "_Worker") -> None:
        self.done = done
        self._worker = worker
        self.is_over = False

    def finish(self, value: object, error: BaseException | None) -> None:
        """It ended."""
        if not self.is_over:
            self.is_over = True
            self.done(value, error)

    def waits_at(self) -> Iterator[tuple[str, int]]:
        """The way to what it waits for: file and line of each function on it."""
        step: Any = self._worker.script
        while step is not None:
            frame = getattr(step, "cr_frame", None) or getattr(step, "gi_frame", None)
            if frame is not None:
                yield frame.f_code.co_filename, frame.f_lineno
            step = getattr(step, "cr_await", None) or getattr(step, "gi_yieldfrom", None)

    def cancel(self) -> None:
        """End it where it waits. It is told by `CancelledError`, and may clean up."""
        if not self.is_over:
            self._worker.cancel()


class _Task(Task[None]):
    """A task that has begun before it is cancelled: one that has not would end without a word to its function. Who
    cancels it so soon is a timeout that passed while the first step of the function took its time, where the loop
    looks at timers first, as uvloop does."""

    has_begun = False

    def cancel(self, msg: Any = None) -> bool:
        """See `asyncio.Task`."""
        if self.has_begun:
            return super().cancel(msg)
        self.get_loop().call_soon(super().cancel, msg)
        return not self.done()


class _Worker:
    """A task that stands ready, and the function it was handed."""

    def __init__(self, loop: AbstractEventLoop, hold_ups: HoldUps | NoHoldUps) -> None:
        self._hold_ups = hold_ups
        self.context = copy_context()
        self.running: Running | None = None
        self.script: Coroutine[Any, Any, object] | None = None
        self._first: object = None
        self._handed: Future[None] = loop.create_future()
        #: coroutines that the function did not await
        self.forgotten: list[str] = []
        self.context.run(FORGOTTEN.set, self.forgotten)
        self._variables = list(self.context.items())
        self.task = _Task(_as_coroutine(self), loop=loop, context=self.context)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is left in it of the function that ran last."""
        if self.forgotten:
            return False
        return not self.task.done() and not self.task.cancelling() and list(self.context.items()) == self._variables

    def hand(self, running: Running, script: Coroutine[Any, Any, object], first: object) -> None:
        """Go on with a function that waits for `first`."""
        self.running, self.script, self._first = running, script, first
        self._handed.set_result(None)

    def cancel(self) -> None:
        """Cancel the task."""
        self.task.cancel()

    def carry(self) -> Generator[Any, Any, None]:
        """The body of the task."""
        value: object = None
        error: BaseException | None = None
        self.task.has_begun = True
        try:
            yield from self._handed
        except asyncio.CancelledError as cancelled:
            if self.script is None:
                raise
            error = cancelled
            if isinstance(self._first, Future):
                self._first.cancel()
        else:
            try:
                value = yield self._first
            except BaseException as thrown:  # noqa: BLE001 - whatever is thrown in is for the script
                error = thrown
        script = self.script
        assert script is not None
        while True:
            try:
                waits_for = self._step(script, value, error)
            except StopIteration as end:
                self._finish(end.value, None)
                return
            except BaseException as failed:
                self._finish(None, failed)
                if _is_of_a_person(failed):
                    raise
                return
            value, error = None, None
            try:
                value = yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - whatever is thrown in is for the script
                error = thrown

    def _step(self, script: Coroutine[Any, Any, object], value: object, error: BaseException | None) -> object:
        self._hold_ups.begin()
        try:
            return script.send(value) if error is None else script.throw(error)
        finally:
            self._hold_ups.end()

    def _finish(self, value: object, error: BaseException | None) -> None:
        running = self.running
        assert running is not None
        # It knows us, too: together they would wait for the collector of garbage.
        self.running = self.script = self._first = None
        running.finish(value, error or self.fault)

    @property
    def fault(self) -> BaseException | None:
        """What is wrong with a function that ended well: it took a coroutine for its result."""
        return NoDecision(self.forgotten[0]) if self.forgotten else None


def _is_of_a_person(error: BaseException) -> bool:
    """Whether somebody pressed Ctrl-C. Where the edge takes that itself, a script raised it, and ends no more by it
    than by anything else."""
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _close(script: Coroutine[Any, Any, object]) -> None:
    """End a function that goes no further. What it raises meanwhile has nobody to go to."""
    try:
        script.close()
    except Exception as error:  # noqa: BLE001 - whatever a script does when it is ended
        _log.warning("the script failed while it was ended: %s: %s", type(error).__name__, error)


@coroutine
def _as_coroutine(worker: _Worker) -> Generator[Any, Any, None]:
    return (yield from worker.carry())


class Runner:
    """See the module's docstring."""

    def __init__(self, loop: AbstractEventLoop, hold_ups: HoldUps | NoHoldUps | None = None) -> None:
        self._loop = loop
        self.hold_ups = hold_ups or NoHoldUps()
        listen()
        self._idle: _Worker | None = None
        #: functions that wait for something
        self.waiting = 0

    def start(self, script: Coroutine[Any, Any, object], done: _Done) -> Running | None:
        """Run a function to its end, or until it waits. `done` is called within this call in the first case; what is
        given back goes on. Raises TooMany instead of waiting."""
        worker, self._idle = self._idle, None
        if worker is None:
            worker = _Worker(self._loop, self.hold_ups)
        before = asyncio.current_task(self._loop) if self._is_running() else None
        if before is not None:
            asyncio._leave_task(self._loop, before)
        asyncio._enter_task(self._loop, worker.task)
        try:
            self.hold_ups.begin()
            first = worker.context.run(script.send, None)
        except StopIteration as end:
            value, error = end.value, worker.fault
        except BaseException as failed:  # noqa: BLE001 - it is told as the end of this one function
            value, error = None, failed
        else:
            return self._hand_over(worker, script, first, done)
        finally:
            self.hold_ups.end()
            asyncio._leave_task(self._loop, worker.task)
            if before is not None:
                asyncio._enter_task(self._loop, before)
        if self._idle is None and worker.is_fresh:
            self._idle = worker
        else:
            worker.cancel()
        done(value, error)
        if error is not None and _is_of_a_person(error):
            raise error
        return None

    def _hand_over(self, worker: _Worker, script: Coroutine[Any, Any, object], first: object, done: _Done) -> Running:
        if self.waiting >= limits.SCRIPTS_WAITING:
            _close(script)
            worker.cancel()
            raise TooMany
        self.waiting += 1

        def ended(value: object, error: BaseException | None) -> None:
            self.waiting -= 1
            done(value, error)

        running = Running(ended, worker)
        worker.hand(running, script, first)
        return running

    def _is_running(self) -> bool:
        return asyncio._get_running_loop() is self._loop

    def close(self) -> None:
        """End the task that stands ready."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

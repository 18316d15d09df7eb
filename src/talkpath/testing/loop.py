"""An event loop whose clock jumps: whoever sleeps is woken at once, in the order in which the times fall due.

Nothing else is different from asyncio's own loop. While a thread works for the loop (`run_in_executor`) its clock
stands still; where a script has real sockets open, they get a moment of real time before the clock jumps.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

Result = TypeVar("Result")
Args = TypeVarTuple("Args")

# What real sockets of a test get before the clock jumps.
_REAL_WAIT_S = 0.2
# Threads are waited for in steps, so that a test that hangs can be interrupted.
_STEP_S = 1.0
#: A test that waits longer than that waits for something that never comes: a day.
LIMIT_S = 86_400.0


class NothingHappens(Exception):
    """The test waits for something that cannot come any more."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. `time()` begins at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self._at_work = 0
        self._numbers = count()
        super().__init__(_Leaping(self))
        #: the sockets of the loop itself
        self._own = len(self._selector_map())

    def time(self) -> float:
        return self._now

    def leap(self, timeout_s: float | None) -> float:
        """How long to wait really before the next timer; the clock jumps where nothing real is waited for."""
        if self._at_work:
            return _STEP_S
        if timeout_s is None:
            raise NothingHappens("the test waits, and nothing is left that could happen")
        self._now += timeout_s
        return 0.0

    def call_at(
        self, when: float, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, whose timers of the same time fire in any order: here in the order in which they were set, or
        packets would overtake each other."""
        timer = _Timer(next(self._numbers), when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    @property
    def has_sockets(self) -> bool:
        """Whether somebody has real sockets open."""
        return len(self._selector_map()) > self._own

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Args], Result], *args: *Args
    ) -> asyncio.Future[Result]:
        """As asyncio's; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._at_work += 1
        future.add_done_callback(self._is_done)
        return future

    async def shutdown_default_executor(self) -> None:
        """As asyncio's, which waits for a thread."""
        self._at_work += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._at_work -= 1

    def _is_done(self, _future: asyncio.Future[Any]) -> None:
        self._at_work -= 1

    def _selector_map(self) -> Any:
        return self._selector.get_map()  # type: ignore[attr-defined]


class _Timer(asyncio.TimerHandle):
    """A timer that knows when it was set."""

    def __init__(self, number: int, *what: Any) -> None:
        super().__init__(*what)
        self._number = number

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        if isinstance(other, _Timer) and self.when() == other.when():
            return self._number < other._number
        return super().__lt__(other)


class _Leaping(selectors.DefaultSelector):
    """Lets the loop's clock jump to its next timer instead of waiting for it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.has_sockets and (ready := super().select(_REAL_WAIT_S)):
            return ready
        return super().select(self._loop.leap(timeout))


def run(test: Coroutine[Any, Any, Result], *, limit_s: float = LIMIT_S) -> Result:
    """Run a test on a virtual clock, for those who do not use pytest. Raises `NothingHappens` when it still waits
    after `limit_s` seconds of its time."""
    loop = VirtualLoop()
    try:
        return run_on(loop, test, limit_s)
    finally:
        close(loop)


def run_on(loop: asyncio.AbstractEventLoop, test: Coroutine[Any, Any, Result], limit_s: float = LIMIT_S) -> Result:
    """The same on a loop that is there."""

    async def limited() -> Result:
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await test
        except TimeoutError:
            if not limit.expired():
                raise
            raise NothingHappens(f"the test still waits after {limit_s:.0f} s of its time") from None

    return loop.run_until_complete(limited())


def close(loop: VirtualLoop) -> None:
    """End what still runs on a loop, and close it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()

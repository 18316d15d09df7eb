"""What passes while a function takes its first step: it hears of that where it waits, as in a task of its own.

uvloop, on which the edge runs, looks at timers before what is ready: a timeout may pass before the task has begun.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from talkpath.routing.running import Runner

Ended = tuple[object, BaseException | None]


async def _late() -> str:
    try:
        async with asyncio.timeout(0.01):
            time.sleep(0.03)  # noqa: ASYNC251 - as a library does that is loaded now
            await asyncio.sleep(60)
    except TimeoutError:
        return "late"
    return "in time"


async def _within_a_limit() -> str:
    try:
        return await asyncio.wait_for(_late(), 0.005)
    except TimeoutError:
        return "late"


async def _cancels_itself() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(0)
        return "cancelled" if asyncio.current_task() is task else "elsewhere"
    return "went on"


async def _ended(runner: Runner, script: Coroutine[Any, Any, object]) -> Ended:
    """As the edge starts a function: from a callback, in no task."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Ended] = loop.create_future()
    loop.call_soon(lambda: runner.start(script, lambda value, error: ended.set_result((value, error))))
    return await asyncio.wait_for(ended, 10)


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
@pytest.mark.parametrize(
    ("script", "told"), [(_late, "late"), (_within_a_limit, "late"), (_cancels_itself, "cancelled")]
)
def test_a_timeout_that_passes_in_the_first_step_is_a_timeout(
    run: Callable[[Coroutine[Any, Any, None]], None], script: Callable[[], Coroutine[Any, Any, object]], told: str
) -> None:
    async def thrice() -> None:
        runner = Runner(asyncio.get_running_loop())
        for _ in range(3):
            assert await _ended(runner, script()) == (told, None)
        assert runner.waiting == 0
        runner.close()

    run(thrice())

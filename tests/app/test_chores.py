"""What is done now and then goes on, whatever happens to one of the things done."""

import asyncio

import pytest

from talkpath.app.node.chores import do_chores


async def test_a_chore_that_fails_stops_neither_the_others_nor_itself(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    thrice = asyncio.Event()

    def fails() -> None:
        done.append("fails")
        raise OSError(28, "No space left on device")

    def works() -> None:
        done.append("works")
        if done.count("works") == 3:
            thrice.set()

    task = asyncio.create_task(do_chores([fails, works], 0.0))
    await asyncio.wait_for(thrice.wait(), 30)
    task.cancel()
    assert done[:6] == ["fails", "works"] * 3
    assert "No space left on device" in caplog.text

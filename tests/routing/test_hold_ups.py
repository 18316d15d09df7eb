"""A function that blocks everybody is broken off, and costs its own call alone."""

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest
from tests.routing.desk import Asked, Desk, groups_of

from talkpath.edge.routing.inquiry import Answer, Outcome
from talkpath.edge.routing.plan import Plan
from talkpath.routing.holdup import HoldUps
from talkpath.routing.router import ScriptRouter

HOLD_S = 0.15


@pytest.fixture
def hold_ups() -> Iterator[HoldUps]:
    hold_ups = HoldUps(HOLD_S)
    yield hold_ups
    hold_ups.close()


def run(desk: Desk, hold_ups: HoldUps, body: str) -> None:
    desk.on_call(body)
    loop = asyncio.get_running_loop()
    assert desk.router is not None
    desk.router = ScriptRouter(desk.router.script, desk.settings, loop, loop.time, lambda: None, hold_ups)


@pytest.mark.parametrize(
    "blocking",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import socket\n    a, b = socket.socketpair()\n    with a, b: a.recv(1)",
    ],
)
@pytest.mark.parametrize("before", ["", "import asyncio; await asyncio.sleep(0)"])
async def test_what_blocks_is_broken_off(desk: Desk, hold_ups: HoldUps, blocking: str, before: str) -> None:
    run(desk, hold_ups, f"{before}\nif call.number == '1001':\n    {blocking}\nreturn users('anna')")
    asked = desk.ask()
    await asyncio.sleep(0.01)
    assert asked.verdicts == [Answer(503)]
    told = asked.said("script.blocked")
    assert told["seconds"] == HOLD_S
    assert told["place"].startswith("routing.py:")
    desk.on_call("return users('anna')")
    assert groups_of(desk.ask().plan) == ["user anna"]


async def test_no_except_keeps_it_going(desk: Desk, hold_ups: HoldUps) -> None:
    run(desk, hold_ups, "try:\n    while True: pass\nexcept Exception:\n    pass\nreturn users('anna')")
    assert desk.ask().verdicts == [Answer(503)]


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n    try:\n        time.sleep(60)\n    except:\n        pass",
        "while True:\n    try:\n        time.sleep(60)\n    except BaseException as error:\n        call.note(error)",
        "while True:\n    try:\n        try:\n            time.sleep(60)\n        except:\n"
        "            time.sleep(60)\n    except:\n        time.sleep(60)\n        continue",
    ],
)
@pytest.mark.parametrize("before", ["", "import asyncio; await asyncio.sleep(0)"])
async def test_no_except_around_it_keeps_all_others_waiting_for_ever(
    desk: Desk, hold_ups: HoldUps, loop: str, before: str
) -> None:
    run(desk, hold_ups, f"import time\n{before}\nif call.number == '1001':\n    pass\n{loop}\nreturn users('anna')")
    asked = desk.ask()
    await asyncio.sleep(0.01)
    assert asked.verdicts == [Answer(503)]
    assert sys.gettrace() is None
    run(desk, hold_ups, "call.note('still here')\nreturn users('anna')")
    assert groups_of(desk.ask().plan) == ["user anna"]


async def test_time_between_steps_does_not_count(desk: Desk, hold_ups: HoldUps) -> None:
    run(desk, hold_ups, f"import asyncio\nawait asyncio.sleep({HOLD_S * 3})\nreturn users('anna')")
    asked = desk.ask()
    await asyncio.sleep(HOLD_S * 5)
    assert groups_of(asked.plan) == ["user anna"]


async def test_work_of_the_edge_is_never_broken_off(desk: Desk, hold_ups: HoldUps) -> None:
    class Slow(Asked):
        def attempt(self, plan: Plan, done: object, now: float) -> None:
            until = time.monotonic() + HOLD_S * 3
            while time.monotonic() < until:
                pass
            super().attempt(plan, done, now)  # type: ignore[arg-type]  # it is what the edge takes

    run(desk, hold_ups, "await call.to(users('a'))\nreturn users('b')")
    asked = Slow()
    asked.outcomes = [Outcome(480)]
    desk.ask(asked)
    assert groups_of(asked.plan) == ["user b"]

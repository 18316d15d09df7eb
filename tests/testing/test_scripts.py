"""Routing scripts on the network: their time is the network's, and what they do wrong costs a call and says where."""

import asyncio
from pathlib import Path

import pytest

from talkpath.testing import Network

HEAD = """
import asyncio
from talkpath.routing import Call, Edge, users

edge = Edge()


@edge.on_call
async def route(call: Call):
"""


def script(folder: Path, body: str) -> Path:
    """A script whose function has this body."""
    file = folder / "routing.py"
    file.write_text(HEAD + "".join(f"    {line}\n" for line in body.strip().splitlines()))
    return file


async def test_what_a_script_waits_for_takes_the_calls_time_and_not_ours(network: Network, tmp_path: Path) -> None:
    routing = script(tmp_path, "await asyncio.sleep(4)\nreturn users('1002')")
    async with Network(script=routing) as other:
        alice, bob = await other.phone("1001"), await other.phone("1002", rings_s=1)
        call = await alice.call("1002")
    assert call.answered_by(bob)
    assert call.seconds == pytest.approx(5.06)


async def test_a_deadline_of_a_script_passes_on_the_same_clock(network: Network, tmp_path: Path) -> None:
    async with Network(script=script(tmp_path, "await asyncio.sleep(60)\nreturn users('1002')")) as other:
        alice = await other.phone("1001")
        call = await alice.call("1002")
    assert call.status == 503
    assert 5 <= call.seconds < 6
    assert "script.late" in call.kinds


async def test_what_a_script_raises_stands_in_the_ladder_with_its_line(network: Network, tmp_path: Path) -> None:
    async with Network(script=script(tmp_path, "names = {}\nreturn users(names[call.number])")) as other:
        alice = await other.phone("1001")
        call = await alice.call("1002")
    assert call.status == 500
    assert "routing.py:11" in call.ladder


async def test_calls_that_wait_do_not_wait_for_each_other(network: Network, tmp_path: Path) -> None:
    routing = script(tmp_path, "await asyncio.sleep(0 if call.number == '1002' else 3)\nreturn users(call.number)")
    async with Network(script=routing) as other:
        alice = await other.phone("1001")
        quick, slow = await other.phone("1002", rings_s=0), await other.phone("1003", rings_s=0)
        slower, quicker = alice.dial("1003"), alice.dial("1002")
        await asyncio.gather(slower.settled(), quicker.settled())
    assert slower.answered_by(slow)
    assert quicker.answered_by(quick)
    assert quicker.seconds < 0.2
    assert slower.seconds > 3


async def test_a_script_that_was_saved_is_loaded_anew(network: Network, tmp_path: Path) -> None:
    async with Network(script=script(tmp_path, "return users('1002')")) as other:
        alice = await other.phone("1001")
        before, after = await other.phone("1002", rings_s=0), await other.phone("1003", rings_s=0)
        first = await alice.call("9")
        script(tmp_path, "return users('1003')")
        other.reload()
        second = await alice.call("9")
        assert await first.hang_up() is not None
    assert first.answered_by(before)
    assert second.answered_by(after)

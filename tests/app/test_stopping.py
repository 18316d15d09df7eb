import asyncio

from talkpath.app.console.phrase import Phrase
from talkpath.app.node.stopping import StopSignals, until_stopped
from talkpath.base.texts import Language


class Node:
    """A node with running calls that end when told."""

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.refuses = False
        self.leaves = False

    def leave(self) -> None:
        self.leaves = True

    def refuse_calls(self) -> None:
        self.refuses = True

    def running_calls(self) -> int:
        return self.calls


async def _stop(node: Node, said: list[Phrase], timeout_s: float, stop: StopSignals) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(until_stopped(node, lambda: timeout_s, said.append, stop, node.leave))
    stop.receive()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_without_calls_the_first_signal_stops() -> None:
    node, said = Node(0), list[Phrase]()
    await (await _stop(node, said, 30, StopSignals()))
    assert node.refuses
    assert not said


async def test_running_calls_are_waited_for() -> None:
    node, said = Node(2), list[Phrase]()
    task = await _stop(node, said, 30, StopSignals())
    assert node.refuses
    assert node.leaves
    assert not task.done()
    node.calls = 0
    await task
    assert [one.say(Language.EN) for one in said] == [
        "Stopping. No new calls; 2 running calls have 30 s to end. Once more stops at once."
    ]


async def test_second_signal_does_not_wait_for_calls() -> None:
    node, said, stop = Node(2), list[Phrase](), StopSignals()
    task = await _stop(node, said, 1e6, stop)
    stop.receive()
    await task
    assert said[-1].say(Language.EN) == "2 calls were still running and are ended."


async def test_calls_that_do_not_end_in_time_are_ended() -> None:
    node, said = Node(1), list[Phrase]()
    await (await _stop(node, said, 0, StopSignals()))
    assert said[-1].say(Language.ZH) == "1 个通话仍在进行，现予结束。"


async def test_calls_are_not_drained_where_another_process_takes_them() -> None:
    node, said, stop = Node(2), list[Phrase](), StopSignals()
    stop.upgrade()
    await until_stopped(node, lambda: 30.0, said.append, stop, node.leave)
    assert not node.refuses
    assert not node.leaves
    assert not said


def test_who_is_being_stopped_is_not_replaced() -> None:
    stop = StopSignals()
    stop.receive()
    stop.upgrade()
    assert not stop.is_upgrade

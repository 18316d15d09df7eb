"""How the edge stops: the first SIGTERM or SIGINT drains, the second one stops now."""

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol

from talkpath.app import words
from talkpath.app.console.phrase import Phrase, phrase

# How often a draining node is asked whether its last call has ended.
DRAIN_POLL_S = 0.1


class Drains(Protocol):
    """What a running node can be asked while it is stopped."""

    def refuse_calls(self) -> None:
        """From now on answer new calls with 503; registrations and running calls go on."""

    def running_calls(self) -> int:
        """Calls that have not ended."""


async def until_stopped(
    node: Drains,
    drain_timeout_s: Callable[[], float],
    say: Callable[[Phrase], None],
    stop: "StopSignals",
    leaving: Callable[[], None],
) -> None:
    """Return when the node is to be shut down: it has drained, its time is over, it was told twice, or another
    process takes its calls. `leaving` is called when it begins to drain."""
    await stop.wait_for(1)
    if stop.is_upgrade:
        return
    leaving()
    node.refuse_calls()
    if calls := node.running_calls():
        seconds = drain_timeout_s()
        say(phrase(words.DRAINING, calls=calls, seconds=seconds))
        await _drained(node, seconds, stop)
        if calls := node.running_calls():
            say(phrase(words.DRAIN_OVER, calls=calls))


async def _drained(node: Drains, timeout_s: float, stop: "StopSignals") -> None:
    told_again = asyncio.ensure_future(stop.wait_for(2))
    deadline = asyncio.get_running_loop().time() + timeout_s
    while node.running_calls() and (left := deadline - asyncio.get_running_loop().time()) > 0:
        done, _ = await asyncio.wait([told_again], timeout=min(DRAIN_POLL_S, left))
        if done:
            return
    told_again.cancel()


class StopSignals:
    """Counts SIGTERM and SIGINT, and hears that this process is to give its place to another."""

    def __init__(self) -> None:
        #: calls go on in the process that comes
        self.is_upgrade = False
        self._count = 0
        self._changed = asyncio.Event()

    def listen(self) -> None:
        """Take the signals of this process from the running loop on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.receive)

    def receive(self) -> None:
        """Note one signal."""
        self._count += 1
        self._changed.set()

    def upgrade(self) -> None:
        """Another process is to take the place of this one. Who stops it after all stops it."""
        if not self._count:
            self.is_upgrade = True
            self.receive()

    async def wait_for(self, count: int) -> None:
        """Return once so many signals have come."""
        while self._count < count:
            self._changed.clear()
            await self._changed.wait()

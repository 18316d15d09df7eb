"""Connections that we opened and that nothing needs any more are closed: who they lead to need not hold them for us.

Those that peers open are theirs to close. What a connection is needed for the edge knows.
"""

import asyncio
from collections.abc import Callable, Collection

from talkpath.base.address import Flow
from talkpath.net.stream import Connection

# A connection goes between one and two of these after the last word on it: longer than transactions last (64*T1, RFC
# 3261 section 18), and longer than the pause between two calls of a busy trunk.
_SWEEP_S = 150.0


class IdleSweep:
    """`connections` gives those that we opened, `needed` which of some are to stay."""

    def __init__(
        self,
        connections: Callable[[], Collection[Connection]],
        needed: Callable[[frozenset[Flow]], frozenset[Flow]],
    ) -> None:
        self._connections = connections
        self._needed = needed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look from now on."""
        self._loop = loop
        self._timer = loop.call_later(_SWEEP_S, self._sweep)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        assert self._loop is not None
        self.look()
        self._timer = self._loop.call_later(_SWEEP_S, self._sweep)

    def look(self) -> None:
        """Close what was silent since the last look."""
        opened = list(self._connections())
        idle = {one.flow: one for one in opened if one.flow is not None and not one.was_used}
        for connection in opened:
            connection.was_used = False
        kept = self._needed(frozenset(idle)) if idle else frozenset()
        for flow, connection in idle.items():
            if flow not in kept:
                connection.sink.count("connections_idle")
                connection.close()

"""The time of a test: seconds since the epoch that begin at noon of a fixed day."""

import asyncio
from datetime import UTC, datetime

#: When every test begins.
BEGINNING = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()


class Clock:
    """The loop's time on the edge's axis; it never steps back."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._last = BEGINNING

    def now(self) -> float:
        """Now, in seconds since the epoch."""
        self._last = max(self._last, BEGINNING + self._loop.time())
        return self._last

    def reach(self, when: float) -> float:
        """Now, when a timer for `when` has fired: never before it, whatever the last digit of a float says."""
        self._last = max(self.now(), when)
        return self._last

    def until(self, when: float) -> float:
        """The loop's time for one of the edge's."""
        return when - BEGINNING

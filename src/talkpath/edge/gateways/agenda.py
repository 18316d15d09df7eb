"""What gateways have to do at a time of their own, the soonest first.

`base/timers.py` is made for few distinct durations; intervals, expiries and pauses of gateways are all different.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from talkpath.base.timers import Timer


class Agenda:
    """Actions with the time at which they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = 0

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        """Call `action(now)` from `expire` at that time; the timer can be cancelled."""
        self._number += 1
        timer = Timer(when, action)
        heappush(self._heap, (when, self._number, timer))
        return timer

    def deadline(self) -> float | None:
        """When the next may be due, or None."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heappop(heap)
        return heap[0][0] if heap else None

    def expire(self, now: float) -> None:
        """Do what is due."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            timer = heappop(heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action(now)

"""Timers for machines: start and cancel cost one append each, whatever number is running.

Protocol timers have few distinct durations (T1 and its doublings, T4, 64*T1, timer C), and timers of one duration
fall due in the order they were started. So each duration is a lane, a queue; a cancelled timer stays in it, emptied,
until it comes to the head.
"""

from collections import deque
from collections.abc import Callable, Sequence


def earliest(times: Sequence[float | None]) -> float | None:
    """The first of some moments, None where there is none."""
    first: float | None = None
    for time in times:
        if time is not None and (first is None or time < first):
            first = time
    return first


class Timer:
    """One running timer. `cancel` forgets what it would have called, so that memory is free at once."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Callable[[float], None] | None) -> None:
        self.when = when
        self.action = action

    def cancel(self) -> None:
        self.action = None


class Timers:
    """The running timers of one machine."""

    __slots__ = ("_lanes", "_soonest")

    def __init__(self) -> None:
        self._lanes: dict[float, deque[Timer]] = {}
        self._soonest: float | None = None

    def start(self, duration_s: float, now: float, action: Callable[[float], None]) -> Timer:
        """Call `action(now)` from `expire` once `duration_s` seconds have gone."""
        timer = Timer(now + duration_s, action)
        lane = self._lanes.get(duration_s)
        if lane is None:
            lane = self._lanes[duration_s] = deque()
        lane.append(timer)
        if self._soonest is None or timer.when < self._soonest:
            self._soonest = timer.when
        return timer

    def deadline(self) -> float | None:
        """When the next timer may be due (a cancelled one may stand before it), or None."""
        return self._soonest

    def expire(self, now: float) -> None:
        """Call what is due, lane by lane; an action may start and cancel timers."""
        if self._soonest is None or self._soonest > now:
            return
        self._soonest = None
        for duration, lane in list(self._lanes.items()):
            while lane and ((timer := lane[0]).when <= now or timer.action is None):
                lane.popleft()
                action, timer.action = timer.action, None
                if action is not None:
                    action(now)
            if not lane:
                del self._lanes[duration]
            elif self._soonest is None or lane[0].when < self._soonest:
                self._soonest = lane[0].when

    def __len__(self) -> int:
        return sum(timer.action is not None for lane in self._lanes.values() for timer in lane)

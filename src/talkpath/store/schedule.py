"""Which recording is stored, or told of, when, as a machine: names and times in, the next name out.

While the other side fails (a store, a receiver), one recording at a time finds out whether it is back, and all wait
for that one: ten thousand that wait would keep a store down that comes up. A recording that fails by itself waits by
itself. Times are those of a clock that nobody sets.

    waiting --take--> under way --done--> forgotten
       ^                 |
       +-----failed------+   after 5 s, 10 s, 20 s, ... at most 15 minutes
"""

import heapq
from dataclasses import dataclass

from talkpath.base import limits

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 900.0


def pause_after(failures: int) -> float:
    """Seconds until it is tried again."""
    return min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_S)


@dataclass(slots=True)
class _Job:
    at: float
    failures: int = 0
    is_under_way: bool = False


class Schedule:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._heap: list[tuple[float, str]] = []
        self._under_way = 0
        self.failures_of_all = 0
        self._all_at = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, name: str, now: float) -> bool:
        """It is to be tried; False where there is no room: it is found again when all is looked at."""
        if name in self._jobs:
            return True
        if len(self._jobs) >= limits.RECORDINGS_TO_TRY:
            return False
        self._put(name, _Job(now))
        return True

    def take(self, now: float) -> str | None:
        """The next whose time has come; `done` or `failed` must follow."""
        if self.failures_of_all and (now < self._all_at or self._under_way):
            return None
        while self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            job = self._jobs.get(name)
            if job is not None and job.at == at and not job.is_under_way:
                job.is_under_way = True
                self._under_way += 1
                return name
        return None

    def next_at(self) -> float | None:
        """When `take` may have one; None where only an input can bring one."""
        if not self._heap or (self.failures_of_all and self._under_way):
            return None
        return max(self._heap[0][0], self._all_at) if self.failures_of_all else self._heap[0][0]

    def done(self, name: str) -> None:
        """It succeeded, or nothing is to be done with it."""
        if self._jobs.pop(name).is_under_way:
            self._under_way -= 1
        self.failures_of_all = 0

    def failed(self, name: str, now: float, *, is_of_all: bool) -> float:
        """It is tried again; gives the pause in seconds. What `is_of_all` is nothing against this
        recording."""
        job = self._jobs[name]
        job.is_under_way = False
        self._under_way -= 1
        if is_of_all:
            self.failures_of_all += 1
            pause_s = pause_after(self.failures_of_all)
            self._all_at = now + pause_s
            self._put(name, _Job(now, job.failures))
        else:
            self.failures_of_all = 0
            pause_s = pause_after(job.failures + 1)
            self._put(name, _Job(now + pause_s, job.failures + 1))
        return pause_s

    def failures_of(self, name: str) -> int:
        """How often it failed by itself, in a row."""
        return self._jobs[name].failures

    def _put(self, name: str, job: _Job) -> None:
        self._jobs[name] = job
        heapq.heappush(self._heap, (job.at, name))

"""Threads that try what a `Schedule` says is due, again and again, until it is done; nothing waits for them."""

import threading
import time
from collections.abc import Callable

from talkpath.store.schedule import Schedule

#: How often it is looked for what nobody told: repaired, joined, or found when there was no room.
LOOK_S = 600.0
# How long an edge that ends waits for what is under way; the next one goes on with it.
_PARTING_S = 5.0


class Errands:
    """`look` adds what it finds, first when it starts and then each ten minutes. `attempt` is one try of one name,
    and ends in `done` or `failed` unless all ends. Made, `start`ed and `close`d by one thread."""

    def __init__(
        self,
        name: str,
        threads: int,
        look: Callable[[], None],
        attempt: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._attempt = attempt
        self._now = now
        self._schedule = Schedule()
        self._changed = threading.Condition()
        self._look_at = 0.0
        self.is_ending = False
        self._threads = [
            threading.Thread(target=self._run, name=f"talkpath-{name}-{at}", daemon=True) for at in range(threads)
        ]

    def start(self) -> None:
        """Look what there is to do, and begin."""
        for thread in self._threads:
            thread.start()

    def add(self, name: str) -> None:
        """It is to be done. Any thread may say so."""
        with self._changed:
            self._schedule.add(name, self._now())
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """How many are under way, or wait."""
        return len(self._schedule)

    def close(self) -> None:
        """Break off what is under way."""
        with self._changed:
            self.is_ending = True
            self._changed.notify_all()
        until = time.monotonic() + _PARTING_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    # --- the words about a try

    def done(self, name: str) -> int | None:
        """Nothing is left to do with it. Where the other side had failed before: how many wait for it still."""
        with self._changed:
            was_down = self._schedule.failures_of_all > 0
            self._schedule.done(name)
            self._changed.notify_all()
            return len(self._schedule) if was_down else None

    def failed(self, name: str, *, is_of_all: bool) -> tuple[float, int]:
        """It comes again: in how many seconds, and how many failures of the other side, or of this one, in a row."""
        with self._changed:
            pause_s = self._schedule.failed(name, self._now(), is_of_all=is_of_all)
            failures = self._schedule.failures_of_all if is_of_all else self._schedule.failures_of(name)
            self._changed.notify()
            return pause_s, failures

    # --- the threads

    def _run(self) -> None:
        while not self.is_ending:
            if self._is_time_to_look():
                self._look()
            name = self._next()
            if name is not None:
                self._attempt(name)

    def _is_time_to_look(self) -> bool:
        with self._changed:
            now = self._now()
            if now < self._look_at:
                return False
            self._look_at = now + LOOK_S
            return True

    def _next(self) -> str | None:
        """Wait for the next; None where something else may be due."""
        with self._changed:
            name = None if self.is_ending else self._schedule.take(self._now())
            if name is None and not self.is_ending:
                at = self._schedule.next_at()
                until = self._look_at if at is None else min(at, self._look_at)
                self._changed.wait(max(0.01, until - self._now()))
            return name

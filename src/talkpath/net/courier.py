"""A bounded queue for somebody outside, and the thread that carries it there.

Whoever has something to tell puts it into the queue and waits for nothing. What comes faster than it can be carried
is dropped and counted, and so is what is meant for somebody who is away.
"""

import threading
from collections import Counter, deque
from typing import Generic, TypeVar

# How long what waits may still take to leave when nothing more comes: another process may wait to take over.
PARTING_S = 1.0

T = TypeVar("T")


class Courier(Generic[T]):
    """One queue and its thread, which looks into it every `pause_s` and finds at most `most` in it."""

    def __init__(self, name: str, most: int, pause_s: float) -> None:
        self.waiting: deque[T] = deque()
        self.counters: Counter[str] = Counter()
        self._most = most
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def put(self, item: T) -> None:
        """One more; dropped, and counted, where too much waits."""
        if len(self.waiting) < self._most:
            self.waiting.append(item)
        else:
            self.counters["overflowed"] += 1

    def leave(self) -> None:
        """Nothing more comes: what waits is carried where that is possible at once. Returns at once."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has left."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def rest(self, seconds: float) -> bool:
        """Do nothing for a while; whether nothing more comes."""
        return self._stop.wait(seconds)

    def carry(self) -> float:
        """Take one from the queue, or some that go together, and carry them; for how many seconds who is meant is to
        be left alone."""
        raise NotImplementedError

    def over(self) -> None:
        """The thread ends."""

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self.rest(self._pause_s)
            while self.waiting:
                alone_s = self.carry()
                if alone_s:
                    is_last = self.rest(alone_s)
                    break
        self.over()

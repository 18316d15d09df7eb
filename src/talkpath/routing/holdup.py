"""Breaks off a function of a script that blocks: everything waits for the one thread that runs the edge.

A thread beside it looks how long a step of the script has lasted. One that lasts too long is interrupted by a signal,
which reaches endless loops as well as `time.sleep` and sockets that wait. Steps of the edge are never interrupted.
What keeps the interpreter to itself meanwhile (a regular expression that backtracks for ever) is out of reach.
"""

import signal
import threading
import time
from types import FrameType

_SIGNAL = signal.SIGVTALRM
# How long all calls may wait for one. Loading a large library within a function takes less.
HOLD_S = 2.0


class HeldUp(BaseException):
    """Raised in a function that blocks; no `except Exception` holds it up."""


class HoldUps:
    """Looks at the steps of a script. Begin and end it in the main thread."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self.hold_s = hold_s
        #: since when a step has been running, on the monotonic clock; None between them, and while the edge works
        self._since: float | None = None
        self._over = threading.Event()
        self._main = threading.main_thread().ident or 0
        self._before = signal.signal(_SIGNAL, self._strike)
        threading.Thread(target=self._look, name="talkpath-hold-ups", daemon=True).start()

    def begin(self) -> None:
        """A step begins."""
        self._since = time.monotonic()

    def end(self) -> None:
        """It ended, or the edge works for it."""
        self._since = None

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        signal.signal(_SIGNAL, self._before)

    def _is_held(self) -> bool:
        since = self._since
        return since is not None and time.monotonic() - since >= self.hold_s

    def _look(self) -> None:
        while not self._over.wait(self.hold_s / 8):
            if self._is_held():
                signal.pthread_kill(self._main, _SIGNAL)

    def _strike(self, number: int, frame: FrameType | None) -> None:
        if self._is_held():
            # One that goes on all the same has its time again.
            self.begin()
            raise HeldUp


class NoHoldUps:
    """Nobody looks: tests of scripts have a clock of their own."""

    hold_s = 0.0

    def begin(self) -> None:
        """A step begins."""

    def end(self) -> None:
        """It ended."""

    def close(self) -> None:
        """Look no more."""

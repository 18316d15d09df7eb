"""Breaks off a function of a script that blocks: everything waits for the one thread that runs the edge.

A thread beside it looks how long a step of the script has lasted. One that lasts too long is interrupted by a signal,
which reaches endless loops as well as `time.sleep` and sockets that wait. Steps of the edge are never interrupted.
One that goes on all the same (a bare `except:` in a loop) is interrupted again, and then in the next line that it
comes to as well, so that it gets out of what it does about it. What keeps the interpreter to itself meanwhile (a
regular expression that backtracks for ever) is out of reach.
"""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

_SIGNAL = signal.SIGVTALRM
# How long all calls may wait for one. Loading a large library within a function takes less.
HOLD_S = 2.0
# How much sooner one is interrupted that goes on after the second time.
_IMPATIENCE = 8
_HERE = os.path.dirname(__file__)


class HeldUp(BaseException):
    """Raised in a function that blocks; no `except Exception` holds it up."""


class HoldUps:
    """Looks at the steps of a script. Begin and end it in the main thread."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self.hold_s = hold_s
        #: since when a step has been running, on the monotonic clock; None between them, and while the edge works
        self._since: float | None = None
        #: how often the step that runs was interrupted
        self._strikes = 0
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
        if self._strikes:
            if self._strikes > 1:
                sys.settrace(None)
            self._strikes = 0

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
            self._strikes += 1
            # One that goes on all the same has its time again, once.
            self.begin()
            if self._strikes > 1:
                self._since = time.monotonic() - self.hold_s * (1 - 1 / _IMPATIENCE)
                _interrupt_lines(frame)
            raise HeldUp


def _interrupt_lines(frame: FrameType | None) -> None:
    """Interrupt the step of the script in the next line, too, wherever it goes on."""
    while frame is not None and os.path.dirname(frame.f_code.co_filename) != _HERE:
        frame.f_trace = _next_line
        frame = frame.f_back
    sys.settrace(_next_line)


def _next_line(frame: FrameType, event: str, argument: Any) -> Any:
    # What an interruption passes on its way is no line that goes on.
    if event == "line":
        raise HeldUp
    return _next_line


class NoHoldUps:
    """Nobody looks: tests of scripts have a clock of their own."""

    hold_s = 0.0

    def begin(self) -> None:
        """A step begins."""

    def end(self) -> None:
        """It ended."""

    def close(self) -> None:
        """Look no more."""

"""Gives memory back to the system that a burst took and nobody needs any more.

The allocator of C keeps what is freed for whoever asks next, and gives back only what lies at its end. After a flood
that is tens of megabytes which nobody asks for. To give them back takes some milliseconds, and less than one where
there are none, so it is done twice a minute whatever happened.
"""

import ctypes

_PAUSE_S = 30.0


class Heap:
    """See the module's docstring."""

    def __init__(self) -> None:
        # Of glibc; other C libraries give back by themselves.
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._due = 0.0

    def look(self, now: float) -> None:
        """Give back what is free, when it is time. To be called every second."""
        if now >= self._due:
            self._due = now + _PAUSE_S
            if self._trim is not None:
                self._trim(0)

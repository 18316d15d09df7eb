"""A file by which others on this host see that this node lives: keepalived's check, in the first place.

It is locked, for the kernel gives a lock away when its process dies; it holds the process, the time of its last beat,
and the addresses that this host should not have although it lives.
"""

import fcntl
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

#: Its name in the state directory.
FILE = "alive"


class Alive:
    """See the module's docstring."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._descriptor = -1
        self._is_locked = False

    def beat(self, unwanted: Iterable[str] = ()) -> None:
        """Say that all is well, but for these addresses: at least once a second. Raises OSError."""
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not self._is_locked:
            # Who looks whether we are gone holds it for a moment.
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._is_locked = True
        words = [str(os.getpid()), str(int(time.clock_gettime(time.CLOCK_BOOTTIME))), *unwanted]
        line = " ".join(words).encode() + b"\n"
        # One line is read, so what a longer one left behind is not.
        os.pwrite(self._descriptor, line, 0)
        os.ftruncate(self._descriptor, len(line))

    def close(self) -> None:
        """From now on this node is gone for who looks."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._is_locked = False

"""Locks of files by the kernel (flock): they end with the process, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def take(path: Path, how: int = fcntl.LOCK_EX, *, mode: int = 0o640) -> int | None:
    """The descriptor of a file, made where it is missing, that is locked until it is closed; None while another has a
    lock in the way. `how`: alone, or shared (LOCK_SH). Raises OSError."""
    descriptor = _opened(path, mode)
    if not is_taken(descriptor, how):
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def alone(path: Path, *, mode: int = 0o640) -> Iterator[None]:
    """Wait for one's turn, and have the lock meanwhile. Raises OSError."""
    descriptor = _opened(path, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_taken(descriptor: int, how: int) -> bool:
    """Whether an open file got the lock. Raises OSError."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _opened(path: Path, mode: int) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)

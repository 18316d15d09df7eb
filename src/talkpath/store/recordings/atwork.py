"""Who is at work in a directory of recordings: those who record share it (`Held`), each edge has a mark there by
which its recordings are told from those of one that died (`Mark`), and one at a time mends (`mending`).

All are locks that end with the process, however it ends (`store/locks`).
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from talkpath.store import locks

_LOCK, _MENDING = ".lock", ".mending"
_MARK = ".edge-"


class Held:
    """A directory of recordings, while this lives: shared by those who record there, or had alone by who mends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def alone(cls, directory: Path) -> "Held | None":
        """None while anybody else is there. Raises OSError."""
        return cls._take(directory, fcntl.LOCK_EX)

    @classmethod
    def shared(cls, directory: Path) -> "Held | None":
        """None while somebody has it alone. Raises OSError."""
        return cls._take(directory, fcntl.LOCK_SH)

    @classmethod
    def _take(cls, directory: Path, how: int) -> "Held | None":
        descriptor = locks.take(directory / _LOCK, how)
        return None if descriptor is None else cls(descriptor)

    def share(self) -> None:
        """Let others record there, too. Raises OSError."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """Leave it to others; the end of the process does the same."""
        os.close(self._descriptor)


class Mark:
    """That an edge is at work: a locked file that bears its name, in the drafts of its recordings too."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError."""
        self.edge = secrets.token_hex(8)
        self._path = directory / f"{_MARK}{self.edge}"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """It is no longer at work."""
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def mending(directory: Path) -> AbstractContextManager[None]:
    """Only one mends at a time; waits for its turn. Raises OSError."""
    return locks.alone(directory / _MENDING)


def is_at_work(directory: Path, edge: str) -> bool:
    """Whether the edge of this name lives. Raises OSError."""
    try:
        descriptor = os.open(directory / f"{_MARK}{edge}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not locks.is_taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def edges_at_work(directory: Path) -> Iterator[str]:
    """The names of those that live. Raises OSError."""
    for path in directory.glob(f"{_MARK}*"):
        edge = path.name.removeprefix(_MARK)
        if is_at_work(directory, edge):
            yield edge


def forget_the_dead(directory: Path) -> None:
    """Remove the marks of edges that died. Raises OSError."""
    for path in directory.glob(f"{_MARK}*"):
        if not is_at_work(directory, path.name.removeprefix(_MARK)):
            path.unlink(missing_ok=True)

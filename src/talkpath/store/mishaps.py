"""What the errors of SQLite mean for whoever keeps the file: an `Unavailable` whose code says which of them it is.

Codes: `store-locked` (another process has it), `store-damaged`, `store-full`, `store-read-only`, `store-gone` (the
file or its folder is not there any more), `store-unreadable` (all else).
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talkpath.base.errors import Unavailable

_LOCKED = ("locked", "another process has it; end that, and try again")
_DAMAGED = ("damaged", "it is damaged; `talkpath run` sets it aside, and `talkpath restore` brings back a backup")
#: By SQLite's primary result code (https://www.sqlite.org/rescode.html): what happened, and what to do.
_OF_CODE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: ("full", "no space is left there; make room, and try again"),
    sqlite3.SQLITE_READONLY: ("read-only", "it cannot be written; look at its mode and its file system"),
}
_OF_ERRNO = {
    errno.ENOSPC: _OF_CODE[sqlite3.SQLITE_FULL],
    errno.EDQUOT: _OF_CODE[sqlite3.SQLITE_FULL],
    errno.EROFS: _OF_CODE[sqlite3.SQLITE_READONLY],
    errno.EACCES: _OF_CODE[sqlite3.SQLITE_READONLY],
    errno.EPERM: _OF_CODE[sqlite3.SQLITE_READONLY],
}
# What SQLite puts beside a file before anything is written: with less, it cannot begin.
_SHARED_BYTES = 64 * 1024
_GONE = ("gone", "it is not there any more; look whether its file system is mounted")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors of SQLite within become an `Unavailable` of this file."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error, path) from error


def unavailable(error: sqlite3.Error | OSError, path: Path) -> Unavailable:
    """The error as it is told: which mishap, the file, and what to do."""
    known = _mishap(error, path)
    if known is None:
        reason = f"the database cannot be used ({error}); look at it and its disk"
        return Unavailable("store-unreadable", reason, str(path))
    code, reason = known
    return Unavailable(f"store-{code}", f"the database cannot be used: {reason}", str(path))


def _mishap(error: sqlite3.Error | OSError, path: Path) -> tuple[str, str] | None:
    if isinstance(error, OSError):
        return _OF_ERRNO.get(error.errno or 0) or (None if path.parent.is_dir() else _GONE)
    code: int = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_READONLY_DBMOVED or (code and not path.parent.is_dir()):
        return _GONE
    if code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        # SQLite cannot say more of what it maps into memory or puts beside the file; the disk can.
        return _of_disk(path.parent)
    return _OF_CODE.get(code & 0xFF)


def _of_disk(folder: Path) -> tuple[str, str] | None:
    try:
        room = os.statvfs(folder)
    except OSError:
        return _GONE
    if room.f_flag & os.ST_RDONLY:
        return _OF_CODE[sqlite3.SQLITE_READONLY]
    is_full = bool(room.f_blocks) and room.f_bavail * room.f_frsize < _SHARED_BYTES
    return _OF_CODE[sqlite3.SQLITE_FULL] if is_full else None

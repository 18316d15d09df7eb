"""A database that is damaged: seen before an edge relies on it, set aside whole, and what of it can still be read.

Calls of the past stay in the file that is set aside. Accounts and registrations are taken over as far as they can be
read, because without them nobody calls.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from talkpath.base.errors import Unavailable
from talkpath.store.writer import connect

# How long is looked: enough for some hundred megabytes, and no start takes notice.
LOOK_S = 0.5
# How many steps of SQLite's machine pass between two looks at the clock: below a millisecond.
_STEPS = 10_000
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: What is taken over: the table, and the columns that every version of it had.
_TABLES = (
    ("accounts", ("user", "realm", "md5", "sha256", "is_shown", "outbound")),
    ("bindings", ("user", "identity", "expires_at", "binding")),
)


def is_damaged(path: Path, look_s: float = LOOK_S) -> bool:
    """Whether the file is damaged, as far as can be seen in so many seconds. One that cannot be opened for another
    reason is not."""
    if not path.is_file():
        return False
    ends_at = time.monotonic() + look_s
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.0)) as database:
            database.set_progress_handler(lambda: time.monotonic() > ends_at, _STEPS)
            return str(database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok"
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def set_aside(path: Path, now: float) -> Path:
    """Give the file and what SQLite put beside it another name, which is returned. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}")
    # The log last: a file without it is older, one beside another's log would be damaged by that.
    for end in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + end))
    return aside


def take_over(aside: Path, path: Path) -> dict[str, int]:
    """Copy the accounts and registrations that can still be read into a fresh file at `path`; how many of each.

    Raises `Unavailable` where that cannot be made.
    """
    with closing(connect(path)) as fresh:
        return {table: _copy(aside, fresh, table, columns) for table, columns in _TABLES}


def _copy(aside: Path, fresh: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> int:
    named = ", ".join(columns)
    put = f"INSERT OR REPLACE INTO {table} ({named}) VALUES ({', '.join('?' * len(columns))})"
    copied = 0
    try:
        with closing(connect(aside, read_only=True)) as damaged:
            for row in damaged.execute(f"SELECT {named} FROM {table}"):
                fresh.execute(put, row)
                copied += 1
    except (sqlite3.Error, Unavailable):
        # What comes behind the damage is lost.
        return copied
    return copied

"""The thread that writes: what the hot path hands over is committed together, a moment later.

The hot path appends to a queue and goes on. The thread waits for the first item, lets others gather for
`GATHER_S`, and writes all of them in one transaction. After `kill -9` at most what had been handed over in that time
is missing; what was committed is in the write-ahead log and outlives the process (not a power cut of the last
second: `synchronous` is NORMAL, which keeps the file sound but does not wait for the disk).
"""

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from talkpath.store.mishaps import unavailable
from talkpath.store.schema import prepare

GATHER_S = 0.01
# How long to wait for others to let go of the file.
BUSY_S = 5.0
# How long to leave a disk alone that refused a transaction.
RETRY_S = 1.0

_OF_ITEM = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)

#: Writes one item within the transaction that is open.
Job = Callable[[sqlite3.Connection], object]

_log = logging.getLogger("talkpath.store")


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file the way every reader and writer of it does. Raises `Unavailable`."""
    try:
        if not read_only:
            _make_private(path)
        database = sqlite3.connect(
            f"file:{path}?mode=ro" if read_only else path,
            uri=read_only,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_S,
        )
        if not read_only:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            prepare(database, str(path))
    except (sqlite3.Error, OSError) as error:
        raise unavailable(error, path) from error
    return database


def _make_private(path: Path) -> None:
    """Make the file for its owner alone, whatever the umask; SQLite gives what it puts beside it the same mode.

    A file that is there stays untouched. Whoever closes any descriptor of a file gives up all locks of his process on
    it (POSIX): others would find nobody here, and the last of them would take the log away from under us.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    os.close(descriptor)


class Writer:
    """One connection and the thread that owns it."""

    def __init__(self, path: Path) -> None:
        self._database = connect(path)
        self._path = path
        self._jobs: deque[Job] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._waiting: deque[threading.Event] = deque()
        self._thread = threading.Thread(target=self._run, name="talkpath-store", daemon=True)
        #: items that could not be written at all, and transactions that failed and were tried again
        self.dropped = 0
        self.failures = 0
        self._thread.start()

    @property
    def queued(self) -> int:
        """How much waits to be written."""
        return len(self._jobs)

    def write(self, job: Job) -> None:
        """Hand over what is to be written. It is tried again until it is. Returns at once."""
        self._jobs.append(job)
        self._wake.set()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything handed over so far is committed."""
        done = threading.Event()
        self._waiting.append(done)
        self._wake.set()
        return done.wait(timeout_s)

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=30.0)
        self._database.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._stop.wait(GATHER_S)
            self._wake.clear()
            if not self._commit():
                self._stop.wait(RETRY_S)
                self._wake.set()
        self._commit()

    def _commit(self) -> bool:
        """Write what waits in one transaction. False when the database refused; then all of it waits on."""
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
        try:
            if not self._all_together(jobs):
                self._each_alone(jobs)
        except sqlite3.Error as error:
            self._refused(error, jobs)
            self._waiting.extendleft(reversed(waiting))
            return False
        for done in waiting:
            done.set()
        return True

    def _all_together(self, jobs: list[Job]) -> bool:
        """Write them; False, and nothing written, when one of them is itself at fault."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job(self._database)
        except Exception as error:
            if not _is_fault_of_item(error):
                raise
            self._database.execute("ROLLBACK")
            return False
        self._database.execute("COMMIT")
        return True

    def _each_alone(self, jobs: list[Job]) -> None:
        """The same with a savepoint for each, which costs more: what is at fault is undone and left out."""
        self._database.execute("BEGIN IMMEDIATE")
        for job in jobs:
            self._database.execute("SAVEPOINT item")
            try:
                job(self._database)
            except Exception as error:
                if not _is_fault_of_item(error):
                    raise
                self._database.execute("ROLLBACK TO item")
                self.left_out()
            self._database.execute("RELEASE item")
        self._database.execute("COMMIT")

    def left_out(self) -> None:
        """Count an item that can never be written; to be called while its exception is handled. The first is logged
        with all that is known of it, later ones as they double: a stranger who can make them must not fill a disk."""
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:
            _log.exception("%s: an item could not be written and is left out (%d so far)", self._path, self.dropped)

    def _refused(self, error: sqlite3.Error, jobs: list[Job]) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._jobs.extendleft(reversed(jobs))
        self.failures += 1
        _log.error("%s: not written, tried again in %g s (%s)", self._path, RETRY_S, error)


def _is_fault_of_item(error: Exception) -> bool:
    """Whether trying the item again would end in the same way. Other errors of SQLite are the disk's."""
    return isinstance(error, _OF_ITEM) or not isinstance(error, sqlite3.Error)

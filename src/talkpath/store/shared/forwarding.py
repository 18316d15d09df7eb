"""Brings the calls of one node into a history that several share: the node's own file is the spool.

Calls are written as on a node that is alone (`history.py`), so the hot path pays nothing for it, and what waits
outlives the process as well as the database that is away. A thread of its own reads what is there to be sent, in the
order in which it was begun, hands it over, and has the writer delete it. What was handed over and not yet deleted
when the process died is handed over again, which changes nothing. A call that goes on stays until it ended.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol

from talkpath.store.history import COLUMNS, Retention
from talkpath.store.writer import Job, Writer, connect

# How long what was written waits for others at most; and how long a database that failed is left alone, at first and
# at most.
_PAUSE_S = 1.0
_AGAIN_S, _AGAIN_AT_MOST_S = 1.0, 10.0
_SWEEP_EVERY_S = 600.0
# Calls of one transaction: some 100 kB, and a few milliseconds in which other threads wait for this one.
_AT_ONCE = 100
# How long leaving waits for the database.
_PARTING_S = 3.0

_TO_SEND = f"SELECT number, page, place, is_open, {COLUMNS} FROM calls WHERE NOT is_sent ORDER BY number LIMIT ?"
_PAGES = "SELECT page, calls, traces FROM pages WHERE page IN ({})"
_DONE = "DELETE FROM calls WHERE number = ? AND page = ?"
_SENT = "UPDATE calls SET is_sent = 1 WHERE number = ? AND page = ?"
_EMPTY = "DELETE FROM pages WHERE page = ? AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.page = pages.page)"

_log = logging.getLogger("talkpath.store")


class Why(StrEnum):
    """Why calls cannot be brought into the shared history, or read there."""

    #: It cannot be reached, or let go of the connection.
    AWAY = "away"
    #: It is reached and does not answer.
    SILENT = "silent"
    #: It lets us not in: another password, no such database, nobody of our address.
    LOGIN = "login"
    #: What we may do there is not enough.
    PERMISSION = "permission"
    #: Its disk is full, or it has no connection or memory left.
    FULL = "full"
    #: Somebody else made tables with our names.
    FOREIGN = "foreign"
    #: A newer talkpath made the tables.
    NEWER = "newer"
    #: Something else; its own words tell.
    OTHER = "other"


class CannotShare(Exception):
    """The shared history failed; `said` are its own words, on one line."""

    def __init__(self, why: Why, said: str = "") -> None:
        super().__init__(why, said)
        self.why = why
        self.said = said


class Row(NamedTuple):
    """A call to be handed over: its number and page in the file, its place there, the values of `COLUMNS`."""

    number: int
    page: int
    place: int
    is_open: bool
    values: tuple[object, ...]

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Row":
        number, page, place, is_open, *values = row
        return cls(number, page, place, bool(is_open), tuple(values))


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls that are handed over together, and their pages: how many calls each has, and its bytes."""

    rows: list[Row]
    pages: dict[int, tuple[int, bytes]] = field(default_factory=dict)


class Destination(Protocol):
    """The shared history, as a node writes it. All raise CannotShare; what was handed over before may come again."""

    def put(self, writer: int, batch: Batch) -> set[int]:
        """Have these calls; gives the numbers of those that it can never have."""

    def alive(self, writer: int, alive_ms: int) -> None:
        """The node of this writer runs, and when it last had open calls was then (milliseconds since the epoch): to
        be said every second, which also shows whether the database is there."""

    def sweep(self, retention: Retention) -> None:
        """Delete what is too old or too much."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Health:
    """What a listing says of it. `turn_at`: since when a turn lasts that has not ended, on the monotonic clock."""

    trouble: CannotShare | None = None
    waiting: int = 0
    sent: int = 0
    refused: int = 0
    turn_at: float | None = None


class Forwarder:
    """See the module's docstring. From construction until `close`."""

    def __init__(self, path: Path, writer: Writer, destination: Destination, retention: Retention) -> None:
        self._path = path
        self._writer = writer
        self._destination = destination
        self._retention = retention
        self._stop = threading.Event()
        self._sweep_in_s = 0.0
        #: read by other threads
        self.health = Health()
        self._thread = threading.Thread(target=self._run, name="talkpath-history", daemon=True)
        self._thread.start()

    def counters(self) -> dict[str, int]:
        """For the metrics: calls that were sent, and those that the database can never have."""
        return {"sent": self.health.sent, "refused": self.health.refused}

    @property
    def gauges(self) -> dict[str, Callable[[], float]]:
        """For the metrics."""
        health = self.health
        return {
            "history_waiting": lambda: float(health.waiting),
            "history_shared": lambda: float(health.trouble is None),
        }

    def close(self) -> None:
        """Hand over what the writer has written, as far as that can be done now."""
        self._stop.set()
        self._thread.join(timeout=_PARTING_S)

    def _run(self) -> None:
        database = connect(self._path, read_only=True)
        pause_s, failed_s = _PAUSE_S, _AGAIN_S
        while not self._stop.wait(pause_s):
            if self._turn(database):
                pause_s, failed_s = _PAUSE_S, _AGAIN_S
                self._sweep_in_s -= pause_s
            else:
                pause_s, failed_s = failed_s, min(2 * failed_s, _AGAIN_AT_MOST_S)
        if self.health.trouble is None:
            self._turn(database)
        self._destination.close()
        database.close()

    def _turn(self, database: sqlite3.Connection) -> bool:
        """Hand over all that waits; whether that went well."""
        self.health.turn_at = monotonic()
        try:
            self._hand_over(database)
            if self._sweep_in_s <= 0:
                self._sweep_in_s = _SWEEP_EVERY_S
                self._destination.sweep(self._retention)
        except CannotShare as trouble:
            self.health.trouble = trouble
            self.health.waiting = _count(database)
            return False
        except Exception as error:  # noqa: BLE001 - the outermost driver: the calls wait in the file
            _log.exception("calls could not be brought into the shared history; please report this")
            self.health.trouble = CannotShare(Why.OTHER, str(error))
            return False
        finally:
            self.health.turn_at = None
        self.health.trouble = None
        return True

    def _hand_over(self, database: sqlite3.Connection) -> None:
        writer, alive_ms = _counters(database)
        while batch := _read(database):
            self.health.waiting = len(batch.rows) if len(batch.rows) < _AT_ONCE else _count(database)
            refused = self._destination.put(writer, batch)
            self.health.refused += len(refused)
            self.health.sent += len(batch.rows) - len(refused)
            self._writer.write(_let_go(batch, refused))
            if not self._writer.flush():
                break
        self.health.waiting = _count(database)
        self._destination.alive(writer, alive_ms)


def _counters(database: sqlite3.Connection) -> tuple[int, int]:
    known = dict(database.execute("SELECT name, value FROM counters").fetchall())
    return int(known["writer"]), int(known["alive_ms"])


def _count(database: sqlite3.Connection) -> int:
    (count,) = database.execute("SELECT count(*) FROM calls WHERE NOT is_sent").fetchone()
    return int(count)


def _read(database: sqlite3.Connection) -> Batch | None:
    """The calls that are to be handed over first, and their pages, as they were at one moment."""
    database.execute("BEGIN")
    try:
        found = database.execute(_TO_SEND, (_AT_ONCE,)).fetchall()
        batch = Batch([Row.of(row) for row in found])
        numbers = ", ".join({str(row.page) for row in batch.rows})
        for page, calls, traces in database.execute(_PAGES.format(numbers)):
            batch.pages[page] = calls, traces
    finally:
        database.execute("COMMIT")
    return batch if batch.rows else None


def _let_go(batch: Batch, refused: set[int]) -> Job:
    """Deletes what was handed over, but what goes on, and what was written anew meanwhile: that is on another page.
    What can never be handed over stays in the file until it is too old."""
    kept = [(row.number, row.page) for row in batch.rows if row.is_open or row.number in refused]
    done = [(row.number, row.page) for row in batch.rows if not row.is_open and row.number not in refused]

    def job(database: sqlite3.Connection) -> None:
        database.executemany(_SENT, kept)
        database.executemany(_DONE, done)
        database.executemany(_EMPTY, [(page,) for page in batch.pages])

    return job

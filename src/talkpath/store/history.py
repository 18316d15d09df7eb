"""Calls of the past: one row to search by, and the whole trace to read.

Rows are in a table of their own, so that a search over a million calls reads some hundred megabytes and not the
traces. The traces of calls that were written together share a page; it goes when the last of its calls goes.
"""

import sqlite3
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkpath.base import limits
from talkpath.base.errors import Unavailable
from talkpath.calls.build import summary_of
from talkpath.calls.ids import span_of
from talkpath.calls.model import Result, Side, Summary
from talkpath.calls.trace import Trace
from talkpath.store.blob import packed, unpacked
from talkpath.store.writer import Job, Writer, connect

_COLUMNS = (
    "id, call_id, start, caller, callee, source, result, status, reason, ring_s, answer_s, talk_s, "
    "ended_at, ended_by, ended_how"
)
_PUT = f"INSERT INTO calls (page, place, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_PAGE = "INSERT INTO pages (calls, traces) VALUES (?, ?)"
_EXPIRED = "SELECT number, page FROM calls WHERE start < ? ORDER BY start LIMIT ?"
_OLDEST = "SELECT number, page FROM calls ORDER BY number LIMIT ?"
_EMPTY = "DELETE FROM pages WHERE page = ? AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.page = pages.page)"
# Calls of one page: enough to share what they have in common, few enough to read one of them quickly.
_PAGE_CALLS = 32
# Calls deleted in one go: some tens of milliseconds, so that registrations need not wait long behind them.
_SWEEP_CALLS = 500


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of the past is kept: so many days and so many calls, whichever is less."""

    days: float = 90.0
    calls: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls a reader asks for. `number` is part of the caller or of the callee."""

    number: str = ""
    since: float | None = None
    until: float | None = None
    result: Result | None = None
    limit: int = 50


def fits(row: Summary, wanted: Wanted) -> bool:
    """Whether a running call is among those asked for."""
    return (
        (wanted.number in row.caller or wanted.number in row.callee)
        and (wanted.since is None or row.start >= wanted.since)
        and (wanted.until is None or row.start < wanted.until)
        and (wanted.result is None or row.result is wanted.result)
    )


class HistoryWriter:
    """Writes the calls that ended, and deletes the oldest."""

    def __init__(self, writer: Writer, retention: Retention) -> None:
        self._writer = writer
        self._retention = retention
        self._waiting: deque[Trace] = deque()
        #: calls that were left out because the disk did not keep up
        self.dropped = 0

    def save(self, trace: Trace) -> None:
        """Keep a call that ended. Returns at once; dropped (and counted) when the disk does not keep up."""
        if len(self._waiting) >= limits.STORE_QUEUE:
            self.dropped += 1
            return
        self._waiting.append(trace)
        if len(self._waiting) == 1:
            self._writer.write(self._job())

    def sweep(self, now: float) -> None:
        """Delete what is too old or too much, some hundred at a time. To be called every minute. Returns at once."""

        def job(database: sqlite3.Connection) -> None:
            if _sweep(database, self._retention, now) == _SWEEP_CALLS:
                self._writer.write(job)

        self._writer.write(job)

    def _job(self) -> Job:
        """Writes what waits when its turn comes. Tried again, it still has what it took."""
        taken: list[Trace] = []

        def job(database: sqlite3.Connection) -> None:
            while self._waiting:
                taken.append(self._waiting.popleft())
            for at in range(0, len(taken), _PAGE_CALLS):
                _write_page(database, taken[at : at + _PAGE_CALLS])

        return job


class HistoryReader:
    """Reads the calls of the past, also while an edge writes them."""

    def __init__(self, path: Path) -> None:
        """Raises `Unavailable` when there is no such file or no talkpath wrote it."""
        self._database = connect(path, read_only=True)
        self._path = path

    def find(self, wanted: Wanted) -> list[Summary]:
        """The rows asked for, the latest first."""
        where, values = _condition(wanted)
        statement = f"SELECT {_COLUMNS} FROM calls WHERE {where} ORDER BY start DESC LIMIT ?"
        return [_summary(row) for row in self._read(statement, (*values, wanted.limit))]

    def traces(self, name: str, limit: int = 2) -> list[Trace]:
        """The calls whose id begins with `name`, or else those whose Call-ID it is; the latest first."""
        span = span_of(name)
        found = self._traces("start >= ? AND start < ? AND id GLOB ?", (*span, name + "*"), limit) if span else []
        return found or self._traces("call_id = ?", (name,), limit)

    def _traces(self, condition: str, values: tuple[object, ...], limit: int) -> list[Trace]:
        statement = (
            f"SELECT place, traces FROM calls JOIN pages USING (page) WHERE {condition} ORDER BY start DESC LIMIT ?"
        )
        return [unpacked(traces)[place] for place, traces in self._read(statement, (*values, limit))]

    def count(self) -> int:
        """How many calls are kept."""
        ((number,),) = self._read("SELECT count(*) FROM calls", ())
        return int(number)

    def close(self) -> None:
        self._database.close()

    def _read(self, statement: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise Unavailable(
                "store-unreadable", f"the call history cannot be read ({error})", str(self._path)
            ) from error


def _write_page(database: sqlite3.Connection, traces: list[Trace]) -> None:
    page = database.execute(_PUT_PAGE, (len(traces), packed(traces))).lastrowid
    rows = [(page, place, *_row(summary_of(trace))) for place, trace in enumerate(traces)]
    database.executemany(_PUT, rows)


def _row(row: Summary) -> tuple[object, ...]:
    """The values of `_COLUMNS`."""
    return (
        row.id,
        row.call_id,
        row.start,
        row.caller,
        row.callee,
        row.source,
        row.result.value,
        row.status,
        row.reason,
        row.ring_s,
        row.answer_s,
        row.talk_s,
        row.ended_at,
        row.ended_by.value,
        row.ended_how,
    )


def _sweep(database: sqlite3.Connection, retention: Retention, now: float) -> int:
    """Delete one batch; how many it were."""
    gone = database.execute(_EXPIRED, (now - retention.days * 86_400, _SWEEP_CALLS)).fetchall()
    if not gone:
        (kept,) = database.execute("SELECT ifnull(max(number) - min(number) + 1, 0) FROM calls").fetchone()
        gone = database.execute(_OLDEST, (max(0, min(_SWEEP_CALLS, kept - retention.calls)),)).fetchall()
    database.executemany("DELETE FROM calls WHERE number = ?", [(number,) for number, _ in gone])
    database.executemany(_EMPTY, [(page,) for page in {page for _, page in gone}])
    return len(gone)


def _condition(wanted: Wanted) -> tuple[str, tuple[object, ...]]:
    parts: list[tuple[str, tuple[object, ...]]] = []
    if wanted.number:
        part = "%" + wanted.number.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        parts.append(("(caller LIKE ? ESCAPE '\\' OR callee LIKE ? ESCAPE '\\')", (part, part)))
    if wanted.since is not None:
        parts.append(("start >= ?", (wanted.since,)))
    if wanted.until is not None:
        parts.append(("start < ?", (wanted.until,)))
    if wanted.result is not None:
        parts.append(("result = ?", (wanted.result.value,)))
    where = " AND ".join(text for text, _ in parts) or "1"
    return where, tuple(value for _, values in parts for value in values)


def _summary(row: tuple[Any, ...]) -> Summary:
    fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
    fields["result"] = Result(str(fields["result"]))
    fields["ended_by"] = Side(str(fields["ended_by"]))
    return Summary(**fields)

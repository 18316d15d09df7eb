"""Calls of the past: one row to search by, and the whole trace to read.

A call that runs for more than a second is written too, as one that ended because the node died, and written again
when it changed: whatever happens to the process, the history holds it. Its row is open until the call is over; until
when open calls were seen says a note that the node is alive.

Rows are in a table of their own, so that a search over a million calls reads some hundred megabytes and not the
traces. The traces of calls that were written together share a page; it goes when the last of its calls goes.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from talkpath.base import limits
from talkpath.base.readable import readable
from talkpath.calls.build import summary_of
from talkpath.calls.ids import id_of, span_of
from talkpath.calls.model import Result, Side, Summary
from talkpath.calls.trace import NODE_DIED, WENT_OVER, Trace
from talkpath.store.blob import packed, unpacked
from talkpath.store.mishaps import unavailable
from talkpath.store.writer import Job, Writer, connect

COLUMNS = (
    "id, call_id, start, caller, callee, source, result, status, reason, ring_s, answer_s, talk_s, "
    "ended_at, ended_by, ended_how"
)
_OWN = "number, page, place, is_open, is_sent"
_PUT = f"INSERT OR REPLACE INTO calls ({_OWN}, {COLUMNS}) VALUES ({', '.join('?' * 20)})"
_PUT_PAGE = "INSERT INTO pages (calls, traces) VALUES (?, ?)"
_EXPIRED = "SELECT number, page, is_sent FROM calls WHERE start < ? ORDER BY start LIMIT ?"
# By their numbers, as counting a million rows takes a hundred times as long.
_TOO_MANY = """
    SELECT number, page, is_sent FROM calls
    WHERE number <= (SELECT max(number) FROM calls) - ? ORDER BY number LIMIT ?
"""
_RESUMED = f"SELECT number FROM calls WHERE start = ? AND id = ? AND ended_how IN ('{NODE_DIED}', '{WENT_OVER}')"
_EMPTY = "DELETE FROM pages WHERE page = ? AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.page = pages.page)"
_ALIVE = "UPDATE counters SET value = ? WHERE name = 'alive_ms'"
_LAST_ALIVE = "(SELECT value / 1000.0 FROM counters WHERE name = 'alive_ms')"
_SEEN_UNTIL = f"max(ended_at, {_LAST_ALIVE})"
# The end of a call; of one that was left open, when its node was last known to be alive.
_END = f"CASE WHEN is_open THEN {_SEEN_UNTIL} ELSE ended_at END"
_CLOSE_LEFT_OPEN = f"""
    UPDATE calls SET ended_at = {_SEEN_UNTIL}, is_open = 0,
    talk_s = CASE WHEN talk_s IS NULL THEN NULL ELSE {_SEEN_UNTIL} - start - answer_s END, is_sent = ? WHERE is_open
"""
# Most calls of a load test, and all of a scanner, end sooner and cost nothing more.
_YOUNG_S = 1.0
# A call is written again when something was said, and now and then for what was measured; the longer it runs the more
# there is to write, so the more seldom: pauses in seconds, and as parts of its age.
_SAID_S, _SAID_PART = 1.0, 1 / 32
_MEASURED_S, _MEASURED_PART = 10.0, 1 / 8
# How often it is noted that the node is alive, in seconds.
_ALIVE_S = 0.5
# A call of which nothing was said for so long is compressed in memory, so many in one go: some milliseconds.
_QUIET_S = 10.0
_SETTLED_AT_ONCE = 50
# Calls of one page: enough to share what they have in common, few enough to read one of them quickly.
_PAGE_CALLS = 32
# Calls deleted in one go: some ten milliseconds, so that registrations need not wait long behind them.
_SWEEP_CALLS = 500
# Pages of the file given back in one go, of 4 kB, for the same reason; and the part of it that may be free.
_PAGES_AT_ONCE = 256
_FREE_PART = 8
# Rows that are read at once.
_PORTION = 256


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


@dataclass(slots=True, eq=False)
class _Kept:
    """What was handed over of a call that goes on, and when, and when more than measurements were; its number in the
    table once it has one."""

    rows: int = -1
    at: float = 0.0
    said_at: float = 0.0
    is_ended: bool = False
    number: int = 0

    def is_due(self, trace: Trace, now: float) -> bool:
        """Whether the call should be written again."""
        if trace.ended_at is not None:
            return not self.has_end_of(trace)
        since, age = now - self.at, now - trace.start
        if self.is_ended or trace.rows != self.rows:
            return since >= max(_SAID_S, age * _SAID_PART)
        return trace.touched > self.at and since >= max(_MEASURED_S, age * _MEASURED_PART)

    def is_quiet(self, trace: Trace, now: float) -> bool:
        """Whether nothing was said for so long that there may be nothing for long."""
        is_old = trace.rows == self.rows and now - self.said_at >= _QUIET_S
        return is_old and trace.ended_at is None and not trace.is_settled

    def has_end_of(self, trace: Trace) -> bool:
        """Whether what was handed over is the whole of a call that ended."""
        return self.is_ended and trace.rows == self.rows


#: A call with its number in the table.
_Numbered = tuple[int, Trace]


class _Page(NamedTuple):
    """What is written of some calls: their traces together, and the number and values of each one's row."""

    traces: bytes
    rows: list[tuple[int, tuple[object, ...]]]

    @classmethod
    def of(cls, calls: list[_Numbered]) -> "_Page":
        rows = [(number, _row(summary_of(trace))) for number, trace in calls]
        return cls(packed([trace for _, trace in calls]), rows)


class HistoryWriter:
    """Writes the calls that ended and those that run, and deletes the oldest. `is_shared`: a shared history is to
    have them (`shared/forwarding.py`), and this file keeps them until it has."""

    def __init__(self, writer: Writer, retention: Retention, *, is_shared: bool = False) -> None:
        self._writer = writer
        self._retention = retention
        self._is_shared = is_shared
        self._waiting: deque[tuple[_Kept, Trace]] = deque()
        #: by the number of their trace
        self._kept: dict[int, _Kept] = {}
        self._last_number = -1
        self._alive_at = 0.0
        #: calls that were left out because the disk did not keep up, or swept before the shared history had them
        self.dropped = 0

    def save(self, trace: Trace) -> None:
        """Keep a call that ended. Returns at once; dropped (and counted) when the disk does not keep up."""
        kept = self._kept.pop(trace.number, None) or _Kept()
        if not kept.has_end_of(trace) and not self._put(kept, trace):
            self.dropped += 1

    def keep(self, traces: Iterable[Trace], now: float) -> None:
        """Keep calls that go on, and those that just ended, as they stand (`Ledger.to_keep`). To be called every
        second, or oftener with a portion each. Returns at once."""
        has_open, settled = False, 0
        for trace in traces:
            kept = self._kept.get(trace.number)
            if kept is None:
                if trace.ended_at is None and now - trace.start < _YOUNG_S:
                    continue
                kept = self._kept[trace.number] = _Kept()
            has_open = has_open or trace.ended_at is None
            if kept.is_due(trace, now) and self._put(kept, trace.standing(now)):
                if trace.rows != kept.rows:
                    kept.said_at = now
                kept.rows, kept.at, kept.is_ended = trace.rows, now, trace.ended_at is not None
            elif settled < _SETTLED_AT_ONCE and kept.is_quiet(trace, now):
                trace.settle()
                settled += 1
        if has_open and now - self._alive_at >= _ALIVE_S:
            self._alive_at = now
            self._writer.write(lambda database: database.execute(_ALIVE, (int(now * 1000),)))

    def close_left_open(self) -> None:
        """Calls that an earlier life left open ended with it. Returns at once."""
        is_sent = not self._is_shared
        self._writer.write(lambda database: database.execute(_CLOSE_LEFT_OPEN, (is_sent,)))

    def _put(self, kept: _Kept, trace: Trace) -> bool:
        """Queue a call to be written; False when too many wait."""
        if len(self._waiting) >= limits.STORE_QUEUE:
            return False
        self._waiting.append((kept, trace))
        if len(self._waiting) == 1:
            self._writer.write(self._job())
        return True

    def sweep(self, now: float) -> None:
        """Delete what is too old or too much, some hundred at a time. To be called every minute. Returns at once."""

        def job(database: sqlite3.Connection) -> None:
            gone, unsent = _sweep(database, self._retention, now)
            self.dropped += unsent
            if gone == _SWEEP_CALLS or _give_back(database):
                self._writer.write(job)

        self._writer.write(job)

    def _job(self) -> Job:
        """Writes what waits when its turn comes. Tried again, it still has what it took."""
        taken: dict[_Kept, Trace] = {}

        def job(database: sqlite3.Connection) -> None:
            while self._waiting:
                kept, trace = self._waiting.popleft()
                taken[kept] = trace
            for kept, trace in taken.items():
                kept.number = kept.number or self._number_of(database, trace)
            # Apart, so that pages of calls that will be written again are soon empty.
            for is_open in (False, True):
                rows = [(kept.number, trace) for kept, trace in taken.items() if _is_open(trace) is is_open]
                for at in range(0, len(rows), _PAGE_CALLS):
                    for page in self._pages(rows[at : at + _PAGE_CALLS]):
                        _write_page(database, page, is_open, not self._is_shared)

        return job

    def _pages(self, calls: list[_Numbered]) -> Iterator[_Page]:
        """The calls as one page. When one of them cannot be written down each has its own, and that one has none."""
        try:
            yield _Page.of(calls)
        except Exception:  # noqa: BLE001 - whatever a peer made of its call costs that call alone
            for call in calls:
                try:
                    yield _Page.of([call])
                except Exception:  # noqa: BLE001 - the same
                    self._writer.left_out()

    def _number_of(self, database: sqlite3.Connection, trace: Trace) -> int:
        """That of what an earlier process wrote of it, or this one before another node had it; else the next."""
        if trace.is_resumed:
            own = trace.start, id_of(trace.call_ids[0], trace.start)
            known = database.execute(_RESUMED, own).fetchone()
            if known is not None:
                return int(known[0])
        return self._next_number(database)

    def _next_number(self, database: sqlite3.Connection) -> int:
        if self._last_number < 0:
            (self._last_number,) = database.execute("SELECT ifnull(max(number), 0) FROM calls").fetchone()
        self._last_number += 1
        return self._last_number


class History(Protocol):
    """Calls of the past, wherever they are kept."""

    def find(self, wanted: Wanted, *, oldest_first: bool = False) -> Iterator[Summary]:
        """The rows asked for as they are read, the latest first; or from the oldest on, whatever their number."""

    def traces(self, wanted: Wanted) -> list[Trace]:
        """The calls asked for, whole, the latest first."""

    def named(self, name: str, limit: int = 2) -> list[Trace]:
        """The calls whose id begins with `name`, or else those whose Call-ID it is; the latest first."""

    def close(self) -> None: ...


class HistoryReader:
    """Reads the calls of the past of one node, also while an edge writes them."""

    def __init__(self, path: Path, *, is_edge_running: bool = False) -> None:
        """An edge that runs knows its open calls better. Raises `Unavailable` when there is no such file or no
        talkpath wrote it."""
        self._database = connect(path, read_only=True)
        self._path = path
        self._is_edge_running = is_edge_running

    def find(self, wanted: Wanted, *, oldest_first: bool = False) -> Iterator[Summary]:
        where, values = self._condition(wanted)
        statement = f"SELECT {COLUMNS}, {_END} FROM calls WHERE {where} {order(oldest_first)}"
        return map(summary_of_row, self._read(statement, values if oldest_first else (*values, wanted.limit)))

    def traces(self, wanted: Wanted) -> list[Trace]:
        return self._traces(*self._condition(wanted), wanted.limit)

    def named(self, name: str, limit: int = 2) -> list[Trace]:
        span = span_of(name)
        name = readable(name)
        found = self._traces("start >= ? AND start < ? AND id GLOB ?", (*span, name + "*"), limit) if span else []
        return found or self._traces("call_id = ?", (name,), limit)

    def writer(self) -> int | None:
        """What this file is called in a shared history; None for one of an older talkpath."""
        for (number,) in self._read("SELECT value FROM counters WHERE name = 'writer'", ()):
            return int(number)
        return None

    def _condition(self, wanted: Wanted) -> tuple[str, tuple[object, ...]]:
        where, values = condition(wanted, "?", "LIKE")
        return (f"{where} AND NOT is_open" if self._is_edge_running else where), values

    def _traces(self, where: str, values: tuple[object, ...], limit: int) -> list[Trace]:
        statement = (
            f"SELECT page, place, traces, {_END} FROM calls JOIN pages USING (page) "
            f"WHERE {where} ORDER BY start DESC LIMIT ?"
        )
        pages = Pages()
        return [pages.trace(*row) for row in self._read(statement, (*values, limit))]

    def count(self) -> int:
        """How many calls are kept."""
        ((number,),) = self._read("SELECT count(*) FROM calls", ())
        return int(number)

    def close(self) -> None:
        self._database.close()

    def _read(self, statement: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            rows = self._database.execute(statement, values)
            while portion := rows.fetchmany(_PORTION):  # a cursor that is handed out cannot be left after `close`
                yield from portion
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error


class Pages:
    """The pages of one search, each unpacked once."""

    def __init__(self) -> None:
        self._pages: dict[int, list[Trace]] = {}

    def trace(self, page: int, place: int, traces: bytes, end: float) -> Trace:
        """The call at a place of a page; `end`: when it ended, as its row says."""
        if page not in self._pages:
            self._pages[page] = unpacked(traces)
        trace = self._pages[page][place]
        trace.ended_at = end
        return trace


def _is_open(trace: Trace) -> bool:
    return trace.ended_how == NODE_DIED


def _write_page(database: sqlite3.Connection, page: _Page, is_open: bool, is_sent: bool) -> None:
    """Write calls under their numbers; what was written of them before goes."""
    numbers = ", ".join(str(number) for number, _ in page.rows)
    before = database.execute(f"SELECT DISTINCT page FROM calls WHERE number IN ({numbers})").fetchall()
    written = database.execute(_PUT_PAGE, (len(page.rows), page.traces)).lastrowid
    rows = [(number, written, place, is_open, is_sent, *row) for place, (number, row) in enumerate(page.rows)]
    database.executemany(_PUT, rows)
    database.executemany(_EMPTY, before)


def _row(row: Summary) -> tuple[object, ...]:
    """The values of `COLUMNS`."""
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


def _sweep(database: sqlite3.Connection, retention: Retention, now: float) -> tuple[int, int]:
    """Delete one batch; how many it were, and how many of them a shared history was to have."""
    gone = database.execute(_EXPIRED, (now - retention.days * 86_400, _SWEEP_CALLS)).fetchall()
    gone = gone or database.execute(_TOO_MANY, (retention.calls, _SWEEP_CALLS)).fetchall()
    database.executemany("DELETE FROM calls WHERE number = ?", [(number,) for number, _, _ in gone])
    database.executemany(_EMPTY, [(page,) for page in {page for _, page, _ in gone}])
    return len(gone), sum(not is_sent for _, _, is_sent in gone)


def _give_back(database: sqlite3.Connection) -> bool:
    """Give the disk some of what is free in the file, where that is much; whether there may be more. What is left
    free is for the calls to come: a file that shrinks and grows in turn costs more than it saves."""
    ((free,), (pages,)) = (database.execute(f"PRAGMA {what}_count").fetchone() for what in ("freelist", "page"))
    if free * _FREE_PART <= pages or free < _PAGES_AT_ONCE:
        return False
    # One at a time: SQLite frees a page a step, and `execute` takes one step of what gives no rows.
    for _ in range(_PAGES_AT_ONCE):
        database.execute("PRAGMA incremental_vacuum(1)")
    (left,) = database.execute("PRAGMA freelist_count").fetchone()
    return bool(left < free)


def condition(wanted: Wanted, mark: str, like: str) -> tuple[str, tuple[object, ...]]:
    """What is wanted as SQL, and its values: `mark` stands for one, `like` compares whatever the case."""
    parts: list[tuple[str, tuple[object, ...]]] = []
    if wanted.number:
        part = "%" + readable(wanted.number).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        likes = (f"{side} {like} {mark} ESCAPE '\\'" for side in ("caller", "callee"))
        parts.append((f"({' OR '.join(likes)})", (part, part)))
    if wanted.since is not None:
        parts.append((f"start >= {mark}", (wanted.since,)))
    if wanted.until is not None:
        parts.append((f"start < {mark}", (wanted.until,)))
    if wanted.result is not None:
        parts.append((f"result = {mark}", (wanted.result.value,)))
    where = " AND ".join(text for text, _ in parts) or "1 = 1"
    return where, tuple(value for _, values in parts for value in values)


def order(oldest_first: bool, mark: str = "?") -> str:
    """How `History.find` orders."""
    return "ORDER BY start" if oldest_first else f"ORDER BY start DESC LIMIT {mark}"


def summary_of_row(row: tuple[Any, ...]) -> Summary:
    """The call of the values of `COLUMNS` and when it ended."""
    *columns, end = row
    fields = dict(zip(COLUMNS.split(", "), columns, strict=True))
    if fields["talk_s"] is not None:
        fields["talk_s"] += end - fields["ended_at"]
    fields["ended_at"] = end
    fields["result"] = Result(str(fields["result"]))
    fields["ended_by"] = Side(str(fields["ended_by"]))
    return Summary(**fields)

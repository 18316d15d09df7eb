"""The shared history in PostgreSQL: how one node writes it, and how it is read."""

from collections.abc import Iterator
from hashlib import blake2b
from struct import pack
from typing import Any
from uuid import UUID

import psycopg
from msgspec.structs import replace

from talkpath.base.readable import readable
from talkpath.calls.ids import span_of
from talkpath.calls.model import Result, Side, Summary
from talkpath.calls.trace import NODE_DIED, WENT_OVER, Trace
from talkpath.store.history import COLUMNS, Pages, Retention, Wanted, condition, order, summary_of_row
from talkpath.store.shared.forwarding import Batch, CannotShare, Row
from talkpath.store.shared.tables import STEPS, cannot_share, connected, is_fault_of_row, prepare, version

_OWN = ("key", "writer", "page", "place", "is_open")
_ALL = (*_OWN, *COLUMNS.split(", "))
# Who took a call over says more of it than the node that died or gave it away, also when that one tells later what it
# knew.
_HALF = f"('{NODE_DIED}', '{WENT_OVER}')"
_PUT = f"""
    INSERT INTO talkpath_calls AS old ({", ".join(_ALL)}) VALUES ({", ".join(["%s"] * len(_ALL))})
    ON CONFLICT (key) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _ALL[1:])}
    WHERE excluded.ended_how NOT IN {_HALF}
    OR (old.ended_how IN {_HALF} AND (old.writer = excluded.writer OR old.ended_at <= excluded.ended_at))
"""
_PUT_PAGE = "INSERT INTO talkpath_pages (page, calls, traces) VALUES (%s, %s, %s)"
_NEW_PAGES = "SELECT nextval('talkpath_pages_page_seq') FROM generate_series(1, %s)"
_PAGES_BEFORE = "SELECT DISTINCT page FROM talkpath_calls WHERE key = ANY(%s)"
_EMPTY = """
    DELETE FROM talkpath_pages WHERE page = ANY(%s)
    AND NOT EXISTS (SELECT 1 FROM talkpath_calls WHERE talkpath_calls.page = talkpath_pages.page)
"""
_ALIVE = """
    INSERT INTO talkpath_writers AS old (writer, node, alive_ms, seen_at) VALUES (%s, %s, %s, now())
    ON CONFLICT (writer) DO UPDATE SET node = excluded.node, alive_ms = excluded.alive_ms, seen_at = excluded.seen_at
"""
# Nodes sweep by themselves; what one deletes the others leave alone.
_SWEEP = """
    DELETE FROM talkpath_calls WHERE key IN (
        SELECT key FROM talkpath_calls WHERE start <= %s ORDER BY start LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING page
"""
_TOO_OLD = "SELECT extract(epoch FROM now())::double precision - %s"
_TOO_MANY = "SELECT start FROM talkpath_calls ORDER BY start DESC OFFSET %s LIMIT 1"
_SWEEP_CALLS = 1_000

# A node that was not heard for so long runs its open calls no more.
_SILENT_S = 15
_IS_RUNNING = f"(is_open AND coalesce(seen_at > now() - interval '{_SILENT_S} s', false))"
_END = "CASE WHEN is_open THEN greatest(ended_at, alive_ms / 1000.0) ELSE ended_at END"
_FROM = "talkpath_calls LEFT JOIN talkpath_writers USING (writer)"


class PostgresWriter:
    """The `Destination` of one node. `node` is what it is called there."""

    def __init__(self, url: str, node: str) -> None:
        self._url = url
        self._node = node
        self._connection: psycopg.Connection | None = None

    def put(self, writer: int, batch: Batch) -> set[int]:
        connection = self._connected()
        try:
            try:
                with connection.transaction():
                    self._put(connection, writer, batch)
            except Exception as error:
                if not is_fault_of_row(error):
                    raise
                return self._each_alone(connection, writer, batch)
        except psycopg.Error as error:
            raise self._failed(error) from error
        return set()

    def alive(self, writer: int, alive_ms: int) -> None:
        try:
            self._connected().execute(_ALIVE, (writer, self._node, alive_ms))
        except psycopg.Error as error:
            raise self._failed(error) from error

    def sweep(self, retention: Retention) -> None:
        connection = self._connected()
        try:
            for question, value in ((_TOO_OLD, retention.days * 86_400), (_TOO_MANY, retention.calls)):
                row = connection.execute(question, (value,)).fetchone()
                while row is not None and _swept(connection, row[0]) == _SWEEP_CALLS:
                    pass
        except psycopg.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            connection = connected(self._url)
            try:
                prepare(connection)
            except CannotShare:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _failed(self, error: psycopg.Error) -> CannotShare:
        """Whatever it was, what comes next begins with a new connection."""
        self.close()
        return cannot_share(error)

    @staticmethod
    def _put(connection: psycopg.Connection, writer: int, batch: Batch) -> None:
        pages = _with_pages(connection, batch)
        rows = [_values(writer, row, pages[row.page]) for row in batch.rows]
        before = connection.execute(_PAGES_BEFORE, ([row[0] for row in rows],)).fetchall()
        connection.cursor().executemany(_PUT, rows)
        connection.execute(_EMPTY, ([*pages.values(), *(page for (page,) in before)],))

    @staticmethod
    def _each_alone(connection: psycopg.Connection, writer: int, batch: Batch) -> set[int]:
        """The same with a savepoint for each, which costs more; gives the numbers of those at fault."""
        refused: set[int] = set()
        with connection.transaction():
            pages = _with_pages(connection, batch)
            for row in batch.rows:
                try:
                    with connection.transaction():
                        values = _values(writer, row, pages[row.page])
                        before = connection.execute(_PAGES_BEFORE, ([values[0]],)).fetchall()
                        connection.execute(_PUT, values)
                        connection.execute(_EMPTY, ([page for (page,) in before],))
                except Exception as error:
                    if not is_fault_of_row(error):
                        raise
                    refused.add(row.number)
            connection.execute(_EMPTY, (list(pages.values()),))
        return refused


class PostgresHistory:
    """Reads the shared history. `own`: the writer of this node; an edge that runs knows its open calls better."""

    def __init__(self, url: str, own: int | None, *, is_edge_running: bool, is_own_only: bool) -> None:
        """Raises CannotShare."""
        self._connection = connected(url)
        self._own = own
        self._parts: list[str] = []
        if is_own_only:
            self._parts.append("writer = %s")
        if is_edge_running:
            self._parts.append("NOT (is_open AND writer IS NOT DISTINCT FROM %s)")
        try:
            self._is_empty = version(self._connection) < len(STEPS)
        except CannotShare:
            self._connection.close()
            raise

    def find(self, wanted: Wanted, *, oldest_first: bool = False) -> Iterator[Summary]:
        where, values = self._condition(wanted)
        asked = f"SELECT {COLUMNS}, {_END}, {_IS_RUNNING} FROM {_FROM} WHERE {where} {order(oldest_first, '%s')}"
        return map(_summary, self._read(asked, values if oldest_first else (*values, wanted.limit)))

    def traces(self, wanted: Wanted) -> list[Trace]:
        return self._traces(*self._condition(wanted), wanted.limit)

    def named(self, name: str, limit: int = 2) -> list[Trace]:
        span = span_of(name)
        name = str(_kept(readable(name)))
        where = "start >= %s AND start < %s AND starts_with(id, %s)"
        found = self._traces(where, (*span, name), limit) if span else []
        return found or self._traces("call_id = %s", (name,), limit)

    def close(self) -> None:
        self._connection.close()

    def _condition(self, wanted: Wanted) -> tuple[str, tuple[object, ...]]:
        where, values = condition(wanted, "%s", "ILIKE")
        mine = (self._own,) * len(self._parts)
        return " AND ".join((where, *self._parts)), (*(_kept(value) for value in values), *mine)

    def _traces(self, where: str, values: tuple[object, ...], limit: int) -> list[Trace]:
        statement = (
            f"SELECT page, place, traces, {_END}, {_IS_RUNNING} FROM {_FROM} JOIN talkpath_pages USING (page) "
            f"WHERE {where} ORDER BY start DESC LIMIT %s"
        )
        pages = Pages()
        found = []
        for *row, is_running in self._read(statement, (*values, limit)):
            trace = pages.trace(*row)
            if is_running:
                trace.ended_at, trace.ended_by, trace.ended_how = None, Side.UNKNOWN, ""
            found.append(trace)
        return found

    def _read(self, statement: str, values: tuple[object, ...]) -> Iterator[tuple[Any, ...]]:
        if self._is_empty:
            return
        try:
            yield from self._connection.execute(statement, values)
        except psycopg.Error as error:
            raise cannot_share(error) from error


def _summary(row: tuple[Any, ...]) -> Summary:
    """A call, one that runs at another node included."""
    *values, is_running = row
    summary = summary_of_row(tuple(values))
    if not is_running:
        return summary
    result = Result.ANSWERED if summary.answer_s is not None else Result.ONGOING
    return replace(summary, result=result, talk_s=None, ended_at=None, ended_by=Side.UNKNOWN, ended_how="")


def _with_pages(connection: psycopg.Connection, batch: Batch) -> dict[int, int]:
    """Write the pages of a batch; their numbers there, by those that they have in the file."""
    numbers = connection.execute(_NEW_PAGES, (len(batch.pages),)).fetchall()
    pages = {page: number for page, (number,) in zip(batch.pages, numbers, strict=True)}
    connection.cursor().executemany(_PUT_PAGE, [(pages[page], *values) for page, values in batch.pages.items()])
    return pages


def _values(writer: int, row: Row, page: int) -> tuple[object, ...]:
    """The values of `_ALL`."""
    values = tuple(_kept(value) for value in row.values)
    _, call_id, start, *_ = row.values
    return (_key(str(call_id), float(str(start))), writer, page, row.place, row.is_open, *values)


def _key(call_id: str, start: float) -> UUID:
    """Sorts by time, so that new ones stand together in the index."""
    name = blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return UUID(bytes=pack(">Q", round(start * 1_000_000)) + name)


def _kept(value: object) -> object:
    """PostgreSQL has no NUL in its texts, and strangers write what they like."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def _swept(connection: psycopg.Connection, until: float) -> int:
    """Delete one batch of calls that began by then; how many it were."""
    with connection.transaction():
        gone = connection.execute(_SWEEP, (until, _SWEEP_CALLS)).fetchall()
        connection.execute(_EMPTY, (list({page for (page,) in gone}),))
    return len(gone)

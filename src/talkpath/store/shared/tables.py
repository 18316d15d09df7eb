"""The tables of the shared history, and what PostgreSQL's refusals mean (`psycopg`, the extra `talkpath[postgres]`).

Times are seconds since the epoch. The key of a call is its start and its Call-ID, so that two nodes that ran it one
after the other write one row. Tables are in whatever schema the connection comes to first.
"""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from talkpath.base.readable import printable
from talkpath.store.shared.forwarding import CannotShare, Why

#: A step is never changed once released: add another. They are counted in `talkpath_version`.
STEPS = (
    """
    CREATE TABLE talkpath_version (version integer NOT NULL);
    INSERT INTO talkpath_version VALUES (0);
    CREATE TABLE talkpath_writers (
        writer bigint PRIMARY KEY,
        node text NOT NULL,
        alive_ms bigint NOT NULL,
        seen_at timestamptz NOT NULL
    );
    CREATE TABLE talkpath_pages (page bigserial PRIMARY KEY, calls integer NOT NULL, traces bytea NOT NULL);
    -- They are compressed already.
    ALTER TABLE talkpath_pages ALTER traces SET STORAGE EXTERNAL;
    CREATE TABLE talkpath_calls (
        key uuid PRIMARY KEY,
        writer bigint NOT NULL,
        page bigint NOT NULL,
        place integer NOT NULL,
        is_open boolean NOT NULL,
        id text NOT NULL,
        call_id text NOT NULL,
        start double precision NOT NULL,
        caller text NOT NULL,
        callee text NOT NULL,
        source text NOT NULL,
        result text NOT NULL,
        status integer NOT NULL,
        reason text NOT NULL,
        ring_s double precision,
        answer_s double precision,
        talk_s double precision,
        ended_at double precision,
        ended_by text NOT NULL,
        ended_how text NOT NULL
    );
    CREATE INDEX talkpath_calls_by_start ON talkpath_calls (start);
    CREATE INDEX talkpath_calls_by_page ON talkpath_calls (page);
    """,
)
_NAMES = ("talkpath_writers", "talkpath_pages", "talkpath_calls")
# Nodes that start together make the tables one after the other.
_LOCK = 0x74616C6B

# A server that is reached answers within this time, or is not there. `tcp_user_timeout` in milliseconds.
_DEFAULTS = {
    "connect_timeout": "5",
    "application_name": "talkpath",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_STATEMENT_MS = 30_000


def connected(url: str) -> psycopg.Connection:
    """A connection to the database of this URL. Raises CannotShare."""
    try:
        known = {**_DEFAULTS, **{name: str(value) for name, value in conninfo_to_dict(url).items()}}
        connection = psycopg.connect(**known, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]
        connection.execute(f"SET statement_timeout = {_STATEMENT_MS}")
    except psycopg.Error as error:
        raise _cannot_connect(error) from error
    return connection


def prepare(connection: psycopg.Connection) -> None:
    """Bring the tables to the newest form. Raises CannotShare."""
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            done = version(connection)
            for step in STEPS[done:]:
                connection.execute(step)
            if done < len(STEPS):
                connection.execute("UPDATE talkpath_version SET version = %s", (len(STEPS),))
    except psycopg.Error as error:
        raise cannot_share(error) from error


def version(connection: psycopg.Connection) -> int:
    """How many steps were taken, 0 where there is nothing yet. Raises CannotShare."""
    try:
        if _is_there(connection, "talkpath_version"):
            row = connection.execute("SELECT version FROM talkpath_version").fetchone()
            done = 0 if row is None else int(row[0])
            if done > len(STEPS):
                raise CannotShare(Why.NEWER, str(done))
            if done > 0:
                return done
        elif not any(_is_there(connection, name) for name in _NAMES):
            return 0
    except psycopg.Error as error:
        raise cannot_share(error) from error
    raise CannotShare(Why.FOREIGN)


def _is_there(connection: psycopg.Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return row is not None and bool(row[0])


def is_fault_of_row(error: Exception) -> bool:
    """Whether handing a row over again would end in the same way: what it says cannot be kept there. Classes 22 and
    23 are of its values; 54 is a limit that they exceed."""
    if not isinstance(error, psycopg.Error):
        return True
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError | psycopg.ProgrammingError | psycopg.NotSupportedError)
    return error.sqlstate[:2] in ("22", "23", "54")


def cannot_share(error: psycopg.Error) -> CannotShare:
    """What an error of a connection means."""
    return CannotShare(_why(error), _said(error))


def _said(error: psycopg.Error) -> str:
    return printable(" ".join(str(error).split()))


def _cannot_connect(error: psycopg.Error) -> CannotShare:
    """libpq does not tell why it was refused, but in the server's words; only whether a password was asked for."""
    failed = error.pgconn
    is_refused = failed is not None and (failed.needs_password or failed.used_password)
    return CannotShare(Why.LOGIN if is_refused else _why(error), _said(error))


def _why(error: psycopg.Error) -> Why:
    if error.sqlstate is None:
        return Why.AWAY if isinstance(error, psycopg.OperationalError) else Why.OTHER
    match error.sqlstate[:2]:
        # Connection lost, shut down by somebody, or a standby that takes no writes.
        case "08" | "57" | "25":
            return Why.AWAY
        case "28":
            return Why.LOGIN
        case "53":
            return Why.FULL
    match error.sqlstate:
        case "42501":
            return Why.PERMISSION
        case "42P01" | "42P07" | "42703" | "42804" | "42809" | "42P10":
            return Why.FOREIGN
    return Why.OTHER

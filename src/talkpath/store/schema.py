"""The tables of the embedded store, and how an older file becomes a newer one.

`PRAGMA user_version` counts the steps that were taken. A step is never changed once released: add another.
"""

import sqlite3
from contextlib import suppress

from talkpath.base.errors import Unavailable

STEPS = (
    """
    CREATE TABLE accounts (
        user TEXT PRIMARY KEY,
        realm TEXT NOT NULL,
        md5 TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        password TEXT
    ) WITHOUT ROWID;

    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counters VALUES ('accounts', 1);
    CREATE TRIGGER account_added AFTER INSERT ON accounts
        BEGIN UPDATE counters SET value = value + 1 WHERE name = 'accounts'; END;
    CREATE TRIGGER account_changed AFTER UPDATE ON accounts
        BEGIN UPDATE counters SET value = value + 1 WHERE name = 'accounts'; END;
    CREATE TRIGGER account_removed AFTER DELETE ON accounts
        BEGIN UPDATE counters SET value = value + 1 WHERE name = 'accounts'; END;

    CREATE TABLE bindings (
        user TEXT NOT NULL,
        identity TEXT NOT NULL,
        expires_at REAL NOT NULL,
        binding BLOB NOT NULL,
        PRIMARY KEY (user, identity)
    ) WITHOUT ROWID;

    CREATE TABLE calls (
        number INTEGER PRIMARY KEY,
        page INTEGER NOT NULL,
        place INTEGER NOT NULL,
        id TEXT NOT NULL,
        call_id TEXT NOT NULL,
        start REAL NOT NULL,
        caller TEXT NOT NULL,
        callee TEXT NOT NULL,
        source TEXT NOT NULL,
        result TEXT NOT NULL,
        status INTEGER NOT NULL,
        reason TEXT NOT NULL,
        ring_s REAL,
        answer_s REAL,
        talk_s REAL,
        ended_at REAL,
        ended_by TEXT NOT NULL,
        ended_how TEXT NOT NULL
    );
    CREATE INDEX calls_by_start ON calls (start);

    CREATE INDEX calls_by_page ON calls (page);

    CREATE TABLE pages (page INTEGER PRIMARY KEY, calls INTEGER NOT NULL, traces BLOB NOT NULL);
    """,
    # Calls are kept while they run; when the node was last known to be alive, in milliseconds since the epoch.
    """
    ALTER TABLE calls ADD COLUMN is_open INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX calls_open ON calls (is_open) WHERE is_open;
    INSERT INTO counters VALUES ('alive_ms', 0);
    """,
    # Passwords are no longer kept; instead it is known whose was not shown to anybody yet.
    """
    ALTER TABLE accounts DROP COLUMN password;
    ALTER TABLE accounts ADD COLUMN is_shown INTEGER NOT NULL DEFAULT 1;
    """,
    # Who may dial out. Nobody who was added before had been allowed to.
    """
    ALTER TABLE accounts ADD COLUMN outbound INTEGER NOT NULL DEFAULT 0;
    """,
    # Which calls a shared history is to have yet, and what this file is called there.
    """
    ALTER TABLE calls ADD COLUMN is_sent INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX calls_to_send ON calls (number) WHERE NOT is_sent;
    INSERT INTO counters VALUES ('writer', random() & 0x7fffffffffffffff);
    """,
    # Which account each change was of, so that a reader takes up what changed and not all: the last hundred thousand.
    """
    CREATE TABLE account_changes (number INTEGER PRIMARY KEY, user TEXT NOT NULL);
    CREATE TRIGGER account_noted AFTER UPDATE OF value ON counters WHEN NEW.name = 'accounts'
        BEGIN DELETE FROM account_changes WHERE number <= NEW.value - 100000; END;
    DROP TRIGGER account_added;
    DROP TRIGGER account_changed;
    DROP TRIGGER account_removed;
    CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'accounts';
        INSERT INTO account_changes SELECT value, NEW.user FROM counters WHERE name = 'accounts';
    END;
    CREATE TRIGGER account_changed AFTER UPDATE ON accounts BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'accounts';
        INSERT INTO account_changes SELECT value, NEW.user FROM counters WHERE name = 'accounts';
    END;
    CREATE TRIGGER account_removed AFTER DELETE ON accounts BEGIN
        UPDATE counters SET value = value + 1 WHERE name = 'accounts';
        INSERT INTO account_changes SELECT value, OLD.user FROM counters WHERE name = 'accounts';
    END;
    """,
)
# The step before which what earlier versions kept of passwords is wiped.
_WITHOUT_PASSWORDS = 3
# The step before which a file learns to give back what is free in it, and up to how many bytes it has: that writes it
# anew, which takes a second for each hundred megabytes. What is larger uses its free pages again instead.
_SHRINKING = 6
_WRITTEN_ANEW_BYTES = 256_000_000


def prepare(database: sqlite3.Connection, place: str) -> None:
    """Bring the tables to the newest form. Raises `Unavailable` for a file that a newer talkpath wrote."""
    (done,) = database.execute("PRAGMA user_version").fetchone()
    if done > len(STEPS):
        raise Unavailable(
            "store-too-new",
            f"the database has version {done}, this talkpath knows {len(STEPS)}: install the newer one again, "
            "or move the file away to start with an empty one",
            place,
        )
    for number, step in enumerate(STEPS[done:], done + 1):
        if number == _WITHOUT_PASSWORDS and done:
            _wipe_passwords(database)
        if number == _SHRINKING and done:
            _learn_to_shrink(database)
        database.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")


def _wipe_passwords(database: sqlite3.Connection) -> None:
    """Leave no readable password anywhere in the file: not in its rows, nor in pages that are free, nor in the log.

    Comes before the step is counted, so that whoever is interrupted here begins again.
    """
    database.execute("UPDATE accounts SET password = NULL")
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _learn_to_shrink(database: sqlite3.Connection) -> None:
    """SQLite takes up `auto_vacuum`, which every writer asks for, only while it makes a file or writes it anew."""
    ((pages,), (page_bytes,)) = (database.execute(f"PRAGMA page_{what}").fetchone() for what in ("count", "size"))
    if pages * page_bytes <= _WRITTEN_ANEW_BYTES:
        # A full disk, or somebody who reads meanwhile, leave it as it is.
        with suppress(sqlite3.OperationalError):
            database.execute("VACUUM")

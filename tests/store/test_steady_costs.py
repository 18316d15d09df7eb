"""What the store costs does not grow with what it holds: counted in steps of SQLite's machine, and in pages."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from talkpath.base.redact import Secret
from talkpath.store import schema
from talkpath.store.accounts import Account, Accounts
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import HistoryReader, HistoryWriter, Retention, Wanted, _Page, _sweep, _write_page
from talkpath.store.writer import Writer, connect

from ..calls.talk import PHONE, flow
from .kept import Registered, trace

Store = EmbeddedStore[Registered]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "talkpath.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    store = EmbeddedStore(file, Registered)
    yield store
    store.close()


def _steps(database: sqlite3.Connection, work: Callable[[], object]) -> int:
    """Steps of SQLite's machine that some work takes, in tens."""
    taken = [0]

    def count() -> int:
        taken[0] += 1
        return 0

    database.set_progress_handler(count, 10)
    work()
    database.set_progress_handler(None, 10)
    return taken[0]


def _add(accounts: Accounts, count: int) -> None:
    accounts._database.execute("BEGIN")
    for number in range(count):
        accounts.put(Account(f"{number}", "talkpath", {"MD5": Secret("a"), "SHA-256": Secret("b")}))
    accounts._database.execute("COMMIT")


# --- accounts


def test_a_change_of_one_account_is_read_alone_however_many_there_are(file: Path) -> None:
    steps = []
    edge, other = Accounts(file), Accounts(file)
    for known in (10, 2_000):
        _add(edge, known - len(edge))
        while other.refresh():
            pass
        edge.put(Account.of_password(f"the next of {known}", "talkpath", Secret("x")))
        steps.append(_steps(other._database, other.refresh))
        assert other.exists(f"the next of {known}")
    assert steps[1] <= steps[0] * 1.15 + 1
    edge.close()
    other.close()


def test_many_changes_are_taken_up_in_portions_and_whoever_asks_is_known_before(store: Store, file: Path) -> None:
    other = Accounts(file)
    _add(other, 1_200)
    edge = store.accounts
    assert edge.refresh()
    assert len(edge) == 500
    assert not edge.exists("1199")
    assert edge.look("1199")
    assert edge.exists("1199")
    assert not edge.look("1200")
    assert edge.refresh()
    assert edge.refresh()
    assert not edge.refresh()
    assert len(edge) == 1_200
    other.close()


def test_who_was_away_for_more_changes_than_are_noted_reads_all_again(store: Store, file: Path) -> None:
    other, edge = Accounts(file), store.accounts
    for user in ("1001", "1002", "1003"):
        other.put(Account.of_password(user, "talkpath", Secret("x")))
    assert edge.refresh()
    other.remove("1002")
    other.put(Account.of_password("1004", "talkpath", Secret("x")))
    other._database.execute("DELETE FROM account_changes WHERE user = '1002'")
    assert edge.refresh()
    assert sorted(one.user for one in edge.all()) == ["1001", "1003", "1004"]
    assert edge.take_removed() == {"1002"}
    assert not edge.refresh()
    other.close()


# --- registrations


def test_a_storm_of_refreshes_is_written_in_portions_and_each_phone_once(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkpath.store.bindings._REFRESHED_AT_ONCE", 2)
    bindings = [Registered(f"{n}", f"sip:{n}@192.0.2.11", flow(PHONE), 5000.0, 0.5, ()) for n in range(5)]
    for expires_at in (6000.0, 7000.0):
        for one in bindings:
            store.bindings.refresh_binding(replace(one, expires_at=expires_at))
    written = []
    for _ in range(4):
        store.bindings.keep_refreshed()
        assert store.writer.flush()
        written.append(sorted((one.user, one.expires_at) for one in store.bindings.load(1.0)))
    assert [len(rows) for rows in written] == [2, 4, 5, 5]
    assert {at for _, at in written[-1]} == {7000.0}


# --- history


def test_sweeping_costs_the_same_whatever_is_kept(file: Path) -> None:
    steps = []
    with closing(connect(file)) as database:
        for kept in (1_000, 20_000):
            database.execute("DELETE FROM calls")
            rows = ((n, f"{n}@x", float(n)) for n in range(kept + 600))
            others = "'', '', '', '', 0, '', 0, 0, 0, 0, '', '', 0, 1"
            database.executemany(f"INSERT INTO calls SELECT ?1, 0, 0, 'a', ?2, ?3, {others}", rows)
            retention = Retention(days=1.0, calls=kept)
            steps.append(_steps(database, lambda kept=retention: _sweep(database, kept, 0.0)))  # type: ignore[misc]
            assert database.execute("SELECT count(*) FROM calls").fetchone() == (kept + 100,)
            assert _sweep(database, retention, 0.0) == (100, 0)
            assert _sweep(database, retention, 0.0) == (0, 0)
    assert steps[1] <= steps[0] * 1.15


def test_a_file_gives_back_what_a_sweep_freed(file: Path) -> None:
    writer = Writer(file)
    history = HistoryWriter(writer, Retention(days=1.0, calls=64))
    page = _Page(os.urandom(64_000), [])
    writer.write(lambda database: [_write_page(database, page, False, True) for _ in range(200)])
    history.save(trace(1, 1000.0))
    assert writer.flush()
    pages = "PRAGMA page_count"
    with closing(connect(file)) as database:
        (before,) = database.execute(pages).fetchone()
        database.execute("DELETE FROM pages WHERE page <= 200")
        history.sweep(2000.0)
        for _ in range(20):
            assert writer.flush()
        (after,) = database.execute(pages).fetchone()
        assert after < before // 4
    writer.close()
    with closing(HistoryReader(file)) as reader:
        assert [row.call_id for row in reader.find(Wanted())] == ["1@x"]


@pytest.mark.parametrize("most", [0, 10_000_000])
def test_a_file_of_an_older_version_learns_to_shrink_unless_it_is_large(
    file: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(schema, "_WRITTEN_ANEW_BYTES", most)
    older = sqlite3.connect(file)
    for step in schema.STEPS[:5]:
        older.executescript(step)
    older.execute("PRAGMA user_version = 5")
    older.close()
    with closing(connect(file)) as database:
        assert database.execute("PRAGMA auto_vacuum").fetchone() == ((2 if most else 0),)
        assert database.execute("PRAGMA user_version").fetchone() == (len(schema.STEPS),)

"""A database that is damaged is set aside, and what can be read of it is taken over."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from talkpath.base.errors import Unavailable
from talkpath.base.redact import Secret
from talkpath.store.accounts import Account, Accounts
from talkpath.store.damage import is_damaged, set_aside, take_over
from talkpath.store.mishaps import named
from talkpath.store.writer import connect


def _with_users(path: Path, count: int) -> None:
    accounts = Accounts(path)
    for number in range(count):
        accounts.put(Account.of_password(f"{1000 + number}", "talkpath", Secret("secret")))
    accounts.close()


def _damage_calls(path: Path) -> None:
    """Write over the pages of one table, so that SQLite finds it when it looks there, and not before."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'calls'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x5a" * size)


def test_accounts_outlive_damage_to_the_calls(tmp_path: Path) -> None:
    path = tmp_path / "talkpath.sqlite"
    _with_users(path, 20)
    assert not is_damaged(path)
    _damage_calls(path)
    assert is_damaged(path)
    aside = set_aside(path, 0.0)
    assert aside.name == "talkpath.sqlite.damaged-19700101T000000Z"
    assert not path.exists()
    assert take_over(aside, path) == {"accounts": 20, "bindings": 0}
    assert Accounts(path).exists("1019")
    assert not is_damaged(path)


def test_of_a_file_that_is_no_database_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "talkpath.sqlite"
    path.write_bytes(b"no database at all\n" * 500)
    assert is_damaged(path)
    assert take_over(set_aside(path, 0.0), path) == {"accounts": 0, "bindings": 0}
    assert len(Accounts(path)) == 0


def test_a_file_that_is_not_there_is_not_damaged(tmp_path: Path) -> None:
    assert not is_damaged(tmp_path / "talkpath.sqlite")


def test_what_is_in_the_log_of_a_killed_edge_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "talkpath.sqlite"
    _with_users(path, 1)
    with closing(connect(path)) as writing:
        writing.execute("UPDATE counters SET value = value WHERE name = 'accounts'")
        assert not is_damaged(path)


def test_the_disk_that_refuses_says_which_way(tmp_path: Path) -> None:
    path = tmp_path / "talkpath.sqlite"
    _with_users(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, closing(connect(path)) as ours:
        other.execute("BEGIN IMMEDIATE")
        ours.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(Unavailable) as refused, named(path):
            ours.execute("DELETE FROM accounts")
    assert (refused.value.code, refused.value.place) == ("store-locked", str(path))
    with pytest.raises(Unavailable) as refused:
        connect(tmp_path / "gone" / "talkpath.sqlite")
    assert refused.value.code == "store-gone"

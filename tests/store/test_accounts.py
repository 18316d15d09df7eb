"""Accounts outlive the process, and nobody reads a password out of the file."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from talkpath.base.redact import Secret
from talkpath.sip.digest import Algorithm, ha1
from talkpath.store import schema
from talkpath.store.accounts import Account, Accounts
from talkpath.store.embedded import EmbeddedStore

from .kept import PHONE_UDP, Registered

Store = EmbeddedStore[Registered]


def test_an_account_is_there_after_a_restart_and_keeps_no_password(file: Path) -> None:
    first = Accounts(file)
    first.put(Account.of_password("1003", "talkpath", Secret("tops3cret")))
    first.close()
    second = Accounts(file)
    assert second.ha1("1003", "MD5") == ha1(Algorithm.MD5, "1003", "talkpath", "tops3cret")
    assert second.ha1("1003", "SHA-256") == ha1(Algorithm.SHA256, "1003", "talkpath", "tops3cret")
    assert second.ha1("1004", "MD5") is None
    assert b"tops3cret" not in file.read_bytes()
    second.close()


def test_nothing_of_a_replaced_or_removed_account_stays_in_the_file(file: Path) -> None:
    accounts = Accounts(file)
    made = [Account.of_password(str(user), "talkpath", Secret(f"before{user}")) for user in range(40)]
    for account in made:
        accounts.put(account)
    for account in made[:20]:
        accounts.put(Account.of_password(account.user, "talkpath", Secret("after")))
    for account in made[10:]:
        accounts.remove(account.user)
    accounts.close()
    left = file.read_bytes()
    assert [one.user for one in made if one.ha1["MD5"].reveal().encode() in left] == []


def test_passwords_that_an_earlier_version_kept_are_wiped(file: Path) -> None:
    """Those of its rows, and those that were replaced and lie in free pages or in the log."""
    older = sqlite3.connect(file, isolation_level=None)
    older.execute("PRAGMA journal_mode = WAL")
    for number, step in enumerate(schema.STEPS[:2], 1):
        older.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
    for user in range(300):
        row = (str(user), "talkpath", "0" * 32, "0" * 64, f"readable{user}")
        older.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", row)
    older.execute("DELETE FROM accounts WHERE user > 1")
    assert any(b"readable" in one.read_bytes() for one in file.parent.iterdir())

    accounts = Accounts(file)
    assert [(one.user, one.is_shown) for one in accounts.all()] == [("0", True), ("1", True)]
    assert [one.name for one in file.parent.iterdir() if b"readable" in one.read_bytes()] == []
    accounts.close()
    older.close()


def test_accounts_of_an_earlier_version_do_not_dial_out_until_they_are_allowed_to(file: Path) -> None:
    older = sqlite3.connect(file, isolation_level=None)
    for number, step in enumerate(schema.STEPS[:3], 1):
        older.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
    row = ("1001", "talkpath", "0" * 32, "0" * 64, 1)
    older.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", row)
    older.close()
    accounts = Accounts(file)
    assert not accounts.may_dial_out("1001")
    accounts.let_dial_out("1001", outbound=True)
    accounts.close()
    again = Accounts(file)
    assert again.may_dial_out("1001")
    again.close()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_can_read_the_database_whatever_the_umask(file: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = EmbeddedStore(file, Registered)
        store.accounts.put(Account.of_password("1001", "talkpath", Secret("x")))
    finally:
        os.umask(before)
    modes = {one.name: one.stat().st_mode & 0o777 for one in file.parent.iterdir()}
    assert modes == dict.fromkeys(["talkpath.sqlite", "talkpath.sqlite-shm", "talkpath.sqlite-wal"], 0o600)
    store.close()


def test_a_running_edge_sees_accounts_that_another_process_adds(store: Store, file: Path) -> None:
    other = Accounts(file)
    assert not store.accounts.refresh()
    other.put(Account.of_password("1005", "talkpath", Secret("x")))
    assert not store.accounts.exists("1005")
    assert store.accounts.refresh()
    assert store.accounts.exists("1005")
    assert other.remove("1005")
    assert not other.remove("1005")
    assert store.accounts.refresh()
    assert len(store.accounts) == 0
    other.close()


ADDING = """
import sys
from pathlib import Path
from talkpath.base.redact import Secret
from talkpath.store.accounts import Account, Accounts
accounts = Accounts(Path(sys.argv[1]))
accounts.put(Account.of_password(sys.argv[2], "talkpath", Secret("x")))
accounts.close()
"""


def test_commands_beside_a_running_edge_leave_it_its_log_however_many_there_are(store: Store, file: Path) -> None:
    """A process that finds nobody else with the file takes the log away: what the edge wrote from then on was lost,
    and it saw no more changes."""
    for user in ("1005", "1006"):
        subprocess.run(
            [sys.executable, "-c", ADDING, str(file), user], check=True, env={**os.environ, "PYTHONPATH": "src"}
        )
        assert store.accounts.refresh()
        assert store.accounts.exists(user)
    store.bindings.save_binding(PHONE_UDP)
    assert store.writer.flush()
    survivor = EmbeddedStore(file, Registered)
    assert survivor.bindings.load(1000.0) == [PHONE_UDP]
    assert file.with_name(f"{file.name}-wal").exists()
    survivor.close()


def test_who_was_removed_is_told_once(file: Path, store: Store) -> None:
    store.accounts.put(Account.of_password("1009", "talkpath", Secret("x")))
    other = EmbeddedStore(file, Registered)
    store.accounts.remove("1009")
    other.accounts.refresh()
    assert other.accounts.take_removed() == {"1009"}
    assert other.accounts.take_removed() == set()
    other.close()

"""A backup is of one moment, is seen to be whole, and comes back."""

import gzip
import io
import socket
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from talkpath.app.config.records import State
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble
from talkpath.app.node.control import SOCKET
from talkpath.app.state.backup import back_up, restore
from talkpath.app.state.directory import DATABASE
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.store.accounts import Account, Accounts
from talkpath.store.writer import connect


def _account(user: str, password: str = "secret") -> Account:
    return Account.of_password(user, "talkpath", Secret(password))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What an edge with two users keeps."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    accounts = Accounts(made / DATABASE)
    accounts.put(_account("1001"))
    accounts.put(_account("1002"))
    accounts.close()
    (made / "flow-token.key").write_bytes(b"k" * 32)
    (made / "bans.json").write_text("[]")
    (made / "recordings" / "manifests").mkdir(parents=True)
    (made / "recordings" / "manifests" / "a%40b-0123456789abcdef.json").write_text("{}")
    return made


@pytest.fixture
def config(state: Path) -> Config:
    return Config(state=State(directory=str(state)))


@pytest.fixture
def backup(config: Config, tmp_path: Path) -> Path:
    made = tmp_path / "backup.tgz"
    back_up(config, str(made), Language.EN)
    return made


def _users(state: Path) -> set[str]:
    with closing(sqlite3.connect(state / DATABASE)) as database:
        return {user for (user,) in database.execute("SELECT user FROM accounts")}


def test_what_is_in_the_log_of_the_database_is_in_the_backup(config: Config, state: Path, tmp_path: Path) -> None:
    with closing(connect(state / DATABASE)) as running:
        late = Accounts(state / DATABASE)
        running.execute("BEGIN IMMEDIATE")
        running.execute("INSERT INTO counters VALUES ('open', 1)")
        back_up(config, str(tmp_path / "made"), Language.EN)
        running.execute("ROLLBACK")
        late.put(_account("1003"))
        back_up(config, str(tmp_path / "later"), Language.EN)
        late.close()
    for name, users in (("made", {"1001", "1002"}), ("later", {"1001", "1002", "1003"})):
        fresh = Config(state=State(directory=str(tmp_path / f"of-{name}")))
        restore(fresh, str(tmp_path / name), Language.EN)
        assert _users(tmp_path / f"of-{name}") == users


def test_all_of_it_comes_back_and_what_was_there_is_kept(config: Config, state: Path, backup: Path) -> None:
    (state / "flow-token.key").write_bytes(b"other" * 10)
    accounts = Accounts(state / DATABASE)
    accounts.remove("1001")
    accounts.close()
    restore(config, str(backup), Language.EN)
    assert _users(state) == {"1001", "1002"}
    assert (state / "flow-token.key").read_bytes() == b"k" * 32
    (aside,) = state.glob("before-restore-*")
    assert _users(aside) == {"1002"}
    assert (aside / "flow-token.key").read_bytes() == b"other" * 10


def test_a_running_edge_keeps_its_keys_and_takes_up_the_users(config: Config, state: Path, backup: Path) -> None:
    followed = Accounts(state / DATABASE)
    changed = Accounts(state / DATABASE)
    changed.remove("1001")
    changed.put(_account("1009"))
    changed.put(_account("1002", "other"))
    changed.close()
    (state / "flow-token.key").write_bytes(b"o" * 32)
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(state / SOCKET))
        control.listen()
        restore(config, str(backup), Language.EN)
    while followed.refresh():
        pass
    assert {one.user for one in followed.all()} == {"1001", "1002"}
    assert followed.ha1("1002", "MD5") == _account("1002").ha1["MD5"].reveal()
    assert (state / "flow-token.key").read_bytes() == b"o" * 32
    followed.close()


def test_manifests_of_lost_recordings_come_back_and_none_is_replaced(
    config: Config, state: Path, backup: Path
) -> None:
    (manifest,) = (state / "recordings" / "manifests").iterdir()
    manifest.unlink()
    restore(config, str(backup), Language.EN)
    assert manifest.read_text() == "{}"
    manifest.write_text("newer")
    restore(config, str(backup), Language.EN)
    assert manifest.read_text() == "newer"


def test_a_backup_is_for_its_owner_alone(backup: Path, tmp_path: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup.tgz", "state"]


def _altered(backup: Path, change: str) -> None:
    with tarfile.open(backup) as archive:
        entries = [(one, archive.extractfile(one).read()) for one in archive.getmembers()]  # type: ignore[union-attr]
    if change == "cut":
        entries.pop()
    with gzip.open(backup, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for entry, content in entries:
            is_changed = change == "altered" and entry.name == "flow-token.key"
            archive.addfile(entry, io.BytesIO(b"x" * 32 if is_changed else content))
            if change == "stranger" and entry.name == DATABASE:
                entry.name = "../escaped.key"
                archive.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("cut", "its end is missing"),
        ("altered", "flow-token.key is not what was written"),
        ("stranger", "../escaped.key does not belong"),
    ],
)
def test_a_backup_that_is_not_whole_changes_nothing(
    change: str, reason: str, config: Config, state: Path, backup: Path
) -> None:
    before = sorted(one.name for one in state.iterdir())
    _altered(backup, change)
    with pytest.raises(Misuse, match=reason):
        restore(config, str(backup), Language.EN)
    assert sorted(one.name for one in state.iterdir()) == before


def test_what_is_no_backup_is_said(config: Config, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"anything else\n" * 100)
    with pytest.raises(Misuse, match="no archive"):
        restore(config, str(tmp_path / "other"), Language.EN)


def test_where_nothing_is_kept_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="nothing to back up"):
        back_up(Config(state=State(directory=str(tmp_path / "none"))), str(tmp_path / "made"), Language.EN)

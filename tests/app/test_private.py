"""Secrets that others on the host could read are closed to them, and it is said."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkpath.app.config.listeners import Tls
from talkpath.app.config.registration import Account
from talkpath.app.config.tree import Config
from talkpath.app.state.directory import make_state_directory
from talkpath.app.state.private import begin_output, close_to_others, readable_secrets
from talkpath.base.redact import Secret
from talkpath.base.texts import Language


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return make_state_directory(tmp_path / "state")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _said(state: Path) -> list[str]:
    return [what.say(Language.EN) for what in close_to_others(state).said]


def test_a_fresh_directory_is_closed_and_nothing_is_said(state: Path) -> None:
    assert _mode(state) == 0o700
    assert _said(state) == []


def test_an_open_directory_and_its_files_are_closed_and_said_once(state: Path) -> None:
    state.chmod(0o755)
    for name in ("talkpath.sqlite", "talkpath.sqlite-wal", "certificate.key", "flow-token.key"):
        (state / name).touch(0o644)
    (state / "notes.txt").touch(0o644)
    assert _said(state) == [
        f"others could enter the state directory {state} (mode 0755). Now only its owner can.",
        f"others could read talkpath.sqlite, talkpath.sqlite-wal, certificate.key, flow-token.key in {state}. "
        "Now only their owner can.",
        "Whoever uses this host may have read who has which password. Make new ones: talkpath users password USER",
    ]
    assert _mode(state) == 0o700
    assert _mode(state / "talkpath.sqlite-wal") == 0o600
    assert _mode(state / "notes.txt") == 0o644
    assert _said(state) == []


def test_files_are_closed_in_a_directory_that_others_need_too(tmp_path: Path) -> None:
    """Closing it would break what others do there; a link that somebody put there leads to no file of theirs."""
    shared, elsewhere = tmp_path / "shared", tmp_path / "elsewhere"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "talkpath.sqlite").touch(0o644)
    elsewhere.touch(0o644)
    (shared / "certificate.key").symlink_to(elsewhere)
    closed = close_to_others(shared)
    assert not closed.is_whole
    assert [what.say(Language.EN).split(" (")[0][:60] for what in closed.said] == [
        f"the state directory {shared}"[:60],
        f"others could read talkpath.sqlite in {shared}"[:60],
        "Whoever uses this host may have read who has which password.",
        f"others can read certificate.key in {shared}"[:60],
    ]
    assert [_mode(path) for path in (shared, shared / "talkpath.sqlite", elsewhere)] == [0o777, 0o600, 0o644]


def test_a_home_is_not_closed_and_a_user_without_one_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [what.say(Language.EN)[:19] for what in close_to_others(tmp_path).said] == ["the state directory"]
    assert _mode(tmp_path) == 0o755
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no such user")))
    assert "Now only its owner can." in close_to_others(tmp_path).said[0].say(Language.EN)
    assert _mode(tmp_path) == 0o700


def test_a_directory_that_is_not_there_is_left_so(tmp_path: Path) -> None:
    assert close_to_others(tmp_path / "none").said == ()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("mode", "count"), [(0o644, 2), (0o640, 0), (0o600, 0)])
def test_passwords_and_keys_that_everybody_can_read_are_named(tmp_path: Path, mode: int, count: int) -> None:
    file, key = tmp_path / "talkpath.toml", tmp_path / "key.pem"
    file.touch(mode)
    key.touch(mode)
    config = Config(accounts=(Account(user="1", password=Secret("x")),), tls=Tls(certificate="c", key=str(key)))
    assert len(list(readable_secrets(config, file))) == count
    assert list(readable_secrets(Config(), file)) == []


@pytest.mark.parametrize(("source", "made"), [(0o600, 0o600), (0o640, 0o640), (0o400, 0o600), (0o644, 0o644)])
def test_what_is_made_of_a_capture_is_no_more_readable_than_the_capture(
    tmp_path: Path, source: int, made: int
) -> None:
    capture, out = tmp_path / "call.pcap", tmp_path / "call.wav"
    capture.touch(source)
    begin_output(out, [str(capture)])
    assert _mode(out) == made


def test_what_is_made_of_our_own_history_is_for_the_owner(tmp_path: Path) -> None:
    begin_output(tmp_path / "page.html", [])
    assert _mode(tmp_path / "page.html") == 0o600

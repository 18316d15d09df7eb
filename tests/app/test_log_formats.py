"""Lines of the log as JSON, in the journal and in syslog: one line is one event, whatever a peer wrote."""

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkpath.app.log import formats as log_formats
from talkpath.app.log.formats import JournalHandler, Json, Plain, handler_of, tell
from talkpath.app.log.guard import refused
from talkpath.base.texts import Language
from talkpath.calls.guarded import Refused, Why

FAILED = Refused(
    "1001", "198.51.100.7", "REGISTER", 1.0, 2.0, 3, 0, Why.WRONG_PASSWORD.value, 5060, "UDP", "Desk\n\x1b[31m 1"
)


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    log = logging.getLogger("talkpath.test")
    log.setLevel(logging.INFO)
    log.propagate = False
    yield log
    for handler in log.handlers[:]:
        if not type(handler).__module__.startswith("_pytest"):
            log.removeHandler(handler)
    log.propagate = True


def written(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> str:
    tell(log, logging.WARNING, "refused", refused(FAILED), Language.EN)
    try:
        raise ValueError("x" * 60_000)
    except ValueError:
        log.exception("a message from %s could not be handled", "\n198.51.100.9")
    return capsys.readouterr().err


def test_a_line_of_json_is_an_object_with_its_fields(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log.addHandler(handler_of("json"))
    first, second = map(json.loads, written(log, capsys).splitlines())
    assert first["event"] == "refused"
    assert (first["user"], first["source"], first["reason"]) == ("1001", "198.51.100.7", "wrong-password")
    assert (first["level"], first["logger"], first["times"]) == ("warning", "talkpath.test", 3)
    assert first["message"].startswith("REGISTER of 1001 from 198.51.100.7 refused: wrong password")
    assert first["time"].startswith(("1", "2"))
    assert first["time"][-6] in "+-"
    assert "ValueError" in second["traceback"]
    assert len(second["traceback"]) < 5_000
    assert "\n" not in second["message"]


def test_text_stays_one_line_for_each_event(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log.addHandler(handler_of("text"))
    assert isinstance(log.handlers[-1].formatter, Plain)
    assert written(log, capsys).splitlines()[0].endswith("(so far: 3)")


def test_the_journal_gets_the_fields_and_the_priority(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        log.addHandler(JournalHandler(tmp_path / "journal"))
        assert written(log, capsys) == ""
        first, second = journal.recv(65_535), journal.recv(65_535)
        log.handlers[-1].close()
    lines = first.split(b"\n")
    assert b"PRIORITY=4" in lines
    assert b"SYSLOG_IDENTIFIER=talkpath" in lines
    assert b"TALKPATH_USER=1001" in lines
    assert b"TALKPATH_REASON=wrong-password" in lines
    # What has line ends stands behind its length, and nothing in it begins a field.
    assert b"TALKPATH_USER_AGENT\n" in first
    size = int.from_bytes(second[len(b"MESSAGE\n") :][:8], "little")
    assert second[len(b"MESSAGE\n") + 8 + size :].startswith(b"\nPRIORITY=3\n")


def test_a_journal_that_is_gone_costs_no_line(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log.addHandler(JournalHandler(tmp_path / "gone"))
    assert "REGISTER of 1001" in written(log, capsys)
    log.handlers[-1].close()


def test_syslog_gets_a_line_with_name_and_process(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "log"))
        monkeypatch.setattr(log_formats, "SYSLOG", tmp_path / "log")
        log.addHandler(handler_of("syslog"))
        written(log, capsys)
        # facility daemon (3), severity warning (4)
        assert syslog.recv(65_535).startswith(b"<28>talkpath[")
        log.handlers[-1].close()


@pytest.mark.parametrize("wanted", ["journal", "syslog"])
def test_without_them_it_is_text_on_standard_error(
    wanted: log_formats.Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JOURNAL", "SYSLOG"):
        monkeypatch.setattr(log_formats, name, tmp_path / "none")
    assert isinstance(handler_of(wanted).formatter, Plain)
    assert not isinstance(handler_of(wanted).formatter, Json)

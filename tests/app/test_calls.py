"""`talkpath calls`: running calls by the control socket, past ones from the store, in every form of output."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from talkpath.app.console.moment import moment
from talkpath.app.console.phrase import Trouble
from talkpath.app.node.control import SOCKET, ControlClient, ControlServer
from talkpath.app.state.directory import DATABASE
from talkpath.calls.build import call_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Result, Side
from talkpath.store.history import HistoryWriter, Retention, Wanted
from talkpath.store.writer import Writer

from ..calls.talk import PHONE, Talk, flow

_DIGEST = 'Authorization: Digest username="1001", realm="x", response="0123456789abcdef"'


def _call(ledger: Ledger, number: int, status: int = 200, start: float = 1_700_000_000.0) -> None:
    talk = Talk(call_id=f"{number}@x", caller=f"10{number:02}", headers=(_DIGEST,))
    ledger.written(start + number, flow(PHONE), talk.call_id, talk.invite(), sent=False)
    ledger.moment(start + number, talk.call_id, "route.user", user="1002")
    if status:
        ledger.written(start + number + 2, flow(PHONE), talk.call_id, talk.answer(status), sent=True)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    for number, status in ((1, 180), (2, 200), (3, 0)):
        _call(ledger, number, status)
    return ledger


@pytest.fixture
async def server(ledger: Ledger, tmp_path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(ledger, tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """A state directory with three calls of the past."""
    writer = Writer(tmp_path / DATABASE)
    history, ledger = HistoryWriter(writer, Retention(days=1e9)), Ledger()
    for number, status in ((5, 200), (6, 486), (7, 200)):
        _call(ledger, number, status)
        ledger.ended(1_700_000_020.0, f"{number}@x", Side.CALLEE, "bye" if status == 200 else "refused")
    ledger.close_all(1_700_000_030.0)
    for trace in ledger.drain():
        history.save(trace)
    writer.close()
    return tmp_path


def _run(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from talkpath.app.cli import main; main()", "calls", "--state", str(state)]
    environ = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "COLUMNS": "100"}
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, env=environ)


# --- the running edge


async def test_the_running_calls_are_listed_the_latest_first(server: ControlServer, tmp_path: Path) -> None:
    client = ControlClient(tmp_path)
    rows = await asyncio.to_thread(client.rows, Wanted())
    assert rows is not None
    assert [(row.caller, row.result) for row in rows] == [
        ("1003", Result.ONGOING),
        ("1002", Result.ANSWERED),
        ("1001", Result.ONGOING),
    ]
    answered = await asyncio.to_thread(client.rows, Wanted(result=Result.ANSWERED))
    latest = await asyncio.to_thread(client.rows, Wanted(limit=1))
    assert [row.caller for row in answered or ()] == ["1002"]
    assert [row.caller for row in latest or ()] == ["1003"]


async def test_a_running_call_is_shown_whole(server: ControlServer, tmp_path: Path) -> None:
    (trace,) = await asyncio.to_thread(ControlClient(tmp_path).named, "2@x")
    call = call_of(trace)
    assert (len(call.messages), [moment.kind for moment in call.moments]) == (2, ["route.user"])
    (again,) = await asyncio.to_thread(ControlClient(tmp_path).named, call.id[:-1])
    assert again.call_ids == ["2@x"]


async def test_a_follower_is_told_of_what_changes(
    server: ControlServer, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkpath.app.node.control._FOLLOW_S", 0.001)
    changes = ControlClient(tmp_path).follow(Wanted())
    assert changes is not None
    await asyncio.to_thread(ControlClient(tmp_path).rows, Wanted())  # the follower was served before this was
    ledger.written(1_700_000_005.0, flow(PHONE), "1@x", Talk(call_id="1@x").answer(200), sent=True)
    assert (await asyncio.to_thread(next, changes)).result is Result.ANSWERED
    ledger.ended(1_700_000_009.0, "1@x", Side.CALLER, "bye")
    assert (await asyncio.to_thread(next, changes)).ended_by is Side.CALLER
    _call(ledger, 4, 0)
    assert (await asyncio.to_thread(next, changes)).caller == "1004"


async def test_only_the_owner_may_ask(server: ControlServer, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600


@pytest.mark.parametrize("line", [b"garbage\n", b'{"ask":"format-the-disk"}\n', b"x" * 100_000 + b"\n", b""])
async def test_what_is_no_request_just_closes(server: ControlServer, tmp_path: Path, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET)
    try:
        writer.write(line)
        writer.write_eof()
        assert await reader.read() == b""
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert await asyncio.to_thread(ControlClient(tmp_path).rows, Wanted()) is not None


def test_without_an_edge_nobody_answers(tmp_path: Path) -> None:
    assert ControlClient(tmp_path).rows(Wanted()) is None
    assert ControlClient(tmp_path).follow(Wanted()) is None
    assert ControlClient(tmp_path).named("1@x") == []


# --- the command


def test_past_calls_are_listed_in_a_pipe_a_line_each(past: Path) -> None:
    done = _run(past)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[1:4] for row in rows] == [
        ["1005", "1002", "answered"],
        ["1006", "1002", "busy 486"],
        ["1007", "1002", "answered"],
    ]
    assert "No edge is running" in done.stderr
    assert done.returncode == 0


def test_json_is_a_list_with_the_names_of_the_contract(past: Path) -> None:
    (row,) = json.loads(_run(past, "--json", "--result", "busy").stdout)
    assert (row["from"], row["to"], row["result"], row["status"], row["call_ids"]) == (
        "1006",
        "1002",
        "busy",
        486,
        ["6@x"],
    )
    assert (row["ring_s"], row["talk_s"], row["state"]) == (None, None, "ended")


async def test_running_and_past_calls_are_one_list(server: ControlServer, past: Path) -> None:
    done = await asyncio.to_thread(_run, past, "--limit", "5")
    assert [line.split("\t")[1] for line in done.stdout.splitlines()] == ["1002", "1003", "1005", "1006", "1007"]
    assert done.stderr == ""


def test_the_story_of_a_call_has_its_ladder_and_its_moments(past: Path) -> None:
    done = _run(past, "5@x")
    assert "INVITE" in done.stdout
    assert "200 Whatever" in done.stdout
    assert "Routed to the user 1002." in done.stdout
    assert "the callee hung up" in done.stdout
    assert "路由到用户 1002" in _run(past, "5@x", "--lang", "zh").stdout


def test_messages_are_shown_without_their_secrets(past: Path) -> None:
    for arguments in (("5@x", "--messages"), ("5@x", "--messages", "--json")):
        shown = _run(past, *arguments).stdout
        assert "CSeq: 1 INVITE" in shown
        assert "0123456789abcdef" not in shown
    assert "CSeq" not in _run(past, "5@x").stdout


def test_an_unknown_call_is_a_sentence_and_an_exit_code(past: Path) -> None:
    done = _run(past, "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No call is known by nobody" in done.stderr


def test_there_is_nothing_to_follow_without_an_edge(past: Path) -> None:
    done = _run(past, "--follow")
    assert done.returncode == 1
    assert "talkpath run" in done.stderr


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("3d", 259_200)])
def test_a_span_counts_back_from_now(text: str, seconds: int) -> None:
    assert moment(text, 1_000_000.0) == 1_000_000.0 - seconds


@pytest.mark.parametrize(("text", "seconds"), [("12.5", 12.5), ("0", 0.0), ("1700000000", 1_700_000_000.0)])
def test_a_number_is_seconds_since_the_epoch_also_where_a_clock_was_not_set(text: str, seconds: float) -> None:
    assert moment(text) == seconds
    assert moment("20260131") == moment("2026-01-31")


def test_a_time_of_day_is_todays() -> None:
    noon = moment("2026-01-31T12:00")
    assert moment("9:30", noon) == noon - 2.5 * 3600
    with pytest.raises(Trouble, match="tomorrow is no time"):
        moment("tomorrow")
    with pytest.raises(Trouble, match="·\\[31m is no time"):
        moment("\x1b[31m")

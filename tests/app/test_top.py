"""`talkpath top`: the calls that run, and how loud and whole each side is."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.explain.own import OwnCall

from talkpath.app.node.control import ControlServer
from talkpath.app.top.command import _bars, _calls, _cells
from talkpath.app.top.rows import TopRow, Way, top_rows
from talkpath.base.texts import Language
from talkpath.calls.model import Side


@pytest.fixture
def call() -> OwnCall:
    return OwnCall().answered().speaks(Side.CALLER)


def test_each_side_of_a_running_call_is_told_apart(call: OwnCall) -> None:
    (row,) = top_rows(call.ledger)
    assert (row.caller, row.callee, row.state) == ("1001", "1002", "talking")
    assert row.caller_way is not None
    assert (row.caller_way.codec, row.caller_way.level_dbov, row.caller_way.loss) == ("PCMU", -20.0, 0.0)
    assert row.callee_way is None


def test_a_call_that_is_over_is_shown_no_more(call: OwnCall) -> None:
    call.hung_up()
    assert list(top_rows(call.ledger)) == []


def way(at: float, level: float | None = -20.0, loss: float = 0.0) -> Way:
    return Way(at, "PCMU", level, loss, 4.0)


def test_bars_are_as_long_as_what_they_show() -> None:
    now = 1_000.0
    codec, loud, whole = map(str, _bars(way(now, -30.0), now))
    assert (codec, loud.count("█"), whole.count("█")) == ("PCMU", 5, 0)
    _, quiet, lost = map(str, _bars(way(now, -90.0, 0.1), now))
    assert (quiet.count("█"), lost.count("█")) == (0, 5)
    assert "10%" in lost
    assert [str(cell) for cell in _bars(way(now - 10), now)] == ["", "·" * 10, ""]
    assert str(list(_bars(way(now, None), now))[1]) == "?"


@pytest.fixture
async def state(call: OwnCall, tmp_path: Path) -> AsyncIterator[Path]:
    server = ControlServer(call.ledger, tmp_path)
    await server.start()
    yield tmp_path
    await server.stop()


async def run(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from talkpath.app.cli import main; main()", "top", "--state", str(state)]
    environ = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return await asyncio.to_thread(
        subprocess.run, [*command, *arguments], capture_output=True, text=True, env=environ, check=False
    )


async def test_into_a_pipe_it_is_told_once(state: Path) -> None:
    done = await run(state)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\t")[1:4] == ["1001", "1002", "talking"]
    told = json.loads((await run(state, "--json")).stdout)
    assert told["caller_way"]["codec"] == "PCMU"


async def test_without_an_edge_it_says_so(tmp_path: Path) -> None:
    done = await run(tmp_path)
    assert done.returncode == 1
    assert "talkpath run" in done.stderr


def test_the_worst_call_stands_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    rows = [
        TopRow(name, now - age, "1001", "1002", "talking", way(now, loss=loss))
        for name, age, loss in (("old", 90, 0.0), ("new", 10, 0.0), ("bad", 30, 0.12))
    ]
    monkeypatch.setattr("talkpath.app.top.command.ControlClient.top", lambda self: rows)
    monkeypatch.setattr("talkpath.app.top.command.state_directory", lambda config: Path())
    assert [row.id for row in _calls(None)] == ["bad", "old", "new"]  # type: ignore[arg-type]
    assert len(_cells(rows[0], Language.ZH)) == 11

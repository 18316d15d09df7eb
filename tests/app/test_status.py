"""`talkpath status`: one look at the running edge, and what somebody should look after."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from talkpath.app.listening.certificate import self_signed
from talkpath.app.metrics.vitals import LoopWatch, Vitals, memory_bytes, open_files
from talkpath.app.node.control import ControlServer
from talkpath.app.status.command import problems_of
from talkpath.app.status.rows import Status
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger

NOW = 1_700_000_000.0
DAY_S = 86_400.0
WELL = Status(
    version="1.0",
    started=NOW - 100_000,
    now=NOW,
    listeners=("UDP 192.0.2.1:5060",),
    registrations={"UDP": 3, "WSS": 1},
    failing=2,
    running_calls=5,
    gateways={"carrier": "up", "spare": "disabled"},
    files_open=40,
    files_max=1_000,
    memory=75_000_000,
    disks={"state": (1_000_000_000, 500_000_000)},
    certificates={"tls": NOW + 90 * DAY_S},
)


def problems(**changed: object) -> list[str]:
    return [one.say(Language.EN) for one in problems_of(msgspec.structs.replace(WELL, **changed))]


def test_a_node_that_is_well_has_nothing_to_look_after() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"certificates": {"tls": NOW + 5.5 * DAY_S}}, "ends in 5 days"),
        ({"certificates": {"tls": NOW - 1}}, "has ended"),
        ({"certificates": {"tls": 0.0}}, "cannot be read"),
        ({"gateways": {"carrier": "down"}}, "`talkpath gateways carrier`"),
        ({"disks": {"state": (1_000_000_000, 20_000_000)}}, "20 MB (2%)"),
        ({"store_lost": 3}, "3 calls or registrations"),
        ({"loop_worst_s": 0.8}, "800 ms"),
        ({"files_open": 900}, "LimitNOFILE"),
        ({"faults": 1}, "report"),
    ],
)
def test_what_should_be_looked_after_is_told_with_what_to_do(changed: dict[str, object], word: str) -> None:
    (told,) = problems(**changed)
    assert word in told
    for one in problems_of(msgspec.structs.replace(WELL, **changed)):
        assert one.say(Language.ZH)


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[Path]:
    status = msgspec.structs.replace(WELL, now=time.time(), started=time.time() - 100_000, certificates={})
    server = ControlServer(Ledger(), tmp_path, status=lambda: status)
    await server.start()
    yield tmp_path
    await server.stop()


async def run(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from talkpath.app.cli import main; main()", "status", "--state", str(state)]
    environ = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return await asyncio.to_thread(
        subprocess.run, [*command, *arguments], capture_output=True, text=True, env=environ, check=False
    )


async def test_the_command_prints_one_screen_and_json(state: Path) -> None:
    done = await run(state)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split("\t") for line in done.stdout.splitlines()[1:-1])
    assert lines["Registered"] == "4 (3 UDP, 1 WSS), 2 not let in (`talkpath registrations --failing`)"
    assert lines["Gateways"] == "carrier up, spare disabled"
    assert lines["Calls"] == "5 running, none in the last hour"
    assert "running for 1 d 3 h" in done.stdout
    told = json.loads((await run(state, "--json")).stdout)
    assert told["status"]["running_calls"] == 5
    assert told["problems"] == []


async def test_without_an_edge_it_says_so(tmp_path: Path) -> None:
    done = await run(tmp_path)
    assert done.returncode == 1
    assert "talkpath run" in done.stderr


# --- the process


def test_what_the_process_takes_is_read_from_the_kernel() -> None:
    assert memory_bytes() > 1_000_000
    before = open_files()
    with Path(os.devnull).open():
        assert open_files() == before + 1


def test_the_end_of_a_certificate_is_read_and_read_again_when_the_file_changes(tmp_path: Path) -> None:
    files = self_signed(tmp_path, ["192.0.2.1"])
    vitals = Vitals(lambda: {"tls": files.certificate}, {"state": tmp_path}, tmp_path / "none.db", 100)
    assert vitals.certificates()["tls"] > time.time()
    files.certificate.write_text("no certificate")
    assert vitals.certificates() == {"tls": 0.0}
    files.certificate.unlink()
    assert vitals.certificates() == {"tls": 0.0}
    assert set(vitals.disks()) == {"state"}


def test_a_disk_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    vitals = Vitals(dict, {"recordings": tmp_path / "gone"}, tmp_path / "none.db", 100)
    assert vitals.disks() == {}
    assert any(family.name == "talkpath_disk_free_bytes" for family in vitals.families())


async def test_how_late_the_event_loop_is_shows() -> None:
    watch = LoopWatch()
    watch.start()
    try:
        await asyncio.sleep(0.01)
        assert watch.worst_s < 0.25
        time.sleep(0.4)  # noqa: ASYNC251 - somebody blocks the loop
        assert watch.stood_s > 0.1
        await asyncio.sleep(0.01)
        assert watch.worst_s > 0.1
        assert watch.stood_s == 0
    finally:
        watch.close()

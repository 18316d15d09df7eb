"""`talkpath phones`: what the running edge tells of those who are registered."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.lab import Lab

from talkpath.app import phones_words as texts
from talkpath.app.control import ControlServer
from talkpath.app.phone_rows import rows_of
from talkpath.base.address import Transport
from talkpath.base.texts import Language


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.behind_nat("1002", nat_s=1e9)
    lab.registered("1001", "198.51.100.7")
    open_one, closed = (lab.phone("1003", "198.51.100.9", port, Transport.TCP) for port in (40000, 40001))
    for phone in (open_one, closed):
        phone.register()
    lab.close(closed)
    lab.wait(30)
    return lab


@pytest.fixture
async def state(lab: Lab, tmp_path: Path) -> AsyncIterator[Path]:
    server = ControlServer(lab.ledger, tmp_path, lambda: rows_of(lab.edge.core, lambda flow: 0.0123, lab.now))
    await server.start()
    yield tmp_path
    await server.stop()


def test_each_phone_is_shown_with_what_is_known_of_its_way(lab: Lab) -> None:
    rows = {(row.user, row.health): row for row in rows_of(lab.edge.core, lambda flow: 0.0123, lab.now)}
    assert [user for user, _ in rows] == ["1001", "1002", "1003", "1003"]
    assert {health for _, health in rows} == {"unasked", "answers", "closed", "open"}
    natted = rows["1002", "answers"]
    assert (natted.address, natted.is_behind_nat) == ("203.0.113.7:40001", True)
    assert natted.answered_at > 0
    assert rows["1003", "open"].rtt_s == 0.0123


def test_a_phone_of_another_node_is_shown_as_such(lab: Lab) -> None:
    binding = next(lab.edge.core.registrar.held())
    lab.edge.core.registrar.learn(replace(binding, node="b"), lab.now)
    rows = {row.node: row for row in rows_of(lab.edge.core, lambda flow: 0.0, lab.now)}
    # There is no such node.
    assert rows["b"].health == "lost"
    assert texts.HEALTH["lost"].say(Language.EN, node="b") == "node b is gone"


async def _run(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from talkpath.app.cli import main; main()", "phones", "--state", str(state)]
    environ = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return await asyncio.to_thread(
        subprocess.run, [*command, *arguments], capture_output=True, text=True, env=environ, check=False
    )


async def test_the_command_prints_lines_and_json(state: Path) -> None:
    lines = (await _run(state)).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1001", "1002", "1003", "1003"]
    assert lines[1].split("\t")[1:4] == ["UDP 203.0.113.7:40001", "NAT", "answers"]
    assert sorted(line.split("\t")[4] for line in lines[2:]) == ["", "12.3 ms"]
    rows = json.loads((await _run(state, "1002", "--json")).stdout)
    assert [row["user"] for row in rows] == ["1002"]


async def test_without_an_edge_it_says_so(tmp_path: Path) -> None:
    done = await _run(tmp_path)
    assert done.returncode == 1
    assert "No edge is running here" in done.stderr

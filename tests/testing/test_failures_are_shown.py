"""What an operator sees of a test that failed: the calls as ladders, and faults that nobody asked for."""

import subprocess
import sys
from pathlib import Path

TEST = """
import pytest

@pytest.fixture
async def alice(network):
    return await network.phone("1001")

async def test_it(network, alice):
    bob = await network.phone("1002", status=486)
    assert (await alice.call("1002")).answered_by(bob)
"""
FAULT = """
async def test_it(network):
    alice = await network.phone("1001")
    await network.phone("1002", rings_s="long")
    await alice.call("1002")
"""


def outcome(folder: Path, test: str) -> str:
    """What pytest says of a test that has nothing but talkpath and its plugin."""
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:talkpath"]
    command += ["-p", "talkpath.testing.plugin", "-p", "no:asyncio", "--rootdir", str(folder), str(folder)]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False).stdout


def test_a_failed_assertion_prints_the_ladder(tmp_path: Path) -> None:
    said = outcome(tmp_path, TEST)
    assert "1 failed" in said
    assert "<call of 1001 to <sip:1002@192.0.2.1>: 486 Busy Here after 1.06 s>.answered_by" in said
    assert "◀────────────── 486 Busy Here" in said
    assert "Routed to the user 1002." in said


def test_a_fault_of_a_party_fails_the_test(tmp_path: Path) -> None:
    said = outcome(tmp_path, FAULT)
    assert "1 failed" in said
    assert "what could not be handled on the network" in said

"""`talkpath doctor` behind NATs: the edge answers STUN on its SIP port, so it serves as the server outside."""

import subprocess

import pytest

from harness.edge import COMMAND
from harness.network import Nat, site

pytestmark = pytest.mark.live


def _outside(namespace: str, place: str, *servers: str) -> str:
    """What is said of NAT in a customer's network."""
    command = ["ip", "netns", "exec", namespace, str(COMMAND), "doctor", "--state", place, "--lang", "en"]
    asked = [argument for server in servers for argument in ("--stun", server)]
    done = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    return "".join(line for line in done.stdout.splitlines(keepends=True) if line.startswith("outside"))


def test_a_nat_is_seen_from_outside_and_what_to_write_is_said(edge, tmp_path) -> None:
    with site(Nat.CONE) as home:
        said = _outside(home.namespace, str(tmp_path), f"{home.edge}:{edge.doors.udp}")
    assert f'Write advertised = "{home.public}"' in said
    assert home.address in said


def test_without_a_nat_there_is_nothing_to_write(edge, tmp_path) -> None:
    with site(Nat.NONE) as home:
        said = _outside(home.namespace, str(tmp_path), f"{home.edge}:{edge.doors.udp}")
    assert "sees this host as it is" in said

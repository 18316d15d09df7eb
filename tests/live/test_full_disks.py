"""Each command says a sentence about a state directory that is full or read-only (tests/app has the others)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[1] / "app" / "every_command.py"
#: What `users add` says there.
SAID = {"full": "no space is left", "full_and_empty": "no space is left", "read_only": "Read-only file system"}


@pytest.mark.parametrize("state", SAID)
def test_every_command_has_a_sentence_for_it(state: str, tmp_path: Path) -> None:
    environ = {**os.environ, "LC_ALL": "C.UTF-8"}
    argv = ["unshare", "--mount", sys.executable, str(SCRIPT), state, str(tmp_path)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, env=environ, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one for one in told if "Traceback" in one[2]] == []
    (added,) = (one for one in told if one[0].startswith("users add"))
    assert added[1] == 1
    assert SAID[state] in added[2]

"""Each command says a sentence about a state directory that is broken, and never shows a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .every_command import STATES

SCRIPT = Path(__file__).parent / "every_command.py"
SOURCES = Path(__file__).parents[2] / "src"


def said_in(state: str, folder: Path, before: tuple[str, ...] = ()) -> dict[str, tuple[int, str]]:
    """What each command said, and its exit code."""
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(SOURCES)}
    argv = [*before, sys.executable, str(SCRIPT), state, str(folder)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, env=environ, check=True)
    return {words: (code, said) for words, code, said in map(json.loads, done.stdout.splitlines())}


def is_in_order(code: int, said: str) -> bool:
    """A known exit code, and a sentence where it is none of success; `run` went on until it was ended."""
    if "Traceback" in said or "Exception" in said:
        return False
    return code in (0, -signal.SIGKILL) or (code in (1, 2) and said.rstrip().endswith((".", ")")))


@pytest.mark.parametrize("state", STATES)
def test_every_command_has_a_sentence_for_it(state: str, tmp_path: Path) -> None:
    said = said_in(state, tmp_path)
    assert {words: told for words, told in said.items() if not is_in_order(*told)} == {}

"""Commands that are interrupted: they die of the signal, as shells expect, and say nothing of their own."""

import os
import signal
import struct
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "talkpath"]
ENVIRON = {**os.environ, "PYTHONPATH": "src"}
# More than a pipe holds: once it is written, the other side has begun to read.
PIPEFUL = 1 << 20
PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
WHILE_LOADING = """
import signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "talkpath.app.cli":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from talkpath.__main__ import main
main()
"""

# Whatever an import lets go of may be interrupted in its last moment, where Python drops exceptions.
WHILE_A_COMMAND_LOADS = """
import signal, sys

class Gone:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

class Interrupt:
    def find_spec(self, name, *_):
        if name == "talkpath.explain":
            Gone()

sys.meta_path.insert(0, Interrupt())
from talkpath.__main__ import main
main()
"""


def test_an_interrupted_report_is_no_error_found() -> None:
    """Exit code 1 means that errors were found."""
    with subprocess.Popen(
        [*COMMAND, "explain", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRON
    ) as explain:
        assert explain.stdin is not None
        explain.stdin.write(PCAP_HEAD + _packets(PIPEFUL))
        explain.send_signal(signal.SIGINT)
        out, err = explain.communicate()
    assert (explain.returncode, out, err) == (-signal.SIGINT, b"", b"")


def _packets(size: int) -> bytes:
    packet = struct.pack("<IIII", 1, 0, 1000, 1000) + bytes(1000)
    return packet * (size // len(packet))


def test_who_is_interrupted_while_it_loads_prints_no_traceback() -> None:
    command = [sys.executable, "-c", WHILE_LOADING, "version"]
    done = subprocess.run(command, capture_output=True, env=ENVIRON, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_an_interrupt_in_the_middle_of_an_import_is_not_lost() -> None:
    command = [sys.executable, "-c", WHILE_A_COMMAND_LOADS, "explain", "--rules"]
    done = subprocess.run(command, capture_output=True, env=ENVIRON, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("arguments", [("version",), ("explain", "--rules")])
def test_who_is_not_interrupted_ends_as_ever(arguments: tuple[str, ...]) -> None:
    assert subprocess.run([*COMMAND, *arguments], capture_output=True, env=ENVIRON, check=False).returncode == 0

"""What reading a capture costs: CPU (user and system) of whole processes, and the most memory they held.

The captures are `bench.capture_file`'s: one of calls with their media, one of signalling alone. tshark and sngrep are
Debian's; sip-doctor comes from PyPI and is only measured where it is installed (`pip install sip-doctor`).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 3
BIN = Path(sys.executable).parent
READ = """
import sys
from collections import Counter
from talkpath.capture.reader import Capture
print(Counter(type(record).__name__ for batch in Capture([sys.argv[1]]).batches() for record in batch))
"""


def commands(path: Path, *, with_media: bool) -> dict[str, list[str]]:
    """What is measured, by name; what is not installed is left out."""
    read = "-z rtp,streams" if with_media else "-z sip,stat"
    every = {
        "talkpath, records alone": [sys.executable, "-c", READ, str(path)],
        "talkpath explain": [str(BIN / "talkpath"), "explain", "--json", str(path)],
        f"tshark -q {read}": ["tshark", "-n", "-q", *read.split(), "-r", str(path)],
        "sngrep -N -q -r": ["sngrep", "-N", "-q", "-r", "-I", str(path)],
        "sip-doctor": ["sip-doctor", "read", str(path)],
    }
    return {name: command for name, command in every.items() if shutil.which(command[0])}


def cost(command: list[str]) -> tuple[float, int]:
    """(CPU seconds, bytes at most) of one run. Raises RuntimeError when it fails for good."""
    with Path(os.devnull).open("w") as nothing:
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 1), (os.POSIX_SPAWN_DUP2, nothing.fileno(), 2)]
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    # 1 means that faults were found (sip-doctor, talkpath).
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


@contextmanager
def capture(calls: int, packets: int) -> Iterator[Path]:
    """A generated capture that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        path = Path(name) / "calls.pcap"
        # In a process of its own: a child starts with its parent's memory, and that would count as its own.
        generate = [sys.executable, "-m", "bench.capture_file", str(path), str(calls), str(packets)]
        subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)
        yield path


def measure(title: str, calls: int, packets: int) -> None:
    """Prints the table of one capture as Markdown."""
    with capture(calls, packets) as path:
        megabytes = path.stat().st_size / 1e6
        every = commands(path, with_media=bool(packets))
        runs: dict[str, list[tuple[float, int]]] = {name: [] for name in every}
        failed: dict[str, RuntimeError] = {}
        # In turns, so that what else the machine does meets all of them alike.
        for name, command in list(every.items()) * ROUNDS:
            try:
                runs[name].append(cost(command))
            except RuntimeError as error:
                failed[name] = error
        print(f"\n| {title}, {megabytes:.0f} MB | CPU s | MB/s of CPU | of tshark's | memory MiB |")
        print("| --- | ---: | ---: | ---: | ---: |")
        tshark = min(seconds for name in every if name.startswith("tshark") for seconds, _ in runs[name])
        for name, done in runs.items():
            if name in failed:
                print(f"| {name} | failed: {failed[name]} | | | |")
                continue
            cpu, memory = min(seconds for seconds, _ in done), max(held for _, held in done) / 2**20
            print(f"| {name} | {cpu:.2f} | {megabytes / cpu:.0f} | {cpu / tshark:.2f} | {memory:.0f} |", flush=True)


def main() -> None:
    """Measure both captures."""
    measure("2,000 calls with both RTP directions", 2000, 217)
    measure("signalling of 40,000 calls", 40_000, 0)

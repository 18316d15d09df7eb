"""What processes cost: CPU time and memory, read from /proc, of a server with all its children."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """A process and everything it started that still runs."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def cpu_s(pid: int) -> float:
    """User and system time of a process tree so far, in seconds, children that ended included."""
    total = 0
    for one in tree(pid):
        # The fields after the name, which may hold blanks: utime, stime, cutime, cstime are 14 to 17 (proc(5)).
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS_PER_S


def memory_bytes(pid: int) -> int:
    """Proportional set size of a process tree: what it shares is counted once."""
    total = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def wait_until(is_so: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Poll until something holds. Raises `TimeoutError` saying what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {timeout_s:g} s")
        time.sleep(0.02)

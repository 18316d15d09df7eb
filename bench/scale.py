"""What must not grow with the crowd: a registration beside a hundred thousand, a call beside five thousand, a packet
of three thousand streams, a start with a million calls of history; and the longest time for which nobody is answered.

Every row has the same load and another crowd beside it. "Worst" is the 99.9th percentile of the time in which an
OPTIONS is answered, asked two hundred times a second meanwhile. Growth is told of the last column against the first.
"""

import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.processes import cpu_s, memory_bytes
from bench.relay import Talkpath as Relaying
from bench.relay import measure
from bench.scale_state import filled
from bench.servers import Talkpath
from bench.signalling import CALLED, CALLED_PORT, CALLER_PORT, SERVER_PORT, USERS, called_phone, must_be_good
from bench.sipp import HOST, SDP, Load, Sipp

REGISTRATIONS = (1_000, 10_000, 100_000)
RUNNING_CALLS = (100, 1_000, 5_000)
# Ports and descriptors of a call, and descriptors for all besides.
OF_A_CALL, BESIDES = 4, 4_000
STREAMS = (100, 1_000, 3_000)
HISTORY = (1_000, 100_000, 1_000_000)
REGISTERS, REGISTER_RATE = 20_000, 1_000
CALLS, CALL_RATE = 3_000, 150
ASKED_A_SECOND = 200
# 5,000 running calls need more than a node has by default.
PORTS = "[media]\nfirst_port = 16384\nlast_port = 65535\n"


class Figures(NamedTuple):
    """CPU of one of what was done, in µs; memory of the server in MiB; the worst answer to an OPTIONS in ms; how long
    the start took in seconds."""

    cost_us: float
    memory_mib: float
    worst_ms: float
    start_s: float


class Asking:
    """OPTIONS at an even pace, from a thread of its own."""

    def __init__(self, port: int) -> None:
        self._target = (HOST, port)
        self._is_over = threading.Event()
        self._took: list[float] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def worst_ms(self) -> float:
        """End it; the 99.9th percentile, what was not answered at all among it."""
        self._is_over.set()
        self._thread.join()
        took = sorted(self._took)
        return took[int(len(took) * 0.999)] * 1_000 if took else float("nan")

    def _ask(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.bind((HOST, 0))
            door.settimeout(2.0)
            number = 0
            while not self._is_over.wait(1 / ASKED_A_SECOND):
                number += 1
                self._took.append(self._asked(door, number))

    def _asked(self, door: socket.socket, number: int) -> float:
        port = door.getsockname()[1]
        mark = f"z9hG4bKask{port}-{number}".encode()
        ids = f"From: <sip:a@{HOST}>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: {port}-{number}\r\nCSeq: {number} OPTIONS"
        via = f"Via: SIP/2.0/UDP {HOST}:{port};branch={mark.decode()}"
        asked = f"OPTIONS sip:{HOST} SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\n{ids}\r\nContent-Length: 0\r\n\r\n"
        began = time.monotonic()
        door.sendto(asked.encode(), self._target)
        try:
            while mark not in door.recv(4_096):
                pass
        except TimeoutError:
            pass
        return time.monotonic() - began


@contextmanager
def _edge(users: list[str], more: str = "", **crowd: int) -> Iterator[tuple[Talkpath, Sipp, float]]:
    """An edge with such a state, SIPp against it, and how long its start took."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        directory = Path(name)
        filled(directory / "state", SERVER_PORT, **crowd)
        began = time.monotonic()
        server = Talkpath(directory, SERVER_PORT, False, users, more=more)
        started_s = time.monotonic() - began
        try:
            yield server, Sipp(directory, server.port), started_s
        finally:
            server.stop()


def beside_registrations(crowd: int) -> Figures:
    """REGISTERs of two hundred phones."""
    users = [(user, f"{HOST}:{CALLED_PORT}") for user in USERS]
    with _edge(USERS, registrations=crowd) as (server, sipp, started_s):
        must_be_good(sipp.register(CALLED_PORT, users, Load(1_000, REGISTER_RATE)))
        before, asking = cpu_s(server.pid), Asking(server.port)
        result = must_be_good(sipp.register(CALLED_PORT, users, Load(REGISTERS, REGISTER_RATE)))
        cost = (cpu_s(server.pid) - before) / result.good * 1e6
        return Figures(cost, memory_bytes(server.pid) / 2**20, asking.worst_ms(), started_s)


def beside_calls(crowd: int) -> Figures:
    """Anchored calls beside others that run; what those cost by themselves is taken off."""
    with _edge([CALLED], PORTS) as (server, sipp, started_s), called_phone(sipp, SDP):
        set_up_s = crowd / CALL_RATE
        held_s = set_up_s + 2 * CALLS / CALL_RATE + 40
        held = sipp.call(CALLER_PORT + 1, CALLED, Load(crowd, CALL_RATE, SDP, held_s))
        time.sleep(set_up_s + 5)
        before, began = cpu_s(server.pid), time.monotonic()
        time.sleep(10)
        idle_a_second = (cpu_s(server.pid) - before) / (time.monotonic() - began)
        before, began, asking = cpu_s(server.pid), time.monotonic(), Asking(server.port)
        result = must_be_good(sipp.call(CALLER_PORT, CALLED, Load(CALLS, CALL_RATE, SDP)))
        used = cpu_s(server.pid) - before - idle_a_second * (time.monotonic() - began)
        memory, worst = memory_bytes(server.pid) / 2**20, asking.worst_ms()
        held.process.terminate()
        held.process.wait()
        return Figures(used / result.good * 1e6, memory, worst, started_s)


def of_streams(crowd: int) -> Figures:
    """Packets of one total rate, over more and more streams, meters read."""
    server = Relaying()
    try:
        result = measure(server, crowd)
        return Figures(result.cpu_us, memory_bytes(server.pid) / 2**20, result.p99_us / 1_000, float("nan"))
    finally:
        server.stop()


def with_history(crowd: int) -> Figures:
    """The start, and calls that are made while a tenth of the history is swept."""
    with _edge([CALLED], f"[history]\nkeep_calls = {crowd * 9 // 10}\n", calls=crowd) as (server, sipp, started_s):
        asking = Asking(server.port)
        with called_phone(sipp, SDP):
            before = cpu_s(server.pid)
            result = must_be_good(sipp.call(CALLER_PORT, CALLED, Load(CALLS, CALL_RATE, SDP)))
            cost = (cpu_s(server.pid) - before) / result.good * 1e6
        return Figures(cost, memory_bytes(server.pid) / 2**20, asking.worst_ms(), started_s)


def listing(crowd: int) -> Figures:
    """`talkpath calls --json` of up to 100,000 calls out of the history: its CPU a row, and its memory."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        state, rows = Path(name) / "state", min(crowd, 100_000)
        filled(state, SERVER_PORT, calls=crowd)
        command = [sys.executable, "-m", "talkpath", "calls", "--state", str(state), "--json", "--limit", str(rows)]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Figures(used / rows * 1e6, after.ru_maxrss / 1_024, float("nan"), took_s)


ROWS: list[tuple[str, tuple[int, ...], Callable[[int], Figures]]] = [
    ("REGISTER beside registrations", REGISTRATIONS, beside_registrations),
    ("anchored call beside running ones", RUNNING_CALLS, beside_calls),
    ("packet, 50,000/s, of streams", STREAMS, of_streams),
    ("anchored call while history is swept", HISTORY, with_history),
    ("row of `talkpath calls --json`", HISTORY, listing),
]


def main() -> None:
    """Measure every row at every crowd and print the table as Markdown."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    fitting = (most - BESIDES) // OF_A_CALL
    print("| scale | crowd | µs CPU | MiB | worst, ms | start, s | growth |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for what, crowds, measured in ROWS:
        first: Figures | None = None
        for wanted in crowds:
            crowd = min(wanted, fitting) if measured is beside_calls else wanted
            if crowd < wanted:
                print(f"  {wanted:,} calls want more than the {most:,} descriptors of this host", file=sys.stderr)
            print(f"  measuring {what}: {crowd:,}", file=sys.stderr)
            try:
                figures = measured(crowd)
            except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
                print(f"  {what}, {crowd:,}: {error}", file=sys.stderr)
                continue
            first = first or figures
            shown = (
                f"{figures.cost_us:,.1f} | {figures.memory_mib:,.0f} | {figures.worst_ms:.1f} | {figures.start_s:.1f}"
            )
            print(f"| {what} | {crowd:,} | {shown} | {figures.cost_us / first.cost_us:.2f} |", flush=True)

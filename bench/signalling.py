"""What signalling costs: CPU per call and per registration, memory per registration and per running call.

One run measures Kamailio and talkpath in turn with the same scenarios. A figure is the CPU time (user and system) of
all processes of the server, divided by what SIPp counted as successful; a run with a failed call gives no figure.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import cpu_s, memory_bytes
from bench.servers import PASSWORD, Kamailio, Server, Talkpath
from bench.sipp import NO_BODY, SDP, Load, Result, Running, Sipp

SERVER_PORT, CALLED_PORT, CALLER_PORT = 15060, 17060, 17061
CALLED = "called"
CALL_RATE, CALLS, WARM_UP_CALLS = 400, 12_000, 2_000
REGISTER_RATE, REGISTERED_USERS, REGISTERS = 2_000, 200, 20_000
IDLE_REGISTRATIONS, RUNNING_CALLS = 20_000, 2_000
USERS = [f"user{number}" for number in range(REGISTERED_USERS)]
MANY_USERS = [f"idle{number}" for number in range(IDLE_REGISTRATIONS)]

Start = Callable[[Path, bool, list[str]], Server]


def _kamailio(directory: Path, digest: bool, _users: list[str]) -> Server:
    return Kamailio(directory, SERVER_PORT, digest)


def _talkpath(directory: Path, digest: bool, users: list[str]) -> Server:
    return Talkpath(directory, SERVER_PORT, digest, users)


STARTS: dict[str, Start] = {"kamailio": _kamailio, "talkpath": _talkpath}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what is measured, in which unit, and how."""

    what: str
    unit: str
    measure: Callable[[Start], float]


@contextmanager
def running(start: Start, digest: bool, users: list[str]) -> Iterator[tuple[Server, Sipp]]:
    """A server with fresh state, and SIPp against it."""
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        directory = Path(name)
        server = start(directory, digest, users)
        try:
            yield server, Sipp(directory, server.port)
        finally:
            server.stop()


def cost_of_calls(start: Start, body: str) -> float:
    """Microseconds of CPU for one proxied call."""
    with running(start, False, [CALLED]) as (server, sipp), called_phone(sipp, body):
        must_be_good(sipp.call(CALLER_PORT, CALLED, Load(WARM_UP_CALLS, CALL_RATE, body)))
        before = cpu_s(server.pid)
        result = must_be_good(sipp.call(CALLER_PORT, CALLED, Load(CALLS, CALL_RATE, body)))
        return (cpu_s(server.pid) - before) / result.good * 1e6


def cost_of_registrations(start: Start, digest: bool) -> float:
    """Microseconds of CPU for one REGISTER; with digest, for the challenge and the answer together."""
    users = [(user, f"127.0.0.1:{CALLED_PORT}") for user in USERS]
    password = PASSWORD if digest else ""
    with running(start, digest, USERS) as (server, sipp):
        must_be_good(sipp.register(CALLED_PORT, users, Load(1000, REGISTER_RATE // 2), password))
        before = cpu_s(server.pid)
        result = must_be_good(sipp.register(CALLED_PORT, users, Load(REGISTERS, REGISTER_RATE), password))
        return (cpu_s(server.pid) - before) / result.good * 1e6


def memory_of_registrations(start: Start) -> float:
    """Bytes for one idle registration, out of many."""
    users = [(user, f"127.0.0.1:{CALLED_PORT}") for user in MANY_USERS]
    with running(start, False, MANY_USERS) as (server, sipp):
        before = memory_bytes(server.pid)
        result = must_be_good(sipp.register(CALLED_PORT, users, Load(len(users), REGISTER_RATE)))
        return (memory_bytes(server.pid) - before) / result.good


def memory_of_calls(start: Start) -> float:
    """Bytes for one running call with SDP, out of many that are up at once."""
    with running(start, False, [CALLED]) as (server, sipp), called_phone(sipp, SDP):
        must_be_good(sipp.call(CALLER_PORT, CALLED, Load(200, 100, SDP)))
        before = memory_bytes(server.pid)
        held_s = RUNNING_CALLS / CALL_RATE + 15
        calls = sipp.call(CALLER_PORT, CALLED, Load(RUNNING_CALLS, CALL_RATE, SDP, held_s))
        # All are up by then and every transaction of their set-up has ended (64 times T1 is half a minute, but
        # only for those that failed), so what is left is what a running call holds.
        time.sleep(held_s - 4)
        after = memory_bytes(server.pid)
        must_be_good(calls)
        return (after - before) / RUNNING_CALLS


@contextmanager
def called_phone(sipp: Sipp, body: str) -> Iterator[None]:
    """A phone that is registered and answers every call."""
    must_be_good(sipp.register(CALLED_PORT, [(CALLED, f"127.0.0.1:{CALLED_PORT}")], Load(1, 10)))
    phone = sipp.answer(CALLED_PORT, body)
    try:
        yield
    finally:
        phone.terminate()
        phone.wait()


def must_be_good(running: Running) -> Result:
    """What was counted. Raises RuntimeError where a call failed."""
    result = running.result()
    if result.failed or not result.good:
        raise RuntimeError(f"{result.failed} of {result.failed + result.good} failed; a figure would mean nothing")
    if result.retransmissions > result.good // 100:
        print(f"  note: {result.retransmissions} retransmissions among {result.good}", file=sys.stderr)
    return result


ROWS = [
    Row("proxied call without SDP, 400/s", "µs CPU", lambda start: cost_of_calls(start, NO_BODY)),
    Row("proxied call with SDP, 400/s", "µs CPU", lambda start: cost_of_calls(start, SDP)),
    Row("REGISTER, 2,000/s", "µs CPU", lambda start: cost_of_registrations(start, digest=False)),
    Row("REGISTER with digest, 2,000/s", "µs CPU", lambda start: cost_of_registrations(start, digest=True)),
    Row("idle registration", "bytes", memory_of_registrations),
    Row("running call with SDP", "bytes", memory_of_calls),
]


def main() -> None:
    """Measure every row on every server and print the table as Markdown."""
    print(f"| signalling | unit | {' | '.join(STARTS)} | ratio |\n| --- | --- | ---: | ---: | ---: |")
    for row in ROWS:
        figures = [_figure(row, name, start) for name, start in STARTS.items()]
        theirs, ours = figures
        ratio = f"{ours / theirs:.2f}" if theirs and ours else "-"
        shown = " | ".join("failed" if figure is None else f"{figure:,.0f}" for figure in figures)
        print(f"| {row.what} | {row.unit} | {shown} | {ratio} |", flush=True)


def _figure(row: Row, name: str, start: Start) -> float | None:
    print(f"  measuring {name}: {row.what}", file=sys.stderr)
    try:
        return row.measure(start)
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        print(f"  {name}: {error}", file=sys.stderr)
        return None

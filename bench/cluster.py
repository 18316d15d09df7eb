"""What being one of several costs: the same build alone and in a cluster, and Kamailio with DMQ, in one run.

Servers take turns, and the least of the rounds is told: what else the machine does only adds. A figure is the CPU
time of the node that serves; that of nats-server, which may stand elsewhere, is told beside it. How fast a node that
is new knows the registrations, and an heir goes on with calls, is wall time.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.processes import cpu_s, memory_bytes, wait_until
from bench.servers import Kamailio, Talkpath
from bench.signalling import CALLED, CALLED_PORT, CALLER_PORT, called_phone, must_be_good
from bench.sipp import SDP, Load, Sipp
from talkpath.app.cluster.rows import ClusterRow
from talkpath.app.node.control import ControlClient

SERVER_PORT, OTHER_PORT, NATS_PORT = 15060, 15070, 14222
#: The address that the heir gets; on loopback, so it is moved with `ip addr`.
MOVING = "127.0.0.10"
ROUNDS = 3
CALL_RATE, CALLS, WARM_UP_CALLS = 200, 4_000, 500
REGISTER_RATE, USERS, REGISTERS = 1_000, 200, 10_000
REGISTRATIONS = 100_000
RUNNING_CALLS = 1_000

NATS = Path(sys.executable).parent / "nats-server"
NAMES = [f"user{number}" for number in range(USERS)]


class Nats:
    """One server with JetStream, which writes to a folder of its own."""

    def __init__(self, directory: Path) -> None:
        config = directory / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{NATS_PORT}"\njetstream {{ store_dir: "{directory / "nats"}" }}\n')
        self._process = subprocess.Popen(
            [str(NATS), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        wait_until(_listens, 10, "nats-server")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


def _listens() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", NATS_PORT)) == 0


class Cluster:
    """talkpath nodes on one NATS server."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.nats = Nats(directory)
        self.nodes: list[Talkpath] = []

    def add(self, name: str, port: int, users: list[str], *, address: str = "127.0.0.1") -> Talkpath:
        place = self._directory / name
        place.mkdir()
        moving = f'addresses = ["{MOVING}"]\n' if address == "*" else ""
        more = (
            f'[cluster]\nname = "bench"\nnode = "{name}"\nurls = ["nats://127.0.0.1:{NATS_PORT}"]\n'
            f'secret = "a secret of the bench"\naddress = "127.0.0.1:{port}"\n{moving}'
        )
        self.nodes.append(Talkpath(place, port, False, users, more=more, address=address))
        return self.nodes[-1]

    def row(self, name: str) -> ClusterRow | None:
        """What a node says; None while it says nothing."""
        try:
            rows = ControlClient(self._directory / name / "state").cluster()
        except OSError:
            return None
        return rows[0] if rows else None

    def calls(self, name: str) -> int:
        row = self.row(name)
        return 0 if row is None else next(node.calls for node in row.nodes if node.name == name)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.nats.stop()


@contextmanager
def _cluster() -> Iterator[tuple[Cluster, Path]]:
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        cluster = Cluster(Path(name))
        try:
            yield cluster, Path(name)
        finally:
            cluster.stop()


# Each gives microseconds of CPU of the serving node for one unit, and of nats-server.
Cost = tuple[float, float]
Work = Callable[[Sipp, Callable[[], float], int], float]


def _of_calls(sipp: Sipp, cpu: Callable[[], float], count: int) -> float:
    with called_phone(sipp, SDP):
        must_be_good(sipp.call(CALLER_PORT, CALLED, Load(WARM_UP_CALLS, CALL_RATE, SDP)))
        before = cpu()
        result = must_be_good(sipp.call(CALLER_PORT, CALLED, Load(count, CALL_RATE, SDP)))
        return (cpu() - before) / result.good * 1e6


def _of_registers(sipp: Sipp, cpu: Callable[[], float], count: int) -> float:
    users = [(user, f"127.0.0.1:{CALLED_PORT}") for user in NAMES]
    must_be_good(sipp.register(CALLED_PORT, users, Load(1_000, REGISTER_RATE)))
    before = cpu()
    result = must_be_good(sipp.register(CALLED_PORT, users, Load(count, REGISTER_RATE)))
    return (cpu() - before) / result.good * 1e6


def _alone(work: Work, count: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        server = Talkpath(Path(name), SERVER_PORT, False, [CALLED, *NAMES])
        try:
            return work(Sipp(Path(name), SERVER_PORT), lambda: cpu_s(server.pid), count), 0.0
        finally:
            server.stop()


def _clustered(work: Work, count: int) -> Cost:
    with _cluster() as (cluster, directory):
        server = cluster.add("a", SERVER_PORT, [CALLED, *NAMES])
        cluster.add("b", OTHER_PORT, [CALLED, *NAMES])
        before = [0.0]

        def cpu() -> float:
            """Twice called: the engine's time is taken over the same span."""
            before.append(cpu_s(cluster.nats.pid))
            return cpu_s(server.pid)

        cost = work(Sipp(directory, SERVER_PORT), cpu, count)
        return cost, (before[-1] - before[-2]) / count * 1e6


def _with_dmq(work: Work, count: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        places = [Path(name, one) for one in ("a", "b")]
        servers: list[Kamailio] = []
        try:
            for place, (port, other) in zip(
                places, ((SERVER_PORT, OTHER_PORT), (OTHER_PORT, SERVER_PORT)), strict=True
            ):
                place.mkdir()
                servers.append(Kamailio(place, port, False, "kamailio-dmq.cfg", other_port=other))
            time.sleep(2)  # they find each other
            return work(Sipp(Path(name), SERVER_PORT), lambda: cpu_s(servers[0].pid), count), 0.0
        finally:
            for server in servers:
                server.stop()


def _least(what: str, ways: list[Callable[[], Cost]]) -> list[Cost]:
    """The least of the rounds in which all take turns."""
    costs: list[list[Cost]] = [[] for _ in ways]
    for number in range(ROUNDS):
        print(f"  round {number + 1} of {ROUNDS}: {what}", file=sys.stderr)
        for known, way in zip(costs, ways, strict=True):
            known.append(way())
            print(f"    {known[-1][0]:,.0f} us", file=sys.stderr)
    return [min(each) for each in costs]


def _print_costs() -> None:
    print("| what | unit | alone | in a cluster | ratio | nats-server beside it | Kamailio with DMQ |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for what, work, count, peers in (
        (f"proxied call with SDP, {CALL_RATE}/s", _of_calls, CALLS, ()),
        (f"REGISTER, {REGISTER_RATE:,}/s", _of_registers, REGISTERS, (_with_dmq,)),
    ):
        found = _least(what, [partial(way, work, count) for way in (_alone, _clustered, *peers)])
        (alone, _), (ours, engine), *others = found
        dmq = "".join(f"{theirs:,.0f}" for theirs, _ in others)
        print(f"| {what} | µs CPU | {alone:,.0f} | {ours:,.0f} | {ours / alone:.2f} | {engine:,.0f} | {dmq} |")


def _print_new_node(count: int = REGISTRATIONS) -> None:
    """How long until a node that is begun knows the registrations of another, and what each takes there."""
    users = [f"idle{number}" for number in range(count)]
    with _cluster() as (cluster, directory):
        cluster.add("a", SERVER_PORT, users)
        contacts = [(user, f"127.0.0.1:{CALLED_PORT}") for user in users]
        print(f"  registering {count:,} users", file=sys.stderr)
        must_be_good(Sipp(directory, SERVER_PORT).register(CALLED_PORT, contacts, Load(count, 2 * REGISTER_RATE)))
        wait_until(lambda: (row := cluster.row("a")) is not None and not row.waiting, 60, "what was to be written")
        (directory / "empty").mkdir()
        empty = Talkpath(directory / "empty", OTHER_PORT, False, [CALLED])
        base = memory_bytes(empty.pid)
        empty.stop()
        begun, before = time.monotonic(), 0.0
        node = cluster.add("b", OTHER_PORT, [CALLED])
        before = cpu_s(node.pid)
        wait_until(lambda: (row := cluster.row("b")) is not None and row.records > count, 120, "the registrations")
        lasted, used = time.monotonic() - begun, cpu_s(node.pid)
        each = (memory_bytes(node.pid) - base) / count
    print(f"\n{count:,} registrations reach a new node {lasted:.1f} s after its start: {used:.1f} s of CPU, of which")
    print(f"{before:.1f} s until it listened; {each:,.0f} bytes each there.", flush=True)


def _print_takeover(count: int = RUNNING_CALLS) -> None:
    """How long after the kill another node, which gets the address, runs the calls."""
    with _cluster() as (cluster, directory):
        _move(there=True)
        try:
            node = cluster.add("a", SERVER_PORT, [CALLED], address="*")
            cluster.add("b", OTHER_PORT, [CALLED], address="*")
            time.sleep(3)
            sipp = Sipp(directory, SERVER_PORT, MOVING)
            with called_phone(sipp, SDP):
                sipp.call(CALLER_PORT, CALLED, Load(count, CALL_RATE, SDP, 60))
                wait_until(lambda: cluster.calls("a") == count, 60, "the calls")
                time.sleep(0.5)
                node.kill()
                killed = time.monotonic()
                _move(there=False)
                _move(there=True)
                moved = time.monotonic() - killed
                wait_until(lambda: cluster.calls("b") >= count, 30, "the takeover")
                lasted = time.monotonic() - killed
        finally:
            _move(there=False)
    print(f"\n{count:,} running calls go on at the heir {lasted:.2f} s after the kill of their node; the address was")
    print(f"there after {moved:.2f} s.", flush=True)


def _move(*, there: bool) -> None:
    verb = "add" if there else "del"
    subprocess.run(["ip", "addr", verb, f"{MOVING}/32", "dev", "lo"], check=False, capture_output=True, timeout=10)


def main() -> None:
    """Measure all of it and print it as Markdown."""
    _print_costs()
    _print_new_node()
    _print_takeover()

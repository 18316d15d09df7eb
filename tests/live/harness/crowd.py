"""Strangers in numbers: a network with many addresses, floods from all of them, and the tools that scanners use."""

import itertools
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.network import run
from harness.process import Process

_names = itertools.count()
#: What the edge is called from there.
EDGE = "10.66.0.1"


@dataclass(frozen=True, slots=True)
class Flooded:
    """What a flood sent and what it drew."""

    sent: int
    sent_bytes: int
    answers: int
    answer_bytes: int


class Flood:
    """One that runs."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def end(self) -> Flooded:
        """Wait until it has sent all."""
        found = self._process.wait_for(r"(?m)^\{.*\}$", 30)
        self._process.stop()
        return Flooded(**json.loads(found[0]))


@dataclass(frozen=True, slots=True)
class Crowd:
    """Hosts of a namespace: `sources` are their addresses."""

    namespace: str
    sources: tuple[str, ...]
    place: Path

    def flood(self, port: int, a_second: int, seconds: float) -> Flood:
        """INVITEs to numbers that nobody has, from all of them in turn."""
        argv = [sys.executable, str(Path(__file__)), str(port), str(a_second), str(seconds), *self.sources]
        found_in = {"PYTHONPATH": str(Path(__file__).parents[1])}
        return Flood(Process(argv, self.place / "flood", env=found_in, namespace=self.namespace))

    def tool(self, *argv: str, seconds: float) -> str:
        """What a tool prints, ended after so long."""
        home = {**os.environ, "HOME": str(self.place)}
        command = ["ip", "netns", "exec", self.namespace, "timeout", "-s", "INT", f"{seconds}", *argv]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 20, check=False, env=home, cwd=self.place
        )
        return done.stdout + done.stderr


@contextmanager
def crowd(count: int, place: Path) -> Iterator[Crowd]:
    """So many hosts beside the edge, ten in each /24. All of it is gone afterwards."""
    stem = f"tp{os.getpid() % 100000}w{next(_names) % 200}"
    sources = tuple(f"10.66.{1 + number // 10}.{2 + number % 10}" for number in range(count))
    try:
        run(f"ip netns add {stem}")
        run(f"ip link add {stem}a type veth peer name eth0 netns {stem}")
        run(f"ip addr add {EDGE}/16 dev {stem}a")
        run(f"ip link set {stem}a up")
        for address in sources:
            run(f"ip -n {stem} addr add {address}/16 dev eth0")
        run(f"ip -n {stem} link set lo up")
        run(f"ip -n {stem} link set eth0 up")
        yield Crowd(stem, sources, place)
    finally:
        subprocess.run(["ip", "netns", "del", stem], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", f"{stem}a"], capture_output=True, check=False)


def _invite(number: int, source: str, port: int) -> bytes:
    return (
        f"INVITE sip:{number}@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{port};rport;branch=z9hG4bK{number:x}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{number}@{EDGE}>;tag={number:x}\r\nTo: <sip:{number}@{EDGE}>\r\n"
        f"Call-ID: {number:x}@{source}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@{source}:{port}>\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def main(argv: Sequence[str]) -> None:
    """Flood, and print as JSON what came of it."""
    port, a_second, seconds = int(argv[0]), int(argv[1]), float(argv[2])
    ready = selectors.DefaultSelector()
    socks = []
    for source in argv[3:]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 5060))
        sock.connect((EDGE, port))
        sock.setblocking(False)
        ready.register(sock, selectors.EVENT_READ)
        socks.append((sock, *sock.getsockname()))
    sent = sent_bytes = answers = answer_bytes = 0
    start = time.monotonic()
    # What it draws comes for a second more: answers to INVITE are repeated.
    while (spent := time.monotonic() - start) < seconds + 1:
        while spent < seconds and sent < spent * a_second:
            sock, host, own_port = socks[sent % len(socks)]
            sent_bytes += sock.send(_invite(sent, host, own_port))
            sent += 1
        for key, _ in ready.select(0.002):
            assert isinstance(key.fileobj, socket.socket)
            answers += 1
            answer_bytes += len(key.fileobj.recv(65_535))
    print(json.dumps(asdict(Flooded(sent, sent_bytes, answers, answer_bytes))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

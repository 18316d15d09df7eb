"""What strangers cost: a flood from a source that is banned, and a table with a million sources.

The flood are INVITEs of 570 bytes over UDP, from a loopback address that nobody has proven himself from. The unit is
the share of a core that the whole server took (user and system). Datagrams that the kernel dropped before the server
could would flatter it, so they are shown.
"""

import random
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import cpu_s
from bench.servers import Talkpath
from talkpath._native import Sources

PORT = 15_860
FLOOD_S = 10.0
RATES = (5_000, 20_000, 50_000)
# Datagrams that are sent in one go, so that the sender has time left.
BATCH = 50
SOURCES = 1_000_000
# As the configuration has them by default: (a second, at once) of each kind.
ALLOWANCES = ((5.0, 50.0), (5.0, 50.0), (50.0, 500.0), (10.0, 100.0), (100.0, 2e3), (0.1, 20.0), (1e3, 16e3))


def invite(number: int) -> bytes:
    """One INVITE of a scanner that hides what it is."""
    return (
        f"INVITE sip:{number}@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.9:5060;rport;branch=z9hG4bK{number:08}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{number}@127.0.0.1>;tag={number:08}\r\nTo: <sip:{number}@127.0.0.1>\r\n"
        f"Call-ID: {number:08}@127.0.0.9\r\nCSeq: 1 INVITE\r\nContact: <sip:{number}@127.0.0.9:5060>\r\n"
        f"X-Filling: {'x' * 200}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@contextmanager
def banned(port: int) -> Iterator[socket.socket]:
    """A socket whose source is banned by what it sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.9", 0))
        sock.connect(("127.0.0.1", port))
        for number in range(200):
            sock.send(invite(number))
        time.sleep(1.0)
        yield sock


def flood(sock: socket.socket, a_second: int) -> int:
    """Send at that rate for `FLOOD_S`; how many left."""
    message, sent, start = invite(1), 0, time.monotonic()
    while (spent := time.monotonic() - start) < FLOOD_S:
        while sent < spent * a_second:
            for _ in range(BATCH):
                sock.send(message)
            sent += BATCH
        time.sleep(0.0005)
    return sent


def dropped_by_kernel(port: int) -> int:
    """Datagrams for the port that found no room in its socket (the last column of /proc/net/udp)."""
    lines = Path("/proc/net/udp").read_text().splitlines()
    return sum(int(line.split()[-1]) for line in lines if f":{port:04X} " in line)


def measure_floods() -> None:
    """Prints the share of a core for each rate as Markdown."""
    print("\n| INVITEs a second of a banned source | sent | lost in the kernel | % of a core | us each |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name:
        server = Talkpath(Path(name), PORT, digest=True, users=["1001"])
        try:
            with banned(PORT) as sock:
                for rate in RATES:
                    lost, cpu = dropped_by_kernel(PORT), cpu_s(server.pid)
                    sent = flood(sock, rate)
                    spent = cpu_s(server.pid) - cpu
                    lost = dropped_by_kernel(PORT) - lost
                    print(
                        f"| {rate:,} | {sent:,} | {lost:,} | {100 * spent / FLOOD_S:.1f} | {1e6 * spent / sent:.2f} |"
                    )
        finally:
            server.stop()


def measure_sources() -> None:
    """Prints what a request of a source costs, and what a million remembered ones take, as Markdown."""

    known = Sources(
        ALLOWANCES, (1e6, 2e6), ban_first_s=60, ban_most_s=86_400, strikes=3, refusal=0, seed=b"b" * 16, now=0.0
    )
    numbers = random.Random(7).sample(range(1 << 24, 224 << 24), SOURCES)
    hosts = [f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in numbers]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = invite(1)
    print("\n| a request of | us each | remembered | MB grown |")
    print("| --- | ---: | ---: | ---: |")
    for what, at in (("a source never seen", 0.0), ("one of a million", 1.0)):
        began = time.process_time()
        for host in hosts:
            known.look(host, 5060, False, data, at)
        spent = time.process_time() - began
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
        print(f"| {what} | {1e6 * spent / SOURCES:.2f} | {len(known):,} | {grown:.0f} |")


def main() -> None:
    """Measure and print both."""
    measure_sources()
    measure_floods()


if __name__ == "__main__":
    main()

"""RTP relay by what the whole machine spends: talkpath in the kernel and by sockets, and rtpengine in userspace.

What the kernel does for a packet is charged to whoever was running, and to no server. So a loop of the idlest
priority soaks up what nobody else wants on every core, and tells how much it got: the rest was spent. Phones
(`native/examples/rtp_load.rs`) and relay are in network namespaces of their own with a cable (veth) between them.
What the same load costs without a relay, phones talking to each other in their namespace, is taken off.
"""

import ctypes
import json
import mmap
import multiprocessing
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from bench.relay import (
    PACKETS_PER_S,
    SECONDS,
    STREAMS,
    BridgingRtpengine,
    Place,
    Server,
    Talkpath,
    bridged,
    load_program,
)

PLACE = Place("10.99.0.1", "10.99.0.2")
PHONES = f"tpbench{os.getpid()}"
CALIBRATION_S = 3
RUNS = 3


class Spent(NamedTuple):
    """What one run took of the machine, in microseconds of a core a packet, and what phones saw."""

    busy_us: float
    lost: int
    p50_us: int
    p99_us: int


class Soakers:
    """One loop on each core that runs when nothing else wants to."""

    def __init__(self) -> None:
        self._turns = [mmap.mmap(-1, 8) for _ in os.sched_getaffinity(0)]
        self._processes = [
            multiprocessing.Process(target=_soak, args=(core, turns), daemon=True)
            for core, turns in zip(sorted(os.sched_getaffinity(0)), self._turns, strict=True)
        ]
        for process in self._processes:
            process.start()
        time.sleep(0.5)
        before = self.turns()
        time.sleep(CALIBRATION_S)
        self._a_second = [(after - first) / CALIBRATION_S for first, after in zip(before, self.turns(), strict=True)]

    def turns(self) -> list[int]:
        return [struct.unpack("q", turns[:8])[0] for turns in self._turns]

    def busy_s(self, before: Sequence[int], seconds: float) -> float:
        """Of all cores, since `before`, `seconds` ago."""
        spans = zip(before, self.turns(), self._a_second, strict=True)
        return sum(max(0.0, seconds - (after - first) / rate) for first, after, rate in spans)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()


def _soak(core: int, turns: mmap.mmap) -> None:
    os.sched_setaffinity(0, [core])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    done = 0
    while True:
        for _ in range(1000):
            done += 1
        turns[:8] = struct.pack("q", done)


@contextmanager
def cable() -> Iterator[None]:
    """This process and all it starts move to one end, the namespace of the phones is the other."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000):
        raise SystemExit(f"{os.strerror(ctypes.get_errno())}: network namespaces need root")
    _ip(f"netns add {PHONES}")
    try:
        _ip(f"link add relay type veth peer name phones netns {PHONES}")
        for namespace, link, host in (((), "relay", PLACE.server), (("-n", PHONES), "phones", PLACE.phones)):
            _ip(f"link set {link} up", namespace)
            _ip("link set lo up", namespace)
            _ip(f"addr add {host}/24 dev {link}", namespace)
        yield
    finally:
        _ip(f"netns del {PHONES}")


def _ip(command: str, options: Sequence[str] = ()) -> None:
    subprocess.run(["ip", *options, *command.split()], check=True)


def measured(soakers: Soakers, server: Server | None, streams: int) -> Spent:
    """Let phones talk, through the server or to each other."""
    command = ["ip", "netns", "exec", PHONES, str(load_program())]
    command += [str(streams), str(PACKETS_PER_S), str(SECONDS), PLACE.phones]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        phones = [int(load.stdout.readline()) for _ in range(streams)]
        if server is None:
            targets = [f"{PLACE.phones}:{phones[at ^ 1]}" for at in range(streams)]
        else:
            targets = [f"{PLACE.server}:{port}" for port in bridged(server, phones)]
        before, start = soakers.turns(), time.monotonic()
        load.stdin.write("".join(f"{target}\n" for target in targets))
        load.stdin.close()
        told = json.loads(load.stdout.read())
        busy_s = soakers.busy_s(before, time.monotonic() - start)
    lost = told["sent"] - told["received"]
    return Spent(busy_s * 1e6 / told["received"], lost, told["p50_us"], told["p99_us"])


def main() -> None:
    """Measure each so many times and print the middle one as Markdown."""
    if shutil.which("rtpengine") is None:
        raise SystemExit("rtpengine is missing: run tests/live/install-peers and try again")
    load_program()
    relays: dict[str, Callable[[], Server]] = {
        "rtpengine": lambda: BridgingRtpengine(place=PLACE),
        "talkpath by sockets": lambda: Talkpath(place=PLACE),
        "talkpath in the kernel": lambda: Talkpath(place=PLACE, kernel=True),
    }
    print("| relay | streams | us/packet of the machine | ratio | lost | p50 us | p99 us |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with cable():
        soakers = Soakers()
        try:
            for streams in STREAMS:
                nobody = _middle([measured(soakers, None, streams) for _ in range(RUNS)])
                print(_row("nobody", streams, nobody, nobody.busy_us, 0.0), flush=True)
                theirs_us = 0.0
                for name, start in relays.items():
                    spent = _middle([_with(soakers, start, streams) for _ in range(RUNS)])
                    own_us = spent.busy_us - nobody.busy_us
                    theirs_us = theirs_us or own_us
                    print(_row(name, streams, spent, own_us, own_us / theirs_us), flush=True)
        finally:
            soakers.stop()


def _with(soakers: Soakers, start: Callable[[], Server], streams: int) -> Spent:
    print(f"  measuring {streams} streams of RTP", file=sys.stderr)
    server = start()
    try:
        return measured(soakers, server, streams)
    finally:
        server.stop()


def _middle(runs: list[Spent]) -> Spent:
    return sorted(runs)[len(runs) // 2]


def _row(name: str, streams: int, spent: Spent, own_us: float, ratio: float) -> str:
    shown = f"{ratio:.2f}" if ratio else ""
    return f"| {name} | {streams} | {own_us:.2f} | {shown} | {spent.lost} | {spent.p50_us} | {spent.p99_us} |"


if __name__ == "__main__":
    main()

"""RTP relay: CPU time of the server for each packet, talkpath's engine against rtpengine in userspace.

Phones on loopback (`native/examples/rtp_load.rs`) send 50,000 packets a second in all, over 200 streams and over
1,000; two streams are a call. Both servers forward on one thread, and both meter what passes.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from bench.ng import Rtpengine
from bench.processes import cpu_s, memory_bytes

ROOT = Path(__file__).parent.parent
PACKETS_PER_S = 50_000
STREAMS = (200, 1_000)
SECONDS = 10


class Place(NamedTuple):
    """The address of the server, and that of the phones."""

    server: str
    phones: str


PHONES = "127.0.0.2"
LOOPBACK = Place("127.0.0.1", PHONES)


class Server(Protocol):
    """A relay that is running; `bridge` connects two phones and tells the ports they shall send to."""

    name: str
    pid: int

    def bridge(self, one: int, two: int, codecs: tuple[str, str] = ("PCMA", "PCMA")) -> tuple[int, int]: ...

    def stop(self) -> None: ...


class BridgingRtpengine(Rtpengine):
    """rtpengine, told of phones."""

    def __init__(
        self,
        threads: int = 1,
        recordings: Path | None = None,
        more: Sequence[str] = (),
        place: Place = LOOPBACK,
    ) -> None:
        options = [] if recordings is None else [f"--recording-dir={recordings}", "--recording-method=pcap"]
        super().__init__(threads, [*options, *more], place.server)
        self._place = place
        self._is_recording = recordings is not None
        self._calls = 0

    def bridge(self, one: int, two: int, codecs: tuple[str, str] = ("PCMA", "PCMA")) -> tuple[int, int]:
        self._calls += 1
        call = {"call-id": f"bench-{self._calls}", "from-tag": "a"}
        offer: dict[str, str | list[str]] = {"command": "offer", **call, "sdp": self._sdp(one, codecs[0])}
        if self._is_recording:
            offer["record-call"] = "yes"
        if codecs[0] != codecs[1]:
            offer["flags"] = [f"codec-transcode-{codecs[1]}"]
        towards_two = self._port_in(self.ask(offer))
        answer = self.ask({"command": "answer", **call, "to-tag": "b", "sdp": self._sdp(two, codecs[1])})
        return self._port_in(answer), towards_two

    @staticmethod
    def _port_in(answer: str) -> int:
        return int(answer.partition("m=audio ")[2].split()[0])

    def _sdp(self, port: int, codec: str) -> str:
        phones = self._place.phones
        lines = ["v=0", f"o=- 1 1 IN IP4 {phones}", "s=-", f"c=IN IP4 {phones}", "t=0 0"]
        lines += [f"m=audio {port} RTP/AVP {RTPMAPS[codec].split()[0]}", f"a=rtpmap:{RTPMAPS[codec]}", ""]
        return "\r\n".join(lines)


RTPMAPS = {"PCMU": "0 PCMU/8000", "PCMA": "8 PCMA/8000", "G722": "9 G722/8000", "opus": "111 opus/48000/2"}


class Talkpath:
    """talkpath's engine in a process of its own (`bench/relay_server.py`), metering and metered as in an edge."""

    name = "talkpath"

    def __init__(
        self, workers: int = 1, recordings: Path | None = None, place: Place = LOOPBACK, *, kernel: bool = False
    ) -> None:
        options = ["--workers", str(workers), "--host", place.server]
        options += [] if recordings is None else ["--recordings", str(recordings)]
        options += ["--kernel"] if kernel else []
        self._place = place
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.relay_server", *options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._ask("ready")

    def bridge(self, one: int, two: int, codecs: tuple[str, str] = ("PCMA", "PCMA")) -> tuple[int, int]:
        first, second = self._ask(f"{self._place.phones} {one} {two} {' '.join(codecs)}").split()
        return int(first), int(second)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


class Result(NamedTuple):
    """What one run gave."""

    cpu_us: float
    cpu_percent: float
    memory_kib: float
    lost: int
    p50_us: int
    p99_us: int


def measure(server: Server, streams: int, packets_per_s: int = PACKETS_PER_S, seconds: int = SECONDS) -> Result:
    """Bridge the phones in pairs, let them talk, and divide what the server used by what it forwarded."""
    idle_bytes = memory_bytes(server.pid)
    command = [str(load_program()), str(streams), str(packets_per_s), str(seconds), PHONES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        phones = [int(load.stdout.readline()) for _ in range(streams)]
        targets = bridged(server, phones)
        call_bytes = (memory_bytes(server.pid) - idle_bytes) / (streams // 2)
        before, start = cpu_s(server.pid), time.monotonic()
        load.stdin.write("".join(f"127.0.0.1:{port}\n" for port in targets))
        load.stdin.close()
        told = json.loads(load.stdout.read())
        used, elapsed = cpu_s(server.pid) - before, time.monotonic() - start
    return Result(
        cpu_us=used * 1e6 / told["received"],
        cpu_percent=100 * used / elapsed,
        memory_kib=call_bytes / 1024,
        lost=told["sent"] - told["received"],
        p50_us=told["p50_us"],
        p99_us=told["p99_us"],
    )


def bridged(server: Server, phones: Sequence[int]) -> list[int]:
    targets: list[int] = []
    for one, two in zip(phones[::2], phones[1::2], strict=True):
        targets += server.bridge(one, two)
    return targets


def load_program() -> Path:
    """The load generator, built when its source is newer."""
    cargo = ["cargo", "build", "-q", "--release", "--no-default-features", "--example", "rtp_load"]
    subprocess.run([*cargo, "--manifest-path", str(ROOT / "native" / "Cargo.toml")], check=True)
    return ROOT / "native" / "target" / "release" / "examples" / "rtp_load"


def main() -> None:
    """Measure both, stream count by stream count, and print the table as Markdown."""
    if shutil.which("rtpengine") is None:
        raise SystemExit("rtpengine is missing: run tests/live/install-peers and try again")
    print("| relay | streams | us/packet | ratio | CPU % | KiB/call | lost | p50 us | p99 us |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for streams in STREAMS:
        theirs = _measured(BridgingRtpengine, streams)
        ours = _measured(Talkpath, streams)
        for name, result in ((BridgingRtpengine.name, theirs), (Talkpath.name, ours)):
            print(
                f"| {name} | {streams} | {result.cpu_us:.2f} | {result.cpu_us / theirs.cpu_us:.2f} "
                f"| {result.cpu_percent:.0f} | {result.memory_kib:.1f} | {result.lost} | {result.p50_us} "
                f"| {result.p99_us} |",
                flush=True,
            )


def _measured(start: Callable[[], Server], streams: int) -> Result:
    print(f"  measuring {streams} streams of RTP", file=sys.stderr)
    server = start()
    try:
        return measure(server, streams)
    finally:
        server.stop()


if __name__ == "__main__":
    main()

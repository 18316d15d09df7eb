"""Not a measurement: hundreds of recorded calls, and an edge that is killed (`kill -9`) at random moments.

    python -m bench.killed --calls 300 --kills 100 --seed 1 --copy-every-s 5

Calls run through a real edge over loopback; both sides send packets that bear a number and the time at which they
were sent. Each round the edge is killed, sometimes again while it mends, and started again. Then every file is read:
by `talkpath recordings verify`, by capinfos, and here, packet by packet. What is missing is counted: how old the
oldest of it was when the edge died. With `--copy-every-s` recordings are copied to a store while they run: what it
has at the moment of the kill is put together as another node would do it, and held against what was sent and against
the recording itself; in the end everything must be there whole. Exit code 1 where a promise was broken.
"""

import argparse
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from obstore.store import LocalStore

from bench.processes import wait_until
from bench.servers import is_open
from talkpath.sip.message import Message
from talkpath.store.recordings.layout import Layout
from talkpath.store.shipping.joining import join
from talkpath.store.shipping.objects import ObstoreObjects
from talkpath.store.shipping.stretches import stretches

HOST = "127.0.0.1"
#: What a kill may cost (docs/decisions/recordings.md), and what a busy machine takes to come to it.
PROMISED_S, GRACE_S = 1.0, 0.5
#: The same of what is copied: the writer's turn, and what a turn over hundreds of calls takes.
COPY_GRACE_S = 3.0
PAUSE_S = 0.1
RTP = struct.Struct("!BBHII")
#: Call, side, number, time: the payload, in the first bytes of 160.
NUMBERED = struct.Struct("!IIId")


class Edge:
    """`talkpath run` on one directory, again and again."""

    def __init__(self, place: Path, port: int, python: str, copy_every_s: float) -> None:
        self.place, self.port = place, port
        self.recordings, self.store = place / "recordings", place / "store"
        self.copy_every_s = copy_every_s
        stored = f'store = "file://{self.store}"\ncopy_every_s = {copy_every_s}\n' if copy_every_s else ""
        self.config = place / "talkpath.toml"
        self.command = [python, "-m", "talkpath"]
        self.config.write_text(
            f'[[listeners]]\ntransport = "UDP"\naddress = "{HOST}"\nport = {port}\n'
            f'[state]\ndirectory = "{place / "state"}"\n[log]\nlevel = "warning"\n'
            f'[authentication]\ntrusted = ["127.0.0.0/8"]\n'
            f'[recording]\ncalls = "all"\ndirectory = "{self.recordings}"\n{stored}[guard]\nenabled = false\n'
        )
        self.store.mkdir(exist_ok=True)

    def start(self) -> None:
        with (self.place / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*self.command, "run", "--config", str(self.config)], stdout=log, stderr=log
            )

    def ready(self) -> None:
        wait_until(lambda: is_open(self.port) or self.process.poll() is not None, 60, "the edge")
        if self.process.poll() is not None:
            raise SystemExit((self.place / "log").read_text()[-2000:])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def verify(self) -> tuple[int, str]:
        argv = [*self.command, "recordings", "verify", "--config", str(self.config)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
        return done.returncode, done.stdout


class Ends:
    """Both ends of all calls: a socket for signalling, and one for the media of each side."""

    def __init__(self, server: int) -> None:
        self._server = (HOST, server)
        self._sip, self._callee, *self.media = (self._socket() for _ in range(4))

    @staticmethod
    def _socket() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((HOST, 0))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        made.settimeout(10)
        return made

    def close(self) -> None:
        for one in (self._sip, self._callee, *self.media):
            one.close()

    def call(self, name: str) -> list[tuple[str, int]] | None:
        """Set up a call; where each side sends its media to. None when the edge is gone."""
        port, to = self._sip.getsockname()[1], self._callee.getsockname()[1]
        via = f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK{name}"
        ids = f"From: <sip:a@{HOST}>;tag={name}\r\nTo: <sip:b@{HOST}:{to}>"
        offer = self._described(self.media[0])
        self._sip.sendto(
            f"INVITE sip:b@{HOST}:{to} SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\n{ids}\r\nCall-ID: {name}\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:a@{HOST}:{port}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(offer)}\r\n\r\n{offer}".encode(),
            self._server,
        )
        try:
            invite = self._next(self._callee, name)
            self._answer(invite)
            ok = self._next(self._sip, name)
            while ok.status < 200:
                ok = self._next(self._sip, name)
        except TimeoutError:
            return None
        if ok.status != 200:
            raise SystemExit(f"{name}: {ok.status} {ok.reason}")
        routes = "".join(f"Route: {one}\r\n" for one in reversed(ok.listed("Record-Route")))
        self._sip.sendto(
            f"ACK sip:b@{HOST}:{to} SIP/2.0\r\n{via}a\r\n{routes}Max-Forwards: 70\r\n"
            f"From: <sip:a@{HOST}>;tag={name}\r\nTo: {ok.first('To')}\r\nCall-ID: {name}\r\n"
            "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n".encode(),
            self._server,
        )
        self._next(self._callee, name)
        return [(HOST, _port_in(ok.body)), (HOST, _port_in(invite.body))]

    def _answer(self, invite: Message) -> None:
        answer = self._described(self.media[1])
        vias = "".join(f"Via: {one}\r\n" for one in invite.all("Via"))
        records = "".join(f"Record-Route: {one}\r\n" for one in invite.all("Record-Route"))
        self._callee.sendto(
            f"SIP/2.0 200 OK\r\n{vias}{records}From: {invite.first('From')}\r\nTo: {invite.first('To')};tag=b\r\n"
            f"Call-ID: {invite.call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:b@{HOST}:{self._callee.getsockname()[1]}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode(),
            self._server,
        )

    @staticmethod
    def _described(media: socket.socket) -> str:
        port = media.getsockname()[1]
        return (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
            "a=rtpmap:8 PCMA/8000\r\n"
        )

    @staticmethod
    def _next(where: socket.socket, name: str) -> Message:
        while True:
            message = Message.parse(where.recv(65_535))
            if message.call_id == name:
                return message


def _port_in(sdp: bytes) -> int:
    return int(sdp.partition(b"m=audio ")[2].split()[0])


class Talk:
    """Packets of all calls, ten a second from each side, until it is told to stop. `sent` are the times by call and
    side, in the order of their numbers from 0."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._ways: dict[int, list[tuple[str, int]]] = {}
        self.sent: dict[tuple[int, int], list[float]] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self, call: int, ways: list[tuple[str, int]]) -> None:
        self.sent.update({(call, side): [] for side in (0, 1)})
        self._ways[call] = ways

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._is_over.is_set():
            for call, ways in list(self._ways.items()):
                for side, way in enumerate(ways):
                    self._send(call, side, way)
            due += PAUSE_S
            time.sleep(max(0.0, due - time.monotonic()))

    def _send(self, call: int, side: int, way: tuple[str, int]) -> None:
        sent = self.sent[(call, side)]
        number, now = len(sent), time.time()
        head = RTP.pack(128, 8, number & 0xFFFF, number * 800 & 0xFFFFFFFF, call * 2 + side + 1)
        sent.append(now)
        self._ends.media[side].sendto(head + NUMBERED.pack(call, side, number, now).ljust(160, b"\xd5"), way)


class Loss(NamedTuple):
    """Of one round: how old the oldest packet was that is missing, and where it was; what is wrong, and the numbers
    of the packets that are there by call and side, as they stand in the files."""

    oldest_s: float
    where: str
    wrong: list[str]
    heard: dict[tuple[int, int], list[int]]


def payloads_of(pcap: Path) -> Iterator[bytes]:
    """The UDP payloads of a raw capture of ours."""
    data, at = pcap.read_bytes(), 24
    while at + 16 <= len(data):
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        yield data[at + 16 + 28 : at + 16 + length]
        at += 16 + length


def loss_of(recordings: Path, talk: Talk, named: dict[str, int], killed_at: float) -> Loss:
    """Hold what is in the files against what was sent. The order is not judged: on a busy machine the kernel changes
    that of packets that left from two processors, and holds some until after the kill."""
    heard: dict[tuple[int, int], list[int]] = {key: [] for key in talk.sent}
    wrong = []
    files: dict[str, int] = {}
    for pcap in (recordings / "pcaps").glob("*.pcap"):
        call_id = pcap.stem.rpartition("-")[0]
        files[call_id] = files.get(call_id, 0) + 1
        for payload in payloads_of(pcap):
            call, side, number, _ = NUMBERED.unpack_from(payload, 12)
            heard[(call, side)].append(number)
    oldest, where = 0.0, ""
    for name, call in named.items():
        if files.get(name) != 1:
            wrong.append(f"{name}: {files.get(name, 0)} files")
        for side in (0, 1):
            got = set(heard[(call, side)])
            if len(got) < len(heard[(call, side)]):
                wrong.append(f"{name}: packets of side {side} are there twice")
            sent = talk.sent[(call, side)]
            lost = [number for number, at in enumerate(sent) if number not in got and at < killed_at]
            if lost and killed_at - sent[lost[0]] > oldest:
                oldest = killed_at - sent[lost[0]]
                # A gap has packets behind it; an end has none.
                where = (
                    f"{name} side {side}: {len(lost)} of {len(sent)} from {lost[0]} on, then {max(got, default=-1)}"
                )
    return Loss(oldest, where, wrong, heard)


def said_by(edge: Edge) -> list[str]:
    """What the edge complained of."""
    return (edge.place / "log").read_text().splitlines()[-3:]


def elsewhere(store: Path, target: Path) -> None:
    """What another node makes of the stretches of a node that never comes back."""
    objects = ObstoreObjects(LocalStore(store))
    for some in stretches(objects).values():
        join(some, objects, Layout(target), list)


def capinfos(recordings: Path) -> list[str]:
    """What capinfos says against the files."""
    pcaps = [str(path) for path in (recordings / "pcaps").glob("*.pcap")]
    done = subprocess.run(["capinfos", "-T", "-M", "-c", *pcaps], capture_output=True, text=True, check=False)
    return done.stderr.splitlines() if done.returncode or done.stderr else []


def one_round(edge: Edge, ends: Ends, calls: int, chance: random.Random, number: int) -> Loss:
    """Calls, a kill, a start, and what is there."""
    talk, named = Talk(ends), {}
    started = time.monotonic()
    for call in range(calls):
        name = f"r{number}c{call}"
        ways = ends.call(name)
        if ways is None:
            raise SystemExit(f"{name} was not answered")
        named[name] = call
        talk.begin(call, ways)
    set_up = time.monotonic() - started
    time.sleep(chance.uniform(0.0, 3.0 + 2 * edge.copy_every_s))
    killed_at = time.time()
    edge.kill()
    talk.stop()
    copied = Loss(0.0, "", [], {})
    if edge.copy_every_s:
        elsewhere(edge.store, edge.place / "elsewhere")
        copied = loss_of(edge.place / "elsewhere", talk, named, killed_at)
    again = 0
    while chance.random() < 0.4 and again < 3:
        again += 1
        edge.start()
        time.sleep(chance.uniform(0.3, 1.5))
        edge.kill()
    edge.start()
    edge.ready()
    wait_until(lambda: not any((edge.recordings / "tmp").glob("[!c]*")), 60, "the end of mending")
    if edge.copy_every_s:
        stored = edge.store / "manifests"
        wait_until(lambda: stored.is_dir() and len(list(stored.iterdir())) == calls, 120, "the store to have all")
        wait_until(lambda: not stretches(ObstoreObjects(LocalStore(edge.store))), 60, "the end of the stretches")
    code, said = edge.verify()
    loss = loss_of(edge.recordings, talk, named, killed_at)
    wrong = [*loss.wrong, *([f"verify: {code} {said[:500]}"] if code else []), *capinfos(edge.recordings)]
    # Of a call that had just begun nothing was copied: that it is missing counts by its time.
    wrong += [f"elsewhere, {one}" for one in copied.wrong if not one.endswith(": 0 files")]
    wrong += [
        f"elsewhere, call {call} on side {side} is not how the recording begins"
        for (call, side), numbers in copied.heard.items()
        if loss.heard[(call, side)][: len(numbers)] != numbers
    ]
    if copied.oldest_s > edge.copy_every_s + COPY_GRACE_S:
        wrong.append(f"elsewhere, the oldest missing {copied.oldest_s:.1f} s before the end ({copied.where})")
    if loss.oldest_s > PROMISED_S + GRACE_S:
        wrong.append(f"the oldest missing {loss.oldest_s:.1f} s before the end ({loss.where})")
    if wrong:
        wrong += said_by(edge)
    packets = sum(map(len, loss.heard.values()))
    print(
        f"{number:4} {calls} calls up in {set_up:.1f} s, killed, {again} times again: {packets} packets, "
        f"the oldest missing {loss.oldest_s * 1000:.0f} ms before the end"
        f"{f', in the store {copied.oldest_s:.1f} s' if edge.copy_every_s else ''}"
        f"{', ' + '; '.join(wrong[:8]) if wrong else ''}",
        flush=True,
    )
    return loss._replace(wrong=wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=35_060)
    parser.add_argument("--copy-every-s", type=float, default=0.0, help="live copies to a store; 0: none")
    parser.add_argument("--place", type=Path, help="on which disk; else a temporary folder")
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)
    worst, broken = 0.0, 0
    for number in range(wanted.kills):
        with tempfile.TemporaryDirectory(dir=wanted.place) as folder:
            edge = Edge(Path(folder), wanted.port, sys.executable, wanted.copy_every_s)
            ends = Ends(wanted.port)
            edge.start()
            edge.ready()
            try:
                loss = one_round(edge, ends, wanted.calls, chance, number)
            finally:
                edge.kill()
                ends.close()
        worst = max(worst, loss.oldest_s)
        broken += bool(loss.wrong) or loss.oldest_s > PROMISED_S + GRACE_S
    print(f"{wanted.kills} kills, {broken} with a promise broken; at worst {worst * 1000:.0f} ms were missing")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

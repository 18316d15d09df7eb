"""Counts and texts agree with tshark's, where it is installed: every encapsulation, fragments, streams, loss."""

import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from talkpath.capture.reader import read
from talkpath.capture.records import Record, RtpStream, SipSeen

from . import wire
from .test_encapsulations import conversation, timed
from .test_streams import MESSAGES, Connection, upgraded, ws_frame

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

A, B = "192.0.2.1", "192.0.2.2"

#: What tshark does not guess: ESP that encrypts nothing, and what a session of L2TPv3 was agreed to be.
TOLD = (
    *("-o", "tcp.desegment_tcp_streams:TRUE", "-o", "esp.enable_null_encryption_decode_heuristic:TRUE"),
    *("-o", "l2tp.cookie_size:8 Byte Cookie", "-o", "l2tp.l2_specific:None", "-d", "l2tp.pw_type==0,eth"),
)
#: What it reads on machines of that byte order alone.
NOT_HERE = ("bsd null of a big-endian machine", "nflog of a big-endian machine")


def tshark(path: Path, *options: str) -> str:
    command = ["tshark", "-n", "-r", str(path), *TOLD, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def their_sip(path: Path) -> Counter[str]:
    """Call-IDs as tshark sees them."""
    text = tshark(path, "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID")
    return Counter(call_id for line in text.splitlines() for call_id in line.split(","))


def our_sip(found: list[Record]) -> Counter[str]:
    texts = [r.raw.decode() for r in found if isinstance(r, SipSeen)]
    return Counter(text.split("Call-ID: ")[1].split("\r\n")[0] for text in texts)


def their_streams(path: Path) -> list[tuple[str, int, str, int, int, int, int]]:
    """(source, port, destination, port, SSRC, packets, lost) by `-z rtp,streams`."""
    rows = []
    for line in tshark(path, "-q", "-z", "rtp,streams").splitlines():
        words = line.split()
        if len(words) > 10 and words[6].startswith("0x"):
            src, sport, dst, dport, ssrc, _, packets, lost = words[2:10]
            rows.append((src, int(sport), dst, int(dport), int(ssrc, 16), int(packets), int(lost)))
    return sorted(rows)


def our_streams(found: list[Record]) -> list[tuple[str, int, str, int, int, int, int]]:
    streams = [r for r in found if isinstance(r, RtpStream)]
    return sorted((*s.src, *s.dst, s.ssrc, s.packets, s.lost) for s in streams)


def agree(path: Path, *, messages: int, streams: int) -> None:
    found = read(str(path))
    assert our_sip(found) == their_sip(path)
    assert our_sip(found).total() == messages
    assert our_streams(found) == their_streams(path)
    assert len(our_streams(found)) == streams


@pytest.mark.parametrize("name", [n for n in wire.LINKS if n not in NOT_HERE])
def test_link_layer(tmp_path: Path, name: str) -> None:
    link, wrap = wire.LINKS[name]
    (tmp_path / "a").write_bytes(wire.pcap(timed([wrap(p) for p in conversation(A, B)]), link=link))
    agree(tmp_path / "a", messages=1, streams=1)


@pytest.mark.parametrize("name", wire.TUNNELS)
def test_tunnel(tmp_path: Path, name: str) -> None:
    wrapped = [wire.ethernet(wire.TUNNELS[name](p)) for p in conversation(A, B)]
    (tmp_path / "a").write_bytes(wire.pcap(timed(wrapped)))
    agree(tmp_path / "a", messages=1, streams=1)


def test_streams_with_loss_and_reordering(tmp_path: Path) -> None:
    dice = random.Random(5)
    frames = []
    for call in range(20):
        host, port = f"10.0.0.{call + 1}", 20_000 + 2 * call
        invite = wire.sip_request("INVITE", f"c{call}", body=wire.sdp(host, port))
        start = wire.START + call * 0.1
        frames.append((start, wire.ethernet(wire.ipv4(host, B, 17, wire.udp(5060, 5060, invite)))))
        for i in range(400):
            if 0 < i < 399 and dice.random() < call / 100:
                continue
            late = dice.random() < 0.02
            data = wire.rtp(1000 + i, i * 160, b"\xff" * 160, ssrc=call + 1, marker=i == 0)
            time = start + 0.2 + i * 0.02 + (0.05 if late else 0)
            frames.append((time, wire.ethernet(wire.ipv4(B, host, 17, wire.udp(9000, port, data)))))
    (tmp_path / "a").write_bytes(wire.pcap(sorted(frames)))
    agree(tmp_path / "a", messages=20, streams=20)


def test_tcp_in_disorder(tmp_path: Path) -> None:
    connection = Connection().open().send(0, b"".join(MESSAGES), 700)
    dice = random.Random(6)
    segments = connection.frames[3:]
    again = dice.sample(segments, 3)
    order = sorted(range(len(segments)), key=lambda i: i + dice.uniform(0, 3))
    shuffled = connection.frames[:3] + [segments[i] for i in order] + again
    (tmp_path / "a").write_bytes(timed_pcap(shuffled))
    found = read(str(tmp_path / "a"))
    assert our_sip(found) == their_sip_reassembled(tmp_path / "a") == Counter({f"m{i}": 1 for i in range(4)})


def test_websocket(tmp_path: Path) -> None:
    connection = upgraded().send(0, ws_frame(MESSAGES[0], mask=b"abcd")).send(1, ws_frame(MESSAGES[1]))
    (tmp_path / "a").write_bytes(connection.pcap())
    assert our_sip(read(str(tmp_path / "a"))) == their_sip(tmp_path / "a") == Counter({"m0": 1, "m1": 1})


def timed_pcap(frames: list[bytes]) -> bytes:
    return wire.pcap([(wire.START + i * 0.02, f) for i, f in enumerate(frames)])


def their_sip_reassembled(path: Path) -> Counter[str]:
    """With segments put in order first, which tshark does only when told."""
    option = ("-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID")
    return Counter(c for line in tshark(path, *option).splitlines() for c in line.split(","))

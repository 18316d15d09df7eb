"""Whatever a file or a packet holds, reading ends in records or in `Malformed`: never a panic, never a traceback."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.errors import Malformed
from talkpath.capture.reader import Feed, read
from talkpath.capture.records import RtpStream

from . import wire
from .test_datagrams import NAMED, at_once, attribute, frame, hep3, pieces, stun
from .test_media import announcing, capture, sending, tone
from .test_streams import MESSAGES, Connection, upgraded, ws_frame

SIP = wire.ipv4("192.0.2.1", "192.0.2.2", 17, wire.udp(5060, 5060, wire.sip_request()))
HELLO = (
    bytes.fromhex("160303003d010000390303")
    + b"r" * 32
    + bytes.fromhex("000002c02f01000010000b000403000102000a000400020017")
)
DTLS = (
    bytes.fromhex("16fefd0000000000000000003c0100003000000000000030fefd")
    + b"r" * 32
    + bytes.fromhex("00000002c02f01000004000e0000")
)
SDES = bytes.fromhex("81c80006000012340000000000000000000000000000000000000000") + bytes.fromhex(
    "81ca0002000012340102616200000000"
)
CORPUS = {
    "pcap": wire.pcap([(wire.START, wire.ethernet(SIP))] * 3),
    "pcapng": wire.pcapng([(wire.START, wire.ethernet(SIP))] * 3)
    + wire.statistics(0, 3)
    + wire.secrets(b"CLIENT_RANDOM 00 11"),
    "tunnels": at_once([wire.ethernet(wrap(SIP)) for wrap in wire.TUNNELS.values()]),
    "links": at_once(
        [wire.vlan(SIP, (0x88A8, 1), (0x8100, 2)), wire.mpls(SIP, 1, 2), wire.pppoe(SIP), wire.snap(SIP)]
    ),
    "v6": at_once(
        [wire.ethernet(wire.ipv6("2001:db8::1", "2001:db8::2", 17, SIP[20:], b"\x11\0" + b"\0" * 6, first=0))]
    ),
    "fragments": at_once(pieces(4) + pieces(6)),
    "tcp": Connection().open().send(0, b"".join(MESSAGES), 600).pcap(),
    "websocket": upgraded().send(0, ws_frame(MESSAGES[0], mask=b"abcd"), 300).send(1, ws_frame(MESSAGES[1])).pcap(),
    "tls": Connection(5061).open().send(0, HELLO).send(1, HELLO).pcap(),
    "media": capture(sending(40, lambda i: tone(0.2, i)), before=[announcing()]),
    "rtcp": at_once([frame(SDES, 4001, 5001)]),
    "stun": at_once([frame(stun(1, attribute(6, b"a:b"), attribute(0x20, b"\0\1" + b"x" * 6)), 4000, 5000)]),
    "dtls": at_once([frame(DTLS, 4000, 5000)]),
    "hep": at_once([frame(hep3(wire.sip_request(), extra=NAMED), 9060, 9060)]),
    "hep over tcp": Connection(9060).open().send(0, hep3(wire.sip_request(), extra=NAMED)).pcap(),
    "icmp": at_once([wire.ethernet(wire.ipv4("192.0.2.9", "192.0.2.1", 1, b"\3\3\0\0\0\0\0\0" + SIP))]),
}


def damaged(data: bytes, seed: int) -> bytes:
    """Some bytes changed, taken out, doubled or cut off; lengths and counts are hit as often as text."""
    dice = random.Random(seed)
    out = bytearray(data)
    for _ in range(dice.randrange(1, 12)):
        at = dice.randrange(len(out))
        match dice.randrange(5):
            case 0:
                out[at] = dice.randrange(256)
            case 1:
                out[at] = dice.choice([0, 1, 0x7F, 0x80, 0xFF])
            case 2:
                out[at : at + 4] = dice.choice(
                    [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\xff\xff", b"\x7f\xff\xff\xff"]
                )
            case 3:
                del out[at : at + dice.randrange(1, 40)]
            case _:
                out[at:at] = out[at : at + dice.randrange(1, 40)]
        if not out:
            return b""
    return bytes(out[: len(out) - dice.choice([0, 0, 0, dice.randrange(len(out))])])


@given(st.sampled_from(sorted(CORPUS)), st.integers(0, 2**32))
def test_damaged_files(tmp_path_factory: pytest.TempPathFactory, name: str, seed: int) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(damaged(CORPUS[name], seed))
    try:
        found = read(str(path))
    except Malformed:
        return
    for record in found:
        if isinstance(record, RtpStream):
            list(record.seconds())


@given(st.sampled_from([0, 1, 9, 12, 51, 101, 104, 108, 113, 276, 147]), st.binary(max_size=200))
def test_random_packets(link: int, data: bytes) -> None:
    feed = Feed()
    feed.packet(link, wire.START, data)
    feed.finish()


@given(st.integers(0, 2**32), st.floats(allow_nan=False))
def test_any_time(seed: int, time: float) -> None:
    feed = Feed()
    for i, moment in enumerate([wire.START, time, wire.START, -time]):
        feed.packet(101, moment, SIP)
        feed.packet(
            101,
            moment,
            wire.ipv4("192.0.2.1", "192.0.2.2", 17, wire.udp(4000, 4000, wire.rtp(seed + i, i, b"x" * 160))),
        )
    feed.finish()

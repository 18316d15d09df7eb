"""The same SIP message and the same RTP come out, whatever they were wrapped in."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from talkpath.base.address import Address, Transport
from talkpath.capture.reader import Capture
from talkpath.capture.records import Record, RtpStream, SipSeen

from . import wire

Reading = Callable[[bytes], list[Record]]

PAIRS = [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")]


def conversation(src: str, dst: str) -> list[bytes]:
    """An INVITE that announces dst's peer, and ten packets of RTP."""
    invite = wire.sip_request("INVITE", body=wire.sdp(src, 4000))
    packets = [wire.ip(src, dst, 17, wire.udp(5060, 5060, invite, src, dst))]
    for i in range(10):
        data = wire.rtp(i, i * 160, b"\xff" * 160)
        packets.append(wire.ip(dst, src, 17, wire.udp(6000, 4000, data, dst, src)))
    return packets


def assert_whole(found: list[Record], src: str, dst: str) -> None:
    sip = [r for r in found if isinstance(r, SipSeen)]
    assert [(s.frame, s.src, s.dst, s.transport, s.frames) for s in sip] == [
        (1, Address(src, 5060), Address(dst, 5060), Transport.UDP, (1,))
    ]
    assert sip[0].raw == wire.sip_request("INVITE", body=wire.sdp(src, 4000))
    streams = [r for r in found if isinstance(r, RtpStream)]
    assert [(s.src, s.dst, s.packets, s.lost, s.encoding) for s in streams] == [
        (Address(dst, 6000), Address(src, 4000), 10, 0, "PCMU")
    ]


def timed(packets: list[bytes]) -> list[wire.Frame]:
    return [(wire.START + i * 0.02, p) for i, p in enumerate(packets)]


@pytest.mark.parametrize("pair", PAIRS, ids=["v4", "v6"])
@pytest.mark.parametrize("name", wire.LINKS)
def test_link_layer(records: Reading, name: str, pair: tuple[str, str]) -> None:
    link, wrap = wire.LINKS[name]
    assert_whole(records(wire.pcap(timed([wrap(p) for p in conversation(*pair)]), link=link)), *pair)


@pytest.mark.parametrize("check", [0, 12, 16, 24, 32])
@pytest.mark.parametrize("pair", PAIRS, ids=["v4", "v6"])
def test_esp_without_encryption_in_transport_mode(records: Reading, pair: tuple[str, str], check: int) -> None:
    head = 40 if ":" in pair[0] else 20
    sealed = []
    for number, packet in enumerate(conversation(*pair)):
        src, dst = pair if number == 0 else pair[::-1]
        sealed.append(wire.ethernet(wire.ip(src, dst, 50, wire.esp(packet[head:], 17, check))))
    assert_whole(records(wire.pcap(timed(sealed))), *pair)


def test_esp_that_is_encrypted_is_counted_and_not_guessed_at(tmp_path: Path) -> None:
    packets = [wire.ethernet(wire.ipv4("192.0.2.1", "192.0.2.2", 50, os.urandom(200))) for _ in range(500)]
    path = tmp_path / "a"
    path.write_bytes(wire.pcap(timed(packets)))
    capture = Capture([str(path)])
    assert list(capture) == []
    assert capture.files[0].undecoded == {"IP protocol 50": 500}


@pytest.mark.parametrize("pair", PAIRS, ids=["v4", "v6"])
def test_sip_over_sctp(records: Reading, pair: tuple[str, str]) -> None:
    """One message whole, one in pieces of which one came twice."""
    one, two = wire.sip_request("OPTIONS", "one"), wire.sip_request("OPTIONS", "two")
    pieces = [
        [(3, 1, one), (2, 2, two[:100])],
        [(0, 3, two[100:200])],
        [(0, 3, two[100:200])],
        [(1, 4, two[200:])],
    ]
    packets = [wire.ethernet(wire.ip(*pair, 132, wire.sctp(chunks))) for chunks in pieces]
    sip = [r for r in records(wire.pcap(timed(packets))) if isinstance(r, SipSeen)]
    assert [(s.frame, s.raw, s.transport) for s in sip] == [(1, one, Transport.TCP), (4, two, Transport.TCP)]


@pytest.mark.parametrize("pair", PAIRS, ids=["v4", "v6"])
@pytest.mark.parametrize("name", wire.TUNNELS)
def test_tunnel(records: Reading, name: str, pair: tuple[str, str]) -> None:
    wrapped = [wire.ethernet(wire.TUNNELS[name](p)) for p in conversation(*pair)]
    assert_whole(records(wire.pcap(timed(wrapped))), *pair)

"""The same SIP message and the same RTP come out, whatever they were wrapped in."""

from collections.abc import Callable

import pytest

from talkpath.base.address import Address, Transport
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


@pytest.mark.parametrize("pair", PAIRS, ids=["v4", "v6"])
@pytest.mark.parametrize("name", wire.TUNNELS)
def test_tunnel(records: Reading, name: str, pair: tuple[str, str]) -> None:
    wrapped = [wire.ethernet(wire.TUNNELS[name](p)) for p in conversation(*pair)]
    assert_whole(records(wire.pcap(timed(wrapped))), *pair)

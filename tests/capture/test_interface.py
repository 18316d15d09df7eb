"""Packets off a real interface (the loopback), and what the capture room needs of the kernel."""

import socket
import time

import pytest

from talkpath.capture.reader import Feed
from talkpath.capture.records import Record, RtpStream, SipSeen

from . import wire

pytestmark = pytest.mark.live

SO_TIMESTAMPNS = 35


def test_loopback_frames_are_seen_once() -> None:
    feed = Feed()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        tap.bind(("lo", 0))
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tap.setblocking(False)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        ):
            there.bind(("127.0.0.1", 0))
            here.bind(("127.0.0.1", 0))
            port = there.getsockname()[1]
            here.sendto(wire.sip_request("INVITE", "live", body=wire.sdp("127.0.0.1", port)), ("127.0.0.1", port))
            for i in range(20):
                here.sendto(wire.rtp(i, i * 160, b"\xff" * 160), ("127.0.0.1", port))
            found: list[Record] = []
            now = time.time()
            while True:
                count, records = feed.receive(tap.fileno(), now)
                found += records
                if not count:
                    break
    found += feed.finish()
    sip = [r for r in found if isinstance(r, SipSeen) and r.raw.count(b"Call-ID: live")]
    assert [(s.dst.port, abs(s.time - now) < 5) for s in sip] == [(port, True)]
    assert [s.packets for s in found if isinstance(s, RtpStream) and s.dst.port == port] == [20]

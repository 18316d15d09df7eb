"""Agents mirror by HEP over UDP, TCP and TLS at one address; what is none of it is counted, and hinders nobody."""

import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkpath.app.explain.hep_door import HepDoor
from talkpath.capture.reader import Feed
from talkpath.capture.records import Record, SipSeen

from ..capture import wire
from ..capture.conftest import certificate  # noqa: F401 - a fixture


def chunk(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, 6 + len(value)) + value


def hep(number: int) -> bytes:
    """HEP3 with a SIP message over UDP."""
    body = chunk(1, b"\2") + chunk(2, b"\x11") + chunk(3, bytes((192, 0, 2, 1))) + chunk(4, bytes((192, 0, 2, 2)))
    body += chunk(7, struct.pack("!H", 5060)) + chunk(8, struct.pack("!H", 5060)) + chunk(9, struct.pack("!I", 1000))
    body += chunk(10, struct.pack("!I", number)) + chunk(11, b"\1") + chunk(12, struct.pack("!I", 7))
    body += chunk(15, wire.sip_request("OPTIONS", f"call-{number}"))
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


@pytest.fixture
def door(tmp_path: Path, certificate: tuple[str, str]) -> Iterator[HepDoor]:  # noqa: F811
    both = tmp_path / "both.pem"
    both.write_text("".join(Path(one).read_text() for one in certificate))
    door = HepDoor("127.0.0.1", 0, both)
    yield door
    door.close()


def calls(door: HepDoor, turns: int = 8) -> list[str]:
    feed, found = Feed(), list[Record]()
    for _ in range(turns):
        found += door.take(feed, 0.1)
    return sorted(
        one.raw.split(b"Call-ID: ")[1].split(b"\r")[0].decode() for one in found if isinstance(one, SipSeen)
    )


def test_udp_and_tcp(door: HepDoor) -> None:
    with socket.create_connection(("127.0.0.1", door.port)) as agent:
        agent.sendall(hep(1) + hep(2)[:50])
        assert calls(door) == ["call-1"]
        agent.sendall(hep(2)[50:] + hep(3))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(hep(4), ("127.0.0.1", door.port))
        assert calls(door) == ["call-2", "call-3", "call-4"]
    assert door.take_strange() == 0


def test_tls(door: HepDoor) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    agent = context.wrap_bio(incoming, outgoing)
    found: list[str] = []
    with socket.create_connection(("127.0.0.1", door.port)) as raw:
        raw.setblocking(False)
        is_sent = False
        for _ in range(20):
            try:
                if not is_sent:
                    agent.do_handshake()
                    agent.write(hep(1) + hep(2))
                    is_sent = True
            except ssl.SSLWantReadError:
                pass
            if data := outgoing.read():
                raw.sendall(data)
            found += calls(door, 1)
            try:
                incoming.write(raw.recv(65_536))
            except BlockingIOError:
                continue
    assert found == ["call-1", "call-2"]


def test_strangers_are_counted_and_closed(door: HepDoor) -> None:
    with socket.create_connection(("127.0.0.1", door.port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"nothing", ("127.0.0.1", door.port))
        assert calls(door) == []
        stranger.settimeout(5)
        assert stranger.recv(10) == b""
    assert door.take_strange() == 2
    assert door.take_strange() == 0


def test_a_handshake_that_fails_is_counted(door: HepDoor) -> None:
    with socket.create_connection(("127.0.0.1", door.port)) as agent:
        agent.sendall(b"\x16\x03\x01\x00\x05hello")
        assert calls(door) == []
        assert door.take_strange() == 1


def test_tls_without_a_certificate_is_counted() -> None:
    door = HepDoor("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", door.port)) as agent:
        agent.sendall(b"\x16\x03\x01\x00\x05hello")
        assert calls(door) == []
        assert door.take_strange() == 1
    door.close()

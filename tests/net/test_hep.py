"""What is mirrored arrives as HEP3 that our own reader reads, and a target that is away costs nobody anything."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Moment, Side
from talkpath.calls.trace import pack_second
from talkpath.capture.reader import Feed
from talkpath.capture.records import HepSeen, Record, Second, SipSeen
from talkpath.capture.rtcp_json import rtcp_of
from talkpath.net.hep import Mirror, Target

START = 1_700_000_000.25
FLOW = Flow(Transport.UDP, Address("192.0.2.1", 5060), Address("198.51.100.7", 5062))
INVITE = (
    b"INVITE sip:1002@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKa\r\n"
    b"From: <sip:1001@192.0.2.1>;tag=a\r\nTo: <sip:1002@192.0.2.1>\r\nCall-ID: c@x\r\nCSeq: 1 INVITE\r\n"
    b'Authorization: Digest username="1001", response="0123456789abcdef"\r\nContent-Length: 0\r\n\r\n'
)


def until(is_so: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.settimeout(10)
        yield door


def mirror_to(port: int, **more: object) -> Mirror:
    mirror = Mirror((Target("127.0.0.1", port, **more),), lambda moment: f"it was {moment.values['what']}")  # type: ignore[arg-type]
    mirror.start()
    return mirror


def told(mirror: Mirror) -> Ledger:
    """A ledger that hears of one call."""
    ledger = Ledger()
    ledger.mirror = mirror
    ledger.written(START, FLOW, "c@x", INVITE, sent=False)
    ledger.moment(START + 1, "c@x", "route.user", what="1002")
    stream = Address("198.51.100.7", 4000), Address("192.0.2.1", 30_000), 4711
    for number in range(6):
        second = Second(START + number, 40, 10, 0, 2.0, 30, -30.0, 0, 0, 0, 0, 6_400)
        ledger.media(START + number, "c@x", stream, pack_second(second))
    return ledger


def records(messages: list[bytes]) -> list[Record]:
    feed = Feed()
    return [record for message in messages for record in (*feed.hep(message, START + 10), *feed.expire(START + 20))]


def test_signalling_reports_and_decisions_arrive(door: socket.socket) -> None:
    mirror = mirror_to(door.getsockname()[1], agent=77, node="edge-1")
    told(mirror)
    seen = records([door.recv(65_535) for _ in range(3)])
    mirror.close()
    sip = next(one for one in seen if isinstance(one, SipSeen))
    assert (sip.src, sip.dst, sip.transport) == (FLOW.remote, FLOW.local, Transport.UDP)
    assert abs(sip.time - START) < 0.001
    assert sip.hep is not None
    assert (sip.hep.agent, sip.hep.node) == (77, "edge-1")
    report, log = sorted((one for one in seen if isinstance(one, HepSeen)), key=lambda one: one.kind)
    assert log.payload == b"route.user: it was 1002"
    measured = rtcp_of(report)
    assert measured is not None
    (block,) = measured.reports
    assert (block.ssrc, block.lost, block.fraction_lost) == (4711, 60, 51)
    assert mirror.counters()["sent"] == 3


def test_secrets_are_starred_out_unless_they_are_wanted(door: socket.socket) -> None:
    for has_secrets in (False, True):
        mirror = mirror_to(door.getsockname()[1], has_secrets=has_secrets)
        told(mirror)
        arrived = door.recv(65_535)
        for _ in range(2):
            door.recv(65_535)
        mirror.close()
        assert (b"0123456789abcdef" in arrived) is has_secrets


def test_ipv6_connections_and_the_key_are_told(door: socket.socket) -> None:
    mirror = mirror_to(door.getsockname()[1], key="open sesame")
    flow = Flow(Transport.TLS, Address("2001:db8::1", 5061), Address("2001:db8::7", 40_000), 3)
    mirror.message(START, flow, "c@x", INVITE, True)
    data = door.recv(65_535)
    mirror.close()
    (sip,) = [one for one in records([data]) if isinstance(one, SipSeen)]
    assert (sip.src, sip.dst) == (flow.local, flow.remote)
    assert sip.transport.is_reliable
    assert b"open sesame" in data


def test_over_a_connection_messages_follow_each_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mirror = mirror_to(server.getsockname()[1], is_stream=True)
        told(mirror)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            data = b""
            while data.count(b"HEP3") < 3:
                data += connection.recv(65_535)
        mirror.close()
    messages = []
    while data:
        size = int.from_bytes(data[4:6], "big")
        messages.append(data[:size])
        data = data[size:]
    assert len(records(messages)) == 3


def test_a_target_that_is_away_costs_what_was_meant_for_it_and_is_found_when_it_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("talkpath.net.hep._FIRST_PAUSE_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mirror = mirror_to(port, is_stream=True)
    began = time.monotonic()
    for _ in range(1_000):
        mirror.message(START, FLOW, "c@x", INVITE, True)
    assert time.monotonic() - began < 1
    until(lambda: mirror.counters()["dropped"] == 1_000)
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(10)
        until(lambda: mirror.message(START, FLOW, "c@x", INVITE, True) or mirror.counters()["sent"])
    mirror.close()


def test_a_target_that_takes_nothing_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEP_QUEUE", 50)
    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        mirror = mirror_to(server.getsockname()[1], is_stream=True)
        waits = threading.Event()
        monkeypatch.setattr("talkpath.net.hep.packed", lambda *_: waits.wait(10) and b"")
        for _ in range(1_000):
            mirror.message(START, FLOW, "c@x", INVITE, True)
        assert mirror.queued <= 50
        assert mirror.counters()["overflowed"] > 900
        waits.set()
        mirror.close()


def test_nothing_is_kept_of_streams_whose_call_is_over(door: socket.socket) -> None:
    mirror = mirror_to(door.getsockname()[1])
    ledger = told(mirror)
    ledger.ended(START + 10, "c@x", Side.CALLER, "bye")
    ledger.expire(START + 10 + limits.CALL_LINGER_S + 1)
    mirror.close()
    assert mirror._reports == {}


def test_what_is_said_of_a_moment_is_said_by_the_thread(door: socket.socket) -> None:
    by = []

    def say(moment: Moment) -> str:
        by.append(threading.current_thread().name)
        return moment.kind

    mirror = Mirror((Target("127.0.0.1", door.getsockname()[1]),), say)
    mirror.start()
    mirror.moment(START, FLOW, "c@x", "route.user", {})
    door.recv(65_535)
    mirror.close()
    assert by == ["hep 127.0.0.1"]

"""ICMP errors on the sockets of SIP: heard at once, and nobody else's datagram pays for them."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from tests.net.test_signalling_over_sockets import HOST, Server, options

from talkpath._native import Datagrams
from talkpath.base.address import Address, Flow, Parcel, Target, Transport
from talkpath.base.leaving import Send
from talkpath.edge.edge import Input, Undelivered
from talkpath.net.icmp import failure_of
from talkpath.net.listening import Endpoint
from talkpath.net.signalling import Limits

V6_HOST = "::1"


def _socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    return sock


def _flow(host: str, remote: str, port: int) -> Flow:
    return Flow(Transport.UDP, Address(host, 1), Address(remote, port))


def _nobody(host: str) -> int:
    """A port at which nobody listens."""
    with _socket(host) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("host", [HOST, V6_HOST])
def test_an_error_is_told_with_what_it_quotes_and_the_socket_goes_on(host: str) -> None:
    with _socket(host) as ours, _socket(host) as other:
        datagrams = Datagrams(ours.fileno(), host == V6_HOST, _flow)
        gone, there = _nobody(host), other.getsockname()[1]
        assert datagrams.send([(b"first words", "", host, gone)], 0.0) == []
        # The kernel tells the error to whoever sends next; it is not his.
        assert datagrams.send([(b"a", "", host, there), (b"b", "", host, there)], 0.0) == []
        assert [other.recv(9), other.recv(9)] == [b"a", b"b"]
        assert datagrams.may_have_reports
        (report,) = datagrams.reports()
        assert report[:3] == (b"first words", host, gone)
        assert failure_of(report[3], report[4], is_ipv6=host == V6_HOST) == "port-unreachable"
        assert report[5] == host
        assert not datagrams.may_have_reports
        other.sendto(b"hello", ours.getsockname()[:2])
        assert [data for data, _ in datagrams.receive(0.0)] == [b"hello"]


def test_whoever_waits_is_woken_by_errors_until_they_are_taken() -> None:
    with _socket(HOST) as ours:
        datagrams = Datagrams(ours.fileno(), False, _flow)
        datagrams.send([(b"first words", "", HOST, _nobody(HOST))], 0.0)
        assert select.select([datagrams.fileno()], [], [], 5.0)[0]
        assert datagrams.receive(0.0) == []
        assert datagrams.may_have_reports
        assert len(datagrams.reports()) == 1
        assert not select.select([datagrams.fileno()], [], [], 0.0)[0]


@pytest.mark.parametrize(
    ("kind", "code", "is_ipv6", "why"),
    [
        (3, 3, False, "port-unreachable"),
        (3, 1, False, "host-unreachable"),
        (3, 13, False, "prohibited"),
        (3, 4, False, None),  # needs fragments: the way is smaller, not gone
        (11, 0, False, None),  # RFC 3261 section 18.4
        (12, 0, False, "parameter-problem"),
        (1, 4, True, "port-unreachable"),
        (1, 1, True, "prohibited"),
        (2, 0, True, None),
        (3, 0, True, None),
        (4, 1, True, "parameter-problem"),
    ],
)
def test_which_errors_say_that_nothing_arrived(kind: int, code: int, is_ipv6: bool, why: str | None) -> None:
    assert failure_of(kind, code, is_ipv6=is_ipv6) == why


class Recording:
    """Sends one request, and keeps what it is told."""

    def __init__(self, hop: Target) -> None:
        self.heard: list[Input] = []
        self.out = [Send(hop, b"OPTIONS sip:x SIP/2.0\r\n", "c")]

    def message(self, flow: Flow, data: bytes, now: float) -> None:
        raise AssertionError

    def unframeable(self, flow: Flow, head: bytes, code: str) -> None:
        raise AssertionError

    def receive(self, event: Input, now: float) -> None:
        self.heard.append(event)

    def expire(self, now: float) -> None:
        raise AssertionError

    def deadline(self) -> float | None:
        return None

    def drain(self) -> list[Send]:
        out, self.out = self.out, []
        return out

    def drain_parcels(self) -> list[Parcel]:
        return []

    def needed(self, flows: frozenset[Flow]) -> frozenset[Flow]:
        raise AssertionError


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_the_edge_hears_of_it_on_any_loop_and_the_socket_stays_open(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_hears(tmp_path))


async def _hears(directory: Path) -> None:
    async with _served(directory) as server:
        gone = Target(Transport.UDP, Address(HOST, _nobody(HOST)))
        machine = Recording(gone)
        edge, server.signalling._edge = server.signalling._edge, machine
        for _ in range(3):
            machine.out = [Send(gone, b"OPTIONS sip:x SIP/2.0\r\n", "c")]
            server.signalling.pump()
            await asyncio.sleep(0.05)
        server.signalling._edge = edge
        said = Undelivered(gone.remote, b"OPTIONS sip:x SIP/2.0\r\n", "port-unreachable", HOST)
        assert machine.heard == [said] * 3
        with _socket(HOST) as phone:
            phone.sendto(options("UDP"), (HOST, server.port(Transport.UDP)))
            answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(phone, 9000), 5)
            assert answer.startswith(b"SIP/2.0 200")


@asynccontextmanager
async def _served(directory: Path) -> AsyncIterator[Server]:
    server = Server(directory, Limits(10, 10))
    await server.signalling.open(Endpoint(Transport.UDP, HOST, 0))
    await server.signalling.start(server.edge)
    try:
        yield server
    finally:
        server.signalling.close()

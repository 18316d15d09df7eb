"""More comes than can be done: what runs goes on, and new calls are refused at once and cheaply."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from talkpath._native import Datagrams, busy_answer
from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.ledger import Ledger
from talkpath.net.clock import Clock
from talkpath.net.listening import Neighbours
from talkpath.net.overload import Overload
from talkpath.net.signalling import Limits, Signalling
from talkpath.sip.message import Message


def message(method: str, number: int, to_tag: str = "") -> bytes:
    return (
        f"{method} sip:1002@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{method}{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:1001@192.0.2.1>;tag={number}\r\nTo: <sip:1002@192.0.2.1>{to_tag}\r\n"
        f"Call-ID: {number}\r\nCSeq: 1 {method}\r\nContact: <sip:1001@127.0.0.1>\r\nUser-Agent: somebody\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind(("127.0.0.1", 0))
        yield sock


@pytest.fixture
def phone(ours: socket.socket) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind(("127.0.0.1", 0))
        sock.connect(ours.getsockname())
        yield sock


def answers(phone: socket.socket) -> list[Message]:
    phone.setblocking(False)
    found = []
    while True:
        try:
            found.append(Message.parse(phone.recv(2_000)))
        except BlockingIOError:
            return found


def test_what_belongs_to_calls_comes_first_and_new_ones_are_refused_when_it_is_too_late(
    ours: socket.socket, phone: socket.socket
) -> None:
    datagrams = Datagrams(ours.fileno(), False, Neighbours(ours.getsockname()[1]))
    for number in range(400):
        phone.send(message("INVITE", number))
    for number in range(400, 410):
        phone.send(message("BYE", number, ";tag=x"))
    taken, now = [], 1_000.0
    while (batch := datagrams.receive(now)) or datagrams.is_behind:
        taken += [Message.parse(data) for data, _ in batch]
        # Two milliseconds each.
        now += len(batch) / 500
    methods = [one.method for one in taken]
    # Four batches are a burst, and are not sorted; the BYEs that stand behind 400 INVITEs come next.
    assert methods[:128] == ["INVITE"] * 128
    assert methods[128:138] == ["BYE"] * 10
    refused = answers(phone)
    assert {one.status for one in refused} == {503}
    assert {one.first("Retry-After") for one in refused} <= {str(seconds) for seconds in range(10, 20)}
    assert len(refused) + methods.count("INVITE") == 400
    assert datagrams.overload() == (len(refused), 0)
    # Those that did not come through within 0.4 s of when they were read.
    assert 50 < len(refused) < 100
    assert now < 1_000.0 + 128 / 500 + 0.5


def test_a_refused_call_that_is_repeated_is_refused_again_and_one_that_was_taken_is_not(
    ours: socket.socket, phone: socket.socket
) -> None:
    datagrams = Datagrams(ours.fileno(), False, Neighbours(ours.getsockname()[1]))
    for number in range(200):
        phone.send(message("INVITE", number))
    taken = {int(Message.parse(data).call_id) for _ in range(5) for data, _ in datagrams.receive(1_000.0)}
    assert len(taken) == 4 * 32 + 16
    for number in range(200):
        phone.send(message("INVITE", number))
    again = [Message.parse(data) for _ in range(10) for data, _ in datagrams.receive(1_000.5)]
    assert {int(one.call_id) for one in again} == taken
    assert len(again) == len(taken)
    assert {int(one.call_id) for one in answers(phone)} == set(range(200)) - taken


def test_only_new_calls_are_refused() -> None:
    answer = Message.parse(busy_answer(message("INVITE", 1)) or b"")
    assert (answer.status, answer.to_tag) == (503, "0")
    for other in (message("INVITE", 1, ";tag=x"), message("REGISTER", 1), message("BYE", 1, ";tag=x"), b"\r\n\r\n"):
        assert busy_answer(other) is None


def test_one_long_turn_is_a_burst_and_many_are_too_much() -> None:
    overload = Overload()
    assert not overload.is_refusing(0.3, 10.0)
    assert not overload.is_refusing(0.3, 10.3)
    assert not overload.is_refusing(0.05, 10.5)
    assert overload.is_refusing(0.12, 10.5)
    assert not overload.is_refusing(0.05, 10.6)
    # After a calm second it is a burst again.
    assert not overload.is_refusing(0.3, 11.6)


class Edge:
    """Takes messages."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def message(self, _flow: Flow, data: bytes, _now: float) -> None:
        self.taken.append(data)

    def drain(self) -> list[object]:
        return []

    def drain_parcels(self) -> list[object]:
        return []

    def deadline(self) -> None:
        return None


class Connection:
    """One that stands."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> bool:
        self.sent.append(data)
        return True


async def test_a_new_call_on_a_connection_is_refused_when_long_turns_follow_each_other() -> None:
    clock, edge = Clock(), Edge()
    signalling = Signalling(clock, Ledger(), Limits(1, 1), lambda: None, ())
    flow = Flow(Transport.TCP, Address("127.0.0.1", 5060), Address("127.0.0.2", 5060), 7)
    connection = Connection(flow)
    doors: Any = signalling
    doors._edge, doors._connections, doors._loop = edge, {7: connection}, Late(asyncio.get_running_loop())
    doors.arrived(flow, message("INVITE", 1))
    assert len(edge.taken) == 1
    clock.epoch += 0.5
    doors.arrived(flow, message("INVITE", 2))
    doors.arrived(flow, message("INVITE", 3, ";tag=x"))
    doors.arrived(flow, message("BYE", 4, ";tag=x"))
    assert [Message.parse(one).call_id for one in edge.taken] == ["1", "3", "4"]
    assert [Message.parse(one).status for one in connection.sent] == [503]
    doors.forget()
    assert signalling.counters["calls_refused_overloaded"] == 1


class Late:
    """A loop whose turn began 0.2 s ago."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def time(self) -> float:
        return self._loop.time() - 0.2

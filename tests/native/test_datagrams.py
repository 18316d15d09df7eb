"""Who is heard on a UDP socket: the same object while he is heard, and nothing of strangers afterwards."""

import select
import socket
from collections.abc import Iterator

import pytest

from talkpath._native import Datagrams
from talkpath.base.address import Flow
from talkpath.net.listening import Neighbours


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind(("127.0.0.1", 0))
        yield sock


def said(hosts: list[str], ours: socket.socket, datagrams: Datagrams, now: float) -> list[Flow]:
    """What stands for each who sends something from there."""
    for host in hosts:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 5066))
            sock.sendto(b"OPTIONS", ours.getsockname())
    flows: list[Flow] = []
    while len(flows) < len(hosts):
        assert select.select([datagrams.fileno()], [], [], 5)[0]
        flows += [flow for _, flow in datagrams.receive(now)]
    return flows


def test_a_phone_is_the_same_while_it_is_heard_and_strangers_leave_nothing(ours: socket.socket) -> None:
    datagrams = Datagrams(ours.fileno(), False, Neighbours(ours.getsockname()[1]))
    (phone,) = said(["127.77.0.1"], ours, datagrams, 1_000.0)
    strangers = said([f"127.77.1.{last}" for last in range(1, 101)], ours, datagrams, 1_000.0)
    assert strangers[0].local is phone.local, "they came to one address of ours"
    assert datagrams.remembered == 101
    now = 1_000.0
    while now < 1_060:
        now += 1
        datagrams.forget(now)
        if now % 15 == 0:
            assert said(["127.77.0.1"], ours, datagrams, now)[0] is phone
    assert datagrams.remembered == 1

"""When this process may open no more files: nobody spins, nothing that runs needs one, and others get theirs back."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from talkpath.base.address import Transport
from talkpath.net.accepting import Acceptor
from talkpath.net.descriptors import Descriptors
from talkpath.net.interfaces import Interfaces
from talkpath.net.listening import Probe
from talkpath.net.signalling import Limits
from talkpath.net.stream import Connection, StreamConnection


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    # The lowest free number is out of reach, so nothing can be opened; what is open stays.
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("limit", [256, 1_024, 65_536, 1_048_576])
def test_who_refuses_first_is_media_and_who_refuses_last_is_what_ends_calls(limit: int) -> None:
    shares = Descriptors.within(limit)
    assert limit * 0.9 <= shares.media < shares.accepted < shares.opened <= limit - 8
    assert shares.lookups < limit - shares.opened or limit > 65_536 // 2


def test_connections_take_half_where_files_are_scarce() -> None:
    assert Limits(20_000, 1_000, Descriptors.within(1_024)).connections == 480
    assert Limits(20_000, 1_000, Descriptors.within(1_048_576)).connections == 20_000


def test_our_address_towards_a_host_and_how_wide_the_way_is_are_known_without_a_descriptor() -> None:
    # No IPv4 packet is larger, whatever the interface takes.
    probe, mtu = Probe(), min(65_535, int(Path("/sys/class/net/lo/mtu").read_text()))
    with no_descriptor_left():
        assert probe.source_for("127.0.0.1") == "127.0.0.1"
        assert probe.source_for("127.0.0.2") == "127.0.0.1"
        assert probe.mtu_to("127.0.0.1") == mtu
    probe.close()


def test_the_interfaces_last_seen_count_while_they_cannot_be_looked_at() -> None:
    interfaces = Interfaces()
    before = interfaces.all
    with no_descriptor_left():
        interfaces.look()
    assert "127.0.0.1" in interfaces.addresses
    assert interfaces.all == before


class Keeper:
    """Admits whom it is told to."""

    def __init__(self, room: int = 10) -> None:
        self.room = room
        self.events: list[str] = []
        self.dismissed = 0

    def admit(self, host: str, descriptor: int) -> bool:
        self.room -= 1
        return self.room >= 0

    def dismiss(self, connection: Connection) -> None:
        self.dismissed += 1

    def count(self, event: str) -> None:
        self.events.append(event)

    def opened(self, connection: Connection) -> bool:
        self.events.append("opened")
        return True

    def closed(self, connection: Connection) -> None:
        self.events.append("closed")


def _listening() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


def _acceptor(listener: socket.socket, keeper: Keeper) -> Acceptor:
    made = Acceptor(listener, lambda: None, lambda: StreamConnection(Transport.TCP, keeper), keeper)  # type: ignore[arg-type]
    made.start()
    return made


async def _until(keeper: Keeper, event: str) -> None:
    for _ in range(500):
        if event in keeper.events:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(keeper.events)


async def test_without_descriptors_a_listener_rests_and_takes_who_waited_when_there_are_some_again() -> None:
    keeper, listener = Keeper(), _listening()
    acceptor = _acceptor(listener, keeper)
    client = socket.socket()
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    with no_descriptor_left():
        await loop.sock_connect(client, listener.getsockname())
        await _until(keeper, "accepting_paused")
        turns = len(keeper.events)
        await asyncio.sleep(0.1)
        assert len(keeper.events) == turns
    await _until(keeper, "opened")
    client.close()
    await _until(keeper, "closed")
    acceptor.close()


async def test_who_is_not_admitted_is_let_go_at_once() -> None:
    keeper, listener = Keeper(room=0), _listening()
    acceptor = _acceptor(listener, keeper)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    assert await reader.read() == b""
    writer.close()
    assert keeper.events == []
    acceptor.close()

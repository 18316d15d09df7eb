"""Listeners come, go and change while others are served: nobody meets a closed port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from tests.net.test_signalling_over_sockets import HOST, Server, answers, options

from talkpath.base.address import Address, Flow, Transport
from talkpath.net.listening import CannotListen, Endpoint
from talkpath.net.signalling import Limits

# Requests of one branch are one request.
NUMBERS = count(1)


def fresh(transport: str) -> bytes:
    return options(transport, next(NUMBERS))


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path, Limits(connections=100, per_address=100))
    yield server
    server.signalling.close()
    await asyncio.sleep(0)


async def serve(server: Server, *endpoints: Endpoint) -> None:
    for endpoint in endpoints:
        await server.signalling.open(endpoint)
    await server.signalling.start(server.edge)


def change(server: Server, *endpoints: Endpoint) -> None:
    """As a reload does."""
    server.signalling.take(server.signalling.begin(endpoints), endpoints)


async def ask(port: int, host: str = HOST) -> str:
    """The answer to OPTIONS in a datagram, and the address that it came from."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.setblocking(False)
        phone.bind((HOST, 0))
        await loop.sock_sendto(phone, fresh("UDP"), (host, port))
        async with asyncio.timeout(10):
            data, source = await loop.sock_recvfrom(phone, 65_536)
    assert source == (host, port)
    return data.split(b"\r\n")[0].decode()


async def connect(port: int, host: str = HOST) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, port)


async def test_one_more_listener_is_heard_and_the_others_keep_their_sockets(server: Server) -> None:
    first, second = (Endpoint(Transport.UDP, HOST, free_port(socket.SOCK_DGRAM)) for _ in range(2))
    await serve(server, first)
    kept = server.signalling._doors.of(Flow(Transport.UDP, Address(HOST, first.port), Address(HOST, 9)))
    change(server, first, second)
    assert await ask(first.port) == await ask(second.port) == "SIP/2.0 200 OK"
    assert server.signalling._doors.of(Flow(Transport.UDP, Address(HOST, first.port), Address(HOST, 9))) is kept
    assert server.port(Transport.UDP) == first.port
    change(server, second, first)
    assert server.port(Transport.UDP) == second.port


async def test_a_listener_that_cannot_be_opened_leaves_all_as_it_was(server: Server) -> None:
    first = Endpoint(Transport.UDP, HOST, free_port(socket.SOCK_DGRAM))
    await serve(server, first)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        port = free_port(socket.SOCK_DGRAM)
        taken = Endpoint(Transport.UDP, HOST, other.getsockname()[1])
        with pytest.raises(CannotListen):
            server.signalling.begin([Endpoint(Transport.UDP, HOST, port), taken])
    assert await ask(first.port) == "SIP/2.0 200 OK"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, port))


@pytest.mark.parametrize("hosts", [("", HOST), (HOST, "")])
async def test_one_address_and_every_address_take_each_others_place(server: Server, hosts: tuple[str, str]) -> None:
    port = free_port(socket.SOCK_STREAM)
    before = [Endpoint(transport, hosts[0], port) for transport in (Transport.UDP, Transport.TCP)]
    after = [Endpoint(transport, hosts[1], port) for transport in (Transport.UDP, Transport.TCP)]
    await serve(server, *before)
    _, old = await connect(port)
    for _ in range(3):
        change(server, *after)
        assert await ask(port) == "SIP/2.0 200 OK"
        reader, writer = await connect(port)
        writer.write(fresh("TCP"))
        assert await answers(reader, 1) == [b"SIP/2.0 200 OK"]
        writer.close()
        before, after = after, before
    # Nobody else gets a part of what comes.
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as other, pytest.raises(OSError, match="in use"):
            other.bind((HOST, port))
    old.close()


async def test_who_waits_to_be_accepted_is_taken_in_before_the_door_closes(server: Server) -> None:
    first = Endpoint(Transport.TCP, HOST, free_port(socket.SOCK_STREAM))
    await serve(server, first)
    phones = [socket.create_connection((HOST, first.port)) for _ in range(70)]
    change(server)
    for phone in phones:
        phone.sendall(fresh("TCP"))
    for phone in phones:
        phone.setblocking(False)
        async with asyncio.timeout(10):
            assert (await asyncio.get_running_loop().sock_recv(phone, 100)).startswith(b"SIP/2.0 200")
    with pytest.raises(ConnectionRefusedError):
        await connect(first.port)
    for phone in phones:
        phone.close()


async def test_what_was_left_closes_when_nothing_goes_over_it_any_more(server: Server) -> None:
    first = Endpoint(Transport.UDP, HOST, free_port(socket.SOCK_DGRAM))
    second = Endpoint(Transport.UDP, HOST, free_port(socket.SOCK_DGRAM))
    await serve(server, first)
    change(server, second)
    flow = Flow(Transport.UDP, Address(HOST, first.port), Address(HOST, 9))
    signalling = server.signalling
    assert signalling.left == [first]
    assert signalling.is_left(flow)
    assert not signalling.is_left(flow._replace(local=Address(HOST, second.port)))
    assert signalling.look_at_left({(Transport.UDP, flow.local)}) == []
    # What is there comes in and goes out by the same socket as before.
    assert await ask(first.port) == "SIP/2.0 200 OK"
    assert signalling.look_at_left(set()) == [first]
    assert signalling.left == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, first.port))


async def test_a_listener_that_comes_back_was_never_closed(server: Server) -> None:
    first = Endpoint(Transport.UDP, HOST, free_port(socket.SOCK_DGRAM))
    await serve(server, first)
    flow = Flow(Transport.UDP, Address(HOST, first.port), Address(HOST, 9))
    socket_of_it = server.signalling._doors.of(flow)
    change(server)
    change(server, first)
    assert server.signalling._doors.of(flow) is socket_of_it
    assert server.signalling.left == []
    assert await ask(first.port) == "SIP/2.0 200 OK"


async def test_connections_outlive_the_listener_that_they_came_by(server: Server) -> None:
    first = Endpoint(Transport.TCP, HOST, free_port(socket.SOCK_STREAM))
    await serve(server, first)
    reader, writer = await connect(first.port)
    writer.write(fresh("TCP"))
    assert await answers(reader, 1) == [b"SIP/2.0 200 OK"]
    change(server)
    assert server.signalling.look_at_left(set()) == []
    writer.write(fresh("TCP"))
    assert await answers(reader, 1) == [b"SIP/2.0 200 OK"]
    writer.close()
    async with asyncio.timeout(10):
        while await asyncio.sleep(0.01, server.signalling.look_at_left(set())) != [first]:
            pass
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind((HOST, first.port))
    change(server, first)
    reader, writer = await connect(first.port)
    writer.close()

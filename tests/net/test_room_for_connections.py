"""Who holds connections and proves nothing keeps nobody out."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.net.test_signalling_over_sockets import HOST, Server, answers, options

from talkpath.base.address import Transport
from talkpath.edge.settings import GuardSettings
from talkpath.net.listening import Endpoint
from talkpath.net.signalling import Limits

STRANGER, OTHER, PHONE = "127.0.77.1", "127.0.77.2", "127.0.77.3"
Dialled = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path, Limits(connections=4, per_address=4), GuardSettings())
    await server.signalling.open(Endpoint(Transport.TCP, HOST, 0))
    await server.signalling.start(server.edge)
    yield server
    server.signalling.close()
    await asyncio.sleep(0)


async def dial_from(server: Server, host: str, count: int = 1) -> list[Dialled]:
    """Connections that were accepted and have spoken, those of them that were refused left out."""
    made = []
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((host, 0))
        await asyncio.get_running_loop().sock_connect(sock, (HOST, server.port(Transport.TCP)))
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(options("TCP"))
        try:
            await answers(reader, 1)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
        else:
            made.append((reader, writer))
    return made


async def is_open(one: Dialled) -> bool:
    try:
        one[1].write(options("TCP", 9))
        return await answers(one[0], 1) == [b"SIP/2.0 200 OK"]
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def closed(*dialled: list[Dialled]) -> None:
    for _, writer in [one for some in dialled for one in some]:
        writer.close()


async def test_the_oldest_of_who_holds_the_most_makes_room(full: Server) -> None:
    held = await dial_from(full, STRANGER, 4)
    others = await dial_from(full, OTHER)
    assert len(others) == 1
    assert [await is_open(one) for one in held] == [False, True, True, True]
    assert full.signalling.counters["connections_made_room"] == 1
    await closed(held, others)


async def test_who_holds_as_many_gets_no_more(full: Server) -> None:
    held, others = await dial_from(full, STRANGER, 2), await dial_from(full, OTHER, 2)
    assert await dial_from(full, OTHER) == []
    assert [await is_open(one) for one in (*held, *others)] == [True] * 4
    assert full.signalling.counters["connections_refused"] == 1
    await closed(held, others)


async def test_who_has_proven_himself_stays(full: Server) -> None:
    held = await dial_from(full, STRANGER, 4)
    for _, writer in held[:2]:
        port = writer.get_extra_info("sockname")[1]
        sources = full.signalling._guard
        assert sources is not None
        now = full.signalling._clock.now()
        sources.prove(STRANGER, port, True, now + 600, now)
    others = await dial_from(full, OTHER)
    assert len(others) == 1
    assert [await is_open(one) for one in held] == [True, True, False, True]
    phones = await dial_from(full, PHONE, 2)
    assert len(phones) == 1
    assert [await is_open(one) for one in held] == [True, True, False, False]
    await closed(held, others, phones)


async def test_a_keep_alive_alone_holds_no_connection(full: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.base.limits.STREAM_FIRST_MESSAGE_S", 0.1)
    reader, writer = await asyncio.open_connection(HOST, full.port(Transport.TCP))
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 10) == b"\r\n"
    assert full.signalling.counters["connections_silent"] == 1
    writer.close()

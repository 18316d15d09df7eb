"""Connections that we open: what becomes of a message when they do not stand, and of them when they close."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from talkpath.base.address import Address, Flow, Hop, Parcel, Target, Transport
from talkpath.base.leaving import Send
from talkpath.base.unsent import Unsent
from talkpath.calls.ledger import Ledger
from talkpath.edge.edge import Input
from talkpath.net.clock import Clock
from talkpath.net.signalling import Limits, Signalling
from talkpath.net.stream import StreamConnection

HOST = "127.0.0.1"


class Sender:
    """An edge that has messages to send, and hears of closed connections."""

    def __init__(self) -> None:
        self.sends: list[Send] = []
        self.needs_all = False
        self.closed = asyncio.Event()

    def message(self, flow: Flow, data: bytes, now: float) -> None:
        raise AssertionError("nothing comes here")

    def unframeable(self, flow: Flow, head: bytes, code: str) -> None:
        raise AssertionError("nothing comes here")

    def receive(self, event: Input, now: float) -> None:
        self.closed.set()

    def expire(self, now: float) -> None:
        raise AssertionError("there are no timers here")

    def deadline(self) -> None:
        return None

    def drain(self) -> list[Send]:
        sends, self.sends = self.sends, []
        return sends

    def drain_parcels(self) -> list[Parcel]:
        return []

    def needed(self, flows: frozenset[Flow]) -> frozenset[Flow]:
        return flows if self.needs_all else frozenset()


class Line(asyncio.Transport):
    """A connection that stands, and carries nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Peer:
    """Listens, counts who comes, and keeps what it was sent."""

    def __init__(self) -> None:
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        while data := await reader.read(4096):
            self.heard.put_nowait(data)
        writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[tuple[Peer, Address]]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, HOST, 0)
    yield peer, Address(*server.sockets[0].getsockname())
    server.close()
    for writer in peer.writers:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def made(limits: Limits, sender: Sender) -> Signalling:
    signalling = Signalling(Clock(), Ledger(), limits, lambda: None, ())
    signalling._loop = asyncio.get_running_loop()
    await signalling.start(sender)
    return signalling


async def close(signalling: Signalling) -> None:
    signalling.close()
    await asyncio.sleep(0)


async def fails(signalling: Signalling, sender: Sender, target: Hop) -> Unsent:
    """Have a message sent that can not be; gives why."""
    failed: asyncio.Queue[Unsent] = asyncio.Queue()
    sender.sends.append(Send(target, b"hello", "c", lambda why, _: failed.put_nowait(why)))
    signalling.pump()
    return await asyncio.wait_for(failed.get(), 30)


async def test_a_connection_that_may_not_stand_is_tried_once(peer: tuple[Peer, Address]) -> None:
    sender = Sender()
    signalling = await made(Limits(0, 0), sender)
    assert await fails(signalling, sender, Target(Transport.TCP, peer[1])) is Unsent.TOO_MANY
    assert signalling.counters["connections_refused"] == 1
    assert not signalling._opening
    assert not signalling._outgoing
    await close(signalling)


async def test_what_we_opened_is_used_again_and_forgotten_when_it_closes(peer: tuple[Peer, Address]) -> None:
    sender, target = Sender(), Target(Transport.TCP, peer[1])
    signalling = await made(Limits(9, 9), sender)
    for text in (b"first", b"second"):
        sender.sends.append(Send(target, text, "c"))
        signalling.pump()
        assert await asyncio.wait_for(peer[0].heard.get(), 30) == text
    assert peer[0].connections == 1
    peer[0].writers[0].close()
    await asyncio.wait_for(sender.closed.wait(), 30)
    assert not signalling._outgoing
    await close(signalling)


async def test_a_number_alone_leads_down_no_connection(peer: tuple[Peer, Address]) -> None:
    """A flow of an earlier process, or of another node, may bear a number that stands here for somebody else's."""
    sender = Sender()
    signalling = await made(Limits(9, 9), sender)
    sender.sends.append(Send(Target(Transport.TCP, peer[1]), b"ours", "c"))
    signalling.pump()
    assert await asyncio.wait_for(peer[0].heard.get(), 30) == b"ours"
    ((_, connection),) = signalling._connections.items()
    assert connection.flow is not None
    other = connection.flow._replace(remote=Address("203.0.113.9", 40001))
    assert await fails(signalling, sender, other) is Unsent.LOST
    assert not signalling.is_open(other)
    assert not signalling.rtt_s(other)
    sender.sends.append(Send(connection.flow, b"ours again", "c"))
    signalling.pump()
    assert await asyncio.wait_for(peer[0].heard.get(), 30) == b"ours again"
    await close(signalling)


async def test_who_must_show_a_certificate_is_reached_over_no_other_connection(peer: tuple[Peer, Address]) -> None:
    """One that it opened itself was never asked for one, and one that we opened for its address took any."""
    signalling = await made(Limits(9, 9), Sender())
    remote = Address("203.0.113.9", 5061)
    connection = StreamConnection(Transport.TLS, signalling)
    connection.connection_made(Line({"sockname": ("192.0.2.1", 5061), "peername": remote}))
    assert signalling._flow_of(Target(Transport.TLS, remote)) == connection.flow
    assert signalling._flow_of(Target(Transport.TCP, remote)) is None
    assert signalling._flow_of(Target(Transport.TLS, remote, "carrier.net")) is None
    connection.connection_lost(None)
    assert signalling._flow_of(Target(Transport.TLS, remote)) is None
    assert not signalling._by_remote
    await close(signalling)


async def test_numbers_of_connections_bear_a_mark_of_their_process(peer: tuple[Peer, Address]) -> None:
    sender = Sender()
    signalling = await made(Limits(9, 9), sender)
    sender.sends.append(Send(Target(Transport.TCP, peer[1]), b"ours", "c"))
    signalling.pump()
    await asyncio.wait_for(peer[0].heard.get(), 30)
    ask = "from talkpath.net.stream import Connection; print(Connection._next_number)"
    asked = await asyncio.create_subprocess_exec(sys.executable, "-c", ask, stdout=asyncio.subprocess.PIPE)
    number, _ = await asked.communicate()
    (mine,) = signalling._connections
    assert mine >> 32 != int(number) >> 32
    await close(signalling)


async def test_a_connection_may_be_asked_for_before_there_is_anything_to_send(peer: tuple[Peer, Address]) -> None:
    sender, target = Sender(), Target(Transport.TCP, peer[1])
    signalling = await made(Limits(9, 9), sender)
    heard: asyncio.Queue[bool] = asyncio.Queue()
    for _ in range(2):
        signalling.open_stream(target, lambda stands, _: heard.put_nowait(stands))
    assert heard.empty()
    assert [await asyncio.wait_for(heard.get(), 30) for _ in range(2)] == [True, True]
    signalling.open_stream(target, lambda stands, _: heard.put_nowait(stands))
    assert heard.get_nowait() is True
    sender.sends.append(Send(target, b"over it", "c"))
    signalling.pump()
    assert await asyncio.wait_for(peer[0].heard.get(), 30) == b"over it"
    assert peer[0].connections == 1
    await close(signalling)


async def test_connections_that_we_could_do_without_leave_room_for_who_comes(peer: tuple[Peer, Address]) -> None:
    signalling = await made(Limits(8, 9), Sender())
    heard: asyncio.Queue[bool] = asyncio.Queue()
    for host in (HOST, "127.0.0.2", "127.0.0.3"):
        target = Target(Transport.TCP, Address(host, peer[1].port))
        signalling.open_stream(target, lambda stands, _: heard.put_nowait(stands))
    assert heard.get_nowait() is False
    assert [await asyncio.wait_for(heard.get(), 30) for _ in range(2)].count(True) == 1
    await close(signalling)


async def test_who_asks_for_a_connection_where_nobody_listens_is_told(peer: tuple[Peer, Address]) -> None:
    signalling = await made(Limits(9, 9), Sender())
    heard: asyncio.Queue[bool] = asyncio.Queue()
    signalling.open_stream(
        Target(Transport.TCP, Address("127.0.0.9", peer[1].port)), lambda stands, _: heard.put_nowait(stands)
    )
    assert await asyncio.wait_for(heard.get(), 30) is False
    await close(signalling)


async def test_what_nobody_wants_any_more_does_not_leave_when_the_connection_stands(
    peer: tuple[Peer, Address],
) -> None:
    sender, target = Sender(), Target(Transport.TCP, peer[1])
    signalling = await made(Limits(9, 9), sender)
    failed: asyncio.Queue[Unsent] = asyncio.Queue()
    sender.sends.append(Send(target, b"late", "c", lambda why, _: failed.put_nowait(why), lambda: False))
    sender.sends.append(Send(target, b"wanted", "c", None, lambda: True))
    signalling.pump()
    assert await asyncio.wait_for(peer[0].heard.get(), 30) == b"wanted"
    assert await asyncio.wait_for(failed.get(), 30) is Unsent.NO_CONNECTION
    await close(signalling)


async def test_where_nobody_listens_the_connection_is_refused(peer: tuple[Peer, Address]) -> None:
    sender = Sender()
    signalling = await made(Limits(9, 9), sender)
    for transport in (Transport.TCP, Transport.TLS):
        target = Target(transport, Address("127.0.0.9", peer[1].port))
        assert await fails(signalling, sender, target) is Unsent.REFUSED
    await close(signalling)


async def test_what_we_opened_and_nothing_needs_is_closed(peer: tuple[Peer, Address]) -> None:
    sender, target = Sender(), Target(Transport.TCP, peer[1])
    signalling = await made(Limits(9, 9), sender)

    async def say(text: bytes) -> None:
        sender.sends.append(Send(target, text, "c"))
        signalling.pump()
        assert await asyncio.wait_for(peer[0].heard.get(), 30) == text

    await say(b"first")
    signalling._idle.look()
    await say(b"it was used meanwhile")
    signalling._idle.look()
    sender.needs_all = True
    for _ in range(3):
        signalling._idle.look()
    await say(b"it is needed")
    assert peer[0].connections == 1
    sender.needs_all = False
    signalling._idle.look()
    signalling._idle.look()
    await asyncio.wait_for(sender.closed.wait(), 30)
    assert signalling.counters["connections_idle"] == 1
    await say(b"again")
    assert peer[0].connections == 2
    await close(signalling)

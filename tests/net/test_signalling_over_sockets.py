"""The edge over real sockets of loopback: framing, keep-alives, WebSockets, proxies in front, limits."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.edge.lab import Accounts, Bindings
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from talkpath.app.listening.certificate import self_signed
from talkpath.base.address import Address, Transport
from talkpath.base.http import HttpRequest, HttpResponse
from talkpath.calls.ledger import Ledger
from talkpath.edge.admission.guard import Guard
from talkpath.edge.core import Entropy, World
from talkpath.edge.edge import Edge
from talkpath.edge.settings import EdgeSettings, GuardSettings
from talkpath.ice import stun
from talkpath.net.clock import Clock
from talkpath.net.dns import Resolver
from talkpath.net.listening import Endpoint
from talkpath.net.records import Records, Servers
from talkpath.net.signalling import Limits, Signalling

HOST = "127.0.0.1"


def options(transport: str, number: int = 1, body: str = "", length: int | None = None) -> bytes:
    return (
        f"OPTIONS sip:{HOST} SIP/2.0\r\nVia: SIP/2.0/{transport} host.invalid;branch=z9hG4bK{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@host.invalid>;tag=a\r\nTo: <sip:{HOST}>\r\nCall-ID: c{number}\r\n"
        f"CSeq: {number} OPTIONS\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n{body}"
    ).encode()


class Server:
    """Signalling and an edge, and the ports they got."""

    def __init__(self, directory: Path, limits: Limits, guarded: GuardSettings | None = None) -> None:
        pair = self_signed(directory, [HOST])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair.certificate, pair.key)
        clock = Clock()
        ledger = Ledger()
        guard = Guard(guarded or GuardSettings(), (), b"g" * 16, clock.now())
        sources = None if guarded is None else guard.sources
        self.signalling = Signalling(clock, ledger, limits, lambda: tls, (ip_network("127.0.0.0/8"),), None, sources)
        records = Records(Servers(), clock.now, 8, lambda name, is_known: None)
        resolver = Resolver(records, self.signalling, self.signalling.pump, clock.now)
        world = World(
            Accounts("1001"), Bindings(), self.signalling, resolver.resolve, _none, _none, _none, _none, guard
        )
        settings = EdgeSettings(own_hosts=frozenset({HOST}))
        self.edge = Edge(settings, world, ledger, Entropy(b"t" * 32, b"n" * 32, "e"))

    def port(self, transport: Transport) -> int:
        local = self.signalling.local_for(transport, HOST)
        assert local is not None
        return local.port


def _none(*_: object) -> None:
    raise AssertionError("no media here")


@pytest.fixture
def limits() -> Limits:
    return Limits(connections=10, per_address=5)


@pytest.fixture
async def server(tmp_path: Path, limits: Limits) -> AsyncIterator[Server]:
    server = Server(tmp_path, limits)
    for transport in Transport:
        await server.signalling.open(Endpoint(transport, HOST, 0))
    await server.signalling.start(server.edge)
    yield server
    server.signalling.close()
    await asyncio.sleep(0)


async def dial(server: Server, transport: Transport) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = None
    if transport.is_secure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(HOST, server.port(transport), ssl=context)


async def answers(reader: asyncio.StreamReader, count: int) -> list[bytes]:
    heads = [await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) for _ in range(count)]
    return [head.split(b"\r\n")[0] for head in heads]


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
async def test_messages_may_arrive_in_any_pieces(server: Server, transport: Transport) -> None:
    reader, writer = await dial(server, transport)
    both = options(transport, 1) + options(transport, 2, "hello")
    for byte in both[:300]:
        writer.write(bytes((byte,)))
        await writer.drain()
    writer.write(both[300:])
    assert await answers(reader, 2) == [b"SIP/2.0 200 OK"] * 2
    writer.close()


async def test_a_keep_alive_is_answered_with_one_line_end(server: Server) -> None:
    reader, writer = await dial(server, Transport.TCP)
    writer.write(b"\r\n")
    writer.write(b"\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), 10) == b"\r\n"
    writer.write(options("TCP"))
    assert await answers(reader, 1) == [b"SIP/2.0 200 OK"]
    writer.close()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (options("TCP").replace(b"Content-Length: 0\r\n", b""), b"SIP/2.0 400 Bad or missing Content-Length"),
        (options("TCP", length=999_999), b"SIP/2.0 513 Message Too Large"),
    ],
)
async def test_a_stream_that_lost_its_framing_is_told_why_and_closed(
    server: Server, data: bytes, line: bytes
) -> None:
    reader, writer = await dial(server, Transport.TCP)
    writer.write(data + b"whatever")
    assert await answers(reader, 1) == [line]
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_endless_garbage_is_cut_off(server: Server) -> None:
    reader, writer = await dial(server, Transport.TCP)
    writer.write(b"x" * 200_000)
    with pytest.raises((ConnectionError, AssertionError)):
        assert await asyncio.wait_for(reader.read(), 10) != b""
    assert server.signalling.counters["stream_too-large"] == 1
    writer.close()


@pytest.mark.parametrize("transport", [Transport.WS, Transport.WSS])
async def test_a_browser_speaks_sip_over_a_websocket(server: Server, transport: Transport) -> None:
    context = None
    if transport.is_secure:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    scheme = "wss" if transport.is_secure else "ws"
    url = f"{scheme}://{HOST}:{server.port(transport)}/any/path"
    async with connect(url, subprotocols=["sip"], ssl=context) as browser:  # type: ignore[list-item]
        assert browser.subprotocol == "sip"
        await browser.send(options(transport).decode())
        answer = await asyncio.wait_for(browser.recv(), 10)
        assert str(answer).startswith("SIP/2.0 200 OK")


async def test_plain_http_is_answered_by_the_page_with_the_visitors_address(server: Server) -> None:
    asked: list[HttpRequest] = []

    def page(request: HttpRequest) -> HttpResponse:
        asked.append(request)
        return HttpResponse(200, {"Content-Type": "text/html", "X-Own": "1"}, b"<p>hello")

    server.signalling._page = page
    said = await _http(server, "GET /x?y=1 HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.77\r\n")
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\n<p>hello")
    assert said.count(b"Content-Length: 8") == said.count(b"Content-Type: text/html") == said.count(b"X-Own: 1") == 1
    assert (asked[0].method, asked[0].path, asked[0].flow.remote.host) == ("GET", "/x?y=1", "203.0.113.77")
    assert asked[0].fields["host"] == "h"
    assert (await _http(server, "HEAD / HTTP/1.1\r\n")).endswith(b"\r\n\r\n")
    assert asked[1].flow.remote.host == HOST


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        ("", b"400"),
        ("Sec-WebSocket-Protocol: xmpp\r\n", b"400"),
        ("Sec-WebSocket-Protocol: ,,;\r\n", b"400"),
        ("Sec-WebSocket-Protocol: xmpp\r\nSec-WebSocket-Protocol: sip\r\n", b"101"),
        ("Sec-WebSocket-Protocol: xmpp, sip\r\n", b"101"),
        ("Sec-WebSocket-Protocol: sip\r\nUpgrade: h2c\r\n", b"426"),
        ("Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", b"400"),
    ],
)
async def test_who_does_not_ask_for_sip_gets_no_websocket(server: Server, offered: str, status: bytes) -> None:
    reader, writer = await dial(server, Transport.WS)
    head = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    writer.write(f"{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offered}\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    assert line.split()[1:2] == [status]


_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


def _frame_of(message: bytes) -> bytes:
    """A masked text frame; the mask is zero."""
    return b"\x81\xfe" + len(message).to_bytes(2, "big") + bytes(4) + message


@pytest.mark.parametrize(
    ("head", "rest", "status", "is_heard"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", _frame_of(options("WS")), b"426", False),
        (b"POST /guest HTTP/1.1\r\nContent-Length: 4\r\n\r\n", b"body", b"400", False),
        (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"426", False),
        (_UPGRADE.replace(b"sip", b"xmpp"), _frame_of(options("WS")), b"400", False),
        (b"EHLO example.com\r\n\r\n", b"", b"400", False),
        (_UPGRADE, b"\x81\x05hello", b"101", False),
        (_UPGRADE, _frame_of(options("WS")), b"101", True),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2, 50])
async def test_what_follows_a_request_at_once_is_heard_only_on_a_websocket(
    server: Server, head: bytes, rest: bytes, status: bytes, is_heard: bool, pieces: int
) -> None:
    reader, writer = await dial(server, Transport.WS)
    data = head + rest
    size = -(-len(data) // pieces)
    for at in range(0, len(data), size):
        writer.write(data[at : at + size])
        await asyncio.sleep(0)
    said = await asyncio.wait_for(reader.read(4096), 10)
    while is_heard and b"SIP/2.0 200 OK" not in said:
        said += await asyncio.wait_for(reader.read(4096), 10)
    writer.close()
    assert said.split()[1:2] == [status]
    assert server.signalling.counters["faults"] == 0


async def test_without_a_page_http_is_told_what_is_spoken_here(server: Server) -> None:
    assert (await _http(server, "GET / HTTP/1.1\r\n")).startswith(b"HTTP/1.1 426 ")


async def _http(server: Server, head: str) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, server.port(Transport.WS))
    writer.write(head.encode() + b"\r\n")
    said = await reader.read()
    writer.close()
    return said


async def test_the_browsers_address_is_taken_from_a_proxy_in_front(server: Server) -> None:
    url = f"ws://{HOST}:{server.port(Transport.WS)}/"
    headers = {"X-Forwarded-For": "203.0.113.77, 127.0.0.1"}
    async with connect(url, subprotocols=["sip"], additional_headers=headers) as browser:  # type: ignore[list-item]
        await browser.send(options("WS").decode())
        answer = str(await asyncio.wait_for(browser.recv(), 10))
        assert "received=203.0.113.77" in answer


async def test_an_http_request_that_is_no_upgrade_is_told_what_this_is(server: Server) -> None:
    reader, writer = await dial(server, Transport.WS)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 426")
    writer.close()


async def test_one_address_opens_only_so_many_connections(server: Server) -> None:
    kept = [await dial(server, Transport.TCP) for _ in range(5)]
    for reader, writer in kept:
        writer.write(options("TCP"))
        await answers(reader, 1)
    reader, writer = await dial(server, Transport.TCP)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 10)
    assert server.signalling.counters["connections_refused"] == 1
    for _, open_writer in [*kept, (reader, writer)]:
        open_writer.close()


async def test_datagrams_are_answered_from_the_address_they_came_to(server: Server) -> None:
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    class Peer(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            heard.put_nowait(data)

    port = server.port(Transport.UDP)
    transport, _ = await loop.create_datagram_endpoint(Peer, remote_addr=(HOST, port))
    for data in (b"", b"\0" * 4, b"\r\n\r\n", b"junk of some length", b"\0\1" + bytes(18), options("UDP")):
        transport.sendto(data)
    answer = await asyncio.wait_for(heard.get(), 10)
    assert answer.startswith(b"SIP/2.0 200 OK")
    assert heard.empty()
    transport.sendto(stun.write(stun.Kind.REQUEST, b"twelve bytes", ()))
    mapped = stun.Stun.parse(await asyncio.wait_for(heard.get(), 10)).mapped_address
    assert mapped == Address(*transport.get_extra_info("sockname"))
    transport.close()


async def test_a_browser_that_answers_pings_is_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.signalling, "_ping_s", 0.05)
    url = f"ws://{HOST}:{server.port(Transport.WS)}"
    async with connect(url, subprotocols=[Subprotocol("sip")], ping_interval=None) as browser:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(browser.recv(), 0.5)
    assert server.signalling.counters["websockets_dead"] == 0


async def test_a_browser_that_answers_no_ping_is_gone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server in between would keep the connection to us open."""
    monkeypatch.setattr(server.signalling, "_ping_s", 0.05)
    reader, writer = await dial(server, Transport.WS)
    writer.write(_UPGRADE)
    assert b" 101 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    pings = b""
    with suppress(ConnectionResetError):
        while data := await asyncio.wait_for(reader.read(64), 30):
            pings += data
    assert pings == b"\x89\x00" * 2
    assert server.signalling.counters["websockets_dead"] == 1
    writer.close()


@pytest.fixture
async def refusing(tmp_path: Path, limits: Limits) -> AsyncIterator[Server]:
    """Who has asked for three things is told to wait."""
    server = Server(tmp_path, limits, GuardSettings(options_per_s=0.3, refusal=503))
    for transport in (Transport.UDP, Transport.TCP):
        await server.signalling.open(Endpoint(transport, HOST, 0))
    await server.signalling.start(server.edge)
    yield server
    server.signalling.close()
    await asyncio.sleep(0)


async def test_who_is_not_heard_is_told_so_on_his_connection_which_is_closed(refusing: Server) -> None:
    reader, writer = await dial(refusing, Transport.TCP)
    for number in range(4):
        writer.write(
            options("TCP", number + 1).replace(b"Max-Forwards", b"X-More: " + b"m" * 99 + b"\r\nMax-Forwards")
        )
    assert await answers(reader, 4) == [b"SIP/2.0 200 OK"] * 3 + [b"SIP/2.0 503 Service Unavailable"]
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_who_is_not_heard_is_told_so_in_a_datagram_no_longer_than_his(refusing: Server) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((HOST, 0))
        await loop.sock_connect(sock, (HOST, refusing.port(Transport.UDP)))
        heard = []
        for number in range(4):
            await loop.sock_sendall(sock, options("UDP", number + 1) + b"m" * 99)
            heard.append(await asyncio.wait_for(loop.sock_recv(sock, 65_535), 10))
    assert [data[:12] for data in heard] == [b"SIP/2.0 200 "] * 3 + [b"SIP/2.0 503 "]
    assert b"\r\nRetry-After: 60\r\n" in heard[3]
    assert len(heard[3]) <= len(options("UDP", 4)) + 99

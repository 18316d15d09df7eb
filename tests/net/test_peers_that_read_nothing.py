"""A peer that makes us answer and reads no answer is cut off: what waits for it must not fill the memory."""

import asyncio
from typing import Any, cast

import pytest

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.net.stream import Connection, StreamConnection
from talkpath.net.websocket import WebSocketConnection

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
PING = b"\x89\x80" + bytes(4)


class Taker:
    """Whom connections deliver to."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.counted: list[str] = []

    def arrived(self, flow: Flow, data: bytes) -> None:
        self.messages.append(data)

    def opened(self, connection: Connection) -> bool:
        return True

    def closed(self, connection: Connection) -> None:
        pass

    def unframeable(self, connection: Connection, head: bytes, code: str) -> None:
        raise AssertionError(code)

    def count(self, event: str) -> None:
        self.counted.append(event)


class Line(asyncio.Transport):
    """A transport whose peer reads nothing."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("192.0.2.1", 5060), "peername": ("203.0.113.5", 40000)})
        self.waiting = b""
        self.is_cut = False

    def write(self, data: Any) -> None:
        self.waiting += bytes(data)

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.is_cut

    def abort(self) -> None:
        self.is_cut = True


def connected(connection: Connection) -> Line:
    line = Line()
    connection.connection_made(line)
    return line


async def test_line_ends_without_number_are_not_answered_without_number() -> None:
    taker = Taker()
    phone = StreamConnection(Transport.TCP, taker)
    line = connected(phone)
    for _ in range(100):
        phone.data_received(b"\r\n" * 50_000)
    assert line.is_cut
    assert taker.counted == ["connections_stuck"]
    assert len(line.waiting) < 2 * limits.STREAM_WRITE_BYTES
    phone.connection_lost(None)


async def test_pings_without_number_are_not_answered_without_number() -> None:
    taker = Taker()
    browser = WebSocketConnection(Transport.WS, taker, ())
    line = connected(browser)
    browser.data_received(UPGRADE)
    line.waiting += bytes(limits.STREAM_WRITE_BYTES)
    browser.data_received(PING)
    assert line.is_cut
    browser.connection_lost(None)


async def test_empty_pieces_of_a_message_take_no_room() -> None:
    taker = Taker()
    browser = WebSocketConnection(Transport.WS, taker, ())
    connected(browser)
    browser.data_received(UPGRADE + b"\x01\x83" + bytes(4) + b"one" + (b"\x00\x80" + bytes(4)) * 1000)
    assert len(browser._parts) == 1
    browser.data_received(b"\x80\x83" + bytes(4) + b"two")
    assert taker.messages == [b"onetwo"]
    browser.connection_lost(None)


@pytest.mark.parametrize(
    ("pieces", "answers"),
    [
        ([b"\r\n\r\n"], 1),
        ([b"\r", b"\n\r", b"\n"], 1),
        ([b"\r\n", b"\r\n\r\n"], 1),
        ([b"\n\n\n\n"], 0),
        ([b"\r\n" * 7], 3),
    ],
)
async def test_two_line_ends_in_any_pieces_are_one_keep_alive(pieces: list[bytes], answers: int) -> None:
    phone = StreamConnection(Transport.TCP, Taker())
    line = connected(phone)
    for piece in pieces:
        phone.data_received(piece)
    assert line.waiting == b"\r\n" * answers
    assert cast(Flow, phone.flow).remote == Address("203.0.113.5", 40000)
    phone.connection_lost(None)

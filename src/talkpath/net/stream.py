"""SIP over TCP and TLS: one asyncio protocol a connection, framed by Content-Length (RFC 3261 section 18.3).

Also what connections of every kind share: their number, their flow, their death.
"""

import asyncio
import secrets
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Protocol, cast

from talkpath._native import stream_message_length
from talkpath.base import limits
from talkpath.base.address import Address, Flow, Target, Transport

# The kernel asks a silent peer whether it is there: routers forget connections that are silent for minutes, some
# sooner, and a phone that vanished is known to be gone after a minute.
_KEEP_ALIVE_AFTER_S = 30
_KEEP_ALIVE_EVERY_S = 10
_KEEP_ALIVES = 3
# Where `struct tcp_info` of linux/tcp.h has `tcpi_rtt`, in microseconds, and where that ends.
_TCP_INFO_RTT = 68
_TCP_INFO_BYTES = 72


class Sink(Protocol):
    """Where connections deliver to."""

    def arrived(self, flow: Flow, data: bytes) -> None:
        """One SIP message."""

    def opened(self, connection: "Connection") -> bool:
        """A connection stands; False refuses it (too many)."""

    def closed(self, connection: "Connection") -> None:
        """It is gone."""

    def unframeable(self, connection: "Connection", head: bytes, code: str) -> None:
        """A stream whose end of message can not be told any more; the connection closes after the answer."""

    def count(self, event: str) -> None:
        """Something worth counting."""


class Connection(asyncio.Protocol):
    """What TCP, TLS and WebSocket connections have in common."""

    # 31 bits that each process draws, then 32 that count: what routes name that an earlier life or another node wrote
    # is not taken for ours. A clock would not do, for it may be set back.
    _next_number = (secrets.randbits(31) << 32) + 1

    def __init__(self, transport: Transport, sink: Sink) -> None:
        self.kind = transport
        self.sink = sink
        self.number = Connection._next_number
        Connection._next_number += 1
        self.flow: Flow | None = None
        #: What we opened it for; None when the peer did.
        self.target: Target | None = None
        self.has_spoken = False
        #: Whether anything was said on it, either way, since that was last asked.
        self.was_used = True
        #: The address that this connection is counted for, empty while it is not.
        self.counted_host = ""
        #: Whether it ever stood, a TLS handshake done; whether it was taken, for there were not too many.
        self.has_stood = self.was_taken = False
        self.descriptor = 0
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; it has a while to say something."""
        self._transport = cast(asyncio.Transport, transport)
        self.has_stood = True
        local = transport.get_extra_info("sockname")
        remote = transport.get_extra_info("peername")
        if not local or not remote:
            self._transport.abort()
            return
        _no_delay(transport)
        self._transport.set_write_buffer_limits(high=limits.STREAM_WRITE_BYTES)
        self.flow = Flow(self.kind, _address(local), _address(remote), self.number)
        raw = transport.get_extra_info("socket")
        self.descriptor = raw.fileno() if raw is not None else 0
        if not self.sink.opened(self):
            self._transport.abort()
            return
        self.was_taken = True
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(limits.STREAM_FIRST_MESSAGE_S, self._too_quiet)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever closed it."""
        if self._watch is not None:
            self._watch.cancel()
        if self.counted_host:
            self.sink.closed(self)
        self._transport = None

    def _too_quiet(self) -> None:
        if not self.has_spoken:
            self.sink.count("connections_silent")
            self.abort()

    # --- both ways

    def deliver(self, data: bytes) -> None:
        """A whole message came."""
        self.has_spoken = self.was_used = True
        if self.flow is not None:
            self.sink.arrived(self.flow, data)

    def send(self, data: bytes) -> bool:
        """Write a message; False when the connection is gone or its peer reads nothing any more."""
        return self.write(self.wrapped(data))

    def write(self, data: bytes) -> bool:
        """Write bytes as they are. Who makes us answer and reads nothing is cut off, or it would fill our memory."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > limits.STREAM_WRITE_BYTES:
            self.sink.count("connections_stuck")
            self.abort()
            return False
        self.was_used = True
        transport.write(data)
        return True

    def rtt_s(self) -> float:
        """The smoothed round trip of the connection in seconds, 0 where the kernel does not say."""
        raw = self._transport.get_extra_info("socket") if self._transport is not None else None
        if raw is None:
            return 0.0
        try:
            info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        except OSError:
            return 0.0
        return int.from_bytes(info[_TCP_INFO_RTT:_TCP_INFO_BYTES], sys.byteorder) / 1e6

    def wrapped(self, data: bytes) -> bytes:
        """A message as it stands on this kind of connection."""
        return data

    def close(self) -> None:
        """Close after what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def _address(name: Sequence[Any]) -> Address:
    """What a socket says of its end, as flows have it: IPv6 in one spelling and without a zone."""
    host: str = name[0]
    if ":" in host:
        host = str(ip_address(host.partition("%")[0]))
    return Address(host, name[1])


def _no_delay(transport: asyncio.BaseTransport) -> None:
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_AFTER_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_EVERY_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEP_ALIVES)


class StreamConnection(Connection):
    """SIP over TCP or TLS."""

    def __init__(self, transport: Transport, sink: Sink) -> None:
        super().__init__(transport, sink)
        self._buffer = b""
        self._line_ends = 0
        self._is_broken = False

    def data_received(self, data: bytes) -> None:
        """Cut messages off the head of the stream."""
        if self._is_broken:
            return
        buffer = self._buffer + data if self._buffer else data
        while buffer and buffer != b"\r":
            if buffer[:1] in (b"\r", b"\n"):
                buffer = self._after_line_ends(buffer)
                continue
            length = self._message_length(buffer)
            if length is None:
                break
            self._line_ends = 0
            message, buffer = buffer[:length], buffer[length:]
            self.deliver(message)
        self._buffer = b"" if self._is_broken else buffer

    def _after_line_ends(self, buffer: bytes) -> bytes:
        """Two line ends between messages are a keep-alive, answered with one (RFC 5626 section 4.4.1)."""
        rest = buffer.lstrip(b"\r\n")
        ends = buffer[: len(buffer) - len(rest)]
        keep_alives, self._line_ends = divmod(self._line_ends + ends.count(b"\r\n"), 2)
        if keep_alives:
            self.write(b"\r\n" * keep_alives)
        return rest or ends[-1:].replace(b"\n", b"")

    def _message_length(self, buffer: bytes) -> int | None:
        """None while the end has not come. What can not be framed any more ends the connection."""
        try:
            return stream_message_length(buffer, limits.SIP_MESSAGE_BYTES)
        except ValueError as error:
            self.sink.count(f"stream_{error}")
            self.sink.unframeable(self, buffer[: limits.SIP_MESSAGE_BYTES], str(error))
            self._is_broken = True
            self.close()
            return None

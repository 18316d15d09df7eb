"""SIP over WebSocket (RFC 7118), over the sans-I/O core of the websockets library."""

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.base.http import HttpRequest, HttpResponse
from talkpath.net.stream import Connection, Sink

Networks = tuple[IPv4Network | IPv6Network, ...]
# Answers an HTTP request that is no WebSocket upgrade.
Page = Callable[[HttpRequest], HttpResponse]

_SIP = Subprotocol("sip")
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# An empty Ping (RFC 6455 section 5.5.2); those of a server are not masked.
_PING = b"\x89\x00"
# Pings in a row after which nothing came: the page is gone, whatever stands in between says.
_PINGS_MISSED = 2
# How long a peer may take to close after us.
_PARTING_S = 1.0
_END_OF_HEAD = b"\r\n\r\n"


class WebSocketConnection(Connection):
    """One browser. A message is one SIP message (RFC 7118 section 5).

    Every `ping_s` seconds it is pinged, unless that is 0: a web server in between closes what is quiet, and keeps a
    connection to us open whose page is gone.
    """

    def __init__(
        self,
        transport: Transport,
        sink: Sink,
        trusted_proxies: Networks,
        page: Page | None = None,
        ping_s: float = 0.0,
    ) -> None:
        super().__init__(transport, sink)
        self._ping_s = ping_s
        self._next_ping: asyncio.TimerHandle | None = None
        self._pings = 0
        self._trusted_proxies = trusted_proxies
        self._page = page
        self._parts: list[bytes] = []
        self._has_answered = False
        self._is_past_head = False
        # The last bytes before the end of the request's head was found.
        self._before = b""
        self._protocol = ServerProtocol(
            subprotocols=[_SIP],
            select_subprotocol=_choose_sip,
            extensions=[ServerPerMessageDeflateFactory()],
            max_size=limits.SIP_MESSAGE_BYTES,
        )

    def data_received(self, data: bytes) -> None:
        """The request first; what follows one that opened no WebSocket (a body, another request) is nobody's."""
        self._pings = 0
        if not self._is_past_head:
            data = self._take_head(data)
        if data and self._protocol.state is not State.CONNECTING:
            self._feed(data)

    def _take_head(self, data: bytes) -> bytes:
        """Feed the protocol up to the end of the request's head, and give the rest: before the handshake is answered
        the protocol must not see it, for it would take it for frames."""
        end = (self._before + data).find(_END_OF_HEAD)
        if end < 0:
            self._before = (self._before + data)[1 - len(_END_OF_HEAD) :]
            self._feed(data)
            return b""
        self._is_past_head = True
        rest = end + len(_END_OF_HEAD) - len(self._before)
        self._feed(data[:rest])
        return data[rest:]

    def _feed(self, data: bytes) -> None:
        """Feed the protocol and act on what it makes of it."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()

    def eof_received(self) -> bool:
        """The peer will send no more."""
        self._protocol.receive_eof()
        self._flush()
        return False

    def _handshake(self, request: Request) -> None:
        self._believe_proxy(request)
        if any(value.lower() == "websocket" for value in request.headers.get_all("Upgrade")):
            self._protocol.send_response(self._protocol.accept(request))
            self._ping_later()
        elif self._page is None or self.flow is None:
            self._protocol.send_response(self._protocol.reject(426, "This is a SIP over WebSocket listener.\n"))
        else:
            self._serve_page(self._page, request, self.flow)

    def _serve_page(self, page: Page, request: Request, flow: Flow) -> None:
        """A browser that came for a page, or a probe."""
        fields = {name.lower(): value for name, value in request.headers.raw_items()}
        status, wanted, body = page(HttpRequest(request.method, request.path, fields, flow))
        response = self._protocol.reject(status, "")
        for name, value in {**wanted, "Content-Length": str(len(body))}.items():
            response.headers.pop(name, None)
            response.headers[name] = value
        shown = b"" if request.method == "HEAD" else body
        self._protocol.send_response(Response(status, response.reason_phrase, response.headers, shown))

    def _believe_proxy(self, request: Request) -> None:
        """Behind a web server of ours, the browser's address is the last one in X-Forwarded-For not of ours."""
        flow = self.flow
        if flow is None or not self._is_trusted(flow.remote.host):
            return
        named = [part.strip() for value in request.headers.get_all("X-Forwarded-For") for part in value.split(",")]
        strangers = [host for host in named if _is_address(host) and not self._is_trusted(host)]
        if strangers:
            self.flow = flow._replace(remote=Address(str(ip_address(strangers[-1])), flow.remote.port))

    def _is_trusted(self, host: str) -> bool:
        return any(ip_address(host) in network for network in self._trusted_proxies)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._parts = []
        elif frame.opcode is not Opcode.CONT:
            return
        if frame.data:
            self._parts.append(bytes(frame.data))
        if frame.fin:
            message, self._parts = b"".join(self._parts), []
            if message.strip(b"\r\n"):
                self.deliver(message)
            elif message == b"\r\n\r\n":
                self.send(b"\r\n")

    def _ping_later(self) -> None:
        if self._ping_s and self._protocol.state is State.OPEN:
            self._next_ping = asyncio.get_running_loop().call_later(self._ping_s, self._ping)

    def _ping(self) -> None:
        if self._pings >= _PINGS_MISSED:
            self.sink.count("websockets_dead")
            self.abort()
        elif self._protocol.state is State.OPEN:
            self._pings += 1
            self.write(_PING)
            self._ping_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Connection`."""
        if self._next_ping is not None:
            self._next_ping.cancel()
        super().connection_lost(exc)

    def send(self, data: bytes) -> bool:
        """Write a message; False when the WebSocket is not open."""
        if self._protocol.state is not State.OPEN:
            return False
        return super().send(data)

    def wrapped(self, data: bytes) -> bytes:
        """One frame: text where the message is UTF-8, binary where it is not (RFC 7118 section 5)."""
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        return b"".join(self._protocol.data_to_send())

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport is None:
                return
            if data:
                self.write(data)
            else:
                # The protocol library says nothing to what it takes for no HTTP, a request with a body among it.
                self._transport.write(b"" if self._has_answered else _BAD_REQUEST)
                self._part(self._transport)
            self._has_answered = True

    def _part(self, transport: asyncio.Transport) -> None:
        """Say that nothing more comes, and close when the peer has. Closed at once, what it still sends would be
        answered with a reset, which can overtake what we said."""
        if not transport.can_write_eof():
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()
            asyncio.get_running_loop().call_later(_PARTING_S, self.close)


def _choose_sip(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol:
    """What a client of SIP must offer; others speak something else. Raises NegotiationError, answered with 400."""
    if _SIP not in offered:
        raise NegotiationError("the subprotocol `sip` must be offered (RFC 7118 section 4.1)")
    return _SIP


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

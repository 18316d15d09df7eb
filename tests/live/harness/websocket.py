"""SIP over WebSocket (RFC 7118) with the sans-I/O client of `websockets`, as a browser's library does it.

One thread reads and writes: the threaded client does both at once on one TLS socket, which Python before 3.13 does
not bear (two or three handshakes in a hundred hang).
"""

import secrets
import select
import socket
import ssl
import time
from collections.abc import Mapping

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from harness.sip import Endpoint, Received, Request, parse, secured


class WebEndpoint(Endpoint):
    """Speaks SIP in WebSocket messages; its Contact is in .invalid, as JsSIP's is."""

    def __init__(
        self, host: str, port: int, *, secure: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        self.transport = "wss" if secure else "ws"
        self.remote = (host, port)
        self._name = f"{secrets.token_hex(6)}.invalid"
        self._waiting: list[Received] = []
        plain = socket.create_connection((host, port), 10)
        self.socket = secured(plain) if secure else plain
        where = f"[{host}]" if ":" in host else host
        self._protocol = ClientProtocol(
            parse_uri(f"{self.transport}://{where}:{port}/"), subprotocols=[Subprotocol("sip")]
        )
        self._upgrade(headers or {})

    @property
    def authority(self) -> str:
        return self._name

    def contact(self, user: str) -> str:
        """RFC 7118 5.2: transport=ws whether or not TLS is below."""
        return f"Contact: <sip:{user}@{self._name};transport=ws>"

    def send(self, message: Request | bytes) -> None:
        data = message.text(self.via) if isinstance(message, Request) else message
        self._protocol.send_text(data)
        self._flush()

    def _upgrade(self, headers: Mapping[str, str]) -> None:
        request = self._protocol.connect()
        for name, value in headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()
        limit = time.monotonic() + 10
        while not self._pump(limit - time.monotonic()):
            assert time.monotonic() < limit, "the WebSocket was not opened"
        assert self._protocol.subprotocol == "sip", self._protocol.handshake_exc

    def _flush(self) -> None:
        self.socket.sendall(b"".join(self._protocol.data_to_send()))

    def _pump(self, timeout_s: float) -> bool:
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        if not pending and not select.select([self.socket], [], [], max(0.0, timeout_s))[0]:
            return False
        data = self.socket.recv(65536)
        if not data:
            return False
        self._protocol.receive_data(data)
        events = self._protocol.events_received()
        for event in events:
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._waiting += [parse(data) for data in [bytes(event.data)] if data.strip()]
        self._flush()
        return bool(events) and (not isinstance(events[0], Response) or self._protocol.handshake_exc is None)

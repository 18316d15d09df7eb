"""SIP over WebSocket (RFC 7118) with the `websockets` client: what a browser's library does, without a browser."""

import secrets
import ssl
from contextlib import ExitStack

from websockets.sync.client import connect

from harness.sip import Endpoint, Received, Request, parse


class WebEndpoint(Endpoint):
    """Speaks SIP in WebSocket messages; its Contact is in .invalid, as JsSIP's is."""

    def __init__(self, host: str, port: int, *, secure: bool = False, headers: dict[str, str] | None = None) -> None:
        self.transport = "wss" if secure else "ws"
        self.remote = (host, port)
        self._name = f"{secrets.token_hex(6)}.invalid"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if secure else None
        if context is not None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        where = f"[{host}]" if ":" in host else host
        self._open = ExitStack()
        self._web = self._open.enter_context(
            connect(
                f"{self.transport}://{where}:{port}/",
                ssl=context,
                subprotocols=["sip"],  # type: ignore[list-item]
                additional_headers=headers,
                open_timeout=10,
            )
        )
        assert self._web.subprotocol == "sip"
        self._waiting: list[Received] = []

    @property
    def authority(self) -> str:
        return self._name

    def contact(self, user: str) -> str:
        """RFC 7118 5.2: transport=ws whether or not TLS is below."""
        return f"Contact: <sip:{user}@{self._name};transport=ws>"

    def send(self, message: Request | bytes) -> None:
        data = message.text(self.via) if isinstance(message, Request) else message
        self._web.send(data.decode() if b"\xff" not in data else data)

    def close(self) -> None:
        self._open.close()

    def _pump(self, timeout_s: float) -> bool:
        try:
            data = self._web.recv(timeout_s)
        except TimeoutError:
            return False
        raw = data.encode() if isinstance(data, str) else data
        if raw.strip():
            self._waiting.append(parse(raw))
        return True

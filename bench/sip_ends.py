"""The SIP ends of `bench/webrtc_calls.py`: a browser on a WebSocket (RFC 7118) and a phone on UDP.

Both are load: they say what a call needs and no more, the same to every server.
"""

import asyncio
import secrets
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from talkpath.sip.message import Message

HOST = "127.0.0.1"
PHONE = "phone"
Address = tuple[str, int]


class Phone(asyncio.DatagramProtocol):
    """The called one: takes every call with the description that `answer_of` gives for its Call-ID."""

    def __init__(self, server: Address, answer_of: Callable[[str], str]) -> None:
        self._server = server
        self._answer_of = answer_of
        self._is_registered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self._port: int = transport.get_extra_info("sockname")[1]

    async def register(self) -> None:
        """Bind `PHONE` to this socket."""
        domain = f"{HOST}:{self._server[1]}"
        via = f"Via: SIP/2.0/UDP {HOST}:{self._port};branch=z9hG4bK{secrets.token_hex(6)}"
        aor, ids = f"<sip:{PHONE}@{domain}>", f"Call-ID: {secrets.token_hex(8)}\r\nCSeq: 1 REGISTER"
        lines = [f"REGISTER sip:{domain} SIP/2.0", via, "Max-Forwards: 70", f"From: {aor};tag=1", f"To: {aor}", ids]
        lines += [f"Contact: <sip:{PHONE}@{HOST}:{self._port}>", "Expires: 3600", "Content-Length: 0", "", ""]
        self._transport.sendto("\r\n".join(lines).encode(), self._server)
        await asyncio.wait_for(self._is_registered, 5)

    def datagram_received(self, data: bytes, source: Address) -> None:
        message = Message.parse(data)
        match message.method:
            case "REGISTER":
                if message.status != 200:
                    raise RuntimeError(f"the server answers REGISTER with {message.status}")
                self._is_registered.set_result(None)
            case "INVITE":
                self._transport.sendto(_response(message, "180 Ringing", self._port), source)
                body = self._answer_of(message.call_id)
                self._transport.sendto(_response(message, "200 OK", self._port, body), source)
            case "BYE":
                self._transport.sendto(_response(message, "200 OK", self._port), source)


class Browser:
    """The calling one: a WebSocket on which its calls follow or cross one another."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._host = f"{secrets.token_hex(6)}.invalid"
        self._answers: dict[tuple[str, str], asyncio.Future[Message]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int) -> "Browser":
        """Connect to the WebSocket of a server."""
        return cls(await connect(f"ws://{HOST}:{port}/", subprotocols=[Subprotocol("sip")], compression=None))

    async def invite(self, call: str, offer: str, port: int) -> Message:
        """Call the phone and acknowledge its answer, the 200 that is given back."""
        uri = f"sip:{PHONE}@{HOST}:{port}"
        contact = f"Contact: <sip:web@{self._host};transport=ws>"
        answer = await self._ask("INVITE", call, uri, 1, f"To: <{uri}>", (contact,), offer)
        if answer.status != 200:
            raise RuntimeError(f"the server answers INVITE with {answer.status} {answer.reason}")
        await self._send(self._within("ACK", 1, answer))
        return answer

    async def bye(self, answer: Message) -> None:
        """Hang up, and wait until it is confirmed."""
        waiting = self._expect(answer.call_id, "BYE")
        await self._send(self._within("BYE", 2, answer))
        await asyncio.wait_for(waiting, 10)

    async def close(self) -> None:
        self._reader.cancel()
        await self._connection.close()

    async def _ask(
        self, method: str, call: str, uri: str, number: int, to: str, fields: tuple[str, ...], body: str
    ) -> Message:
        waiting = self._expect(call, method)
        await self._send(self._written(method, call, uri, number, to, fields, body))
        return await asyncio.wait_for(waiting, 10)

    def _expect(self, call: str, method: str) -> asyncio.Future[Message]:
        self._answers[call, method] = waiting = asyncio.get_running_loop().create_future()
        return waiting

    def _within(self, method: str, number: int, answer: Message) -> str:
        """A request of the dialog that a 200 has made (RFC 3261 12.2.1.1)."""
        routes = tuple(f"Route: {route}" for route in reversed(answer.listed("Record-Route")))
        uri = (answer.first("Contact") or "").strip().partition("<")[2].partition(">")[0]
        return self._written(method, answer.call_id, uri, number, f"To: {answer.first('To')}", routes, "")

    def _written(
        self, method: str, call: str, uri: str, number: int, to: str, fields: tuple[str, ...], body: str
    ) -> str:
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/WS {self._host};branch=z9hG4bK{secrets.token_hex(6)}"]
        lines += ["Max-Forwards: 70", f"From: <sip:web@{HOST}>;tag={self._host[:8]}", to]
        lines += [f"Call-ID: {call}", f"CSeq: {number} {method}", *fields]
        return "\r\n".join([*lines, *_described(body)])

    async def _send(self, text: str) -> None:
        await self._connection.send(text)

    async def _read(self) -> None:
        async for data in self._connection:
            message = Message.parse(data if isinstance(data, bytes) else data.encode())
            if message.is_request or message.status < 200:
                continue
            waiting = self._answers.pop((message.call_id, message.method), None)
            if waiting is not None:
                waiting.set_result(message)


def _response(request: Message, status: str, port: int, body: str = "") -> bytes:
    lines = [f"SIP/2.0 {status}"]
    lines += [f"{name}: {value}" for name in ("Via", "Record-Route", "From") for value in request.all(name)]
    lines.append(f"To: {request.first('To')}" + ("" if request.to_tag else ";tag=phone"))
    lines += [f"Call-ID: {request.call_id}", f"CSeq: {request.first('CSeq')}"]
    lines.append(f"Contact: <sip:{PHONE}@{HOST}:{port}>")
    return "\r\n".join([*lines, *_described(body)]).encode()


def _described(body: str) -> list[str]:
    """What ends a message: the fields of its body, an empty line, the body."""
    kind = ["Content-Type: application/sdp"] if body else []
    return [*kind, f"Content-Length: {len(body)}", "", body]

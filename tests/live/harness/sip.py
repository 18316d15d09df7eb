"""A small SIP client of our own for what phones and SIPp do not do: odd orders, odd digests, exact bytes.

It shares no code with the edge, so that an error in one is not hidden by the same error in the other.
"""

import hashlib
import re
import secrets
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.process import Stoppable

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
}


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came: start line, fields in order (lower case, compact forms expanded), body."""

    start: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.cseq.split()[1] if self.status else self.start.split()[0]

    @property
    def uri(self) -> str:
        return self.start.split()[1]

    @property
    def cseq(self) -> str:
        return self.first("cseq")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")


def parse(data: bytes) -> Received:
    """Read one whole message. Raises ValueError where it is none: the edge must never send such a thing."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError(f"no end of header: {data[:200]!r}")
    start, *lines = head.decode("utf-8").split("\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"no colon in {line!r}")
        key = name.strip().lower()
        fields.append((_COMPACT.get(key, key), value.strip()))
    return Received(start, tuple(fields), body)


@dataclass(slots=True)
class Request:
    """A request under construction; `text` writes it with what is asked for and nothing else."""

    method: str
    uri: str
    sender: str
    to: str
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    from_tag: str = field(default_factory=lambda: secrets.token_hex(4))
    to_tag: str = ""
    number: int = 1
    branch: str = field(default_factory=lambda: "z9hG4bK" + secrets.token_hex(6))
    extra: list[str] = field(default_factory=list)
    body: bytes = b""

    def text(self, via: str) -> bytes:
        to_tag = f";tag={self.to_tag}" if self.to_tag else ""
        lines = [
            f"{self.method} {self.uri} SIP/2.0",
            f"Via: SIP/2.0/{via};rport;branch={self.branch}",
            "Max-Forwards: 70",
            f"From: <{self.sender}>;tag={self.from_tag}",
            f"To: <{self.to}>{to_tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.number} {'INVITE' if self.method == 'ACK' and not self.to_tag else self.method}",
            *self.extra,
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body

    def again(self) -> None:
        """Next CSeq number and a new branch: the same request, sent anew."""
        self.number += 1
        self.branch = "z9hG4bK" + secrets.token_hex(6)

    def answer_challenge(self, answer: "Received", user: str, password: str, algorithm: str | None = None) -> None:
        """Become the next attempt, with credentials for one challenge of `answer`."""
        self.again()
        self.extra = [line for line in self.extra if "uthorization:" not in line]
        self.extra.append(credentials(answer, self, user, password, algorithm))


class Endpoint(Stoppable):
    """A socket that speaks SIP: UDP, TCP or TLS, bound to `local`, towards `remote`."""

    def __init__(self, local: tuple[str, int], remote: tuple[str, int], transport: str = "udp") -> None:
        self.transport = transport
        self.remote = remote
        family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        plain = socket.socket(family, kind)
        plain.bind(local)
        plain.settimeout(10)
        try:
            plain.connect(remote)
            self.socket = secured(plain) if transport == "tls" else plain
        except OSError:
            plain.close()
            raise
        self._buffer = b""
        self._waiting: list[Received] = []

    @property
    def local(self) -> tuple[str, int]:
        name = self.socket.getsockname()
        return name[0], name[1]

    @property
    def authority(self) -> str:
        host, port = self.local
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def via(self) -> str:
        return f"{self.transport.upper()} {self.authority}"

    def contact(self, user: str) -> str:
        """A Contact header field that leads here."""
        return f"Contact: <sip:{user}@{self.authority};transport={self.transport}>"

    def send(self, message: Request | bytes) -> None:
        self.socket.sendall(message.text(self.via) if isinstance(message, Request) else message)

    def wait(self, wanted: Callable[[Received], bool], timeout_s: float = 10.0) -> Received:
        """The next message that is `wanted`; others are put aside for later waits."""
        limit = time.monotonic() + timeout_s
        seen = 0
        while True:
            for number in range(seen, len(self._waiting)):
                if wanted(self._waiting[number]):
                    return self._waiting.pop(number)
            seen = len(self._waiting)
            left = limit - time.monotonic()
            if left <= 0 or not self._pump(left):
                starts = [item.start for item in self._waiting]
                raise AssertionError(f"what was waited for did not come in {timeout_s} s; unread: {starts}")

    def final(self, request: Request, timeout_s: float = 10.0) -> Received:
        """The final response to `request`."""
        return self.wait(lambda item: item.status >= 200 and _answers(item, request), timeout_s)

    def ask(self, request: Request, timeout_s: float = 10.0) -> Received:
        """Send and give the final response; over UDP the request is repeated (RFC 3261 17.1.2.2)."""
        limit = time.monotonic() + timeout_s
        while True:
            self.send(request)
            left = limit - time.monotonic()
            pause = min(left, 1.0) if self.transport == "udp" else left
            try:
                return self.final(request, pause)
            except AssertionError:
                if time.monotonic() >= limit:
                    raise

    def ask_as(self, request: Request, user: str, password: str, algorithm: str | None = None) -> Received:
        """The same, and once more with credentials when challenged."""
        answer = self.ask(request)
        if answer.status not in (401, 407):
            return answer
        if request.method == "INVITE":
            self.send(acknowledgement(request, answer))
        request.answer_challenge(answer, user, password, algorithm)
        return self.ask(request)

    def reply(
        self, request: Received, status: str, extra: Iterable[str] = (), body: bytes = b"", tag: str = ""
    ) -> None:
        """Answer a request that came here."""
        lines = [f"SIP/2.0 {status}"]
        for name, value in request.fields:
            if name in ("via", "record-route", "from", "call-id", "cseq"):
                lines.append(f"{name}: {value}")
            elif name == "to":
                lines.append(f"to: {value}" + (f";tag={tag}" if tag and "tag=" not in value else ""))
        lines += [*extra, f"Content-Length: {len(body)}"]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def ping(self) -> bool:
        """Whether an OPTIONS is answered within half a second."""
        here = f"sip:probe@{self.authority}"
        request = Request("OPTIONS", f"sip:{self.remote[0]}:{self.remote[1]}", here, here)
        try:
            self.send(request)
            self.final(request, 0.5)
        except (OSError, AssertionError):
            return False
        return True

    def has(self, wanted: Callable[[Received], bool]) -> bool:
        """Whether such a message is here by now; it stays for a later wait."""
        while self._pump(0):
            pass
        return any(wanted(item) for item in self._waiting)

    def raw(self, size: int, timeout_s: float) -> bytes:
        """The next bytes of a stream as they come, before anything is cut off."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return b""
        return self.socket.recv(size)

    def pause(self, seconds: float) -> None:
        """Let that much time pass while reading what comes: for timers of the edge, which are the thing tested."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            self._pump(left)

    def is_silent(self, seconds: float) -> bool:
        """Nothing comes for that long."""
        return not self._waiting and not self._pump(seconds)

    def stop(self) -> None:
        self.socket.close()

    def _pump(self, timeout_s: float) -> bool:
        """Read what is there into the waiting list; False when nothing came in time or the peer closed."""
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        if not pending and not select.select([self.socket], [], [], timeout_s)[0]:
            return False
        data = self.socket.recv(65536)
        if self.transport == "udp":
            if data.strip():
                self._waiting.append(parse(data))
            return True
        self._buffer += data
        self._cut()
        return bool(data)

    def _cut(self) -> None:
        """Cut whole messages off a stream (RFC 3261 18.3)."""
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self._waiting.append(parse(head + separator + rest[:size]))
            self._buffer = rest[size:]


def acknowledgement(request: Request, answer: Received) -> Request:
    """The ACK of a final response that is no 2xx: same branch, same URI (RFC 3261 17.1.1.3)."""
    ack = Request("ACK", request.uri, request.sender, request.to, request.call_id, request.from_tag)
    ack.number, ack.branch, ack.to_tag = request.number, request.branch, tag_of(answer.first("to"))
    ack.extra = [line for line in request.extra if line.startswith("Route:")]
    return ack


def credentials(answer: Received, request: Request, user: str, password: str, algorithm: str | None = None) -> str:
    """The Authorization field for one challenge of `answer` (RFC 7616): the first, or the one with `algorithm`."""
    name = "proxy-authenticate" if answer.status == 407 else "www-authenticate"
    offers = [_parameters(value) for value in answer.all(name)]
    chosen = next(offer for offer in offers if algorithm in (None, offer.get("algorithm", "MD5")))
    hashed = _HASHES[chosen.get("algorithm", "MD5")]

    def digest(*parts: str) -> str:
        return hashed(":".join(parts).encode()).hexdigest()

    secret = digest(user, chosen["realm"], password)
    wanted = digest(request.method, request.uri)
    values = {
        "username": user,
        "realm": chosen["realm"],
        "nonce": chosen["nonce"],
        "uri": request.uri,
    }
    tail = f", algorithm={chosen.get('algorithm', 'MD5')}"
    if "qop" in chosen:
        cnonce = secrets.token_hex(8)
        values["response"] = digest(secret, chosen["nonce"], "00000001", cnonce, "auth", wanted)
        tail += f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        values["response"] = digest(secret, chosen["nonce"], wanted)
    if "opaque" in chosen:
        values["opaque"] = chosen["opaque"]
    header = "Proxy-Authorization" if answer.status == 407 else "Authorization"
    return f"{header}: Digest " + ", ".join(f'{key}="{value}"' for key, value in values.items()) + tail


def tag_of(value: str) -> str:
    """The tag of a From or To value."""
    found = re.search(r";\s*tag=([^;\s>]+)", value)
    return found[1] if found else ""


def _answers(item: Received, request: Request) -> bool:
    return item.first("call-id") == request.call_id and item.cseq == f"{request.number} {request.method}"


def _parameters(value: str) -> dict[str, str]:
    pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', value.partition(" ")[2])
    return {key.lower(): quoted or bare for key, quoted, bare in pairs}


def secured(plain: socket.socket) -> ssl.SSLSocket:
    """TLS over `plain`, whatever certificate is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)

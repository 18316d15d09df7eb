"""One try to bring a notice to who asked for it: one POST, and what was answered to it.

Redirects are not followed: what is signed for one address is not for whomever that names. The answer is read to the
end of its headers, and within `NOTICE_ANSWER_S` altogether, however slowly it drips.
"""

import socket
from contextlib import suppress
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from urllib.parse import urlsplit

from talkpath.base import limits
from talkpath.base.errors import Unavailable


class Refusal(StrEnum):
    """Why a notice was not taken: nobody answers (in time, in HTTP, with a certificate that is good), the address has
    moved, we are not let in, there is nothing at that address, it says that it is ill; or it refuses this one."""

    UNREACHABLE = "unreachable"
    REDIRECTED = "redirected"
    DENIED = "denied"
    MISSING = "missing"
    FAILING = "failing"
    REFUSED = "refused"


class NotTold(Unavailable):
    """A notice was not taken. The reason is a line and holds nothing secret."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(f"notice-{refusal}", reason)
        self.refusal = refusal


def send(url: str, headers: dict[str, str], body: bytes) -> None:
    """POST it. Raises `NotTold` unless it was answered with 2xx."""
    try:
        answer = _answer(url, headers, body)
    except (OSError, HTTPException, ValueError) as error:
        raise NotTold(Refusal.UNREACHABLE, _line(error)) from error
    if not 200 <= answer.status < 300:
        raise NotTold(_refusal(answer.status), f"{answer.status} {answer.reason}"[:200].strip())


def _answer(url: str, headers: dict[str, str], body: bytes) -> HTTPResponse:
    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=limits.NOTICE_CONNECT_S)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    watch = Timer(limits.NOTICE_ANSWER_S, _cut, (connection,))
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", target, body, headers)
        with connection.getresponse() as answer:
            return answer
    finally:
        watch.cancel()
        connection.close()


def _cut(connection: HTTPConnection) -> None:
    """Who waits for the answer finds the line gone. Not by the TLS socket's own verb, which is for who reads it."""
    if isinstance(connection.sock, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _refusal(status: int) -> Refusal:
    match status:
        case 401 | 403:
            return Refusal.DENIED
        case 404 | 410:
            return Refusal.MISSING
        case 408 | 429:
            return Refusal.FAILING
        case _ if 300 <= status < 400:
            return Refusal.REDIRECTED
        case _ if 400 <= status < 500:
            return Refusal.REFUSED
        case _:
            return Refusal.FAILING


def _line(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.partition("\n")[0][:200]

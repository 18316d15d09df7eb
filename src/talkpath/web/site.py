"""The page at the address of the WebSocket listeners: its files, guests, and what happened to a visitor's call."""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs

import msgspec

from talkpath.base.address import Flow
from talkpath.base.http import HttpRequest, HttpResponse
from talkpath.web.guests import Guests, NotAdmitted, Why
from talkpath.web.progress import Progress

STATIC = Path(__file__).parent / "static"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
# Nothing from elsewhere, nothing inline, in nobody's frame. Not every browser takes 'self' for WebSockets too.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{sockets}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# A page of another site can not send this without asking first, and we say no to that (CORS).
_OWN_FIELD = "x-talkpath"


@dataclass(frozen=True, slots=True)
class About:
    """What the page must know: the domain of its users as a flow sees it, and the port of WSS (0: there is none)."""

    domain: Callable[[Flow], str]
    secure_port: int


class _File(NamedTuple):
    kind: str
    plain: bytes
    packed: bytes


class Site:
    """Answers HTTP requests. `story` tells the progress of a call to somebody who takes part in it, else None."""

    def __init__(
        self,
        about: About,
        guests: Guests,
        story: Callable[[str, str], Progress | None],
        now: Callable[[], float],
        files: Path = STATIC,
    ) -> None:
        self._about = about
        self._guests = guests
        self._story = story
        self._now = now
        self._files = {path: _read(files / name, kind) for path, (name, kind) in _FILES.items()}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer to any request."""
        path, _, query = request.path.partition("?")
        if request.method == "POST" and path == "/guest":
            return self._guest(request)
        if request.method not in ("GET", "HEAD"):
            return _text(405, "GET only.\n", Allow="GET, HEAD")
        if path in self._files:
            return _file(self._files[path], request)
        if path == "/about":
            return self._tell_about(request)
        if path == "/call":
            return self._call(request, query)
        return _text(404, "There is nothing here.\n")

    def _tell_about(self, request: HttpRequest) -> HttpResponse:
        about = self._about
        return _json(200, {"domain": about.domain(request.flow), "securePort": about.secure_port})

    def _guest(self, request: HttpRequest) -> HttpResponse:
        """A number and a password for the visitor; the number shown again keeps."""
        if _OWN_FIELD not in request.fields:
            return _text(403, "Only the page itself may ask.\n")
        shown = request.fields.get("x-guest", "")
        try:
            guest = self._guests.admit(request.flow.remote.host, shown, self._now())
        except NotAdmitted as refusal:
            return _json(503 if refusal.why is Why.FULL else 403, {"why": refusal.why})
        return _json(
            200,
            {
                "number": guest.number,
                "password": guest.password.reveal(),
                "endsAt": guest.ends_at,
                "shown": str(guest),
            },
        )

    def _call(self, request: HttpRequest, query: str) -> HttpResponse:
        """Whoever knows a Call-ID and sits at an address that speaks in that call may see how it goes."""
        call_id = parse_qs(query).get("id", [""])[0]
        progress = self._story(call_id, request.flow.remote.host)
        return _text(404, "No such call.\n") if progress is None else _json(200, progress)


def _read(path: Path, kind: str) -> _File:
    data = path.read_bytes()
    return _File(kind, data, gzip.compress(data, mtime=0))


def _file(file: _File, request: HttpRequest) -> HttpResponse:
    host = request.fields.get("host", "")
    policy = _POLICY.format(sockets=f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else "")
    fields = {**_ALWAYS, "Content-Type": file.kind, "Content-Security-Policy": policy, "Vary": "Accept-Encoding"}
    if "gzip" in request.fields.get("accept-encoding", ""):
        return HttpResponse(200, {**fields, "Content-Encoding": "gzip"}, file.packed)
    return HttpResponse(200, fields, file.plain)


def _text(status: int, text: str, **more: str) -> HttpResponse:
    return HttpResponse(status, {**_ALWAYS, "Content-Type": "text/plain; charset=utf-8", **more}, text.encode())


def _json(status: int, value: object) -> HttpResponse:
    fields = {**_ALWAYS, "Content-Type": "application/json", "Cache-Control": "no-store"}
    return HttpResponse(status, fields, msgspec.json.encode(value))

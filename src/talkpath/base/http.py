"""A plain HTTP request on a WebSocket listener, and its answer: what `net` reads and writes and `web` decides."""

from collections.abc import Mapping
from typing import NamedTuple

from talkpath.base.address import Flow


class HttpRequest(NamedTuple):
    """A request without a body. `fields` go by lower-case name; `flow.remote` is the visitor, beyond our proxies."""

    method: str
    path: str
    fields: Mapping[str, str]
    flow: Flow


class HttpResponse(NamedTuple):
    """The answer. Content-Length, Date and Connection are added by whoever writes it."""

    status: int
    fields: Mapping[str, str]
    body: bytes

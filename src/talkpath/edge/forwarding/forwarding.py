"""How a request or response is written on (RFC 3261 sections 16.4, 16.6 and 16.7). Pure: bytes out of messages."""

import re
from collections.abc import Sequence
from functools import lru_cache

from talkpath.base.address import Address, Transport
from talkpath.base.errors import Malformed
from talkpath.sip.grammar import NameAddr, parse_auth
from talkpath.sip.message import Message
from talkpath.sip.uri import sip_uri

Edit = tuple[int, str | None]


class Onward:
    """What changes in a request on its way: new target, our Via, Record-Route and Route lines, its body, and what the
    next side counts more in CSeq."""

    __slots__ = (
        "asserted",
        "back_shift",
        "body",
        "cseq_shift",
        "drop_credentials",
        "receiver",
        "record_route",
        "routes",
        "sender",
        "uri",
        "via",
        "withheld",
    )

    def __init__(
        self,
        uri: str,
        via: str,
        record_route: str = "",
        routes: Sequence[str] | None = None,
        body: bytes | None = None,
        drop_credentials: str = "",
        withheld: Sequence[str] = (),
        asserted: str = "",
        cseq_shift: int = 0,
        back_shift: int = 0,
        sender: str = "",
        receiver: str = "",
    ) -> None:
        self.uri = uri
        self.via = via
        self.record_route = record_route
        self.routes = routes
        self.body = body
        self.drop_credentials = drop_credentials
        self.withheld = withheld
        self.asserted = asserted
        self.cseq_shift = cseq_shift
        self.back_shift = back_shift
        #: From and To as the next side knows them, "" as they came
        self.sender = sender
        self.receiver = receiver


def via_line(transport: Transport, advertised: Address, branch: str) -> str:
    """Our Via (RFC 3261 section 16.6 step 8)."""
    return f"{_via_start(transport, advertised)}{branch}\r\n"


def record_route_line(transport: Transport, advertised: Address, token: str) -> str:
    """Our Record-Route for one side (step 4)."""
    return f"Record-Route: <sip:{token}@{_loose_place(transport, advertised)}>\r\n"


# Each message names a listener of ours, or one to each side.
@lru_cache(1024)
def _via_start(transport: Transport, advertised: Address) -> str:
    return f"Via: SIP/2.0/{transport} {advertised};branch="


@lru_cache(1024)
def _loose_place(transport: Transport, advertised: Address) -> str:
    return sip_uri(advertised, transport, "", "lr").removeprefix("sip:")


def forwarded_request(request: Message, via_value: str | None, onward: Onward) -> bytes:
    """The request as it goes on. `via_value` replaces the first Via where it needs received or rport."""
    frame = request.frame
    edits: list[Edit] = []
    head = onward.via + onward.record_route
    gone = list(onward.withheld)
    if onward.routes is not None:
        gone.append("Route")
        head += "".join([f"Route: {route}\r\n" for route in onward.routes])
    if onward.drop_credentials:
        edits += _dropped_credentials(request, onward.drop_credentials)
    if onward.sender:
        edits.append((frame.index("From"), onward.sender))
    if onward.receiver:
        edits.append((frame.index("To"), onward.receiver))
    if onward.cseq_shift or onward.back_shift:
        edits += _renumbered(request, onward.cseq_shift, onward.back_shift)
    added = _content_type(request, onward.body, gone)
    return frame.onward(onward.uri, head, via_value, gone, _in_order(edits), onward.asserted + added, onward.body)


def max_forwards(request: Message) -> int:
    """Max-Forwards; 70 where it is missing (RFC 3261 section 16.3 step 3 forgives it)."""
    text = request.frame.first("Max-Forwards")
    return 70 if text is None else int(text)


def _renumbered(request: Message, shift: int, back: int) -> list[Edit]:
    """What counts by CSeq numbers, as the next side knows them: CSeq and RAck (RFC 3262 section 7.2), and which REFER
    an event is about (RFC 3515 section 2.4.6): a NOTIFY names one of the next side, a SUBSCRIBE one of its sender."""
    edits: list[Edit] = []
    number, method = request.cseq
    if shift:
        edits.append((request.frame.index("CSeq"), f"{number + shift} {method}"))
        edits += _added(request, "RAck", _RACK, shift)
    return edits + _added(request, "Event", _REFER_ID, -back if method == "NOTIFY" else shift)


# What stands before the number, and the number.
_RACK = re.compile(r"(\s*[0-9]+\s+)([0-9]{1,10})")
_REFER_ID = re.compile(r"(\s*refer\s*;(?:.*;)?\s*id\s*=\s*)([0-9]{1,10})", re.IGNORECASE)


def _added(request: Message, name: str, pattern: re.Pattern[str], shift: int) -> list[Edit]:
    at = request.frame.index(name)
    found = pattern.match(request.frame.field(at)[1]) if at >= 0 else None
    if found is None:
        return []
    return [(at, f"{found[1]}{int(found[2]) + shift}{request.frame.field(at)[1][found.end() :]}")]


def _dropped(request: Message, name: str) -> list[Edit]:
    edits: list[Edit] = []
    at = request.frame.index(name)
    while at >= 0:
        edits.append((at, None))
        at = request.frame.index(name, at + 1)
    return edits


def _dropped_credentials(request: Message, realm: str) -> list[Edit]:
    """Credentials for our realm go no further (RFC 3261 section 22.3): they are nobody else's business."""
    found = _dropped(request, "Proxy-Authorization")
    if bears_ours(request, realm):
        found += _dropped(request, "Authorization")
    return [(at, None) for at, _ in found if _is_for(request.frame.field(at)[1], realm)]


def bears_ours(request: Message, realm: str) -> bool:
    """Whether somebody else had a phone prove itself for our realm: the other side of a call answers 401 with a
    challenge of ours, and would use what the phone says, or find its password in it. A REGISTER may be for another
    server of our realm."""
    if request.frame.index("Authorization") < 0 or request.method == "REGISTER":
        return False
    return any(_is_for(value, realm) for value in request.all("Authorization"))


def _is_for(credentials: str, realm: str) -> bool:
    """Whether they name that realm. Nearly all write it in one way, and only others are taken apart."""
    return f'realm="{realm}"' in credentials or parse_auth(credentials)[1].get("realm") == realm


class Backward:
    """What changes in a response on its way: its body, fields that go, and lines that come. `cseq`, `sender` and
    `receiver` are CSeq, From and To of who asked, where they are not the same."""

    __slots__ = ("added", "body", "cseq", "receiver", "sender", "withheld")

    def __init__(self, body: bytes | None, withheld: Sequence[str] = (), added: str = "") -> None:
        self.body = body
        self.withheld = withheld
        self.added = added
        self.cseq: str | None = None
        self.sender: str | None = None
        self.receiver: str | None = None


def forwarded_response(response: Message, back: Backward) -> bytes:
    """The response without our Via, which is its first (RFC 3261 section 16.7 step 3)."""
    frame = response.frame
    edits: list[Edit] = []
    gone = list(back.withheld)
    added = _content_type(response, back.body, gone)
    if back.cseq is not None:
        edits.append((frame.index("CSeq"), back.cseq))
    if back.sender is not None:
        edits.append((frame.index("From"), back.sender))
    if back.receiver is not None:
        edits.append((frame.index("To"), back.receiver))
    return frame.backward(gone, _in_order(edits), back.added + added, back.body)


def _in_order(edits: list[Edit]) -> list[Edit]:
    return sorted(edits, key=lambda edit: edit[0]) if len(edits) > 1 else edits


def _content_type(message: Message, body: bytes | None, gone: list[str]) -> str:
    """A description that is put in or left out takes its Content-Type along: one more field that goes, lines that
    come."""
    if body is None or bool(body) == bool(message.frame.body_length):
        return ""
    gone.append("Content-Type")
    return "Content-Type: application/sdp\r\n" if body else ""


class Route:
    """One value of a Route field: its text, and its URI taken apart."""

    __slots__ = ("address", "text")

    def __init__(self, text: str, address: NameAddr) -> None:
        self.text = text
        self.address = address


def routes_of(request: Message) -> list[Route]:
    """The route set that a request brings. Raises Malformed."""
    if request.frame.index("Route") < 0:
        return []
    try:
        return [Route(item, NameAddr.parse(item)) for item in request.listed("Route") if item]
    except Malformed:
        raise Malformed("route", "Bad Route") from None

"""Grammar of header values, parsed on demand (RFC 3261 section 25). Raises only `Malformed`.

Every expression reads its text once: neighbours that could take the same characters are possessive, so that none is
tried again in another way. One that backtracks would let a stranger hold the edge for a minute with one datagram of
spaces. Groups are not made possessive: Python before 3.11.5 gets those wrong.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from talkpath._native import auth_params, list_items
from talkpath.base.address import Transport
from talkpath.base.errors import Malformed
from talkpath.sip.uri import CACHED_CHARACTERS, Uri, format_params, parse_params

_NAME_ADDR = re.compile(
    r'\s*+(?P<name>"(?:[^"\\]|\\.)*"\s*+|[^<"]*+)<(?P<uri>[^>]*+)>\s*+(?P<params>;.*)?$',
    re.DOTALL | re.ASCII,
)
_VIA = re.compile(
    r"SIP\s*+/\s*+2\.0\s*+/\s*+(?P<transport>[A-Za-z0-9\-]++)\s++"
    r"(?P<host>\[[0-9A-Fa-f:.%]++\]|[^\s:;,\[\]]++)\s*+(?::\s*+(?P<port>\d{1,5})\s*+)?(?P<params>;[^,]*+)?$",
    re.IGNORECASE | re.ASCII,
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_HOLE = re.compile(r";\s*+;")
_DIGITS = frozenset("0123456789")
_PLAIN_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)$", re.ASCII)
_ODD_IN_TAG = frozenset(';,? \t">')
_TAG = re.compile(r';\s*tag\s*=\s*([^;,\s?>"]+)', re.IGNORECASE | re.ASCII)


class CSeq(NamedTuple):
    """RFC 3261 section 20.16."""

    number: int
    method: str


class NameAddr:
    """A name-addr or addr-spec with its header parameters (RFC 3261 section 20.10)."""

    # No dataclass: compiled, this is made six times as fast, several times a message.
    __slots__ = ("display_name", "params", "uri")

    def __init__(self, uri: str, params: dict[str, str | None], display_name: str = "") -> None:
        self.uri = uri
        self.params = params
        self.display_name = display_name

    @staticmethod
    def parse(text: str) -> "NameAddr":
        """Raises Malformed(`name-addr`). The URI is kept as text: it is parsed when somebody asks."""
        if text.startswith("<") and '"' not in text:
            uri, end, rest = text[1:].partition(">")
            uri = uri.strip()
            if uri and end and (not rest or rest.startswith(";")):
                return NameAddr(uri, parse_params(rest) if rest else {})
        match = _NAME_ADDR.match(text)
        if match is not None and (named := match["uri"].strip()):
            name = match["name"].strip()
            if name.startswith('"'):
                name = re.sub(r"\\(.)", r"\1", name[1:-1])
            return NameAddr(named, parse_params(match["params"] or ""), name)
        uri, _, params = text.partition(";")
        uri = uri.strip()
        # One with a question mark must stand in brackets (RFC 3261 section 20.10).
        if ":" not in uri or any(character in uri for character in ' <>"?\t'):
            raise Malformed("name-addr", "an address is neither <URI> nor a URI", text[:80])
        return NameAddr(uri, parse_params(params))

    def parsed_uri(self) -> Uri:
        """The URI taken apart. Raises Malformed(`uri`)."""
        return Uri.parse(self.uri)

    def __str__(self) -> str:
        name = '"' + re.sub(r'(["\\])', r"\\\1", self.display_name) + '" ' if self.display_name else ""
        return f"{name}<{self.uri}>{format_params(self.params)}"


class Via:
    """One hop (RFC 3261 section 20.42, RFC 3581). `host` is the sent-by host without brackets."""

    __slots__ = ("host", "params", "port", "transport")

    def __init__(self, transport: str, host: str, port: int | None, params: dict[str, str | None]) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.params = params

    @staticmethod
    def parse(text: str) -> "Via":
        """Raises Malformed(`via`)."""
        head, _, tail = text.partition(";")
        if head.startswith("SIP/2.0/") and tail.find('"') < 0:
            plain = Via._plain(head, tail)
            if plain is not None:
                return plain
        match = _VIA.match(text.strip())
        if match is None:
            raise Malformed("via", "a Via can not be read", text[:80])
        transport, host, port, params = match.groups()
        if params and _HOLE.search(_QUOTED.sub("", params)):
            raise Malformed("via", "a Via has parameters without a name", text[:80])
        port_number = int(port) if port else None
        if port_number is not None and not 0 < port_number < 65536:
            raise Malformed("via", "the port of a Via is out of range", text[:80])
        return Via(transport.upper(), host.strip("[]").lower(), port_number, parse_params(params) if params else {})

    @staticmethod
    def _plain(head: str, tail: str) -> "Via | None":
        """The form that nearly every Via has, without the cost of a regular expression; None for others."""
        hop = _plain_hop(head) if len(head) <= CACHED_CHARACTERS else None
        if hop is None:
            return None
        params: dict[str, str | None] = {}
        parts = tail.split(";")
        holes = 0
        for part in parts:
            name, equals, value = part.partition("=")
            if name:
                params.setdefault(name.strip().lower(), value.strip() if equals else None)
            else:
                holes += 1
        if holes > (not parts[-1]):
            raise Malformed("via", "a Via has parameters without a name", head[:80])
        transport, host, port = hop
        return Via(transport, host, port, params)

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""

    @property
    def sent_by_port(self) -> int:
        """The port to answer to: RFC 3261 section 18.2.2."""
        if self.port is not None:
            return self.port
        return Transport[self.transport].default_port if self.transport in Transport.__members__ else 5060

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {host}{port}{format_params(self.params)}"


# The same phones come again and again, each with one sent-by.
@lru_cache(8192)
def _plain_hop(head: str) -> tuple[str, str, int | None] | None:
    """(transport, host, port) of `SIP/2.0/UDP host:port`; None for what is written in another way."""
    transport, _, sent_by = head[8:].partition(" ")
    host, _, port = sent_by.partition(":")
    if not (transport.isalpha() and host and _PLAIN_HOST.issuperset(host) and _DIGITS.issuperset(port)):
        return None
    number = int(port[:6]) if port else None
    if number is not None and not 0 < number < 65536:
        return None
    return transport.upper(), host.lower(), number


def split_list(value: str) -> list[str]:
    """The items of a comma-separated value; commas in quotes and in <> do not split, and a quote or a bracket that is
    never closed hides the rest."""
    return list_items(value) if "," in value else [value]


def first_via(value: str) -> str:
    """The first item of a Via field. Raises Malformed(`via`) for a list with holes (RFC 4475 section 3.1.2.1)."""
    if "," not in value:
        return value
    if any(not item.strip() for item in _QUOTED.sub("", value).split(",")):
        raise Malformed("via", "a list of Vias has nothing between commas", value[:80])
    return split_list(value)[0]


def whole_number(text: str) -> int | None:
    """What 1*9DIGIT says, None for anything else: Python's `int` and `isdigit` know digits of other scripts too."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def parse_cseq(text: str) -> CSeq:
    """Raises Malformed(`cseq`), also for numbers of 2**31 and more (RFC 3261 section 8.1.1.5)."""
    match = _CSEQ.match(text)
    if match is None:
        raise Malformed("cseq", "CSeq is not a number and a method", text[:80])
    number = int(match[1])
    if number >= 2**31:
        raise Malformed("cseq", "the CSeq number is 2**31 or more", text[:80])
    return CSeq(number, match[2])


def tag_of(value: str) -> str:
    """The tag of a From or To value, "" when it has none."""
    after = value.rpartition(">")[2]
    if after.startswith(";tag=") and after.isascii() and not _ODD_IN_TAG.intersection(after[5:]):
        return after[5:]
    match = _TAG.search(after)
    return match[1] if match else ""


def parse_auth(value: str) -> tuple[str, dict[str, str]]:
    """A challenge or credentials: (scheme in lower case, parameters without quotes). RFC 7616, RFC 7235."""
    return auth_params(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))

"""SIP, SIPS and TEL URIs (RFC 3261 section 19.1, RFC 3966)."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote

from talkpath.base.address import Address, Transport
from talkpath.base.errors import Malformed

# Possessive repetitions: see `grammar.py`.
_URI = re.compile(
    r"(?P<scheme>sips?):"
    # user-unreserved has ; ? and / in it: whatever stands before the @ is userinfo (RFC 3261 section 25.1).
    r"(?:(?P<user>[^@:<>\s]*+)(?::(?P<password>[^@<>\s]*+))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.%]++\]|[A-Za-z0-9_.\-]++)"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?P<params>(?:;[^?<>\s]*+)?)"
    r"(?:\?(?P<headers>[^<>\s]*+))?$",
    re.IGNORECASE | re.ASCII,
)
_ESCAPE = re.compile(rb"%([2-9A-Fa-f][0-9A-Fa-f])")
# What needs no escape in a name; in a user part `;` and `?` too, which begin what is behind the name.
_PLAIN_IN_NAME = "-_.!~*'()&=+$,/"
_PLAIN_IN_USER = _PLAIN_IN_NAME + ";?"
_TRANSPORTS = {str(one): one for one in Transport}
# What people put between digits, and what may stand in a number besides (RFC 3966 section 3).
_SEPARATORS = str.maketrans("", "", "-.()")
_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+", re.ASCII)
_OTHER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?P<rest>[^\s<>]+)$", re.ASCII)


def unescaped(text: str) -> str:
    """Text with its %-escapes turned into characters: they are bytes of UTF-8 (RFC 3261 sections 19.1.2 and 25.1).

    An escaped control character stays as it is written: nothing has a name with one in it.
    """
    if "%" not in text:
        return text
    whole = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), text.encode("utf-8", "surrogateescape"))
    return whole.decode("utf-8", "surrogateescape")


def escaped(text: str, *, is_whole: bool = False) -> str:
    """Text as it is written into a user part (RFC 3261 section 25.1): a name, or the `is_whole` user part, whose own
    parameters stay what they are."""
    return quote(text, safe=_PLAIN_IN_USER if is_whole else _PLAIN_IN_NAME, errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI taken apart. `host` is lower case and without brackets; `params` keep their order and case.

    A URI of another scheme (tel, urn ...) has its text after the colon in `user` and no host.
    """

    scheme: str
    user: str = ""
    host: str = ""
    port: int | None = None
    params: dict[str, str | None] = field(default_factory=dict)
    headers: str = ""
    password: str = ""

    @staticmethod
    def parse(text: str) -> "Uri":
        """Take `text` apart. Raises Malformed(`uri`). The same text may give the same object: change none."""
        return _parsed(text) if len(text) <= CACHED_CHARACTERS else Uri._parse(text)

    @classmethod
    def _parse(cls, text: str) -> "Uri":
        match = _URI.match(text)
        if match is None:
            return cls._parse_other(text)
        scheme, user, password, host, port, params, headers = match.groups()
        if port is not None and not 0 < int(port) < 65536:
            raise Malformed("uri", "the port of a URI is out of range", text[:80])
        return cls(
            scheme.lower(),
            user or "",
            # An error of RFC 3261's grammar makes three colons before an IPv4 part (RFC 5118 section 4.10).
            host.strip("[]").lower().replace(":::", "::"),
            int(port) if port else None,
            parse_params(params) if params else {},
            headers or "",
            password or "",
        )

    @classmethod
    def _parse_other(cls, text: str) -> "Uri":
        match = _OTHER.match(text)
        if match is None or match["scheme"].lower() in ("sip", "sips"):
            raise Malformed("uri", "this is no URI", text[:80])
        number, _, params = match["rest"].partition(";")
        return cls(match["scheme"].lower(), number, params=parse_params(params) if params else {})

    @property
    def username(self) -> str:
        """The user part without escapes and without its own parameters (`;phone-context`)."""
        return unescaped(self.user.partition(";")[0])

    @property
    def is_number(self) -> bool:
        """Whether the user part is a telephone number (RFC 3966, RFC 3261 section 19.1.6)."""
        return self.scheme == "tel" or (self.params.get("user") or "").lower() == "phone"

    @property
    def number(self) -> str:
        """The user, a telephone number as it is compared: without separators (RFC 3966 section 5)."""
        name = self.username
        return name.translate(_SEPARATORS).upper() if self.is_number and _NUMBER.fullmatch(name) else name

    @property
    def phone_context(self) -> str:
        """Where a local number is valid: a domain, or the beginning of global numbers; "" for all others (RFC 3966
        section 5.1.5)."""
        params = self.params if self.scheme == "tel" else parse_params(self.user.partition(";")[2])
        return (params.get("phone-context") or "").lower()

    @property
    def is_sip(self) -> bool:
        return self.scheme in ("sip", "sips")

    @property
    def transport(self) -> Transport | None:
        """The transport that the URI names; sips makes TLS of TCP and WSS of WS (RFC 3261 26.2.2)."""
        named = self.params.get("transport") if self.params else None
        transport = _TRANSPORTS.get(named.upper()) if named else None
        if transport is None:
            return Transport.TLS if self.scheme == "sips" else None
        if self.scheme == "sips":
            return Transport.WSS if transport.is_websocket else Transport.TLS
        return transport

    def over(self, transport: Transport) -> "Uri":
        """The same, and by which transport it is reached."""
        return replace(self, params={**self.params, "transport": transport.lower()})

    @property
    def host_port(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        if not self.is_sip:
            return f"{self.scheme}:{self.user}{format_params(self.params)}"
        password = f":{self.password}" if self.password else ""
        user = f"{self.user}{password}@" if self.user or password else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host_port}{format_params(self.params)}{headers}"


# Longer texts are not remembered: a stranger could fill the memory with them.
CACHED_CHARACTERS = 200


# The same few thousand phones and numbers are named again and again.
@lru_cache(4096)
def _parsed(text: str) -> Uri:
    return Uri._parse(text)


def without_headers(uri: str) -> str:
    """A URI as it may be a Request-URI: without the header fields that one of a Contact may have (RFC 3261 section
    16.6 step 2)."""
    if "?" not in uri:
        return uri
    end = uri.find("?", uri.rfind("@") + 1)
    return uri if end < 0 else uri[:end]


def parse_params(text: str) -> dict[str, str | None]:
    """`;a=1;b` as a dict; names in lower case, the first of a name counts. Quoted values keep their quotes."""
    params: dict[str, str | None] = {}
    for part in _split_params(text):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if name:
            params.setdefault(name, value.strip() if equals else None)
    return params


def _split_params(text: str) -> list[str]:
    if '"' not in text:
        return text.split(";")
    return re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*"?)+', text)


def format_params(params: dict[str, str | None]) -> str:
    """A dict of parameters as `;a=1;b`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def sip_uri(address: Address, transport: Transport, user: str = "", *params: str) -> str:
    """The text of a sip: URI for an address, with the transport named unless it is UDP."""
    name = "" if transport is Transport.UDP else f";transport={transport.lower()}"
    at = f"{user}@" if user else ""
    return f"sip:{at}{address}{name}" + "".join(f";{param}" for param in params)

"""The structured values of single SDP lines: frozen, each with `parse` (text to value) and `str()` (back).

`parse` takes the text after the `x=` or `a=name:` and raises `Malformed`.
"""

import ipaddress
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from talkpath.base.address import Address
from talkpath.base.errors import Malformed


@lru_cache(maxsize=4096)
def ip_text(host: str) -> str | None:
    """`host` in its shortest text form when it is an IP address, else None (a domain name, or nonsense).

    IPv4 mapped into IPv6 is IPv4. An address with a zone means nothing to anybody else and is None.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id else str(address.ipv4_mapped or address)
    return str(address)


@lru_cache(maxsize=4096)
def is_private(ip: str) -> bool:
    """Whether this is an IP address that means something only inside a network: private, shared, local, loopback."""
    if ip_text(ip) is None:
        return False
    address = ipaddress.ip_address(ip)
    return any(address in network for network in _PRIVATE if network.version == address.version)


@lru_cache(maxsize=4096)
def is_loopback(ip: str) -> bool:
    """Whether this is an IP address by which a host speaks with itself."""
    return ip_text(ip) is not None and ipaddress.ip_address(ip).is_loopback


# RFC 1918, RFC 6598 (carrier-grade NAT), RFC 3927, RFC 4193, RFC 4291.
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


class Direction(StrEnum):
    """Which way media flows, seen from whoever wrote the description (RFC 3264 section 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self is Direction.SENDRECV or self is Direction.SENDONLY

    @property
    def receives(self) -> bool:
        return self is Direction.SENDRECV or self is Direction.RECVONLY

    @property
    def reversed(self) -> "Direction":
        """The same flow, seen from the other side."""
        return Direction.of(sends=self.receives, receives=self.sends)

    @classmethod
    def of(cls, *, sends: bool, receives: bool) -> "Direction":
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE


class Connection(NamedTuple):
    """A `c=` value (RFC 8866 section 5.7). `suffix` is a multicast TTL or count with its slash, else empty."""

    host: str
    family: str = "IP4"
    suffix: str = ""
    network: str = "IN"

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> "Connection":
        fields = text.split()
        if len(fields) != 3:
            raise Malformed("sdp-connection", "a c= line needs network, address type and address", "c=")
        network, family, host = fields
        host, slash, rest = host.partition("/")
        return Connection(host, family, slash + rest, network)

    @classmethod
    def of_host(cls, host: str) -> "Connection":
        return cls(host, "IP6" if ":" in host else "IP4")

    @property
    def ip(self) -> str | None:
        """The address in shortest form, or None for a domain name."""
        return ip_text(self.host)

    @property
    def is_zero(self) -> bool:
        """The hold of RFC 2543: `0.0.0.0`, and for IPv6 `::` or a name under `.invalid` (RFC 6157 section 3)."""
        host = self.host
        return host == "0.0.0.0" or host.endswith(".invalid") or (":" in host and self.ip == "::")

    def __str__(self) -> str:
        return f"{self.network} {self.family} {self.host}{self.suffix}"


class Origin(NamedTuple):
    """An `o=` value (RFC 8866 section 5.2). Id and version are numbers, though some write other things."""

    username: str
    session_id: str
    version: str
    network: str
    family: str
    host: str

    @classmethod
    def parse(cls, text: str) -> "Origin":
        fields = text.split()
        if len(fields) < 6:
            raise Malformed("sdp-origin", "an o= line needs six fields", "o=")
        # Some phones put spaces into the user name; the five fields at the end are then still where they belong.
        return cls(" ".join(fields[:-5]), *fields[-5:])

    def __str__(self) -> str:
        return " ".join(self)


class RtcpPort(NamedTuple):
    """An `a=rtcp` value (RFC 3605): where RTCP goes; `host` is None when it is that of the media."""

    port: int
    host: str | None = None

    @classmethod
    def parse(cls, text: str) -> "RtcpPort":
        fields = text.split()
        if len(fields) not in (1, 4):
            raise Malformed("sdp-rtcp", "a=rtcp needs a port, or a port and an address", "a=rtcp")
        return cls(port_number(fields[0], "a=rtcp"), fields[3] if len(fields) == 4 else None)

    @property
    def ip(self) -> str | None:
        """The host in shortest form, or None when there is none or it is a name."""
        return None if self.host is None else ip_text(self.host)

    def __str__(self) -> str:
        if self.host is None:
            return str(self.port)
        return f"{self.port} IN {'IP6' if ':' in self.host else 'IP4'} {self.host}"


class Candidate(NamedTuple):
    """An `a=candidate` value (RFC 8839 section 5.1). `extensions` is the text after what is known here."""

    foundation: str
    component: int
    transport: str
    priority: int
    host: str
    port: int
    kind: str
    related: Address | None = None
    extensions: str = ""

    @classmethod
    def parse(cls, text: str) -> "Candidate":
        fields = text.split()
        if len(fields) < 8 or fields[6] != "typ":
            raise Malformed("sdp-candidate", "a candidate needs eight fields, the seventh `typ`", "a=candidate")
        component, priority = number(fields[1], "a=candidate"), number(fields[3], "a=candidate")
        port, rest, related = port_number(fields[5], "a=candidate"), fields[8:], None
        if len(rest) >= 4 and rest[0] == "raddr" and rest[2] == "rport":
            related, rest = Address(rest[1], port_number(rest[3], "a=candidate")), rest[4:]
        return cls(fields[0], component, fields[2], priority, fields[4], port, fields[7], related, " ".join(rest))

    def __str__(self) -> str:
        text = f"{self.foundation} {self.component} {self.transport} {self.priority} {self.host} {self.port}"
        text += f" typ {self.kind}"
        if self.related is not None:
            text += f" raddr {self.related.host} rport {self.related.port}"
        return f"{text} {self.extensions}" if self.extensions else text


class Crypto(NamedTuple):
    """An `a=crypto` value (RFC 4568 section 9.1). `keys` is secret: it is printed only into descriptions."""

    tag: int
    suite: str
    keys: str
    parameters: str = ""

    @classmethod
    def parse(cls, text: str) -> "Crypto":
        fields = text.split(None, 3)
        if len(fields) < 3:
            raise Malformed("sdp-crypto", "a=crypto needs tag, suite and key", "a=crypto")
        return cls(number(fields[0], "a=crypto"), *fields[1:])

    def __str__(self) -> str:
        text = f"{self.tag} {self.suite} {self.keys}"
        return f"{text} {self.parameters}" if self.parameters else text

    def __repr__(self) -> str:
        return f"Crypto({self.tag}, {self.suite}, ***)"


class Fingerprint(NamedTuple):
    """An `a=fingerprint` value (RFC 8122 section 5): hash function and digest, upper-case hex with colons."""

    algorithm: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> "Fingerprint":
        fields = text.split()
        if len(fields) != 2:
            raise Malformed("sdp-fingerprint", "a fingerprint is a hash name and a digest", "a=fingerprint")
        return cls(fields[0].lower(), fields[1].upper())

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest}"


class Group(NamedTuple):
    """An `a=group` value (RFC 5888 section 5), such as BUNDLE with the mids that share one transport."""

    semantics: str
    mids: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Group":
        semantics, *mids = text.split() or [""]
        if not semantics:
            raise Malformed("sdp-group", "a group needs its semantics", "a=group")
        return cls(semantics, tuple(mids))

    def __str__(self) -> str:
        return " ".join((self.semantics, *self.mids))


def number(text: str, place: str) -> int:
    """An unsigned decimal of at most ten digits, as SDP writes them; ASCII only, no sign, no underscore."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Malformed("sdp-number", f"{text[:20]!r} is not a number", place)
    return int(text)


def port_number(text: str, place: str) -> int:
    port = number(text, place)
    if port > 65_535:
        raise Malformed("sdp-port", f"{port} is not a port", place)
    return port

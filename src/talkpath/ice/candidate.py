"""Candidates and their form in SDP (RFC 8839 section 5.1), priorities (RFC 8445 section 5.1.2)."""

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address

from talkpath.base.address import Address
from talkpath.base.octets import raw, text
from talkpath.ice.record import CandidateRecord


class CandidateType(StrEnum):
    HOST = "host"
    SERVER_REFLEXIVE = "srflx"
    PEER_REFLEXIVE = "prflx"
    RELAYED = "relay"


# RFC 8445 section 5.1.2.2.
_TYPE_PREFERENCE = {
    CandidateType.HOST: 126,
    CandidateType.PEER_REFLEXIVE: 110,
    CandidateType.SERVER_REFLEXIVE: 100,
    CandidateType.RELAYED: 0,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A UDP candidate whose address is an IP address."""

    foundation: str
    component: int
    priority: int
    address: Address
    type: CandidateType
    related: Address | None = None

    def save(self) -> CandidateRecord:
        """As data."""
        foundation = raw(self.foundation)
        return CandidateRecord(foundation, self.component, self.priority, self.address, str(self.type), self.related)

    @classmethod
    def resumed(cls, record: CandidateRecord) -> "Candidate":
        """The same again."""
        foundation = text(record.foundation)
        kind = CandidateType(record.type)
        return cls(foundation, record.component, record.priority, record.address, kind, record.related)

    def __str__(self) -> str:
        """The value of `a=candidate`."""
        host, port = self.address
        text = f"{self.foundation} {self.component} UDP {self.priority} {host} {port} typ {self.type.value}"
        if self.related is not None:
            text += f" raddr {self.related.host} rport {self.related.port}"
        return text


@dataclass(frozen=True, slots=True)
class Unusable:
    """A candidate line that we pass over, and why: mdns, name, tcp, type, component, malformed, too-many."""

    line: str
    reason: str


def read_candidate(line: str) -> Candidate | Unusable:
    """The value of `a=candidate`, with or without its name in front. Never raises: a line we cannot use is told."""
    words = line.strip().removeprefix("a=").removeprefix("candidate:").split()
    if len(words) < 8 or words[6].lower() != "typ" or not 1 <= len(words[0]) <= 32:
        return Unusable(line, "malformed")
    foundation, component, transport, priority, host, port = words[:6]
    if not (_is_number(component, 256) and _is_number(priority, 2**31 - 1) and _is_number(port, 65535)):
        return Unusable(line, "malformed")
    if transport.lower() != "udp":
        return Unusable(line, "tcp" if transport.lower() == "tcp" else "transport")
    if words[7].lower() not in set(CandidateType):
        return Unusable(line, "type")
    address = _address(host, int(port))
    if address is None:
        return Unusable(line, "mdns" if host.lower().endswith(".local") else "name")
    kind = CandidateType(words[7].lower())
    related = _related(dict(zip(words[8::2], words[9::2], strict=False)))
    return Candidate(foundation, int(component), int(priority), address, kind, related)


def host_candidate(address: Address, component: int, preference: int) -> Candidate:
    """A host candidate; `preference` (0 to 65535) orders our own addresses."""
    return Candidate(
        foundation=f"{preference}",
        component=component,
        priority=priority_of(CandidateType.HOST, preference, component),
        address=address,
        type=CandidateType.HOST,
    )


def peer_reflexive(like: Candidate, address: Address, foundation: str) -> Candidate:
    """What a check showed: the candidate `like` seen from the other end under another address."""
    priority = peer_reflexive_priority(like)
    return replace(
        like,
        foundation=foundation,
        priority=priority,
        address=address,
        type=CandidateType.PEER_REFLEXIVE,
        related=like.address,
    )


def peer_reflexive_priority(candidate: Candidate) -> int:
    """The PRIORITY of a check from this candidate (RFC 8445 section 7.1.1)."""
    return candidate.priority & 0xFFFFFF | _TYPE_PREFERENCE[CandidateType.PEER_REFLEXIVE] << 24


def priority_of(kind: CandidateType, preference: int, component: int) -> int:
    """RFC 8445 section 5.1.2.1."""
    return _TYPE_PREFERENCE[kind] << 24 | preference << 8 | 256 - component


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most


def _address(host: str, port: int) -> Address | None:
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if ip.is_multicast or ip.is_unspecified or port == 0:
        return None
    return Address(str(ip), port)


def _related(extensions: dict[str, str]) -> Address | None:
    host, port = extensions.get("raddr"), extensions.get("rport", "")
    return Address(host, int(port)) if host and _is_number(port, 65535) else None

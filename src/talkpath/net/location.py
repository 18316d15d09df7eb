"""Where a SIP URI leads (RFC 3263), as a procedure that asks questions of DNS and reads nothing itself.

`locate` yields the questions that may be asked at once, is sent what is known of them, and returns targets, the best
first: those of one transport by priority and weight (RFC 2782), one transport after another, so that who finds the
first of them dead, or has more to say than a datagram holds, knows where else to go. Who asks and remembers stands in
`records.py`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain, islice, zip_longest
from typing import Literal, NamedTuple, Protocol

from talkpath.base import limits
from talkpath.base.address import Address, Target, Transport
from talkpath.sip.uri import Uri

#: A type of records.
Kind = Literal["NAPTR", "SRV", "A", "AAAA"]


class Question(NamedTuple):
    """What is asked: records of one type of one name (without its final dot)."""

    name: str
    kind: Kind


class Naptr(NamedTuple):
    """RFC 3403, as far as RFC 3263 section 4.1 looks at it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """RFC 2782. An empty host says that the service is not there."""

    priority: int
    weight: int
    port: int
    host: str


#: Addresses are text.
Record = Naptr | Srv | str
Answers = Mapping[Question, tuple[Record, ...]]
Steps = Generator[list[Question], Answers, list[Target]]


class Ways(Protocol):
    """By which ways we can send."""

    def listens(self, transport: Transport, is_ipv6: bool) -> bool:
        """Whether there is a listener of ours, which our Via would name."""

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        """That listener as it faces an address; None where no way leads there."""


_NAPTR_SERVICE = {
    "SIPS+D2T": Transport.TLS,
    "SIP+D2T": Transport.TCP,
    "SIP+D2U": Transport.UDP,
}
_SRV_PREFIX = {
    Transport.TLS: "_sips._tcp",
    Transport.TCP: "_sip._tcp",
    Transport.UDP: "_sip._udp",
    Transport.WS: "_sip._ws",
    Transport.WSS: "_sips._ws",
}
#: What we open ourselves, in the order that we take where a domain has no wish. Browsers open WebSockets, never we.
_OURS = (Transport.UDP, Transport.TCP, Transport.TLS)
#: The types of addresses, and whether they are of IPv6.
_FAMILIES: tuple[tuple[Kind, bool], ...] = (("AAAA", True), ("A", False))


class _Place(NamedTuple):
    """A host that may have several addresses."""

    transport: Transport
    host: str
    port: int


def locate(uri: Uri, ways: Ways, chance: Callable[[int], int]) -> Steps:
    """The procedure for one URI. `chance(n)` gives a number from 0 to n, both included."""
    if (target := _written(uri)) is not None:
        return [target]
    host = (uri.params.get("maddr") or uri.host).strip("[]").rstrip(".").lower()
    # A certificate must be for the domain that was named, whatever its records lead to (RFC 5922 section 4).
    domain = "" if numeric(uri.host) else uri.host.rstrip(".")
    transport = uri.transport or Transport.UDP
    if numeric(host) or uri.port is not None or "." not in host:
        # Section 4.2: an address, or a name with a port, has no services; nor has one that is completed by what this
        # host is told to search.
        places = [_Place(transport, host, uri.port or transport.default_port)]
    else:
        places = yield from _services(uri, host, ways, chance)
    targets = yield from _addresses(places, domain, ways, chance)
    return targets


def _written(uri: Uri) -> Target | None:
    """Where a URI leads that says it itself, by an address; None where there is anything to find out."""
    address = "" if "maddr" in uri.params else numeric(uri.host)
    transport = uri.transport or Transport.UDP
    return Target(transport, Address(address, uri.port or transport.default_port), "") if address else None


def _services(
    uri: Uri, host: str, ways: Ways, chance: Callable[[int], int]
) -> Generator[list[Question], Answers, list[_Place]]:
    """Sections 4.1 and 4.2: the places of a name by its SRV records, else the name itself."""
    default = uri.transport or Transport.UDP
    is_named = uri.params.get("transport") is not None and uri.transport is not None
    wanted = [default] if is_named or uri.scheme == "sips" else _listening(ways)
    services = [(one, f"{_SRV_PREFIX[one]}.{host}") for one in wanted]
    questions = [Question(name, "SRV") for _, name in services]
    if not is_named:
        questions.append(Question(host, "NAPTR"))
    answers = yield questions
    preferred = _preferred(answers.get(Question(host, "NAPTR"), ()), wanted)
    if preferred:
        services, default = preferred, preferred[0][0]
        others = [question for _, name in preferred if (question := Question(name, "SRV")) not in answers]
        if others:
            answers = {**answers, **(yield others)}
    found = [(one, _records(answers, name)) for one, name in services]
    if not any(records for _, records in found):
        return [_Place(default, host, default.default_port)]
    # Each transport has its share, that those of the last are found too.
    share = limits.DNS_TARGETS // sum(1 for _, records in found if records)
    return [
        _Place(one, record.host, record.port)
        for one, records in found
        for record in islice(arranged(records, chance), share)
        if record.host
    ]


def _listening(ways: Ways) -> list[Transport]:
    heard = [one for one in _OURS if ways.listens(one, False) or ways.listens(one, True)]
    return heard or list(_OURS)


def _preferred(records: Iterable[Record], wanted: Sequence[Transport]) -> list[tuple[Transport, str]]:
    """(transport, SRV name) as NAPTR records order them, of those that can be used (section 4.1)."""
    naptrs = sorted(one for one in records if isinstance(one, Naptr) and one.flags.lower() == "s")
    found: list[tuple[Transport, str]] = []
    for naptr in naptrs:
        transport = _NAPTR_SERVICE.get(naptr.service.upper())
        if transport is None or transport not in wanted or (transport, naptr.replacement) in found:
            continue
        found.append((transport, naptr.replacement))
        if len(found) == limits.DNS_SERVICES:
            break
    return found


def _records(answers: Answers, name: str) -> list[Srv]:
    return [one for one in answers.get(Question(name, "SRV"), ()) if isinstance(one, Srv)]


def arranged(records: Iterable[Srv], chance: Callable[[int], int]) -> Iterator[Srv]:
    """SRV records by priority, those of one priority by weighted chance, exactly as RFC 2782 says."""
    by_priority: dict[int, list[Srv]] = {}
    for record in records:
        by_priority.setdefault(record.priority, []).append(record)
    for priority in sorted(by_priority):
        left = sorted(by_priority[priority], key=lambda one: one.weight != 0)
        while left:
            yield left.pop(_picked(left, chance(sum(one.weight for one in left))))


def _picked(records: list[Srv], number: int) -> int:
    """The place of the first whose running sum of weights reaches the number."""
    for place, record in enumerate(records):
        number -= record.weight
        if number <= 0:
            return place
    return len(records) - 1


def _addresses(places: list[_Place], domain: str, ways: Ways, chance: Callable[[int], int]) -> Steps:
    """The addresses of each place, IPv6 and IPv4 in turn, so that a family that is broken costs one try."""
    questions = dict.fromkeys(
        Question(place.host, kind)
        for place in places
        if not numeric(place.host)
        for kind in _families(place.transport, ways)
    )
    answers: Answers = {}
    if questions:
        answers = yield list(questions)
    found = [
        Target(place.transport, Address(host, place.port), domain)
        for place in places
        for host in _hosts(place.host, answers, chance)
    ]
    within_reach = [one for one in found if ways.local_for(one.transport, one.remote.host) is not None]
    # Where none is, whoever sends says why.
    return list(dict.fromkeys(within_reach or found))[: limits.DNS_TARGETS]


def _families(transport: Transport, ways: Ways) -> list[Kind]:
    wanted = [kind for kind, is_ipv6 in _FAMILIES if ways.listens(transport, is_ipv6)]
    return wanted or ["AAAA", "A"]


def _hosts(host: str, answers: Answers, chance: Callable[[int], int]) -> list[str]:
    """Each family begins at any of its addresses: the order that a server gave is its balance among many askers."""
    if address := numeric(host):
        return [address]
    six, four = (_turned(answers.get(Question(host, kind), ()), chance) for kind, _ in _FAMILIES)
    return [one for one in chain.from_iterable(zip_longest(six, four)) if isinstance(one, str)]


def _turned(records: tuple[Record, ...], chance: Callable[[int], int]) -> tuple[Record, ...]:
    first = chance(len(records) - 1) if len(records) > 1 else 0
    return records[first:] + records[:first]


@lru_cache(4096)
def numeric(host: str) -> str:
    """An IP address in its shortest form; "" for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return ""

"""Requests of our own to gateways: what they bear, and when they may leave."""

from talkpath.base import limits
from talkpath.base.address import Address, Hop, Target
from talkpath.edge.core import Core
from talkpath.edge.forwarding.forwarding import via_line
from talkpath.sip.transaction import ClientOwner, ClientTransaction
from talkpath.sip.uri import Uri


class Pace:
    """Gives each request of a crowd a time of its own."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def slot(self, now: float) -> float:
        """When the next request may leave: now, unless others wait."""
        at = max(now, self._free_at)
        self._free_at = at + 1 / limits.GATEWAY_REQUESTS_PER_S
        return at


def named(uri: Uri) -> str:
    """A URI as From and To have it, without what says how it is reached (RFC 3261 section 19.1.1, table 1)."""
    return str(Uri(uri.scheme, uri.user, uri.host, None, {}))


class Letter:
    """One request of ours outside any call: what it asks, and to whom."""

    __slots__ = ("call_id", "cseq", "from_uri", "method", "more", "to_uri", "uri")

    def __init__(self, method: str, uri: str, from_uri: str, to_uri: str, call_id: str, cseq: int, more: str) -> None:
        self.method = method
        self.uri = uri
        self.from_uri = from_uri
        self.to_uri = to_uri
        self.call_id = call_id
        self.cseq = cseq
        #: Whole header lines.
        self.more = more


def send(core: Core, letter: Letter, hop: Hop, here: Address, owner: ClientOwner, now: float) -> ClientTransaction:
    """Send it as a transaction of its own."""
    branch = core.branch()
    data = (
        f"{letter.method} {letter.uri} SIP/2.0\r\n{via_line(hop.transport, here, branch)}Max-Forwards: 70\r\n"
        f"From: <{letter.from_uri}>;tag={letter.call_id}\r\nTo: <{letter.to_uri}>\r\nCall-ID: {letter.call_id}\r\n"
        f"CSeq: {letter.cseq} {letter.method}\r\nUser-Agent: {core.settings.server}\r\n{letter.more}"
        "Content-Length: 0\r\n\r\n"
    ).encode("utf-8", "surrogateescape")
    return core.transactions.start(branch, letter.method, letter.call_id, data, hop, owner, now)


def reachable(core: Core, targets: list[Target], first: int) -> tuple[Target, Address] | None:
    """One of the targets, from the `first` on, that a listener of ours faces, and what we call ourselves there."""
    for number in range(len(targets)):
        target = targets[(first + number) % len(targets)]
        here = core.facing(target)
        if here is not None:
            return target, here
    return None

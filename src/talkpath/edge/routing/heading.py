"""The way of a request as it stands after our own routes are taken off, and what ends it."""

from collections.abc import Sequence

from talkpath.base.address import Flow
from talkpath.base.errors import Malformed
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.forwarding.forwarding import Route
from talkpath.edge.forwarding.token import Route as TokenRoute
from talkpath.edge.gateways.through import Through
from talkpath.sip.uri import Uri


class Refusal(Exception):
    """A request that is answered at once; `fields` are whole header lines of that answer."""

    def __init__(self, status: int, reason: str = "", fields: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.fields = fields


class Heading:
    """A request's way as it stands after our own routes are taken off (RFC 3261 section 16.4).

    `routes` are the values that remain, `changed` says whether any was taken off; `onward` is the flow that our token
    names, `cseq_shift` what the next side counts more in CSeq than who sends, `back_shift` what who sends counts more
    in the requests of that side. `unknown` is the topmost route where only a lookup can tell whether it is us.
    """

    __slots__ = (
        "back_shift",
        "billed",
        "changed",
        "changes",
        "cseq_shift",
        "follows",
        "has_token",
        "is_open",
        "is_phone",
        "maker",
        "onward",
        "place",
        "routes",
        "through",
        "unknown",
        "uri",
    )

    def __init__(self, uri: str, routes: list[Route], changed: bool = False) -> None:
        self.uri = uri
        self.routes = routes
        self.changed = changed
        self.onward: Flow | None = None
        self.has_token = False
        #: it leads to a phone that registered here
        self.is_phone = False
        #: and no NAT stands between
        self.is_open = False
        self.unknown: Uri | None = None
        self.cseq_shift = self.back_shift = 0
        #: the other node whose token stands on top of the routes
        self.maker = ""
        #: what else changes on this way
        self.changes: Changes | None = None
        #: where it is sent, whatever the Request-URI says; the gateway there; the number as it counts for tolls
        self.place: Uri | None = None
        self.through: Through | None = None
        self.billed: Uri | None = None
        #: how often a redirection may yet be followed from here
        self.follows = 0

    def follow(self, token: TokenRoute, arrival: Arrival) -> None:
        """Take up what a token of ours says."""
        from_tag = arrival.message.from_tag
        self.has_token = True
        self.onward = token.onward(arrival.flow, from_tag)
        shift = token.shift(from_tag)
        if shift:
            self.cseq_shift, self.back_shift = max(0, shift), max(0, -shift)

    @property
    def route_texts(self) -> Sequence[str] | None:
        """Route values to write, None to leave the lines as they are."""
        return [route.text for route in self.routes] if self.changed else None

    @property
    def target(self) -> Uri:
        """The Request-URI as it goes on. Raises Refusal."""
        try:
            return Uri.parse(self.uri)
        except Malformed:
            raise Refusal(400, "Bad Request-URI") from None

    @property
    def next_uri(self) -> Uri:
        """Whom the topmost route, or else the Request-URI, names. Raises Refusal."""
        try:
            if self.routes:
                return self.routes[0].address.parsed_uri()
            uri = Uri.parse(self.uri)
            if uri.headers:
                raise Malformed("uri", "a Request-URI has no header fields")  # RFC 3261 section 19.1.1, table 1
            return uri
        except Malformed as fault:
            raise Refusal(400, "Bad Route" if self.routes else "Bad Request-URI") from fault

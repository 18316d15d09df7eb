"""A call as a script sees it."""

import sys
from collections.abc import Callable, Generator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Generic, Protocol, TypeVar

from talkpath.base import limits
from talkpath.base.address import Transport
from talkpath.edge.calls.tape import Announcement
from talkpath.edge.routing.inquiry import Inquiry
from talkpath.routing.answers import AnswerEdits, Edit, OfferEdits
from talkpath.routing.caller import Caller, Identity, Number, Origin
from talkpath.routing.headers import AnswerHeaders, Headers
from talkpath.routing.mistakes import Place
from talkpath.routing.routes import Outcome, Route
from talkpath.sdp.edits import Offer
from talkpath.sip.uri import Uri

Result = TypeVar("Result")


class Challenged(BaseException):
    """The caller has to prove who it is; the function ends here. No `except Exception` holds it up."""


class Desk(Protocol):
    """Whoever asks the script of a call."""

    def note(self, text: str) -> None:
        """A remark for the story of the call."""

    def attempt(self, route: Route, place: Place) -> Generator[Any, Any, Outcome]:
        """Carry out a route and wait how it ends."""


class Wait(Generic[Result]):
    """Something of a call that must be awaited: without `await` nothing happens, and the call is refused."""

    __slots__ = ("_begin", "_unawaited", "place", "what")

    def __init__(
        self,
        what: str,
        place: Place,
        unawaited: "list[Wait[Any]]",
        begin: Callable[[], Generator[Any, Any, Result]],
    ) -> None:
        self.what = what
        self.place = place
        self._begin = begin
        self._unawaited = unawaited
        unawaited.append(self)

    def __await__(self) -> Generator[Any, Any, Result]:
        if self in self._unawaited:
            self._unawaited.remove(self)
        return self._begin()

    def __bool__(self) -> bool:
        raise TypeError(f"{self.what} says nothing yet: write await {self.what}")


class Call:
    """An INVITE that begins a call, and everything that a script may see and change of it.

    What is changed holds for the route that is then returned or tried by `to`.
    """

    __slots__ = (
        "_answer",
        "_answer_headers",
        "_caller",
        "_desk",
        "_every_offer",
        "_headers",
        "_identity",
        "_inquiry",
        "_later",
        "_number",
        "_offer",
        "_region",
        "_uri",
        "announcement",
        "diet",
        "is_challenged",
        "is_recorded",
        "unawaited",
        "vars",
    )

    def __init__(
        self, inquiry: Inquiry, desk: Desk, region: str, variables: dict[str, Any], later: list[Edit] | None = None
    ) -> None:
        """`later` takes the edits of offers to come."""
        self._inquiry = inquiry
        self._desk = desk
        self._region = region
        self._uri: Uri | None = None
        self._number: Number | None = None
        self._caller: Caller | None = None
        self._headers: Headers | None = None
        self._answer_headers: AnswerHeaders | None = None
        self._identity: Identity | None = None
        self._offer: Offer | None = None
        self._answer: AnswerEdits | None = None
        self._every_offer: OfferEdits | None = None
        self._later: list[Edit] = [] if later is None else later
        #: anything that the hooks of the same call are to find again
        self.vars = variables
        #: codecs ("speex") and attributes ("a=ssrc") that may go where the request is too large for the way, before
        #: those of `[size] diet`
        self.diet: list[str] = []
        self.is_challenged = False
        self.is_recorded = False
        self.announcement: Announcement | None = None
        self.unawaited: list[Wait[Any]] = []

    # --- who calls whom

    @property
    def id(self) -> str:
        """The Call-ID."""
        return self._inquiry.message.call_id

    @property
    def user(self) -> str:
        """The user that the caller has proven to be; "" for nobody."""
        return self._inquiry.user

    @property
    def gateway(self) -> Origin:
        """The name of the gateway that the call comes from, "" for none; `call.gateway.group` is its group."""
        return Origin(self._inquiry.gateway, self._inquiry.gateway_group)

    @property
    def source(self) -> str:
        """The IP address that the call comes from."""
        return self._inquiry.flow.remote.host

    @property
    def transport(self) -> Transport:
        """UDP, TCP, TLS, WS or WSS."""
        return self._inquiry.flow.transport

    @property
    def is_dry(self) -> bool:
        """Whether somebody only wants to know what would happen (`talkpath route`); nobody calls."""
        return self._inquiry.is_dry

    def comes_from(self, *networks: str) -> bool:
        """Whether the call comes from one of these addresses or networks: `call.comes_from("192.0.2.0/24")`."""
        source = ip_address(self.source)
        return any(source in _network(network) for network in networks)

    @property
    def uri(self) -> Uri:
        """What was called: the Request-URI."""
        if self._uri is None:
            self._uri = Uri.parse(self._inquiry.message.uri)
        return self._uri

    @property
    def number(self) -> Number:
        """The number that was called, or the name: the user of the Request-URI. `call.number.e164` is it in full."""
        if self._number is None:
            self._number = Number(self.uri.number, self._region)
        return self._number

    @property
    def caller(self) -> Caller:
        """Who calls, as From says it. Its name and number may be changed."""
        if self._caller is None:
            self._caller = Caller(self._inquiry.message, self._region)
        return self._caller

    @property
    def identity(self) -> Identity:
        """P-Asserted-Identity, Privacy, Diversion and History-Info."""
        if self._identity is None:
            self._identity = Identity(self.headers, self.caller)
        return self._identity

    # --- what is said

    @property
    def headers(self) -> Headers:
        """The header fields of the request, to see and to change."""
        if self._headers is None:
            self._headers = Headers(self._inquiry.message)
        return self._headers

    @property
    def answer_headers(self) -> AnswerHeaders:
        """Header fields that answers get on their way back."""
        if self._answer_headers is None:
            self._answer_headers = AnswerHeaders()
        return self._answer_headers

    @property
    def offer(self) -> Offer:
        """The description that the caller offers, to see and to change. It is false where the caller offers none, and
        then edits change nothing, as those of a section that is not there."""
        if self._offer is None:
            self._offer = Offer.read(self._inquiry.message.sdp)
        return self._offer

    @property
    def every_offer(self) -> OfferEdits:
        """Edits of `offer`, and the same of every later offer within the call, whichever side makes it:
        `call.every_offer.video.reject()`."""
        if self._every_offer is None:
            self._every_offer = OfferEdits(self.offer, self._later)
        return self._every_offer

    @property
    def answer(self) -> AnswerEdits:
        """Edits of the description that the answer will bring."""
        if self._answer is None:
            self._answer = AnswerEdits()
        return self._answer

    # --- what is done

    def authenticate(self) -> Wait[str]:
        """`await call.authenticate()`: go on only if the caller has proven to be a user of ours, and give the user.

        Else the caller is asked for its password, the function ends here, and is called again with the answer.
        """
        return Wait("call.authenticate()", _here(), self.unawaited, self._authenticate)

    def to(self, route: Route) -> Wait[Outcome]:
        """`outcome = await call.to(route)`: try a route and see how it ends. Nobody hears of a failure yet.

        The time that this takes does not count for the deadline of the decision.
        """
        if not isinstance(route, Route):
            raise TypeError(f"call.to() takes a route such as users() or gateways(), not {type(route).__name__}")
        place = _here()
        return Wait("call.to()", place, self.unawaited, lambda: self._desk.attempt(route, place))

    def note(self, text: object) -> None:
        """Leave a remark in the story of the call (`talkpath calls`)."""
        self._desk.note(str(text)[: limits.SCRIPT_NOTE])

    def record(self, *, announcement: Announcement | None = None, quietly: bool = False) -> None:
        """Record the call, from its first packet on, whatever the configuration says of others.

        Its sides hear this `announcement()` when it is answered, else that of the configuration; `quietly`: none.
        """
        self.is_recorded = True
        self.announcement = Announcement(None) if quietly else announcement

    def _authenticate(self) -> Generator[Any, Any, str]:
        yield from ()
        if not self.user:
            self.is_challenged = True
            raise Challenged
        return self.user

    # --- for whoever carries it out

    @property
    def described(self) -> bytes:
        """The offer as it came."""
        return self._inquiry.message.sdp

    @property
    def changes(
        self,
    ) -> "tuple[Headers | None, AnswerHeaders | None, Caller | None, Offer | None, AnswerEdits | None]":
        """What the script has looked at, and so may have changed."""
        return self._headers, self._answer_headers, self._caller, self._offer, self._answer

    def __repr__(self) -> str:
        return f"<Call {self.id} from {self.source} to {self._inquiry.message.uri}>"


@lru_cache(1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _here() -> Place:
    """The line of the script that is being run."""
    frame = sys._getframe(2)
    return Place(frame.f_code.co_filename, frame.f_lineno)

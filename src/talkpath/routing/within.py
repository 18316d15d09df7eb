"""Requests within a call, as the hooks of a script see and change them."""

from typing import Any, Protocol

from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.routing.answers import AnswerEdits
from talkpath.routing.caller import Origin
from talkpath.routing.headers import AnswerHeaders, Headers
from talkpath.sdp.edits import Offer
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri

#: Requests within a call that bring offers. What a PRACK brings is never kept waiting.
OFFERING = ("INVITE", "UPDATE")


class Remarks(Protocol):
    """Takes remarks for the story of a call."""

    def note(self, text: str) -> None:
        """One remark."""


class CallWithin:
    """A running call: who began it, and what its functions left for each other in `vars`."""

    __slots__ = ("_remarks", "gateway", "id", "user", "vars")

    def __init__(self, call_id: str, user: str, gateway: Origin, variables: dict[str, Any], remarks: Remarks) -> None:
        #: the Call-ID
        self.id = call_id
        #: the user that the caller had proven to be, the gateway that it came from with its `group`; "" for none
        self.user = user
        self.gateway = gateway
        self.vars = variables
        self._remarks = remarks

    def note(self, text: object) -> None:
        """Leave a remark in the story of the call (`talkpath calls`)."""
        self._remarks.note(str(text)[: limits.SCRIPT_NOTE])


class Request:
    """A request within a call. What is changed of it, and of its answer, holds where the hook lets it pass."""

    __slots__ = ("_answer", "_answer_headers", "_headers", "_message", "_offer", "is_from_caller")

    def __init__(self, message: Message, is_from_caller: bool) -> None:
        self._message = message
        self._headers: Headers | None = None
        self._answer_headers: AnswerHeaders | None = None
        self._offer: Offer | None = None
        self._answer: AnswerEdits | None = None
        #: whether who began the call sends it
        self.is_from_caller = is_from_caller

    @property
    def method(self) -> str:
        """REFER, INFO, INVITE ..."""
        return self._message.method

    def get(self, name: str, default: str = "") -> str:
        """The value of the first header field of that name."""
        value = self._message.first(name)
        return default if value is None else value

    def all(self, name: str) -> list[str]:
        """The values of all header fields of that name."""
        return self._message.all(name)

    @property
    def headers(self) -> Headers:
        """Its header fields, to see and to change."""
        if self._headers is None:
            self._headers = Headers(self._message)
        return self._headers

    @property
    def answer_headers(self) -> AnswerHeaders:
        """Header fields that its answers get on their way back."""
        if self._answer_headers is None:
            self._answer_headers = AnswerHeaders()
        return self._answer_headers

    @property
    def offer(self) -> Offer:
        """The description that an INVITE or UPDATE offers, to see and to change; false where there is none."""
        if self._offer is None:
            self._offer = Offer.read(self.described)
        return self._offer

    @property
    def answer(self) -> AnswerEdits:
        """Edits of the description that its answer will bring."""
        if self._answer is None:
            self._answer = AnswerEdits()
        return self._answer

    @property
    def body(self) -> bytes:
        """The body as it came."""
        return self._message.body

    @property
    def refer_to(self) -> Uri | None:
        """To whom a REFER transfers the call (RFC 3515); None without one that can be read."""
        try:
            return self._message.address("Refer-To").parsed_uri()
        except Malformed:
            return None

    # --- for whoever carries it out

    @property
    def described(self) -> bytes:
        """The offer as it came."""
        return self._message.sdp if self.method in OFFERING else b""

    @property
    def changes(self) -> "tuple[Headers | None, AnswerHeaders | None, None, Offer | None, AnswerEdits | None]":
        """What the hook has looked at, and so may have changed; who calls is settled."""
        return self._headers, self._answer_headers, None, self._offer, self._answer

    @property
    def diet(self) -> tuple[str, ...]:
        """What it can do without: nothing that was said."""
        return ()

    @property
    def is_recorded(self) -> bool:
        """A request says nothing of recording."""
        return False

    @property
    def announcement(self) -> None:
        """Nor of announcements."""
        return None

    def __repr__(self) -> str:
        return f"<Request {self._message!r}>"

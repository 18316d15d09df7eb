"""Requests within a call, as the hooks of a script see them."""

from typing import Any, Protocol

from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri


class Remarks(Protocol):
    """Takes remarks for the story of a call."""

    def note(self, text: str) -> None:
        """One remark."""


class CallWithin:
    """A running call: who began it, and what its functions left for each other in `vars`."""

    __slots__ = ("_remarks", "gateway", "id", "user", "vars")

    def __init__(self, call_id: str, user: str, gateway: str, variables: dict[str, Any], remarks: Remarks) -> None:
        #: the Call-ID
        self.id = call_id
        #: the user that the caller had proven to be, the gateway that it came from; "" for none
        self.user = user
        self.gateway = gateway
        self.vars = variables
        self._remarks = remarks

    def note(self, text: object) -> None:
        """Leave a remark in the story of the call (`talkpath calls`)."""
        self._remarks.note(str(text)[: limits.SCRIPT_NOTE])


class Request:
    """A request within a call. It can be read and refused, not changed."""

    __slots__ = ("_message", "is_from_caller")

    def __init__(self, message: Message, is_from_caller: bool) -> None:
        self._message = message
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

    def __repr__(self) -> str:
        return f"<Request {self._message!r}>"

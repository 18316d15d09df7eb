"""Calls and registrations as the rooms above hand them to the store."""

from dataclasses import dataclass

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Side
from talkpath.calls.trace import Trace, pack_second
from talkpath.capture.records import Second

from ..calls.talk import PHONE, Talk, flow


@dataclass(frozen=True, slots=True)
class Registered:
    """A binding as the registrar has them, as far as the store reads it."""

    user: str
    contact: str
    flow: Flow
    expires_at: float
    q: float = 1.0
    path: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, str]:
        return ("", self.contact)


def trace(number: int = 0, start: float = 1000.0, caller: str = "1001", status: int = 200) -> Trace:
    """A call that ended after nine seconds."""
    talk, ledger = Talk(call_id=f"{number}@x", caller=caller), Ledger()
    ledger.written(start, flow(PHONE), talk.call_id, talk.invite(), sent=False)
    ledger.moment(start, talk.call_id, "route.user", user="1002")
    ledger.written(start + 2, flow(PHONE), talk.call_id, talk.answer(status), sent=True)
    second = Second(start + 2, 50, 0, 0, 0.1, 20, -30.0, 0, 0, 0, 0, 8000)
    ledger.media(start + 3, talk.call_id, (PHONE, Address("192.0.2.1", 30000), 7), pack_second(second), 8)
    ledger.ended(start + 9, talk.call_id, Side.CALLER, "bye")
    ledger.close_all(start + 9)
    return ledger.drain()[0]


class Running:
    """A call that goes on, as the ledger has it."""

    def __init__(self, start: float = 1000.0) -> None:
        self.talk, self.ledger = Talk(call_id="1@x"), Ledger()
        self.says(start, self.talk.invite(), sent=False)

    def says(self, at: float, message: bytes, *, sent: bool = True) -> None:
        self.ledger.written(at, flow(PHONE), self.talk.call_id, message, sent=sent)

    def ends(self, at: float) -> Trace:
        self.ledger.ended(at, self.talk.call_id, Side.CALLER, "bye")
        self.ledger.expire(at + limits.CALL_LINGER_S)
        return self.ledger.drain()[0]


PHONE_UDP = Registered("1001", "sip:1001@192.0.2.11", flow(PHONE), 5000.0, 0.5, ("<sip:p;lr>",))
PHONE_WSS = Registered("1001", "sip:x@a.invalid", flow(PHONE, transport=Transport.WSS, connection=17), 5000.0)

"""Which calls belong to one transfer (RFC 5589): whoever reads one of them is led to the others.

Nothing is decided here. A REFER within a call asks a side to call somebody; the INVITE that this side sends there
soon after is that call, and one with Replaces (RFC 3891) takes the place of another.
"""

from collections import OrderedDict
from typing import NamedTuple

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.calls.ids import id_of
from talkpath.calls.ledger import Ledger
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message

# How long after a REFER an INVITE may be its consequence.
_SOON_S = 30.0
# Transfers that wait for their call at a time.
_MOST = 1_000
# A name that a peer wrote, as long as it is worth reading.
_NAME = 64


class _Asked(NamedTuple):
    call_id: str
    target: str
    at: float


class Transfers:
    """See the module's docstring."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        #: by where the side is that was asked
        self._asked: OrderedDict[Address, _Asked] = OrderedDict()

    def asked(self, request: Message, side: str, receiver: Address, now: float) -> None:
        """A side ("caller", "callee") sent a REFER within a call; `receiver` is where the other side is."""
        target = _user_of(request.first("Refer-To") or "")
        self._ledger.moment(now, request.call_id, "transfer.asked", side=side, target=target[:_NAME])
        self._asked[receiver] = _Asked(request.call_id, target, now)
        self._asked.move_to_end(receiver)
        if len(self._asked) > _MOST:
            self._asked.popitem(last=False)

    def began(self, request: Message, sender: Address, now: float) -> None:
        """A call began with this INVITE from there."""
        if request.frame.index("Replaces") >= 0:
            other = (request.first("Replaces") or "").partition(";")[0].strip()
            if names := self._names(request.call_id, other):
                self._ledger.moment(now, request.call_id, "transfer.replaces", call=names[1])
                self._ledger.moment(now, other, "transfer.replaced", call=names[0])
        if not self._asked:
            return
        asked = self._asked.get(sender)
        if asked is not None and now - asked.at <= _SOON_S and _user_of(f"<{request.uri}>") == asked.target:
            del self._asked[sender]
            if names := self._names(request.call_id, asked.call_id):
                self._ledger.moment(now, request.call_id, "transfer.made", call=names[1])
                self._ledger.moment(now, asked.call_id, "transfer.became", call=names[0])

    def _names(self, call_id: str, other: str) -> tuple[str, str] | None:
        """What two calls are called here; None where they are one, or one is not known."""
        name, other_name = self._name_of(call_id), self._name_of(other)
        return (name, other_name) if name and other_name and name != other_name else None

    def _name_of(self, call_id: str) -> str:
        trace = self._ledger.trace(call_id)
        return "" if trace is None or not trace.messages else id_of(trace.call_ids[0], trace.start)


def _user_of(refer_to: str) -> str:
    try:
        return NameAddr.parse(refer_to).parsed_uri().username
    except Malformed:
        return ""

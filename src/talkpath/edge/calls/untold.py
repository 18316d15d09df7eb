"""Calls that ended while a phone was away: it is told when it is back, and a dialog that is dead is called so.

A page whose connection broke believes itself in a call until somebody says otherwise. What cannot be told now waits
for the next registration of the very phone (RFC 5626 section 6), and who speaks in a dialog that we ended gets 481
(RFC 3261 section 12.2.2). Both memories are bounded; the oldest goes first.
"""

from typing import NamedTuple

from talkpath.base import limits
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.sip.message import Message

# User, and identity of the binding.
Phone = tuple[str, tuple[str, str]]


class End(NamedTuple):
    """What is to be told: a BYE to `to` in the name of `other`."""

    call_id: str
    to: Party
    other: Party
    reason: str


class Untold:
    """See the module."""

    __slots__ = ("_dead", "_ends")

    def __init__(self) -> None:
        self._ends: dict[Phone, list[End]] = {}
        self._dead: dict[tuple[str, str], None] = {}

    def bury(self, call: RunningCall) -> None:
        """The call is over, and not everybody need know."""
        if len(self._dead) >= limits.DEAD_CALLS:
            del self._dead[next(iter(self._dead))]
        self._dead[call.call_id, call.caller.tag] = None

    def is_dead(self, request: Message) -> bool:
        """Whether an in-dialog request is of a call that was buried."""
        if not self._dead:
            return False
        call_id = request.call_id
        return (call_id, request.from_tag) in self._dead or (call_id, request.to_tag) in self._dead

    def remember(self, call_id: str, to: Party, other: Party, reason: str) -> None:
        """Tell this party when it is back; only who registers can be known again."""
        if to.identity is None:
            return
        phone = (to.user, to.identity)
        ends = self._ends.pop(phone, [])
        if len(self._ends) >= limits.UNTOLD_PHONES:
            del self._ends[next(iter(self._ends))]
        self._ends[phone] = [*ends, End(call_id, to, other, reason)][-limits.UNTOLD_ENDS :]

    def take(self, phone: Phone) -> list[End]:
        """What a phone that is back is to be told."""
        return self._ends.pop(phone, []) if self._ends else []

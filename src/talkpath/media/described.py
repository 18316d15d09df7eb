"""The descriptions of a call as its recording needs them: what each side was told, and whether that was an offer."""

from collections.abc import Iterator
from typing import NamedTuple

from talkpath.media.branch import Branch
from talkpath.media.negotiation import Role, Turn
from talkpath.media.told import Told

OFFER = "offer"
ANSWER = "answer"


class Described(NamedTuple):
    """A description as we sent it: `mode` is offer or answer, `side` the one that it went to. What that side sends to
    our ports is of the payload types in it."""

    mode: str
    side: str
    sdp: bytes


def sent(turn: Turn, told: Told) -> Described:
    """What goes on in this turn."""
    return Described(OFFER if turn.role is Role.OFFER else ANSWER, _hearer(told), told.sent)


def offered(told: Told) -> Described:
    """An offer that goes on."""
    return Described(OFFER, _hearer(told), told.sent)


def in_force(branch: Branch) -> Iterator[Described]:
    """What holds with this branch: an offer of ours, the last offer and its answer, and offers that wait."""
    if branch.proposed:
        yield Described(OFFER, branch.leg.side, branch.proposed)
    agreed = branch.negotiation.agreed
    if agreed is not None:
        yield offered(agreed.offer)
        if not agreed.offer.is_settled:
            yield Described(ANSWER, _hearer(agreed.answer), agreed.answer.sent)
    for told in branch.negotiation.waiting:
        yield offered(told)


def _hearer(told: Told) -> str:
    return "callee" if told.by_caller else "caller"

"""One hop of a call as the model has it. Folding messages into hops is native (`native/src/calls/`)."""

from collections.abc import Sequence

from talkpath._native import Hop
from talkpath.calls.model import Joined, Leg, Result, Side

_RESULTS = {one.value: one for one in Result}
_SIDES = {one.value: one for one in Side}

#: A hop, the index of the hop it was made from, and how we know.
Placed = tuple[Hop, int | None, Joined]


def placed_hops(hops: Sequence[tuple[Hop, int | None]]) -> list[Placed]:
    """The hops of one Call-ID: all but the first were made by proxies."""
    return [(hop, parent, Joined.FIRST if parent is None else Joined.PROXY) for hop, parent in hops]


def leg_of(hop: Hop, index: int, parent: int | None, joined: Joined) -> Leg:
    """The leg with this place in the call."""
    return Leg(
        index=index,
        call_id=hop.call_id,
        caller=hop.caller,
        callee=hop.callee,
        transport=hop.transport,
        from_tag=hop.from_tag,
        to_tag=hop.to_tag,
        to_tags=hop.to_tags,
        start=hop.start,
        ringing_at=hop.ringing_at,
        answered_at=hop.answered_at,
        acked_at=hop.acked_at,
        ended_at=hop.ended_at,
        status=hop.status,
        reason=hop.reason,
        result=_RESULTS[hop.result],
        ended_by=_SIDES[hop.ended_by],
        ended_how=hop.ended_how,
        parent=parent,
        joined=joined,
        hop=hop,
    )

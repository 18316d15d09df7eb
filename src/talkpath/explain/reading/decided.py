"""What the edge itself decided about its own calls.

Of a capture a rule concludes how far ICE and DTLS came from the packets. Of an own call nobody need conclude: the
media machine knows which link of a side's chain broke, and noted it (`media/moments.py`).
"""

from collections.abc import Iterator

from talkpath.base.unsent import UNSENT
from talkpath.calls.model import Moment
from talkpath.explain.reading.story import Story


def told(story: Story, *kinds: str) -> Iterator[Moment]:
    """The call's moments of these kinds, in the order of time; none on a call that a capture saw."""
    return (moment for moment in story.call.moments if moment.kind in kinds)


def is_to_phones(story: Story) -> bool:
    """An own call to a user of ours: it goes to phones whose registrations arrive, and to no gateway."""
    return any(told(story, "route.user"))


def of_gateways(story: Story) -> list[Moment]:
    """What an own call met at gateways: chosen, passed over, failed, none left."""
    kinds = (
        "gateway.chosen",
        "gateway.passed-over",
        "gateway.more-passed-over",
        "gateway.failed",
        "gateway.none-left",
        "gateway.none-there",
    )
    return list(told(story, *kinds))


def lost_flow(story: Story, since: float) -> Moment | None:
    """From then on the edge had no way to a party any more."""
    lost = (
        one for one in told(story, "flow.gone", "fork.branch-failed") if one.kind == "flow.gone" or was_unsent(one)
    )
    return next((one for one in lost if one.time >= since), None)


def was_unsent(moment: Moment) -> bool:
    """Whether what it names was not reached at all."""
    return moment.values.get("why") in UNSENT

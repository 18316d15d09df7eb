"""Messages that must have been sent, for others answer or follow them, and that the capture does not show.

Over UDP nothing but the capture itself can have lost them: what is lost on the way is sent again.
"""

from collections.abc import Iterator

from talkpath.base.address import Transport
from talkpath.calls.model import Leg, MessageSeen
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.traits import cseq_number

# A request without an answer is repeated after half a second (Timer E, RFC 3261 17.1.2.2).
REPEATED_AFTER_S = 2.0


def holes(story: Story) -> list[MessageSeen]:
    """The messages that show that another one is missing, in the order of the hops."""
    return story.once("holes", lambda: [seen for leg in story.legs for seen in _holes(story, leg)])


def _holes(story: Story, leg: Leg) -> Iterator[MessageSeen]:
    if leg.transport is not Transport.UDP or not leg.invite.is_request or leg.invite.to_tag:
        return
    exchanges = [exchange for exchange in story.exchanges if exchange.leg is leg]
    yield from _unasked(leg)
    yield from _unfinished(exchanges)
    yield from (one.request for one in exchanges if one.method == "BYE" and _is_dropped(story, one))


def _unasked(leg: Leg) -> Iterator[MessageSeen]:
    """Responses to requests that were not seen."""
    asked = {
        (seen.from_caller, seen.sip.method, cseq_number(seen.sip)) for seen in leg.messages if seen.sip.is_request
    }
    for seen in leg.messages:
        sip = seen.sip
        if not sip.is_request and (not seen.from_caller, sip.method, cseq_number(sip)) not in asked:
            yield seen


def _unfinished(exchanges: list[Exchange]) -> Iterator[MessageSeen]:
    """ACKs for an answer that was not seen."""
    ended = {
        (one.from_caller, cseq_number(one.request.sip)) for one in exchanges if one.method == "INVITE" and one.status
    }
    for one in exchanges:
        if one.method == "ACK" and (one.from_caller, cseq_number(one.request.sip)) not in ended:
            yield one.request


def _is_dropped(story: Story, bye: Exchange) -> bool:
    """Sent once and never answered, and its sender was content: the answer was there."""
    waited = story.scene.last - bye.request.time
    return not bye.responses and bye.sendings == 1 and waited > REPEATED_AFTER_S

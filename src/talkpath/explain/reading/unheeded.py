"""Answers that are sent again and again because nobody acknowledges them: was the answer lost, or its ACK?

A 2xx is repeated until the ACK of who asked comes from end to end (RFC 3261 13.3.1.4), another final response to
INVITE until the next hop's own ACK (17.2.1), a reliable provisional response until its PRACK (RFC 3262 3).
"""

from collections.abc import Iterator

from msgspec import Struct

from talkpath.base.address import Address
from talkpath.calls.model import MessageSeen
from talkpath.explain.reading.story import Exchange, Story
from talkpath.sip.message import Message

# Sent so often again (after 0.5, 1.5, 3.5 s) an answer was not acknowledged.
REPEATS = 3
# What is repeated within this time crossed its acknowledgement on the way.
CROSSING_S = 0.5
# RTP packets that show that one side talks.
TALK_PACKETS = 100


class Unheeded(Struct, frozen=True):
    """An answer without its acknowledgement.

    `exchange` is the hop nearest to who asked on which the `answer` was seen; `is_lost` says that the answer itself
    got no further. `box` is a server that is known to have been sent it, and passed nothing on. `acks` are the
    acknowledgements that were seen, in order of their way.
    """

    exchange: Exchange
    answer: MessageSeen
    is_lost: bool
    box: Address | None
    acks: tuple[Exchange, ...]

    @property
    def acknowledges(self) -> str:
        """The method of what is missing."""
        return "PRACK" if self.answer.sip.status < 200 else "ACK"


def unheeded(story: Story) -> Unheeded | None:
    """The first such answer of a call, as its sender saw it; None where every answer was acknowledged."""
    return story.once("unheeded", lambda: next(_unheeded(story), None))


def _unheeded(story: Story) -> Iterator[Unheeded]:
    for exchange in reversed([one for one in story.exchanges if one.method == "INVITE"]):
        for answer in exchange.responses:
            if len(answer.retransmitted) >= REPEATS and (answer.sip.status >= 200 or _is_reliable(answer.sip)):
                acks = tuple(_acks(story, exchange, answer))
                if not _was_acknowledged(exchange, answer, acks):
                    yield _judged(story, exchange, answer, acks)


def _is_reliable(sip: Message) -> bool:
    return sip.status > 100 and sip.first("RSeq") is not None


def _acks(story: Story, exchange: Exchange, answer: MessageSeen) -> Iterator[Exchange]:
    """What acknowledges an answer, on whichever hop it was seen."""
    call_id = exchange.request.sip.call_id
    for one in story.exchanges:
        is_own = one.from_caller is exchange.from_caller and one.request.sip.call_id == call_id
        if is_own and _acknowledges(story, one, exchange, answer.sip):
            yield one


def _acknowledges(story: Story, one: Exchange, exchange: Exchange, answer: Message) -> bool:
    """By what it names; the ACK of another final response than a 2xx is for its own hop alone."""
    if answer.status < 200:
        return one.method == "PRACK" and _names(one.request.sip, answer)
    if one.method != "ACK" or story.number(one) != story.number(exchange):
        return False
    return one.leg is exchange.leg if answer.status >= 300 else one.leg.status < 300


def _names(prack: Message, answer: Message) -> bool:
    """RAck of a PRACK: the RSeq of what it acknowledges, and its CSeq (RFC 3262 7.2)."""
    return (prack.first("RAck") or "").split()[:1] == (answer.first("RSeq") or "").split()


def _was_acknowledged(exchange: Exchange, answer: MessageSeen, acks: tuple[Exchange, ...]) -> bool:
    """An acknowledgement came to who answered, and the repetitions ended with it."""
    arrived = [ack.request.time for ack in acks if ack.request.destination == answer.source]
    if not arrived and answer.sip.status >= 300:
        arrived = [ack.request.time for ack in acks]
    return bool(arrived) and sum(one.time > arrived[0] + CROSSING_S for one in answer.retransmitted) < REPEATS


def _judged(story: Story, exchange: Exchange, answer: MessageSeen, acks: tuple[Exchange, ...]) -> Unheeded:
    """Follow the answer towards who asked, up to the last hop on which it was seen."""
    while (before := _before(story, exchange)) is not None:
        passed = _same_answer(before, answer.sip)
        if passed is None:
            return Unheeded(exchange, answer, not acks, None if acks else exchange.request.source, acks)
        if answer.sip.status >= 300:
            return Unheeded(exchange, answer, is_lost=False, box=None, acks=acks)
        exchange, answer = before, passed
    return Unheeded(exchange, answer, not acks and not _was_heard(story, exchange, answer), None, acks)


def _before(story: Story, exchange: Exchange) -> Exchange | None:
    """The same request on the hop before, towards who sent it."""
    number, asked = story.number(exchange), exchange.request.sip
    for one in story.exchanges:
        is_same = one.method == "INVITE" and one.from_caller is exchange.from_caller
        if is_same and one.request.sip.call_id == asked.call_id and story.number(one) == number:
            near, far = (one.leg, exchange.leg) if one.from_caller else (exchange.leg, one.leg)
            if far.parent == near.index:
                return one
    return None


def _same_answer(exchange: Exchange, answer: Message) -> MessageSeen | None:
    """The answer on another hop: a proxy passes 2xx and provisional responses on as they are."""
    for seen in exchange.responses:
        is_refusal = seen.sip.status >= 300 and answer.status >= 300
        if is_refusal or (seen.sip.status == answer.status and seen.sip.to_tag == answer.to_tag):
            return seen
    return None


def _was_heard(story: Story, exchange: Exchange, answer: MessageSeen) -> bool:
    """Whether who asked shows that the answer came. Where nothing tells, it is taken to have come."""
    status, since = answer.sip.status, answer.time
    if status >= 300:
        return False  # whatever gets it acknowledges it at once
    if status < 200:
        return True
    if any(again.time > since + CROSSING_S for again in exchange.request.retransmitted):
        return False
    for one in story.of_leg(exchange.leg):
        if one.method == "CANCEL" and one.from_caller is exchange.from_caller and one.request.time > since:
            return False
        if one.is_initial or one.method == "ACK" or one.request.time < since:
            continue
        if one.from_caller is exchange.from_caller:
            return True
        if one.status == 481:
            return False
        if one.status == 200 and not _is_mute(story, exchange):
            return True  # one that rings takes a BYE too, in its early dialog (RFC 3261 12.3)
    return _is_not_mute(story, exchange, since)


def _is_mute(story: Story, exchange: Exchange) -> bool:
    """The other side talks, and of who asked nothing was ever heard."""
    own = [one for one in story.call.streams if one.from_caller is exchange.from_caller]
    others = [one.rtp for one in story.call.streams if one.from_caller is not exchange.from_caller]
    return not own and sum(rtp.packets for rtp in others) >= TALK_PACKETS


def _is_not_mute(story: Story, exchange: Exchange, since: float) -> bool:
    """Who asked talks, or neither does: the answer told where to."""
    own = [one.rtp for one in story.call.streams if one.from_caller is exchange.from_caller]
    others = [one.rtp for one in story.call.streams if one.from_caller is not exchange.from_caller]
    return any(rtp.end > since for rtp in own) or sum(rtp.packets for rtp in others) < TALK_PACKETS

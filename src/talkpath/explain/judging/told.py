"""Moments of the edge's own calls as evidence: what it decided (`reading/decided.py`), in its own words."""

from collections.abc import Iterator

from msgspec import Struct

from talkpath.base.texts import Language, Text
from talkpath.calls.model import Moment
from talkpath.explain.judging.finding import Because, Direction, Found, Said, party, said
from talkpath.explain.reading.decided import told
from talkpath.explain.reading.story import Story

# What led to a broken link, of the same side; more of it is in the story of the call.
_BEFORE = ("ice.", "dtls.", "srtp.")
_BEFORE_SHOWN = 6
FROM_ELSEWHERE = Text(
    "Let {who} send from the address and port that its description names, or name those that it sends from: audio "
    "came to its port from elsewhere and was dropped. If that is not from {who}, find out why {who} sends nothing.",
    "请让{who}从其描述所声明的地址和端口发送，或声明实际发送的地址和端口：有语音从别处到达其端口，因与描述不符而被丢弃。"
    "若并非{who}发出，请查明{who}自己为何没有发送。",
)
# Packets of strangers that are a second of somebody's audio.
_MANY_DROPPED = 50


class MomentSaid(Struct, frozen=True):
    """A moment in its own words."""

    moment: Moment

    def say(self, language: Language) -> str:
        from talkpath.calls import words  # captures have no moments, and start without their catalogue

        return words.said(self.moment, language)


def as_evidence(moment: Moment) -> Because:
    """What the edge noted, when it did."""
    return Because(MomentSaid(moment), (), moment.time)


def dropped(story: Story, from_caller: bool) -> Iterator[Because]:
    """What was dropped, and where it came from, at the port of a side of which nothing was heard: no mere noise."""
    side = "caller" if from_caller else "callee"
    moments = [one for one in told(story, "media.dropped", "media.dropped-from") if one.values.get("side") == side]
    if any(_is_many(one.values.get("strangers")) for one in moments):
        yield from map(as_evidence, moments)


def fix_elsewhere(story: Story, from_caller: bool) -> Said | None:
    """What to do where so much was dropped at a side's port that it may be its audio; None where it was not."""
    is_dropped = next(dropped(story, from_caller), None) is not None
    return said(FROM_ELSEWHERE, who=party(from_caller)) if is_dropped else None


def _is_many(count: object) -> bool:
    return isinstance(count, int) and count >= _MANY_DROPPED


def broken_link(story: Story, *kinds: str) -> Iterator[Found]:
    """The first of these moments, which name the broken link in the chain of their `side`, and what led to it."""
    for moment in told(story, *kinds):
        if any(_is_of_same_side(moment, one) for one in told(story, "srtp.keyed", "media.first-packet")):
            continue  # it took long, and came
        is_caller = moment.values.get("side") == "caller"
        before = [one for one in story.call.moments if one.kind.startswith(_BEFORE) and _is_of_same_side(one, moment)]
        yield Found(
            (as_evidence(moment), *map(as_evidence, before[-_BEFORE_SHOWN:])),
            {"who": party(is_caller)},
            leg=story.edge_leg(is_caller).index,
            direction=Direction.BOTH,
            confidence=0.95,
        )
        return


def _is_of_same_side(one: Moment, other: Moment) -> bool:
    return one.values.get("side") == other.values.get("side") and one.time <= other.time

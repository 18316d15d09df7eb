"""Two captures of one call: packets that one place has and the other has not were lost between the two."""

from collections import Counter
from collections.abc import Iterator, Sequence

from talkpath.base.texts import Text
from talkpath.calls.model import Leg, MessageSeen, Stream
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.places import Places
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

# Shares of the packets, as with losses of which only the end is seen.
NOTICED = 0.01
FELT = 0.03
LEAST_COMMON = 100
# So many messages of a hop that both places have say that both would show another.
LEAST_SHARED = 2
# What is near the beginning or the end of a capture may be outside it: clocks are aligned within this.
EDGE_S = 1.0

BETWEEN = Text(
    "Of {expected} packets from {src} to {dst} that {first} has, {lost} never came to {second} ({percent:.1f} %).",
    "{first} 中从 {src} 到 {dst} 的 {expected} 个包里，有 {lost} 个未到达 {second}（{percent:.1f} %）。",
)
WHEN = Text(
    "The first of them is missing {start:.1f} s after the call began, the last after {end:.1f} s.",
    "第一个缺失于呼叫开始后 {start:.1f} 秒，最后一个缺失于 {end:.1f} 秒。",
)
BEFORE = Text(
    "{count} more are missing at both places: they were lost before {first}.",
    "另有 {count} 个在两处都缺失：在到达 {first} 之前已丢失。",
)
WHOLE_BEFORE = Text("At {first} nothing was missing.", "在 {first} 处没有缺失。")
MESSAGE = Text(
    "{what} from {src} to {dst} is in {first} and not in {second}, which has {count} other messages of this hop.",
    "从 {src} 到 {dst} 的 {what} 在 {first} 中而不在 {second} 中，后者有该跳的另外 {count} 条消息。",
)
RTP = Text("packets of the voice", "语音包")
MESSAGE_FIX = Text(
    "Look at what stands between {first} and {second} (firewall, SIP ALG, a path that takes no fragments) and at "
    "what it does with such a message.",
    "检查 {first} 与 {second} 之间的设备（防火墙、SIP ALG、不允许分片的路径）如何处理这样的消息。",
)


def check(story: Story) -> Iterator[Found]:
    places = story.scene.places
    for stream in story.call.streams:
        yield from _media(story, stream, places)
    for leg in story.legs:
        yield from _signalling(leg, places)


def _media(story: Story, stream: Stream, places: Places) -> Iterator[Found]:
    rtp = stream.rtp
    seen = places.compared(rtp)
    if seen is None or seen.is_doubtful or seen.common < LEAST_COMMON or seen.share < NOTICED:
        return
    values = {"src": rtp.src, "dst": rtp.dst, "first": seen.first, "second": seen.second, "lost": seen.lost}
    counts = {"expected": seen.common - seen.before, "percent": 100 * seen.share}
    evidence = [
        because(BETWEEN, (rtp.first_frame, rtp.last_frame), seen.at, **values, **counts),
        because(WHEN, (), seen.at, start=seen.at - story.call.start, end=seen.until - story.call.start),
        because(BEFORE, (), rtp.start, count=seen.before, first=seen.first)
        if seen.before
        else because(WHOLE_BEFORE, (), rtp.start, first=seen.first),
    ]
    from_caller = stream.from_caller
    is_felt = seen.share >= FELT and not story.scene.has_drops
    yield Found(
        tuple(evidence),
        {"what": RTP, "first": seen.first, "second": seen.second},
        leg=stream.leg,
        direction=Direction.NONE if from_caller is None else Direction.of(from_caller),
        severity=Severity.ERROR if is_felt else Severity.WARNING,
        confidence=0.5 if story.scene.has_drops else 0.9,
    )


def _signalling(leg: Leg, places: Places) -> Iterator[Found]:
    """Messages that one place has of a hop of which the other has the rest."""
    shown = [(seen, _places_of(seen, places)) for seen in leg.messages]
    for from_caller in (True, False):
        own = [(seen, at) for seen, at in shown if seen.from_caller is from_caller]
        shared = Counter(pair for _, at in shown if len(at) > 1 for pair in at)
        for seen, at in own:
            if len(at) != 1:
                continue
            (here,) = at
            others = [place for place, count in shared.items() if place != here and count >= LEAST_SHARED]
            missed = [place for place in others if _would_show(places, place, seen)]
            if missed and shared[here] >= LEAST_SHARED:
                yield _message(seen, leg, places, (here, missed[0]), shared[missed[0]])
                return


def _places_of(seen: MessageSeen, places: Places) -> set[int]:
    every = (seen.seen, *seen.copies, *seen.retransmitted)
    return {places.of(one.frame) for one in every}


def _would_show(places: Places, place: int, seen: MessageSeen) -> bool:
    return places.covers(place, seen.time - EDGE_S) and places.covers(place, seen.time + EDGE_S)


def _message(seen: MessageSeen, leg: Leg, places: Places, between: Sequence[int], count: int) -> Found:
    first, second = (places.name(place) for place in between)
    sip = seen.sip
    what = sip.method if sip.is_request else f"{sip.status} ({sip.method})"
    values = {"what": what, "src": seen.seen.src, "dst": seen.seen.dst, "first": first, "second": second}
    return Found(
        (because(MESSAGE, seen.seen.frames, seen.time, count=count, **values),),
        {"what": what, "first": first, "second": second},
        leg=leg.index,
        direction=Direction.of(seen.from_caller),
        severity=Severity.WARNING,
        symptom=Symptom.FAILS,
        fix=said(MESSAGE_FIX, first=first, second=second),
        confidence=0.8,
    )


RULE: Rule = Rule(
    code="lost-between",
    symptom=Symptom.BAD_QUALITY,
    severity=Severity.ERROR,
    title=Text(
        "{what}: lost between {first} and {second}",
        "{what}：在 {first} 与 {second} 之间丢失",
    ),
    why=Text(
        "Two captures of one call show on which part of the way packets are lost, which one capture alone cannot.",
        "同一呼叫的两处抓包能说明包在哪一段丢失，单独一处抓包则不能。",
    ),
    needs=Text(
        "Captures of two places in one command, whose clocks are aligned by what both saw. One percent of at least "
        "100 packets (three percent: an error) that one place has and the other has not; or a message of a hop "
        "of which both have the others. Where each place misses what the other has, the captures lose packets, and "
        "nothing is said.",
        "在同一命令中给出两处的抓包，时钟按两处共同所见对齐。至少 100 个包中有百分之一"
        "（百分之三为错误）一处有而另一处没有；"
        "或某一跳的一条消息只有一处有，其余两处都有。若两处互有缺失，则是抓包自身丢包，不作判断。",
    ),
    fix=Text(
        "Look for what loses packets between {first} and {second}: capture at a place between them and ask again, "
        "until one device or link is left.",
        "查找 {first} 与 {second} 之间丢包之处：在两者之间再抓一处并重新分析，直到只剩一台设备或一条链路。",
    ),
    doubt=Text(
        "The second capture may have lost the packets itself without saying so: the RTCP of the receiver tells.",
        "也可能是第二处抓包自身丢失而未声明：接收方的 RTCP 会说明实际收到多少。",
    ),
    traits=frozenset({Trait.ELSEWHERE}),
    explains=frozenset({"packet-loss"}),
    of_call=check,
)

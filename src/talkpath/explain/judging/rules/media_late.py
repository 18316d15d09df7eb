"""The first words are missing: audio starts long after the answer."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait

NOTICED_S = 1.5
FELT_S = 3.0

LATE = Text(
    "The answer came at once, the first packet of {who} {seconds:.1f} s later.",
    "接通后 {seconds:.1f} 秒才出现{who}的第一个包。",
)
TOGETHER = Text(
    "Both directions begin at that very moment: nobody waits so long for a call, and what came before may have been "
    "taken out of the capture.",
    "两个方向恰在同一时刻开始：没有人会等这么久，此前的包可能已从抓包中删去。",
)
# Both begin together after so long: ICE and DTLS have given up long before.
CUT_OUT_S, SAME_S = 15.0, 0.5


def check(story: Story) -> Iterator[Found]:
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            late = _late_s(path, from_caller)
            if late >= NOTICED_S:
                yield _found(path, from_caller, late)
                break


def _late_s(path: MediaPath, from_caller: bool) -> float:
    """How long after it was first expected a direction began; 0 when it never did or began in time."""
    heard, spans = path.heard(from_caller), path.expected(from_caller)
    if not heard or not spans or heard[0].continues:
        return 0.0
    if spans[0].start > path.answered_at + 0.5:
        return 0.0
    return max(0.0, heard[0].start - spans[0].start)


def _found(path: MediaPath, from_caller: bool, late: float) -> Found:
    who, other = party(from_caller), party(not from_caller)
    first = path.heard(from_caller)[0]
    evidence = [because(LATE, (first.first_frame,), first.start, who=who, seconds=late)]
    is_doubtful = late >= CUT_OUT_S and _begins_with_the_other(path, from_caller)
    if is_doubtful:
        evidence.append(because(TOGETHER, (), first.start))
    return Found(
        tuple(evidence),
        {"who": who, "other": other, "seconds": f"{late:.1f}"},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        severity=Severity.ERROR if late >= FELT_S and not is_doubtful else Severity.WARNING,
        confidence=0.5 if is_doubtful else 0.9,
    )


def _begins_with_the_other(path: MediaPath, from_caller: bool) -> bool:
    back = path.heard(not from_caller)
    return bool(back) and abs(back[0].start - path.heard(from_caller)[0].start) < SAME_S


RULE: Rule = Rule(
    code="media-late",
    symptom=Symptom.BAD_QUALITY,
    severity=Severity.ERROR,
    title=Text(
        "{other} misses the first words: audio of {who} starts {seconds} s after the answer",
        "{other}听不到开头：{who}的语音在接通 {seconds} 秒后才开始",
    ),
    why=Text("People say hello, hear nothing, and hang up.", "人们说“喂”，听不到回应，就挂了。"),
    needs=Text(
        "The first packet of a direction at least 1.5 s after the answer (3 s: an error), while it was "
        "expected. Early "
        "media, hold at the beginning and a capture that starts later are no fault.",
        "某方向的第一个包在接通 1.5 秒之后（3 秒以上为错误），且当时应有语音。早期媒体、开头即保持、"
        "抓包开始较晚都不算故障。",
    ),
    fix=Text(
        "Look at what happens in between: ICE checks that time out one by one, a slow DTLS handshake, an ACK that is "
        "late, a phone that waits for the other side's packets first (both behind NAT).",
        "查看其间发生了什么：逐个超时的 ICE 检查、缓慢的 DTLS 握手、迟到的 ACK，或双方都在 NAT "
        "后互相等待对方先发包。",
    ),
    doubt=Text(
        "A capture from which packets were taken out, or that was filtered by a port that the first stream did not "
        "use.",
        "抓包中有包被删去，或按端口过滤而漏掉了最初的流。",
    ),
    traits=frozenset({Trait.GAPPY}),
    of_call=check,
)

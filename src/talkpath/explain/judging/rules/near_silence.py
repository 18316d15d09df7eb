"""Packets flow, and what is in them is too faint to hear."""

from collections.abc import Iterator, Sequence

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.levels import Quiet, quiet_directions
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

FAINT = Text(
    "For {seconds} s the sound from {src} averages {level:.0f} dBov: below anything one can hear.",
    "来自 {src} 的声音在 {seconds} 秒内平均为 {level:.0f} dBov：低到听不见。",
)
MEANWHILE = Text("Meanwhile {other} spoke for {seconds} s.", "与此同时{other}说话 {seconds} 秒。")
NEITHER = Text("Of {other} nothing can be heard meanwhile either.", "与此同时也听不到{other}。")
# Somebody who says this little says it by chance.
LEAST_SPOKEN_S = 2


def check(story: Story) -> Iterator[Found]:
    quiet = list(quiet_directions(story, flat=False))
    for from_caller, one in quiet:
        is_felt = one.other_spoke_s >= LEAST_SPOKEN_S
        if not is_felt and not _is_of_both(quiet):
            continue
        who, other = party(from_caller), party(not from_caller)
        frames = (one.stream.first_frame, one.stream.last_frame)
        values = {"seconds": one.silent_s, "src": one.stream.src, "level": one.level_dbov}
        text = MEANWHILE if is_felt else NEITHER
        yield Found(
            (
                because(FAINT, frames, one.since, **values),
                because(text, (), one.since, other=other, seconds=one.other_spoke_s),
            ),
            {"who": who, "other": other},
            leg=one.path.first_leg.index,
            direction=Direction.of(from_caller),
            severity=Severity.ERROR if is_felt and one.from_start and not one.is_short else Severity.WARNING,
            confidence=_confidence(one, is_felt),
            adds_up=one.is_short,
        )


def _is_of_both(quiet: Sequence[tuple[bool, Quiet]]) -> bool:
    """Both are faint from the first second on, and long enough that somebody would have said a word."""
    return len(quiet) == 2 and all(one.from_start and not one.is_short for _, one in quiet)


def _confidence(one: Quiet, is_felt: bool) -> float:
    if one.is_short:
        return 0.5
    if not is_felt:
        return 0.6
    return 0.9 if one.from_start else 0.7


RULE: Rule = Rule(
    code="near-silence",
    symptom=Symptom.ONE_WAY_AUDIO,
    severity=Severity.ERROR,
    title=Text("{other} can hardly hear {who}: the sound is next to nothing", "{other}几乎听不到{who}：声音极弱"),
    why=Text(
        "The circuit is there and no voice reaches it: a microphone that is unplugged, covered or turned down.",
        "线路在，但没有人声进入：麦克风没插好、被遮住或音量被调到最低。",
    ),
    needs=Text(
        "At least five seconds of G.711 below -60 dBov that are not a straight line, to the end, while the other "
        "side speaks; a warning where both sides are so throughout. A listener in a quiet room is louder than that; "
        "comfort noise is no fault.",
        "至少五秒 G.711 低于 -60 dBov（非直线）且持续到结束，而对方在说话；双方始终如此为警告。"
        "安静房间里的听者也比这响；舒适噪声不算故障。",
    ),
    fix=Text(
        "Ask {who} to check plug, headset choice and microphone level; then compare phone models and firmware "
        "of those "
        "affected.",
        "请{who}检查插头、耳麦选择与麦克风音量；然后比较受影响者的话机型号与固件。",
    ),
    doubt=Text(
        "Where neither side can be heard, nobody may have been there to speak: a test call, an open line, a queue "
        "without music.",
        "若双方都听不到，也可能只是无人说话：测试呼叫、空线路、没有音乐的队列。",
    ),
    traits=frozenset({Trait.QUIET}),
    of_call=check,
)

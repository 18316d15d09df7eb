"""Packets flow, and the waveform in them is a straight line."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.judging.evidence import no_signalling
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.levels import Quiet, quiet_directions, silent_throughout, spoken_s
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

# Somebody who says this little says it by chance.
LEAST_SPOKEN_S = 2

FLAT = Text(
    "{packets} packets from {src}, and for {seconds} s the waveform is a straight line.",
    "来自 {src} 的 {packets} 个包中，有 {seconds} 秒的波形是一条直线。",
)
MEANWHILE = Text("Meanwhile {other} spoke for {seconds} s.", "与此同时{other}说话 {seconds} 秒。")
NEITHER = Text("Of {other} nothing was heard meanwhile either.", "与此同时也听不到{other}。")
BEFORE = Text("Until then {who} could be heard.", "在此之前可以听到{who}。")


def check(story: Story) -> Iterator[Found]:
    quiet = list(quiet_directions(story, flat=True))
    for from_caller, one in quiet:
        if not one.other_spoke_s and len(quiet) < 2:
            continue
        yield _found(from_caller, one, *_grade(one))


def check_scene(scene: Scene) -> Iterator[Found]:
    """The same in media without signalling: one way is a straight line while the other speaks."""
    strays = list(scene.unclaimed())
    for rtp in strays:
        back = next((one for one in strays if (one.src, one.dst) == (rtp.dst, rtp.src)), None)
        silent = silent_throughout(rtp)
        spoke = 0 if back is None else spoken_s(back, rtp.start)
        if not silent or spoke < LEAST_SPOKEN_S:
            continue
        frames = (rtp.first_frame, rtp.last_frame)
        evidence = (
            because(FLAT, frames, rtp.start, packets=rtp.packets, src=rtp.src, seconds=silent),
            because(MEANWHILE, (), rtp.start, other=rtp.dst, seconds=spoke),
            no_signalling(rtp),
        )
        yield Found(evidence, {"who": rtp.src, "other": rtp.dst}, severity=Severity.WARNING, confidence=0.7)


def _grade(one: Quiet) -> tuple[Severity, float]:
    """How bad, and how surely. Where the other side says nothing either, nobody may have been there to speak."""
    felt = one.other_spoke_s >= LEAST_SPOKEN_S and one.from_start
    if one.is_short:
        return (Severity.WARNING, 0.6) if felt else (Severity.NOTE, 0.4)
    return (Severity.ERROR, 0.9) if felt else (Severity.WARNING, 0.7)


def _found(from_caller: bool, one: Quiet, severity: Severity, confidence: float) -> Found:
    who, other = party(from_caller), party(not from_caller)
    frames = (one.stream.first_frame, one.stream.last_frame)
    evidence = [
        because(FLAT, frames, one.since, packets=one.stream.packets, src=one.stream.src, seconds=one.silent_s)
    ]
    if one.other_spoke_s:
        evidence.append(because(MEANWHILE, (), one.since, other=other, seconds=one.other_spoke_s))
    elif one.from_start:
        evidence.append(because(NEITHER, (), one.since, other=other))
    if not one.from_start:
        evidence.append(because(BEFORE, (), one.since, who=who))
    return Found(
        tuple(evidence),
        {"who": who, "other": other},
        leg=one.path.first_leg.index,
        direction=Direction.of(from_caller),
        severity=severity,
        confidence=confidence,
        adds_up=one.is_short,
    )


RULE: Rule = Rule(
    code="digital-silence",
    symptom=Symptom.ONE_WAY_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "{other} hears nothing of {who}: the packets are there, and silent",
        "{other}听不到{who}：包都在，但内容是静音",
    ),
    why=Text(
        "The phone sends, but no microphone is behind it: a plug in the wrong socket, a headset that is off, mute.",
        "话机在发送，但背后没有麦克风：插头插错孔、耳麦没开、被静音。",
    ),
    needs=Text(
        "At least five seconds of G.711 whose samples are all the same, while the other side speaks. From the first "
        "second on it is an error; beginning in the middle (somebody pressed mute), or on both sides, a warning. A "
        "call of at most six seconds that is silent throughout is a warning or a note, which counts where many calls "
        "have it. Hold, comfort noise and silence suppression are no fault.",
        "至少五秒的 G.711 样本全部相同，而对方在说话。从一开始就如此为错误；中途开始（有人按了静音）"
        "或双方都如此为警告。不超过六秒且全程静音的呼叫为警告或提示，并在多个呼叫都如此时计入。"
        "保持、舒适噪声和静音抑制不算故障。",
    ),
    fix=Text(
        "Ask {who} to look at the phone: is the handset's plug in the handset socket (not the headset's), is the "
        "headset selected and switched on, is mute lit? Then compare phone models and firmware of those affected.",
        "请{who}检查话机：听筒插头是否插在听筒孔（而不是耳机孔）、耳麦是否选中并打开、静音灯是否亮？"
        "然后比较受影响者的话机型号与固件。",
    ),
    doubt=Text(
        "A softphone that removes every noise, an announcement server that waits for keys, and a load generator send "
        "true silence without a fault.",
        "会消除一切噪声的软电话、等待按键的语音服务器以及压测工具，都会无故障地发送绝对静音。",
    ),
    traits=frozenset({Trait.QUIET}),
    of_call=check,
    of_scene=check_scene,
)

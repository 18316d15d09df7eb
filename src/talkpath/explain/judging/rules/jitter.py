"""Packets arrive unevenly: more than the jitter buffer takes."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

LEAST_EXPECTED = 200
# Late packets are lost packets to the ear.
NOTICED = 0.01
FELT = 0.03

UNEVEN = Text(
    "{late} of {expected} packets from {src} come too late for a buffer of {buffer} ms; jitter {jitter:.0f} "
    "ms, at most "
    "{worst:.0f} ms.",
    "来自 {src} 的 {expected} 个包中有 {late} 个晚于 {buffer} 毫秒缓冲；抖动 {jitter:.0f} 毫秒，最大 "
    "{worst:.0f} 毫秒。",
)


def check(story: Story) -> Iterator[Found]:
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            stream = next((rtp for rtp in path.heard(from_caller) if _is_uneven(rtp)), None)
            if stream is None:
                continue
            share = stream.late / stream.expected
            yield Found(
                (
                    because(
                        UNEVEN,
                        (stream.first_frame, stream.last_frame),
                        stream.start,
                        late=stream.late,
                        expected=stream.expected,
                        src=stream.src,
                        buffer=stream.jitter_buffer_ms,
                        jitter=stream.jitter_ms,
                        worst=stream.jitter_max_ms,
                    ),
                ),
                {"who": party(from_caller), "other": party(not from_caller), "jitter": f"{stream.jitter_ms:.0f}"},
                leg=path.first_leg.index,
                direction=Direction.of(from_caller),
                severity=Severity.ERROR if share >= FELT else Severity.WARNING,
            )
            break


def _is_uneven(rtp: RtpStream) -> bool:
    """Late packets beyond what a drifting clock brings about: that has its own rule."""
    if rtp.expected < LEAST_EXPECTED or rtp.late < NOTICED * rtp.expected:
        return False
    return rtp.jitter_max_ms >= 10


RULE: Rule = Rule(
    code="jitter",
    symptom=Symptom.BAD_QUALITY,
    severity=Severity.ERROR,
    title=Text(
        "{other} hears {who} chopped: packets come too unevenly (jitter {jitter} ms)",
        "{other}听{who}声音破碎：包到达不均匀（抖动 {jitter} 毫秒）",
    ),
    why=Text(
        "A packet that comes after its turn in the jitter buffer is thrown away; the ear hears a gap.",
        "错过抖动缓冲播放时刻的包会被丢弃，听起来就是空洞。",
    ),
    needs=Text(
        "One percent of at least 200 packets (three percent: an error) too late for a simulated buffer of 80 ms. "
        "Pauses of silence suppression, a burst after hold and a new SSRC are no jitter.",
        "至少 200 个包中百分之一（百分之三以上为错误）晚于模拟的 80 毫秒缓冲。静音抑制的停顿、保持后的突发、"
        "更换 SSRC 不算。",
    ),
    fix=Text(
        "Look for a queue that fills: a narrow uplink without priority for voice, Wi-Fi, an overloaded "
        "machine on the "
        "way. Mark and prioritise voice (DSCP 46); a larger jitter buffer trades gaps for delay.",
        "寻找被填满的队列：没有语音优先级的窄上行、Wi-Fi、过载的设备。为语音打标记并优先（DSCP 46）；"
        "加大抖动缓冲是以延迟换连续。",
    ),
    traits=frozenset({Trait.LOSSY}),
    of_call=check,
)

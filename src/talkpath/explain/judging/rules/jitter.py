"""Packets arrive unevenly: more than the jitter buffer takes."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from talkpath.base.texts import Text
from talkpath.capture.records import RtpStream, Second
from talkpath.explain.judging.evidence import no_signalling
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

LEAST_EXPECTED = 200
# Late packets are lost packets to the ear.
NOTICED = 0.01
FELT = 0.03

# What a jitter buffer of today grows to (a longer one makes a conversation walk on its own feet, G.114), and how long
# it remembers the last delay that it met.
MOST_MS = 250.0
REMEMBERS_S = 30.0
# Seconds with a gap that is heard, and their share, from which on it is no single event but the way that is uneven.
LEAST_HEARD = 3
HEARD_SHARE = 0.1
# Gaps that are named with their times.
GAPS_TOLD = 6
# The least delay of a path is that of its last ten to twenty seconds: a clock that drifts so far in them that this
# share of the buffer is gone makes packets late by itself.
WINDOW_S = 20.0
DRIFT_SHARE = 0.5

UNEVEN = Text(
    "{late} of {expected} packets from {src} come too late for a buffer of {buffer} ms; jitter {jitter:.0f} "
    "ms, at most "
    "{worst:.0f} ms.",
    "来自 {src} 的 {expected} 个包中有 {late} 个晚于 {buffer} 毫秒缓冲；抖动 {jitter:.0f} 毫秒，最大 "
    "{worst:.0f} 毫秒。",
)

GAPS = Text(
    "It was in {count} of {seconds:.0f} seconds; from its start on, with the longest time without a packet: {list}.",
    "出现在 {seconds:.0f} 秒中的 {count} 秒；距流开始的时刻及最长无包时间：{list}。",
)


def check(story: Story) -> Iterator[Found]:
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            stream = next((rtp for rtp in path.heard(from_caller) if _is_uneven(rtp)), None)
            if stream is None:
                continue
            leg, direction = path.first_leg.index, Direction.of(from_caller)
            yield replace(_found(stream, party(from_caller), party(not from_caller)), leg=leg, direction=direction)
            break


def check_scene(scene: Scene) -> Iterator[Found]:
    """The same in media without signalling: who hears it is known by address alone."""
    for stream in scene.unclaimed():
        if _is_uneven(stream):
            found = _found(stream, stream.src, stream.dst)
            yield replace(found, because=(*found.because, no_signalling(stream)), confidence=found.confidence - 0.1)


def _found(stream: RtpStream, who: object, other: object) -> Found:
    share = stream.late / stream.expected
    bad = _bad(stream.seconds())
    heard = _heard(bad, stream)
    lasts = len(heard) >= max(LEAST_HEARD, HEARD_SHARE * (stream.end - stream.start))
    uneven = because(
        UNEVEN,
        (stream.first_frame, stream.last_frame),
        stream.start,
        late=stream.late,
        expected=stream.expected,
        src=stream.src,
        buffer=stream.jitter_buffer_ms,
        jitter=stream.jitter_ms,
        worst=stream.jitter_max_ms,
    )
    return Found(
        (uneven, *_gaps(heard or bad, stream)),
        {"who": who, "other": other, "jitter": f"{stream.jitter_ms:.0f}"},
        severity=Severity.ERROR if share >= FELT and lasts else Severity.WARNING,
        confidence=0.9 if lasts else 0.6,
    )


def _bad(seconds: Iterable[Second]) -> list[Second]:
    """The seconds in which packets came too late for a buffer of fixed length."""
    return [second for second in seconds if second.late]


def _heard(bad: Sequence[Second], rtp: RtpStream) -> list[Second]:
    """Of these the ones that a buffer that adapts lets be heard: it grows with the worst delay it has met, up to its
    limit, and forgets that after a while. What builds up without a gap it meets as it comes."""
    heard: list[Second] = []
    room, grown_at = float(rtp.jitter_buffer_ms), -REMEMBERS_S
    for second in bad:
        if second.time - grown_at > REMEMBERS_S:
            room = float(rtp.jitter_buffer_ms)
        delay = second.gap_ms - rtp.ptime_ms
        crept = delay <= rtp.jitter_buffer_ms and second.late * 5 >= second.packets
        if delay > room or crept:
            heard.append(second)
        room, grown_at = min(MOST_MS, max(room, delay)), second.time
    return heard


def _gaps(seconds: Sequence[Second], rtp: RtpStream) -> Iterator[Because]:
    """When it was, and for how long nothing came: one event, or all the time."""
    if not seconds:
        return
    worst = sorted(sorted(seconds, key=lambda one: -one.gap_ms)[:GAPS_TOLD], key=lambda one: one.time)
    told = ", ".join(f"{max(0.0, one.time - rtp.start):.0f} s ({one.gap_ms} ms)" for one in worst)
    more = " ..." if len(seconds) > GAPS_TOLD else ""
    values = {"count": len(seconds), "seconds": rtp.end - rtp.start, "list": told + more}
    yield because(GAPS, (), seconds[0].time, **values)


def _is_uneven(rtp: RtpStream) -> bool:
    """Late packets beyond what a drifting clock brings about: that has its own rule."""
    if rtp.expected < LEAST_EXPECTED or rtp.late < NOTICED * rtp.expected or rtp.jitter_max_ms < 10:
        return False
    slip_ms = abs(rtp.drift_ppm) * WINDOW_S / 1000
    return slip_ms < DRIFT_SHARE * rtp.jitter_buffer_ms or rtp.gap_max_ms - rtp.ptime_ms > rtp.jitter_buffer_ms


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
        "One percent of at least 200 packets too late for a simulated buffer of 80 ms. It is an error where it is "
        "three percent, and where a buffer that adapts (up to 250 ms) lets it be heard in at least three seconds and "
        "a tenth of them: one gap, or a few, are a warning with their times. "
        "Pauses of silence suppression, a burst after hold and a new SSRC are no jitter.",
        "至少 200 个包中百分之一晚于模拟的 80 毫秒缓冲。达到百分之三，且自适应缓冲（最大 250 毫秒）也无法掩盖、"
        "至少三秒并占十分之一的时间可以听出，才是错误：一次或几次间断只是警告，并给出时刻。静音抑制的停顿、"
        "保持后的突发、更换 SSRC 不算。",
    ),
    fix=Text(
        "Look for a queue that fills: a narrow uplink without priority for voice, Wi-Fi, an overloaded "
        "machine on the "
        "way. Mark and prioritise voice (DSCP 46); a larger jitter buffer trades gaps for delay.",
        "寻找被填满的队列：没有语音优先级的窄上行、Wi-Fi、过载的设备。为语音打标记并优先（DSCP 46）；"
        "加大抖动缓冲是以延迟换连续。",
    ),
    doubt=Text(
        "A capture taken on a busy machine or a mirror port adds unevenness of its own: compare with what the "
        "receiver says in RTCP. A sender that stalls (a softphone on a busy machine) looks the same as a way that is "
        "uneven: what other streams on that way do tells the two apart. Phones with a buffer of fixed length let "
        "more be heard than is told here as an error.",
        "在繁忙主机或镜像端口上抓包会引入额外的不均匀：请与接收方 RTCP 的报告对比。"
        "发送方自身停顿（繁忙主机上的软电话）看起来与不均匀的路径相同：可对比同一路径上的其他流。"
        "使用固定长度缓冲的话机，可听到的影响会比此处所说的错误更多。",
    ),
    traits=frozenset({Trait.LOSSY}),
    of_call=check,
    of_scene=check_scene,
)

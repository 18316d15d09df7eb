"""A sender's sample clock runs fast or slow."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

# Crystals are within 100 ppm; above 300 a buffer slips every minute or so, above 2000 every ten seconds.
NOTICED_PPM = 300
FELT_PPM = 2000
# The slip must show above the jitter, and in a stream long enough to tell the two apart.
LEAST_S = 10.0
LEAST_SLIP_MS = 40.0
# A sender that is off this much (a machine without time for it) shows it in half of that.
GROSS_PPM = 50_000
LEAST_GROSS_S = 5.0

DRIFT = Text(
    "The timestamps of {src} run {ppm:+.0f} ppm against its packets: {slip:.0f} ms apart after {seconds:.0f} s.",
    "{src} 的时间戳相对其发包偏差 {ppm:+.0f} ppm：{seconds:.0f} 秒后相差 {slip:.0f} 毫秒。",
)


def check(story: Story) -> Iterator[Found]:
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            stream = next((rtp for rtp in path.heard(from_caller) if _drifts(rtp)), None)
            if stream is None:
                continue
            seconds = stream.end - stream.start
            slip = abs(stream.drift_ppm) * seconds / 1000
            values = {"src": stream.src, "ppm": stream.drift_ppm, "slip": slip, "seconds": seconds}
            frames = (stream.first_frame, stream.last_frame)
            yield Found(
                (because(DRIFT, frames, stream.start, **values),),
                {"who": party(from_caller), "ppm": f"{stream.drift_ppm:+.0f}"},
                leg=path.first_leg.index,
                direction=Direction.of(from_caller),
                severity=Severity.ERROR if abs(stream.drift_ppm) >= FELT_PPM else Severity.WARNING,
            )
            break


def _drifts(rtp: RtpStream) -> bool:
    """Pauses without loss (silence suppression) say nothing: not every sender's timestamps go on through them."""
    seconds = rtp.end - rtp.start
    least_s = LEAST_GROSS_S if abs(rtp.drift_ppm) >= GROSS_PPM else LEAST_S
    if abs(rtp.drift_ppm) < NOTICED_PPM or seconds < least_s or rtp.restarts or rtp.paused:
        return False
    return abs(rtp.drift_ppm) * seconds / 1000 >= max(LEAST_SLIP_MS, 4 * rtp.jitter_ms)


RULE: Rule = Rule(
    code="clock-drift",
    symptom=Symptom.BAD_QUALITY,
    severity=Severity.ERROR,
    title=Text("The clock of {who} is off by {ppm} ppm", "{who}的时钟偏差 {ppm} ppm"),
    why=Text(
        "The receiver's buffer runs full or empty again and again; each time a piece of speech is cut out or "
        "filled in.",
        "接收方缓冲不断变满或变空，每次都会切掉或填补一段语音。",
    ),
    needs=Text(
        "Timestamps and arrival times that part by at least 300 ppm (2000: an error) and 40 ms over ten seconds or "
        "more, beyond what jitter explains. Silence suppression, after which timestamps go on as the sender "
        "likes, is no fault.",
        "十秒以上内，时间戳与到达时间的偏差至少 300 ppm（2000 以上为错误）且累计 40 毫秒，并超出抖动能解释的范围。"
        "静音抑制之后时间戳如何继续由发送方决定，不算故障。",
    ),
    fix=Text(
        "On a virtual machine look at its clock source and load; on a gateway at its TDM synchronisation; on "
        "a phone or "
        "sound card at the device. A wrong clock rate in the description shows the same way.",
        "虚拟机检查时钟源与负载；网关检查 TDM 同步；话机或声卡检查设备本身。描述中时钟频率写错也表现如此。",
    ),
    traits=frozenset({Trait.DRIFTING}),
    explains=frozenset({"jitter"}),
    of_call=check,
)

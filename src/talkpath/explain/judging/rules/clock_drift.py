"""A sender's sample clock runs fast or slow."""

from collections.abc import Iterator

from msgspec.structs import replace

from talkpath.base.texts import Text
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.evidence import no_signalling
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.scene import Scene
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

# No clock is off by two percent: the timestamps count at another rate, or the sender sends when it likes.
NO_CLOCK_PPM = 20_000
# How near a rate must be to one that codecs have.
RATE_SHARE = 0.02
RATES_HZ = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000)
# A sender that keeps its pace has less jitter than this share of a packet.
STEADY_SHARE = 0.5

WRONG_RATE = Text(
    "The timestamps of {src} count {real:.0f} a second, as with a clock of {rate} Hz; {encoding} has {clock} Hz.",
    "{src} 的时间戳每秒增加 {real:.0f}，相当于 {rate} Hz 的时钟；而此处 {encoding} 的时钟为 {clock} Hz。",
)
BURSTS = Text(
    "{src} sends {packets} packets in {seconds:.0f} s with {sound:.0f} s of sound in them: in bursts, or with "
    "timestamps that do not count the pauses. That is no clock.",
    "{src} 在 {seconds:.0f} 秒内发送 {packets} 个包，共含 {sound:.0f} 秒语音：成串发送，或时间戳未计入停顿。"
    "这不是时钟问题。",
)
OFF_BY = Text("its clock is off by {ppm} ppm", "时钟偏差 {ppm} ppm")
COUNTS = Text("its timestamps count at {rate} Hz, not at {clock} Hz", "时间戳按 {rate} Hz 递增，而非 {clock} Hz")
UNPACED = Text("it sends in bursts, or stops its timestamps in pauses", "成串发送，或在停顿时停止了时间戳")
RATE_FIX = Text(
    "Let {who} describe its codec with the clock rate that it uses (a=rtpmap), or count its timestamps at that rate: "
    "receivers play the sound too slow or too fast, or throw it away.",
    "让{who}在描述中（a=rtpmap）写明实际使用的时钟频率，或按该频率递增时间戳：否则接收方会播放过慢、过快或直接丢弃。",
)
PACE_FIX = Text(
    "Look at how {who} sends: an announcement server or a test tool that sends as fast as it can, a machine without "
    "time for it, or silence suppression that stops its timestamps (RFC 3550 5.1 lets them go on).",
    "检查{who}的发送方式：尽快发送的放音服务器或测试工具、负载过高的机器，或静音抑制时停止了时间戳"
    "（RFC 3550 5.1 要求继续递增）。",
)

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
            told = _no_clock if abs(stream.drift_ppm) >= NO_CLOCK_PPM else _drift
            leg, direction = path.first_leg.index, Direction.of(from_caller)
            yield replace(told(stream, party(from_caller)), leg=leg, direction=direction)
            break


def check_scene(scene: Scene) -> Iterator[Found]:
    """The same in media without signalling. Nobody says at which rate it is to count: only a clock is told."""
    for rtp in scene.unclaimed():
        if _drifts(rtp) and abs(rtp.drift_ppm) < NO_CLOCK_PPM:
            found = _drift(rtp, rtp.src)
            yield replace(found, because=(*found.because, no_signalling(rtp)), confidence=found.confidence - 0.1)


def _drift(rtp: RtpStream, who: object) -> Found:
    seconds = rtp.end - rtp.start
    slip = abs(rtp.drift_ppm) * seconds / 1000
    values = {"src": rtp.src, "ppm": rtp.drift_ppm, "slip": slip, "seconds": seconds}
    return Found(
        (because(DRIFT, (rtp.first_frame, rtp.last_frame), rtp.start, **values),),
        {"who": who, "how": said(OFF_BY, ppm=f"{rtp.drift_ppm:+.0f}")},
        severity=Severity.ERROR if abs(rtp.drift_ppm) >= FELT_PPM else Severity.WARNING,
    )


def _no_clock(rtp: RtpStream, who: Text) -> Found:
    """A rate that another codec has, kept steadily, is written wrong somewhere; anything else is how it is sent."""
    frames = (rtp.first_frame, rtp.last_frame)
    rate = next((rate for rate in RATES_HZ if abs(rtp.rate_hz / rate - 1) < RATE_SHARE), 0)
    if rate and rate != rtp.clock_hz and _is_steady(rtp):
        values = {"src": rtp.src, "real": rtp.rate_hz, "rate": rate, "clock": rtp.clock_hz, "encoding": rtp.encoding}
        how = said(COUNTS, rate=rate, clock=rtp.clock_hz)
        evidence = because(WRONG_RATE, frames, rtp.start, **values)
        return Found((evidence,), {"who": who, "how": how}, fix=said(RATE_FIX, who=who))
    sound = rtp.packets * rtp.ptime_ms / 1000
    values = {"src": rtp.src, "packets": rtp.packets, "seconds": rtp.end - rtp.start, "sound": sound}
    return Found(
        (because(BURSTS, frames, rtp.start, **values),),
        {"who": who, "how": UNPACED},
        severity=Severity.WARNING,
        fix=said(PACE_FIX, who=who),
        confidence=0.7,
    )


def _is_steady(rtp: RtpStream) -> bool:
    """As many packets in every whole second."""
    whole = [second.packets for second in rtp.seconds()][1:-1]
    return bool(whole) and max(whole) - min(whole) <= max(2, STEADY_SHARE * max(whole) / 5)


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
    title=Text("{who} does not keep the time of its codec: {how}", "{who}未按其编解码器的时钟发送：{how}"),
    why=Text(
        "The receiver's buffer runs full or empty again and again; each time a piece of speech is cut out or "
        "filled in.",
        "接收方缓冲不断变满或变空，每次都会切掉或填补一段语音。",
    ),
    needs=Text(
        "Timestamps and arrival times that part by at least 300 ppm (2000: an error) and 40 ms over ten seconds or "
        "more, beyond what jitter explains. From two percent on it is no clock: steady packets whose timestamps "
        "count at the rate of another codec are a wrong rate, anything else is a sender in bursts (a warning). "
        "Silence suppression, after which timestamps go on as the sender likes, is no fault.",
        "十秒以上内，时间戳与到达时间的偏差至少 300 ppm（2000 以上为错误）且累计 40 毫秒，并超出抖动能解释的范围。"
        "达到百分之二就不是时钟偏差：匀速发送且时间戳按另一编解码器的频率递增，是频率写错；否则是成串发送（警告）。"
        "静音抑制之后时间戳如何继续由发送方决定，不算故障。",
    ),
    fix=Text(
        "On a virtual machine look at its clock source and load; on a gateway at its TDM synchronisation; on "
        "a phone or "
        "sound card at the device. A wrong clock rate in the description shows the same way.",
        "虚拟机检查时钟源与负载；网关检查 TDM 同步；话机或声卡检查设备本身。描述中时钟频率写错也表现如此。",
    ),
    doubt=Text(
        "The clock of the capturing machine may be the one that is off: then all streams of all senders drift "
        "alike. A description that was seen too late, or of another call, names a wrong rate.",
        "也可能是抓包主机自己的时钟不准：此时所有发送方的流偏差相同。描述出现过晚或属于另一呼叫时，"
        "频率也会看似不符。",
    ),
    traits=frozenset({Trait.DRIFTING}),
    explains=frozenset({"jitter"}),
    of_call=check,
    of_scene=check_scene,
)

"""Packets are lost on the way."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from talkpath.base.texts import Text
from talkpath.capture.records import RtcpReport, RtcpSeen, RtpStream
from talkpath.explain.judging.evidence import no_signalling
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.holes import holes
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait

# Share of lost packets: concealment hides one percent; from three on speech suffers (G.113 Appendix I).
NOTICED = 0.01
FELT = 0.03
LEAST_EXPECTED = 200
# Of shorter calls: a second of sound and some packets, so that a note says something at all; and what nobody takes
# for chance: one in eight, at several places.
LEAST_OF_SHORT = 50
LEAST_LOST = 4
PLAIN = 0.12
PLAINLY_LOST, PLAIN_RUNS = 10, 5
# With fewer packets than this share of them the capture was thinned out, or is no voice stream.
LEAST_SHARE = 0.2
# A longer run is a hole (media-cut), or a sender that began its numbers anew.
HOLE_PACKETS = 50
# What a tone is sent as between packets of sound (RFC 4733): alone it was picked out of them.
KEYS = "telephone-event"
# So many holes are no single event: the loss is told with them.
MANY_HOLES = 3
# A receiver that reports less than this share of the loss we see had the packets: the capture lost them.
RECEIVER_SHARE = 0.3

LOST = Text(
    "{lost} of {expected} packets from {src} to {dst} are missing ({percent:.1f} %), in {bursts} gaps, the "
    "longest of "
    "{longest} packets.",
    "从 {src} 到 {dst} 的 {expected} 个包缺失 {lost} 个（{percent:.1f} %），共 {bursts} 处，最长连续 {longest} 个。",
)
WORST = Text("The worst second lost {lost} packets.", "最差的一秒丢失 {lost} 个包。")
REPORTED = Text(
    "{src} reports by RTCP that {percent:.1f} % of what {who} sent did not arrive; here it was still complete.",
    "{src} 通过 RTCP 报告{who}发送的包有 {percent:.1f} % 未到达；而在此处仍是完整的。",
)
TOLD = Text(
    "{src} reports by RTCP that {lost} of {expected} packets of {who} did not arrive ({percent:.1f} %).",
    "{src} 通过 RTCP 报告{who}的 {expected} 个包中有 {lost} 个未到达（{percent:.1f} %）。",
)
OWN_DROPS = Text(
    "SIP messages are missing from this capture too, though nobody sent them again: the losses may be its own.",
    "本抓包也缺少 SIP 消息，而无人重发：丢包可能是抓包自身造成的。",
)
ALIKE = Text(
    "All streams of this capture miss about as much, both ways and of every sender: it may be the capture that "
    "missed "
    "it.",
    "本抓包中所有流（双向、所有发送方）缺失比例相近：可能是抓包自身丢失了这些包。",
)
BOTH_WAYS = Text(
    "The other direction misses as much here; from one place that is seldom to be seen, unless the capture missed "
    "it.",
    "另一方向在此处也缺失同样多；在单一位置很少会这样，除非是抓包自身丢失。",
)
SHORT = Text(
    "With {expected} packets that is little to go by; many calls of the same kind say more (what bad calls share).",
    "仅 {expected} 个包，依据较少；若多个呼叫都如此则更可信（见问题呼叫的共同点）。",
)
SECTION = Text("On the hop before ({src} to {dst}) nothing was lost.", "在前一跳（{src} 到 {dst}）没有丢包。")


def check(story: Story) -> Iterator[Found]:
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            found = (
                _lost_here(story, path, from_caller)
                or _lost_beyond(story, path, from_caller)
                or _lost_unseen(story, path, from_caller)
            )
            if found is not None:
                yield found
                break


def _lost_here(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    for rtp in path.heard(from_caller):
        lost = _lost_of(rtp)
        is_short = rtp.expected < LEAST_EXPECTED
        if lost < NOTICED * rtp.expected or rtp.packets < LEAST_SHARE * rtp.expected:
            continue
        if is_short and _grade(rtp, lost) is None:
            continue
        if _receiver_had_them(story, rtp, lost):
            continue
        share = lost / rtp.expected
        evidence = [_lost(rtp, lost), *_worst_second(rtp, lost), *_section(story, path, from_caller)]
        found = _found(path, from_caller, evidence, share)
        if _is_both_ways(path, from_caller, share):
            doubt = because(BOTH_WAYS, (), rtp.start)
            found = replace(found, because=(*found.because, doubt), severity=Severity.WARNING, confidence=0.6)
        return _weighed(story, _graded(found, rtp, lost) if is_short else found)
    return None


def _is_both_ways(path: MediaPath, from_caller: bool, share: float) -> bool:
    """The other direction loses about as much at the same place: what is lost behind it does not show in either."""
    back = [rtp for rtp in path.heard(not from_caller) if rtp.expected >= LEAST_EXPECTED]
    return any(0.5 <= _lost_of(rtp) / rtp.expected / share <= 2 for rtp in back)


def _grade(rtp: RtpStream, lost: int) -> tuple[Severity, float] | None:
    """What so few packets can say, and how surely: chance, the first moment of a stream and a single gap take more
    of a short call than of a long one."""
    share, runs = lost / rtp.expected, sum(count for _, count in rtp.lost_runs)
    if rtp.expected < LEAST_OF_SHORT or lost < LEAST_LOST or share < FELT:
        return None
    if share >= PLAIN and lost >= PLAINLY_LOST and runs >= PLAIN_RUNS:
        return Severity.ERROR, 0.75
    return (Severity.WARNING, 0.6) if lost >= PLAINLY_LOST and runs >= PLAIN_RUNS else (Severity.NOTE, 0.4)


def _graded(found: Found, rtp: RtpStream, lost: int) -> Found:
    """The same of a short call: alone it says less, and with others of its kind it counts in full."""
    severity, confidence = _grade(rtp, lost) or (Severity.NOTE, 0.4)
    weak = because(SHORT, (), rtp.start, expected=rtp.expected)
    evidence = (*found.because, weak)
    return replace(found, because=evidence, severity=severity, confidence=confidence, adds_up=True)


def _lost_of(rtp: RtpStream) -> int:
    """Packets lost in runs, without the one or two holes that are another story."""
    holes = sum(count for length, count in rtp.lost_runs if length >= HOLE_PACKETS)
    if holes >= MANY_HOLES:
        return rtp.lost
    return sum(length * count for length, count in rtp.lost_runs if length < HOLE_PACKETS)


def check_scene(scene: Scene) -> Iterator[Found]:
    """The same in media without signalling: who hears it is known by address alone."""
    for rtp in scene.unclaimed():
        if rtp.encoding == KEYS:
            continue  # the sound between the keys was left out of the capture, and its numbers with it
        lost = _lost_of(rtp)
        if rtp.expected < LEAST_EXPECTED or lost < NOTICED * rtp.expected or rtp.packets < LEAST_SHARE * rtp.expected:
            continue
        share = lost / rtp.expected
        yield Found(
            (_lost(rtp, lost), *_worst_second(rtp, lost), no_signalling(rtp)),
            {"who": rtp.src, "other": rtp.dst, "percent": f"{100 * share:.1f}"},
            severity=Severity.NOTE if scene.has_drops else Severity.ERROR if share >= FELT else Severity.WARNING,
            confidence=0.4 if scene.has_drops else 0.8,
        )


def _weighed(story: Story, found: Found) -> Found:
    """What a capture that has drops of its own can say of losses."""
    if story.scene.has_drops:
        return replace(found, severity=Severity.NOTE, confidence=0.4)
    missed = holes(story)
    if missed:
        doubt = because(OWN_DROPS, missed[0].frames[:1], missed[0].time)
    elif story.scene.loses_alike:
        doubt = because(ALIKE, (), story.call.start)
    else:
        return found
    return replace(found, because=(*found.because, doubt), severity=Severity.WARNING, confidence=0.4)


def _found(path: MediaPath, from_caller: bool, evidence: Sequence[Because], share: float) -> Found:
    return Found(
        tuple(evidence),
        {"who": party(from_caller), "other": party(not from_caller), "percent": f"{100 * share:.1f}"},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        severity=Severity.ERROR if share >= FELT else Severity.WARNING,
    )


def _lost(rtp: RtpStream, lost: int) -> Because:
    runs = rtp.lost_runs if lost == rtp.lost else [one for one in rtp.lost_runs if one[0] < HOLE_PACKETS]
    longest = max((length for length, _ in runs), default=0)
    bursts = sum(count for _, count in runs)
    values = {"src": rtp.src, "dst": rtp.dst, "percent": 100 * lost / rtp.expected, "bursts": bursts}
    frames = (rtp.first_frame, rtp.last_frame)
    return because(LOST, frames, rtp.start, lost=lost, expected=rtp.expected, longest=longest, **values)


def _worst_second(rtp: RtpStream, lost: int) -> Iterator[Because]:
    """A hole counts in the second in which it ends: no second loses more than it has, and one with a hole in it is
    told only where the holes are."""
    whole = round(1000 / rtp.ptime_ms) if rtp.ptime_ms else 0
    seconds = [one for one in rtp.seconds() if lost == rtp.lost or one.lost < HOLE_PACKETS]
    worst = max(seconds, key=lambda second: min(second.lost, whole) if whole else second.lost, default=None)
    if worst is not None and worst.lost:
        yield because(WORST, (), worst.time, lost=min(worst.lost, whole) if whole else worst.lost)


def _section(story: Story, path: MediaPath, from_caller: bool) -> Iterator[Because]:
    """Where the loss begins, if an earlier hop of the same voice is clean."""
    paths = story.talk.paths if from_caller else story.talk.paths[::-1]
    before = paths[: paths.index(path)]
    for rtp in before[-1].heard(from_caller) if before else ():
        yield because(SECTION, (rtp.first_frame,), rtp.start, src=rtp.src, dst=rtp.dst)
        return


def _receiver_had_them(story: Story, rtp: RtpStream, lost: int) -> bool:
    """The receiver's own reports say that much less is missing: then this capture missed packets."""
    reports = [block for block, _ in _reports(story, rtp)]
    if not reports:
        return False
    last = reports[-1]
    return 0 <= last.lost < lost * RECEIVER_SHARE


def _reports(story: Story, rtp: RtpStream) -> Iterator[tuple[RtcpReport, RtcpSeen]]:
    """What the receiving host reports of a stream, in the order of time."""
    for seen in story.around(RtcpSeen):
        if not seen.is_encrypted and seen.src.host == rtp.dst.host:
            for block in seen.reports:
                if block.ssrc == rtp.ssrc:
                    yield block, seen


def _lost_beyond(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    """Complete here, incomplete at the receiver: lost after this place."""
    if path is not (story.talk.paths if from_caller else story.talk.paths[::-1])[-1]:
        return None
    for rtp in path.heard(from_caller):
        reports = list(_reports(story, rtp))
        if not reports or rtp.expected < LEAST_EXPECTED:
            continue
        block, seen = reports[-1]
        share = (block.lost - rtp.lost) / rtp.expected
        if not NOTICED <= share <= 1 or block.lost < 5:
            continue
        who = party(from_caller)
        evidence = because(REPORTED, (seen.frame,), seen.time, src=seen.src, percent=100 * share, who=who)
        return _found(path, from_caller, [evidence], share)
    return None


def _lost_unseen(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    """Of a direction that is not shown (a HEP feed without RTP) the receiver's first and last report tell."""
    receiver = path.latest(not from_caller)
    if receiver is None or path.heard(from_caller):
        return None
    places = {receiver.address, receiver.address._replace(port=receiver.address.port + 1), receiver.rtcp}
    reports = [
        (block, seen)
        for seen in story.around(RtcpSeen)
        if seen.src in places and not seen.is_encrypted
        for block in seen.reports
    ]
    last = reports[-1][0] if reports else None
    own = [(block, seen) for block, seen in reports if last is not None and block.ssrc == last.ssrc]
    if last is None or len(own) < 2:
        return None
    lost, expected = last.lost - own[0][0].lost, last.highest - own[0][0].highest
    if expected < LEAST_EXPECTED or not NOTICED <= lost / expected <= 1:
        return None
    share, (_, seen) = lost / expected, own[-1]
    values = {"lost": lost, "expected": expected, "percent": 100 * share, "who": party(from_caller)}
    evidence = because(TOLD, (own[0][1].frame, seen.frame), seen.time, src=seen.src, **values)
    return _found(path, from_caller, [evidence], share)


RULE: Rule = Rule(
    code="packet-loss",
    symptom=Symptom.BAD_QUALITY,
    severity=Severity.ERROR,
    title=Text(
        "{other} hears {who} with gaps: {percent} % of the packets are lost",
        "{other}听{who}断断续续：丢包 {percent} %",
    ),
    why=Text("Lost packets are syllables that are not heard.", "丢失的包就是听不到的音节。"),
    needs=Text(
        "One percent of at least 200 packets (three percent: an error) missing by sequence number, or "
        "reported missing by the receiver. Of shorter calls one packet in eight at several places is an error, ten "
        "packets a warning, and three percent a note that counts where many calls have it. What both directions, or "
        "all streams of the capture, miss alike is a warning: it may be the capture that missed it. Packets that the "
        "receiver reports as there, drops of the capture itself, reordering, and a new SSRC are no loss.",
        "至少 200 个包中按序号缺失百分之一（百分之三以上为错误），或接收方报告缺失。较短的呼叫中，"
        "多处丢失八分之一以上为错误，丢失十个包为警告，百分之三为提示，并在多个呼叫都如此时计入。"
        "双向或抓包中所有流缺失相近时为警告：可能是抓包自身丢失。接收方报告已收到的、抓包自身丢弃的、"
        "乱序和更换 SSRC 都不算丢包。",
    ),
    fix=Text(
        "Test the way from {who} to this place hop by hop (Wi-Fi, uplink, duplex mismatch, policing), and mark and "
        "prioritise voice (DSCP 46).",
        "逐跳检查从{who}到此处的路径（Wi-Fi、上行带宽、双工不匹配、限速），并为语音打标记和设置优先级（DSCP 46）。",
    ),
    doubt=Text(
        "A capture that loses packets itself and does not say so: the receiver's RTCP, SIP messages that are missing "
        "too, or all streams losing alike tell (each is looked at, where it is there). A short capture of one call "
        "has none of them. Some phones count in their reports as lost what came too late to be played.",
        "抓包自身丢包却未声明：可由接收方的 RTCP、同样缺失的 SIP 消息，或所有流丢失相近来判断（存在时都会被核对）。"
        "仅含一个呼叫的短抓包可能没有这些依据。"
        "有些话机在报告中会把来得太迟、无法播放的包也算作丢失。",
    ),
    traits=frozenset({Trait.LOSSY}),
    of_call=check,
    of_scene=check_scene,
)

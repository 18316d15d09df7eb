"""The call is answered and no audio flows in either direction."""

from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.capture.records import IcmpError, RtcpSeen
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import dropped, fix_elsewhere
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait
from talkpath.explain.reading.unheeded import unheeded

# Audio that was expected for less than this may have been in a lost second of capture.
LEAST_S = 4.0

SILENT = Text(
    "Answered, and {seconds:.0f} s without an RTP packet; {one} and {two} had been agreed.",
    "已接通，{seconds:.0f} 秒内没有任何 RTP 包；双方约定的地址为 {one} 和 {two}。",
)
KEPT = Text(
    "{packets} packets of {src} reach {host}, and none of them is passed on.",
    "{src} 的 {packets} 个包到达 {host}，但没有一个被转发。",
)
SEEN = Text(
    "Other calls show that media of {host} passes the place of this capture.",
    "其他呼叫表明 {host} 的媒体会经过抓包点。",
)
UNSEEN = Text(
    "Nothing says that the capture would show RTP between these addresses: it may have been taken where the media "
    "does not pass.",
    "没有迹象表明抓包点能看到这些地址之间的 RTP：可能抓包点不在媒体路径上。",
)
ICMP = Text("{src} reports {kind} for {dst}.", "{src} 报告 {dst}：{kind}。")
RTCP = Text("{src} sends RTCP, so the path is open for it.", "{src} 在发送 RTCP，说明该路径可通。")


def check(story: Story) -> Iterator[Found]:
    if story.call.answered_at is None or _is_heard(story):
        return
    if unheeded(story) is not None:
        return  # nobody knows of the answer, and that has a finding of its own
    if story.call.streams:
        yield from _kept_by_relays(story)
        return
    for path in story.talk.paths:
        if path.unseen:
            continue
        expected = max(path.expected_s(True), path.expected_s(False))
        if expected < LEAST_S:
            continue
        severity, confidence = _judge(story, path)
        if severity is not None:
            evidence = tuple(_evidence(story, path, expected, severity))
            yield Found(
                evidence,
                leg=path.first_leg.index,
                direction=Direction.BOTH,
                severity=severity,
                confidence=confidence,
                fix=fix_elsewhere(story, True) or fix_elsewhere(story, False),
            )
        return


def _kept_by_relays(story: Story) -> Iterator[Found]:
    """Both sides send, and what is between them passes on neither."""
    paths = story.talk.paths
    if len(paths) < 2 or story.call.is_own:
        return
    spoken = [*paths[0].heard(True)[:1], *paths[-1].heard(False)[:1]]
    kept = not paths[-1].heard(True) and not paths[0].heard(False)
    expected = min(paths[-1].expected_s(True), paths[0].expected_s(False))
    if not kept or len(spoken) < 2 or expected < LEAST_S:
        return
    evidence = [
        because(KEPT, (rtp.first_frame, rtp.last_frame), rtp.start, src=rtp.src, host=rtp.dst, packets=rtp.packets)
        for rtp in spoken
    ]
    yield Found(tuple(evidence), leg=paths[0].first_leg.index, direction=Direction.BOTH)


def _is_heard(story: Story) -> bool:
    """Somebody reports by RTCP what came of the other: there was audio, and this place does not show it."""
    return any(block.highest > 0 for report in story.around(RtcpSeen) for block in report.reports)


def _agreed(path: MediaPath) -> list[Address]:
    return [side.address for side in (path.latest(True), path.latest(False)) if side is not None]


def _hosts(path: MediaPath) -> list[str]:
    return [address.host for address in _agreed(path)]


def _judge(story: Story, path: MediaPath) -> tuple[Severity | None, float]:
    """How sure one can be that the capture would show media if there were any."""
    signs = story.call.is_own or bool(_errors(story, path)) or bool(story.around(RtcpSeen))
    if signs or story.scene.would_show(_hosts(path)):
        return Severity.ERROR, 0.9
    if story.scene.shows_media:
        return Severity.WARNING, 0.5
    return None, 0.0


def _errors(story: Story, path: MediaPath) -> list[IcmpError]:
    """Somebody reports that what was sent to an agreed address did not get there."""
    return [error for error in story.around(IcmpError) if error.flow_dst in _agreed(path)]


def _evidence(story: Story, path: MediaPath, expected: float, severity: Severity) -> Iterator[Because]:
    one, two = path.latest(True), path.latest(False)
    values = {"one": one.address if one else "?", "two": two.address if two else "?"}
    invite = story.invite(path.first_leg)
    frames = [*invite.request.frames[:1], *(invite.answer.frames[:1] if invite.answer else ())] if invite else []
    yield because(SILENT, frames, story.call.answered_at or 0.0, seconds=expected, **values)
    yield from dropped(story, True)
    yield from dropped(story, False)
    for error in _errors(story, path)[:1]:
        kind = error.kind.replace("-", " ")
        yield because(ICMP, (error.frame,), error.time, src=error.src, kind=kind, dst=error.flow_dst)
    for report in story.around(RtcpSeen)[:1]:
        yield because(RTCP, (report.frame,), report.time, src=report.src)
    host = story.scene.would_show(_hosts(path))
    if host is not None:
        yield because(SEEN, (), story.call.start, host=host)
    elif severity is not Severity.ERROR:
        yield because(UNSEEN, (), story.call.start)


RULE: Rule = Rule(
    code="no-rtp",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text("Answered, but no audio in either direction", "已接通，但双向都没有语音包"),
    why=Text("Both sides talk into nothing.", "双方都听不到任何声音。"),
    needs=Text(
        "An answered call in which both sides announced audio, at least four seconds of talk, no RTP at all, and a "
        "sign that the capture would show it; or relays that get audio of both sides and pass on none. A capture of "
        "signalling only is no fault, nor is hold, T.38 or video.",
        "已接通且双方都声明了音频，通话至少四秒，没有任何 RTP，并有迹象表明抓包点应能看到媒体；"
        "或中继收到双方语音却都不转发。只抓信令、保持、T.38 和视频都不算故障。",
    ),
    fix=Text(
        "Check the addresses in both descriptions: can each side send to the other's? Look at the firewall for the "
        "media ports, at NAT handling of c= lines, and at whether the media relay took part.",
        "检查双方描述中的地址：彼此能否发送到达？检查媒体端口防火墙、c= 行的 NAT 处理，以及媒体中继是否参与。",
    ),
    own_fix=Text(
        "Let UDP to the ports `media.first_port` to `media.last_port` through; behind a NAT set `advertised` of "
        "the listener or under [[media.addresses]], and `local_networks` for who is in the LAN. `talkpath calls "
        "ID` says to which addresses both sides were told to send.",
        "放行 `media.first_port` 到 `media.last_port` 的 UDP；位于 NAT 之后时，"
        "在监听或 [[media.addresses]] 中设置 `advertised`，并用 `local_networks` 指明内网。"
        "`talkpath calls ID` 会列出双方被告知的地址。",
    ),
    doubt=Text(
        "Media may pass where this capture does not look: directly between the phones, on another interface or "
        "VLAN, through a tunnel, by TCP. The signs that it would show are taken from other calls, and one may "
        "differ from these. A test call that nobody speaks in may be muted by both with silence suppression.",
        "媒体可能走抓包看不到的路径：话机之间直连、另一网口或 VLAN、隧道，或 TCP。"
        "“应能看到媒体”的迹象取自其他呼叫，而个别呼叫可能不同。无人说话的测试呼叫也可能因双方静音抑制而没有包。",
    ),
    traits=frozenset({Trait.MUTE, Trait.GAPPY, Trait.ASTRAY}),
    explains=frozenset({"media-late", "media-cut", "one-way-rtp"}),
    of_call=check,
)

"""Audio flows in one direction only."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.capture.records import IcmpError, RtcpSeen, RtpStream
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence, dropped, fix_elsewhere
from talkpath.explain.reading.decided import told
from talkpath.explain.reading.route import is_elsewhere, stuck_requests
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait
from talkpath.explain.reading.unheeded import unheeded
from talkpath.sdp.values import is_private

LEAST_S = 4.0
LEAST_PACKETS = 100

# Shares of the packets that were seen again, of a stream that passed once and of one that passed twice.
ONCE, TWICE = 0.02, 0.8

ONLY_IN = Text(
    "{packets} packets of {who} come in from {src}, and none of them is seen going out to {other}: the host of this "
    "capture drops them.",
    "来自{who}（{src}）的 {packets} 个包进入抓包主机，但没有一个被转发给{other}：它们在本机被丢弃。",
)
IN_AND_OUT = Text(
    "Those of {who} are all seen twice, coming in and going out.", "{who}的包都出现两次：进入一次，转发一次。"
)
HEARD = Text(
    "{who} sends: {packets} packets from {src} to {dst}.", "{who}在发送：从 {src} 到 {dst} 共 {packets} 个包。"
)
SILENT = Text(
    "From {who} no packet came in {seconds:.0f} s, though both sides had agreed on sendrecv.",
    "{seconds:.0f} 秒内没有来自{who}的任何包，尽管双方约定双向收发。",
)
PRIVATE = Text("{who} was told to send to {address}, a private address.", "{who}被告知发往 {address}，这是私有地址。")
ASTRAY = Text(
    "{packets} packets of {who} go to {address}, a private address, while those of {other} come from {real}.",
    "{who}的 {packets} 个包发往私有地址 {address}，而{other}的包来自 {real}。",
)
ICMP = Text("{src} reports {kind} for {dst}.", "{src} 报告 {dst}：{kind}。")
REPORT = Text(
    "{who} says in RTCP that it sent {count} packets: they were lost before this place.",
    "{who}的 RTCP 称已发送 {count} 个包：它们在到达此处之前丢失。",
)
RELAY = Text(
    "{who} is heard on the hop before: {host} does not pass it on.", "前一跳可以听到{who}：{host} 没有转发。"
)

FEW = Text(
    "Of {who} only {packets} came to {host} in {seconds:.0f} s, though both sides had agreed on sendrecv.",
    "{seconds:.0f} 秒内{who}只有 {packets} 个包到达 {host}，尽管双方约定双向收发。",
)


def check(story: Story) -> Iterator[Found]:
    lost = unheeded(story)
    if lost is not None and lost.is_lost:
        return  # who never heard of the answer cannot talk, and that has a finding of its own
    for from_caller in (True, False):
        path = _silent_path(story, from_caller)
        if path is not None and _comes_to_its_end(story, from_caller):
            continue
        if path is not None and not _received(story, path, from_caller):
            yield _found(story, path, from_caller)
            return
    yield from _sent_astray(story)
    yield from _kept_back(story)
    yield from _denied(story)


def _comes_to_its_end(story: Story, from_caller: bool) -> bool:
    """Packets of this direction do go to the host of who is to hear them, on whatever hop they were counted, or did
    until they ended: then no hop swallows them all."""
    ends = {story.address_of(not from_caller).host}
    ends |= {m.address.host for m in story.edge_leg(not from_caller).media if m.from_caller is not from_caller}
    ends -= {leg.caller.host if from_caller else leg.callee.host for leg in story.legs}
    return any(
        one.from_caller is from_caller and one.rtp.dst.host in ends and one.rtp.packets >= LEAST_PACKETS
        for one in story.call.streams
        if one.rtp.media != "video"
    )


def _denied(story: Story) -> Iterator[Found]:
    """Of an own call: what came in flows on, and the hearer's RTCP says that nothing of it arrives. Browsers report
    as they must; of phones some write reports without ever a word of what they hear."""
    last = {moment.values.get("side"): moment for moment in told(story, "media.unheard", "media.confirmed")}
    for side, moment in last.items():
        from_caller = side == "callee"
        path = next((one for one in story.talk.paths if one.packets(from_caller) >= LEAST_PACKETS), None)
        if moment.kind == "media.confirmed" or moment.values.get("media") != "audio" or path is None:
            continue
        if path.expected_s(from_caller) >= LEAST_S:
            yield Found(
                (as_evidence(moment), *_first_heard(path, from_caller)),
                {"who": party(from_caller), "other": party(not from_caller)},
                leg=story.edge_leg(not from_caller).index,
                direction=Direction.of(from_caller),
                severity=Severity.ERROR if moment.values.get("web") else Severity.WARNING,
            )


def _first_heard(path: MediaPath, from_caller: bool) -> Iterator[Because]:
    first = path.heard(from_caller)[0]
    values = {"src": first.src, "dst": first.dst, "packets": path.packets(from_caller)}
    yield because(HEARD, (), first.start, who=party(from_caller), **values)


def _sent_astray(story: Story) -> Iterator[Found]:
    """All packets of a side go to a private address from which nothing comes, while the other one's come from
    elsewhere: who is behind NAT named its inside address. Of our own calls we know only what came to us."""
    if story.call.is_own:
        return
    for path in story.talk.paths:
        for from_caller in (True, False):
            own, others = path.heard(from_caller), path.heard(not from_caller)
            sources = {rtp.src.host for rtp in others} | {story.address_of(not from_caller).host}
            lost = [rtp for rtp in own if all(is_elsewhere(rtp.dst.host, source) for source in sources)]
            enough = sum(rtp.packets for rtp in own) >= LEAST_PACKETS and path.expected_s(from_caller) >= LEAST_S
            if not others or len(lost) < len(own) or not enough or _received(story, path, from_caller):
                continue
            yield _astray(path, from_caller, lost[0], others[0])
            return


def _astray(path: MediaPath, from_caller: bool, lost: RtpStream, real: RtpStream) -> Found:
    who, other = party(from_caller), party(not from_caller)
    frames = (lost.first_frame, lost.last_frame)
    values = {"who": who, "other": other, "packets": lost.packets, "address": lost.dst, "real": real.src}
    return Found(
        (because(ASTRAY, (*frames, real.first_frame), lost.start, **values),),
        {"who": who, "other": other},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        confidence=0.8,
    )


def _silent_path(story: Story, from_caller: bool) -> MediaPath | None:
    """The first path on the way of this direction on which it is missing while the other one flows."""
    paths = story.talk.paths if from_caller else story.talk.paths[::-1]
    if any(stuck.answer and not (from_caller and stuck.hops) for stuck in stuck_requests(story)):
        # A callee without an ACK need not send (RFC 3261 13.3.1.4), and of a caller without one nothing shows that it
        # heard of the answer; that has a finding of its own.
        return None
    for path in paths:
        wanted = path.expected_s(from_caller)
        others = path.heard(not from_caller)
        flows = bool(path.unseen) or sum(rtp.packets for rtp in others) >= LEAST_PACKETS
        if wanted < LEAST_S or path.heard(from_caller) or not flows:
            continue
        if _both_ways(story, path):
            return path
    return None


def _both_ways(story: Story, path: MediaPath) -> bool:
    """The capture sees both directions of the signalling here; else it was taken on one side of a switch."""
    return any(len({seen.from_caller for seen in leg.messages}) == 2 for leg in path.legs)


def _kept_back(story: Story) -> Iterator[Found]:
    """On every interface of a router what passes is seen twice, coming in and going out; what it drops, once."""
    for path in story.talk.paths:
        for from_caller in (True, False):
            own, others = path.heard(from_caller), path.heard(not from_caller)
            if len(own) != 1 or len(others) != 1 or path.expected_s(from_caller) < LEAST_S:
                continue
            dropped, passed = own[0], others[0]
            if (dropped.src, dropped.dst) != (passed.dst, passed.src) or dropped.packets < LEAST_PACKETS:
                continue
            if dropped.duplicates <= dropped.packets * ONCE and passed.duplicates >= passed.packets * TWICE:
                yield _dropped_here(path, from_caller, dropped, passed)
                return


def _dropped_here(path: MediaPath, from_caller: bool, dropped: RtpStream, passed: RtpStream) -> Found:
    who, other = party(from_caller), party(not from_caller)
    frames = (dropped.first_frame, dropped.last_frame)
    evidence = because(ONLY_IN, frames, dropped.start, who=who, other=other, packets=dropped.packets, src=dropped.src)
    passing = because(IN_AND_OUT, (passed.first_frame, passed.last_frame), passed.start, who=other)
    return Found(
        (evidence, passing),
        {"who": who, "other": other},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        confidence=0.8,
    )


def _received(story: Story, path: MediaPath, from_caller: bool) -> bool:
    """The other side reports that it hears the direction that the capture does not show."""
    receivers = {rtp.src.host for rtp in path.heard(not from_caller)}
    senders = {rtp.ssrc for rtp in path.heard(not from_caller)}
    for report in story.around(RtcpSeen):
        if report.src.host not in receivers or report.is_encrypted:
            continue
        if any(block.ssrc not in senders and block.highest > 0 for block in report.reports):
            return True
    return False


def _found(story: Story, path: MediaPath, from_caller: bool) -> Found:
    return Found(
        tuple(_evidence(story, path, from_caller)),
        {"who": party(from_caller), "other": party(not from_caller)},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        fix=fix_elsewhere(story, from_caller),
    )


def _evidence(story: Story, path: MediaPath, from_caller: bool) -> Iterator[Because]:
    who, other = party(from_caller), party(not from_caller)
    seconds = path.expected_s(from_caller)
    start = path.expected(from_caller)[0].start
    heard = path.heard(not from_caller)
    before = next((one.heard(from_caller)[0] for one in _others(story, path, from_caller)), None)
    is_there = before is not None and any(rtp.src.host == before.dst.host for rtp in heard)
    if before is not None and is_there:
        values = {"host": before.dst.host, "packets": before.packets}
        yield because(FEW, (before.first_frame,), start, who=who, seconds=seconds, **values)
    else:
        yield because(SILENT, (), start, who=who, seconds=seconds)
    if heard:
        values = {"src": heard[0].src, "dst": heard[0].dst, "packets": sum(rtp.packets for rtp in heard)}
        yield because(HEARD, (heard[0].first_frame, heard[0].last_frame), heard[0].start, who=other, **values)
    if before is not None:
        if not is_there:
            yield because(RELAY, (before.first_frame,), before.start, who=who, host=before.dst.host)
        return
    target = path.told(from_caller)
    if target is not None and is_private(target.address.host) and _sender_is_outside(story, from_caller):
        yield because(PRIVATE, (), target.time, who=who, address=target.address)
    for error in story.around(IcmpError):
        if target is not None and error.flow_dst == target.address:
            kind = error.kind.replace("-", " ")
            yield because(ICMP, (error.frame,), error.time, src=error.src, kind=kind, dst=error.flow_dst)
            break
    yield from dropped(story, from_caller)
    for report in story.around(RtcpSeen):
        if report.sent_packets and report.src.host == story.address_of(from_caller).host:
            yield because(REPORT, (report.frame,), report.time, who=who, count=report.sent_packets)
            return


def _others(story: Story, path: MediaPath, from_caller: bool) -> Iterator[MediaPath]:
    """The other hops on which this direction is heard."""
    return (one for one in story.talk.paths if one is not path and one.heard(from_caller))


def _sender_is_outside(story: Story, from_caller: bool) -> bool:
    return not is_private(story.address_of(from_caller).host)


RULE: Rule = Rule(
    code="one-way-rtp",
    symptom=Symptom.ONE_WAY_AUDIO,
    severity=Severity.ERROR,
    title=Text("{other} does not hear {who}: no audio of {who} arrives", "{other}听不到{who}：收不到{who}的语音"),
    why=Text("One side talks and is not heard.", "一方说话，另一方听不到。"),
    needs=Text(
        "An answered call, both sides sendrecv for at least four seconds, audio in one direction and not a packet in "
        "the other, or only such as go to a private address where the other side is not, or whose hearer reports "
        "that nothing of it arrives. Hold, sendonly, recvonly, video, T.38, a capture that sees only one direction "
        "of everything, and a receiver that reports hearing it are no fault.",
        "已接通，双方 sendrecv 至少四秒，一个方向有语音，另一个方向一个包也没有，或只发往对方并不在的私有地址，"
        "或接收方报告一个包也没有收到。保持、sendonly、recvonly、视频、T.38、只抓到单向的抓包，"
        "以及接收方报告能听到时，"
        "都不算故障。",
    ),
    fix=Text(
        "Find where {who}'s packets stop: does {who} send at all (its own capture), to which address does its "
        "side of "
        "the descriptions point, and does a firewall or NAT let them through? A private address in c= needs a media "
        "relay or NAT handling.",
        "查找{who}的包在哪里停止：{who}是否发送（在其侧抓包）、描述让它发往哪个地址、防火墙或 NAT 是否放行？"
        "c= 中的私有地址需要媒体中继或 NAT 处理。",
    ),
    own_fix=Text(
        "Find where {who}'s packets stop: does {who} send at all (its own capture), and to the address that "
        "`talkpath calls ID` shows it was told? Behind a NAT that is `advertised` of the listener or under "
        "[[media.addresses]]; let UDP to `media.first_port` to `media.last_port` through.",
        "查找{who}的包在哪里停止：{who}是否发送（在其侧抓包），是否发往 `talkpath calls ID` 所示的地址？"
        "位于 NAT 之后时，该地址由监听或 [[media.addresses]] 的 `advertised` 决定；"
        "并放行 `media.first_port` 到 `media.last_port` 的 UDP。",
    ),
    doubt=Text(
        "A capture beside one phone that sends its audio by another interface or tunnel; a relay with addresses "
        "that no description names.",
        "在某话机旁抓包，而它的语音走另一接口或隧道；或中继使用了任何描述都未提及的地址。",
    ),
    traits=frozenset({Trait.GAPPY, Trait.OWN, Trait.DOUBLED, Trait.ASTRAY}),
    explains=frozenset({"media-late", "media-cut"}),
    of_call=check,
)

"""Audio is sent to where the other side is not, or is no more."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from msgspec import Struct

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.model import Medium, MessageSeen
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.holes import holes
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait
from talkpath.sdp import SessionDescription

LEAST_S = 4.0
LEAST_PACKETS = 100
# What is under way when a side moves arrives where it was; who has heard of the move follows within this time.
MOVED_S = 3.0

SENT = Text(
    "{who} sent {packets} packets to {dst}; {other} announced {announced}.",
    "{who}向 {dst} 发送了 {packets} 个包；而{other}声明的地址是 {announced}。",
)
OF_SESSION = Text(
    "{host} stands in the c= line of the session; the audio section has a c= line of its own, which counts for it "
    "(RFC 8866 5.7).",
    "{host} 是会话级 c= 行的地址；而语音段有自己的 c= 行，应以后者为准（RFC 8866 5.7）。",
)
OF_BEFORE = Text(
    "{dst} is what {other} had announced before; since {other} moved, {who} sends on to the old place.",
    "{dst} 是{other}之前声明的地址；{other}更换地址后，{who}仍发往旧地址。",
)
OF_NOBODY = Text(
    "Nobody named {dst} in this call, and nothing ever came from {host}.",
    "本次呼叫中没有人声明过 {dst}，也从未有任何数据来自 {host}。",
)


class Reason(Struct, frozen=True):
    """Why an address is the wrong one, how sure that is, and what tells it."""

    said: Text
    confidence: float
    told_by: MessageSeen | None = None


def check(story: Story) -> Iterator[Found]:
    if story.call.is_own:
        return
    for path in story.talk.paths:
        for from_caller in (True, False):
            found = _astray(story, path, from_caller)
            if found is not None:
                yield found
                return


def _astray(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    target = path.latest(not from_caller)
    streams = path.heard(from_caller)
    if target is None or not streams or _has_ice(path) or path.expected_s(from_caller) < LEAST_S:
        return None
    since = _settled(story, path, target, from_caller)
    late = [rtp for rtp in streams if since is not None and rtp.end > since + MOVED_S]
    if since is None or not late or any(rtp.dst in _places(target) for rtp in late):
        return None
    for rtp in late:
        reason = _reason(story, path, rtp, target, from_caller)
        if reason is not None and rtp.packets >= LEAST_PACKETS:
            return _found(story, path, from_caller, rtp, target, reason)
    return None


def _has_ice(path: MediaPath) -> bool:
    """Then the address in m= and c= is one of many, and checks decide."""
    return any(ways.candidates or ways.ufrags for leg in path.legs for ways in leg.ways)


def _places(medium: Medium) -> Sequence[Address]:
    return [medium.address, *([medium.rtcp] if medium.rtcp is not None else [])]


def _settled(story: Story, path: MediaPath, target: Medium, from_caller: bool) -> float | None:
    """Since when the other side's last word counts: the answer to it; None where it was never answered."""
    for leg in path.legs:
        for exchange in story.of_leg(leg):
            if exchange.method not in ("INVITE", "UPDATE") or exchange.answer is None:
                continue
            if target.time in (exchange.request.time, *(one.time for one in exchange.responses)):
                return max(exchange.answer.time, path.answered_at)
    return path.answered_at


def _reason(story: Story, path: MediaPath, rtp: RtpStream, target: Medium, from_caller: bool) -> Reason | None:
    """None where nothing says that it is wrong."""
    described = _told_by(path, target)
    if described is not None and rtp.dst == _of_session(described, target):
        return Reason(OF_SESSION, 0.95, described)
    before = [one for one in path.media if one.from_caller is not from_caller and one.time < target.time]
    if any(rtp.dst == one.address for one in before) and rtp.end > target.time + MOVED_S:
        return Reason(OF_BEFORE, 0.8, described)
    return Reason(OF_NOBODY, 0.75) if _is_nobodys(story, rtp) else None


def _told_by(path: MediaPath, medium: Medium) -> MessageSeen | None:
    seen = (one for leg in path.legs for one in leg.messages)
    return next((one for one in seen if one.time == medium.time and one.sip.carries_sdp), None)


def _of_session(seen: MessageSeen, medium: Medium) -> Address | None:
    """Where a reader of the session's c= line alone would send; None where the section has none of its own."""
    try:
        description = SessionDescription.parse(seen.sip.body)
    except Malformed:
        return None
    section = next((one for one in description if one.kind == "audio" and one.port == medium.address.port), None)
    general = description.connection
    if section is None or general is None or section.own_connection is None or general.ip == medium.address.host:
        return None
    return Address(general.ip, medium.address.port) if general.ip else None


def _is_nobodys(story: Story, rtp: RtpStream) -> bool:
    """No description names it, and the host is none that says anything in this call: no relay, no NAT."""
    media = [one for leg in story.legs for one in leg.media]
    named = {one.host for medium in media for one in _places(medium)}
    speak = {end.host for leg in story.legs for end in (leg.caller, leg.callee)}
    speak |= {one.rtp.src.host for one in story.call.streams}
    host = rtp.dst.host
    return host not in named | speak and not _is_group(host) and not holes(story) and not _answers(story, host)


def _is_group(host: str) -> bool:
    try:
        return ip_address(host).is_multicast
    except ValueError:
        return True


def _answers(story: Story, host: str) -> bool:
    """Whether anything of a host is in the capture: streams that no call announced, or SIP."""
    return story.scene.heard.has_heard(host) or any(rtp.src.host == host for rtp in story.scene.strays)


def _found(story: Story, path: MediaPath, from_caller: bool, rtp: RtpStream, target: Medium, reason: Reason) -> Found:
    who, other = party(from_caller), party(not from_caller)
    values = {"who": who, "other": other, "dst": rtp.dst, "host": rtp.dst.host, "packets": rtp.packets}
    frames = (rtp.first_frame, rtp.last_frame)
    told = reason.told_by.frames[:1] if reason.told_by is not None else ()
    evidence: list[Because] = [
        because(SENT, frames, rtp.start, announced=target.address, **values),
        because(reason.said, told, target.time, **values),
    ]
    return Found(
        tuple(evidence),
        {"who": who, "other": other, "dst": rtp.dst},
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        confidence=reason.confidence,
    )


RULE: Rule = Rule(
    code="media-astray",
    symptom=Symptom.ONE_WAY_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "{other} does not hear {who}, whose audio goes to {dst}: {other} is not there",
        "{other}听不到{who}：{who}的语音发往 {dst}，而{other}不在那里",
    ),
    why=Text("Packets that go elsewhere are heard by nobody.", "发往别处的包没有人能听到。"),
    needs=Text(
        "All packets of a direction go to an address that the other side did not announce: that of the session's c= "
        "line where the section has its own, the one before the last re-INVITE, or one that no description names and "
        "from which nothing ever comes. ICE, a relay or NAT that answers from there, a second copy to a recorder, "
        "and "
        "multicast are no fault.",
        "某方向的所有包都发往对方未声明的地址：语音段自有 c= 行时仍使用会话级地址、上一次 re-INVITE 之前的地址，"
        "或没有任何描述提及且从未有数据发出的地址。ICE、从该处应答的中继或 NAT、给录音设备的第二份拷贝、"
        "以及组播都不算故障。",
    ),
    fix=Text(
        "Look at how {who} (or the relay that sends for it) reads the description of {other}: the c= line of the "
        "audio section comes before that of the session, and the last description that was answered counts. A relay "
        "that was told of one description and not of the next (re-INVITE, UPDATE, 183 before 200) sends to the old "
        "place.",
        "检查{who}（或代其发送的中继）如何读取{other}的描述：语音段的 c= 行优先于会话级，"
        "且以最后一次被应答的描述为准。若中继只得知前一份描述而不知后一份"
        "（re-INVITE、UPDATE、200 之前的 183），就会发往旧地址。",
    ),
    doubt=Text(
        "A relay or a NAT may stand at an address that shows in no description, with its other side outside this "
        "capture; a description that the capture misses may name it.",
        "中继或 NAT 可能位于描述中未出现的地址，其另一侧在抓包之外；抓包缺失的描述也可能声明过该地址。",
    ),
    traits=frozenset({Trait.ASTRAY, Trait.MOVED}),
    explains=frozenset({"one-way-rtp", "no-rtp", "media-cut", "media-late"}),
    of_call=check,
)

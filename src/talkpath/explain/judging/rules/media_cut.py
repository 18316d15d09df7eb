"""Audio stops in the middle of the talk and does not come back, or leaves a hole of seconds."""

import re
from collections.abc import Iterator, Sequence

from talkpath.base.texts import Text
from talkpath.capture.records import MediaGap, RtcpSeen, RtpStream
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.decided import told
from talkpath.explain.reading.levels import SPEECH_DBOV
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath, Span
from talkpath.explain.reading.traits import Trait

# Silence of a direction at the end of a talk: people say goodbye and the phone may stop before the BYE arrives.
CUT_S = 4.0
# When both directions end, a side may have been slow to hang up; not for longer.
LONG_S = 8.0
# A hole in the middle that was filled with lost packets.
HOLE_S = 2.0
HOLE_LOST_SHARE = 0.8
# Holes that are named, the longest first.
HOLES_TOLD = 3
# A sender that is heard for less may have paused for the first time; who talks longer pauses for breath.
BRIEF_S = 5.0
# Reports are looked at from so long after the last packet on, and mean something from so many packets on.
SETTLED_S = 0.5
SENT_PACKETS = 25
# Seconds of speech that make it a talk.
SPOKEN_S = 2
# With fewer packets than this share of what its numbers promise a stream was thinned out when it was stored.
LEAST_SHARE = 0.2

# How voice mail is named, in the user part of a URI or beside it; *97 and *98 are Asterisk's and FreeSWITCH's.
MAILBOX = re.compile(r"voice[-_ ]?mail|mailbox|\bvm\b|:(?:\*|%2[aA])9[78]\b", re.IGNORECASE)

STOPPED = Text(
    "The last packet of {who} came {seconds:.0f} s before the end of the call.",
    "{who}的最后一个包出现在通话结束前 {seconds:.0f} 秒。",
)
WENT_ON = Text("{other} went on sending for {seconds:.0f} s.", "{other}继续发送了 {seconds:.0f} 秒。")
SENT_ON = Text(
    "{who} counts {count} packets more in its reports since (RTCP): they are sent, and lost before this place.",
    "此后{who}的 RTCP 报告又多计了 {count} 个包：它们已发出，在到达此处之前丢失。",
)
BY_ITSELF = Text(
    "{who} counts no more packets in its reports (RTCP): it stopped of its own will, and nothing was lost.",
    "{who}的 RTCP 报告不再增加包数：是它自己停止发送，途中没有丢失。",
)
MONOLOGUE = Text(
    "Until then only {who} had spoken, and since only {other} does: it may be a voice mail that records.",
    "在此之前只有{who}说话，此后只有{other}说话：可能是正在录音的语音信箱。",
)
BRIEF = Text(
    "{who} had sent for a few seconds only: whether it suppresses silence is not to be seen.",
    "{who}此前只发送了几秒：无法判断它是否使用静音抑制。",
)
FADED = Text(
    "{who} had stopped speaking before: it may be silence suppression that was not announced.",
    "{who}在此之前已停止说话：可能是未声明的静音抑制。",
)
HOLE = Text(
    "For {seconds:.1f} s nothing of {who} came; {lost} packets are missing.",
    "{seconds:.1f} 秒没有{who}的包；缺失 {lost} 个包。",
)


def check(story: Story) -> Iterator[Found]:
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            found = _stopped(story, path, from_caller) or _hole(story, path, from_caller)
            if found is not None:
                yield found
                break


def _stopped(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    heard, spans = path.heard(from_caller), path.expected(from_caller)
    if not heard or not spans:
        return None
    last = max(rtp.end for rtp in heard)
    end = spans[-1].end
    missing = end - last
    if missing < CUT_S or last < spans[-1].start or _suppresses(heard):
        return None
    if (not from_caller and _is_mailbox(story)) or _took_leave(story, from_caller, last):
        return None
    others = path.heard(not from_caller)
    went_on = max((rtp.end for rtp in others), default=0.0) - last
    if went_on < CUT_S - 1 and story.call.ended_at is None:
        return None
    who, other = party(from_caller), party(not from_caller)
    final = max(heard, key=lambda rtp: rtp.end)
    evidence = [because(STOPPED, (final.last_frame,), last, who=who, seconds=missing)]
    if went_on > 1:
        evidence.append(because(WENT_ON, (), last, other=other, seconds=went_on))
    values = {"who": who, "other": other, "seconds": f"{missing:.0f}"}
    both = went_on < 1
    doubt = _doubt(story, path, from_caller, final)
    sent_on = _sent_on(story, final)
    if sent_on is not None and sent_on[0] >= SENT_PACKETS:
        evidence.append(because(SENT_ON, sent_on[1], last, who=who, count=sent_on[0]))
    elif doubt is not None:
        evidence.append(because(doubt, (final.last_frame,), last, who=who, other=other))
    is_proven = sent_on is not None and sent_on[0] >= SENT_PACKETS
    severe = is_proven or (doubt is None and (not both or missing > LONG_S))
    return Found(
        tuple(evidence),
        values,
        leg=path.first_leg.index,
        direction=Direction.of(from_caller),
        severity=Severity.ERROR if severe else Severity.WARNING,
        confidence=0.95 if is_proven else 0.5 if doubt is not None else 0.8,
    )


def _doubt(story: Story, path: MediaPath, from_caller: bool, final: RtpStream) -> Text | None:
    """Why the sender may have stopped of its own will."""
    sent_on = _sent_on(story, final)
    if sent_on is not None and sent_on[0] < SENT_PACKETS:
        return BY_ITSELF
    if _faded(final):
        return FADED
    if not from_caller and _is_monologue(path, final):
        return MONOLOGUE
    return BRIEF if sum(rtp.end - rtp.start for rtp in path.heard(from_caller)) < BRIEF_S else None


def _sent_on(story: Story, final: RtpStream) -> tuple[int, tuple[int, ...]] | None:
    """How many packets more the sender counts since (RFC 3550 6.4.1), and where it says so; None where it says
    nothing, or too little."""
    reports = [
        one
        for one in story.around(RtcpSeen)
        if one.ssrc == final.ssrc and one.sent_packets and not one.is_encrypted and one.time > final.end + SETTLED_S
    ]
    if len(reports) < 2:
        return None
    first, last = reports[0], reports[-1]
    return last.sent_packets - first.sent_packets, (first.frame, last.frame)


def _is_monologue(path: MediaPath, final: RtpStream) -> bool:
    """One side spoke until then and the other one since: a mailbox that said its piece and records."""
    before = after = 0
    for rtp in path.heard(True):
        for second in rtp.seconds():
            if second.level_dbov > SPEECH_DBOV and second.time >= path.answered_at - 1:
                before, after = before + (second.time + 1 < final.end), after + (second.time > final.end)
    return before < SPOKEN_S <= after and final.level_dbov > SPEECH_DBOV


def _faded(final: RtpStream) -> bool:
    """Nobody had spoken for a second or more when it stopped: a sender that says nothing of silence suppression may
    have begun with it."""
    if not final.level_dbov > SPEECH_DBOV:
        return False  # no level is known, or it was quiet all the time
    heard = [second for second in final.seconds() if second.packets and second.level_dbov == second.level_dbov]
    return len(heard) > 2 and all(second.level_dbov < SPEECH_DBOV for second in heard[-2:])


def _took_leave(story: Story, is_caller: bool, last: float) -> bool:
    """It closed DTLS as it stopped: a page that was closed in the call, which sends no BYE."""
    side = "caller" if is_caller else "callee"
    closed = (moment.time for moment in told(story, "dtls.closed") if moment.values.get("side") == side)
    return any(abs(at - last) < CUT_S for at in closed)


def _is_mailbox(story: Story) -> bool:
    """Whoever answers calls itself a voice mail: it says its piece, and then it records and need not send."""
    names = []
    for leg in story.legs:
        invite = story.invite(leg)
        answer = invite.answer if invite else None
        names += [leg.invite.uri] if leg.invite.is_request else []
        names += [answer.sip.first("Contact") or "", answer.sip.first("To") or ""] if answer else []
    return any(MAILBOX.search(name) for name in names)


def _suppresses(heard: list[RtpStream]) -> bool:
    """A sender that pauses when nobody speaks may pause to the end."""
    return any(rtp.paused or any(use.encoding.upper() == "CN" for use in rtp.payload_types) for rtp in heard)


def _hole(story: Story, path: MediaPath, from_caller: bool) -> Found | None:
    if story.scene.has_drops:
        return None
    holes = [gap for rtp in path.heard(from_caller) for gap in _holes(rtp, path.expected(from_caller))]
    if not holes:
        return None
    holes.sort(key=lambda gap: gap.start - gap.end)
    who, other = party(from_caller), party(not from_caller)
    evidence = [
        because(HOLE, (gap.frame,), gap.start, who=who, seconds=gap.end - gap.start, lost=gap.lost)
        for gap in holes[:HOLES_TOLD]
    ]
    values = {"who": who, "other": other, "seconds": f"{holes[0].end - holes[0].start:.0f}"}
    direction = Direction.of(from_caller)
    return Found(tuple(evidence), values, leg=path.first_leg.index, direction=direction, symptom=Symptom.BAD_QUALITY)


def _holes(rtp: RtpStream, spans: Sequence[Span]) -> Iterator[MediaGap]:
    """Stretches of seconds in which about as many packets are missing as belong there, while they were wanted."""
    if rtp.packets < LEAST_SHARE * rtp.expected:
        return
    for gap in rtp.gaps:
        seconds = gap.end - gap.start
        packets = seconds * 1000 / (rtp.ptime_ms or 20)
        if seconds < HOLE_S or not HOLE_LOST_SHARE <= gap.lost / packets <= 1 / HOLE_LOST_SHARE:
            continue
        if any(span.start <= gap.start + 0.5 and gap.end - 0.5 <= span.end for span in spans):
            yield gap


RULE: Rule = Rule(
    code="media-cut",
    symptom=Symptom.ONE_WAY_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "{other} stopped hearing {who} during the call ({seconds} s)", "{other}在通话中途听不到{who}（{seconds} 秒）"
    ),
    why=Text("The voice goes away in the middle of a sentence.", "说到一半声音消失。"),
    needs=Text(
        "A direction that ends at least four seconds before the call does, or a hole of two seconds of lost packets, "
        "while audio was expected. Reports of the sender (RTCP) that count on prove it; reports that do not, a side "
        "that alone had spoken until then (a voice mail), and one that had sent for a few seconds only make it a "
        "warning. Hold, a re-INVITE that moves the stream, silence suppression, a voice mail that "
        "records, a page that is closed, the end of the capture and drops of the capture itself are no fault.",
        "某方向在通话结束四秒之前停止，或有两秒以上由丢包构成的空洞，且当时应有语音。发送方的 RTCP "
        "计数继续增加即为证据；"
        "计数不再增加、此前只有该方在说话（语音信箱）、或只发送过几秒时仅为警告。保持、re-INVITE 迁移流、"
        "静音抑制、正在录音的语音信箱、被关闭的网页、抓包结束及抓包自身丢包都不算故障。",
    ),
    fix=Text(
        "Look at what happened at that moment: a NAT binding or firewall state that expired, a phone that changed "
        "network, a re-INVITE or session refresh that moved the address, a relay that timed out.",
        "查看那一刻发生了什么：NAT 映射或防火墙状态过期、话机切换网络、re-INVITE 或会话刷新更换地址、中继超时。",
    ),
    doubt=Text(
        "A phone whose mute button stops the stream ends it in the same way, and so does a voice mail that lets the "
        "caller speak while it says its piece; only reports of the sender (RTCP) tell them apart.",
        "静音键会停止发送的话机、以及放音期间主叫也在说话的语音信箱，也会这样结束流；只有发送方的 RTCP 报告能区分。",
    ),
    traits=frozenset({Trait.GAPPY}),
    of_call=check,
)

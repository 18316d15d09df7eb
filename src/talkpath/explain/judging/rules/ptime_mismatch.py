"""Packets are longer or shorter than the receiver asked for."""

from collections.abc import Iterator

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.model import Medium
from talkpath.capture.records import RtpStream
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath
from talkpath.explain.reading.traits import Trait
from talkpath.sdp import SessionDescription
from talkpath.sip.grammar import whole_number

LEAST_PACKETS = 50
LEAST_DIFFERENCE_MS = 5.0
# How far apart these describe silence: who says little sends little else (RFC 4867 4.1; EVS, TS 26.445 5.6.1).
SILENCE_MS = 160.0
OF_SILENCE = frozenset({"AMR", "AMR-WB", "EVS"})

SENT = Text("{who} sends {real:.0f} ms of sound in each packet.", "{who}每个包携带 {real:.0f} 毫秒语音。")
ASKED = Text("{other} asked for {wanted:.0f} ms (a=ptime).", "{other}要求 {wanted:.0f} 毫秒（a=ptime）。")
MOST = Text("{other} takes at most {most:.0f} ms (a=maxptime).", "{other}最多接受 {most:.0f} 毫秒（a=maxptime）。")


def check(story: Story) -> Iterator[Found]:
    for path in story.talk.paths:
        for from_caller in (True, False):
            receiver = path.latest(not from_caller)
            if receiver is None or not receiver.ptime_ms:
                continue
            found = _compare(story, path, from_caller, receiver)
            if found is not None:
                yield found
                return


def _compare(story: Story, path: MediaPath, from_caller: bool, receiver: Medium) -> Found | None:
    wanted = float(receiver.ptime_ms or 0)
    for rtp in path.heard(from_caller):
        if rtp.packets < LEAST_PACKETS or not rtp.ptime_ms or abs(rtp.ptime_ms - wanted) < LEAST_DIFFERENCE_MS:
            continue
        if rtp.ptime_ms > wanted and _talks_at(rtp) < wanted + LEAST_DIFFERENCE_MS:
            continue
        if rtp.ptime_ms == SILENCE_MS and rtp.encoding in OF_SILENCE:
            continue
        who, other = party(from_caller), party(not from_caller)
        most = _maxptime(story, path, not from_caller)
        evidence = [
            because(SENT, (rtp.first_frame,), rtp.start, who=who, real=rtp.ptime_ms),
            because(ASKED, (), receiver.time, other=other, wanted=wanted),
        ]
        beyond = bool(most) and rtp.ptime_ms > most
        if most:
            evidence.append(because(MOST, (), receiver.time, other=other, most=most))
        return Found(
            tuple(evidence),
            {"who": who, "other": other, "real": f"{rtp.ptime_ms:.0f}", "wanted": f"{wanted:.0f}"},
            leg=path.first_leg.index,
            direction=Direction.of(from_caller),
            severity=Severity.ERROR if beyond else Severity.WARNING,
        )
    return None


def _talks_at(rtp: RtpStream) -> float:
    """The packet time of its busiest second, in ms. Who suppresses silence and says little sends most of its packets
    eight times as far apart (AMR: one description of the silence in 160 ms, RFC 4867 4.1)."""
    return 1000 / max(1, *(second.packets for second in rtp.seconds()))


def _maxptime(story: Story, path: MediaPath, of_caller: bool) -> float:
    """a=maxptime of one side's first description on this path, 0 without one (RFC 8866 section 6.5)."""
    invite = story.invite(path.first_leg)
    seen = invite and (invite.request if of_caller else invite.answer)
    if not seen or not seen.sip.carries_sdp:
        return 0.0
    try:
        for section in SessionDescription.parse(seen.sip.body):
            text = section.attributes.first("maxptime")
            return float(whole_number((text or "").strip()) or 0)
    except Malformed:
        pass
    return 0.0


RULE: Rule = Rule(
    code="ptime-mismatch",
    symptom=Symptom.BAD_QUALITY,
    severity=Severity.WARNING,
    title=Text(
        "{who} sends packets of {real} ms, {other} asked for {wanted} ms",
        "{who}发送 {real} 毫秒的包，而{other}要求 {wanted} 毫秒",
    ),
    why=Text(
        "Most receivers cope; some gateways and recorders play such a stream too fast, chopped or not at all.",
        "多数接收方可以应付；部分网关和录音设备会播放过快、破碎或完全无声。",
    ),
    needs=Text(
        "An a=ptime of the receiver, and packets that differ from it by five milliseconds or more. Beyond its "
        "maxptime "
        "it is an error. Packets that are far apart because silence is suppressed are no fault.",
        "接收方声明了 a=ptime，而实际包长相差五毫秒以上。超过其 maxptime 则为错误。"
        "因静音抑制而间隔变大的包不算故障。",
    ),
    fix=Text(
        "Set {who} to {wanted} ms, or let the relay repacketise (rtpengine: ptime=).",
        "把{who}设置为 {wanted} 毫秒，或让中继重新打包（rtpengine：ptime=）。",
    ),
    own_fix=Text(
        "Set {who} to {wanted} ms.",
        "把{who}设置为 {wanted} 毫秒。",
    ),
    doubt=Text(
        "Most receivers take what comes. A stream that is cut anew by a relay behind this place fits where it is "
        "heard.",
        "多数接收方来者不拒。若此处之后还有中继重新打包，到达接收方时可能已符合。",
    ),
    traits=frozenset({Trait.PACED}),
    of_call=check,
)

"""The callee cannot speak any codec (or kind of media) that was offered."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.calls.model import Medium
from talkpath.explain.finding import Found, Severity, Symptom, because
from talkpath.explain.rule import Rule
from talkpath.explain.story import Story
from talkpath.explain.talk import NO_VOICE, voices
from talkpath.explain.traits import Trait

OFFERED = Text("Offered: {codecs} ({profile}).", "提供的编解码：{codecs}（{profile}）。")
REFUSED = Text("{dst} refused with {status} {reason}. {warning}", "{dst} 以 {status} {reason} 拒绝。{warning}")
ELSEWHERE = Text("In other calls {dst} speaks {codecs}.", "在其他呼叫中 {dst} 使用 {codecs}。")
STATUSES = frozenset({415, 488, 606})


def check(story: Story) -> Iterator[Found]:
    if story.call.answered_at is not None:
        return
    for leg in reversed(story.legs):
        invite = story.invite(leg)
        final = invite.final if invite else None
        if invite is None or final is None or final.sip.status not in STATUSES:
            continue
        offer = next((m for m in leg.media if m.from_caller and m.kind == "audio"), None)
        warning = final.sip.first("Warning") or ""
        values = {"dst": leg.callee, "status": final.sip.status, "reason": final.sip.reason, "warning": warning}
        evidence = [because(REFUSED, final.frames, final.time, **values)]
        if offer is not None:
            request = invite.request
            names = ", ".join(voices(offer)) or "-"
            evidence.append(because(OFFERED, request.frames[:1], request.time, codecs=names, profile=offer.profile))
        spoken = _spoken(story, leg.callee.host)
        if spoken:
            evidence.append(because(ELSEWHERE, (), final.time, dst=leg.callee, codecs=", ".join(spoken)))
        yield Found(tuple(evidence), {"dst": leg.callee, "offer": _list(offer)}, leg=leg.index)
        return


def _list(offer: Medium | None) -> str:
    return ", ".join(voices(offer)) if offer and voices(offer) else "?"


def _spoken(story: Story, host: str) -> list[str]:
    """The voices the same callee answered with elsewhere in the capture."""
    return sorted(name for name in story.scene.codecs_of.get(host, ()) if name.lower() not in NO_VOICE)


RULE = Rule(
    code="codec-refused",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text(
        "{dst} refuses the call: it speaks none of what was offered ({offer})",
        "{dst} 拒绝呼叫：所提供的编解码（{offer}）它都不支持",
    ),
    why=Text(
        "Both sides need one codec, and one kind of media transport, in common.",
        "双方至少要有一种共同的编解码和媒体传输方式。",
    ),
    needs=Text(
        "A call that failed with 488, 606 or 415. A re-INVITE refused with 488 within a call that goes on "
        "(T.38, video) "
        "is no fault.",
        "呼叫以 488、606 或 415 失败。通话中 re-INVITE（T.38、视频）被 488 拒绝而通话继续时不算故障。",
    ),
    fix=Text(
        "Offer a codec that {dst} knows (PCMA or PCMU always), or transcode in between; check that one side does not "
        "ask for SRTP (RTP/SAVP, UDP/TLS/RTP/SAVPF) while the other knows plain RTP only.",
        "提供 {dst} 支持的编解码（PCMA 或 PCMU 通用），或在中间转码；并检查是否一方要求 SRTP"
        "（RTP/SAVP、UDP/TLS/RTP/SAVPF）而另一方只支持明文 RTP。",
    ),
    traits=frozenset({Trait.FAILED}),
    explains=frozenset({"failover-missing"}),
    of_call=check,
)

"""The callee cannot speak any codec, or the kind of media transport, that was offered."""

from collections.abc import Iterator, Sequence

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.model import Leg, Medium, MessageSeen
from talkpath.explain.judging.finding import Found, Said, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence
from talkpath.explain.reading.decided import told
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.talk import NO_VOICE, is_nowhere, voices
from talkpath.explain.reading.traits import Trait
from talkpath.sdp import SessionDescription

OFFERED = Text("Offered: {codecs} ({profile}).", "提供的编解码器：{codecs}（{profile}）。")
REFUSED = Text("{dst} refused with {status} {reason}. {warning}", "{dst} 以 {status} {reason} 拒绝。{warning}")
AGAIN = Text(
    "It was asked again in the caller's name with {profiles}, and refused that too.",
    "又以主叫名义用 {profiles} 再次询问，同样被拒绝。",
)
ELSEWHERE = Text(
    "In other calls {dst} speaks {codecs} ({profile}).", "在其他呼叫中 {dst} 使用 {codecs}（{profile}）。"
)
STATUSES = frozenset({415, 488, 606})
# RFC 3261 section 20.43: incompatible transport protocol (the profile of m=), and incompatible media format.
WARNS_OF_PROFILE, WARNS_OF_CODEC = ("302",), ("304", "305")
PLAIN = "RTP/AVP"
EVERYBODYS = frozenset({"pcmu", "pcma"})

NO_CODEC = Text("it speaks none of what was offered ({codecs})", "所提供的编解码器（{codecs}）它都不支持")
NO_PROFILE = Text("it does not take the media profile {profile}", "它不接受媒体传输方式 {profile}")
NOTHING = Text("nothing was offered: no audio section has a port", "没有提供任何语音：没有端口不为 0 的语音段")
LATE = Text("the INVITE brought no description (late offer)", "INVITE 没有携带媒体描述（延迟 offer）")
FIX_LATE = Text(
    "Let the caller's side offer in the INVITE (early offer); gateways and relays towards SRTP often need it.",
    "让主叫侧在 INVITE 中就提供 offer（early offer）；许多网关和加密转换中继需要它。",
)
FIX_PROFILE = Text(
    "Offer {dst} what it takes: plain RTP/AVP to phones without SRTP or feedback, RTP/SAVP where SRTP is required, "
    "UDP/TLS/RTP/SAVPF to browsers; or let a relay in between translate (rtpengine: RTP/AVP, DTLS=off, ICE=remove).",
    "按 {dst} 能接受的方式提供：不支持 SRTP 或反馈的话机用 RTP/AVP，要求加密的用 RTP/SAVP，"
    "浏览器用 UDP/TLS/RTP/SAVPF；或由中继转换（rtpengine：RTP/AVP、DTLS=off、ICE=remove）。",
)
BODY = Text(
    "{dst} refused a body of type {sent} with {status} {reason}; it reads {accepted}.",
    "{dst} 以 {status} {reason} 拒绝了类型为 {sent} 的正文；它能读取 {accepted}。",
)
NO_BODY = Text(
    "not its codecs, but a body of type {sent}; it reads {accepted}",
    "不是编解码器，而是正文类型 {sent}；它能读取 {accepted}",
)
FIX_BODY = Text(
    "Send {dst} a body that it reads ({accepted}): what stands beside the description (multipart, ISUP, location) "
    "can be taken off on the way.",
    "向 {dst} 发送其能读取的正文（{accepted}）：描述之外的部分（multipart、ISUP、位置）可在途中去除。",
)
PORTLESS = Text(
    "{dst} answered 200 with port 0 for every section: it takes the call and refuses the audio.",
    "{dst} 以 200 应答，但所有媒体段的端口均为 0：接听了呼叫，却拒绝语音。",
)
NOTHING_TAKEN = Text(
    "it answers the call and takes no audio ({codecs} was offered)", "它接听了呼叫却不接受语音（提供的是 {codecs}）"
)
FIX_NOTHING = Text(
    "Look at the caller: no codec is switched on, no sound device was found, or the call was made on hold.",
    "检查主叫：是否没有启用编解码器、没有找到声卡，或以保持状态发起呼叫。",
)


def check(story: Story) -> Iterator[Found]:
    if story.call.answered_at is not None:
        yield from _answered_without(story)
        return
    refused_here = next(told(story, "media.no-common-codec"), None)
    if refused_here is not None and story.first.status in STATUSES:
        who = story.call.callee.user or story.call.callee.host
        why = said(NO_CODEC, codecs=refused_here.values["codecs"])
        yield Found((as_evidence(refused_here),), {"dst": who, "why": why}, leg=0)
        return
    for leg in reversed(story.legs):
        asked = _refused(story, leg)
        final = asked[0].final if asked else None
        if final is None:
            continue
        offers = [offer for one in asked if (offer := _offer(one)) is not None]
        offer = offers[0] if offers else None
        warning = final.sip.first("Warning") or ""
        values = {"dst": leg.callee, "status": final.sip.status, "reason": final.sip.reason, "warning": warning}
        evidence = [because(REFUSED, final.frames, final.time, **values)]
        if offer is not None:
            request = asked[0].request
            evidence.append(because(OFFERED, request.frames[:1], request.time, **_told(offer)))
        others = dict.fromkeys(one.profile for one in offers[1:])
        if others:
            again = asked[1].request
            evidence.append(because(AGAIN, again.frames[:1], again.time, profiles=", ".join(others)))
        answered = story.scene.answers_of.get(leg.callee.host, ())
        if answered:
            evidence.append(because(ELSEWHERE, (), final.time, dst=leg.callee, **_told(answered[-1])))
        if _is_about_body(asked[0].request, final):
            yield _of_body(leg, asked[0].request, final)
            return
        why, fix = _why(offers, answered, final) if offers else _without_offer(asked[0].request)
        yield Found(tuple(evidence), {"dst": leg.callee, "why": why}, leg=leg.index, fix=_fix(fix, leg.callee))
        return


def _answered_without(story: Story) -> Iterator[Found]:
    """A 200 whose every section is refused by port 0 (RFC 3264 6): answered, and there is nothing to hear."""
    for leg in reversed(story.legs):
        invite = story.invite(leg)
        answer = invite.answer if invite is not None else None
        offer = _offer(invite) if invite is not None else None
        if invite is None or answer is None or offer is None or is_nowhere(offer):
            continue
        if not _refuses_all(answer):
            continue
        later = [one for one in leg.media if one.time > answer.time and one.kind == "audio" and one.address.port]
        if later:
            continue
        evidence = [
            because(PORTLESS, answer.frames[:1], answer.time, dst=leg.callee),
            because(OFFERED, invite.request.frames[:1], invite.request.time, **_told(offer)),
        ]
        values = {"dst": leg.callee, "why": said(NOTHING_TAKEN, codecs=", ".join(voices(offer)) or "?")}
        yield Found(tuple(evidence), values, leg=leg.index, symptom=Symptom.NO_AUDIO)
        return


def _refuses_all(answer: MessageSeen) -> bool:
    """Every section of a description has port 0, one of audio among them."""
    if not answer.sip.carries_sdp:
        return False
    try:
        sections = list(SessionDescription.parse(answer.sip.body))
    except Malformed:
        return False
    return any(one.kind == "audio" for one in sections) and not any(one.port for one in sections)


def _is_about_body(request: MessageSeen, final: MessageSeen) -> bool:
    """415 is about the type of the body (RFC 3261 21.4.13): Accept names what would be read, and that is another."""
    accepted = {item.partition(";")[0].strip().lower() for item in final.sip.listed("Accept")}
    if final.sip.status != 415 or not accepted or accepted & {"*/*", "application/*"}:
        return False
    return "application/sdp" not in accepted or _type_of(request) != "application/sdp"


def _type_of(seen: MessageSeen) -> str:
    return (seen.sip.first("Content-Type") or "").partition(";")[0].strip().lower()


def _of_body(leg: Leg, request: MessageSeen, final: MessageSeen) -> Found:
    accepted = ", ".join(final.sip.listed("Accept"))
    values = {"dst": leg.callee, "status": final.sip.status, "reason": final.sip.reason, "accepted": accepted}
    sent = _type_of(request) or "-"
    evidence = because(BODY, [*request.frames[:1], *final.frames], final.time, sent=sent, **values)
    why = said(NO_BODY, sent=sent, accepted=accepted)
    fix = said(FIX_BODY, dst=leg.callee, accepted=accepted)
    return Found((evidence,), {"dst": leg.callee, "why": why}, leg=leg.index, fix=fix, severity=Severity.WARNING)


def _refused(story: Story, leg: Leg) -> list[Exchange]:
    """The INVITEs of a hop that were refused, where the last one was; what the caller offered comes first. The others
    a middle box sent in its name, with another profile."""
    asked = [one for one in story.of_leg(leg, "INVITE") if one.is_initial and one.status in STATUSES]
    last = story.invite(leg)
    if last is None or last not in asked:
        return []
    own = next((offer.profile for one in story.of_leg(story.first, "INVITE") if (offer := _offer(one))), "")
    return sorted(asked, key=lambda one: getattr(_offer(one), "profile", own) != own)


def _offer(invite: Exchange) -> Medium | None:
    """The audio that an INVITE offers."""
    request = invite.request
    own = (one for one in invite.leg.media if one.from_caller and one.kind == "audio")
    return next((one for one in own if one.time == request.time), None)


def _told(medium: Medium) -> dict[str, object]:
    return {"codecs": ", ".join(voices(medium)) or "-", "profile": medium.profile}


def _fix(text: Text | None, dst: object) -> Said | None:
    return said(text, dst=dst) if text else None


def _without_offer(invite: MessageSeen) -> tuple[Said, Text | None]:
    """No audio section, or none with a port; or no description at all, which RFC 3261 13.2.1 allows."""
    return (said(NOTHING), FIX_NOTHING) if invite.sip.carries_sdp else (said(LATE), FIX_LATE)


def _why(offers: Sequence[Medium], answered: Sequence[Medium], final: MessageSeen) -> tuple[Said, Text | None]:
    """The codecs, the profile, or that there was nothing to take; and what to do if it is not the codecs. Who refuses
    several profiles refuses the codecs."""
    offer = offers[0]
    if is_nowhere(offer) and offer.direction == "inactive":
        return said(NOTHING), FIX_NOTHING
    is_about_one = len({one.profile for one in offers}) == 1
    if is_about_one and _is_about_profile(offer, answered, (final.sip.first("Warning") or "").strip()[:3]):
        return said(NO_PROFILE, profile=offer.profile), FIX_PROFILE
    return said(NO_CODEC, codecs=", ".join(voices(offer)) or "?"), None


def _is_about_profile(offer: Medium, answered: Sequence[Medium], warning: str) -> bool:
    """What the refusal says; else what the same callee takes elsewhere; else that everybody speaks G.711."""
    if warning in WARNS_OF_PROFILE or warning in WARNS_OF_CODEC:
        return warning in WARNS_OF_PROFILE
    offered = _names(offer)
    if answered:
        spoken = frozenset[str]().union(*map(_names, answered))
        return bool(offered & spoken) and offer.profile not in {one.profile for one in answered}
    return offer.profile.upper() != PLAIN and bool(offered & EVERYBODYS)


def _names(medium: Medium) -> frozenset[str]:
    return frozenset(name.lower() for _, name in medium.codecs) - NO_VOICE


RULE: Rule = Rule(
    code="codec-refused",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text("{dst} refuses the media it is offered: {why}", "{dst} 拒绝所提供的媒体：{why}"),
    why=Text(
        "Both sides need one codec, and one kind of media transport, in common.",
        "双方至少要有一种共同的编解码器和媒体传输方式。",
    ),
    needs=Text(
        "A call that failed with 488, 606 or 415, or a 200 in which every section has port 0. A re-INVITE refused "
        "with 488 within a call that goes on (T.38, video), and one of several sections that is refused, are no "
        "fault; a 415 whose Accept names another type of body is about that (a warning).",
        "呼叫以 488、606 或 415 失败，或 200 中所有媒体段端口均为 0。通话中 re-INVITE（T.38、视频）被 488 拒绝"
        "而通话继续、或多个媒体段中仅一个被拒绝，都不算故障；"
        "415 的 Accept 指明另一种正文类型时，问题在于正文（警告）。",
    ),
    fix=Text(
        "Offer a codec that {dst} knows (PCMA or PCMU always), or transcode in between.",
        "提供 {dst} 支持的编解码器（PCMA 或 PCMU 通用），或在中间转码。",
    ),
    own_fix=Text(
        "Switch on a codec that {dst} knows (PCMA or PCMU always); the codecs that talkpath adds and converts "
        "stand in `media.transcoding`.",
        "启用 {dst} 支持的编解码器（PCMA 或 PCMU 通用）；talkpath 添加并转换的编解码器见 `media.transcoding`。",
    ),
    doubt=Text(
        "Some servers answer 488 to calls that they do not want for another reason; the codecs that they take "
        "elsewhere, where the capture shows them, stand beside it.",
        "有些服务器因其他原因不接呼叫也返回 488；若抓包中有其在别处使用的编解码器，会一并列出。",
    ),
    traits=frozenset({Trait.FAILED, Trait.PORTLESS}),
    explains=frozenset({"failover-missing", "no-rtp", "one-way-rtp"}),
    of_call=check,
)

"""The answer arrives without a voice codec."""

from collections.abc import Iterator

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.model import Leg, Medium
from talkpath.explain.judging.finding import Direction, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.talk import names, voices
from talkpath.explain.reading.traits import Trait
from talkpath.sdp import SessionDescription

HAD = Text("{src} answered with {codecs}.", "{src} 的应答包含 {codecs}。")
HAS = Text("What {host} passed on to {dst} has only {rest}.", "{host} 转给 {dst} 的应答只剩 {rest}。")
ONLY = Text("The answer from {host} to {dst} has only {rest}.", "{host} 发给 {dst} 的应答只有 {rest}。")
OFFERED = Text("The offer had {codecs}.", "请求中提供了 {codecs}。")
FMTP = Text(
    "The offer says a=fmtp:{number} {value} for {codec}; the answer does not: a relay that compares the format "
    "parameters takes the codec for another one.",
    "请求中 {codec} 带有 a=fmtp:{number} {value}，应答中没有：若中继比较格式参数，会误以为是不同的编解码器。",
)
LASTED = Text("The call ended {seconds:.1f} s after the answer.", "通话在应答后 {seconds:.1f} 秒结束。")


def check(story: Story) -> Iterator[Found]:
    for leg in story.legs:
        offer, answer = _pair(leg)
        if answer is None or offer is None or voices(answer) or not voices(offer) or not answer.codecs:
            continue
        invite = story.invite(leg)
        if invite is None or answer.address.port == 0:
            continue
        yield _found(story, leg, invite, offer, answer)
        return


def _pair(leg: Leg) -> tuple[Medium | None, Medium | None]:
    """The first offer and the last answer to it on a hop, for audio."""
    offer = next((m for m in leg.media if m.from_caller and m.kind == "audio"), None)
    until = (leg.answered_at or leg.start) + 0.001
    answers = [m for m in leg.media if not m.from_caller and m.kind == "audio" and m.time <= until]
    return offer, answers[-1] if answers else None


def _found(story: Story, leg: Leg, invite: Exchange, offer: Medium, answer: Medium) -> Found:
    carrier = invite.answer or invite.request
    rest = names(answer)
    onward = _onward_answer(story, leg)
    evidence = []
    if onward is not None:
        other, full = onward
        upstream = story.invite(other)
        frames = upstream.answer.frames if upstream and upstream.answer else []
        evidence.append(because(HAD, frames, full.time, src=other.callee, codecs=names(full)))
    text = HAS if onward else ONLY
    evidence.append(because(text, carrier.frames, carrier.time, host=leg.callee.host, dst=leg.caller, rest=rest))
    request = invite.request
    evidence.append(because(OFFERED, request.frames[:1], request.time, codecs=names(offer)))
    for number, codec, value in _odd_fmtp(invite, onward):
        values = {"number": number, "value": value, "codec": codec}
        evidence.append(because(FMTP, request.frames[:1], request.time, **values))
    if story.call.ended_at is not None:
        evidence.append(because(LASTED, (), story.call.ended_at, seconds=story.talk_s))
    return Found(
        tuple(evidence),
        {"host": leg.callee.host},
        leg=leg.index,
        direction=Direction.TO_CALLER,
        confidence=0.95 if onward else 0.8,
    )


def _onward_answer(story: Story, leg: Leg) -> tuple[Leg, Medium] | None:
    """The hop behind this one whose answer still had a voice."""
    for other in story.legs:
        if other.parent == leg.index:
            _, answer = _pair(other)
            if answer is not None and voices(answer):
                return other, answer
    return None


def _odd_fmtp(invite: Exchange, onward: tuple[Leg, Medium] | None) -> Iterator[tuple[str, str, str]]:
    """Format parameters of the offered voices that the answer does not repeat."""
    try:
        offer = SessionDescription.parse(invite.request.sip.body)
    except Malformed:
        return
    wanted = {codec.lower() for codec in (voices(onward[1]) if onward else ())}
    for section in offer:
        for codec in section.codecs if section.kind == "audio" else ():
            if (
                codec.fmtp
                and codec.name.lower() != "telephone-event"
                and (not wanted or codec.name.lower() in wanted)
            ):
                yield str(codec.payload_type), codec.name, codec.fmtp
        return


RULE: Rule = Rule(
    code="codec-lost",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text(
        "The answer reaches the caller without a voice codec: {host} removed it",
        "应答到达主叫时已没有语音编解码器：被 {host} 删除",
    ),
    why=Text(
        "With nothing but telephone-event left there is no voice to send; most phones hang up at once.",
        "只剩 telephone-event 就无法发送语音；多数话机会立即挂断。",
    ),
    needs=Text(
        "An answer whose audio has no voice codec though the offer had one; with the hop behind it in the "
        "capture, also "
        "who removed it. A rejected section (port 0), T.38 and a codec changed by re-INVITE are no fault.",
        "请求有语音编解码器而应答的音频没有；若抓包含后一跳，还能指出是谁删除的。被拒绝的段（端口 0）、T.38、"
        "re-INVITE 更换编解码器都不算故障。",
    ),
    fix=Text(
        "On {host}, match codecs by name, clock rate and channels only; an unknown or missing fmtp never removes a "
        "codec. Until it is mended, strip the odd a=fmtp from the offer.",
        "在 {host} 上只按名称、时钟和声道匹配编解码器；未知或缺失的 fmtp 不应删除编解码器。"
        "修复前可先从请求中删除异常的 a=fmtp。",
    ),
    doubt=Text(
        "An answer to an offer that named the codec in a dialect of its own may leave it out on purpose: then no "
        "voice was common, and the fault is in the offer. Where the hop behind is not in the capture, who answered "
        "may never have had a codec.",
        "若请求以特有写法声明编解码器，应答可能是有意不列：那时双方本无共同语音编解码器，问题在请求一侧。"
        "抓包不含后一跳时，也可能应答方本来就没有编解码器。",
    ),
    traits=frozenset({Trait.ANSWERED}),
    explains=frozenset({"no-rtp", "one-way-rtp", "media-late", "media-cut", "dtmf-mismatch"}),
    of_call=check,
)

"""A provisional response comes after the answer that it was sent before."""

from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.calls.model import MessageSeen
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.traits import Trait

LEAST_PACKETS = 50

OVERTAKEN = Text(
    "{status} {reason} came to {dst} {ms:.0f} ms after the 200 of the same dialog.",
    "{status} {reason} 在同一对话的 200 之后 {ms:.0f} 毫秒才到达 {dst}。",
)
SENT_BEFORE = Text(
    "On the hop before, {src} had sent it before the 200: the two changed places at {host}.",
    "在前一跳，{src} 先发送它再发送 200：两者在 {host} 处颠倒了顺序。",
)
FOLLOWED = Text(
    "{who} sends to {early}, which it names, and not to {answered}, which the 200 names.",
    "{who}发往其中的地址 {early}，而不是 200 中的 {answered}。",
)
NOT_ACKED = Text("No ACK for the 200 was seen after that.", "此后没有看到对 200 的 ACK。")


def check(story: Story) -> Iterator[Found]:
    for leg in story.legs:
        for invite in story.of_leg(leg, "INVITE"):
            answer = invite.answer
            late = _late(invite, answer) if answer is not None and invite.is_initial else None
            if answer is not None and late is not None:
                yield _found(story, invite, answer, late)
                return


def _late(invite: Exchange, answer: MessageSeen) -> MessageSeen | None:
    """A provisional response of the dialog that was answered, after its answer (RFC 3261 13.2.2.1 knows none)."""
    for seen in invite.responses:
        sip = seen.sip
        if 100 < sip.status < 200 and seen.time > answer.time and sip.to_tag == answer.sip.to_tag:
            return seen
    return None


def _found(story: Story, invite: Exchange, answer: MessageSeen, late: MessageSeen) -> Found:
    sip, from_caller = late.sip, invite.from_caller
    values = {"status": sip.status, "reason": sip.reason, "dst": late.destination}
    wait = (late.time - answer.time) * 1000
    evidence = [because(OVERTAKEN, [*answer.frames[:1], *late.frames], late.time, ms=wait, **values)]
    evidence += _order_before(story, invite, late)
    felt = [*_followed(story, invite, answer, late), *_unacknowledged(story, invite, answer, late)]
    return Found(
        (*evidence, *felt),
        {"status": sip.status, "who": party(from_caller)},
        leg=invite.leg.index,
        direction=Direction.of(from_caller),
        severity=Severity.ERROR if felt else Severity.WARNING,
        symptom=Symptom.ONE_WAY_AUDIO if felt else Symptom.NONE,
        confidence=0.8 if felt else 0.7,
    )


def _order_before(story: Story, invite: Exchange, late: MessageSeen) -> Iterator[Because]:
    """The same two responses, in the right order, on a hop nearer to who answered."""
    for leg in story.legs:
        beyond = story.invite(leg) if leg.parent == invite.leg.index else None
        answer = beyond.answer if beyond is not None else None
        for seen in beyond.responses if beyond is not None and answer is not None else ():
            is_same = seen.sip.status == late.sip.status and seen.sip.to_tag == late.sip.to_tag
            if is_same and answer is not None and seen.time < answer.time:
                values = {"src": seen.source, "host": seen.destination.host}
                yield because(SENT_BEFORE, [*seen.frames[:1], *answer.frames[:1]], seen.time, **values)
                return


def _addresses(invite: Exchange, seen: MessageSeen) -> list[Address]:
    """Where the audio sections of a response are."""
    own = (one for one in invite.leg.media if one.kind == "audio" and not one.from_caller)
    return [one.address for one in own if one.time == seen.time]


def _followed(story: Story, invite: Exchange, answer: MessageSeen, late: MessageSeen) -> Iterator[Because]:
    """Audio goes to where the early description says, and none to where the answer does."""
    early, answered = _addresses(invite, late), _addresses(invite, answer)
    if not early or not answered or early == answered:
        return
    to_early = [one.rtp for one in story.call.streams if one.rtp.dst in early and one.rtp.end > late.time + 1]
    to_answered = any(one.rtp.dst in answered and one.rtp.end > late.time + 1 for one in story.call.streams)
    for rtp in to_early if not to_answered else ():
        if rtp.packets >= LEAST_PACKETS:
            values = {"who": party(invite.from_caller), "early": rtp.dst, "answered": answered[0]}
            yield because(FOLLOWED, (rtp.first_frame, rtp.last_frame), rtp.start, **values)
            return


def _unacknowledged(story: Story, invite: Exchange, answer: MessageSeen, late: MessageSeen) -> Iterator[Because]:
    """Who asked went back to waiting: it does not acknowledge the answer, which is repeated."""
    acks = [one for one in story.of_leg(invite.leg, "ACK") if story.number(one) == story.number(invite)]
    if not acks and len(answer.retransmitted) >= 3:
        yield because(NOT_ACKED, answer.frames, late.time)


RULE: Rule = Rule(
    code="response-overtaken",
    symptom=Symptom.ONE_WAY_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "The 200 overtakes a {status} on its way: {who} gets the older word last",
        "200 在途中超过了 {status}：{who}最后收到的是较早的消息",
    ),
    why=Text(
        "Some phones go back to ringing, or send where the early announcement was: the caller hears nothing of who "
        "answered, or is not heard.",
        "有些话机会退回振铃状态，或发往早期放音的地址：主叫听不到接听者，或自己不被听到。",
    ),
    needs=Text(
        "A provisional response after the 2xx of the same dialog. An error where its receiver follows it: audio to "
        "its address and none to that of the answer, or no ACK; else a warning. Ringing of another fork (another "
        "To tag) after the answer is no fault.",
        "临时响应出现在同一对话的 2xx 之后。若接收方照此行事（语音发往其地址而非应答的地址，或没有 ACK）则为错误，"
        "否则为警告。应答之后另一分支（不同 To tag）的振铃不算故障。",
    ),
    fix=Text(
        "Let whoever answers wait a moment between {status} and 200, or send the first reliably (100rel); look at "
        "what lets messages overtake: several workers of a proxy, a DNS or database query for one of them, TCP "
        "beside UDP.",
        "让应答方在 {status} 与 200 之间稍作间隔，或以可靠方式发送前者（100rel）；"
        "检查造成乱序的原因：代理的多个进程、其中一条消息触发的 DNS 或数据库查询、TCP 与 UDP 混用。",
    ),
    doubt=Text(
        "A capture put together from several interfaces or machines may itself have changed the order; then the "
        "frames of both lie within milliseconds of each other.",
        "由多个接口或多台机器合并的抓包可能自身打乱了顺序；此时两条消息相差仅几毫秒。",
    ),
    traits=frozenset({Trait.OVERTAKEN}),
    explains=frozenset({"ack-missing", "media-astray", "one-way-rtp"}),
    of_call=check,
)

"""The answer is repeated because its ACK does not arrive."""

from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.calls.model import MessageSeen
from talkpath.explain.judging.evidence import what_happened
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import Cause, Stuck, asks_for_another, contact_of, stuck_requests
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

NOWHERE = Text(
    "No {method} to it was seen. Whether the answer came to {where} can only be seen there.",
    "没有看到对应的 {method}。应答是否到达 {where}，只有在那里才能看到。",
)
TALKS = Text(
    "No {method} to it was seen, though {sender} talks and so must have got the answer.",
    "没有看到对应的 {method}，但{sender}在说话，说明已收到应答。",
)
AS_FAR_AS = Text(
    "The {method} was seen from {src} to {dst}, and not beyond.", "{method} 只见于 {src} 到 {dst}，之后没有再出现。"
)
IN_VAIN = Text(
    "The {method} was seen all the way from {src} to {dst}, and the answer goes on being repeated: it is lost after "
    "the place of this capture, or {dst} does not take it.",
    "{method} 一直到 {src} 至 {dst} 都能看到，但应答仍在重发：它在抓包点之后丢失，或 {dst} 不接受它。",
)
NOT_THE_CONTACT = Text(
    "Its Request-URI is {uri}, and not the Contact of the {status} ({contact}), as RFC 3261 12.2.1.1 wants: who "
    "answered is not found by it, or does not take it for its own.",
    "其 Request-URI 为 {uri}，而不是 {status} 的 Contact（{contact}）（RFC 3261 12.2.1.1）："
    "据此找不到应答方，或应答方不认为它属于自己。",
)
FIX_URI = Text(
    "Let whoever sends the {method} put the Contact of the {status} ({contact}) into its Request-URI, and the "
    "Record-Routes into Route; a box in between that rewrites the Request-URI must do so for INVITE alone.",
    "让 {method} 的发送方把 {status} 的 Contact（{contact}）写入 Request-URI，把 Record-Route 写入 Route；"
    "中间设备只应改写 INVITE 的 Request-URI。",
)
FIX_EITHER = Text(
    "Capture beside {where}: if the {status} does not come there, look for a firewall or a NAT binding on its way; "
    "if it does, follow the {method}, which must take the Record-Route set of the {status} and end at its Contact.",
    "在 {where} 旁抓包：若 {status} 没有到达，检查其路径上的防火墙或 NAT 映射；"
    "若已到达，则跟踪 {method}，它必须按 {status} 的 Record-Route 路由并到达其 Contact。",
)
HUNG_UP = Text("The call ended {seconds:.0f} s after the answer.", "通话在应答后 {seconds:.0f} 秒结束。")


def check(story: Story) -> Iterator[Found]:
    for stuck in stuck_requests(story):
        if stuck.answer is not None and stuck.cause is Cause.UNKNOWN:
            yield _found(story, stuck, stuck.answer)
            return


def _found(story: Story, stuck: Stuck, answer: MessageSeen) -> Found:
    evidence = [what_happened(stuck)]
    if stuck.hops:
        last = stuck.hops[-1].request
        text = IN_VAIN if last.destination == story.address_of(not stuck.from_caller) else AS_FAR_AS
        facts = {"method": stuck.method, "src": last.source, "dst": last.destination}
        evidence.append(because(text, last.frames, last.time, **facts))
        evidence += _astray(stuck, answer)
    else:
        talks = [one.rtp.first_frame for one in story.call.streams if one.from_caller is stuck.from_caller][:1]
        text, sender = TALKS if talks else NOWHERE, party(stuck.from_caller)
        evidence.append(
            because(text, talks, stuck.time, method=stuck.method, where=answer.destination, sender=sender)
        )
    if story.call.ended_at is not None and 0 < story.talk_s < 40:
        evidence.append(because(HUNG_UP, (), story.call.ended_at, seconds=story.talk_s))
    values = {"where": _where(story, stuck, answer), "status": answer.sip.status, "method": stuck.method}
    leg = stuck.hops[-1].leg.index if stuck.hops else None
    direction = Direction.of(stuck.from_caller)
    symptom = Symptom.DROPS if 200 <= answer.sip.status < 300 else Symptom.FAILS
    other = {**values, "contact": contact_of(answer.sip)}
    fix = said(FIX_URI, **other) if any(_astray(stuck, answer)) else None
    confidence = 0.9
    if _tells_nothing(story, stuck, answer):
        fix, confidence = said(FIX_EITHER, **{**values, "where": answer.destination}), 0.7
    return Found(
        tuple(evidence), values, leg=leg, direction=direction, symptom=symptom, fix=fix, confidence=confidence
    )


def _astray(stuck: Stuck, answer: MessageSeen) -> Iterator[Because]:
    """What acknowledges it asks for somebody else than the Contact of the answer."""
    if not asks_for_another(stuck):
        return
    asked = stuck.hops[0].request
    values = {"uri": asked.sip.uri, "contact": contact_of(answer.sip), "status": answer.sip.status}
    yield because(NOT_THE_CONTACT, [*asked.frames[:1], *answer.frames[:1]], asked.time, **values)


def _tells_nothing(story: Story, stuck: Stuck, answer: MessageSeen) -> bool:
    """No acknowledgement is in the capture, and no audio of the caller that began with the answer: whether it heard
    of the answer is not to be seen."""
    own = [one.rtp for one in story.call.streams if one.from_caller is stuck.from_caller]
    return not stuck.hops and all(rtp.start < answer.time for rtp in own)


def _where(story: Story, stuck: Stuck, answer: MessageSeen) -> Address:
    """How far it came; where it was not seen at all, its first stop."""
    if stuck.hops:
        return stuck.hops[-1].request.destination
    return story.first.callee if stuck.from_caller else answer.source


RULE: Rule = Rule(
    code="ack-missing",
    symptom=Symptom.DROPS,
    severity=Severity.ERROR,
    title=Text(
        "The answer {status} is never acknowledged: no {method} arrives",
        "应答 {status} 始终未被确认：{method} 没有到达",
    ),
    why=Text(
        "Who answers waits 32 seconds for the ACK and then hangs up: the call drops half a minute in.",
        "应答方等待 ACK 32 秒后会挂断：通话约半分钟后掉线。",
    ),
    needs=Text(
        "An answer to INVITE sent at least four times while no ACK (PRACK for a reliable provisional one) reaches "
        "its sender, and signs that the caller did get it: an ACK further up, its audio, its BYE. Repetitions "
        "that end with a late ACK, or a packet captured twice, are no fault.",
        "对 INVITE 的应答至少发送四次而 ACK（可靠临时应答则为 PRACK）没有到达其发送方，且有迹象表明主叫已收到应答："
        "上游看到 ACK、主叫的语音或 BYE。随迟到的 ACK 停止的重发，或重复抓到的包，不算故障。",
    ),
    fix=Text(
        "Follow the {method} from the caller to {where}: it must take the Record-Route set of the {status} and end "
        "at its Contact. Look at what dropped it there (a proxy without loose routing for {method}, a firewall, "
        "a NAT).",
        "从主叫沿路检查 {method} 到 {where}：它必须按 {status} 的 Record-Route 走，最后到达其 Contact。"
        "检查是什么把它丢掉的（代理未对 {method} 做 loose routing、防火墙、NAT）。",
    ),
    doubt=Text(
        "Where the capture was taken beside who answers, an ACK that is lost before it and an answer that is lost "
        "after it look alike: the caller's BYE, or audio that begins with the answer, says that the answer came.",
        "若在应答方旁抓包，之前丢失的 ACK 与之后丢失的应答看起来一样：主叫的 BYE 或随应答开始的语音说明应答已送达。",
    ),
    traits=frozenset({Trait.REPEATED}),
    explains=frozenset({"response-undelivered", "session-expired", "media-cut"}),
    of_call=check,
)

"""The answer is repeated because its ACK does not arrive."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.evidence import what_happened
from talkpath.explain.finding import Direction, Found, Severity, Symptom, because
from talkpath.explain.route import Cause, Stuck, stuck_requests
from talkpath.explain.rule import Rule
from talkpath.explain.story import Story
from talkpath.explain.traits import Trait

NOWHERE = Text("No ACK to it is in the capture.", "抓包中没有对应的 ACK。")
AS_FAR_AS = Text(
    "The ACK was seen from {src} to {dst}, and not beyond.", "ACK 只见于 {src} 到 {dst}，之后没有再出现。"
)
HUNG_UP = Text("The call ended {seconds:.0f} s after the answer.", "通话在应答后 {seconds:.0f} 秒结束。")


def check(story: Story) -> Iterator[Found]:
    for stuck in stuck_requests(story):
        if stuck.answer is not None and stuck.cause is Cause.UNKNOWN:
            yield _found(story, stuck)
            return


def _found(story: Story, stuck: Stuck) -> Found:
    evidence = [what_happened(stuck)]
    if stuck.hops:
        last = stuck.hops[-1].request
        evidence.append(because(AS_FAR_AS, last.frames, last.time, src=last.source, dst=last.destination))
    else:
        evidence.append(because(NOWHERE, (), stuck.time))
    if story.call.ended_at is not None and story.talk_s < 40:
        evidence.append(because(HUNG_UP, (), story.call.ended_at, seconds=story.talk_s))
    where = stuck.hops[-1].request.destination if stuck.hops else story.first.callee
    leg = stuck.hops[-1].leg.index if stuck.hops else None
    return Found(tuple(evidence), {"where": where}, leg=leg, direction=Direction.TO_CALLEE)


RULE = Rule(
    code="ack-missing",
    symptom=Symptom.DROPS,
    severity=Severity.ERROR,
    title=Text("The answer is never acknowledged: no ACK arrives", "应答始终未被确认：ACK 没有到达"),
    why=Text(
        "Who answers waits 32 seconds for the ACK and then hangs up: the call drops half a minute in.",
        "应答方等待 ACK 32 秒后会挂断：通话约半分钟后掉线。",
    ),
    needs=Text(
        "A 200 OK to INVITE sent at least four times on one hop without an ACK reaching that hop's far end. One "
        "repetition that crosses the ACK, or a packet captured twice, is no fault.",
        "同一跳上对 INVITE 的 200 OK 至少发送四次，且 ACK 未到达该跳远端。与 ACK 交错的一次重发或重复抓到的包"
        "不算故障。",
    ),
    fix=Text(
        "Follow the ACK from the caller to {where}: it must take the Record-Route set of the 200 OK and end at its "
        "Contact. Look at what dropped it there (a proxy without loose routing for ACK, a firewall, a NAT).",
        "从主叫沿路检查 ACK 到 {where}：它必须按 200 OK 的 Record-Route 走，最后到达其 Contact。"
        "检查是什么把它丢掉的（代理未对 ACK 做 loose routing、防火墙、NAT）。",
    ),
    traits=frozenset({Trait.REPEATED}),
    explains=frozenset({"response-undelivered", "session-expired"}),
    of_call=check,
)

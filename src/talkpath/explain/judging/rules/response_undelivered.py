"""A request is answered, and its sender goes on asking: the responses do not arrive."""

from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.capture.records import IcmpError
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Exchange, Story, top_via
from talkpath.explain.reading.traits import Trait, cseq_number
from talkpath.explain.reading.unheeded import CROSSING_S, Unheeded, unheeded

# One repetition may cross the response on its way; two more than half a second later did not.
REPEATS = 2

ASKED = Text(
    "{method} from {src} was sent {times} more times after it had been answered with {status}.",
    "{src} 的 {method} 在已收到 {status} 应答之后又重发了 {times} 次。",
)
WENT = Text("The responses go to {dst}.", "响应发往 {dst}。")
ELSEWHERE = Text(
    "The responses go to {dst}, as the Via says, but the request came from {src}, and the Via has no rport.",
    "响应按 Via 发往 {dst}，但请求来自 {src}，且 Via 没有 rport。",
)
SWALLOWED = Text(
    "{status} {reason} was sent to {box} {times} times; {box} never passed it on to {src}.",
    "{status} {reason} 已向 {box} 发送 {times} 次；{box} 始终没有转给 {src}。",
)
UNHEARD = Text(
    "{status} {reason} was sent to {src} {times} times, and {src} goes on as if it had not come: no {ack}, no audio, "
    "no other word of it.",
    "{status} {reason} 已向 {src} 发送 {times} 次，但 {src} 表现得像没有收到：没有 {ack}，没有语音，也没有其他反应。",
)
GAVE_UP = Text("{src} gave up with CANCEL after it.", "{src} 在此之后以 CANCEL 放弃。")
LOOK_AT_THE_BOX = Text(
    "Look at {box}: it is sent the {status} and passes nothing on. Does its script drop responses (reply route), has "
    "it forgotten the transaction (restart, timer too short, another node got the response), does a firewall on "
    "this host keep the response from it, does the Via name the address on which it listens?",
    "检查 {box}：它收到了 {status} 却没有转发。其脚本是否丢弃应答（reply route）？"
    "是否已丢失该事务（重启、定时器过短、应答到了另一节点）？本机防火墙是否拦住了应答？Via 是否写了它监听的地址？",
)
REFUSED = Text("{reporter} reports: {kind} for {dst}.", "{reporter} 报告：{dst} {kind}。")


def check(story: Story) -> Iterator[Found]:
    lost = unheeded(story)
    if lost is not None and lost.is_lost:
        yield _unheard(story, lost)
        return
    for exchange in story.exchanges:
        if exchange.method != "ACK" and _repeats(exchange) >= REPEATS:
            evidence = tuple(_evidence(story, exchange))
            leg, direction = exchange.leg.index, Direction.of(not exchange.from_caller)
            symptom = Symptom.CANNOT_HANG_UP if exchange.method == "BYE" else None
            yield Found(evidence, _values(exchange), leg=leg, direction=direction, symptom=symptom)
            return


def _unheard(story: Story, lost: Unheeded) -> Found:
    """An answer that is repeated because it does not reach who asked."""
    exchange, answer, sip = lost.exchange, lost.answer, lost.answer.sip
    src = _address_before(story, exchange) if lost.box else exchange.request.source
    facts = {"status": sip.status, "src": src, "box": lost.box, "method": exchange.method}
    times, ack = 1 + len(answer.retransmitted), lost.acknowledges
    text = SWALLOWED if lost.box else UNHEARD
    evidence = [because(text, answer.frames, answer.time, reason=sip.reason, times=times, ack=ack, **facts)]
    for one in story.exchanges:
        if one.method == "CANCEL" and one.request.time > answer.time and _takes_back(one, exchange, src):
            evidence.append(because(GAVE_UP, one.request.frames, one.request.time, src=src))
            break
    direction, leg = Direction.of(not exchange.from_caller), exchange.leg.index
    fix = said(LOOK_AT_THE_BOX, **facts) if lost.box else None
    values = {**facts, "dst": answer.destination}
    severity = Severity.WARNING if sip.status == 487 else None  # who gave up waits for nothing any more
    return Found(tuple(evidence), values, leg=leg, direction=direction, fix=fix, severity=severity)


def _takes_back(cancel: Exchange, invite: Exchange, src: Address) -> bool:
    """It is who asked that gave up: a CANCEL of this very request (RFC 3261 9.1), on its hop or on the one before,
    and not of another fork."""
    is_its_hop = cancel.leg is invite.leg or cancel.leg.callee.host == invite.leg.caller.host
    same = cseq_number(invite.request.sip) == cseq_number(cancel.request.sip)
    return cancel.request.source == src and is_its_hop and same


def _address_before(story: Story, exchange: Exchange) -> Address:
    """Who sits beyond the box that sent the request: the end of the hop before."""
    leg = exchange.leg
    if exchange.from_caller:
        return story.legs[leg.parent].caller if leg.parent is not None else leg.caller
    return next((one.callee for one in story.legs if one.parent == leg.index), leg.callee)


def check_scene(scene: Scene) -> Iterator[Found]:
    """The same outside calls: a phone that registers again and again though it is answered."""
    seen: set[tuple[str, str]] = set()
    for exchange in scene.outside:
        if not exchange.answers or len(exchange.again) < REPEATS:
            continue
        first, answer = exchange.answers[0]
        late = [time for time in exchange.again if time > first.time + CROSSING_S]
        src, dst = exchange.request.src, first.dst
        if len(late) < REPEATS or answer.status < 200 or (src.host, exchange.sip.method) in seen:
            continue
        seen.add((src.host, exchange.sip.method))
        values = {"method": exchange.sip.method, "src": src}
        evidence = because(
            ASKED, exchange.frames, exchange.request.time, times=len(late), status=answer.status, **values
        )
        yield Found((evidence,), {**values, "dst": dst})


def _repeats(exchange: Exchange) -> int:
    """How often the request came again well after a response that must have stopped it (RFC 3261 17.1.1.2)."""
    if not exchange.responses:
        return 0
    stops = exchange.responses[0] if exchange.method == "INVITE" else exchange.final
    if stops is None:
        return 0
    return sum(1 for again in exchange.request.retransmitted if again.time > stops.time + CROSSING_S)


def _values(exchange: Exchange) -> dict[str, object]:
    return {"method": exchange.method, "src": exchange.request.source, "dst": exchange.responses[0].destination}


def _evidence(story: Story, exchange: Exchange) -> Iterator[Because]:
    request, first = exchange.request, exchange.responses[0]
    values = {"method": exchange.method, "src": request.source, "status": first.sip.status}
    yield because(ASKED, [*request.frames, *first.frames], request.time, times=_repeats(exchange), **values)
    via = top_via(request.sip)
    lost = first.destination != request.source and via is not None and "rport" not in via.params
    yield because(ELSEWHERE if lost else WENT, first.frames, first.time, dst=first.destination, src=request.source)
    for error in story.around(IcmpError):
        if error.flow_dst == first.destination:
            yield because(
                REFUSED, (error.frame,), error.time, reporter=error.src, kind=error.kind, dst=error.flow_dst
            )
            return


RULE: Rule = Rule(
    code="response-undelivered",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text("{method} is answered, but the answers do not reach {src}", "{method} 已被应答，但应答没有到达 {src}"),
    why=Text(
        "Who asks and hears nothing asks again and gives up after 32 seconds, though the other side is ringing.",
        "请求方听不到应答就不断重发，32 秒后放弃，尽管对方已在振铃。",
    ),
    needs=Text(
        "A request repeated at least twice, more than half a second after a response to it was seen; or an answer to "
        "INVITE that is sent at least four times, that a proxy got and did not pass on, or of which who asked shows "
        "no sign. A repetition that crosses its response, or a packet captured twice, is no fault.",
        "在看到应答半秒之后，同一请求至少又重发两次；或对 INVITE 的应答至少发送四次，"
        "代理收到却没有转发，或请求方毫无收到的迹象。与应答交错的一次重发或重复抓到的包不算故障。",
    ),
    fix=Text(
        "Follow the response from the place of this capture to {src}. Answer to where the request came from (rport, "
        "RFC 3581; force_rport on the server), keep the NAT binding open, and look for a firewall on the way "
        "to {dst}.",
        "沿路检查响应从抓包点到 {src} 的路径。应答应回到请求的来源（rport，RFC 3581；服务器上用 force_rport），"
        "保持 NAT 映射，并检查通往 {dst} 的防火墙。",
    ),
    own_fix=Text(
        "talkpath answers to where the request came from. Follow the response to {dst}: is the NAT binding there "
        "kept open ([keepalive]), does a firewall on the way let it through?",
        "talkpath 总是应答到请求的来源。沿路检查响应到 {dst}：NAT 映射是否保持（[keepalive]），途中防火墙是否放行？",
    ),
    doubt=Text(
        "A capture at the server sees the answer leave and cannot see it arrive; a caller that is overloaded or "
        "whose process ended repeats or falls silent in the same way, with a network that is sound. A capture at "
        "the caller that drops packets shows the same. Another that was taken at the other end decides it.",
        "服务器侧抓包只能看到应答发出，看不到是否到达；主叫过载或进程已退出时同样会重发或沉默，而网络并无问题。"
        "主叫侧抓包若有丢包也会如此。对端另抓一份即可判定。",
    ),
    traits=frozenset({Trait.REPEATED}),
    explains=frozenset({"gateway-down", "failover-missing"}),
    of_call=check,
    of_scene=check_scene,
)

"""The phone's TCP or WebSocket connection ended, and with it every way to reach the phone."""

from collections.abc import Iterator

from msgspec.structs import replace

from talkpath.base.texts import Text
from talkpath.calls.model import Value
from talkpath.capture.records import TcpEvent, TcpKind
from talkpath.explain.judging.evidence import found_of
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence
from talkpath.explain.reading.decided import lost_flow, told
from talkpath.explain.reading.route import Cause, contact_of, stuck_by
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait
from talkpath.explain.reading.unplugged import unplugged

ENDED = {
    TcpKind.RESET: Text("{src} had reset the connection with {dst}.", "{src} 已复位与 {dst} 的连接。"),
    TcpKind.FINISHED: Text("{src} had closed the connection with {dst}.", "{src} 已关闭与 {dst} 的连接。"),
    TcpKind.UNDELIVERED: Text(
        "Data from {src} to {dst} was sent {count} times and never acknowledged.",
        "{src} 发往 {dst} 的数据重发 {count} 次，始终未被确认。",
    ),
    TcpKind.REFUSED: Text("{src} refused a new connection from {dst}.", "{src} 拒绝了来自 {dst} 的新连接。"),
    TcpKind.UNANSWERED: Text(
        "A new connection from {src} to {dst} was tried {count} times without an answer.",
        "{src} 向 {dst} 新建连接尝试 {count} 次，均无应答。",
    ),
}
NOT_SEEN = Text(
    "{owner} is on {transport} at {target}; nothing was sent there any more.",
    "{owner}在 {target}（{transport}）；之后再没有数据发往那里。",
)
UNSENDABLE = Text(
    "{src} answered {status} {reason}: it had no connection on which to send the INVITE to {owner}.",
    "{src} 应答 {status} {reason}：没有可用的连接把 INVITE 发给{owner}。",
)
REGISTERED = Text(
    "{owner} had registered over {transport} with {contact}.", "{owner}此前通过 {transport} 以 {contact} 注册。"
)
REQUEST = Text("A request", "请求")
# The edge itself looks for a phone that came back: what is left to do is the phone's, or that of what lies between.
OWN_FIX = Text(
    "Keep the connection alive (WebSocket ping or CRLF keep-alive below the idle timeout of NAT, nginx or load "
    "balancer), and have the phone connect and register again at once when it is lost: talkpath finds it then by its "
    "instance (RFC 5626).",
    "保持连接存活（WebSocket ping 或 CRLF 保活，间隔小于 NAT、nginx 或负载均衡的空闲超时）；"
    "并让话机在断线后立即重连并重新注册：talkpath 会按其实例标识（RFC 5626）找到它。",
)
# What a page can do. SIP.js stays `Registered` when its WebSocket is back, and sends no REGISTER.
PAGE_FIX = Text(
    "Let the page register again whenever its WebSocket is open again: SIP.js believes itself registered after it "
    "reconnected and sends no REGISTER by itself (call registerer.register() in onConnect). Until it does, or proves "
    "itself by another request, talkpath has no way to it. Keep the WebSocket alive (ping below the idle timeout of "
    "nginx or load balancer), so that it is lost less often.",
    "让网页在 WebSocket 重新打开后立即重新注册：SIP.js 重连后自认为仍已注册，不会自行发送 REGISTER"
    "（请在 onConnect 中调用 registerer.register()）。在它重新注册或用其他请求证明身份之前，talkpath 无法联系到它。"
    "并保持 WebSocket 存活（ping 间隔小于 nginx 或负载均衡的空闲超时），减少断线。",
)
SILENT_FIX = Text(
    "Make sure that the phone is on and in its network: it rings again as soon as anything comes from it. Where a "
    "NAT forgets it within seconds, have it send keep-alives of its own or register over TCP or TLS.",
    "请确认话机已开机并在网：只要收到它的任何数据，就会重新呼叫它。若 NAT 在数秒内遗忘映射，"
    "请让话机自行发送保活，或改用 TCP 或 TLS 注册。",
)
# Phones that the edge did not ring, because it had no way to them any more.
_NOT_RUNG = ("flow.not-rung", "flow.unanswering")
# 430 Flow Failed (RFC 5626 section 11.6); 477 is what OpenSIPS and Kamailio say when they could not send.
_WEBSOCKETS = frozenset(("WS", "WSS"))
SEND_FAILED = frozenset({430, 477})


def check(story: Story) -> Iterator[Found]:
    stuck = stuck_by(story, Cause.CONNECTION_GONE)
    if stuck is None:
        yield from _decided(story)
        yield from _looked_for(story) if not story.call.is_own else ()
        return
    owner = party(not stuck.from_caller)
    if stuck.event is not None:
        evidence = _ended(stuck.event)
    elif decided := lost_flow(story, stuck.time):
        evidence = as_evidence(decided)
    else:
        values = {"owner": owner, "transport": stuck.transport, "target": stuck.target}
        evidence = because(NOT_SEEN, stuck.frames, stuck.time, **values)
    found = found_of(stuck, evidence, owner=owner, transport=stuck.transport)
    if story.call.is_own:
        # Who hangs up is let go all the same.
        found = replace(found, fix=said(OWN_FIX), severity=Severity.WARNING if stuck.method == "BYE" else None)
    yield found


def _decided(story: Story) -> Iterator[Found]:
    """Of an own call: a phone that was not rung, or an answer that nobody waited for any more."""
    for moment in told(story, *_NOT_RUNG, "flow.answer-undelivered"):
        is_callees = moment.kind in _NOT_RUNG
        if is_callees and story.call.answered_at is not None:
            continue  # another phone of the callee was reached
        method, transport = "INVITE" if is_callees else "200", moment.values["transport"]
        yield Found(
            (as_evidence(moment),),
            {"method": method, "owner": party(not is_callees), "transport": transport},
            leg=story.edge_leg(not is_callees).index,
            direction=Direction.of(is_callees),
            symptom=Symptom.NO_RING if is_callees else Symptom.DROPS,
            fix=said(_fix_of(moment.kind, transport)),
        )
        return


def _fix_of(kind: str, transport: Value) -> Text:
    if kind == "flow.unanswering":
        return SILENT_FIX
    return PAGE_FIX if transport in _WEBSOCKETS else OWN_FIX


def _looked_for(story: Story) -> Iterator[Found]:
    """No request to the phone shows; that it is looked for where it cannot be does."""
    gone = unplugged(story)
    if gone is None:
        yield from _unsendable(story)
        return
    owner = party(gone.is_caller)
    evidence = [_ended(gone.ended)]
    if gone.registered is not None:
        request = gone.registered.request
        values = {"owner": owner, "contact": contact_of(gone.registered.sip), "transport": gone.transport}
        evidence.insert(0, because(REGISTERED, (request.frame,), request.time, **values))
    if gone.attempt is not None:
        evidence.append(_ended(gone.attempt))
    is_answered = story.call.answered_at is not None
    yield Found(
        tuple(evidence),
        {"method": REQUEST if is_answered else "INVITE", "owner": owner, "transport": gone.transport},
        leg=gone.leg.index,
        direction=Direction.of(not gone.is_caller),
        symptom=None if is_answered else Symptom.NO_RING,
        confidence=0.9 if gone.attempt is not None else 0.8,
    )


def _unsendable(story: Story) -> Iterator[Found]:
    """A call that ends at a proxy which could not send it on. A gateway that takes no connection is not meant."""
    leg = story.last_leg
    invite = story.invite(leg)
    final = invite.final if invite is not None and invite.status in SEND_FAILED else None
    if invite is None or final is None or story.scene.attempts(leg.callee.host, invite.request.time, final.time):
        return
    owner = party(False)
    values = {"src": leg.callee, "status": final.sip.status, "reason": final.sip.reason, "owner": owner}
    yield Found(
        (because(UNSENDABLE, final.frames, final.time, **values),),
        {"method": "INVITE", "owner": owner, "transport": "SIP"},
        leg=leg.index,
        direction=Direction.of(True),
        symptom=Symptom.NO_RING,
        confidence=0.8,
    )


def _ended(event: TcpEvent) -> Because:
    text = ENDED[event.kind]
    return because(text, (event.frame,), event.time, src=event.src, dst=event.dst, count=event.count)


RULE: Rule = Rule(
    code="connection-gone",
    symptom=Symptom.CANNOT_HANG_UP,
    severity=Severity.ERROR,
    title=Text(
        "{method} cannot reach {owner}: its {transport} connection is gone",
        "{method} 无法送达{owner}：其 {transport} 连接已断开",
    ),
    why=Text(
        "A phone behind NAT or in a browser can only be reached down the connection it opened. When that is gone, "
        "the other side's hanging up is lost and the call stays up.",
        "NAT 后的话机或浏览器只能通过它自己建立的连接到达。连接断开后，对方的挂机请求丢失，通话无法结束。",
    ),
    needs=Text(
        "A request within the call that fails or stays unanswered after the connection of its receiver was closed, "
        "reset or silent; a private Contact that is dialled in vain since; a call to a phone whose registration came "
        "over a connection that ended; or an INVITE that a proxy refuses with 430 or 477 because it could not send "
        "it. A connection closed after the call, and a phone that registered anew, are no fault.",
        "接收方连接被关闭、复位或失去响应之后，通话内请求失败或无应答；此后对其私有 Contact 拨号连接失败；"
        "被叫的注册所用连接已断开；或代理因无法发送而以 430 或 477 拒绝 INVITE。"
        "通话结束后关闭连接、以及已重新注册的话机都不算故障。",
    ),
    fix=Text(
        "Keep the connection alive (WebSocket ping or CRLF keep-alive below the idle timeout of NAT, nginx or load "
        "balancer), and let the server find a phone that came back by its instance (RFC 5626) and send there.",
        "保持连接存活（WebSocket ping 或 CRLF 保活，间隔小于 NAT、nginx 或负载均衡的空闲超时）；"
        "并让服务器按实例标识（RFC 5626）找到重新上线的话机，从新连接发送。",
    ),
    doubt=Text(
        "A phone may hold more than one connection, and one that the capture does not show may lead to it.",
        "话机可能有多条连接，抓包中看不到的那一条也许仍可到达它。",
    ),
    traits=frozenset({Trait.UNANSWERED, Trait.REFUSED, Trait.REPEATED, Trait.UNPLUGGED, Trait.FAILED, Trait.OWN}),
    explains=frozenset(
        {"ack-missing", "session-expired", "response-undelivered", "gateway-down", "failover-missing"}
    ),
    of_call=check,
)

"""A request comes round to a machine that already forwarded it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.traits import Trait
from talkpath.sip.grammar import Via, whole_number

ROUND = Text(
    "The request to {uri} reaches {host} with {times} Vias of {host} already in it, unchanged.",
    "发往 {uri} 的请求到达 {host} 时，已带有 {times} 个 {host} 的 Via，且 Request-URI 未变。",
)
# Requests that are to arrive set out with 70 (RFC 3261 8.1.1.6); with fewer than this somebody counts hops.
LEAST_HOPS = 10

HOPS = Text("Max-Forwards went from {first} to {last}.", "Max-Forwards 从 {first} 降到 {last}。")
REFUSED = Text("It ended with {status} {reason}.", "最终以 {status} {reason} 结束。")


def check(story: Story) -> Iterator[Found]:
    if story.call.answered_at is not None:
        return
    invites = [e for e in story.exchanges if e.method == "INVITE" and e.is_initial]
    worst = max(invites, key=lambda e: _most_seen(e)[1], default=None)
    if worst is None:
        return
    host, times = _most_seen(worst)
    refused = next((e for e in invites if e.status in (482, 483) and not _is_merged(e, invites)), None)
    if times < 2 and (refused is None or _had_no_hops(refused, invites)):
        return
    request = worst.request
    evidence = []
    if times >= 1:
        evidence.append(because(ROUND, request.frames[:1], request.time, uri=request.sip.uri, host=host, times=times))
    hops = [_max_forwards(e) for e in invites]
    if hops and max(hops) - min(hops) >= 3:
        frames = [e.request.frame for e in invites]
        evidence.append(because(HOPS, frames, invites[0].request.time, first=max(hops), last=min(hops)))
    if refused is not None and refused.final is not None:
        final = refused.final
        values = {"status": final.sip.status, "reason": final.sip.reason}
        evidence.append(because(REFUSED, final.frames, final.time, **values))
    yield Found(
        tuple(evidence), {"host": host or request.destination.host, "uri": request.sip.uri}, leg=worst.leg.index
    )


def _had_no_hops(refused: Exchange, invites: Sequence[Exchange]) -> bool:
    """Its sender gave it next to none to begin with: a probe that looks how far it comes, and no circle."""
    return refused.status == 483 and max(map(_max_forwards, invites)) < LEAST_HOPS


def _is_merged(refused: Exchange, invites: Sequence[Exchange]) -> bool:
    """Whether one phone got one request on two ways, or twice on one, and refused the second (RFC 3261 8.2.2.2): two
    contacts of a fork that lead to it, or the same once more with another offer. That is no circle."""
    request = refused.request
    return refused.status == 482 and any(
        one is not refused
        and one.request.time <= request.time
        and one.request.destination == request.destination
        and one.request.sip.cseq == request.sip.cseq
        and _most_seen(refused)[1] == 0
        for one in invites
    )


def _most_seen(exchange: Exchange) -> tuple[str, int]:
    """Where the message goes, and how often that very server stands in its Vias already. A host may have several: two
    phones and a proxy on one machine are no circle."""
    vias = exchange.request.sip.listed("Via")
    servers = Counter(server for via in vias if (server := _server(via)))
    there = exchange.request.destination
    return there.host, servers.get((there.host, there.port), 0)


def _server(text: str) -> tuple[str, int] | None:
    try:
        via = Via.parse(text)
    except Malformed:
        return None
    return via.host, via.sent_by_port


def _max_forwards(exchange: Exchange) -> int:
    hops = whole_number(exchange.request.sip.first("Max-Forwards") or "")
    return 70 if hops is None else hops


RULE: Rule = Rule(
    code="routing-loop",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text("The call to {uri} goes round in a circle at {host}", "发往 {uri} 的呼叫在 {host} 处循环"),
    why=Text(
        "Two machines each think the other one knows the number; the call runs between them until its hops "
        "are used up.",
        "两台机器都以为对方知道这个号码；呼叫在两者之间来回，直到跳数耗尽。",
    ),
    needs=Text(
        "482 or 483, or the same request passing the same host three times. Passing it twice with another "
        "Request-URI "
        "is a spiral, which is allowed (RFC 3261 section 6), and a probe that sets out with a small Max-Forwards to "
        "be refused is no circle.",
        "出现 482 或 483，或同一请求三次经过同一主机。Request-URI 改变后再次经过是允许的螺旋路由（RFC 3261 第 "
        "6 节）；以很小的 Max-Forwards 发出、意在被拒绝的探测也不是循环。",
    ),
    fix=Text(
        "Look up {uri} in the routing of {host}: it must end at a user or a gateway, not at the machine that "
        "sent it.",
        "在 {host} 的路由中检查 {uri}：它应终止于用户或网关，而不是发回来源机器。",
    ),
    own_fix=Text(
        "`talkpath route FROM TO` says where a call to {uri} goes and why; at {host} it must end at a user or a "
        "gateway, not here.",
        "`talkpath route 主叫 被叫` 会说明到 {uri} 的呼叫去向及原因；在 {host} 上它应终止于用户或网关，"
        "而不是回到这里。",
    ),
    doubt=Text(
        "Two phones and a proxy on one host, told apart by port only, or a traceroute for SIP with more hops than "
        "a circle would need.",
        "同一主机上仅以端口区分的两部话机与代理，或跳数较大的 SIP 路径探测。",
    ),
    traits=frozenset({Trait.FAILED}),
    explains=frozenset(
        {"gateway-down", "failover-missing", "response-undelivered", "ack-missing", "message-oversize"}
    ),
    of_call=check,
)

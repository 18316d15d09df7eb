"""Record-Route names an address that the other side cannot reach."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.judging.evidence import found_of
from talkpath.explain.judging.finding import Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import Cause, stuck_by
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

ROUTE = Text(
    "The route that {sender} must follow begins with {uri}; but the proxy is at {target} on this side.",
    "{sender}必须遵循的路由以 {uri} 开头；但代理在这一侧的地址是 {target}。",
)
SENT = Text("It was sent to {where}, as that route says.", "请求按该路由发往了 {where}。")


def check(story: Story) -> Iterator[Found]:
    stuck = stuck_by(story, Cause.RECORD_ROUTE)
    if stuck is None or stuck.source is None:
        return
    sender = party(stuck.from_caller)
    values = {"sender": sender, "uri": stuck.uri, "target": stuck.target or "?"}
    evidence = [because(ROUTE, stuck.source.frames, stuck.source.time, **values)]
    if stuck.hops:
        last = stuck.hops[-1].request
        evidence.append(because(SENT, last.frames, last.time, where=last.destination))
    yield found_of(stuck, *evidence, uri=stuck.uri, target=stuck.target or "?", sender=sender)


RULE: Rule = Rule(
    code="record-route-unreachable",
    symptom=Symptom.CANNOT_HANG_UP,
    severity=Severity.ERROR,
    title=Text(
        "{method} by {sender} goes astray: Record-Route names {uri}, which is not where the proxy is reached",
        "{sender}的 {method} 走错了路：Record-Route 写的是 {uri}，并非代理可达的地址",
    ),
    why=Text(
        "Every request after the first follows the Record-Route addresses. With the inside address told to the "
        "outside (or the reverse), ACK and BYE go nowhere: calls cannot be hung up, or drop after 32 seconds.",
        "首个请求之后的所有请求都按 Record-Route 走。若把内网地址告诉了外网（或相反），ACK 和 BYE 就无处可去："
        "无法挂机，或 32 秒后掉线。",
    ),
    needs=Text(
        "A request within the call that fails, stays unanswered or never appears, and a first route that "
        "differs from "
        "the address the same party exchanged the INVITE with. An odd route by which requests arrive is no fault.",
        "通话内请求失败、无应答或根本没有出现，且首个路由地址与该方交换 INVITE 时的地址不同。请求能到达时不算故障。",
    ),
    fix=Text(
        "Let the proxy write the address of the socket that faces each side, two Record-Routes where the sides "
        "differ: advertised_address or record_route_preset in OpenSIPS, advertise on listen and enable_double_rr in "
        "Kamailio. Here it must be {target}.",
        "让代理为每一侧写入面向该侧的地址，两侧不同时写两个 Record-Route："
        "OpenSIPS 用 advertised_address 或 record_route_preset，Kamailio 在 listen 上用 advertise 并启用 "
        "enable_double_rr。"
        "此处应为 {target}。",
    ),
    own_fix=Text(
        "Set `advertised` of the listener that faces that side, and `local_networks` for who must meet the real "
        "address. Here it must be {target}.",
        "为面向该侧的监听设置 `advertised`，并用 `local_networks` 指明应看到真实地址的网络。此处应为 {target}。",
    ),
    doubt=Text(
        "Behind a port mapping or a load balancer the address that Record-Route names may be the right one from "
        "elsewhere, and the failure another: look whether any request of another call arrives by it. A name is "
        "compared as it is written; it may resolve to the right address.",
        "位于端口映射或负载均衡之后时，Record-Route 中的地址从别处看可能是对的，失败另有原因："
        "请查看其他呼叫是否有请求经它到达。域名按字面比较，它可能解析到正确的地址。",
    ),
    traits=frozenset({Trait.UNANSWERED, Trait.REFUSED, Trait.REPEATED}),
    explains=frozenset(
        {"ack-missing", "session-expired", "response-undelivered", "gateway-down", "failover-missing", "media-cut"}
    ),
    of_call=check,
)

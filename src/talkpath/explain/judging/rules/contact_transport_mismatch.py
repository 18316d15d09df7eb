"""A Contact names one transport, its owner speaks another."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.judging.evidence import found_of
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import Cause, Stuck, host_of, stuck_by
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

CONTACT = Text(
    "The Contact of {owner} is {uri}, which means {named}; but {owner} is reached by {transport} at {target}.",
    "{owner}的 Contact 为 {uri}，即 {named}；但{owner}实际通过 {transport} 连接在 {target}。",
)

INVALID = Text(
    "Its host does not exist either ({host}, as browsers write): only the connection itself leads to {owner}.",
    "其主机名也不存在（{host}，浏览器惯用写法）：只有那条连接本身能到达{owner}。",
)


def check(story: Story) -> Iterator[Found]:
    stuck = stuck_by(story, Cause.CONTACT_TRANSPORT)
    if stuck is None or stuck.source is None:
        return
    owner = party(not stuck.from_caller)
    named = "UDP"
    if "transport=" in stuck.uri.lower():
        named = stuck.uri.lower().partition("transport=")[2].partition(";")[0].upper()
    values = {"owner": owner, "uri": stuck.uri, "named": named, "transport": stuck.transport, "target": stuck.target}
    evidence = because(CONTACT, stuck.source.frames, stuck.source.time, **values)
    yield found_of(stuck, evidence, *_invented(stuck, owner), owner=owner, transport=stuck.transport)


def _invented(stuck: Stuck, owner: Text) -> Iterator[Because]:
    """A name of RFC 7118 5.2 beside the wrong transport: mending one of both is not enough."""
    source, host = stuck.source, host_of(stuck.uri)
    if source is not None and host.endswith(".invalid"):
        yield because(INVALID, source.frames[:1], source.time, host=host, owner=owner)


RULE: Rule = Rule(
    code="contact-transport-mismatch",
    symptom=Symptom.CANNOT_HANG_UP,
    severity=Severity.ERROR,
    title=Text(
        "{method} cannot reach {owner}: its Contact names a transport that it does not use",
        "{method} 无法送达{owner}：其 Contact 声明的传输方式与实际不符",
    ),
    why=Text(
        "Requests within a call go to the Contact. If it says UDP while the phone is on a TCP or WebSocket "
        "connection, "
        "hanging up never arrives.",
        "通话中的请求发往 Contact。若它写的是 UDP，而话机实际在 TCP 或 WebSocket 连接上，挂机请求就到不了。",
    ),
    needs=Text(
        "A request within the call that fails or stays unanswered, and a Contact whose transport differs from "
        "that of "
        "the flow. A Contact that looks odd while requests arrive is no fault.",
        "通话内请求失败或无应答，且 Contact 的传输方式与实际流不同。请求能送达时，仅 Contact 看起来奇怪不算故障。",
    ),
    fix=Text(
        "Send requests down the flow the phone registered or called on instead of trusting its Contact, or "
        "rewrite the "
        "Contact to {transport} where the phone enters (in OpenSIPS fix_nated_contact, in Kamailio "
        "set_contact_alias); or set the phone to one transport.",
        "按话机注册或呼叫时的连接回送请求，不要相信 Contact；或在入口把 Contact 改写为 {transport}"
        "（OpenSIPS：fix_nated_contact，Kamailio：set_contact_alias）；或在话机上只启用一种传输。",
    ),
    own_fix=Text(
        "Set the phone to one transport, {transport}: talkpath sends down the flow on which it registered or "
        "called, and to another place only where the phone says so and nothing stands between.",
        "把话机设为只用一种传输（{transport}）：talkpath 按其注册或呼叫时的连接回送，"
        "仅当话机如此声明且中间没有 NAT 时才发往别处。",
    ),
    doubt=Text(
        "A server may hold more than one connection to a phone; one that is not in the capture may have carried "
        "the request.",
        "服务器与话机之间可能有多条连接；请求也许走了抓包之外的那一条。",
    ),
    traits=frozenset({Trait.UNANSWERED, Trait.REFUSED, Trait.REPEATED}),
    explains=frozenset(
        {"ack-missing", "session-expired", "response-undelivered", "gateway-down", "failover-missing"}
    ),
    of_call=check,
)

"""A Contact names an address where its owner cannot be reached."""

from collections.abc import Iterator

from msgspec.structs import replace

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.explain.judging.evidence import found_of
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, party, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import Cause, Stuck, host_of, stuck_by
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait
from talkpath.sdp.values import is_private
from talkpath.sip.uri import Uri

CONTACT = Text(
    "The Contact of {owner} is {uri}{kind}; but {owner} speaks from {target}.",
    "{owner}的 Contact 为 {uri}{kind}；但{owner}的数据来自 {target}。",
)
PRIVATE = Text(" (a private address)", "（私有地址）")
INVALID = Text(" (a name that does not exist, as browsers write)", "（不存在的域名，浏览器惯用写法）")
OTHER = Text("", "")
SILENT = Text(
    "It was sent to {target}, where {owner} had been heard before; nobody answers there any more.",
    "它发往 {target}，{owner}此前曾在该处通信；现在那里已无应答。",
)
GONE_FIX = Text(
    "See what became of {owner} at {target}: a phone that lost power or its network, or was started anew, is not "
    "there any more, and a NAT forgets who is silent. Keep-alives, or TCP, hold a NAT open.",
    "查明 {target} 处的{owner}发生了什么：话机断电、断网或重启后便不在原处，NAT 也会遗忘长时间静默的话机。"
    "保活或 TCP 可保持 NAT 映射。",
)
LOST = Text(
    "It was last seen from {src} to {dst}; beyond that it does not show.",
    "它最后一次出现是从 {src} 到 {dst}；此后不再出现。",
)
AT_ONCE = Text(
    "{host} refused it after {ms:.0f} ms with {status} {reason} and did not look for {uri}: it does not know the "
    "dialog, or the Route it was to follow is missing.",
    "{host} 在 {ms:.0f} 毫秒后即以 {status} {reason} 拒绝，并未寻找 {uri}：它不认识该对话，或缺少应遵循的 Route。",
)
# What a server says of itself without asking anybody, sooner than any phone answers.
NOT_LOOKED_FOR = frozenset({404, 410, 480})
AT_ONCE_S = 0.05
# So often a BYE is repeated before one can say of the unknown that it swallowed it.
SENDINGS = 3


def check(story: Story) -> Iterator[Found]:
    stuck = stuck_by(story, Cause.CONTACT)
    if stuck is None or stuck.source is None or stuck.target is None:
        yield from _lost_on_the_way(story)
        return
    owner = party(not stuck.from_caller)
    if _is_gone(story, stuck):
        yield _gone(story, stuck, stuck.target)
        return
    host = Uri.parse(stuck.uri).host
    kind = INVALID if host.endswith(".invalid") else PRIVATE if is_private(host) else OTHER
    values = {"owner": owner, "uri": stuck.uri, "kind": kind, "target": stuck.target}
    if (at_once := _refused_at_once(stuck)) is not None:
        yield found_of(stuck, at_once, owner=owner, uri=stuck.uri, target=stuck.target)
        return
    evidence = because(CONTACT, stuck.source.frames, stuck.source.time, **values)
    yield found_of(stuck, evidence, owner=owner, uri=stuck.uri, target=stuck.target)


def _is_gone(story: Story, stuck: Stuck) -> bool:
    """It went to where its receiver had been heard: no Contact led it astray. In a capture that holds where the
    Contact says the same, for the furthest address there may be a proxy that was to pass it on."""
    if not stuck.hops or stuck.hops[-1].request.destination != stuck.target:
        return False
    return story.call.is_own or host_of(stuck.uri) == stuck.target.host


def _gone(story: Story, stuck: Stuck, target: Address) -> Found:
    """A party that left without a word. Who hangs up on it is let go by us all the same."""
    owner, last = party(not stuck.from_caller), stuck.hops[-1].request
    values = {"owner": owner, "target": target}
    found = found_of(stuck, because(SILENT, last.frames, last.time, **values), uri=target, **values)
    is_let_go = story.call.is_own and stuck.method == "BYE"
    return replace(found, fix=said(GONE_FIX, **values), severity=Severity.WARNING if is_let_go else None)


def _refused_at_once(stuck: Stuck) -> Because | None:
    """Who refused it did not ask further: it was not sent on, and there was no time to wait for anybody."""
    if stuck.refusal is None or stuck.refusal.sip.status not in NOT_LOOKED_FOR or len(stuck.hops) != 1:
        return None
    waited = stuck.refusal.time - stuck.hops[-1].last_sent
    if waited > AT_ONCE_S:
        return None
    sip = stuck.refusal.sip
    values = {"host": stuck.refusal.source, "ms": waited * 1000, "status": sip.status, "reason": sip.reason}
    return because(AT_ONCE, stuck.refusal.frames, stuck.refusal.time, uri=stuck.uri, **values)


def _lost_on_the_way(story: Story) -> Iterator[Found]:
    """A BYE that did not arrive, though every address that the capture shows is right."""
    stuck = stuck_by(story, Cause.UNKNOWN)
    if stuck is None or stuck.method != "BYE" or not stuck.hops:
        return
    last = stuck.hops[-1].request
    if stuck.refusal is None and stuck.hops[-1].sendings < SENDINGS:
        return
    evidence = because(LOST, last.frames, last.time, src=last.source, dst=last.destination)
    owner, target = party(not stuck.from_caller), story.address_of(not stuck.from_caller)
    yield found_of(stuck, evidence, owner=owner, uri=last.sip.uri, target=target)


RULE: Rule = Rule(
    code="contact-unreachable",
    symptom=Symptom.CANNOT_HANG_UP,
    severity=Severity.ERROR,
    title=Text(
        "{method} does not reach {owner} at {uri}",
        "{method} 无法送达位于 {uri} 的{owner}",
    ),
    why=Text(
        "Requests within a call go to the Contact. A private or invented address there is nowhere, so hanging up "
        "(or the ACK) never arrives.",
        "通话内请求发往 Contact。若那里是私有地址或虚构的名字，挂机（或 ACK）就永远到不了。",
    ),
    needs=Text(
        "A request within the call that fails, stays unanswered or never appears, and a Contact whose host is "
        "not the "
        "host its owner speaks from. A private Contact that the server copes with is no fault.",
        "通话内请求失败、无应答或没有出现，且 Contact 的主机与其真实来源不同。服务器能处理的私有 Contact 不算故障。",
    ),
    fix=Text(
        "Send requests to where the phone's packets come from ({target}), not to its Contact: NAT handling on INVITE "
        "*and* on its responses, re-INVITE and UPDATE (fix_nated_contact, set_contact_alias, rport and received), "
        "or Path and outbound (RFC 5626) for browsers.",
        "把请求发往话机数据的真实来源（{target}），而不是它的 Contact：对 INVITE 及其响应、re-INVITE、UPDATE "
        "都做 NAT 处理"
        "（fix_nated_contact、set_contact_alias、rport/received），浏览器则用 Path 与 outbound（RFC 5626）。",
    ),
    own_fix=Text(
        "Have the phone write an address into its Contact at which it can be reached, or let the NAT show (rport, "
        "no STUN of its own, no SIP ALG): talkpath then sends to where its packets come from ({target}).",
        "让话机在 Contact 中写可达的地址，或让 NAT 显现出来（使用 rport，"
        "关闭话机自带的 STUN 和 SIP ALG）：talkpath 随后会发往其数据的真实来源（{target}）"
        "。",
    ),
    doubt=Text(
        "Beyond the last place that the capture shows the request may have gone on: a BYE that is answered there "
        "was received. Who asks again without need (481 comes at once) has a dialog that is over.",
        "在抓包所见的最后一处之后，请求也许继续前行并得到了应答。对已结束对话的多余重发会立即得到 481。",
    ),
    traits=frozenset({Trait.UNANSWERED, Trait.REFUSED, Trait.REPEATED}),
    explains=frozenset(
        {"ack-missing", "session-expired", "response-undelivered", "gateway-down", "failover-missing"}
    ),
    of_call=check,
)

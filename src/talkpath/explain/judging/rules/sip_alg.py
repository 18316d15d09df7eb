"""A router's "SIP helper" rewrites messages on the way."""

from collections.abc import Iterator

from talkpath.base.errors import Malformed
from talkpath.base.texts import Text
from talkpath.calls.model import MessageSeen
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.route import contact_of, is_ip
from talkpath.explain.reading.story import Story, top_via
from talkpath.explain.reading.traits import Trait, branch_of
from talkpath.sdp import SessionDescription
from talkpath.sdp.values import is_private
from talkpath.sip.uri import Uri

LENGTH = Text(
    "Content-Length says {said} bytes, the body has {real}: somebody on the way rewrote the body and not the length, "
    "or its sender counts wrongly.",
    "Content-Length 为 {said} 字节，正文实际 {real} 字节：途中有人改写了正文却没有改长度，或发送方自己算错。",
)
BETWEEN = Text(
    "Between {one} and {two} the same message changed without a new Via: {changes}.",
    "同一消息在 {one} 与 {two} 之间被改写，却没有新增 Via：{changes}。",
)
MIXED = Text(
    "{header} names {public}, while the same phone writes {private} into {other}.",
    "{header} 写的是 {public}，而同一话机在 {other} 中写 {private}。",
)


def check(story: Story) -> Iterator[Found]:
    lengths, rewritten, mixed = [*_wrong_length(story)], [*_rewritten(story)], [*_mixed(story)]
    # A wrong length alone may be the sender's own.
    strong = bool(rewritten or (lengths and mixed))
    if not strong and not lengths and len(mixed) < 2:
        return
    evidence = [*lengths, *rewritten, *mixed]
    hurt = story.call.answered_at is None and story.call.result == "failed"
    yield Found(
        tuple(evidence[:4]),
        {},
        severity=Severity.ERROR if hurt and strong else Severity.WARNING,
        symptom=Symptom.FAILS if hurt and strong else None,
        confidence=0.9 if strong else 0.6,
    )


def _wrong_length(story: Story) -> Iterator[Because]:
    """RFC 3261 18.3: on UDP the datagram ends the body, so a wrong length is somebody's second hand."""
    for exchange in story.exchanges:
        for seen in (exchange.request, *exchange.responses):
            sip = seen.sip
            said, real = sip.content_length, sip.frame.body_length
            if not sip.carries_sdp or said is None or said == real:
                continue
            if not seen.transport.is_reliable and not seen.seen.is_truncated:
                yield because(LENGTH, seen.frames[:1], seen.time, said=said, real=real)
                return


def _rewritten(story: Story) -> Iterator[Because]:
    """The same transaction, seen in two places with other contents and no Via in between."""
    by_branch: dict[tuple[str, str], MessageSeen] = {}
    for exchange in story.exchanges:
        seen = exchange.request
        key = (seen.sip.method, branch_of(seen.sip))
        other = by_branch.setdefault(key, seen)
        is_new = other is not seen and bool(key[1]) and not _is_passed_on(other, seen)
        changes = _changes(other, seen) if is_new else ""
        if changes:
            values = {"one": other.source, "two": seen.destination, "changes": changes}
            yield because(BETWEEN, [*other.frames[:1], *seen.frames[:1]], seen.time, **values)
            return


def _is_passed_on(one: MessageSeen, two: MessageSeen) -> bool:
    """Sent to a machine, and on from there: that one speaks SIP and may write what it likes, its own Via in place of
    the other too. What rewrites on the way is sent nothing."""
    return one.destination.host == two.source.host or two.destination.host == one.source.host


def _changes(one: MessageSeen, two: MessageSeen) -> str:
    """Contact, Via and connection lines that differ: "Contact a -> b"."""
    found = []
    if contact_of(one.sip) != contact_of(two.sip):
        found.append(f"Contact {contact_of(one.sip)} -> {contact_of(two.sip)}")
    via, other = top_via(one.sip), top_via(two.sip)
    if via and other and via.host != other.host:
        found.append(f"Via {via.host} -> {other.host}")
    first, second = _connection(one), _connection(two)
    if first and second and first != second:
        found.append(f"c= {first} -> {second}")
    return ", ".join(found)


def _mixed(story: Story) -> Iterator[Because]:
    """One phone that is public in one header and private in another, in its own INVITE or answer."""
    for is_caller in (True, False):
        invite = story.invite(story.edge_leg(is_caller))
        seen = invite and (invite.request if is_caller else invite.answer)
        if not seen or is_private(seen.source.host) or _went_through_a_proxy(seen, is_caller):
            continue
        places = dict(_places(seen, is_caller))
        public = [name for name, host in places.items() if host == seen.source.host]
        private = [name for name, host in places.items() if is_private(host)]
        for name in public if private else ():
            values = {"header": name, "public": places[name], "private": places[private[0]], "other": private[0]}
            yield because(MIXED, seen.frames[:1], seen.time, **values)


def _went_through_a_proxy(seen: MessageSeen, is_request: bool) -> bool:
    """Whoever sends it here did not write it: a Record-Route or a second Via says so. A proxy with a relay leaves the
    Contact of a switch behind it alone, and writes its own address into the description."""
    if seen.sip.first("Record-Route") is not None and (is_request or _routes_itself(seen)):
        return True
    return is_request and len(seen.sip.listed("Via")) > 1


def _routes_itself(answer: MessageSeen) -> bool:
    """The answer's own sender stands in its Record-Route."""
    return any(
        f"@{answer.source.host}" in one or f":{answer.source.host}" in one
        for one in answer.sip.listed("Record-Route")
    )


def _places(seen: MessageSeen, is_request: bool) -> Iterator[tuple[str, str]]:
    """Where a phone writes its own address."""
    via = top_via(seen.sip)
    if is_request and via is not None and is_ip(via.host):
        yield "Via", via.host
    try:
        host = Uri.parse(contact_of(seen.sip)).host
    except Malformed:
        host = ""
    if is_ip(host):
        yield "Contact", host
    if is_request and is_ip(seen.sip.call_id.partition("@")[2]):
        yield "Call-ID", seen.sip.call_id.partition("@")[2]
    for name, host in (("c=", _connection(seen)), ("o=", _origin(seen))):
        if is_ip(host):
            yield name, host


def _connection(seen: MessageSeen) -> str:
    try:
        for section in SessionDescription.parse(seen.sip.body) if seen.sip.carries_sdp else ():
            return section.connection.ip or "" if section.connection else ""
    except Malformed:
        pass
    return ""


def _origin(seen: MessageSeen) -> str:
    if not seen.sip.carries_sdp:
        return ""
    line = next((one for one in seen.sip.body.split(b"\r\n") if one.startswith(b"o=")), b"")
    return line.rpartition(b" ")[2].decode("ascii", "replace")


RULE: Rule = Rule(
    code="sip-alg",
    symptom=Symptom.NONE,
    severity=Severity.WARNING,
    title=Text("Something on the way rewrites SIP messages (SIP ALG)", "途中有设备在改写 SIP 消息（SIP ALG）"),
    why=Text(
        "Routers that help SIP through NAT change addresses here and not there. It works for a while and "
        "fails in odd "
        "ways: no ringing, one-way audio, calls that cannot be hung up.",
        "帮 SIP 穿越 NAT 的路由器会改一处漏一处。平时能用，却以奇怪的方式失败：不振铃、单通、无法挂机。",
    ),
    needs=Text(
        "A Content-Length that does not fit the body, the same transaction with other addresses in two places "
        "without a "
        "proxy in between, or one phone with public and private addresses mixed in one message. A phone that "
        "uses STUN, "
        "a private Contact behind NAT, or what a proxy writes (a Record-Route or a second Via shows it), is no sign.",
        "Content-Length 与正文不符；同一事务在两处地址不同且中间没有代理；或同一消息中公网与私网地址混杂。"
        "使用 STUN 的话机、NAT 后的私有 Contact，以及代理所改写的内容（Record-Route 或第二个 Via 可见）都不是迹象。",
    ),
    fix=Text(
        'Switch SIP ALG ("SIP helper", "SIP session helper", nf_nat_sip) off in the router at that site, or use TLS, '
        "which it cannot read.",
        "在该站点路由器上关闭 SIP ALG（SIP helper、session helper、nf_nat_sip），或改用它读不懂的 TLS。",
    ),
    doubt=Text(
        "A server that does not show in Via or Record-Route (a back-to-back agent that keeps branches) rewrites in "
        "the same way and means well: look whether the address in between is one of yours. A wrong Content-Length "
        "alone may be the sender's own: look whether it is wrong on other ways as well.",
        "不在 Via 或 Record-Route 中出现的服务器（保留 branch 的 B2BUA）也会这样改写且并无恶意："
        "请看中间的地址是否是自己的设备。仅有 Content-Length 错误时，也可能是发送方自己写错："
        "请看它经其他路径时是否同样错误。",
    ),
    traits=frozenset({Trait.REWRITTEN}),
    of_call=check,
)

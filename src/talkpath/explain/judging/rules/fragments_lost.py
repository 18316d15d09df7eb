"""Large messages leave as IP fragments and never arrive; small ones to the same phone do."""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from talkpath.base.address import Transport
from talkpath.base.texts import Text
from talkpath.calls.model import Call
from talkpath.capture.records import FragmentsIncomplete, IcmpKind
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.decided import is_to_phones
from talkpath.explain.reading.growth import biggest_parts
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import UNFRAGMENTED_BYTES, Exchange, Story
from talkpath.explain.reading.traits import Trait

SENT = Text(
    "{method} of {size} bytes to {dst} left as {count} IP fragments, {times} times, and nothing came back.",
    "{method} 共 {size} 字节，发往 {dst}，被拆成 {count} 个 IP 分片，发送 {times} 次，没有任何应答。",
)
TOO_LARGE = Text(
    "{method} of {size} bytes to {dst}, more than fits one UDP packet, was sent {times} times; nothing came back.",
    "{method} 共 {size} 字节，超出单个 UDP 包的容量，向 {dst} 发送 {times} 次，没有任何应答。",
)
REGISTERED = Text(
    "The phone is registered at {dst}: what is small arrives.", "该话机在 {dst} 注册有效：小消息可以到达。"
)
INCOMPLETE = Text(
    "Only {got} bytes of a fragmented datagram from {src} to {dst} are there; the other fragments never came.",
    "从 {src} 到 {dst} 的分片包只到达 {got} 字节，其余分片没有出现。",
)
SMALL = Text(
    "Small requests to and from {host} are answered ({count} in this capture).",
    "与 {host} 之间的小请求都有应答（本抓包中 {count} 次）。",
)
TIMED_OUT = Text(
    "{reporter} reports that it waited in vain for the missing fragments.", "{reporter} 报告：等待缺失分片超时。"
)
# An IP payload is cut at the size of a link: a first fragment is longer than this (the smallest path there is, 576).
LEAST_CUT_BYTES = 548
PARTS = Text("What makes it large: {parts}.", "占用空间最大的部分：{parts}。")


class Lost(Struct):
    """A large message that did not get through: an exchange that was seen whole, or only pieces of one."""

    exchange: Exchange | None
    pieces: FragmentsIncomplete | None

    @property
    def host(self) -> str:
        if self.exchange is not None:
            return self.exchange.request.destination.host
        return self.pieces.dst.host if self.pieces else ""


def check(story: Story) -> Iterator[Found]:
    lost = _whole(story) or _in_pieces(story)
    if lost is None or _passes_fragments(story, lost):
        return
    small = story.scene.small_answered(lost.host)
    reports = [e for e in story.scene.icmp if e.kind is IcmpKind.REASSEMBLY_EXCEEDED and e.flow_dst.host == lost.host]
    evidence = [*_evidence(story, lost)]
    if small:
        frames = [exchange.request.frame for exchange in small[:5]]
        evidence.append(because(SMALL, frames, small[0].request.time, host=lost.host, count=len(small)))
    evidence.extend(because(TIMED_OUT, (e.frame,), e.time, reporter=e.src) for e in reports[:1])
    certain = bool(small or reports)
    if not certain and lost.exchange is not None and _others_get_them(story, lost.exchange):
        return
    leg = lost.exchange.leg.index if lost.exchange else None
    is_cut = lost.exchange is None or lost.exchange.request.seen.fragments > 1 or is_to_phones(story)
    yield Found(
        tuple(evidence),
        {"host": lost.host},
        leg=leg,
        direction=Direction.TO_CALLEE,
        severity=None if is_cut and (certain or lost.pieces) else Severity.WARNING,
        confidence=0.95 if certain and is_cut else 0.6,
    )


def _whole(story: Story) -> Lost | None:
    """A request that was fragmented here, sent again and again, and answered by nobody at all."""
    for exchange in story.exchanges:
        if exchange.responses or exchange.method == "ACK" or not _was_too_large(story, exchange):
            continue
        if _arrived(story, exchange):
            continue
        if exchange.sendings > 1 or story.scene.last - exchange.request.time > 4:
            return Lost(exchange, None)
    return None


def _was_too_large(story: Story, exchange: Exchange) -> bool:
    """In fragments, or so large that it must be further on, towards somebody who answers what is small. Within a host
    nothing is cut."""
    seen = exchange.request.seen
    if seen.fragments > 1:
        return True
    large = seen.transport is Transport.UDP and seen.wire_bytes > UNFRAGMENTED_BYTES
    if not large or seen.src.host == seen.dst.host:
        return False
    return is_to_phones(story) or bool(story.scene.small_answered(seen.dst.host))


def _arrived(story: Story, exchange: Exchange) -> bool:
    """The next hop shows that it has the request: it passes it on, or answers it in another place (to another port,
    under another branch)."""
    host, sip = exchange.request.destination.host, exchange.request.sip
    for one in story.exchanges:
        same = one.method == exchange.method and story.number(one) == story.number(exchange)
        if one is exchange or not same or one.from_caller is not exchange.from_caller:
            continue
        if one.request.source.host == host and one.request.time >= exchange.request.time:
            return True
        of_same = one.request.sip.call_id == sip.call_id and one.request.destination.host == host
        if of_same and any(answer.time >= exchange.request.time for answer in one.responses):
            return True
    return False


def _passes_fragments(story: Story, lost: Lost) -> bool:
    """Another large message to the same host, cut into fragments too, was answered: it does not lose them."""
    return any(
        one.request.seen.fragments > 1 and one.responses and one.request.destination.host == lost.host
        for one in story.exchanges
    )


def _others_get_them(story: Story, lost: Exchange) -> bool:
    """What the same host sent elsewhere, as large and in fragments, was answered; that this one says nothing is then
    nothing that fragments explain."""
    source, size = lost.request.source.host, lost.request.seen.wire_bytes
    return any(
        one.request.seen.fragments > 1 and one.responses and one.request.seen.wire_bytes * 2 > size
        for one in story.exchanges
        if one.request.source.host == source
    )


def _in_pieces(story: Story) -> Lost | None:
    """Fragments towards the next hop that never became a message, in a call that nobody answered there."""
    if story.call.answered_at is not None:
        return None
    for pieces in story.around(FragmentsIncomplete) or _near(story):
        if (
            pieces.protocol == 17
            and _may_be_invite(story.scene, pieces)
            and not story.scene.spoke(pieces.dst.host, story.call.start, story.end + 1)
        ):
            return Lost(None, pieces)
    return None


def _near(story: Story) -> list[FragmentsIncomplete]:
    """Fragments from one of the call's hosts while it waited for an answer."""
    call: Call = story.call
    hosts = {end.host for leg in call.legs for end in (leg.caller, leg.callee)}
    end = story.end + 1
    return [f for f in story.scene.fragments if f.src.host in hosts and call.start - 0.5 <= f.time <= end]


def _may_be_invite(scene: Scene, pieces: FragmentsIncomplete) -> bool:
    """The first fragment, where it is there, tells. The others can be anything: then nothing but SIP may pass between
    the two hosts, and what is small must be known to arrive."""
    if pieces.head:
        return b"SIP/2.0" in pieces.head[:200] or pieces.head.lstrip().startswith(b"INVITE")
    src, dst = pieces.src.host, pieces.dst.host
    is_tail = bool(pieces.missing) and pieces.missing[0][1] >= LEAST_CUT_BYTES
    return (
        is_tail
        and frozenset((src, dst)) not in scene.media_pairs
        and scene.spoke_sip(src, dst)
        and bool(scene.small_answered(dst))
    )


def check_scene(scene: Scene) -> Iterator[Found]:
    """Pieces between two hosts that never became a message, outside of any call that is known."""
    between: dict[tuple[str, str], list[FragmentsIncomplete]] = defaultdict(list)
    for pieces in scene.fragments:
        if pieces.protocol == 17 and _may_be_invite(scene, pieces) and not _belongs_to_a_call(scene, pieces):
            between[pieces.src.host, pieces.dst.host].append(pieces)
    for (src, dst), found in between.items():
        if len(found) < 2 or not any(map(scene.heard.has_heard, (src, dst))):
            continue
        if not found[0].head and len({pieces.received_bytes for pieces in found}) > 1:
            continue  # a request that is sent again leaves the same piece each time
        values = {"got": found[0].received_bytes, "src": src, "dst": dst}
        frames = [frame for pieces in found for frame in pieces.frames]
        evidence = [because(INCOMPLETE, frames, found[0].time, **values)]
        small = scene.small_answered(dst)
        if small:
            asked = [exchange.request.frame for exchange in small[:5]]
            evidence.append(because(SMALL, asked, small[0].request.time, host=dst, count=len(small)))
        yield Found(tuple(evidence), {"host": dst}, direction=Direction.TO_CALLEE, confidence=0.8)


def _belongs_to_a_call(scene: Scene, pieces: FragmentsIncomplete) -> bool:
    hosts = {pieces.src.host, pieces.dst.host}
    return any(
        call.start - 1 <= pieces.time <= (call.ended_at or scene.last) + 1
        and any({leg.caller.host, leg.callee.host} & hosts for leg in call.legs)
        for call in scene.calls
    )


def _evidence(story: Story, lost: Lost) -> Iterator[Because]:
    exchange = lost.exchange
    if exchange is not None:
        request = exchange.request
        values = {"method": exchange.method, "dst": request.destination, "times": exchange.sendings}
        size, count = request.seen.wire_bytes, request.seen.fragments
        text = SENT if count > 1 else TOO_LARGE
        yield because(text, request.frames, request.time, size=size, count=count, **values)
        if is_to_phones(story):
            yield because(REGISTERED, (), request.time, dst=request.destination)
        yield because(PARTS, request.frames[:1], request.time, parts=biggest_parts(request.sip))
    elif lost.pieces is not None:
        pieces = lost.pieces
        values = {"got": pieces.received_bytes, "src": pieces.src.host, "dst": pieces.dst.host}
        yield because(INCOMPLETE, pieces.frames, pieces.time, **values)
        invite = story.invite(story.first)
        if invite is not None:
            yield because(
                PARTS, invite.request.frames[:1], invite.request.time, parts=biggest_parts(invite.request.sip)
            )


RULE: Rule = Rule(
    code="fragments-lost",
    symptom=Symptom.NO_RING,
    severity=Severity.ERROR,
    title=Text(
        "Large messages to {host} are lost as IP fragments",
        "发往 {host} 的大消息以 IP 分片形式丢失",
    ),
    why=Text(
        "A message over about 1472 bytes leaves as IP fragments, and many firewalls drop those. REGISTER is "
        "small and "
        "passes, INVITE is large and does not: the phone looks registered and never rings.",
        "超过约 1472 字节的消息会被拆成 IP 分片，很多防火墙会丢弃分片。REGISTER 小可以通过，INVITE 大而不能："
        "话机看似在线却从不振铃。",
    ),
    needs=Text(
        "A fragmented request without any response, or fragments that never become a message: their head is SIP, or "
        "nothing but SIP passes between the two hosts and small requests are answered there. A fragmented INVITE "
        "that is answered or passed on, fragments of other protocols, large messages within a host, and a host that "
        "answers others in fragments are no fault.",
        "被分片的请求没有任何应答，或分片始终无法重组：首片为 SIP，或两台主机之间只有 SIP 且小请求有应答。"
        "被分片但得到应答或已被转发的 INVITE、其他协议的分片、主机内部的大消息、能应答其他分片消息的主机都不算故障。",
    ),
    fix=Text(
        "Keep messages to {host} below 1300 bytes: use TCP or TLS with this phone, remove codecs and headers it does "
        "not need, or let the firewall reassemble fragments.",
        "让发往 {host} 的消息小于 1300 字节：对该话机使用 TCP 或 TLS，"
        "删除不需要的编解码器与头域，或让防火墙重组分片。",
    ),
    own_fix=Text(
        "Have the phone at {host} listen on TCP or TLS too, or register over it: talkpath then sends there what is "
        "too large; and say under [size] in `diet` what may be left out.",
        "让 {host} 的话机同时监听 TCP 或 TLS，或改用其注册：过大的消息 talkpath 会从那里发送；"
        "并在 [size] 的 `diet` 中写明可省略的内容。",
    ),
    doubt=Text(
        "The capture itself may have lost the other fragments: then the far side answers, perhaps on another "
        "interface. A request that is large and not cut here is told as a warning only, for a link further on may "
        "carry it.",
        "抓包自身可能丢失了其余分片：此时对端其实有应答，也许在另一接口上。此处未被分片的大请求只作为警告，"
        "因为后面的链路可能承载得了。",
    ),
    traits=frozenset({Trait.LARGE, Trait.FAILED, Trait.UNANSWERED}),
    explains=frozenset({"message-oversize", "gateway-down", "failover-missing", "response-undelivered", "sip-alg"}),
    of_call=check,
    of_scene=check_scene,
)

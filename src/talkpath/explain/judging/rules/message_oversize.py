"""A request over UDP that is too large for one packet."""

from collections.abc import Iterator

from talkpath.base.address import Transport
from talkpath.base.texts import Text
from talkpath.capture.records import IcmpError, IcmpKind
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.growth import biggest_parts, grown_parts
from talkpath.explain.reading.story import UNFRAGMENTED_BYTES, Exchange, Story
from talkpath.explain.reading.traits import Trait

SIZE = Text("{method} to {dst} has {size} bytes: {parts}.", "发往 {dst} 的 {method} 有 {size} 字节：{parts}。")
GREW = Text(
    "On the hop before it had {before} bytes; {host} added {parts}.",
    "前一跳时为 {before} 字节；{host} 增加了 {parts}。",
)
TOO_BIG = Text(
    "{reporter} reports that packets over {mtu} bytes do not pass.", "{reporter} 报告：超过 {mtu} 字节的包无法通过。"
)
REFUSED = Text("It was refused with {status} {reason}.", "它被以 {status} {reason} 拒绝。")


def check(story: Story) -> Iterator[Found]:
    large = [exchange for exchange in story.exchanges if _is_large(exchange)]
    if not large:
        return
    worst = max(large, key=lambda exchange: exchange.request.seen.wire_bytes)
    reports = [e for e in story.around(IcmpError) if e.kind is IcmpKind.TOO_BIG]
    refused = worst.status == 513
    hurt = refused or (bool(reports) and not worst.responses)
    yield Found(
        tuple(_evidence(story, worst, reports)),
        {"method": worst.method, "size": worst.request.seen.wire_bytes, "dst": worst.request.destination},
        leg=worst.leg.index,
        direction=Direction.of(worst.from_caller),
        severity=Severity.ERROR if hurt else Severity.NOTE,
        symptom=Symptom.FAILS if hurt else Symptom.NONE,
    )


def _is_large(exchange: Exchange) -> bool:
    """Fragmented on UDP; a reliable transport has no such limit. 513 is a refusal for size on any."""
    if exchange.status == 513:
        return True
    seen = exchange.request.seen
    return seen.transport is Transport.UDP and (seen.fragments > 1 or seen.wire_bytes > UNFRAGMENTED_BYTES)


def _evidence(story: Story, worst: Exchange, reports: list[IcmpError]) -> Iterator[Because]:
    request = worst.request
    size, parts = request.seen.wire_bytes, biggest_parts(request.sip)
    values = {"method": worst.method, "dst": request.destination, "size": size, "parts": parts}
    yield because(SIZE, request.frames[:2], request.time, **values)
    before = _hop_before(story, worst)
    if before is not None:
        old = before.request
        added = {"before": old.seen.wire_bytes, "host": old.destination.host}
        yield because(GREW, old.frames[:1], old.time, parts=grown_parts(old.sip, request.sip), **added)
    for report in reports[:1]:
        yield because(TOO_BIG, (report.frame,), report.time, reporter=report.src, mtu=report.mtu or 1500)
    final = worst.final
    if final is not None and final.sip.status == 513:
        yield because(REFUSED, final.frames, final.time, status=513, reason=final.sip.reason)


def _hop_before(story: Story, worst: Exchange) -> Exchange | None:
    """The same request on the hop that led to this one."""
    if worst.leg.parent is None:
        return None
    parent = story.legs[worst.leg.parent]
    same = [exchange for exchange in story.of_leg(parent, worst.method) if exchange.from_caller is worst.from_caller]
    earlier = [exchange for exchange in same if exchange.request.time <= worst.request.time]
    return earlier[-1] if earlier else None


RULE: Rule = Rule(
    code="message-oversize",
    symptom=Symptom.NONE,
    severity=Severity.NOTE,
    title=Text(
        "{method} to {dst} is too large for one UDP packet ({size} bytes)",
        "发往 {dst} 的 {method} 超出单个 UDP 包的大小（{size} 字节）",
    ),
    why=Text(
        "It travels as IP fragments, which some firewalls drop: it works until the path changes.",
        "它以 IP 分片传输，部分防火墙会丢弃分片：在路径改变之前一切正常。",
    ),
    needs=Text(
        "A request over UDP of more than 1472 bytes, a 513, or an ICMP that says packets are too big. It is a "
        "note as "
        "long as it is answered.",
        "UDP 上超过 1472 字节的请求、513 响应，或 ICMP 报告包过大。只要有应答，就只是提示。",
    ),
    fix=Text(
        "Above 1300 bytes RFC 3261 18.1.1 asks for TCP. Use it towards {dst}, or drop codecs and headers that nobody "
        "needs on the hop that adds most.",
        "RFC 3261 18.1.1 要求超过 1300 字节时使用 TCP。请对 {dst} 使用 TCP，或在增加最多的一跳删除无用的"
        "编解码器与头域。",
    ),
    own_fix=Text(
        "Have {dst} listen on TCP or TLS (talkpath then uses it for what is too large), and say under [size] in "
        "`diet` what may be left out.",
        "让 {dst} 同时监听 TCP 或 TLS（过大的消息 talkpath 会改用它），并在 [size] 的 `diet` 中写明可省略的内容。",
    ),
    doubt=Text(
        "A link with jumbo frames, or a tunnel whose capture shows packets before they are cut, carries more than "
        "1,472 bytes whole. What the capture shows in one piece on the sender's own host may be cut by its network "
        "card. Where it is answered, nothing was lost.",
        "支持巨帧的链路，或在切分之前抓取的隧道，可整包承载超过 1,472 字节的内容。在发送方主机上抓到的完整包，"
        "也可能之后才由网卡切分。只要有应答，就没有丢失。",
    ),
    traits=frozenset({Trait.LARGE}),
    of_call=check,
)

"""A next hop does not answer at all."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.base.unsent import UNSENT
from talkpath.calls.model import Moment
from talkpath.capture.records import IcmpKind, TcpKind
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence
from talkpath.explain.reading.clear import sent_in_clear
from talkpath.explain.reading.decided import is_to_phones, of_gateways
from talkpath.explain.reading.scene import Outside, Scene
from talkpath.explain.reading.silence import Silence, silent_hops
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait, is_public
from talkpath.sip.scanners import tool_of

# So many hosts or numbers that one stranger calls, and none that answers it, are no gateway that is down.
VISITED = 3
# A request that is sent again over so long (Timer E: 0, 0.5, 1.5, 3.5 s) was not answered in time.
PATIENCE_S = 3.0
# Probes in a row without an answer; one may be lost.
PROBES = 3

ASKED = Text(
    "INVITE was sent to {dst} {times} times over {seconds:.1f} s; not even 100 Trying came back.",
    "INVITE 在 {seconds:.1f} 秒内向 {dst} 发送 {times} 次，连 100 Trying 都没有返回。",
)
PROBED = Text(
    "{count} requests outside calls to {host} stayed unanswered.",
    "呼叫之外有 {count} 个发往 {host} 的请求无应答。",
)
IN_VAIN = Text(
    "{phone} sent {count} REGISTERs to {host} within {seconds:.0f} s, and not one was answered.",
    "{phone} 在 {seconds:.0f} 秒内向 {host} 发送了 {count} 个 REGISTER，均无应答。",
)
ICMP = Text("{reporter} reports: {kind}.", "{reporter} 报告：{kind}。")
ALIVE = Text(
    "{host} spoke to others meanwhile: it is up, and ignores this one.",
    "期间 {host} 与其他方有通信：它在运行，但没有理会此请求。",
)
PHONE_FIX = Text(
    "Make sure that the phone is on and in its network: talkpath keeps its flow open and does not ring it while it "
    "answers nothing. "
    "Where a NAT or firewall forgets it in seconds, have it send keep-alives of its own or register over TCP or TLS.",
    "请确认话机已开机并在网。talkpath 会保持其流畅通，在它毫无应答期间不再呼叫它。若 NAT 或防火墙在数秒内遗忘映射，"
    "请让话机自行发送保活，或改用 TCP 或 TLS 注册。",
)
TCP = {
    TcpKind.REFUSED: Text("{host} refuses connections.", "{host} 拒绝连接。"),
    TcpKind.UNANSWERED: Text("{host} does not answer connection attempts.", "{host} 不应答连接请求。"),
}


GATEWAY_FIX = Text(
    "Look at {host}: is it up, does its firewall let us in, is its address still right? `talkpath gateways` says "
    "since when it fails and how; while it does, calls go to the others of its group.",
    "检查 {host}：是否在运行、防火墙是否放行、地址是否仍正确？`talkpath gateways` 显示它自何时起、如何失败；"
    "在此期间呼叫会转到同组的其他网关。",
)
# How a gateway fails that is not there; what it answers is another story.
_ABSENT = frozenset(("no-answer", "unresolved", *UNSENT))


def check(story: Story) -> Iterator[Found]:
    own = of_gateways(story)
    if own:
        yield from _of_gateway(story, own)
        return
    if _is_a_visit(story):
        return
    for silence in silent_hops(story):
        rescued = story.call.answered_at is not None or _was_tried_elsewhere(story, silence)
        yield Found(
            tuple(_evidence(story, silence)),
            {"host": silence.address},
            leg=silence.leg.index if silence.leg else None,
            severity=Severity.WARNING if rescued else Severity.ERROR,
            symptom=Symptom.NONE if rescued else Symptom.FAILS,
            fix=said(PHONE_FIX) if is_to_phones(story) else None,
            confidence=0.6 if silence.is_alive else 0.9,
        )
        return


def _is_a_visit(story: Story) -> bool:
    """A stranger's call that nobody wants to answer: by a scanner's name, or from an address to which this capture
    never shows an answer, and that rings at several."""
    first = story.first
    invite = story.invite(first)
    if invite is None or first.status:
        return False
    if tool_of(invite.request.sip):
        return True
    source = first.caller.host
    tried = {call.legs[0].callee.host for call in story.scene.calls_from(source)}
    numbers = {call.callee.user for call in story.scene.calls_from(source)}
    unheard = all(not call.status for call in story.scene.calls_from(source))
    return unheard and is_public(source) and (len(tried) >= VISITED or len(numbers) >= VISITED)


def _of_gateway(story: Story, moments: list[Moment]) -> Iterator[Found]:
    """The edge noted itself which gateway was not there. Once is enough: the caller waited for it."""
    for failed in moments:
        if failed.kind == "gateway.failed" and failed.values.get("why") in _ABSENT:
            is_rescued = story.call.answered_at is not None or any(leg.status >= 180 for leg in story.legs[1:])
            host = failed.values.get("gateway")
            yield Found(
                tuple(map(as_evidence, [one for one in moments if one.time <= failed.time or not is_rescued])),
                {"host": host},
                severity=Severity.WARNING if is_rescued else Severity.ERROR,
                symptom=Symptom.NONE if is_rescued else Symptom.FAILS,
                fix=said(GATEWAY_FIX, host=host),
                confidence=0.95,
            )
            return


def check_scene(scene: Scene) -> Iterator[Found]:
    yield from _probed_in_vain(scene)
    yield from _registered_in_vain(scene)


def _registered_in_vain(scene: Scene) -> Iterator[Found]:
    """A phone that registers again and again where nobody answers: it rings for no call."""
    asked: dict[tuple[str, Address], list[Outside]] = defaultdict(list)
    in_clear = {(one.first.src.host, one.server) for one in sent_in_clear(scene)}  # that has a finding of its own
    for exchange in scene.outside_of("REGISTER"):
        asked[exchange.request.src.host, exchange.request.dst].append(exchange)
    for (phone, address), exchanges in asked.items():
        sent = [at for one in exchanges for at in (one.request.time, *one.again)]
        if (phone, address) in in_clear:
            continue
        if any(one.answers for one in exchanges) or len(sent) < PROBES or tool_of(exchanges[0].sip):
            continue
        if max(sent) - min(sent) < PATIENCE_S or len({one.sip.first("To") for one in exchanges}) >= VISITED:
            continue
        spoke = scene.spoke(address.host, min(sent), scene.last + 1)
        frames = [one.request.frame for one in exchanges]
        values = {"count": len(sent), "phone": phone, "host": address, "seconds": max(sent) - min(sent)}
        evidence = [because(IN_VAIN, frames, min(sent), **values)]
        if spoke:
            evidence.append(because(ALIVE, (), min(sent), host=address.host))
        yield Found(tuple(evidence), {"host": address}, symptom=Symptom.NO_RING, confidence=0.6 if spoke else 0.9)


def _probed_in_vain(scene: Scene) -> Iterator[Found]:
    """Probes that nobody answers, again and again."""
    probes: dict[tuple[str, Address], list[Outside]] = defaultdict(list)
    for exchange in scene.outside_of("OPTIONS"):
        probes[exchange.request.src.host, exchange.request.dst].append(exchange)
    for (_, address), asked in probes.items():
        silent = list(takewhile(lambda one: not one.answers, reversed(asked)))
        if len(silent) < PROBES or silent[-1].request.time > scene.last - 4:
            continue
        if scene.spoke(address.host, silent[-1].request.time, scene.last + 1):
            continue
        frames = [exchange.request.frame for exchange in reversed(silent)]
        evidence = because(PROBED, frames, silent[-1].request.time, count=len(silent), host=address.host)
        yield Found((evidence,), {"host": address}, severity=Severity.WARNING, symptom=Symptom.NONE)


def _was_tried_elsewhere(story: Story, silence: Silence) -> bool:
    """A hop beside the silent one got some word from somewhere else: not one that led there."""
    way = set(_way_to(story, silence))
    return any(leg.status >= 180 and leg.parent is not None and leg.index not in way for leg in story.legs)


def _way_to(story: Story, silence: Silence) -> Iterator[int]:
    """The silent hop and those from which it was made."""
    leg = silence.leg
    while leg is not None:
        yield leg.index
        leg = story.legs[leg.parent] if leg.parent is not None else None


def _evidence(story: Story, silence: Silence) -> Iterator[Because]:
    host = silence.address.host
    if silence.is_alive and silence.leg is not None:
        yield because(ALIVE, (), silence.leg.start, host=host)
    if silence.invite is not None:
        request = silence.invite.request
        seconds = silence.invite.last_sent - request.time
        values = {"dst": request.destination, "times": silence.invite.sendings}
        yield because(ASKED, request.frames, request.time, seconds=seconds, **values)
    for event in silence.attempts[:1]:
        yield because(TCP[event.kind], (event.frame,), event.time, host=host)
    for error in silence.errors[:1]:
        yield because(ICMP, (error.frame,), error.time, reporter=error.src, kind=_words(error.kind))
    others = [e for e in story.scene.outside_at(host) if e.request.dst.host == host and not e.answers]
    if others:
        frames = [exchange.request.frame for exchange in others[:5]]
        yield because(PROBED, frames, others[0].request.time, count=len(others), host=host)


def _words(kind: IcmpKind) -> str:
    return kind.value.replace("-", " ")


RULE: Rule = Rule(
    code="gateway-down",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text("{host} does not answer", "{host} 没有应答"),
    why=Text(
        "Calls that are sent to a machine that is gone wait until the timer runs out, and fail.",
        "发往已失效机器的呼叫会一直等到定时器超时，然后失败。",
    ),
    needs=Text(
        "INVITEs to one address without any response (less sure when it spoke to others meanwhile), refused "
        "connections or "
        "ICMP errors; or a phone's REGISTERs, sent again and again without any answer. A branch of a fork that stays "
        "silent while another is answered is only a warning; the calls of a scanner are none.",
        "发往同一地址的 INVITE 没有任何响应（若期间它与其他方有通信则把握较低），或连接被拒、ICMP 报错；"
        "或话机反复发送 REGISTER 而始终无应答。分叉中一路沉默而另一路应答时只是警告；扫描者的呼叫不算。",
    ),
    fix=Text(
        "Look at {host}: is it up, does its firewall let us in, is its address still right? Probe it with "
        "OPTIONS and "
        "take it out of routing while it is silent.",
        "检查 {host}：是否在运行、防火墙是否放行、地址是否仍正确？用 OPTIONS 探测，沉默期间将其移出路由。",
    ),
    own_fix=Text(
        "Look at {host}: is it up, does its firewall let us in, is its address still right? Named under "
        "[[gateways]] it is probed, passed over while it is silent, and `talkpath gateways` says since when.",
        "检查 {host}：是否在运行、防火墙是否放行、地址是否仍正确？写入 [[gateways]] 后会被探测，"
        "沉默期间自动跳过，`talkpath gateways` 会说明从何时开始。",
    ),
    doubt=Text(
        "Where the capture shows one direction only, or the answers take another way, everybody is silent. What "
        "answers to others at the same time is up and ignores this one, which is said with less certainty.",
        "若抓包只含单方向，或应答走另一条路，看起来就是全都沉默。同时应答其他方的主机其实在运行、"
        "只是没有理会此请求，把握因此较低。",
    ),
    traits=frozenset({Trait.UNANSWERED, Trait.FAILED, Trait.OWN}),
    of_call=check,
    of_scene=check_scene,
)

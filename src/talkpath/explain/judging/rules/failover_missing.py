"""A next hop failed, and nobody tried another."""

from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.calls.model import Leg, Moment
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import as_evidence
from talkpath.explain.reading.decided import is_to_phones, of_gateways
from talkpath.explain.reading.silence import silent_hops
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

# Failures of the machine, not of the person called (RFC 3263 section 4.3 asks to try the next on 503).
MACHINE = frozenset({500, 502, 503, 504})

ONLY = Text(
    "Only {dst} was tried; the caller then got {status} {reason} after {seconds:.1f} s.",
    "只尝试了 {dst}；{seconds:.1f} 秒后主叫收到 {status} {reason}。",
)
SAID = Text("{dst} refused with {status} {reason}.", "{dst} 以 {status} {reason} 拒绝。")
OTHERS = Text(
    "Other calls of this capture went from {proxy} to {others}, which answered.",
    "本抓包中其他呼叫由 {proxy} 发往 {others}，并得到应答。",
)


ALONE_FIX = Text(
    "Give the group a second gateway, under [[gateways]] or with `talkpath gateways add`; where others were passed "
    "over, their reasons above say what they lack.",
    "请在 [[gateways]] 中或用 `talkpath gateways add` 为该组添加第二个网关；"
    "若跳过了其他网关，上述原因说明了它们的问题。",
)


def check(story: Story) -> Iterator[Found]:
    own = of_gateways(story)
    if own:
        yield from _of_gateways(story, own)
        return
    failed = _failed_hop(story)
    if failed is None or story.call.answered_at is not None or is_to_phones(story):
        return
    onward = {leg.callee for leg in story.legs if leg.caller.host == failed.caller.host and leg.parent is not None}
    others = [address for address in story.scene.gateways_of(failed.caller.host) if address != failed.callee]
    status = story.first.status
    if len(onward) > 1 or (status and status < 400) or (not others and story.scene.is_phone(failed.callee.host)):
        return
    yield Found(
        tuple(_evidence(story, failed, others)),
        {"proxy": failed.caller.host, "dst": failed.callee},
        leg=failed.index,
        severity=Severity.ERROR if others else Severity.WARNING,
        confidence=0.9 if others else 0.5,
    )


def _of_gateways(story: Story, moments: list[Moment]) -> Iterator[Found]:
    """An own call failed at the only gateway that it was given to."""
    names = {one.values.get("gateway") for one in moments if one.kind == "gateway.chosen"}
    failed = [one for one in moments if one.kind == "gateway.failed"]
    if story.call.answered_at is not None or not failed or len(names) > 1 or 0 < story.first.status < 400:
        return
    group = next((one.values.get("group") for one in moments if one.kind == "gateway.chosen"), "")
    others = any(one.kind in ("gateway.passed-over", "gateway.more-passed-over") for one in moments)
    yield Found(
        tuple(map(as_evidence, moments)),
        {"proxy": group, "dst": failed[0].values.get("gateway")},
        severity=Severity.ERROR if others else Severity.WARNING,
        fix=said(ALONE_FIX),
        confidence=0.9,
    )


def _failed_hop(story: Story) -> Leg | None:
    """A hop behind a middle box that was silent or failed as a machine does."""
    silent = [
        silence.leg for silence in silent_hops(story) if silence.leg is not None and silence.leg.parent is not None
    ]
    relayed = {leg.parent for leg in story.legs if leg.status in MACHINE}
    broken = [
        leg for leg in story.legs if leg.parent is not None and leg.status in MACHINE and leg.index not in relayed
    ]
    return next(iter([*silent, *broken]), None)


def _evidence(story: Story, failed: Leg, others: list[Address]) -> Iterator[Because]:
    invite = story.invite(failed)
    final = invite.final if invite else None
    if final is not None:
        values = {"status": final.sip.status, "reason": final.sip.reason}
        yield because(SAID, final.frames, final.time, dst=failed.callee, **values)
    outer = story.invite(story.first)
    end = outer.final if outer else None
    if end is not None:
        values = {"dst": failed.callee, "status": end.sip.status, "reason": end.sip.reason}
        yield because(ONLY, end.frames, end.time, seconds=end.time - story.call.start, **values)
    names = ", ".join(str(address) for address in others[:3])
    if others:
        yield because(OTHERS, (), failed.start, proxy=failed.caller.host, others=names)


RULE: Rule = Rule(
    code="failover-missing",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text("{dst} failed and {proxy} did not try the next gateway", "{dst} 失败后，{proxy} 没有尝试下一个网关"),
    why=Text(
        "One broken machine should cost the caller two seconds, not the call.",
        "一台机器故障只应让主叫多等两秒，而不是失去通话。",
    ),
    needs=Text(
        "A call that failed at one gateway (silent, 500, 502, 503, 504) with no second attempt, while other "
        "calls show "
        "that the same proxy has another gateway that works.",
        "呼叫在一个网关处失败（无应答或 500、502、503、504）且没有第二次尝试。"
        "若其他呼叫表明同一代理另有可用网关则为错误，否则为警告；话机没有备用。",
    ),
    fix=Text(
        "Give {proxy} a list to try in order, with a short timer (two seconds without 100 Trying) and the "
        "next one on "
        "5xx and silence: failure_route with dispatcher or drouting, or the gateway list of talkpath.",
        "给 {proxy} 配置按序尝试的网关列表，并设短定时器（两秒内无 100 Trying 即换下一个），对 5xx 与无应答转下一个："
        "failure_route 配合 dispatcher 或 drouting，或 talkpath 的网关列表。",
    ),
    own_fix=Text(
        "Name the gateways under [[gateways]], two at least in a group: talkpath tries the next when one is silent "
        "or fails (`no_answer_ms` in [[gateway_groups]]), and `talkpath gateways` says which are there.",
        "在 [[gateways]] 中为一个组配置至少两个网关：一个无应答或失败时 talkpath 自动改试下一个"
        "（[[gateway_groups]] 的 `no_answer_ms`）"
        "，`talkpath gateways` 可查看状态。",
    ),
    doubt=Text(
        "The second attempt may have left by an interface that was not captured, or by a proxy behind this one. "
        "Some carriers want no second attempt for a status that the called party gave itself (500 and 503 of a "
        "phone passed on). A caller who gave up at once left no time for one.",
        "第二次尝试可能经由未抓取的网口，或由后面的代理发出。有的运营商对属于被叫本身的状态（转来的话机 500、"
        "503）不希望再试。主叫立即放弃时也来不及再试。",
    ),
    traits=frozenset({Trait.FAILED}),
    of_call=check,
)

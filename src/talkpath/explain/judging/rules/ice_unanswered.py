"""ICE: connectivity checks are sent and nobody answers them."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import broken_link
from talkpath.explain.reading.chain import Chain, chains
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

# Who waits shorter for the first check may have hung up before it.
LEAST_S = 5.0
# Checks without an answer before the silence means something (RFC 8489 6.2.1 sends a request seven times).
CHECKS = 3

ASKED = Text(
    "{who} sent {count} checks from {src} to {dst}; none was answered.",
    "{who}从 {src} 向 {dst} 发送了 {count} 次检查，均无应答。",
)
NEVER = Text("{who} sent no check at all.", "{who}一次检查也没有发送。")
UNHEARD = Text(
    "{src} repeats {count} checks that {dst} has answered: the answers do not come to {src}.",
    "{src} 重复了 {count} 次已被 {dst} 应答的检查：应答没有到达 {src}。",
)
REFUSED = Text("{src} refused a check with {code} {reason}.", "{src} 以 {code} {reason} 拒绝了检查。")
SAID = Text("Candidates of {who}: {list}.", "{who}的候选地址：{list}。")
HELD = Text(
    "So far the offer and the answer had been exchanged; DTLS and audio never began.",
    "此前请求与应答已交换；DTLS 和语音从未开始。",
)
NO_PLACE = Text(
    "No check was seen: neither side announced an address that the other can send to.",
    "没有看到任何检查：双方都没有声明对方可以发送到的地址。",
)
WRONG_PASSWORD = Text(
    "401 means that the check was not signed with the password that {who} expects. Look for who changes "
    "a=ice-ufrag or a=ice-pwd on the way, or answers with those of an older offer.",
    "401 表示检查没有用{who}期望的密码签名。查找谁在途中修改了 a=ice-ufrag 或 a=ice-pwd，或用旧请求的值应答。",
)
GIVE_ADDRESSES = Text(
    "Let the client gather addresses before it offers (or signal trickled ones). Give it a STUN and a TURN server, "
    "and let a media server with an address of its own take part: candidates that are names (.local) work inside one "
    "network only, and without any candidate nobody can be asked.",
    "请让客户端先收集地址再发请求（或传递后到的候选）。为其提供 STUN 与 TURN 服务器，并让有自己地址的媒体服务器参与。"
    "名称形式（.local）的候选只在同一网络内有效，没有候选则无从检查。",
)


def check(story: Story) -> Iterator[Found]:
    yield from broken_link(story, "chain.no-check", "chain.no-pair")
    for chain in chains(story):
        if not chain.uses_ice or chain.is_secured() or (story.talk.heard(True) and story.talk.heard(False)):
            continue
        found = _nowhere_to_ask(story, chain) if not chain.asked else _unanswered(chain)
        if found is not None:
            yield found
            return


def _unanswered(chain: Chain) -> Found | None:
    """No side, or one that checks for itself, ever gets an answer."""
    if sum(len(asked) for asked in chain.asked.values()) < CHECKS or not _is_stuck(chain):
        return None
    silent = _silent_side(chain)
    refused = any(error.error_code == 401 for error in chain.errors)
    fix = said(WRONG_PASSWORD, who=party(silent)) if refused else None
    direction = _broken_way(chain)
    return Found(tuple(_evidence(chain)), {"who": party(silent)}, leg=chain.leg.index, direction=direction, fix=fix)


def _is_stuck(chain: Chain) -> bool:
    open_for = [side for side in (True, False) if chain.is_open(side)]
    if not open_for:
        return True
    return not chain.dtls and any(chain.asked_by(side) >= CHECKS for side in (True, False) if side not in open_for)


def _broken_way(chain: Chain) -> Direction:
    """Answers that do not arrive went the broken way; so did the checks of a side of which none was seen."""
    for _, dst in chain.unheard:
        return Direction.of(chain.is_callers(dst))
    if chain.errors:
        return Direction.BOTH
    quiet = [side for side in (True, False) if not chain.asked_by(side)]
    return Direction.of(quiet[0]) if len(quiet) == 1 else Direction.BOTH


def _silent_side(chain: Chain) -> bool:
    """The side that answers nothing: the one asked most of what stayed without an answer."""
    asked = [0, 0]
    for (src, dst), checks in chain.asked.items():
        if (src, dst) not in chain.validated:
            asked[chain.is_callers(dst)] += len(checks)
    return asked[True] > asked[False]


def _nowhere_to_ask(story: Story, chain: Chain) -> Found | None:
    """Nobody checks, and neither description names an address."""
    if chain.dtls or story.call.streams or story.talk_s < LEAST_S:
        return None
    if any(ways.candidates for leg in story.legs for ways in leg.ways):
        return None
    if any(side.can_be_sent_to for side in (chain.offer, chain.answer)):
        return None
    is_named = any(side.section.candidates for side in (chain.offer, chain.answer))
    evidence = (because(NO_PLACE, (), chain.answer.seen.time), *_said(chain))
    return Found(
        evidence,
        {"who": party(is_caller=False)},
        leg=chain.leg.index,
        direction=Direction.BOTH,
        severity=Severity.WARNING if is_named else None,
        fix=said(GIVE_ADDRESSES),
        confidence=0.6 if is_named else 0.8,
    )


def _evidence(chain: Chain) -> Iterator[Because]:
    unanswered = [item for item in chain.asked.items() if item[0] not in chain.validated]
    for (src, dst), asked in sorted(unanswered, key=lambda item: item[1][0].time)[:4]:
        frames = [stun.frame for stun in asked]
        who = party(chain.is_callers(src))
        yield because(ASKED, frames, asked[0].time, who=who, src=src, dst=dst, count=len(asked))
    for (src, dst), again in list(chain.unheard.items())[:2]:
        frames = [chain.validated[src, dst].frame, *(stun.frame for stun in again)]
        yield because(UNHEARD, frames, again[0].time, src=src, dst=dst, count=len(again))
    for is_caller in (True, False):
        if not chain.asked_by(is_caller):
            yield because(NEVER, (), chain.offer.seen.time, who=party(is_caller))
    for error in chain.errors[:1]:
        yield because(
            REFUSED, (error.frame,), error.time, src=error.src, code=error.error_code, reason=error.error_reason
        )
    yield from _said(chain)
    yield because(HELD, (), chain.answer.seen.time)


def _said(chain: Chain) -> Iterator[Because]:
    for is_caller, side in ((True, chain.offer), (False, chain.answer)):
        listed = ", ".join(f"{one.host}:{one.port} ({one.kind})" for one in side.section.candidates[:8]) or "-"
        yield because(SAID, side.seen.frames[:1], side.seen.time, who=party(is_caller), list=listed)


RULE: Rule = Rule(
    code="ice-unanswered",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "Answered, but silent: ICE found no way, {who} answers no check",
        "已接通但无声：ICE 未能连通，{who}不应答检查",
    ),
    why=Text(
        "Before any audio a STUN check must be answered in some pair of addresses. Without one neither DTLS nor RTP "
        "ever starts.",
        "在传送语音之前，必须有一对地址的 STUN 检查得到应答。否则 DTLS 和 RTP 都不会开始。",
    ),
    needs=Text(
        "At least three connectivity checks without success on any pair, of both sides or of one (whose answers may "
        "be seen here and not arrive there), and no DTLS after it; or descriptions without any address. Pairs that "
        "fail beside one that succeeds are how ICE works.",
        "至少三次连通性检查，双方或其中一方没有任何一对成功（应答可能在此可见却没有到达），且之后没有 DTLS；"
        "或描述中没有任何地址。在有一对成功的情况下其他对失败是 ICE 的正常过程。",
    ),
    fix=Text(
        "Let UDP to the addresses that {who} announced through (firewall, security group, Docker port "
        "mapping), announce "
        "its public address (rtpengine: interface=private!public), and offer a TURN server to clients behind strict "
        "networks.",
        "放行到{who}所声明地址的 UDP（防火墙、安全组、Docker 端口映射），声明其公网地址"
        "（rtpengine：interface=内网!公网），并为处于严格网络的客户端提供 TURN 服务器。",
    ),
    own_fix=Text(
        "Let UDP between {who} and the ports `media.first_port` to `media.last_port` through (firewall, security "
        "group, Docker port mapping); behind a NAT set `advertised` of the listener or under [[media.addresses]]. "
        "Clients whose network lets no UDP out need a TURN server.",
        "放行{who}与端口 `media.first_port` 至 `media.last_port` 之间的 UDP"
        "（防火墙、安全组、Docker 端口映射）；位于 NAT 之后时设置监听或 [[media.addresses]] 的 `advertised`。"
        "所在网络不放行 UDP 的客户端需要 TURN 服务器。",
    ),
    doubt=Text(
        "A capture at one side sees checks leave and not whether they arrive. Answers may come over a path that is "
        "not captured (another interface, TCP, a TURN server in TLS). A call that was hung up within two seconds "
        "may have had no time for one.",
        "单侧抓包只能看到检查发出，看不到是否到达。应答可能走未抓取的路径（另一网口、TCP、"
        "TLS 中的 TURN 服务器）。两秒内就挂断的呼叫也许还来不及。",
    ),
    traits=frozenset({Trait.SEALED, Trait.OWN}),
    explains=frozenset(
        {"no-rtp", "one-way-rtp", "dtls-unanswered", "media-late", "media-cut", "srtp-key-mismatch", "jitter"}
    ),
    of_call=check,
)

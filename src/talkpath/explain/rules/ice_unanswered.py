"""ICE: connectivity checks are sent and nobody answers them."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.explain.chain import Chain, chains
from talkpath.explain.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.rule import Rule
from talkpath.explain.story import Story
from talkpath.explain.traits import Trait

# Checks without an answer before the silence means something (RFC 8489 6.2.1 sends a request seven times).
CHECKS = 3

ASKED = Text(
    "{who} sent {count} checks from {src} to {dst}; none was answered.",
    "{who}从 {src} 向 {dst} 发送了 {count} 次检查，均无应答。",
)
NEVER = Text("{who} sent no check at all.", "{who}一次检查也没有发送。")
REFUSED = Text("{src} refused a check with {code} {reason}.", "{src} 以 {code} {reason} 拒绝了检查。")
SAID = Text("Candidates of {who}: {list}.", "{who}的候选地址：{list}。")
HELD = Text(
    "So far the offer and the answer had been exchanged; DTLS and audio never began.",
    "此前请求与应答已交换；DTLS 和语音从未开始。",
)


def check(story: Story) -> Iterator[Found]:
    for chain in chains(story):
        if (
            not chain.uses_ice
            or chain.validated
            or chain.is_secured()
            or (story.talk.heard(True) and story.talk.heard(False))
        ):
            continue
        if sum(len(asked) for asked in chain.asked.values()) < CHECKS:
            continue
        silent = _silent_side(chain)
        yield Found(
            tuple(_evidence(chain)),
            {"who": party(silent)},
            leg=chain.leg.index,
            direction=Direction.BOTH,
        )
        return


def _silent_side(chain: Chain) -> bool:
    """The side that answers nothing: the one asked most."""
    to_caller = sum(len(asked) for (_, dst), asked in chain.asked.items() if chain.is_callers(dst))
    to_callee = sum(len(asked) for (_, dst), asked in chain.asked.items() if not chain.is_callers(dst))
    return to_caller > to_callee


def _evidence(chain: Chain) -> Iterator[Because]:
    for (src, dst), asked in sorted(chain.asked.items(), key=lambda item: item[1][0].time)[:4]:
        frames = [stun.frame for stun in asked]
        who = party(chain.is_callers(src))
        yield because(ASKED, frames, asked[0].time, who=who, src=src, dst=dst, count=len(asked))
    for is_caller in (True, False):
        if not any(chain.is_callers(src) is is_caller for src, _ in chain.asked):
            yield because(NEVER, (), chain.offer.seen.time, who=party(is_caller))
    for error in chain.errors[:1]:
        yield because(
            REFUSED, (error.frame,), error.time, src=error.src, code=error.error_code, reason=error.error_reason
        )
    for is_caller, side in ((True, chain.offer), (False, chain.answer)):
        listed = ", ".join(str(address) for address in sorted(side.addresses)) or "-"
        yield because(SAID, side.seen.frames[:1], side.seen.time, who=party(is_caller), list=listed)
    yield because(HELD, (), chain.answer.seen.time)


RULE = Rule(
    code="ice-unanswered",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "Answered, but silent: ICE found no way, {who} answers no check",
        "已接通但无声：ICE 没有打通，{who}不应答检查",
    ),
    why=Text(
        "Before any audio a STUN check must be answered in some pair of addresses. Without one neither DTLS nor RTP "
        "ever starts.",
        "在传送语音之前，必须有一对地址的 STUN 检查得到应答。否则 DTLS 和 RTP 都不会开始。",
    ),
    needs=Text(
        "At least three connectivity checks and no success on any pair. Pairs that fail beside one that "
        "succeeds are how "
        "ICE works.",
        "至少三次连通性检查且没有任何一对成功。在有一对成功的情况下其他对失败是 ICE 的正常过程。",
    ),
    fix=Text(
        "Let UDP to the addresses that {who} announced through (firewall, security group, Docker port "
        "mapping), announce "
        "its public address (rtpengine: interface=private!public), and offer a TURN server to clients behind strict "
        "networks.",
        "放行到{who}所声明地址的 UDP（防火墙、安全组、Docker 端口映射），声明其公网地址"
        "（rtpengine：interface=内网!公网），并为处于严格网络的客户端提供 TURN 服务器。",
    ),
    traits=frozenset({Trait.SEALED}),
    explains=frozenset({"no-rtp", "one-way-rtp", "dtls-unanswered", "media-late", "media-cut", "srtp-key-mismatch"}),
    of_call=check,
)

"""DTLS: the handshake is begun and not answered, or nobody begins it."""

from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.capture.records import DtlsSeen, StunSeen
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import broken_link
from talkpath.explain.reading.chain import Chain, Described, chains, described
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

# One repetition is loss; two and more (RFC 6347 4.2.4: after 1 s, then 2 s) are silence.
HELLOS = 2
FLIGHTS = 3

HELLO = Text(
    "{who} sent ClientHello {count} times from {src} to {dst}; {other} never answered.",
    "{who}从 {src} 向 {dst} 发送 ClientHello {count} 次；{other}从未应答。",
)
FLIGHT = Text(
    "{src} repeated its flight ({messages}) {count} times; {dst} never finished the handshake.",
    "{src} 重发了握手消息（{messages}）{count} 次；{dst} 始终没有完成握手。",
)
PASSIVE = Text(
    "The check succeeded, but no ClientHello was sent: the offer says setup:{offer}, the answer setup:{answer}.",
    "ICE 检查已成功，但没有人发送 ClientHello：请求为 setup:{offer}，应答为 setup:{answer}。",
)
CHECKED = Text(
    "The connectivity check between {src} and {dst} had succeeded.", "{src} 与 {dst} 之间的连通性检查已成功。"
)

BOTH = Text(
    "{one} and {two} both sent ClientHello, {count} times together, and neither answered the other's: both are "
    "clients.",
    "{one} 与 {two} 都在发送 ClientHello（共 {count} 次），却都不应答对方：双方都成了客户端。",
)
ROLES = Text(
    "The offer says setup:{offer}, the answer setup:{answer} (RFC 5763 5: of active and passive each side is one).",
    "请求为 setup:{offer}，应答为 setup:{answer}（RFC 5763 第 5 节：双方应一个 active、一个 passive）。",
)
EITHER = Text("either side", "任何一方")
# What only a server says.
ANSWERS = frozenset({"server-hello", "hello-verify-request", "certificate"})
# The first flight may leave before the answer is on its way.
CROSSING_S = 0.5


def check(story: Story) -> Iterator[Found]:
    yield from broken_link(story, "chain.no-hello", "chain.no-keys")
    for chain in chains(story):
        found = _both_clients(story, chain) if chain.uses_dtls else None
        if found is not None:
            yield found
            return
        if chain.uses_dtls and not chain.is_secured() and not any("alert" in one.messages for one in chain.dtls):
            found = _unanswered(chain) or _unfinished(chain) or _nobody_began(story, chain)
            if found is not None:
                yield found
                return


def check_scene(scene: Scene) -> Iterator[Found]:
    """The same where no signalling says whose handshake it is."""
    by_pair: dict[tuple[Address, Address], list[DtlsSeen]] = {}
    for one in scene.loose:
        if isinstance(one, DtlsSeen):
            by_pair.setdefault((one.src, one.dst), []).append(one)
    # Who answers checks is there, and his packets are in the capture.
    present = {(one.src, one.dst) for one in scene.loose if isinstance(one, StunSeen)}
    for (src, dst), sent in by_pair.items():
        hellos = [one for one in sent if "client-hello" in one.messages]
        if len(hellos) < FLIGHTS or (dst, src) in by_pair or (dst, src) not in present:
            continue
        values = {"who": src, "other": dst, "src": src, "dst": dst, "count": len(hellos)}
        evidence = because(HELLO, [one.frame for one in hellos], hellos[0].time, **values)
        yield Found((evidence,), {"who": dst}, severity=Severity.WARNING, confidence=0.6)


def _unanswered(chain: Chain) -> Found | None:
    by_pair: dict[tuple[object, object], list[DtlsSeen]] = {}
    for hello in chain.hellos():
        by_pair.setdefault((hello.src, hello.dst), []).append(hello)
    trusted = chain.announced() | chain.trusted
    for (src, dst), hellos in by_pair.items():
        answered = any(one.src == dst and one.dst == src for one in chain.dtls)
        if answered or len(hellos) < HELLOS or src not in trusted:
            continue
        from_caller = chain.is_callers(hellos[0].src)
        values = {"who": party(from_caller), "other": party(not from_caller), "src": src, "dst": dst}
        evidence = [because(HELLO, [one.frame for one in hellos], hellos[0].time, count=len(hellos), **values)]
        for pair, stun in list(chain.validated.items())[:1]:
            evidence.insert(0, because(CHECKED, (stun.frame,), stun.time, src=pair[0], dst=pair[1]))
        return _found(chain, evidence, party(not from_caller), confidence=0.95)
    return None


def _both_clients(story: Story, chain: Chain) -> Found | None:
    """Since the last offer and answer both sides say hello, and neither takes the other's for a question."""
    offer, answer = _latest(story, chain)
    hellos = [one for one in chain.hellos() if one.time > answer.seen.time - CROSSING_S]
    sides = [[one for one in hellos if chain.is_callers(one.src) is is_caller] for is_caller in (True, False)]
    if min(map(len, sides)) < HELLOS:
        return None
    since = min(one.time for one in hellos)
    if any(ANSWERS & set(one.messages) for one in chain.dtls if one.time >= since):
        return None
    told = {"offer": offer.section.setup or "-", "answer": answer.section.setup or "-"}
    ends = {"one": sides[0][0].src, "two": sides[1][0].src}
    frames = [one.frame for one in hellos]
    told_in = [*offer.seen.frames[:1], *answer.seen.frames[:1]]
    evidence = [because(BOTH, frames, since, count=len(hellos), **ends)]
    evidence.append(because(ROLES, told_in, answer.seen.time, **told))
    return _found(chain, evidence, EITHER, confidence=0.95)


def _latest(story: Story, chain: Chain) -> tuple[Described, Described]:
    """The last offer and answer with audio on the hop of a chain."""
    found = chain.offer, chain.answer
    for exchange in story.of_leg(chain.leg, "INVITE"):
        offer = described(exchange.request)
        answer = described(exchange.answer) if exchange.answer is not None else None
        found = (offer, answer) if offer is not None and answer is not None else found
    return found


def _unfinished(chain: Chain) -> Found | None:
    """The server's flight is repeated: it, or what answers it, is lost (often because of its size)."""
    flights = [one for one in chain.dtls if "server-hello" in one.messages or "certificate" in one.messages]
    for src in {one.src for one in flights}:
        own = [one for one in flights if one.src == src]
        if len(own) < FLIGHTS:
            continue
        values = {"src": src, "dst": own[0].dst, "messages": ", ".join(own[0].messages), "count": len(own) - 1}
        evidence = [because(FLIGHT, [one.frame for one in own], own[0].time, **values)]
        from_caller = chain.is_callers(src)
        return _found(chain, evidence, party(not from_caller), 0.8, Direction.of(from_caller))
    return None


def _nobody_began(story: Story, chain: Chain) -> Found | None:
    """A validated pair and then nothing, though there was time."""
    if chain.dtls or not chain.validated or story.call.streams or story.talk_s < 5:
        return None
    offer, answer = chain.offer.section.setup or "-", chain.answer.section.setup or "-"
    stun = next(iter(chain.validated.values()))
    frames = [stun.frame, *chain.offer.seen.frames[:1], *chain.answer.seen.frames[:1]]
    evidence = [because(PASSIVE, frames, stun.time, offer=offer, answer=answer)]
    callee_is_client = answer == "active"
    return _found(chain, evidence, party(not callee_is_client), confidence=0.8)


def _found(
    chain: Chain, evidence: list[Because], who: Text, confidence: float, direction: Direction = Direction.BOTH
) -> Found:
    return Found(tuple(evidence), {"who": who}, leg=chain.leg.index, direction=direction, confidence=confidence)


RULE: Rule = Rule(
    code="dtls-unanswered",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "Answered, but silent: the DTLS handshake is not answered by {who}", "已接通但无声：{who}没有应答 DTLS 握手"
    ),
    why=Text(
        "The keys for the audio come out of the DTLS handshake. Until it is finished nothing can be heard.",
        "语音的密钥来自 DTLS 握手。握手完成之前什么也听不到。",
    ),
    needs=Text(
        "ClientHello at least twice without any answer, from one side or (both clients, as after a re-INVITE that "
        "mixes up the roles) from both, a server's flight repeated at least three times, or a checked path on which "
        "nobody begins. One repeated flight before success is loss and no fault.",
        "ClientHello 至少两次而没有任何应答（来自一方，或双方都是客户端，如 re-INVITE 弄混角色之后），"
        "或服务端握手消息至少发送三次，或已检查通过却无人开始。"
        "成功前的一次重发只是丢包。",
    ),
    fix=Text(
        "Check the setup roles of offer and answer (one must be active), that {who} listens for DTLS on the "
        "address ICE "
        "chose, and that datagrams of the certificate's size pass (keep DTLS flights below 1200 bytes).",
        "检查请求与应答的 setup 角色（必须有一方为 active），{who}是否在 ICE 选中的地址上监听 DTLS，"
        "以及证书大小的包能否通过（DTLS 包应小于 1200 字节）。",
    ),
    doubt=Text(
        "A capture beside one side shows its ClientHello and not what is lost before it: who does not answer, and "
        "whose answer is lost, look alike.",
        "在一侧抓包只能看到该侧的 ClientHello：对方没有应答与应答在途中丢失看起来一样。",
    ),
    traits=frozenset({Trait.SEALED, Trait.OWN}),
    explains=frozenset({"no-rtp", "one-way-rtp", "media-late", "media-cut", "srtp-key-mismatch", "jitter"}),
    of_call=check,
    of_scene=check_scene,
)

"""DTLS: a stranger says ClientHello first, and the server takes it for the browser."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.capture.records import DtlsSeen
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.chain import Chain, chains
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

STRANGER = Text(
    "A ClientHello came from {src} to {dst}: no check was ever answered with that address, and no description "
    "names it. "
    "It offered {count} cipher suites.",
    "来自 {src} 的 ClientHello 到达 {dst}：该地址从未通过检查，也不在任何会话描述中。它提供了 {count} 个加密套件。",
)
FIRST = Text(
    "The true peer {src} sent its ClientHello {late:.3f} s later.",
    "真正的对端 {src} 晚 {late:.3f} 秒才发送 ClientHello。",
)
NEVER = Text("The true peer never got as far as a ClientHello.", "真正的对端始终没能发出 ClientHello。")
ANSWERED = Text("{dst} answered the stranger with {messages}.", "{dst} 以 {messages} 应答了陌生来源。")
LOST = Text("The true peer's handshake was never finished.", "真正对端的握手始终没有完成。")
KEPT = Text("The true peer's handshake was finished all the same.", "真正对端的握手仍然完成了。")


def check(story: Story) -> Iterator[Found]:
    for chain in chains(story):
        strange = [hello for hello in chain.hellos() if _is_stranger(chain, hello)]
        if not strange:
            continue
        survived = _peer_finished(chain)
        yield Found(
            tuple(_evidence(chain, strange[0], survived)),
            {"src": strange[0].src},
            leg=chain.leg.index,
            direction=Direction.BOTH,
            severity=Severity.WARNING if survived else Severity.ERROR,
            symptom=Symptom.SECURITY if survived else Symptom.NO_AUDIO,
            confidence=0.95 if chain.validated else 0.7,
        )
        return


def _is_stranger(chain: Chain, hello: DtlsSeen) -> bool:
    """Neither proven by a check nor announced, and not the host of a party (a NAT may change its port)."""
    known = chain.announced() | chain.trusted
    hosts = {one.host for one in known} | {chain.leg.caller.host, chain.leg.callee.host}
    if hello.dst not in known or hello.src in known or hello.src.host in hosts:
        return False
    return not _is_only_peer(chain, hello)


def _is_only_peer(chain: Chain, hello: DtlsSeen) -> bool:
    """Nobody else said hello and the handshake went through: the peer itself, behind a NAT that nothing proved."""
    alone = all(other.src == hello.src for other in chain.hellos())
    return alone and chain.is_secured()


def _peer_finished(chain: Chain) -> bool:
    known = chain.announced() | chain.trusted
    done = [one for one in chain.dtls if {"encrypted-handshake", "finished"} & set(one.messages)]
    return len({one.src for one in done if {one.src, one.dst} <= known}) >= 2


def _evidence(chain: Chain, strange: DtlsSeen, survived: bool) -> Iterator[Because]:
    count = len(strange.hello.ciphers) if strange.hello else 0
    yield because(STRANGER, (strange.frame,), strange.time, src=strange.src, dst=strange.dst, count=count)
    replies = [one for one in chain.dtls if one.src == strange.dst and one.dst == strange.src]
    if replies:
        names = ", ".join(replies[0].messages)
        yield because(ANSWERED, [one.frame for one in replies], replies[0].time, dst=strange.dst, messages=names)
    true = [hello for hello in chain.hellos() if not _is_stranger(chain, hello)]
    if true:
        late = true[0].time - strange.time
        if late > 0:
            yield because(FIRST, (true[0].frame,), true[0].time, src=true[0].src, late=late)
        yield because(KEPT if survived else LOST, [one.frame for one in true], true[-1].time)
    else:
        yield because(NEVER, (), strange.time)


RULE: Rule = Rule(
    code="dtls-race",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text(
        "A stranger at {src} opened the DTLS handshake before the peer did",
        "陌生来源 {src} 抢在对端之前发起了 DTLS 握手",
    ),
    why=Text(
        "A server that believes the first ClientHello on a media port lets anyone on the internet end calls: the "
        "session with the stranger fails, and the browser stays silent (FreeSWITCH, rtpengine, Asterisk, 2023).",
        "若服务器相信媒体端口上的第一个 ClientHello，互联网上任何人都能让通话失声：与陌生来源的会话失败，"
        "浏览器随之无声"
        "（FreeSWITCH、rtpengine、Asterisk，2023）。",
    ),
    needs=Text(
        "A ClientHello to an announced address from a source that no description names and no answered check proves. "
        "A peer whose NAT gave it another port is none. It is a warning when the call survived.",
        "发往已声明地址的 ClientHello，其来源既未声明也未通过检查。对端因 NAT 换了端口不算。若通话未受影响则为警告。",
    ),
    fix=Text(
        "Update the media server to a release of after 2023-12 and accept DTLS only from addresses that passed an "
        "authenticated ICE check; drop {src} at the firewall.",
        "将媒体服务器升级到 2023-12 之后的版本，只接受通过认证 ICE 检查的地址的 DTLS；并在防火墙上丢弃 {src}。",
    ),
    doubt=Text(
        "A peer with several addresses, or behind a NAT that gives each flow another address, may begin from one "
        "that no check in this capture proves: the capture began after its checks, or sees one of its paths only. "
        "Its certificate tells: where its fingerprint is the announced one, it is the peer.",
        "对端有多个地址，或其 NAT 为每个流分配不同地址时，可能从抓包中未经检查的地址发起握手："
        "抓包在检查之后才开始，或只看到其中一条路径。可看证书：指纹与声明一致，就是对端本身。",
    ),
    traits=frozenset({Trait.SEALED}),
    explains=frozenset({"dtls-refused", "dtls-unanswered", "no-rtp", "one-way-rtp", "media-late", "media-cut"}),
    of_call=check,
)

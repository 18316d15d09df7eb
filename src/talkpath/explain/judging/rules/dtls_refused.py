"""DTLS: the handshake ends with an alert, or with a certificate that was not announced."""

from collections.abc import Iterator

from talkpath.base.texts import Text
from talkpath.capture.records import DtlsSeen
from talkpath.explain.judging.finding import Because, Direction, Found, Severity, Symptom, because, party
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.told import broken_link
from talkpath.explain.reading.chain import Chain, Described, chains, fingerprints_of
from talkpath.explain.reading.decided import told
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

ALERT = Text("{src} ended the handshake with the alert {name} ({code}).", "{src} 以警报 {name}（{code}）终止了握手。")
CIPHERS = Text("{src} offered {count} cipher suites: {list}.", "{src} 提供了 {count} 个加密套件：{list}。")
PRINT = Text(
    "The certificate of {src} has the fingerprint {real}; announced was {said}.",
    "{src} 的证书指纹为 {real}；声明的是 {said}。",
)


def check(story: Story) -> Iterator[Found]:
    yield from broken_link(story, "chain.wrong-certificate")
    if any(told(story, "dtls.refused")):
        yield from broken_link(story, "chain.no-keys")
    for chain in chains(story):
        impostor = _wrong_certificate(chain)
        evidence = [*([_impostor(chain, impostor)] if impostor else []), *_alerts(chain)]
        if evidence and not (chain.is_secured() and story.call.streams and not impostor):
            refuser = _refuser(chain, impostor)
            yield Found(
                (*evidence, *_offered(chain)),
                {"who": party(refuser)},
                leg=chain.leg.index,
                direction=Direction.BOTH,
            )
            return


def _refuser(chain: Chain, impostor: DtlsSeen | None) -> bool:
    """Whether it is the caller who refuses: who sends the alert, or must not believe the other's certificate."""
    alert = next((one for one in chain.dtls if one.alert is not None and one.alert.name != "close_notify"), None)
    if alert is not None:
        return chain.is_callers(alert.src)
    return not chain.is_callers(impostor.src) if impostor else chain.is_callers(chain.dtls[0].src)


def _alerts(chain: Chain) -> list[Because]:
    """Fatal alerts between the true parties; one to a stranger is the business of dtls-race."""
    ends = chain.announced() | chain.trusted
    found = []
    for one in chain.dtls:
        if one.alert is None or one.alert.name == "close_notify" or not {one.src, one.dst} <= ends:
            continue
        if one.alert.level == "fatal":
            found.append(
                because(ALERT, (one.frame,), one.time, src=one.src, name=one.alert.name, code=one.alert.code)
            )
    return found


def _wrong_certificate(chain: Chain) -> DtlsSeen | None:
    """The first certificate of a party that its own description does not name."""
    ends = chain.announced() | chain.trusted
    for one in chain.dtls:
        announced = _announced(chain, one) if one.certificate_sha256 and one.src in ends else []
        if announced and one.certificate_sha256.upper() not in announced:
            return one
    return None


def _announced(chain: Chain, one: DtlsSeen) -> list[str]:
    return fingerprints_of(_side(chain, one).section)


def _side(chain: Chain, one: DtlsSeen) -> Described:
    return chain.offer if chain.is_callers(one.src) else chain.answer


def _impostor(chain: Chain, one: DtlsSeen) -> Because:
    frames = [*_side(chain, one).seen.frames[:1], one.frame]
    told = _short(_announced(chain, one)[0])
    return because(PRINT, frames, one.time, src=one.src, real=_short(one.certificate_sha256), said=told)


def _short(fingerprint: str) -> str:
    return fingerprint[:23] + "..." if len(fingerprint) > 26 else fingerprint


def _offered(chain: Chain) -> Iterator[Because]:
    for hello in chain.hellos()[:1]:
        ciphers = hello.hello.ciphers if hello.hello else ()
        listed = ", ".join(f"0x{cipher:04x}" for cipher in ciphers[:6])
        yield because(CIPHERS, (hello.frame,), hello.time, src=hello.src, count=len(ciphers), list=listed)


RULE: Rule = Rule(
    code="dtls-refused",
    symptom=Symptom.NO_AUDIO,
    severity=Severity.ERROR,
    title=Text("Answered, but silent: {who} refuses the DTLS handshake", "已接通但无声：{who}拒绝了 DTLS 握手"),
    why=Text(
        "Without a finished handshake there are no keys and no audio; and a certificate that was not announced means "
        "that somebody else may be speaking.",
        "握手未完成就没有密钥，也就没有语音；证书与声明不符则意味着对方可能另有其人。",
    ),
    needs=Text(
        "A fatal alert in clear between the two parties, or a certificate whose SHA-256 is not in the "
        "description. An "
        "alert towards a stranger, or close_notify at the end, is no fault.",
        "双方之间出现明文的致命警报，或证书的 SHA-256 不在会话描述中。发给陌生来源的警报或结束时的 "
        "close_notify 不算故障。",
    ),
    fix=Text(
        "On a fingerprint that differs, look for who rewrites a=fingerprint or reuses an old certificate after a "
        "restart. On handshake_failure compare cipher suites, DTLS version and use_srtp profiles on both sides.",
        "指纹不符时，检查谁改写了 a=fingerprint，或重启后仍使用旧证书。出现 handshake_failure 时，"
        "比较双方的加密套件、DTLS 版本和 use_srtp 配置。",
    ),
    doubt=Text(
        "An alert in clear is not authenticated: anybody who can send to the port can write one, and a sound "
        "endpoint goes on. Where packets follow that open with the keys, it cost nothing. A certificate in a "
        "capture of one side may belong to a handshake of an earlier call at the same port.",
        "明文警报未经认证：任何能向该端口发包的人都可伪造，正常的端点会继续。若之后的包能用密钥解开，则没有影响。"
        "单侧抓包中的证书也可能属于同一端口上较早呼叫的握手。",
    ),
    traits=frozenset({Trait.SEALED, Trait.OWN}),
    explains=frozenset(
        {"no-rtp", "one-way-rtp", "media-late", "media-cut", "dtls-unanswered", "srtp-key-mismatch", "jitter"}
    ),
    of_call=check,
)

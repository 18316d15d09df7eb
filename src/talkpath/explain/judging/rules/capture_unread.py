"""A part of the capture could not be read at all: of it nothing is said, and silence is no health."""

from collections.abc import Iterator, Mapping

from talkpath.base.texts import Text
from talkpath.calls.model import Leg
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.unread import foreign, hiding

# Of what may hold calls: less is the trifle that is in every capture.
NOTICED = 0.01
# Of foreign protocols, where there is no call at all: then the calls may be in them.
ELSEWHERE = 0.5
# Kinds that are named.
TOLD = 6
# The well-known port of SIP over TLS (RFC 3261 18.2).
SIPS_PORT = 5061

UNREAD = Text(
    "{count} of {packets} packets ({percent:.1f} %) were not read: {what}.",
    "{packets} 个包中有 {count} 个（{percent:.1f} %）未能读取：{what}。",
)
SEALED = Text(
    "{count} TLS connections to port 5061 (SIP) were not read: their keys are not here.",
    "有 {count} 条到 5061 端口（SIP）的 TLS 连接未能读取：没有其密钥。",
)
KEYS_FIX = Text(
    "Give the keys beside the capture (--keylog, an SSLKEYLOGFILE of either side), or capture where the signalling "
    "is in the clear.",
    "连同密钥一起提供（--keylog，任一端的 SSLKEYLOGFILE），或在信令为明文之处抓包。",
)


def check_scene(scene: Scene) -> Iterator[Found]:
    if not scene.packets:
        return
    hidden, others = hiding(scene.unread), foreign(scene.unread)
    evidence: list[Because] = []
    if sum(hidden.values()) >= NOTICED * scene.packets:
        evidence.append(_told(scene, hidden))
    is_elsewhere = not scene.calls and not scene.outside and not scene.streams
    if is_elsewhere and sum(others.values()) >= ELSEWHERE * scene.packets:
        evidence.append(_told(scene, others))
    sealed = {seen.connection for seen in scene.tls if SIPS_PORT in (seen.src.port, seen.dst.port)}
    is_sealed = bool(sealed) and not _was_opened(scene)
    if is_sealed:
        evidence.append(because(SEALED, (), scene.first, count=len(sealed)))
    if evidence:
        fix = said(KEYS_FIX) if is_sealed and len(evidence) == 1 else None
        yield Found(tuple(evidence), fix=fix, confidence=0.95)


def _told(scene: Scene, unread: Mapping[str, int]) -> Because:
    count = sum(unread.values())
    what = ", ".join(f"{reason} ({number})" for reason, number in list(unread.items())[:TOLD])
    values = {"count": count, "packets": scene.packets, "percent": 100 * count / scene.packets, "what": what}
    return because(UNREAD, (), scene.first, **values)


def _was_opened(scene: Scene) -> bool:
    """SIP that came by TLS was read: there are keys, or a mirror that has it in the clear."""
    legs: Iterator[Leg] = (leg for call in scene.calls for leg in call.legs)
    return any(leg.transport.is_secure for leg in legs) or any(
        one.request.transport.is_secure for one in scene.outside
    )


RULE: Rule = Rule(
    code="capture-unread",
    symptom=Symptom.NONE,
    severity=Severity.WARNING,
    title=Text("A part of the capture was not read", "抓包中有一部分未能读取"),
    why=Text(
        "What was not read may hold the calls that somebody complains of. Whatever is said here is said of the rest.",
        "用户投诉的呼叫可能就在未读取的部分。此处的结论只涉及其余部分。",
    ),
    needs=Text(
        "One percent or more of all packets on link layers, in tunnels or under ciphers that are not read; half of "
        "them in foreign protocols where there is no call at all; or TLS to port 5061 without keys. What routers "
        "and switches say to each other, and web traffic beside calls, are no sign.",
        "百分之一以上的包位于无法读取的链路层、隧道或加密之中；或没有任何呼叫而一半以上为其他协议；"
        "或到 5061 端口的 TLS 没有密钥。路由器与交换机之间的协议，以及呼叫之外的网页流量都不算。",
    ),
    fix=Text(
        "Capture where the packets are in the clear and in one of the usual formats (behind the tunnel, on the "
        "server "
        "itself), or convert the file; then ask again.",
        "在包为明文且格式常见之处（隧道之后、服务器本机）抓包，或转换文件格式，然后重新分析。",
    ),
    doubt=Text(
        "The part that was not read may have nothing to do with calls: a backup through the same tunnel, storage on "
        "the same link.",
        "未读取的部分可能与呼叫无关：例如同一隧道中的备份、同一链路上的存储流量。",
    ),
    of_scene=check_scene,
)

"""A TLS connection for signalling does not come about."""

from collections import defaultdict
from collections.abc import Iterator

from talkpath.base.address import Address
from talkpath.base.texts import Text
from talkpath.capture.records import TcpEvent, TcpKind, TlsSeen
from talkpath.explain.judging.finding import Because, Found, Severity, Symptom, because, said
from talkpath.explain.judging.rule import Rule
from talkpath.explain.reading.clear import sent_in_clear
from talkpath.explain.reading.scene import Scene

# Alerts that end a connection in peace, or say nothing about a fault (RFC 8446 section 6.1).
PEACEFUL = frozenset({"close_notify", "user_canceled", "no_renegotiation"})

# SIP's own ports and those beside them that servers use (RFC 3261 19.1.2).
SIP_PORTS = frozenset({5060, 5061, 5062, 5063, 5065, 5080, 5081})
# Where FreeSWITCH, Asterisk and Kamailio listen for WebSockets, and others for web pages.
WEB_PORTS = frozenset({7443, 8088, 8089, 8443, 4443, 10443})

ENDS = frozenset({TcpKind.RESET, TcpKind.FINISHED})
# A server that does not speak TLS hangs up as soon as it has read; one that waits for more may have other reasons.
AT_ONCE_S = 5.0

ALERT = Text(
    "{src} ended the handshake with {dst}: {name} ({code}).", "{src} 终止了与 {dst} 的握手：{name}（{code}）。"
)
OFFER = Text(
    "The client at {src} offers TLS {versions} and asks for {name}.",
    "客户端 {src} 提供 TLS {versions}，请求 {name}。",
)
AGAIN = Text("The same happened {times} times.", "同样的情况发生了 {times} 次。")
MEANING = {
    "unknown_ca": Text("The client does not know who signed the certificate.", "客户端不认识证书的签发者。"),
    "certificate_expired": Text("The certificate has expired.", "证书已过期。"),
    "bad_certificate": Text("The certificate is not accepted.", "证书不被接受。"),
    "certificate_unknown": Text("The certificate is not accepted.", "证书不被接受。"),
    "handshake_failure": Text("The two have no cipher suite in common.", "双方没有共同的加密套件。"),
    "protocol_version": Text("The two have no TLS version in common.", "双方没有共同的 TLS 版本。"),
    "unrecognized_name": Text("The server has no certificate for that name.", "服务器没有该名称的证书。"),
    "certificate_required": Text("The server asks for a client certificate.", "服务器要求客户端证书。"),
}


CLOSED = Text(
    "{src} ended the connection upon the ClientHello of {dst}, without an answer or an alert.",
    "{src} 收到 {dst} 的 ClientHello 后直接断开连接，没有应答也没有告警。",
)
AGREED = Text(
    "Version and cipher suite had been agreed: it is about a certificate, such as the client's that was asked for.",
    "版本和加密套件已经协商成功：问题在证书上，例如服务器要求的客户端证书。",
)


CLEAR = Text(
    "{src} sent SIP in clear over TCP to {dst}, a port of TLS, {times} times; the server ended each connection.",
    "{src} 通过 TCP 以明文 SIP 连接 TLS 端口 {dst}，共 {times} 次；服务器每次都断开连接。",
)
FIX_CLEAR = Text(
    "Set the transport of {src} to TLS (transport=tls, or sips:), or give it the port for TCP (5060 as a rule); "
    "{dst} speaks TLS.",
    "把 {src} 的传输方式设为 TLS（transport=tls 或 sips:），或改用 TCP 端口（通常为 5060）；{dst} 使用 TLS。",
)


def check_scene(scene: Scene) -> Iterator[Found]:
    grouped: dict[tuple[str, str, str], list[TlsSeen]] = defaultdict(list)
    for seen in scene.tls:
        if seen.alert is None or seen.alert.level != "fatal" or seen.alert.name in PEACEFUL:
            continue
        if _carries_sip(scene, seen) or _may_carry_sip(scene, seen):
            grouped[seen.src.host, seen.dst.host, seen.alert.name].append(seen)
    for (_, _, name), alerts in grouped.items():
        client = _client_hello(scene, alerts[0])
        severity = None if _carries_sip(scene, alerts[0]) else Severity.WARNING
        values = {"src": alerts[0].src, "dst": alerts[0].dst.host}
        evidence = _evidence(alerts, client, name == "handshake_failure" and _had_agreed(scene, alerts[0]))
        yield Found(tuple(evidence), values, severity=severity)
    yield from _hung_up(scene)
    yield from _in_clear(scene)


def _in_clear(scene: Scene) -> Iterator[Found]:
    """SIP without TLS to a port where TLS is spoken."""
    for one in sent_in_clear(scene):
        src, frames = one.first.src, [one.first.frame, *one.ended]
        evidence = because(CLEAR, frames, one.first.time, src=src.host, dst=one.server, times=one.times)
        severity = Severity.ERROR if one.times > 1 else Severity.WARNING
        values = {"src": one.server, "dst": src.host}
        yield Found(
            (evidence,), values, severity=severity, fix=said(FIX_CLEAR, src=src.host, dst=one.server), confidence=0.85
        )


def _hung_up(scene: Scene) -> Iterator[Found]:
    """Servers that end the connection upon a ClientHello, without a word of TLS: no TLS there, or no certificate."""
    spoken = {seen.connection for seen in scene.tls if seen.hello is None or not seen.hello.is_client}
    ended: dict[tuple[str, Address], list[tuple[TlsSeen, TcpEvent]]] = defaultdict(list)
    for seen in scene.tls:
        if seen.connection in spoken or seen.hello is None or not _carries_sip(scene, seen):
            continue
        events = (e for e in scene.connection_events(seen.connection) if e.kind in ENDS and e.src == seen.dst)
        for event in events:
            if 0 <= event.time - seen.time <= AT_ONCE_S:
                ended[seen.src.host, seen.dst].append((seen, event))
                break
    for (_, server), tries in ended.items():
        client, event = tries[0]
        evidence = [because(CLOSED, (client.frame, event.frame), client.time, src=server, dst=client.src)]
        if len(tries) > 1:
            evidence.append(because(AGAIN, [seen.frame for seen, _ in tries], tries[-1][0].time, times=len(tries)))
        severity = Severity.ERROR if len(tries) > 1 else Severity.WARNING
        yield Found(tuple(evidence), {"src": server, "dst": client.src.host}, severity=severity, confidence=0.8)


def _carries_sip(scene: Scene, seen: TlsSeen) -> bool:
    """Whether the connection is for signalling: by its port, the names it asks for, or what else the two speak."""
    if SIP_PORTS & {seen.src.port, seen.dst.port} or scene.spoke_sip(seen.src.host, seen.dst.host):
        return True
    client = _client_hello(scene, seen)
    if client is None or client.hello is None:
        return False
    return "sip" in client.hello.server_name.lower() or any("sip" in name for name in client.hello.protocols)


def _may_carry_sip(scene: Scene, seen: TlsSeen) -> bool:
    """A port that WebSockets share with web pages, at a host that speaks SIP elsewhere."""
    return any(end.port in WEB_PORTS and scene.heard.has_heard(end.host) for end in (seen.src, seen.dst))


def _client_hello(scene: Scene, alert: TlsSeen) -> TlsSeen | None:
    same = [seen for seen in scene.tls if seen.connection == alert.connection and seen.hello is not None]
    return next((seen for seen in same if seen.hello is not None and seen.hello.is_client), None)


def _had_agreed(scene: Scene, alert: TlsSeen) -> bool:
    """The server had chosen, so the handshake went on beyond what the two offer each other."""
    return any(one.connection == alert.connection and "server-hello" in one.messages for one in scene.tls)


def _evidence(alerts: list[TlsSeen], client: TlsSeen | None, had_agreed: bool) -> Iterator[Because]:
    first = alerts[0]
    if client is not None and client.hello is not None:
        versions = ", ".join(client.hello.versions)
        values = {"versions": versions, "name": client.hello.server_name or "-"}
        yield because(OFFER, (client.frame,), client.time, src=client.src, **values)
    if first.alert is not None:
        ends = {"src": first.src, "dst": first.dst}
        frames = [seen.frame for seen in alerts]
        yield because(ALERT, frames, first.time, name=first.alert.name, code=first.alert.code, **ends)
        meaning = AGREED if had_agreed else MEANING.get(first.alert.name)
        if meaning is not None:
            yield because(meaning, (first.frame,), first.time)
    if len(alerts) > 1:
        yield because(AGAIN, [seen.frame for seen in alerts[1:]], alerts[-1].time, times=len(alerts))


RULE: Rule = Rule(
    code="tls-failed",
    symptom=Symptom.FAILS,
    severity=Severity.ERROR,
    title=Text(
        "No TLS connection comes about between {src} and {dst}: {src} ends it",
        "{src} 与 {dst} 之间未能建立 TLS 连接：由 {src} 终止",
    ),
    why=Text("Without the connection the phone neither registers nor calls.", "没有连接，话机既不能注册也不能呼叫。"),
    needs=Text(
        "A fatal alert during the handshake of a connection that is for SIP (by its port, by the name or protocol it "
        "asks for, or because the two speak SIP with each other), a server that hangs up upon the ClientHello, or "
        "one that hangs up upon SIP in clear at a port of TLS. Web pages that fail, SIP in clear that is answered, "
        "and close_notify at the end of a connection are no fault.",
        "用于 SIP 的连接（依据其端口、所请求的名称或协议，或双方之间另有 SIP 通信）在握手期间出现致命警报，"
        "服务器收到 ClientHello 后直接断开，或在 TLS 端口收到明文 SIP 后断开。网页连接失败、得到应答的明文 SIP "
        "以及连接结束时的 close_notify 不算故障。",
    ),
    fix=Text(
        "Look at the alert: renew the certificate or send its whole chain, put the signing CA into the "
        "phones, use the "
        "name that stands in the certificate, and allow a TLS version and cipher suite that both know.",
        "根据警报处理：更新证书或发送完整证书链，把签发 CA 装入话机，使用证书中的名称，并启用双方都支持的 TLS "
        "版本与套件。",
    ),
    doubt=Text(
        "A server that hangs up without a word may do so for another reason: too many connections, a guard that bans "
        "the address.",
        "服务器不作声明直接断开也可能另有原因：连接过多，或该地址被封禁。",
    ),
    of_scene=check_scene,
)

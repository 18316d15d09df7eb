"""Where signalling is heard, and with which certificate."""

from typing import Annotated

import msgspec

from talkpath.app.config.field import Port, doc
from talkpath.base.address import Transport

# Every address of this host, of both families.
ANY = "*"

# The networks of this host's own interfaces.
INTERFACES = "interfaces"

LISTENING_PORT = {
    Transport.UDP: 5060,
    Transport.TCP: 5060,
    Transport.TLS: 5061,
    Transport.WS: 5080,
    Transport.WSS: 5443,
}


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One door for signalling."""

    transport: Annotated[
        Transport,
        doc(
            "What is spoken here: UDP, TCP, TLS, WS (SIP over WebSocket) or WSS (the same inside TLS).",
            "此处使用的传输方式：UDP、TCP、TLS、WS（WebSocket 上的 SIP）或 WSS（TLS 中的 WebSocket）。",
        ),
    ]
    address: Annotated[
        str,
        doc(
            'The address of this host to listen on, IPv4 or IPv6. "*" is every address the host has.',
            "要监听的本机地址，IPv4 或 IPv6。“*”表示本机的所有地址。",
            of="address or *",
        ),
    ] = ANY
    port: Annotated[
        Port | None,
        doc(
            "The port. Left out: 5060 for UDP and TCP, 5061 for TLS, 5080 for WS, 5443 for WSS.",
            "端口。省略时：UDP 和 TCP 为 5060，TLS 为 5061，WS 为 5080，WSS 为 5443。",
        ),
    ] = None
    advertised: Annotated[
        str,
        doc(
            "What others must use to reach this listener, when it is not its address: behind a NAT or a load "
            'balancer. A host name or address, with or without a port ("sip.example.com", "203.0.113.5:5060"). Left '
            "out: what the top level says.",
            "当别人不能用本机地址访问此监听时（位于 NAT 或负载均衡之后），应使用的地址。"
            "主机名或地址，可带端口（“sip.example.com”、“203.0.113.5:5060”）。省略时以顶层设置为准。",
            of="endpoint",
        ),
    ] = ""
    local_networks: Annotated[
        tuple[str, ...] | None,
        doc(
            "Who is told the real address of this listener instead, when that is not what the top level says.",
            "得知此监听真实地址的网络，与顶层设置不同时填写。",
            of="local network",
        ),
    ] = None

    @property
    def listening_port(self) -> int:
        """The port that is opened: the configured one, or what the transport has by default."""
        return self.port if self.port is not None else LISTENING_PORT[self.transport]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One more certificate, for other names."""

    certificate: Annotated[
        str,
        doc(
            "A PEM file: the certificate, then those between it and its root.",
            "PEM 文件：证书，其后为中间证书。",
            of="file",
        ),
    ]
    key: Annotated[
        str,
        doc("A PEM file: its private key, without a passphrase.", "PEM 文件：证书的私钥，不带口令。", of="file"),
    ]


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate of the TLS and WSS listeners. Files that change are taken up."""

    certificate: Annotated[
        str,
        doc(
            "A PEM file: the certificate of this host, then those between it and its root. Empty: a "
            "self-signed one, made at first start and kept in the state directory.",
            "PEM 文件：本机证书，其后为中间证书。留空：首次启动时生成自签名证书并保存在状态目录。",
            of="file",
        ),
    ] = ""
    key: Annotated[
        str,
        doc(
            "A PEM file: its private key, without a passphrase. Goes together with `certificate`.",
            "PEM 文件：证书的私钥，不带口令。与 `certificate` 一起给出。",
            of="file",
        ),
    ] = ""
    others: Annotated[
        tuple[Certificate, ...],
        doc(
            "Certificates for other names: who asks for a name (SNI) is shown the one that names it, everybody else "
            "the one above.",
            "用于其他名称的证书：请求某个名称（SNI）者得到写有该名称的证书，其余得到上面的证书。",
        ),
    ] = ()

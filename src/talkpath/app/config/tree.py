"""The configuration: one frozen tree. Default and documentation stand on the field.

From these fields come the reference pages, the commented example file (`pages.py`) and what `talkpath check` says
(`file.py`, which also reads TOML into the tree). Nothing here touches the world. Whoever reloads compares two trees
and takes the new one whole or not at all.
"""

from typing import Annotated

import msgspec

from talkpath.app.config.browsers import Page, WebSocket
from talkpath.app.config.cluster import Cluster
from talkpath.app.config.field import doc
from talkpath.app.config.gateways import Gateway, GatewayGroup
from talkpath.app.config.guard import Guard, Limits
from talkpath.app.config.hep import HepTarget
from talkpath.app.config.listeners import INTERFACES, Listener, Tls
from talkpath.app.config.media import Media
from talkpath.app.config.recording import Recording
from talkpath.app.config.records import History, Log, Metrics, State, Tracing
from talkpath.app.config.registration import Account, Authentication, KeepAlive, Registrar
from talkpath.app.config.requests import Size, Transactions
from talkpath.app.config.routing import Routing
from talkpath.app.config.toll import Toll
from talkpath.base.address import Transport
from talkpath.base.texts import Language


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole tree. `Config()` is what runs with no file at all."""

    language: Annotated[
        Language | None,
        doc(
            'The language for people: "en" or "zh". Left out: the one of the locale.',
            "给人看的语言：“en”或“zh”。省略时按系统区域设置。",
        ),
    ] = None
    domains: Annotated[
        tuple[str, ...],
        doc(
            "The domains this edge is responsible for. The addresses of its listeners always count. Empty: any "
            "host name a registered phone uses is taken for ours.",
            "本边缘服务器负责的域。监听地址始终算在内。留空：已注册话机使用的任何主机名都视为自己的。",
            of="domain",
        ),
    ] = ()
    advertised: Annotated[
        str,
        doc(
            "What phones outside must use instead of the addresses of this host, which stands behind a NAT: for "
            "media too, when it is an address. It counts for every listener that has no `advertised` of its own. "
            'A host name or address, without a port ("203.0.113.5").',
            "本机位于 NAT 之后时，外部话机应使用的地址，代替本机地址；若为 IP 地址，也用于媒体。"
            "对所有未自行设置 `advertised` 的监听有效。主机名或地址，不带端口（“203.0.113.5”）。",
            of="host",
        ),
    ] = ""
    local_networks: Annotated[
        tuple[str, ...],
        doc(
            "Networks behind the same NAT as this host, for hosts that advertise another address than their own: who "
            "is in them is told the real addresses, for signalling and media, others the advertised ones. "
            '"interfaces" stands for the networks of this host\'s own interfaces. Who comes from the address of the '
            "default router is not local, for behind it may be anybody, unless it is listed by itself.",
            "与本机位于同一 NAT 之后的网络，用于公布地址与自身地址不同的主机："
            "其中的话机得到信令和媒体的真实地址，其他得到公布的地址。“interfaces”表示本机各网络接口所在的网络。"
            "来自默认路由器地址的不算本地，因为其后可能是任何人，除非单独列出该地址。",
            of="local network",
        ),
    ] = (INTERFACES,)
    drain_timeout_s: Annotated[
        float,
        doc(
            "After SIGTERM no new call is taken; running calls get this many seconds to end.",
            "收到 SIGTERM 后不再接受新呼叫；正在进行的通话有这么多秒的时间结束。",
            ge=0,
            le=86_400,
        ),
    ] = 30.0
    listeners: Annotated[
        tuple[Listener, ...],
        doc(
            "Where signalling is heard. With none given: UDP, TCP, TLS, WS and WSS on every address. Those that are "
            "given are all there are: `talkpath run` and `check` say which transports are then closed.",
            "信令监听。一个都不写时：在所有地址上监听 UDP、TCP、TLS、WS 和 WSS。"
            "一旦写出，就只有写出的监听：`talkpath run` 和 `check` 会说明因此关闭了哪些传输方式。",
        ),
    ] = ()
    accounts: Annotated[
        tuple[Account, ...],
        doc(
            "Users, besides those that `talkpath users` manages. A user given here wins.",
            "用户，`talkpath users` 管理的用户除外。此处给出的优先。",
        ),
    ] = ()
    gateways: Annotated[
        tuple[Gateway, ...],
        doc(
            "Carriers, and other machines that take calls to numbers elsewhere or bring some, besides those that "
            "`talkpath gateways add` knows.",
            "运营商以及其他承接外部号码呼叫或送来呼叫的机器，`talkpath gateways add` 添加的除外。",
        ),
    ] = ()
    gateway_groups: Annotated[
        tuple[GatewayGroup, ...],
        doc(
            "How calls choose among the gateways of a group. A group that is not given here goes by weight.",
            "呼叫如何在组内的网关之间选择。此处未给出的组按权重选择。",
        ),
    ] = ()
    routing: Annotated[Routing, doc("Between users and gateways.", "用户与网关之间。")] = Routing()
    cluster: Annotated[
        Cluster,
        doc("Several nodes as one (docs/operate/cluster.md).", "多个节点合为一体（docs/operate/cluster.md）。"),
    ] = Cluster()
    registrar: Annotated[Registrar, doc("Registrations.", "注册。")] = Registrar()
    keepalive: Annotated[KeepAlive, doc("Phones behind NATs.", "NAT 后的话机。")] = KeepAlive()
    size: Annotated[Size, doc("Requests that are too large for UDP.", "超出 UDP 大小的请求。")] = Size()
    authentication: Annotated[Authentication, doc("Passwords.", "密码。")] = Authentication()
    media: Annotated[Media, doc("Where audio and video pass through.", "音频和视频的通道。")] = Media()
    recording: Annotated[
        Recording,
        doc(
            "Which calls are recorded, and where (docs/guide/recording.md).",
            "哪些通话录音，存放在哪里（docs/guide/recording.zh.md）。",
        ),
    ] = Recording()
    tls: Annotated[Tls, doc("The certificate of the TLS and WSS listeners.", "TLS 和 WSS 监听的证书。")] = Tls()
    websocket: Annotated[WebSocket, doc("Browsers.", "浏览器。")] = WebSocket()
    page: Annotated[Page, doc("The page for visitors.", "供访客使用的页面。")] = Page()
    transactions: Annotated[
        Transactions,
        doc("Timers of RFC 3261, for unusually slow paths.", "RFC 3261 的定时器，用于特别慢的链路。"),
    ] = Transactions()
    limits: Annotated[Limits, doc("What a crowd may take of this host.", "允许占用的本机资源。")] = Limits()
    guard: Annotated[Guard, doc("What strangers may send.", "陌生来源可以发送的量。")] = Guard()
    toll: Annotated[
        Toll,
        doc(
            "What each account may call out of the house, to a domain elsewhere. Calls to users and services here "
            "are free, and so is who comes from `authentication.trusted` without credentials.",
            "每个帐号可以外呼（发往外部域）的量。对本机用户和服务的呼叫不计，"
            "来自 `authentication.trusted` 且不带凭据的也不计。",
        ),
    ] = Toll()
    state: Annotated[State, doc("What survives a restart.", "重启后保留的内容。")] = State()
    history: Annotated[History, doc("Which past calls are kept.", "保留哪些过去的通话。")] = History()
    hep: Annotated[
        tuple[HepTarget, ...],
        doc(
            "Where all signalling, what is measured of media and what is decided is mirrored as HEP3: Homer, "
            "heplify-server, siphub (docs/operate/watching.md).",
            "把全部信令、媒体测量和决定以 HEP3 镜像到哪里：Homer、heplify-server、siphub"
            "（docs/operate/watching.zh.md）。",
        ),
    ] = ()
    metrics: Annotated[Metrics, doc("Counters for Prometheus.", "供 Prometheus 使用的计数器。")] = Metrics()
    tracing: Annotated[
        Tracing,
        doc("Calls as traces of OpenTelemetry.", "以 OpenTelemetry 的 trace 形式导出通话。"),
    ] = Tracing()
    log: Annotated[Log, doc("What is said while running.", "运行时的输出。")] = Log()

    @property
    def doors(self) -> tuple[Listener, ...]:
        """The listeners to open: the configured ones, or one of each transport on every address; each with what it
        advertises, its own or that of the top level."""
        listeners = self.listeners or tuple(Listener(transport=transport) for transport in Transport)
        if not self.advertised:
            return listeners
        return tuple(
            one if one.advertised else msgspec.structs.replace(one, advertised=self.advertised) for one in listeners
        )

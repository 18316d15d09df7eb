"""The configuration: one frozen tree. Default and documentation stand on the field.

From these fields come the reference pages, the commented example file (`config_pages.py`) and what `talkpath
check` says (`config_file.py`, which also reads TOML into the tree). Nothing here touches the world. Whoever reloads
compares two trees and takes the new one whole or not at all.
"""

from typing import Annotated, Literal

import msgspec

from talkpath.base.address import Transport
from talkpath.base.redact import Secret
from talkpath.base.texts import Language

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]

# What the media engine can convert.
Codec = Literal["opus", "G722", "PCMA", "PCMU"]

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


def doc(en: str, zh: str, *, ge: float | None = None, le: float | None = None, of: str | None = None) -> msgspec.Meta:
    """What stands on a field: its documentation in both languages, its bounds, and what kind of text it holds.

    `of` names the check that `config_checks` makes on each text of the field: address, network, domain, endpoint.
    """
    return msgspec.Meta(description=en, ge=ge, le=le, extra={"zh": zh, "of": of})


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
            'balancer. A host name or address, with or without a port ("sip.example.com", "203.0.113.5:5060").',
            "当别人不能用本机地址访问此监听时（位于 NAT 或负载均衡之后），应使用的地址。"
            "主机名或地址，可带端口（“sip.example.com”、“203.0.113.5:5060”）。",
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


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user who may register and call."""

    user: Annotated[
        str,
        doc(
            "The user name, which is also the number others dial.",
            "用户名，也就是别人拨打的号码。",
            of="user",
        ),
    ]
    password: Annotated[
        Secret,
        doc("The password the phone proves to know (digest).", "话机通过摘要认证证明其知道的密码。"),
    ]


class KeepAlive(msgspec.Struct, frozen=True, kw_only=True):
    """How phones behind a NAT are kept reachable: a datagram now and then, before their router forgets them."""

    interval_s: Annotated[
        float,
        doc(
            "How long the way to a phone behind a NAT is left silent, in seconds; with more than 12,000 such phones "
            "longer, up to 25. 0 sends nothing: phones must then register often enough by themselves.",
            "到 NAT 后话机的通路最多静默多久（秒）；此类话机超过 12,000 部时会更久，最长 25 秒。"
            "0 表示不发送：话机须自行频繁注册。",
            ge=0,
            le=600,
        ),
    ] = 6.0
    missed_answers: Annotated[
        int,
        doc(
            "A phone that used to answer probes (OPTIONS) and misses so many in a row counts as gone and is "
            "not rung until it is heard again.",
            "曾应答探测（OPTIONS）的话机连续这么多次不应答后视为离线，不再振铃，直到再次收到其消息。",
            ge=1,
            le=100,
        ),
    ] = 4


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that may not fit into one UDP datagram (RFC 3261 section 18.1.1): some firewalls drop fragments, and
    then a phone that registers does not ring."""

    diet: Annotated[
        tuple[str, ...],
        doc(
            "What may be left out of the description of a request of more than 1,300 bytes over UDP, after its "
            'header fields were shortened, one by one in this order until it fits: names of codecs ("opus"), and '
            'attributes ("a=label"). A section keeps its last codec.',
            "UDP 请求超过 1,300 字节时，先缩短头域名称，再按此顺序逐项从媒体描述中去掉，直到放得下："
            "编解码器名称（“opus”）和属性（“a=label”）。每个媒体段保留最后一个编解码器。",
            of="diet",
        ),
    ] = ("a=tool", "a=label", "a=rtcp-xr")


class Registrar(msgspec.Struct, frozen=True, kw_only=True):
    """How long a phone stays registered (RFC 3261 section 10.3)."""

    min_expires_s: Annotated[
        int,
        doc(
            "Shortest registration accepted, in seconds; a phone that asks for less is told 423 Interval Too Brief.",
            "接受的最短注册时间（秒）；要求更短的话机收到 423 Interval Too Brief。",
            ge=1,
            le=86_400,
        ),
    ] = 10
    max_expires_s: Annotated[
        int,
        doc(
            "Longest registration given, in seconds; a phone that asks for more gets this.",
            "给予的最长注册时间（秒）；要求更长的话机得到此值。",
            ge=1,
            le=604_800,
        ),
    ] = 7200
    default_expires_s: Annotated[
        int,
        doc(
            "Given to a phone that asks for nothing, in seconds.",
            "话机未要求时给予的注册时间（秒）。",
            ge=1,
            le=604_800,
        ),
    ] = 3600
    max_contacts: Annotated[
        int,
        doc(
            "How many phones one user may have registered at once; one more is refused with 403.",
            "一个用户可同时注册的话机数；再多一部会以 403 拒绝。",
            ge=1,
            le=100,
        ),
    ] = 10


class Authentication(msgspec.Struct, frozen=True, kw_only=True):
    """How users prove who they are (RFC 3261 section 22, RFC 8760)."""

    realm: Annotated[
        str,
        doc(
            "The realm phones are shown. Stored passwords are bound to it: change it, and each user needs a new "
            "password.",
            "向话机出示的认证域（realm）。保存的密码与它绑定：修改后每个用户都需要新密码。",
            of="realm",
        ),
    ] = "talkpath"
    trusted: Annotated[
        tuple[str, ...],
        doc(
            "Networks whose phones and servers are believed without a password: they may register any user and call "
            "in any user's name, and what they say of a caller (P-Asserted-Identity, Remote-Party-ID) is passed on.",
            "无须密码即被信任的网络：其中的话机和服务器可以注册任何用户，并以任何用户的名义呼叫；"
            "它们所声明的主叫身份（P-Asserted-Identity、Remote-Party-ID）会被转发。",
            of="network",
        ),
    ] = ()
    callers: Annotated[
        Literal["accounts", "always", "never"],
        doc(
            'Which callers must prove who they are. "accounts": whoever calls in the name of one of our users or '
            "domains; strangers may call users that are registered, and services, and are asked for a password for "
            'everything else, whether there is such a user or not. "always": everybody. "never": nobody, for closed '
            "networks only.",
            "哪些主叫必须证明身份。“accounts”：以我方用户或域的名义呼叫者；陌生人只能呼叫已注册的用户和服务，"
            "其他请求一律要求密码，无论该用户是否存在。“always”：所有人。“never”：无人，仅用于封闭网络。",
        ),
    ] = "accounts"
    nonce_lifetime_s: Annotated[
        int,
        doc(
            "How long a phone may go on using one nonce, in seconds, before it is given a fresh one.",
            "话机可持续使用同一个 nonce 的时间（秒），之后会得到新的。",
            ge=10,
            le=86_400,
        ),
    ] = 300


class MediaAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One address for media; of several of one family each serves its `networks`."""

    address: Annotated[
        str,
        doc(
            "An address of this host, IPv4 or IPv6, on which media ports are opened.",
            "用来打开媒体端口的本机地址，IPv4 或 IPv6。",
            of="address",
        ),
    ]
    advertised: Annotated[
        str,
        doc(
            "The address written into SDP instead, when this host is behind a NAT. Same family as the address. Left "
            "out: what the listener advertises that faces the phone, when that is an address; write the real address "
            "here where that is not meant.",
            "本机位于 NAT 之后时写入 SDP 的地址。与上面的地址同一地址族。省略时："
            "面向话机的监听所公布的地址（若为 IP 地址）；不希望如此时，在此写真实地址。",
            of="address",
        ),
    ] = ""
    networks: Annotated[
        tuple[str, ...],
        doc(
            "Of several addresses of one family: the networks of the phones that get this one. One of them may have "
            "none, and serves everybody else.",
            "同一地址族有多个地址时：使用此地址的话机所在的网络。其中一个可以不写，服务其余所有话机。",
            of="network",
        ),
    ] = ()
    local_networks: Annotated[
        tuple[str, ...] | None,
        doc(
            "Who is told the real address instead, when that is not what counts for the listener.",
            "得知真实地址的网络，与监听的设置不同时填写。",
            of="local network",
        ),
    ] = None


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """Where audio and video pass through."""

    addresses: Annotated[
        tuple[MediaAddress, ...],
        doc(
            "Addresses for media. A family left out uses the address of the listener that faces the phone.",
            "媒体使用的地址。未写的地址族使用面向话机的监听地址。",
        ),
    ] = ()
    first_port: Annotated[
        int,
        doc("Lowest port for media.", "媒体的最低端口。", ge=1024, le=65534),
    ] = 16384
    last_port: Annotated[
        int,
        doc(
            "Highest port for media. A call takes two ports a side and stream; the default ends where Linux begins "
            "to hand out ports of its own.",
            "媒体的最高端口。一次通话每侧每个流占两个端口；默认值止于 Linux 自行分配端口的起点。",
            ge=1025,
            le=65535,
        ),
    ] = 32767
    timeout_s: Annotated[
        float,
        doc(
            "A call is ended on both sides when a party that had sent media, and still should, has sent neither RTP "
            "nor RTCP for this many seconds, or when nobody has; with ICE 8 s after its consent is lost, which takes "
            "30. 0 never ends one.",
            "曾发送媒体且仍应发送的一方在这么多秒内既无 RTP 也无 RTCP，或双方皆无时，通话在两侧结束；"
            "使用 ICE 时，在同意失效（30 秒）后再过 8 秒结束。0 表示从不。",
            ge=0,
            le=86_400,
        ),
    ] = 60.0
    hold_timeout_s: Annotated[
        float,
        doc(
            "The same for a call that is on hold or otherwise has no reason to send. 0 never ends one.",
            "同上，用于保持中或本来就无须发送媒体的通话。0 表示从不。",
            ge=0,
            le=604_800,
        ),
    ] = 3600.0
    transcoding: Annotated[
        tuple[Codec, ...],
        doc(
            "The codecs that may be added to the audio of an offer, behind those of the caller, so that two phones "
            "without a common codec can talk: opus, G722, PCMA and PCMU. Only when the answer chooses such a codec "
            "is audio converted. An empty list adds none and converts nothing.",
            "可以追加到主叫音频编解码器之后的编解码器：opus、G722、PCMA、PCMU，使没有共同编解码器的两部话机也能通话。"
            "只有应答选用了追加的编解码器时才转码。空列表表示不追加，也不转码。",
        ),
    ] = ("opus", "G722", "PCMA", "PCMU")


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate of the TLS and WSS listeners."""

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


class WebSocket(msgspec.Struct, frozen=True, kw_only=True):
    """Browsers (RFC 7118), on any path."""

    trusted_proxies: Annotated[
        tuple[str, ...],
        doc(
            "Networks of the web servers in front (nginx, for example) whose X-Forwarded-For is believed. "
            "From anywhere else that header is ignored.",
            "前置 Web 服务器（例如 nginx）所在的网络，其 X-Forwarded-For 会被采信。来自其他地方的该头被忽略。",
            of="network",
        ),
    ] = ("127.0.0.0/8", "::1/128")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The page at the address of the WS and WSS listeners, where a visitor's browser is a phone."""

    enabled: Annotated[
        bool,
        doc(
            "Whether the page is served. Without it these listeners speak SIP over WebSocket and nothing else.",
            "是否提供该页面。关闭后，这些监听只提供 WebSocket 上的 SIP。",
        ),
    ] = True
    guests: Annotated[
        int,
        doc(
            "How many visitors at a time get a number without an account. A guest may call users, guests and `echo`, "
            "and nobody outside. 0: none, a visitor then needs an account.",
            "同时无需帐号即可获得号码的访客数。访客可呼叫用户、其他访客和 `echo`，不能呼叫外部。"
            "0：不允许访客，此时访客需要帐号。",
            ge=0,
            le=10_000,
        ),
    ] = 100
    guests_from: Annotated[
        tuple[str, ...],
        doc(
            "Networks whose visitors may be guests; by default this host and private networks. Loopback stands for "
            "this host at every address it has. Behind a web server, what its X-Forwarded-For says counts "
            "(`websocket.trusted_proxies`).",
            "允许成为访客的网络；默认为本机和私有网络。环回地址代表本机，包括其全部地址。位于 Web 服务器之后时，"
            "以其 X-Forwarded-For 为准（`websocket.trusted_proxies`）。",
            of="network",
        ),
    ] = (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
    guest_lifetime_s: Annotated[
        int,
        doc(
            "How long a guest keeps the number after having been seen last, in seconds.",
            "访客最后一次出现后保留号码的时间（秒）。",
            ge=60,
            le=604_800,
        ),
    ] = 43_200


class Transactions(msgspec.Struct, frozen=True, kw_only=True):
    """Timers of RFC 3261 section 17, for paths that are unusually slow."""

    t1_s: Annotated[
        float,
        doc(
            "T1: the estimate of a round trip, in seconds. Requests are given up after 64 times this.",
            "T1：往返时间估计（秒）。请求在 64 倍此时间后放弃。",
            ge=0.05,
            le=10,
        ),
    ] = 0.5
    t2_s: Annotated[
        float,
        doc(
            "T2: the longest pause between two retransmissions, in seconds.",
            "T2：两次重传之间的最长间隔（秒）。",
            ge=0.1,
            le=60,
        ),
    ] = 4.0
    t4_s: Annotated[
        float,
        doc(
            "T4: how long a message may linger in the network, in seconds.",
            "T4：消息在网络中停留的最长时间（秒）。",
            ge=0.1,
            le=60,
        ),
    ] = 5.0
    ring_timeout_s: Annotated[
        float,
        doc(
            "Timer C: a call that only rings is given up after this many seconds (RFC 3261 16.6 step 11).",
            "定时器 C：只响铃不应答的呼叫在这么多秒后放弃（RFC 3261 16.6 第 11 步）。",
            ge=1,
            le=3600,
        ),
    ] = 181.0
    preferred_ring_s: Annotated[
        float,
        doc(
            "Where phones of a user registered with different q values, those with a higher one ring alone for this "
            "many seconds, or until they refuse; then the next (RFC 3261 16.6).",
            "同一用户的话机以不同 q 值注册时，q 值较高者先单独振铃这么多秒，或直到其拒绝；"
            "然后轮到下一组（RFC 3261 16.6）。",
            ge=1,
            le=3600,
        ),
    ] = 20.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a crowd or an attacker may take of this host."""

    calls: Annotated[
        int,
        doc(
            "Running calls; one more is answered 503 with Retry-After.",
            "同时进行的通话数；再多一个以 503 和 Retry-After 应答。",
            ge=1,
            le=1_000_000,
        ),
    ] = 10_000
    idle_call_s: Annotated[
        float,
        doc(
            "A call without media that is watched, and without a message, for this many seconds is ended on both "
            "sides. Long before, both sides are asked whether they still know it.",
            "既无受监视的媒体、又无任何消息达到这么多秒的通话，在两侧结束。此前很久就会询问双方是否仍知道该通话。",
            ge=600,
            le=604_800,
        ),
    ] = 43_200.0
    connections: Annotated[
        int,
        doc(
            "Open TCP, TLS and WebSocket connections; one more is closed at once.",
            "打开的 TCP、TLS 和 WebSocket 连接数；再多一个立即关闭。",
            ge=1,
            le=1_000_000,
        ),
    ] = 20_000
    connections_per_address: Annotated[
        int,
        doc(
            "The same for one remote address. Many phones may share one behind a NAT.",
            "同上，针对单个远端地址。同一 NAT 之后的许多话机可能共用一个地址。",
            ge=1,
            le=1_000_000,
        ),
    ] = 1_000


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What a source (an IPv4 address, an IPv6 /64) may send before somebody there has proven who he is.

    Ten seconds' worth may come at once. Where a phone is registered, or the network is `authentication.trusted`, the
    allowances are a hundred times as wide and nobody is banned for his neighbours.
    """

    enabled: Annotated[
        bool,
        doc(
            "Whether sources that ask for too much are banned. Off: everything is heard.",
            "是否封禁请求过多的来源。关闭时接收一切。",
        ),
    ] = True
    invites_per_s: Annotated[
        float,
        doc("INVITEs a second of one source.", "单个来源每秒的 INVITE 数。", ge=0.1, le=100_000),
    ] = 5.0
    options_per_s: Annotated[
        float,
        doc("OPTIONS a second of one source.", "单个来源每秒的 OPTIONS 数。", ge=0.1, le=100_000),
    ] = 5.0
    registers_per_s: Annotated[
        float,
        doc(
            "REGISTERs a second of one source. An office that comes back after a power cut sends some a phone.",
            "单个来源每秒的 REGISTER 数。停电恢复后，一个办公室的每部话机都会发送若干个。",
            ge=0.1,
            le=100_000,
        ),
    ] = 50.0
    others_per_s: Annotated[
        float,
        doc(
            "Other requests a second of one source (SUBSCRIBE, MESSAGE ...), and what is no SIP.",
            "单个来源每秒的其他请求（SUBSCRIBE、MESSAGE 等）以及非 SIP 数据的数量。",
            ge=0.1,
            le=100_000,
        ),
    ] = 10.0
    wrong_passwords_per_min: Annotated[
        float,
        doc(
            "Wrong passwords a minute of one source, twenty at once, before it is banned. How many of them are "
            "looked at for one account is less, and nobody locks an account by guessing.",
            "单个来源每分钟的错误密码数（一次最多二十个），超过则封禁。针对同一帐号实际核对的次数更少；"
            "猜密码不会锁住帐号。",
            ge=0.1,
            le=100_000,
        ),
    ] = 6.0
    strangers_per_s: Annotated[
        float,
        doc(
            "Requests a second of all sources together of which nobody has proven anything; what is more is dropped.",
            "所有未证明身份的来源合计每秒的请求数；超出的丢弃。",
            ge=1,
            le=1_000_000,
        ),
    ] = 2_000.0
    ban_s: Annotated[
        float,
        doc(
            "How long the first ban of a source lasts, in seconds. Each further one lasts four times as long; an "
            "hour of peace takes back one step. Three bans of flows in a row ban their address, eight addresses in "
            "an hour their network (IPv4 /24, IPv6 /48).",
            "来源首次被封禁的时间（秒）。此后每次为前一次的四倍；平静一小时退回一级。"
            "同一地址的流连续三次被封则封禁该地址，一小时内八个地址被封则封禁其网络（IPv4 /24，IPv6 /48）。",
            ge=1,
            le=86_400,
        ),
    ] = 60.0
    ban_most_s: Annotated[
        float,
        doc("How long the longest ban lasts, in seconds.", "最长封禁时间（秒）。", ge=1, le=172_800),
    ] = 86_400.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a restart."""

    directory: Annotated[
        str,
        doc(
            "Accounts, registrations, call history and the self-signed certificate live here. Empty: "
            "$TALKPATH_STATE, else /var/lib/talkpath for root, else ~/.local/state/talkpath.",
            "帐号、注册、通话记录和自签名证书存放于此。留空：$TALKPATH_STATE，"
            "否则 root 用 /var/lib/talkpath，其他用户用 ~/.local/state/talkpath。",
        ),
    ] = ""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Which past calls are kept."""

    keep_days: Annotated[
        int,
        doc(
            "Past calls are forgotten after this many days.",
            "过去的通话在这么多天后删除。",
            ge=1,
            le=3650,
        ),
    ] = 30
    keep_calls: Annotated[
        int,
        doc(
            "At most this many past calls are kept; the oldest go first.",
            "最多保留这么多通过去的通话；最旧的先删除。",
            ge=0,
            le=100_000_000,
        ),
    ] = 1_000_000


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters for Prometheus."""

    listen: Annotated[
        str,
        doc(
            'Address and port of the page with counters, for example "127.0.0.1:9090". Empty: none.',
            "计数器页面的地址和端口，例如“127.0.0.1:9090”。留空：不提供。",
            of="address and port",
        ),
    ] = ""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What is said while running, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        doc(
            "How much is said. Message bodies appear at debug only.",
            "输出的详细程度。消息内容只在 debug 时出现。",
        ),
    ] = "info"


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
            "本边缘负责的域。监听地址始终算在内。留空：已注册话机使用的任何主机名都视为自己的。",
            of="domain",
        ),
    ] = ()
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
            "Where signalling is heard. With none given: UDP, TCP, TLS, WS and WSS on every address.",
            "信令监听。一个都不写时：在所有地址上监听 UDP、TCP、TLS、WS 和 WSS。",
        ),
    ] = ()
    accounts: Annotated[
        tuple[Account, ...],
        doc(
            "Users, besides those that `talkpath users` manages. A user given here wins.",
            "用户，`talkpath users` 管理的用户除外。此处给出的优先。",
        ),
    ] = ()
    registrar: Annotated[Registrar, doc("Registrations.", "注册。")] = Registrar()
    keepalive: Annotated[KeepAlive, doc("Phones behind NATs.", "NAT 后的话机。")] = KeepAlive()
    size: Annotated[Size, doc("Requests that are too large for UDP.", "超出 UDP 大小的请求。")] = Size()
    authentication: Annotated[Authentication, doc("Passwords.", "密码。")] = Authentication()
    media: Annotated[Media, doc("Where audio and video pass through.", "音频和视频的通道。")] = Media()
    tls: Annotated[Tls, doc("The certificate of the TLS and WSS listeners.", "TLS 和 WSS 监听的证书。")] = Tls()
    websocket: Annotated[WebSocket, doc("Browsers.", "浏览器。")] = WebSocket()
    page: Annotated[Page, doc("The page for visitors.", "供访客使用的页面。")] = Page()
    transactions: Annotated[
        Transactions,
        doc("Timers of RFC 3261, for unusually slow paths.", "RFC 3261 的定时器，用于特别慢的链路。"),
    ] = Transactions()
    limits: Annotated[Limits, doc("What a crowd may take of this host.", "允许占用的本机资源。")] = Limits()
    guard: Annotated[Guard, doc("What strangers may send.", "陌生来源可以发送的量。")] = Guard()
    state: Annotated[State, doc("What survives a restart.", "重启后保留的内容。")] = State()
    history: Annotated[History, doc("Which past calls are kept.", "保留哪些过去的通话。")] = History()
    metrics: Annotated[Metrics, doc("Counters for Prometheus.", "供 Prometheus 使用的计数器。")] = Metrics()
    log: Annotated[Log, doc("What is said while running.", "运行时的输出。")] = Log()

    @property
    def doors(self) -> tuple[Listener, ...]:
        """The listeners to open: the configured ones, or one of each transport on every address."""
        return self.listeners or tuple(Listener(transport=transport) for transport in Transport)

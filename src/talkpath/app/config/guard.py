"""What a crowd and what a stranger may take of this host."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc


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
    answer: Annotated[
        Literal["silence", "403", "503"],
        doc(
            'What is sent to who is banned, or one of too many: nothing, "403", or "503" with Retry-After. An answer '
            "is never longer than what it answers, a source draws no more of them than of others, and all sources "
            "together a thousand a second. Silence tells scanners least; peers that fail over are better served by a "
            "503.",
            "如何应答被封禁或超量的来源：不应答、“403”，或带 Retry-After 的“503”。应答不会比请求更长，"
            "每个来源得到的数量有限，合计每秒最多一千个。静默向扫描者透露得最少；会切换线路的对端更适合用 503。",
        ),
    ] = "silence"
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

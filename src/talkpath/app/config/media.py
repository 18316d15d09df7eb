"""Where audio and video pass through."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc

# What the media engine can convert.
Codec = Literal["opus", "G722", "PCMA", "PCMU"]


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
            "同上，用于保持中或本来就无需发送媒体的通话。0 表示从不。",
            ge=0,
            le=604_800,
        ),
    ] = 3600.0
    kernel: Annotated[
        Literal["auto", "off"],
        doc(
            "`auto`: audio that leaves as it came passes in the kernel, where it costs a fraction; that needs Linux "
            "6.6 and the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and `run` says when it cannot be had. "
            "What passes there is not seen by the firewall of this host. `off`: all media passes by sockets.",
            "`auto`：原样转发的音频在内核中通过，开销只有几分之一；需要 Linux 6.6 以及 CAP_BPF、CAP_PERFMON 和 "
            "CAP_NET_ADMIN 权限，无法使用时 `run` 会说明。这样通过的媒体不经过本机防火墙。"
            "`off`：所有媒体经由套接字转发。",
        ),
    ] = "auto"
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

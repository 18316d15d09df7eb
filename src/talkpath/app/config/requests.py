"""How requests go out: their timers and their size."""

from typing import Annotated

import msgspec

from talkpath.app.config.field import doc


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

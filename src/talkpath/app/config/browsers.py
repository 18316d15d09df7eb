"""What browsers are given: SIP over WebSocket, and a page."""

from typing import Annotated

import msgspec

from talkpath.app.config.field import doc


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
    ping_s: Annotated[
        int,
        doc(
            "How often each browser is pinged, in seconds. Web servers close a connection on which nothing comes "
            "from us for a while (nginx: `proxy_read_timeout`, 60 s), so this must be less. A browser that answers "
            "no ping is taken to be gone after three of these times. 0: never.",
            "向每个浏览器发送 ping 的间隔（秒）。若一段时间没有来自我们的数据，Web 服务器会关闭连接"
            "（nginx：`proxy_read_timeout`，60 秒），因此该值必须更小。浏览器不应答 ping 时，三个间隔之后视为已离开。"
            "0：从不。",
            ge=0,
            le=3_600,
        ),
    ] = 25


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

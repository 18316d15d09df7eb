"""Who may register and call, and how long a phone stays known and reachable."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc
from talkpath.app.config.recording import OwnAnnouncement
from talkpath.base.redact import Secret


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
    outbound: Annotated[
        bool,
        doc(
            "Whether it may call numbers that are no users here, through the gateways of `routing.outbound`.",
            "是否允许经 `routing.outbound` 的网关呼叫非本机用户的号码。",
        ),
    ] = False
    record: Annotated[
        bool,
        doc(
            "Whether all its calls are recorded, whatever `recording.calls` says.",
            "是否对其全部通话录音，不论 `recording.calls` 如何设置。",
        ),
    ] = False
    announcement: OwnAnnouncement = ""
    may_record: Annotated[
        bool,
        doc(
            "Whether the record key of its phones starts and ends a recording (INFO with `Record: on` or `off`), "
            "also without `recording.by_phones`.",
            "其话机的录音键（INFO 中的 `Record: on` 或 `off`）能否开始和结束录音，即使未设 `recording.by_phones`。",
        ),
    ] = False


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
            "How many phones one user may have registered at once; one more is refused with 403. What a phone left "
            "behind when it was started again does not count (docs/operate/running.md).",
            "一个用户可同时注册的话机数；再多一部会以 403 拒绝。"
            "话机重启后遗留的注册不计（docs/operate/running.zh.md）。",
            ge=1,
            le=100,
        ),
    ] = 10


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
            "无需密码即被信任的网络：其中的话机和服务器可以注册任何用户，并以任何用户的名义呼叫；"
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

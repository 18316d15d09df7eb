"""Carriers and other gateways, and the groups that they stand in."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc
from talkpath.app.config.recording import OwnAnnouncement
from talkpath.base.redact import Secret

#: The group of a gateway that names none.
GROUP = "carriers"


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A machine that takes calls to numbers elsewhere, and may bring some."""

    name: Annotated[
        str,
        doc(
            "What the gateway is called here: in `talkpath gateways`, logs and metrics.",
            "网关在本机的名称：用于 `talkpath gateways`、日志和指标。",
            of="gateway name",
        ),
    ]
    address: Annotated[
        str,
        doc(
            'Where it is: a name or an address, with or without a port ("sip.carrier.example", "203.0.113.5:5070"). '
            "A name without a port is looked up by NAPTR and SRV (RFC 3263), so that all its machines are known.",
            "网关的位置：名称或地址，可带端口（“sip.carrier.example”、“203.0.113.5:5070”）。"
            "不带端口的名称按 NAPTR 和 SRV 查询（RFC 3263），从而得知其全部主机。",
            of="endpoint",
        ),
    ]
    group: Annotated[
        str,
        doc(
            "The group in which it stands. A call is given to a group.",
            "所属的组。呼叫是交给组的。",
            of="gateway name",
        ),
    ] = GROUP
    transport: Annotated[
        Literal["UDP", "TCP", "TLS"] | None,
        doc(
            "How it is spoken to. Left out: what DNS says of its name, else UDP.",
            "使用的传输方式。省略时按 DNS 对其名称的说明，否则为 UDP。",
        ),
    ] = None
    ca: Annotated[
        str,
        doc(
            "A PEM file with the authorities one of which must have signed its certificate, for TLS. Left out: those "
            "that this system trusts; who is given by an address may then show any certificate.",
            "PEM 文件，列出其 TLS 证书须由其中之一签发的机构。"
            "省略时为本系统所信任者；此时以地址给出的网关可出示任意证书。",
            of="file",
        ),
    ] = ""
    priority: Annotated[
        int,
        doc(
            "Gateways with a lower number are tried first, others when none of them takes the call.",
            "数字较小的网关先试；都不能接时才试其他的。",
            ge=0,
            le=65_535,
        ),
    ] = 1
    weight: Annotated[
        int,
        doc(
            "Its share of the calls, beside gateways of the same priority.",
            "在同一优先级的网关中所占的呼叫份额。",
            ge=1,
            le=65_535,
        ),
    ] = 1
    username: Annotated[
        str | None,
        doc(
            "Our user name there, for a carrier that asks for a password or wants us to register.",
            "我方在该处的用户名，用于要求密码或注册的运营商。",
            of="gateway user",
        ),
    ] = None
    password: Annotated[
        Secret | None,
        doc("Our password there. It is shown nowhere.", "我方在该处的密码。不会在任何地方显示。"),
    ] = None
    realm: Annotated[
        str,
        doc(
            "The realm for which the password is good. Left out: whichever the carrier names.",
            "密码所属的认证域。省略时为运营商所称的任何认证域。",
            of="realm",
        ),
    ] = ""
    domain: Annotated[
        str,
        doc(
            "The domain of our account there, where that is not its address.",
            "我方帐号所在的域，与地址不同时填写。",
            of="domain",
        ),
    ] = ""
    register: Annotated[
        bool,
        doc(
            "Whether we register there, so that it knows where to bring calls.",
            "是否在该处注册，使其知道把呼叫送到哪里。",
        ),
    ] = False
    register_s: Annotated[
        int,
        doc(
            "For how long we register, in seconds; a carrier that wants it longer gets it longer.",
            "注册的有效时间（秒）；运营商要求更长时照办。",
            ge=30,
            le=86_400,
        ),
    ] = 600
    numbers: Annotated[
        Literal["as-dialled", "plus", "digits", "zeros"],
        doc(
            'How it wants numbers that bear a country code: as they are dialled, or as "+4930...", "4930..." or '
            '"004930...".',
            "带国家代码的号码应如何书写：按所拨号码，或写成“+4930...”、“4930...”、“004930...”。",
        ),
    ] = "as-dialled"
    codecs: Annotated[
        tuple[str, ...],
        doc(
            'The codecs that it is offered, the preferred first, such as "PCMA". Left out: what the caller offers.',
            "向它提供的编解码器，优先的在前，例如“PCMA”。省略时为主叫所提供的。",
            of="codec",
        ),
    ] = ()
    channels: Annotated[
        int,
        doc(
            "Calls that it takes at once, those that it brings included. 0: no limit is known.",
            "同时可承载的呼叫数，包括它送来的。0 表示没有限制。",
            ge=0,
            le=1_000_000,
        ),
    ] = 0
    calls_per_s: Annotated[
        float,
        doc(
            "Calls a second that it may be given. 0: no limit is known.",
            "每秒可交给它的呼叫数。0 表示没有限制。",
            ge=0,
            le=100_000,
        ),
    ] = 0.0
    calls_in: Annotated[
        bool,
        doc(
            "Whether calls that come from there are taken without a password.",
            "是否不需密码即接受来自该处的呼叫。",
        ),
    ] = True
    record: Annotated[
        bool,
        doc(
            "Whether all calls that it takes or brings are recorded, whatever `recording.calls` says.",
            "是否对它承接或送来的全部通话录音，不论 `recording.calls` 如何设置。",
        ),
    ] = False
    announcement: OwnAnnouncement = ""
    networks: Annotated[
        tuple[str, ...],
        doc(
            "Networks from which it brings calls, from any port, besides the addresses of its name, from where "
            "datagrams must come from the very port that it is called at.",
            "除其名称对应的地址之外，它送来呼叫的网络，端口不限；来自其名称地址的数据报则必须出自它被呼叫的端口。",
            of="network",
        ),
    ] = ()
    probe_s: Annotated[
        float,
        doc(
            "How often it is asked whether it is there (OPTIONS), in seconds. Carriers bar who asks more often than "
            "every ten seconds. 0: never; then only calls tell.",
            "每隔多少秒询问它是否在线（OPTIONS）。运营商会封禁间隔短于十秒的询问。0 表示从不，仅凭呼叫判断。",
            ge=0,
            le=3_600,
        ),
    ] = 15.0
    probe_timeout_s: Annotated[
        float,
        doc("How long an answer may take, in seconds.", "应答的时限（秒）。", ge=0.5, le=30),
    ] = 4.0
    probe_failures: Annotated[
        int,
        doc(
            "After so many failures in a row it counts as down. The second is tried a second after the first.",
            "连续失败这么多次后视为不可用。首次失败一秒后即再次询问。",
            ge=1,
            le=100,
        ),
    ] = 2
    probe_successes: Annotated[
        int,
        doc("After so many answers in a row it is back.", "连续应答这么多次后视为恢复。", ge=1, le=100),
    ] = 2
    probe_dead: Annotated[
        tuple[int, ...],
        doc(
            "Answers that say that it is not there. All others, refusals included, show a machine that is.",
            "表示其不可用的应答。其他应答，包括拒绝，都说明机器在线。",
        ),
    ] = (408, 502, 503, 504)
    broken_after: Annotated[
        int,
        doc(
            "After so many calls in a row that fail there it gets no more, for a while.",
            "连续这么多次呼叫失败后，暂时不再交给它呼叫。",
            ge=1,
            le=1_000_000,
        ),
    ] = 3
    broken_s: Annotated[
        float,
        doc(
            "How long that while is at first, in seconds; then one call tries whether it works again. It doubles "
            "with each that fails, up to a minute.",
            "最初暂停的时间（秒）；之后用一路呼叫试探其是否恢复。每次失败加倍，最长一分钟。",
            ge=0.5,
            le=3_600,
        ),
    ] = 5.0


class GatewayGroup(msgspec.Struct, frozen=True, kw_only=True):
    """How calls choose among the gateways of a group."""

    name: Annotated[str, doc("The group.", "组名。", of="gateway name")]
    choose: Annotated[
        Literal["weight", "round-robin", "least-channels", "caller", "success"],
        doc(
            'Among gateways of one priority: "weight" gives each its share, "round-robin" takes one after another, '
            '"least-channels" the one with the fewest calls for its weight, "caller" the same for the same caller, '
            '"success" the one that lately carried the largest share of its calls.',
            "同一优先级的网关之间：“weight”按权重分配，“round-robin”依次轮流，“least-channels”选按权重计通话最少的，"
            "“caller”同一主叫固定用同一个，“success”选近期呼叫成功率最高的。",
        ),
    ] = "weight"
    no_answer_ms: Annotated[
        int,
        doc(
            "How long a gateway may leave a call without any answer, even 100 Trying, before the next is tried, in "
            "milliseconds.",
            "网关对呼叫毫无应答（连 100 Trying 都没有）多少毫秒后改试下一个。",
            ge=100,
            le=32_000,
        ),
    ] = 1_500

"""What is kept, counted and said while running."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc
from talkpath.base.redact import Secret


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
    database: Annotated[
        Secret | None,
        doc(
            "A PostgreSQL database that holds the past calls of all nodes that name it, such as "
            "postgresql://talkpath:PASSWORD@192.0.2.30/calls. While it is away calls wait in the state directory. "
            "Leave it out: each node keeps its own, in its state directory. The password is shown nowhere.",
            "保存所有指向它的节点的过去通话的 PostgreSQL 数据库，例如 "
            "postgresql://talkpath:密码@192.0.2.30/calls。它不可用时通话暂存于状态目录。"
            "不写：各节点保存自己的通话，存于状态目录。密码不会在任何地方显示。",
        ),
    ] = None

    @property
    def url(self) -> str:
        """The database that is shared; "" for none."""
        return "" if self.database is None else self.database.reveal()


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


class Tracing(msgspec.Struct, frozen=True, kw_only=True):
    """Traces of OpenTelemetry."""

    endpoint: Annotated[
        str,
        doc(
            "Where each call that has ended is sent as a trace: the URL of a collector that takes OTLP over HTTP, "
            'such as "http://127.0.0.1:4318/v1/traces". Empty: nowhere. Wants `pip install "talkpath[otel]"`.',
            "每通已结束的通话作为一条 trace 发往哪里：接受 OTLP/HTTP 的收集器的 URL，例如 "
            '“http://127.0.0.1:4318/v1/traces”。留空：不发送。需要 `pip install "talkpath[otel]"`。',
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
    format: Annotated[
        Literal["text", "json", "journal", "syslog"],
        doc(
            "How lines are written: text, or JSON with the fields of each line, on standard error; to the journal of "
            "systemd with the fields (`journalctl TALKPATH_USER=1001`); to syslog. Where that is not there: text.",
            "日志行的写法：text 或 json（附带各行的字段），写到标准错误；journal 写入 systemd 日志并附带字段"
            "（`journalctl TALKPATH_USER=1001`）；syslog 写入系统日志。后两者不存在时用 text。",
        ),
    ] = "text"

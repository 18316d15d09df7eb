"""What is said of those who are told of calls."""

from talkpath.base.texts import Text

NO_OPENTELEMETRY = Text(
    '[tracing] has an `endpoint`, and there is no {module}. Install it: `pip install "talkpath[otel]"`.',
    '[tracing] 中有 `endpoint`，但未安装 {module}。请安装：`pip install "talkpath[otel]"`。',
)
COLLECTOR_AWAY = Text(
    "The collector {endpoint} takes no traces. Calls are not told there until it does; nothing else waits.",
    "收集器 {endpoint} 不接收 trace。恢复之前不再向它发送通话；其他一切不受影响。",
)

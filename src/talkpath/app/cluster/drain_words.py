"""What is said of a node that gives way."""

from talkpath.base.texts import Text

HELP = Text(
    "Empty a node of the cluster before it is stopped: its addresses and their calls go to the others, new calls "
    "too, and calls that nobody else can have are waited for. Exit code 0 when it has no calls any more.",
    "在停止集群节点前将其排空：地址及其通话移交其他节点，新呼叫也由其他节点接听，无法移交的通话等待结束。"
    "无通话时退出码为 0。",
)
HELP_UNDO = Text("Let it take calls and addresses again.", "恢复接听呼叫和持有地址。")
HELP_TIMEOUT = Text(
    "Seconds to wait for calls that are left; then the exit code is 1, and the node drains on. 0 does not wait.",
    "等待剩余通话的秒数；超时退出码为 1，节点继续排空。0 表示不等待。",
)
NO_EDGE = Text(
    "No edge is running here. Run this on any node of the cluster that does.",
    "本机没有正在运行的节点。请在集群中任一运行着的节点上执行。",
)
REASONS = {
    "alone": Text(
        "This node is alone, so nobody can have its calls. SIGTERM waits for them (drain_timeout_s).",
        "本节点单独运行，通话无处移交。SIGTERM 会等待其结束（drain_timeout_s）。",
    ),
    "unknown": Text(
        "There is no node {node}. `talkpath cluster` lists them.", "没有节点 {node}。`talkpath cluster` 可列出节点。"
    ),
    "gone": Text("The node {node} is gone, so there is nothing to drain.", "节点 {node} 已失联，无可排空。"),
}
LEFT = Text("{node}: calls left: {calls}. Went over: {went}.", "{node}：剩余通话 {calls}。已移交：{went}。")
WENT = Text("{calls} to {to}", "{calls} 个到 {to}")
NONE_WENT = Text("none", "无")
EMPTY = Text("{node} has no calls any more. It can be stopped.", "{node} 已无通话，可以停止。")
STOPPED = Text("{node} has stopped.", "{node} 已停止。")
UNDONE = Text("{node} takes calls and addresses again.", "{node} 恢复接听呼叫和持有地址。")
NO_ANSWER = Text(
    "{node} does not say that it drains. Look whether it and the engine of the cluster are there: "
    "`talkpath cluster`.",
    "{node} 未表示开始排空。请用 `talkpath cluster` 查看该节点和集群引擎是否正常。",
)
TIME_OVER = Text(
    "{node} has {calls} calls yet, which nobody else can have. It drains on; to stop it now ends them.",
    "{node} 仍有 {calls} 个无法移交的通话。它继续排空；此时停止会结束这些通话。",
)

"""What `talkpath gateways` and the log say of gateways."""

from talkpath.base.texts import Text

HELP = Text(
    "The gateways of the running edge: which are there, since when and why, what they carry. Without a command: the "
    "list.",
    "正在运行的节点的网关：哪些可用、自何时起及原因、承载情况。不带子命令时列出。",
)
HELP_LIST = Text("List the gateways.", "列出网关。")
HELP_JSON = Text("Print JSON.", "输出 JSON。")
HELP_WATCH = Text(
    "Go on: a table that is drawn anew each second; piped, a line for each gateway that changes.",
    "持续显示：每秒刷新表格；输出到管道时，每有网关变化输出一行。",
)
HELP_DISABLE = Text(
    "Give gateways no calls any more; those that run go on. Holds across restarts.",
    "不再把呼叫交给网关；正在进行的继续。重启后仍有效。",
)
HELP_ENABLE = Text("Give them calls again.", "恢复把呼叫交给网关。")
HELP_ADD = Text(
    "Add a gateway without a restart; it stays until it is removed. The options are the keys of [[gateways]] in the "
    "configuration. Lists are written with commas, or by giving an option again; a password of - is read from "
    "standard input.",
    "无需重启即可添加网关，保留到移除为止。选项即配置中 [[gateways]] 的键。列表用逗号分隔，或重复给出选项；"
    "密码为“-”时从标准输入读取。",
)
HELP_REMOVE = Text("Remove gateways that were added so.", "移除以此方式添加的网关。")

NOT_ADDED = Text(
    "The gateway {name} is left out: its announcement can not be read ({why}).",
    "未启用网关 {name}：无法读取其提示语（{why}）。",
)

NAME = Text("Gateway", "网关")
GROUP = Text("Group", "组")
STATE = Text("State", "状态")
SINCE = Text("For", "已持续")
WHY = Text("Because", "原因")
LATENCY = Text("Answers in", "应答用时")
CHANNELS = Text("Calls", "通话")
ASR = Text("Answered", "接通率")
NER = Text("Carried", "送达率")
LAST_FAILURE = Text("Last failure", "最近失败")
REGISTRATION = Text("Registered", "注册")
ADDRESS = Text("Address", "地址")
HEADS = (NAME, GROUP, STATE, SINCE, WHY, LATENCY, CHANNELS, ASR, NER, LAST_FAILURE, REGISTRATION, ADDRESS)

STATES = {
    "new": Text("not asked yet", "尚未探测"),
    "up": Text("up", "可用"),
    "down": Text("down", "不可用"),
    "broken": Text("fails calls", "呼叫失败"),
    "trial": Text("on trial", "试探中"),
    "paused": Text("paused", "暂停"),
    "disabled": Text("disabled", "已停用"),
    "removed": Text("removed", "已移除"),
}
REGISTRATIONS = {
    "": Text("", ""),
    "trying": Text("trying", "正在尝试"),
    "registered": Text("yes", "是"),
    "refused": Text("refused", "被拒绝"),
}
AGO = Text("{what}, {ago} ago", "{what}（{ago}前）")

NO_EDGE = Text(
    "No edge is running here, so nobody knows its gateways. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无从得知其网关。请用 `talkpath run` 启动。",
)
NONE = Text(
    "There is no gateway. Add one under [[gateways]] in the configuration, or with `talkpath gateways add`.",
    "没有网关。请在配置的 [[gateways]] 中添加，或使用 `talkpath gateways add`。",
)
NONE_IN_GROUP = Text(
    "No gateway stands in the group {group} of `routing.outbound` yet: calls out get 503 until one does. "
    "`talkpath gateways add NAME ADDRESS --group {group}` adds one without a restart.",
    "`routing.outbound` 的组 {group} 中还没有网关：在此之前外呼得到 503。"
    "`talkpath gateways add 名称 地址 --group {group}` 无需重启即可添加。",
)
UNKNOWN = Text(
    "there is no gateway {name}. `talkpath gateways` lists them.", "没有网关 {name}。`talkpath gateways` 可列出。"
)
UNKNOWN_NEAR = Text("there is no gateway {name}. Did you mean {near}?", "没有网关 {name}。是否想写 {near}？")
EXISTS = Text(
    "there is a gateway {name} already. Give this one another name, or remove that one first.",
    "已有网关 {name}。请换个名称，或先移除它。",
)
CONFIGURED = Text(
    "{name} stands in the configuration, and is removed there. `talkpath gateways disable {name}` gives it no calls.",
    "{name} 写在配置中，请在那里移除。`talkpath gateways disable {name}` 可不再交给它呼叫。",
)
IS_DISABLED = Text("{name} gets no calls any more; those that run go on.", "不再把呼叫交给 {name}；正在进行的继续。")
IS_ENABLED = Text("{name} gets calls again.", "恢复把呼叫交给 {name}。")
ADDED = Text("{name} is added.", "已添加 {name}。")
REMOVED = Text("{name} is removed.", "已移除 {name}。")

# The log.
NEWS = {
    "up": Text("The gateway {gateway} is there.", "网关 {gateway} 可用。"),
    "back": Text("The gateway {gateway} is there again: {why}.", "网关 {gateway} 已恢复：{why}。"),
    "down": Text("The gateway {gateway} is down: {why}.", "网关 {gateway} 不可用：{why}。"),
    "broken": Text(
        "The gateway {gateway} gets no calls for a while: its last ones failed ({why}).",
        "暂不把呼叫交给网关 {gateway}：最近的呼叫均失败（{why}）。",
    ),
    "paused": Text(
        "The gateway {gateway} gets no calls for a while: it asked for that ({why}).",
        "应其要求暂不把呼叫交给网关 {gateway}（{why}）。",
    ),
    "disabled": Text("The gateway {gateway} is disabled by hand.", "网关 {gateway} 已手动停用。"),
    "enabled": Text("The gateway {gateway} is enabled by hand.", "网关 {gateway} 已手动启用。"),
    "unresolved": Text(
        "The gateway {gateway}: {why} does not resolve. It is tried again.",
        "网关 {gateway}：{why} 无法解析，将继续重试。",
    ),
    "resolved": Text("The gateway {gateway}: {why} resolves.", "网关 {gateway}：{why} 已可解析。"),
    "registered": Text("Registered at the gateway {gateway}.", "已在网关 {gateway} 注册。"),
    "registration-failed": Text(
        "Not registered at the gateway {gateway}: {why}. It is tried again.",
        "未能在网关 {gateway} 注册：{why}，将继续重试。",
    ),
    "registration-refused": Text(
        "The gateway {gateway} refuses our registration: {why}. Check the user name, the password and the domain; it "
        "is tried again in ten minutes.",
        "网关 {gateway} 拒绝注册：{why}。请检查用户名、密码和域；十分钟后重试。",
    ),
}
# Why, as another node of the cluster found it.
HEARD = Text("node {node}: {why}", "节点 {node}：{why}")
MORE_NEWS = Text(
    "{count} more changes of gateways; `talkpath gateways` shows them.",
    "另有 {count} 项网关变化；`talkpath gateways` 可查看。",
)

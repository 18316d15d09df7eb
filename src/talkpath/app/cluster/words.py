"""What is said of a cluster."""

from talkpath.base.texts import Text

HELP = Text(
    "Show the nodes of the cluster, and the engine that holds what they share.",
    "显示集群的各节点，以及保存共享内容的引擎。",
)
HELP_JSON = Text("Print JSON.", "输出 JSON。")
HELP_WATCH = Text("Draw it anew every second.", "每秒刷新。")

NODE = Text("Node", "节点")
STATE = Text("State", "状态")
ADDRESS = Text("Reached at", "可达地址")
CALLS = Text("Calls", "通话")
REGISTRATIONS = Text("Registrations", "注册")
LAG = Text("Lag", "延迟")
WAITING = Text("To be written", "待写入")
SINCE = Text("Runs since", "运行时长")
VERSION = Text("Version", "版本")
HEADS = (NODE, STATE, ADDRESS, CALLS, REGISTRATIONS, LAG, WAITING, SINCE, VERSION)
RIGHT = (CALLS, REGISTRATIONS, LAG, WAITING, SINCE)

STATES = {
    "here": Text("this node", "本节点"),
    "there": Text("there", "在线"),
    "drains": Text("drains", "排空中"),
    "gone": Text("gone", "失联"),
    "unheard": Text("not heard yet", "尚未听到"),
    "fenced": Text("this node, silenced", "本节点，已禁言"),
}
ENGINES = {
    "live": Text("live", "同步"),
    "reading": Text("being read", "读取中"),
    "away": Text("away", "不可用"),
}
AT_RISK = Text(
    "If this node died now, {lost} of its {calls} calls would not simply go on:",
    "若本节点此刻故障，其 {calls} 个通话中有 {lost} 个不能直接接续：",
)
CALL = Text("Call", "呼叫")
WHY = Text("Why", "原因")
RISK_HEADS = (CALL, WHY)
RISKS = {
    "begins": Text("nobody has answered, and it has not rung for long enough", "尚未应答，且振铃时间还不够长"),
    "untold": Text("it was answered a moment ago, and the others are not told yet", "刚刚应答，尚未告知其他节点"),
    "handshake": Text(
        "DTLS with the {detail} is between its first word and its keys", "与{detail}的 DTLS 握手正在进行，尚无密钥"
    ),
    "address": Text(
        "it runs at {detail}, which does not move ([cluster] addresses): it is silent until another node has asked "
        "both phones anew, and ends where that fails",
        "它使用 {detail}，该地址不会移交（[cluster] addresses）：在其他节点重新邀请双方之前无声，失败则结束",
    ),
    "unwritten": Text(
        "what became of it is not written: the engine of the cluster does not answer",
        "其最新状态尚未写入：集群引擎没有响应",
    ),
    "alone": Text("no other node is there to go on with it", "没有其他在线节点可以接续"),
}
SUMMARY = Text(
    "Cluster {cluster}: the engine is {state} ({server}, NATS {version}, {replicas} on each record).",
    "集群 {cluster}：引擎{state}（{server}，NATS {version}，每条记录 {replicas} 份）。",
)
SUMMARY_AWAY = Text(
    "Cluster {cluster}: the engine is {state}. Calls and registrations go on here; what changes is written later.",
    "集群 {cluster}：引擎{state}。本节点的呼叫和注册照常；变化稍后写入。",
)
NO_EDGE = Text(
    "No edge is running here, so nobody knows its cluster. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无从得知其集群。请用 `talkpath run` 启动。",
)
NO_CLUSTER = Text(
    "This node is alone. [cluster] in the configuration makes it one of several.",
    "本节点单独运行。在配置中写 [cluster] 可加入集群。",
)

# At start.
NOT_INSTALLED = Text(
    'There is a [cluster] in the configuration, and no {module}. Install it: `pip install "talkpath[cluster]"`.',
    '配置中有 [cluster]，但未安装 {module}。请安装：`pip install "talkpath[cluster]"`。',
)
CERTIFICATES_UNUSABLE = Text(
    "The `ca`, `certificate` or `key` of [cluster] cannot be used ({why}).",
    "[cluster] 的 `ca`、`certificate` 或 `key` 无法使用（{why}）。",
)
HINDRANCES = {
    "trust": Text(
        "No NATS server of [cluster] can be trusted : look at `ca`. It stands for who signed the servers' "
        "certificates, which name what stands in `urls`; some servers want a `certificate` and `key` of ours.",
        "[cluster] 中的 NATS 服务器不可信：请检查 `ca`，即签发服务器证书的机构；证书须含 `urls` 中的名称。"
        "有的服务器还要求我方的 `certificate` 和 `key`。",
    ),
    "secret": Text(
        "The cluster {cluster} is sealed with another secret. Give this node the `secret` that the others have.",
        "集群 {cluster} 使用另一个密钥密封。请为本节点配置与其他节点相同的 `secret`。",
    ),
    "storage": Text(
        "The NATS server has no JetStream, so it keeps nothing. Enable it there (`jetstream {{}}`, or -js).",
        "NATS 服务器未启用 JetStream，无法保存任何内容。请在其上启用（`jetstream {{}}` 或 -js）。",
    ),
    "permission": Text(
        "The NATS server refuses our user or password. Look at `user` and `password` in [cluster].",
        "NATS 服务器拒绝了用户名或密码。请检查 [cluster] 的 `user` 和 `password`。",
    ),
    "name": Text(
        "Another node of the cluster {cluster} is called {node} already, and runs at {address}. Give one of them "
        "another name.",
        "集群 {cluster} 中已有名为 {node} 的节点在 {address} 运行。请为其中一个改名。",
    ),
    "unreached": Text(
        "No NATS server of [cluster] can be used, and a node that starts for the first time needs one: the keys that "
        "all nodes share lie there. Look at `urls`, and whether most of the servers run.",
        "无法使用 [cluster] 中的任何 NATS 服务器；首次启动的节点需要它，因为各节点共享的密钥在那里。"
        "请检查 `urls`，以及是否有过半的服务器在运行。",
    ),
}

# The log.
JOINED = Text("The node {node} is there, at {address}.", "节点 {node} 上线，地址 {address}。")
LEFT = Text("The node {node} left.", "节点 {node} 已离开。")
GONE = Text(
    "The node {node} is gone: it was not heard for {silent:g} s. Its phones behind NATs and on connections are "
    "reached again when they register.",
    "节点 {node} 失联：{silent:g} 秒未收到其心跳。其 NAT 后及连接上的话机重新注册后才可到达。",
)
NAMESAKE = Text(
    "Another process at {address} calls itself {node} too, and began later. Give it another name.",
    "{address} 上的另一进程也自称 {node}，且启动较晚。请为它改名。",
)
FENCED = Text(
    "Another process at {address} is called {node} and was there first, so this node tells the cluster nothing any "
    "more. Give one of them another name and start this one again.",
    "{address} 上名为 {node} 的进程先于本节点启动，本节点不再向集群写入。请为其中一个改名并重启本节点。",
)
OTHER_DOMAINS = Text(
    "The node {node} serves other domains ({theirs}) than this one ({ours}). Give all nodes the same.",
    "节点 {node} 负责的域（{theirs}）与本节点（{ours}）不同。请让所有节点一致。",
)
OTHER_PORTS = Text(
    "The node {node} has other media ports ({theirs}) than this one ({ours}). Give all nodes the same.",
    "节点 {node} 的媒体端口（{theirs}）与本节点（{ours}）不同。请让所有节点一致。",
)
ADDRESS_REFUSED = Text(
    "The node {node} has the address {address} too, and took it later. This node lets go of it. Look whether "
    "keepalived runs here, and whether its packets (VRRP, protocol 112) pass between the nodes.",
    "节点 {node} 也持有地址 {address}，且取得更晚。本节点放弃该地址。请检查本机 keepalived 是否在运行，"
    "以及节点之间的 VRRP 报文（协议号 112）能否通过。",
)
ADDRESS_TAKEN_OFF = Text(
    "keepalived did not take off the address {address}, which the node {node} has: this node did. Start keepalived "
    "again.",
    "keepalived 未移除节点 {node} 已持有的地址 {address}，已由本节点移除。请重新启动 keepalived。",
)
ADDRESS_STAYS = Text(
    "The address {address} is at two hosts, here and at node {node}, and cannot be taken off here ({reason}): calls "
    "to it reach the one or the other. Start keepalived again, or remove it as root: `ip address del`.",
    "地址 {address} 同时在本机和节点 {node} 上，且无法在本机移除（{reason}）：呼叫会随机到达其一。"
    "请重新启动 keepalived，或以 root 移除：`ip address del`。",
)
NONE_NAMED = Text("none", "无")
AWAY = Text(
    "The engine of the cluster is away. Calls and registrations go on; what changes here is told to the others when "
    "it is back.",
    "集群引擎不可用。呼叫和注册照常；本节点的变化待其恢复后再告知其他节点。",
)
BACK = Text(
    "The engine of the cluster is there ({server}). Records to be written: {waiting}.",
    "集群引擎可用（{server}）。待写入记录：{waiting}。",
)
ONE_COPY = Text(
    "The engine of the cluster holds each record on one server only: when that is lost, so is what the nodes share. "
    "Three NATS servers that form a cluster of their own hold three.",
    "集群引擎只在一台服务器上保存每条记录：该服务器丢失则共享内容丢失。三台组成集群的 NATS 服务器可保存三份。",
)
NEWER = Text(
    "A node runs a newer talkpath that writes records which this one cannot read. Upgrade this node.",
    "有节点运行更新的 talkpath，其记录本节点无法读取。请升级本节点。",
)
UNREADABLE = Text(
    "Records of the cluster cannot be read: {count} so far, the last of the kind {kind}. Another secret sealed them, "
    "or they were changed. They are left alone.",
    "集群中有无法读取的记录：目前 {count} 条，最近一条类别为 {kind}。它们由另一密钥密封或被改动，不予处理。",
)
FOREIGN = Text(
    "The cluster is sealed with another secret than this node has, or has other keys. This node tells it nothing any "
    "more. Give it the right `secret` and start it again.",
    "集群的密钥与本节点不同。本节点不再向其写入。请配置正确的 `secret` 并重启。",
)

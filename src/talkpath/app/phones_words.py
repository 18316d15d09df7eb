"""What `talkpath phones` says to people."""

from talkpath.base.texts import Text

HELP = Text(
    "List the registered phones of the running edge: where they are, whether they answer, and how fast.",
    "列出正在运行的节点上已注册的话机：位置、是否应答以及往返时间。",
)
HELP_USER = Text("Only the phones of this user.", "只显示该用户的话机。")
HELP_JSON = Text("Print JSON.", "输出 JSON。")

HEADS = (
    Text("User", "用户"),
    Text("Reached at", "可达地址"),
    Text("NAT", "NAT"),
    Text("State", "状态"),
    Text("There and back", "往返"),
    Text("Answered before", "上次应答距今"),
    Text("Expires in", "剩余有效期"),
    Text("Phone", "话机"),
    Text("Contact", "联系地址"),
)
NAT = Text("NAT", "NAT")
HEALTH = {
    "new": Text("not asked yet", "尚未探测"),
    "answers": Text("answers", "应答"),
    "silent": Text("answers no OPTIONS", "不应答 OPTIONS"),
    "gone": Text("gone", "离线"),
    "unasked": Text("registered", "已注册"),
    "open": Text("connected", "已连接"),
    "closed": Text("connection closed", "连接已关闭"),
    "elsewhere": Text("at node {node}", "在节点 {node}"),
    "lost": Text("node {node} is gone", "节点 {node} 失联"),
}

NO_EDGE = Text(
    "No edge is running here, so nobody knows its phones. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无从得知其话机。请用 `talkpath run` 启动。",
)
NOBODY = Text("No phone is registered.", "没有已注册的话机。")
TOO_MANY = Text(
    "{user} has as many phones as it may ({refused} more refused, the last from {source}, {agent}): see `talkpath "
    "phones {user}` and `registrar.max_contacts`",
    "{user} 的话机数已达上限（又拒绝 {refused} 次，最近一次来自 {source}，{agent}）："
    "请查看 `talkpath phones {user}` 和 `registrar.max_contacts`",
)
MADE_ROOM = Text(
    "{made_room} old contacts of {user} made room for a phone that came anew, the last from {source}, {agent}: it "
    "names another instance or port each time it starts",
    "{user} 的 {made_room} 个旧注册已让位给重新上线的话机（最近一次来自 {source}，{agent}）："
    "它每次启动都换实例标识或端口",
)
MORE_CROWDED = Text("the same happened to {count} more users", "另有 {count} 个用户也是如此")

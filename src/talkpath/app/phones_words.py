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
}

NO_EDGE = Text(
    "No edge is running here, so nobody knows its phones. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无从得知其话机。请用 `talkpath run` 启动。",
)
NOBODY = Text("No phone is registered.", "没有已注册的话机。")

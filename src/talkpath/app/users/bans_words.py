"""What `talkpath bans` and the log say of the guard."""

from talkpath.base.texts import Text

HELP = Text(
    "Who is banned: list them, add a network, or lift a ban. Without a command: the list.",
    "封禁：列出、添加网络或解除。不带子命令时列出。",
)
HELP_LIST = Text("List the bans in force, with what led to them.", "列出生效的封禁及其原因。")
HELP_ADD = Text(
    "Ban an address or network until it is lifted; a running edge notices within a second.",
    "封禁一个地址或网络直至解除；正在运行的节点一秒内生效。",
)
HELP_LIFT = Text("End the bans of an address, address:port or network.", "解除某个地址、地址:端口或网络的封禁。")
HELP_FOR = Text("For so long only: 30m, 2h, 3d.", "仅封禁这么久：30m、2h、3d。")
HELP_NOTE = Text("Why, for whoever reads the list.", "原因，供查看列表的人参考。")
HELP_JSON = Text("Print JSON.", "输出 JSON。")

HEADS = (
    Text("Source", "来源"),
    Text("Since", "起始"),
    Text("Ends in", "剩余"),
    Text("Finding", "结论"),
    Text("Too much of", "超量"),
    Text("What it sent", "发送内容"),
    Text("Whom it asked for", "请求的用户"),
    Text("Note", "备注"),
)
NEVER = Text("never", "不结束")
NONE = Text("Nobody is banned.", "没有封禁。")
NO_EDGE = Text(
    "No edge is running here; these are the bans that were added by hand.",
    "本机没有正在运行的节点；以下为手动添加的封禁。",
)
ADDED = Text("{source} is banned.", "已封禁 {source}。")
LIFTED = Text("{source} is banned no more.", "已解除对 {source} 的封禁。")
NOT_BANNED = Text(
    "{source} is not banned. `talkpath bans` lists who is.", "{source} 未被封禁。`talkpath bans` 可列出封禁。"
)
NO_NETWORK = Text(
    '"{given}" is no address or network. Examples: 203.0.113.7, 203.0.113.0/24, 2001:db8::/48.',
    "“{given}”不是地址或网络。例如：203.0.113.7、203.0.113.0/24、2001:db8::/48。",
)
BAD_SPAN = Text('"{given}" is no span of time. Examples: 30m, 2h, 3d.', "“{given}”不是时长。例如：30m、2h、3d。")

BANNED = Text(
    "{source} is banned for {seconds:.0f} s ({code}): too much of {kind}; it sent {methods} and asked for {users}",
    "{source} 被封禁 {seconds:.0f} 秒（{code}）：{kind} 过多；发送了 {methods}，请求过 {users}",
)
MORE_BANNED = Text("{count} more sources were banned", "另有 {count} 个来源被封禁")
REFUSED = Text(
    "{method} of {user} from {source} refused: {why} (so far: {times})",
    "拒绝 {source} 以 {user} 发送的 {method}：{why}（至今 {times} 次）",
)
MORE_REFUSED = Text("{count} more users and sources were refused", "另有 {count} 组用户与来源被拒绝")
TOLLED = Text(
    "toll-fraud? Calls of {user} refused: {times}, the last from {source} to {number}; "
    "other accounts: {others}. {why}",
    "疑似盗打：{user} 的 {times} 个呼叫被拒绝，最近一次从 {source} 拨打 {number}；另有帐号 {others} 个。{why}",
)
TURNED_AWAY = Text(
    "{calls} calls of strangers were turned away in the last minute, {dropped} messages dropped unread",
    "过去一分钟拒绝了 {calls} 个陌生来源的呼叫，丢弃未读消息 {dropped} 条",
)
# What is noted of a ban, which another node of the cluster made.
OF_NODE = Text("node {node}: {note}", "节点 {node}：{note}")

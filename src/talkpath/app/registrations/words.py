"""What `talkpath registrations` says to people, and the log of phones."""

from talkpath.base.texts import Text

HELP = Text(
    "List who is registered at the running edge: from where, by which transport and phone, since when and until "
    "when, whether the phone answers and how fast; and who is not let in, and why.",
    "列出正在运行的边缘服务器上的注册：来源、传输方式、话机、起止时间、是否应答以及往返时间；以及谁被拒绝、为什么。",
)
HELP_PHONES = Text("The same as `talkpath registrations`.", "同 `talkpath registrations`。")
HELP_JSON = Text(
    "Print JSON: an array, one registration a line; with --follow, one change a line.",
    "输出 JSON：一个数组，每行一个注册；与 --follow 合用时每行一个变化。",
)
HELP_FOLLOW = Text("Print each change from now on, until interrupted.", "从现在起逐行输出每个变化，直到中断。")
HELP_FAILING = Text("Only who is not let in.", "只显示被拒绝的。")

HEADS = (
    Text("User", "用户"),
    Text("Reached at", "可达地址"),
    Text("NAT", "NAT"),
    Text("State", "状态"),
    Text("There and back", "往返"),
    Text("Answered before", "上次应答距今"),
    Text("Since", "注册于"),
    Text("Expires in", "剩余有效期"),
    Text("Phone", "话机"),
    Text("Contact", "联系地址"),
    Text("Last failure", "最近一次失败"),
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
    "refused": Text("not let in", "被拒绝"),
}
FAILED = Text("{at}: {why} ({times} times)", "{at}：{why}（{times} 次）")
FAILED_FROM = Text("{at} from {source}: {why} ({times} times)", "{at} 来自 {source}：{why}（{times} 次）")
CHANGES = {
    "registered": Text("{user} registered {contact}", "{user} 注册了 {contact}"),
    "moved": Text("{user} is reached elsewhere now: {contact}", "{user} 的可达地址已变：{contact}"),
    "renewed": Text("{user} renewed {contact}", "{user} 续期了 {contact}"),
    "removed": Text("{user} is no longer registered: {contact} was removed", "{user} 不再注册：{contact} 已移除"),
    "over": Text("{user} is no longer registered: {contact} ran out", "{user} 不再注册：{contact} 已过期"),
}
#: Those of them that have an end to tell.
WITH_TIME = ("registered", "moved", "renewed")
MISSED = Text("{count} changes came too fast to be told", "另有 {count} 个变化来得太快，未能显示")

NO_EDGE = Text(
    "No edge is running here, so nobody knows its phones. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无从得知其话机。请用 `talkpath run` 启动。",
)
NOBODY = Text("Nobody is registered, and nobody tries in vain.", "没有注册，也没有被拒绝的注册。")
TOO_MANY = Text(
    "{user} has as many phones as it may ({refused} more refused, the last from {source}, {agent}): see `talkpath "
    "registrations {user}` and `registrar.max_contacts`",
    "{user} 的话机数已达上限（又拒绝 {refused} 次，最近一次来自 {source}，{agent}）："
    "请查看 `talkpath registrations {user}` 和 `registrar.max_contacts`",
)
MADE_ROOM = Text(
    "{made_room} old contacts of {user} made room for a phone that came anew, the last from {source}, {agent}: it "
    "names another instance or port each time it starts",
    "{user} 的 {made_room} 个旧注册已让位给重新上线的话机（最近一次来自 {source}，{agent}）："
    "它每次启动都换实例标识或端口",
)
MORE_CROWDED = Text("the same happened to {count} more users", "另有 {count} 个用户也是如此")

"""What `talkpath status` says."""

from talkpath.base.texts import Text

HELP = Text(
    "How the running edge is, on one screen: who is registered, what calls run and how those of the last hour "
    "ended, gateways, bans, what it takes of this host, and what somebody should look after. Exit code 1 where "
    "something is.",
    "用一屏说明正在运行的边缘服务器：注册、正在进行的通话、最近一小时通话的结果、网关、封禁、占用的本机资源，"
    "以及需要处理的问题。有问题时退出码为 1。",
)
HELP_JSON = Text("Print JSON.", "输出 JSON。")
NO_EDGE = Text(
    "No edge is running here. Start it with `talkpath run`.",
    "本机没有正在运行的边缘服务器。请用 `talkpath run` 启动。",
)

RUNS = Text("talkpath {version}, running for {time}", "talkpath {version}，已运行 {time}")
OF_NODE = Text("node {node}", "节点 {node}")
DRAINING = Text("draining: no new calls are taken", "正在排空：不接受新呼叫")

LISTENS = Text("Listens", "监听")
PHONES = Text("Registered", "注册")
ELSEWHERE = Text("{count} at other nodes", "{count} 个在其他节点")
GONE = Text("{count} do not answer", "{count} 个不应答")
FAILING = Text(
    "{count} not let in (`talkpath registrations --failing`)",
    "{count} 个被拒绝（`talkpath registrations --failing`）",
)
GUESTS = Text("{count} guests of the page", "网页访客 {count} 个")
CONNECTIONS = Text("Connections", "连接")
CALLS = Text("Calls", "通话")
RUNNING = Text("{count} running", "{count} 路进行中")
LAST_HOUR = Text("last hour: {results}", "最近一小时：{results}")
NO_CALLS = Text("none in the last hour", "最近一小时没有")
IN_KERNEL = Text("{count} streams pass in the kernel", "{count} 路媒体流在内核中通过")
BY_SOCKETS = Text("media by sockets: {reason}", "媒体经由套接字：{reason}")
RECORDINGS = Text("{count} are recorded", "{count} 路在录音")
GATEWAYS = Text("Gateways", "网关")
BANS = Text("Bans", "封禁")
HOST = Text("Host", "本机")
OF_HOST = Text(
    "{memory} of memory, {files} of {most} files, the event loop was late by {lag:.0f} ms at most in the last minute",
    "内存 {memory}，文件 {files}/{most}，最近一分钟事件循环最多延迟 {lag:.0f} 毫秒",
)
DISK = Text("{room} free for {place}", "{place} 可用空间 {room}")
STORE = Text("{count} items wait to be written", "{count} 项等待写入")
CERTIFICATE = Text("Certificate", "证书")
DAYS = Text("{name}: {days} days left", "{name}：剩余 {days} 天")
NONE = Text("none", "无")

PROBLEMS = Text("To look after", "需要处理")
WELL = Text("Nothing needs looking after.", "没有需要处理的问题。")
GATEWAY_DOWN = Text(
    "gateway {name} is {state}: see `talkpath gateways {name}`",
    "网关 {name} 状态为 {state}：见 `talkpath gateways {name}`",
)
CERTIFICATE_ENDS = Text(
    "certificate {name} ends in {days} days: renew it, and run `talkpath reload`",
    "证书 {name} 将在 {days} 天后到期：请续期，然后执行 `talkpath reload`",
)
CERTIFICATE_ENDED = Text(
    "certificate {name} has ended: no phone that looks at it connects over TLS and WSS",
    "证书 {name} 已过期：检查证书的话机无法用 TLS 和 WSS 连接",
)
CERTIFICATE_UNREADABLE = Text("the file of certificate {name} cannot be read", "证书 {name} 的文件无法读取")
DISK_FULL = Text(
    "only {room} ({share:.0%}) are free where {place} lies: make room, or keep less (`history`, `recording`)",
    "{place} 所在磁盘仅剩 {room}（{share:.0%}）：请清理，或减少保留（`history`、`recording`）",
)
LAG = Text(
    "the event loop was late by {lag:.0f} ms: this host has too little CPU for its calls, or a script blocks",
    "事件循环延迟 {lag:.0f} 毫秒：本机 CPU 不足，或脚本阻塞",
)
FILES = Text(
    "{files} of {most} files are open: raise LimitNOFILE=", "已打开 {files}/{most} 个文件：请提高 LimitNOFILE="
)
LOST = Text(
    "{count} calls or registrations could not be written: see the log for what the disk says",
    "{count} 项通话或注册未能写入：请查看日志中磁盘的报错",
)
FAULTS = Text(
    "{count} faults of our own: please report what the log shows", "出现 {count} 次程序错误：请报告日志内容"
)

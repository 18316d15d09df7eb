"""What is said of a configuration that a running edge takes up."""

from talkpath.base.texts import Text

HELP = Text(
    "Have the running edge take up its configuration and its routing script anew, all or nothing. Calls and "
    "registrations go on. It says what changed, and what waits for a restart.",
    "让运行中的边缘服务器重新读取配置和路由脚本，要么全部生效，要么不变。通话和注册不受影响。会说明哪些已改变，哪些需要重启。",
)
NO_EDGE = Text(
    "No edge runs here with this state directory. Start one with talkpath run, or name its directory with --state.",
    "此状态目录没有运行中的边缘服务器。用 talkpath run 启动，或用 --state 指定其目录。",
)

TAKEN = Text("The configuration was taken up.", "配置已重新读取并生效。")
NOT_TAKEN = Text(
    "The configuration cannot be taken up as it is. Nothing was changed: the edge goes on as before.",
    "无法按现状采用此配置。没有任何改变：边缘服务器照旧运行。",
)
AS_IT_WAS = Text("The configuration is what it was.", "配置没有变化。")
SCRIPT_TAKEN = Text("The script {file} was loaded anew.", "脚本 {file} 已重新加载。")
CHANGED = Text("{key} is {after} now, was {before}.", "{key} 现为 {after}，原为 {before}。")
CHANGED_LIST = Text("{key}: {what}.", "{key}：{what}。")
ADDED = Text("added {names}", "新增 {names}")
REMOVED = Text("removed {names}", "移除 {names}")
ALTERED = Text("changed {names}", "更改 {names}")
TOGETHER = Text("{some}, {others}", "{some}，{others}")
AND_MORE = Text("{names} and {more} more", "{names} 等，另有 {more} 个")
REASON = Text("{reason}", "{reason}")
LEFT = Text(
    "Nothing new is taken at {listeners}. It closes when the calls, connections and registrations over it have "
    "ended.",
    "{listeners} 不再接受新的请求，待其上的通话、连接和注册结束后关闭。",
)
CERTIFICATE_TAKEN = Text("The certificate {path} was renewed and is in use.", "证书 {path} 已更新并启用。")
CERTIFICATE_KEPT = Text("{what} The certificate before it stays in use.", "{what}继续使用之前的证书。")
HELP_UPGRADE = Text(
    "Replace the process of the running edge by talkpath as it is installed now. Listeners stay open, answered and "
    "ringing calls go on once it has begun; phones on connections come back to them.",
    "用当前安装的 talkpath 替换运行中的进程。监听保持打开，已接通和振铃中的通话在新进程启动后继续；"
    "使用连接的话机会自行重连。",
)
HELP_TIMEOUT = Text("Seconds to wait for the new process.", "等待新进程的秒数。")
REPLACING = Text("The process is being replaced.", "正在替换进程。")
NOT_REPLACED = Text("The edge goes on in the process that it has.", "边缘服务器仍在现有进程中运行。")
UPGRADE_OF_A_NODE = Text(
    "This is a node of a cluster: empty it with talkpath drain NODE, and restart it then.",
    "这是集群中的节点：请先用 talkpath drain 节点名 清空它，再重启。",
)
REPLACED = Text("The new process answers after {seconds:.1f} s.", "新进程在 {seconds:.1f} 秒后开始应答。")
REPLACEMENT_LOST = Text(
    "The new process does not answer after {seconds:g} s. Look at the log of the edge.",
    "{seconds:g} 秒后新进程仍未应答。请查看边缘服务器的日志。",
)
WAITING = Text(
    "Only after a restart, and until then as it was: {keys}.",
    "以下各项重启后才生效，在此之前保持原样：{keys}。",
)
FAULT = Text(
    "The edge could not take it up because of a fault of talkpath, and may go on with a part of it. Its log says "
    "more; please report this, and restart.",
    "由于 talkpath 自身的错误，未能完成，可能只有部分生效。日志中有详情；请报告此问题并重启。",
)

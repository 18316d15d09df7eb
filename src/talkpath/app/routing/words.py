"""What `talkpath route` says to people."""

from talkpath.base.texts import Text

HELP = Text(
    "Say what would happen now to a call of FROM to TO: each decision, each target in its order, and who is passed "
    "over for which reason. Nothing is sent. FROM is a user, who counts as proven, or any other name or URI, which "
    "does not; TO is a user, a number or a URI. The running edge answers from what it knows at that moment.",
    "说明此刻 FROM 呼叫 TO 会发生什么：每个决定、每个目标及其顺序、谁因何被跳过。不发送任何消息。"
    "FROM 是用户（视为已认证），或其他名称或 URI（视为未认证）；TO 是用户、号码或 URI。"
    "由正在运行的节点根据其注册、网关和脚本回答。",
)
HELP_FROM_ADDRESS = Text(
    "The IP address that the call comes from; that of a gateway makes it a call of that gateway.",
    "呼叫来源 IP 地址；若为网关地址，则视为该网关的呼叫。",
)
HELP_REPLAY = Text(
    "Put a call of the past, or every call of a capture, to the routing of now instead, and say what would differ.",
    "改为用过去的一通电话，或抓包文件中的每通电话，来试当前的路由，并说明有何不同。",
)
HELP_SCRIPT = Text(
    "Ask this script instead of the one in use; nothing is put into use.",
    "改为询问此脚本，而不是正在使用的脚本；不会启用它。",
)
REPLAY_ALONE = Text(
    "--replay stands alone: no FROM, no TO, no --from-address.",
    "--replay 须单独使用，不带 FROM、TO 和 --from-address。",
)
FROM_AND_TO = Text("Say who calls whom: talkpath route FROM TO", "请说明谁呼叫谁：talkpath route FROM TO")
NO_INVITE = Text("{id} holds no INVITE that could be put to anybody.", "{id} 中没有可用的 INVITE。")
NO_CALLS = Text("There is no call in {file}.", "{file} 中没有呼叫。")
UNREADABLE = Text("The capture can not be read: {what}", "抓包文件无法读取：{what}")
AS_BEFORE = Text("{id} ({who}): as before.", "{id}（{who}）：与当时相同。")
DIFFERS = Text("{id} ({who}): differs.", "{id}（{who}）：不同。")
WOULD = Text("{id} ({who}):", "{id}（{who}）：")
THEN = Text("  Then:", "  当时：")
NOW = Text("  Now:", "  现在：")
HELP_JSON = Text("Print JSON: one object a step.", "输出 JSON：每步一个对象。")
NO_EDGE = Text(
    "No edge is running here, so nobody knows its registrations and gateways. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无从得知其注册和网关。请用 `talkpath run` 启动。",
)
NO_ADDRESS = Text("{value} is no IP address.", "{value} 不是 IP 地址。")
NO_NAME = Text("{value} can not stand in a SIP URI.", "{value} 不能用于 SIP URI。")

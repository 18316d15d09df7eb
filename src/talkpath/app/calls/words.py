"""What `talkpath calls` says to people."""

from talkpath.base.texts import Text

HELP = Text(
    "List the calls of the running edge and of the past, or tell the story of one: its ladder, every decision and "
    "its media.",
    "列出正在运行的节点以及过去的通话；或讲述其中一个通话：信令图、每个决定与媒体。",
)
HELP_NAME = Text(
    "The id of a call, the beginning of one, or a Call-ID. Left out: a list.",
    "通话的 id、其开头部分，或 Call-ID。省略时列出通话。",
)
HELP_NUMBER = Text("Only calls from or to users that contain this.", "只显示主叫或被叫包含此内容的通话。")
HELP_SINCE = Text(
    "Only calls since then: 30m, 2h, 3d, 14:30, 2026-01-31 or 2026-01-31T14:30.",
    "只显示此后的通话：30m、2h、3d、14:30、2026-01-31 或 2026-01-31T14:30。",
)
HELP_RESULT = Text("Only calls with this result.", "只显示结果如此的通话。")
HELP_LIMIT = Text("At most so many calls, the latest.", "最多显示这么多最近的通话。")
HELP_FOLLOW = Text(
    "Go on and print a line whenever a call begins, rings, is answered or ends.",
    "持续运行，每当通话开始、振铃、接听或结束时输出一行。",
)
HELP_JSON = Text("Print JSON; with --follow one object a line.", "输出 JSON；与 --follow 合用时每行一个对象。")
HELP_MESSAGES = Text(
    "Print the messages in full too, their secrets taken out.", "同时输出完整消息，其中的秘密已隐去。"
)

RING = Text("Ring", "振铃")
TALK = Text("Talk", "通话")
HEADS = (
    Text("Begun", "开始"),
    Text("From", "主叫"),
    Text("To", "被叫"),
    Text("Result", "结果"),
    RING,
    TALK,
    Text("Ended", "结束"),
    Text("Id", "ID"),
)

NO_EDGE = Text(
    "No edge is running here; these are the calls of the past.", "本机没有正在运行的节点；以下为过去的通话。"
)
MEDIA_BY_SOCKETS = Text(
    "Media passes by sockets and not in the kernel: {reason}.", "媒体经由套接字转发，未在内核中通过：{reason}。"
)
NO_EDGE_TO_FOLLOW = Text(
    "No edge is running here, so there is nothing to follow. Start it with `talkpath run`.",
    "本机没有正在运行的节点，无可跟踪。请用 `talkpath run` 启动。",
)
NO_CALLS = Text("No calls.", "没有通话。")
NO_SUCH_CALL = Text(
    "No call is known by {name}. `talkpath calls` lists those that are.",
    "没有名为 {name} 的通话。`talkpath calls` 可列出已知的通话。",
)
SEVERAL_CALLS = Text(
    "{name} may be any of {ids}. Give more of the id.", "{name} 可能是 {ids} 中的任何一个，请给出更多位 id。"
)

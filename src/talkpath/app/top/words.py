"""What `talkpath top` says."""

from talkpath.base.texts import Text

HELP = Text(
    "The calls that run, drawn each second: how loud each side is, how much of it is lost on the way, and its "
    "jitter. The worst stand first. Into a pipe they are told once.",
    "正在进行的通话，每秒刷新：每一方的音量、途中的丢包和抖动。最差的排在最前。输出到管道时只显示一次。",
)
HELP_JSON = Text("Print JSON, one call a line, once.", "输出 JSON，每行一路通话，只输出一次。")
NO_EDGE = Text(
    "No edge is running here. Start it with `talkpath run`.",
    "本机没有正在运行的边缘服务器。请用 `talkpath run` 启动。",
)
HEADS = (
    Text("ID", "编号"),
    Text("From", "主叫"),
    Text("To", "被叫"),
    Text("State", "状态"),
    Text("For", "时长"),
    Text("Codec", "编码"),
    Text("Caller's level", "主叫音量"),
    Text("lost, jitter", "丢包、抖动"),
    Text("Codec", "编码"),
    Text("Callee's level", "被叫音量"),
    Text("lost, jitter", "丢包、抖动"),
)
STATES = {
    "calling": Text("calling", "呼叫中"),
    "ringing": Text("ringing", "振铃"),
    "talking": Text("talking", "通话中"),
    "ended": Text("ending", "结束中"),
}

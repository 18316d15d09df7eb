"""What `talkpath record`, `talkpath recordings` and the log say of recordings."""

from talkpath.base.texts import Text

NO_DIRECTORY = Text(
    "{path}: recordings cannot be kept there ({why}); calls go on without. Make it writable for this user.",
    "{path}：无法存放录音（{why}）；通话不受影响。请让本用户可写。",
)
MENDED = Text(
    "The recording {name} was not finished when the edge ended; it was closed with {packets} packets, "
    "{cut} bytes of a torn one were cut off.",
    "节点结束时录音 {name} 未完成；现已收尾，含 {packets} 个包，切除残缺包 {cut} 字节。",
)
NOT_MENDED = Text(
    "The recording {name} was not finished when the edge ended, and cannot be closed ({why}). It is tried again at "
    "the next start, or by `talkpath recordings verify --repair`.",
    "节点结束时录音 {name} 未完成，且无法收尾（{why}）。下次启动或执行 "
    "`talkpath recordings verify --repair` 时再试。",
)

HELP_RECORD = Text(
    "Start, stop, pause or resume the recording of a running call.", "开始、结束、暂停或继续正在进行的通话的录音。"
)
HELP_START = Text("Record a call from now on; each start is a new file.", "从现在起录音；每次开始都是新文件。")
HELP_STOP = Text("End the recording of a call.", "结束通话的录音。")
HELP_PAUSE = Text("Leave a gap in the recording, until resumed.", "暂停录音，直到继续。")
HELP_RESUME = Text("Go on recording after a pause.", "暂停后继续录音。")
NO_EDGE = Text(
    "No edge runs here. Start it, or name its directory with --state.",
    "此处没有运行的节点。请启动，或用 --state 指定其目录。",
)
NO_CALL = Text(
    "{call}: no such call is running. See `talkpath calls`.",
    "{call}：没有这样的正在进行的通话。请看 `talkpath calls`。",
)

REFUSALS: dict[str, Text] = {
    "off": Text("{call}: this edge cannot record.", "{call}：本节点不能录音。"),
    "no-media": Text(
        "{call}: no media runs through this edge yet; try again when it rings or is answered.",
        "{call}：媒体尚未经过本节点；请在振铃或接听后再试。",
    ),
    "running": Text("{call}: it is being recorded already.", "{call}：已在录音。"),
    "not-running": Text("{call}: it is not being recorded.", "{call}：没有在录音。"),
    "paused": Text("{call}: its recording is paused already.", "{call}：录音已暂停。"),
    "not-paused": Text("{call}: its recording is not paused.", "{call}：录音没有暂停。"),
}
DONE: dict[str, Text] = {
    "start": Text("{call}: recorded from now on.", "{call}：已开始录音。"),
    "stop": Text("{call}: no longer recorded.", "{call}：已结束录音。"),
    "pause": Text("{call}: the recording is paused.", "{call}：录音已暂停。"),
    "resume": Text("{call}: the recording goes on.", "{call}：录音已继续。"),
}

"""What `talkpath recordings` says."""

from talkpath.base.texts import Text

HELP = Text(
    "The recordings: list, find, show, export, verify or remove them. Without a command: the list.",
    "录音：列出、查找、查看、导出、校验或清理。不带子命令时列出。",
)
HELP_LIST = Text("List recordings, or find some.", "列出或查找录音。")
HELP_SHOW = Text("Show the manifest of one, and where its files are.", "查看一个录音的清单及其文件位置。")
HELP_EXPORT = Text(
    "Copy recordings with everything beside them into another directory.", "把录音及其附属文件复制到另一目录。"
)
HELP_PRUNE = Text(
    "Remove the oldest recordings, by age or for space. Their manifests stay and say so.",
    "按时间或空间清理最旧的录音。其清单保留并注明。",
)
HELP_VERIFY = Text(
    "Find every file that is missing, cut, altered, nobody's or double, here and in the store, and answered calls "
    "without their recording. Exit code 1 when there is one.",
    "找出本机及存储中缺失、截断、被改动、无主或重复的文件，以及应有录音而没有的已接通话。有问题时退出码为 1。",
)
HELP_ONLY_HERE = Text(
    "Only what lies here; the store is not read, which may take time and money.",
    "只校验本机；不读取存储（读取可能费时且收费）。",
)
HELP_NUMBER = Text("Only those with this in a number or user.", "仅列出号码或用户含此内容的。")
HELP_GATEWAY = Text("Only those through this gateway.", "仅列出经此网关的。")
HELP_SINCE = Text(
    "Only those that began since: 30m, 2h, 3d, 14:30, 2026-05-01T08:00.", "仅列出此后开始的：30m、2h、3d、14:30。"
)
HELP_UNTIL = Text("Only those that began before.", "仅列出此前开始的。")
HELP_LIMIT = Text("At most so many, the latest.", "最多这么多个，取最近的。")
HELP_REMOVED = Text("Also those that were removed.", "也列出已清理的。")
HELP_JSON = Text("Print JSON.", "输出 JSON。")
HELP_OLDER = Text("Those older than: 12h, 30d, 8w.", "早于：12h、30d、8w。")
HELP_MOST = Text("So that at most so much is left: 500M, 20G.", "使剩余不超过：500M、20G。")
HELP_DRY = Text("Only say what would be removed.", "只说明将清理什么。")
HELP_STORE_TOO = Text(
    "Remove them from the store, too. Without it only what lies here is counted and removed.",
    "同时从存储中删除。不加则只统计和清理本机的。",
)
HELP_REPAIR = Text("Mend what can be mended; nothing good is thrown away.", "修复可修复的；不丢弃任何完好的内容。")

HEADS = (
    Text("Began", "开始"),
    Text("From", "主叫"),
    Text("To", "被叫"),
    Text("Gateway", "网关"),
    _LENGTH := Text("Length", "时长"),
    _PACKETS := Text("Packets", "包数"),
    _LOST := Text("Lost", "缺失"),
    Text("State", "状态"),
    Text("Name", "名称"),
)
RIGHT = (_LENGTH, _PACKETS, _LOST)
STATES: dict[str, Text] = {
    "recording": Text("recording", "录音中"),
    "complete": Text("complete", "完整"),
    "recovered": Text("recovered", "已恢复"),
    "failed": Text("failed", "失败"),
    "removed": Text("removed", "已清理"),
}
NONE = Text("There are no such recordings.", "没有这样的录音。")
UNREAD = Text(
    "{count} manifests could not be read and are not among these; `talkpath recordings verify` tells which.",
    "{count} 份清单无法读取，未列出；`talkpath recordings verify` 会指出是哪些。",
)
NO_SUCH = Text(
    "{name}: there is no such recording. See `talkpath recordings`.",
    "{name}：没有这个录音。请看 `talkpath recordings`。",
)
SEVERAL = Text(
    "{name}: several recordings are called so: {names}. Give more of the name.",
    "{name}：有多个录音：{names}。请给出更长的名称。",
)
PRUNE_WHAT = Text(
    "Say what to remove: --older 30d, --most 20G, or both.", "请说明清理什么：--older 30d、--most 20G，或两者。"
)
BAD_AGE = Text("{given} is no age. Write 12h, 30d or 8w.", "{given} 不是时间。请写 12h、30d 或 8w。")
BAD_SIZE = Text("{given} is no size. Write 500M or 20G.", "{given} 不是大小。请写 500M 或 20G。")
PRUNED = Text("{count} recordings removed, {size}.", "已清理 {count} 个录音，{size}。")
WOULD_PRUNE = Text("{count} recordings would be removed, {size}.", "将清理 {count} 个录音，{size}。")
FAILED = Text(
    "{path}: {why}. Nothing was lost; mend that and try again.", "{path}：{why}。没有丢失任何内容；请处理后重试。"
)
VERIFIED = Text("{faults} faults, {mended} of them mended.", "{faults} 处问题，其中 {mended} 处已修复。")
MENDED = Text("Mended.", "已修复。")

FAULTS: dict[str, Text] = {
    "missing": Text("{path} is gone, its manifest is there.", "{path} 不见了，清单还在。"),
    "orphaned": Text("{path} has no manifest.", "{path} 没有清单。"),
    "truncated": Text("{path} is shorter than it was written ({of} bytes).", "{path} 比写入时短（{of} 字节）。"),
    "torn": Text("{path} has no manifest and is no whole capture.", "{path} 没有清单，也不是完整的抓包。"),
    "altered": Text("{path} is not what was written.", "{path} 与写入的不同。"),
    "no-metadata": Text("{path} is gone, the recording is there.", "{path} 不见了，录音还在。"),
    "unreadable": Text("{path} cannot be read: {of}.", "{path} 无法读取：{of}。"),
    "unfinished": Text("{path} was left behind by an edge that died.", "{path} 是已终止的节点遗留的。"),
    "duplicate": Text("{path} is the same as that of {of}.", "{path} 与 {of} 的相同。"),
    "store-missing": Text("{path} is gone from the store.", "{path} 在存储中不见了。"),
    "store-altered": Text(
        "{path} is not what was stored. Do not trust what the store holds.",
        "{path} 与存入的不同。存储中的内容不可信任。",
    ),
    "store-unread": Text(
        "{path} cannot be read, so what it holds is not verified ({of}).",
        "{path} 无法读取，其中的内容未校验（{of}）。",
    ),
    "store-stretches": Text(
        "{path} has what was copied of a running recording; its node died. Put it together with --repair.",
        "{path} 中有录音进行时的副本，其节点已终止。请用 --repair 合并。",
    ),
    "store-sweep": Text(
        "{path} is left over: the store has the recording whole. Remove it with --repair.",
        "{path} 是残留：存储中已有完整录音。请用 --repair 清除。",
    ),
    "never-made": Text(
        "{name} should be there and is not: the call {of} was answered and recorded.",
        "{name} 应该存在却没有：通话 {of} 已接通并录音。",
    ),
}

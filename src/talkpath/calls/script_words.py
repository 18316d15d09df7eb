"""What the ledger says of the operator's script: what it decided, in which line, and how it failed."""

from talkpath.base.texts import Text

MOMENTS: dict[str, Text] = {
    "script.decided": Text("The script decided in {place}: {what}.", "脚本在 {place} 决定：{what}。"),
    "script.changed": Text(
        "The script changes a {method} within the call in {place}: {what}.",
        "脚本在 {place} 修改了通话中的 {method}：{what}。",
    ),
    "script.tried": Text("The script tries in {place}: {what}.", "脚本在 {place} 尝试：{what}。"),
    "script.note": Text("The script notes: {text}", "脚本备注：{text}"),
    "script.failed": Text(
        "The script failed in {place}, so the call is refused: {error} ({trace}).",
        "脚本在 {place} 出错，呼叫被拒绝：{error}（{trace}）。",
    ),
    "script.edit-failed": Text(
        "An edit of a description failed in {place}, which goes on without it: {error} ({trace}).",
        "在 {place} 修改媒体描述失败，描述按原样转发：{error}（{trace}）。",
    ),
    "script.blocked": Text(
        "The script held up all calls for {seconds} s in {place}; it was broken off, the call refused ({trace}).",
        "脚本在 {place} 阻塞所有呼叫 {seconds} 秒，被中断，呼叫被拒绝（{trace}）。",
    ),
    "script.late": Text(
        "The script did not decide within {seconds} s, so the call is refused; it waited in {place}.",
        "脚本在 {seconds} 秒内没有作出决定，呼叫被拒绝；它停在 {place}。",
    ),
    "script.crowded": Text(
        "{waiting} functions of the script wait already, so the call is refused.",
        "已有 {waiting} 个脚本函数在等待，呼叫被拒绝。",
    ),
}

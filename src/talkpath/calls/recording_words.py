"""What the ledger says of recordings: why one began, who paused it, and what became of it."""

from talkpath.base.texts import Language, Text

MOMENTS: dict[str, Text] = {
    "recording.started": Text("Recorded from here on, in {name}: {why}.", "从此处开始录音，文件 {name}：{why}。"),
    "recording.beeps": Text(
        "A beep is heard every {seconds} s while it is recorded.", "录音期间每 {seconds} 秒播放一次提示音。"
    ),
    "recording.paused": Text("The recording {name} is paused by the {by}.", "录音 {name} 被暂停（{by}）。"),
    "recording.resumed": Text("The recording {name} goes on, by the {by}.", "录音 {name} 继续（{by}）。"),
    "recording.stopped": Text("The recording {name} is ended by the {by}.", "录音 {name} 被结束（{by}）。"),
    "recording.refused": Text("The record key of {user} changed nothing: {why}.", "{user} 的录音键没有生效：{why}。"),
    "recording.failing": Text(
        "Packets are missing in the recording {name} from here on: {why}. The call is not touched.",
        "从此处起录音 {name} 缺失数据包：{why}。通话不受影响。",
    ),
    "recording.recovered": Text(
        "The recording {name} is complete again from here on.", "从此处起录音 {name} 恢复完整。"
    ),
    "recording.saved": Text(
        "The recording {name} is saved: {packets} packets, {bytes} bytes.",
        "录音 {name} 已保存：{packets} 个包，{bytes} 字节。",
    ),
    "recording.dropped": Text(
        "The recording {name} lacks {dropped} packets that the disk did not take.",
        "录音 {name} 缺少磁盘未能写入的 {dropped} 个包。",
    ),
    "recording.lost": Text(
        "The recording {name} could not be saved: {why}; {packets} packets were written.",
        "录音 {name} 未能保存：{why}；已写入 {packets} 个包。",
    ),
    "recording.empty": Text(
        "Nobody answered and nothing was heard, so the recording {name} is not kept.",
        "无人应答也没有收到媒体，录音 {name} 不保留。",
    ),
}

REASONS: dict[str, Text] = {
    "all": Text("all calls are", "全部通话都录音"),
    "inbound": Text("calls that gateways bring are", "网关送来的通话都录音"),
    "outbound": Text("calls that leave the house are", "呼出的通话都录音"),
    "script": Text("the script wants it", "脚本要求"),
    "operator": Text("the operator wants it", "操作员要求"),
    # why not, where a phone wants it
    "may-not": Text("it may not record", "该用户无权录音"),
    "not-its-own": Text("the recording was begun by somebody else", "录音由他人开始"),
    "paused-by-other": Text("the recording is paused by the operator", "录音已被操作员暂停"),
    "off": Text("this edge cannot record", "本节点不能录音"),
    "no-media": Text("no media runs through this edge", "媒体未经过本节点"),
}
_OF = {
    "user": Text("calls of {of} are", "{of} 的通话都录音"),
    "phone": Text("the phone of {of} wants it", "{of} 的话机要求"),
    "gateway": Text("calls of the gateway {of} are", "网关 {of} 的通话都录音"),
}


def reason(why: str, language: Language) -> str | None:
    """Why a call is recorded, in words; None for what is no reason of these."""
    word, _, of = why.partition(" ")
    if why in REASONS:
        return REASONS[why].say(language)
    return _OF[word].say(language, of=of) if of and word in _OF else None

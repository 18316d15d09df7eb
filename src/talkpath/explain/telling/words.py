"""What the reports say around the findings."""

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Severity, Symptom

SEVERITIES = {
    Severity.ERROR: Text("error", "错误"),
    Severity.WARNING: Text("warning", "警告"),
    Severity.NOTE: Text("note", "提示"),
}
SYMPTOMS = {
    Symptom.CANNOT_HANG_UP: Text("cannot hang up", "无法挂机"),
    Symptom.NO_RING: Text("does not ring", "不振铃"),
    Symptom.NO_AUDIO: Text("no audio", "无声"),
    Symptom.ONE_WAY_AUDIO: Text("one-way audio", "单通"),
    Symptom.DROPS: Text("drops", "掉线"),
    Symptom.FAILS: Text("fails", "失败"),
    Symptom.BAD_QUALITY: Text("bad quality", "质量差"),
    Symptom.SECURITY: Text("security", "安全"),
    Symptom.NONE: Text("nothing felt", "无感"),
}

CAPTURE = Text(
    "{file}: {packets} packets, {seconds:.0f} s from {start}",
    "{file}：{packets} 个包，自 {start} 起 {seconds:.0f} 秒",
)
AHEAD = Text(
    "  its clock is {seconds:.3f} s ahead of the first place's: its times were set back",
    "  其时钟比第一处快 {seconds:.3f} 秒：时间已相应调整",
)
BEHIND = Text(
    "  its clock is {seconds:.3f} s behind the first place's: its times were put forward",
    "  其时钟比第一处慢 {seconds:.3f} 秒：时间已相应调整",
)
BETWEEN = Text(
    "From {first} to {second}: {streams} streams seen at both, {lost} of {expected} packets lost on the way",
    "从 {first} 到 {second}：两处都有的流 {streams} 个，途中丢失 {lost}/{expected} 个包",
)
EMPTY = Text("{file}: no packets", "{file}：没有包")
UNDECODED = Text("  not understood: {list}", "  未能解析：{list}")
CALLS = Text(
    "{total} calls, {answered} answered; {errors} with errors, {warnings} with warnings only",
    "{total} 个呼叫，{answered} 个接通；{errors} 个有错误，{warnings} 个仅有警告",
)
COPIES = Text(
    "{count} packets were captured twice (a mirror of both ways, several interfaces); each is counted once.",
    "有 {count} 个包被抓到两次（双向镜像或多个网卡）；每个只计一次。",
)
NO_CALLS = Text("There is no call.", "没有呼叫。")
NOTHING_READ = Text("Nothing is wrong in what was read.", "已读取的部分没有问题。")
NOTHING = Text("Nothing is wrong as far as this shows.", "就所见内容，一切正常。")
BY_CODE = Text("What was found", "发现的问题")
IN_CALLS = Text("in {count} of {total} calls", "{total} 个呼叫中的 {count} 个")
NOT_IN_A_CALL = Text("outside of calls", "呼叫之外")
COMMON = Text("What the bad calls have in common", "问题呼叫的共同点")
SHARE = Text(
    "{code}: {bad} of {group} calls with {what} have it, and {bad_elsewhere} of {total_elsewhere} others "
    "({lift:.1f} times as often; chance {p:.1e}).",
    "{code}：具有 {what} 的 {group} 个呼叫中有 {bad} 个出现，其他 {total_elsewhere} 个中有 {bad_elsewhere} 个"
    "（高 {lift:.1f} 倍；偶然概率 {p:.1e}）。",
)
SIDES = {"caller": Text("caller's {what}", "主叫的 {what}"), "callee": Text("callee's {what}", "被叫的 {what}")}
ALSO = Text("  and in the same way: {codes}", "  同样还有：{codes}")
SAME_AS = Text("  the same calls have {what}", "  这些呼叫同时具有 {what}")
EXCEPTIONS = Text("  without it all the same: {ids}", "  属于该组却没有问题的：{ids}")
WORST = Text("The worst calls", "最严重的呼叫")
MORE_CALLS = Text(
    "... and {count} more; --call ID shows one, --html FILE all",
    "……还有 {count} 个；--call ID 看单个，--html FILE 看全部",
)
BECAUSE = Text("because", "依据")
FRAMES = Text(" (frames {list})", "（帧 {list}）")
FIX = Text("fix", "处理")
OWN_FIX = Text("fix, of talkpath's own calls", "处理（talkpath 自己的呼叫）")
DOUBT = Text("when it is wrong", "何时会误判")
WHY = Text("why it hurts", "为何影响用户")
NEEDS = Text("evidence", "所需证据")
SYMPTOM = Text("symptom", "症状")
EXPLAINS = Text("explains", "可解释")
#: What is known of the ends of calls. Columns of the operator's own table of sites are named as they are there.
ATTRIBUTES = {
    "gateway": Text("gateway", "网关"),
    "model": Text("model", "型号"),
    "firmware": Text("firmware", "固件"),
    "codec": Text("codec", "编解码器"),
    "transport": Text("transport", "传输方式"),
    "node": Text("node", "节点"),
    "subnet": Text("subnet", "网段"),
    "address": Text("address", "地址"),
    "user": Text("user", "用户"),
    "number": Text("number", "号码"),
}
BOTH_ENDS = Text("both sides", "双方")
ENDS = Text("{one} and {other}", " {one} 与 {other} ")
AT = Text("{user} at {place}", "{place} 的 {user}")
PLACED = Text("{who} ({end})", "{who}（{end}）")
PAGE = {
    "found": BY_CODE,
    "nothing": NOTHING,
    "no_script": Text("This report needs JavaScript.", "本报告需要 JavaScript。"),
    "in_calls": Text("in {count} of {total} calls", "{total} 个呼叫中的 {count} 个"),
    "outside": NOT_IN_A_CALL,
    "do": Text("What to do", "如何处理"),
    "more_ways": Text("and in {count} other places", "另有 {count} 处"),
    "why": Text("How we know", "判断依据"),
    "example": Text("in call {call}", "呼叫 {call}"),
    "frames": Text("frames {list}", "帧 {list}"),
    "sure": Text("{percent} % sure", "置信度 {percent}%"),
    "show_all": Text("list these {count} calls", "列出这 {count} 个呼叫"),
    "subnet": ATTRIBUTES["subnet"],
    "charts": Text("At a glance", "概览"),
    "when": Text("When", "时间分布"),
    "who": Text("Who", "涉及谁"),
    "which": Text("Which fault", "问题类型"),
    "how": Text("How they ended", "结束方式"),
    "with_errors": Text("with errors", "有错误"),
    "with_warnings": Text("with warnings", "有警告"),
    "with_notes": Text("with notes", "有提示"),
    "sound_calls": Text("without findings", "无问题"),
    "common": COMMON,
    "common_head": Text(
        "fault|what they share|of these|of the others|times as often|by chance|without it all the same",
        "问题|共同点|其中|其他呼叫|倍数|偶然概率|属于该组却没有问题的",
    ),
    "bad_of": Text("{bad} of {all}", "{all} 个中有 {bad} 个"),
    "also": Text("also: {codes}", "同时还有：{codes}"),
    "same_as": Text("the same calls have: {what}", "这些呼叫同时具有：{what}"),
    "calls": Text("Calls", "呼叫"),
    "search": Text("Search: number, address, code, phone ...", "搜索：号码、地址、代码、话机……"),
    "any_finding": Text("all findings", "全部问题"),
    "any_result": Text("all results", "全部结果"),
    "any_call": Text("all calls", "全部呼叫"),
    "sort": Text("sort by {what}", "按{what}排序"),
    "clear": Text("show all", "显示全部"),
    "shown": Text("{count} of {total}", "{total} 个中的 {count} 个"),
    "more": Text("{count} more", "还有 {count} 个"),
    "colon": Text(": ", "："),
    "close": Text("close", "收起"),
    "more_found": Text("{count} more kinds of findings", "另有 {count} 类问题"),
    "healthy": Text("nothing found", "未发现问题"),
    "reading": Text("reading ...", "读取中……"),
    "too_old": Text(
        "This browser cannot unpack the details; any of 2023 or later can.",
        "此浏览器无法解开详细数据；2023 年及以后的浏览器均可。",
    ),
    "not_here": Text("There is no call {call} in this report.", "本报告中没有呼叫 {call}。"),
    "rang": Text("ringing after {seconds} s", "{seconds} 秒后振铃"),
    "answered": Text("answered after {seconds} s", "{seconds} 秒后接通"),
    "talked": Text("talked {seconds} s", "通话 {seconds} 秒"),
    "ended": Text("ended by: {who}", "挂断方：{who}"),
    "ladder": Text("Call flow", "信令图"),
    "audio": Text("Audio", "音频"),
    "stream_head": Text(
        "from|to|codec|packets|lost|jitter|MOS|silent",
        "自|至|编解码器|包数|丢失|抖动|MOS|静音",
    ),
    "play": Text("play", "播放"),
    "stop": Text("stop", "停止"),
    "caller": Text("caller", "主叫"),
    "callee": Text("callee", "被叫"),
    "level": Text("level", "音量"),
    "lost": Text("lost", "丢失"),
    "jitter": Text("jitter", "抖动"),
}
SOUND_LEFT_OUT = Text(
    "To keep this page small it has the sound of {heard} of {count} calls: an example of every finding, then the "
    "worst. `talkpath wav FILE --call ID` makes that of any other.",
    "为使页面保持较小，{count} 个呼叫中只附带 {heard} 个的声音：每类问题各一例，其余按严重程度。"
    "其他呼叫可用 `talkpath wav FILE --call ID` 生成。",
)
PAGE_HEAD = (
    Text("time", "时间"),
    Text("from", "主叫"),
    Text("to", "被叫"),
    Text("result", "结果"),
    Text("talk", "通话"),
    Text("finding", "问题"),
)

"""What the ledger says to people: every kind of moment, and how a call ended, in the languages operators read.

A moment carries the kind and the values; the sentence is made when somebody reads it (`said`). Kinds are dotted
words, the room first. Whoever notes a new kind adds it here, with the names of its values as placeholders.
"""

from talkpath.base.texts import Language, Text
from talkpath.calls import cluster_words, gateway_words, media_words, recording_words, script_words
from talkpath.calls.model import Moment, Result

MOMENTS: dict[str, Text] = {
    **cluster_words.MOMENTS,
    **gateway_words.MOMENTS,
    **media_words.MOMENTS,
    **recording_words.MOMENTS,
    **script_words.MOMENTS,
    # --- admission
    "guard.refused": Text("Refused with {status}: {why}.", "拒绝，返回 {status}：{why}。"),
    "guard.dropped": Text("Dropped without an answer: {why}.", "不予应答，直接丢弃：{why}。"),
    "toll.at-once": Text(
        "{user} has as many calls out of the house as it may at once ({limit}).",
        "{user} 已有 {limit} 路外呼，达到同时外呼的上限。",
    ),
    "toll.calls": Text(
        "{user} made as many calls out of the house as it may within an hour ({limit}).",
        "{user} 一小时内已外呼 {limit} 次，达到上限。",
    ),
    "toll.minutes": Text(
        "{user} talked out of the house as long as it may within an hour ({limit} minutes).",
        "{user} 一小时内外呼通话已达 {limit} 分钟的上限。",
    ),
    "toll.requests": Text(
        "{user} sent as many requests (messages, subscriptions ...) out of the house as it may in an hour ({limit}).",
        "{user} 一小时内已向外发送 {limit} 个请求（消息、订阅等），达到上限。",
    ),
    "toll.abroad-requests": Text(
        "{user} sent as many requests (messages, subscriptions ...) abroad as it may in an hour ({limit}).",
        "{user} 一小时内已向国外发送 {limit} 个请求（消息、订阅等），达到上限。",
    ),
    "toll.abroad-at-once": Text(
        "{user} has as many calls abroad as it may at once ({limit}).",
        "{user} 已有 {limit} 路国际呼叫，达到同时呼叫的上限。",
    ),
    "toll.abroad-calls": Text(
        "{user} made as many calls abroad as it may within an hour ({limit}).",
        "{user} 一小时内已拨打 {limit} 次国际电话，达到上限。",
    ),
    "toll.abroad-minutes": Text(
        "{user} talked abroad as long as it may within an hour ({limit} minutes).",
        "{user} 一小时内国际通话已达 {limit} 分钟的上限。",
    ),
    "call.twin": Text(
        "{source} sent an INVITE with the Call-ID and From tag of a call that runs, and not through us: a server "
        "that forks, or somebody who knows both. It is a call of its own.",
        "{source} 发来的 INVITE 与正在进行的呼叫有相同的 Call-ID 和 From tag，且并非经由我们转回：可能是上游分叉，"
        "也可能有人知道这两个值。按一路独立的呼叫处理。",
    ),
    "call.spiral": Text(
        "The INVITE that we sent on came back to us on its way: it is passed on, and its media stays where it is.",
        "我们转发出去的 INVITE 又绕回到我们这里：继续转发，媒体保持原样。",
    ),
    "auth.challenged": Text("Asked {user} for credentials (realm {realm}).", "要求 {user} 提供凭据（域 {realm}）。"),
    "auth.accepted": Text("The credentials of {user} are right.", "{user} 的凭据正确。"),
    "auth.refused": Text("The credentials of {user} are refused: {why}.", "{user} 的凭据被拒绝：{why}。"),
    "auth.kept-back": Text(
        "{method} bore credentials for our realm, which {target} had asked for; they were taken out: who has them "
        "could call in this user's name, or find the password.",
        "{method} 带有应 {target} 要求给出的本域凭据，已去除：得到它的人可能冒用该用户呼叫，或推算出密码。",
    ),
    "auth.stale": Text("The nonce of {user} is too old; asked again.", "{user} 的 nonce 已过期，重新要求认证。"),
    # --- routing
    "transfer.asked": Text("The {side} asks the other side to call {target}.", "{side}要求另一方呼叫 {target}。"),
    "transfer.made": Text(
        "This call is the transfer that call {call} asked for.", "本通话是通话 {call} 中要求的转接。"
    ),
    "transfer.became": Text("The transfer became call {call}.", "转接成为通话 {call}。"),
    "transfer.replaces": Text("It takes the place of call {call}.", "本通话取代通话 {call}。"),
    "transfer.replaced": Text("Call {call} takes its place.", "由通话 {call} 取代。"),
    "route.user": Text("Routed to the user {user}.", "路由到用户 {user}。"),
    "route.is-here": Text("{target} leads back to this edge.", "{target} 指回本机。"),
    "route.service": Text("Routed to the service {service}.", "路由到服务 {service}。"),
    "route.gateway": Text("Routed to the gateway {gateway}: {why}.", "路由到网关 {gateway}：{why}。"),
    "route.gateways": Text(
        "{number} is no user here: it goes to the gateways of {group}.",
        "{number} 不是本机用户：转到 {group} 组的网关。",
    ),
    "route.domain": Text("Routed to the foreign domain {domain}.", "路由到外部域 {domain}。"),
    "route.in-dialog": Text(
        "{method} follows the route set of its dialog to {target}.", "{method} 按对话的路由集转发到 {target}。"
    ),
    "route.none": Text("Nothing answers to {user}: {status} {reason}.", "{user} 没有可用目标：{status} {reason}。"),
    "route.loop": Text("The request came back to us: a loop.", "请求又回到本机：出现环路。"),
    "route.too-many-hops": Text("Max-Forwards is used up.", "Max-Forwards 已用尽。"),
    "dns.resolved": Text("{host} resolved to {addresses}.", "{host} 解析为 {addresses}。"),
    "dns.failed": Text("{host} does not resolve: {why}.", "{host} 无法解析：{why}。"),
    # --- what would happen (`talkpath route`)
    "rehearsal.user": Text("{user} calls, and has proven to be {user}.", "{user} 呼叫，身份已认证。"),
    "rehearsal.gateway": Text(
        "The call comes from the gateway {gateway} of the group {group}.", "呼叫来自网关 {gateway}（组 {group}）。"
    ),
    "rehearsal.stranger": Text("Somebody at {source} calls who has proven nothing.", "来自 {source} 的未认证主叫。"),
    "rehearsal.answers": Text("The service {service} answers.", "由服务 {service} 应答。"),
    "rehearsal.waits": Text(
        "Without an answer within {seconds} s the next are tried.", "{seconds} 秒内无应答则尝试后面的目标。"
    ),
    "rehearsal.nobody": Text("Suppose that nobody answers:", "假设无人应答："),
    # --- registrations
    "registration.used": Text(
        "Used the registration of {user}: contact {contact} on flow {flow}.",
        "使用 {user} 的注册：联系地址 {contact}，流 {flow}。",
    ),
    "registration.none": Text("{user} is not registered.", "{user} 未注册。"),
    "registration.replaced": Text(
        "The phone of {user} reconnected; its new flow {flow} is used.", "{user} 的话机已重新连接，改用新流 {flow}。"
    ),
    "contact.flow-used": Text(
        "The Contact {contact} cannot be reached as written; the request goes down its flow {flow}.",
        "联系地址 {contact} 按原样不可达，请求沿其流 {flow} 发送。",
    ),
    # --- forking
    "fork.branch-added": Text("Rings {target} over {flow}.", "呼叫 {target}，经 {flow}。"),
    "fork.branch-answered": Text("{target} answered with {status} {reason}.", "{target} 应答 {status} {reason}。"),
    "fork.branch-failed": Text("{target} failed: {why}.", "{target} 失败：{why}。"),
    "fork.branch-cancelled": Text("Cancelled {target}: {why}.", "取消 {target}：{why}。"),
    "fork.next-tried": Text("Goes on with {target} after {why}.", "因 {why}，改试 {target}。"),
    "fork.best-response": Text(
        "Of all answers {status} {reason} is the best; the caller gets it.",
        "所有应答中 {status} {reason} 最佳，返回给主叫。",
    ),
    "fork.redirected": Text(
        "{target} named others to call instead ({count}); they are called.",
        "{target} 指示改呼其他地址（{count} 个），已改呼。",
    ),
    "fork.not-followed": Text(
        "Named instead was {target}, which is not called: this caller may call users here only.",
        "被指示改呼 {target}，但未改呼：此主叫只能呼叫本机用户。",
    ),
    "fork.answered-late": Text(
        "{target} answered after it had been given up; it was hung up on.",
        "{target} 在被放弃之后才应答，已将其挂断。",
    ),
    "answer.no-tag": Text(
        "{target} answered without a To tag, of which no dialog can be made; it was hung up on.",
        "{target} 的应答没有 To 标签，无法建立对话，已将其挂断。",
    ),
    "answer.contact-put-in": Text(
        "{target} answered without a Contact that can be read; the caller was given {contact}.",
        "{target} 的应答没有可读的 Contact；已告知主叫 {contact}。",
    ),
    "fork.answered-too": Text(
        "{target} answered as well; whom to keep is for the caller to say.",
        "{target} 也已应答；保留哪一方由主叫决定。",
    ),
    "fork.early-ended": Text(
        "One of those who rang is out (199, tag {tag}); the others are still asked.",
        "其中一个振铃方已退出（199，tag {tag}）；仍在呼叫其他各方。",
    ),
    "fork.late-answer": Text(
        "{target} answered when another had been chosen; it is ended with BYE.",
        "{target} 在其他分支已被选中后才应答，用 BYE 结束。",
    ),
    # --- transactions, flows, sizes
    "transaction.timeout": Text("{method} to {target} was never answered.", "发往 {target} 的 {method} 始终无应答。"),
    "transaction.unacknowledged": Text(
        "{target} never acknowledged the final answer that we sent it.", "{target} 始终没有确认本机发出的最终应答。"
    ),
    "transport.refused": Text(
        "{by} reports that the {method} did not reach {target}: {why}.",
        "{by} 报告 {method} 未能到达 {target}：{why}。",
    ),
    "flow.replaced": Text(
        "The connection to {remote} is closed; the phone came back and is at {place}.",
        "到 {remote} 的连接已关闭；话机已重新上线，现位于 {place}。",
    ),
    "flow.elsewhere": Text(
        "The {method} goes through node {node}, which holds the way to the phone.",
        "{method} 经节点 {node} 转送，该节点持有到话机的连接。",
    ),
    "node.taken-over": Text(
        "Taken over from node {node}, which was last heard of {silent_s} s ago.",
        "从节点 {node} 接管此通话，该节点已失联 {silent_s} 秒。",
    ),
    "node.replaced": Text(
        "The process that ran it was replaced, and this one goes on after {seconds} s.",
        "运行此通话的进程已被替换，由新进程在 {seconds} 秒后接续。",
    ),
    "node.rescued": Text(
        "Both sides send their media to this node now.",
        "双方的媒体现已改送本节点。",
    ),
    "node.not-rescued": Text(
        "The call was ended on both sides: {why}.",
        "已通知双方结束通话：{why}。",
    ),
    "node.went-over": Text(
        "Node {node} has our address and goes on with it.",
        "节点 {node} 已接管本节点的地址，并继续此通话。",
    ),
    "node.handed-over": Text(
        "The address that it ran at has left this node, which stands still for whoever gets that.",
        "此通话所用地址已离开本节点，本节点停止处理，等待得到该地址的节点接续。",
    ),
    "node.taken-back": Text(
        "Nobody went on with it, so this node does.",
        "没有其他节点接续此通话，由本节点继续。",
    ),
    "node.media-lost": Text(
        "Its media cannot go on at this node, so that the call was ended on both sides: {why}.",
        "媒体无法在本节点继续，已通知双方结束通话：{why}。",
    ),
    "node.answer-brought": Text(
        "An answer ({status}) to an INVITE of the node that died was brought to who had sent that.",
        "对已终止节点所发 INVITE 的应答（{status}）已转交其发起方。",
    ),
    "node.offer-lost": Text(
        "What was offered last is not known at this node: it was refused with 500, and what was agreed before stays.",
        "本节点不知道最后一次提议的内容：已以 500 拒绝，沿用此前的协商结果。",
    ),
    "node.others-lost": Text(
        "Nobody who rang took it; whether others were to be tried next is not known at this node.",
        "已振铃的目标均未接听；本节点不知道接下来是否还应尝试其他目标。",
    ),
    "flow.gone": Text(
        "{method} cannot be brought to {remote}: the connection is closed, and the phone did not come back.",
        "{method} 无法送达 {remote}：连接已关闭，且话机未重新上线。",
    ),
    "flow.awaited": Text(
        "The connection to {remote} is closed; the {method} waits up to {wait_s} s for the phone to come back.",
        "到 {remote} 的连接已关闭；{method} 最多等待 {wait_s} 秒，等话机重新上线。",
    ),
    "flow.not-rung": Text(
        "The phone at {remote} is not rung: its {transport} connection is closed, and it did not register again.",
        "未呼叫 {remote} 的话机：其 {transport} 连接已关闭，且未重新注册。",
    ),
    "flow.taken-up": Text(
        "{user} is reached at {place} from now on: its connection {remote} is gone, and this {method} came from it on"
        " a new one, without another registration.",
        "此后通过 {place} 联系 {user}：其连接 {remote} 已断开，该 {method} 由它从新连接发来，但未重新注册。",
    ),
    "flow.unanswering": Text(
        "The phone at {remote} is not rung: it answers nothing any more, neither probes nor calls, since it last"
        " registered.",
        "未呼叫 {remote} 的话机：自上次注册以来，它已不再应答任何探测或呼叫。",
    ),
    "flow.end-untold": Text(
        "The end of the call cannot be told to {remote}: its connection is closed. It is told when it is back.",
        "通话结束无法通知 {remote}：其连接已关闭。待其重新注册时再通知。",
    ),
    "dialog.lost": Text(
        "{remote} does not know the call any more ({why}); it is ended.",
        "{remote} 已不再知道该通话（{why}），予以结束。",
    ),
    "flow.caller-gone": Text(
        "The caller's connection {remote} closed and it did not come back; nobody waits for an answer.",
        "主叫的连接 {remote} 已关闭且未恢复；已无人等待应答。",
    ),
    "flow.answer-undelivered": Text(
        "The answer cannot be brought to the caller: its {transport} connection {remote} is closed. The edge "
        "acknowledges it and hangs up.",
        "应答无法送达主叫：其 {transport} 连接 {remote} 已关闭。由本机确认应答并挂断。",
    ),
    "media.asked-again": Text(
        "{target} refused an offer of {refused}; asked again with {profile}.",
        "{target} 拒绝了 {refused} 的媒体提议，改用 {profile} 再次邀请。",
    ),
    "media.asked-with-keys": Text(
        "{target} takes neither the keys of the caller nor its codecs under them; asked again with keys and codecs "
        "of ours.",
        "{target} 不接受主叫的密钥或其编解码器，改用本机的密钥和编解码器再次邀请。",
    ),
    "media.not-asked-again": Text(
        "The refusal of {target} is about the codecs; no other profile would change it.",
        "{target} 的拒绝与编解码器有关，换用其他媒体传输方式也无济于事。",
    ),
    "size.risky": Text(
        "{method} has {bytes} bytes; over UDP it may be split into fragments and lost.",
        "{method} 长达 {bytes} 字节，经 UDP 可能被分片而丢失。",
    ),
    "size.transport-changed": Text(
        "{method} has {bytes} bytes, too many for UDP; it goes over {transport}.",
        "{method} 长达 {bytes} 字节，超出 UDP 限制，改用 {transport}。",
    ),
    "size.slimmed": Text(
        "{method} was slimmed from {before} to {after} bytes: {what}.",
        "{method} 由 {before} 缩减到 {after} 字节：{what}。",
    ),
    "name.spelt": Text(
        "Written on as {shown}: the other side could not read {name} (RFC 3261 section 25.1).",
        "转发时写作 {shown}：对端无法解析 {name}（RFC 3261 第 25.1 节）。",
    ),
    # --- services, recording, the node
    "service.answered": Text("The service {service} answered.", "服务 {service} 已应答。"),
    "media.announced": Text(
        "The announcement was played to the {sides} ({seconds} s).", "提示音已向{sides}播放（{seconds} 秒）。"
    ),
    "media.announcement-cut": Text(
        "The call ended before the {sides} had heard all of the announcement.", "通话在{sides}听完提示音之前结束。"
    ),
    "media.not-announced": Text("Nothing can be announced to the {side}: {why}.", "无法向{side}播放提示音：{why}。"),
    "service.withheld": Text(
        "The tone is not sent to {remote}: the caller has not said who he is, and his call came from elsewhere.",
        "提示音不发往 {remote}：主叫未证明身份，且呼叫来自其他地址。",
    ),
    "record.started": Text("Recording to {file}.", "开始录音：{file}。"),
    "record.stopped": Text("The recording {file} is complete.", "录音 {file} 已完成。"),
    "record.failed": Text("Recording failed: {why}.", "录音失败：{why}。"),
}

ENDINGS: dict[str, Text] = {
    "bye": Text("{by} hung up", "{by}挂断"),
    "cancel": Text("{by} gave up before an answer", "{by}在接听前放弃"),
    "refused": Text("{by} refused", "{by}拒绝"),
    "timeout": Text("no answer in time ({by})", "超时无应答（{by}）"),
    "media-timeout": Text("no media any more; ended by {by}", "媒体中断，由{by}结束"),
    "flow-gone": Text("a connection was lost; ended by {by}", "连接断开，由{by}结束"),
    "session-expired": Text("the session timer ran out; ended by {by}", "会话定时器到期，由{by}结束"),
    "dialog-gone": Text("a side did not know the call any more; ended by {by}", "一方已不知道该通话，由{by}结束"),
    "idle": Text("nothing was heard of it for too long; ended by {by}", "长时间毫无动静，由{by}结束"),
    "ack-missing": Text("the answer was never acknowledged; ended by {by}", "应答始终未被确认，由{by}结束"),
    "node-stopped": Text("the node was stopped", "节点停止"),
    "went-over": Text("another node goes on with it", "由其他节点继续"),
    "node-died": Text("the node died; until then it was seen", "节点异常终止，此前通话仍在"),
    "ledger-full": Text("the ledger was full; the end was not seen", "跟踪的通话已达上限，未见结束"),
    "forgotten": Text("nobody spoke of it any more; the end was not seen", "长时间无消息，未见结束"),
    "": Text("", ""),
}

SIDES: dict[str, Text] = {
    "caller": Text("the caller", "主叫"),
    "callee": Text("the callee", "被叫"),
    "server": Text("the server", "服务器"),
    "sides": Text("both sides", "双方"),
    "": Text("nobody known", "未知方"),
}

# Reasons that moments name by a word or a few: why something failed.
REASONS: dict[str, Text] = {
    "encrypted": Text("what it hears is encrypted from end to end", "其媒体为端到端加密"),
    "codec": Text("none of its codecs can be spoken here", "本机不能以其任何编码发送"),
    "unheard": Text("it sent no check, and none of ours could be sent", "未收到其检查，本机也无可检查的候选"),
    "unanswered": Text("it answered none of our checks", "本机的检查均无应答"),
    "unnominated": Text("a check passed, but it nominated no pair", "检查已通过，但未提名候选对"),
    "asymmetric": Text("the answer came another way", "应答来自另一路径"),
    "mdns": Text("its name is known in its own network only", "其名称仅在其本地网络可解析"),
    "name": Text("it is a name, not an address", "为名称而非地址"),
    "tcp": Text("media goes over UDP here", "此处媒体仅走 UDP"),
    "transport": Text("its transport is unknown", "传输协议未知"),
    "type": Text("its type is unknown", "类型未知"),
    "component": Text("there is no such component", "无此组件"),
    "malformed": Text("it is malformed", "格式错误"),
    "too-many": Text("there are too many", "数量过多"),
    "timeout": Text("no answer in time", "超时无应答"),
    "replaced": Text("another took its place", "被另一次取代"),
    "fingerprint": Text("its certificate is another than the one signalled", "证书与信令中的指纹不符"),
    "no-srtp-profile": Text("no SRTP profile in common", "没有共同的 SRTP 套件"),
    "timer C": Text("it only rang (timer C)", "振铃超时（定时器 C）"),
    **{
        words: Text(words, zh)
        for words, zh in (
            ("the caller gave up", "主叫放弃"),
            ("the caller is gone", "主叫已离线"),
            ("answered elsewhere", "已在别处接听"),
            ("declined everywhere", "被拒绝（适用于所有终端）"),
            ("no answer to CANCEL", "CANCEL 无应答"),
            ("no usable address", "没有可用地址"),
            ("no server of names answers", "域名服务器无应答"),
            ("wrong password or unknown user", "密码错误或用户不存在"),
        )
    },
}

RESULTS: dict[Result, Text] = {
    Result.ANSWERED: Text("answered", "已接通"),
    Result.BUSY: Text("busy", "忙"),
    Result.CANCELLED: Text("cancelled", "主叫取消"),
    Result.FAILED: Text("failed", "失败"),
    Result.REJECTED: Text("rejected", "被拒绝"),
    Result.NO_ANSWER: Text("no answer", "无人接听"),
    Result.ONGOING: Text("calling", "呼叫中"),
}
TALKING = Text("talking", "通话中")

CALL = Text("Call", "通话")
FROM = Text("From", "主叫")
TO = Text("To", "被叫")
START = Text("Begun", "开始")
RESULT = Text("Result", "结果")
RING = Text("Rang after", "振铃于")
ANSWER = Text("Answered after", "接听于")
TALK = Text("Talked for", "通话时长")
END = Text("Ended", "结束")
CALL_ID = Text("Call-ID", "Call-ID")
STREAMS = Text("Streams", "媒体流")
PACKETS = Text(
    "{packets} packets, {lost} lost, jitter {jitter} ms", "{packets} 个包，丢失 {lost}，抖动 {jitter} 毫秒"
)
SCORE = Text("MOS {mos}", "MOS {mos}")
HEARD = Text("speech {speech} s, silence {silent} s", "有声 {speech} 秒，静音 {silent} 秒")
ARRIVES = Text("{hearer} reports that it arrives", "{hearer}报告已收到")
LOST_ON = Text("{hearer} reports that nothing of it arrives", "{hearer}报告一个包也没有收到")
LEFT_OUT = Text(
    "{count} more messages or moments were not kept: the call has too many.",
    "另有 {count} 条消息或事件因过多而未保存。",
)

_UNKNOWN_KIND = Text("{kind} {values}", "{kind} {values}")


def said(moment: Moment, language: Language) -> str:
    """The sentence of a moment. Values that are missing show as `?`; a kind nobody wrote down shows as it is."""
    text = MOMENTS.get(moment.kind)
    if text is None:
        pairs = " ".join(f"{name}={value}" for name, value in moment.values.items())
        return _UNKNOWN_KIND.say(language, kind=moment.kind, values=pairs).strip()
    return (text.zh if language is Language.ZH else text.en).format_map(_Values(moment.values, language))


def ending(by: str, how: str, language: Language) -> str:
    """How a call ended, as part of a sentence; an unknown word shows as it is."""
    side = SIDES.get(by, SIDES[""]).say(language)
    return ENDINGS[how].say(language, by=side) if how in ENDINGS else f"{how} ({side})"


def result(result: Result, *, is_over: bool, language: Language) -> str:
    """The result in a word; an answered call that is not over is talking."""
    text = TALKING if result is Result.ANSWERED and not is_over else RESULTS[result]
    return text.say(language)


class _Values(dict[str, object]):
    """The values of a moment, with the sides of a call and known reasons said in the reader's language."""

    def __init__(self, values: object, language: Language) -> None:
        super().__init__(values)  # type: ignore[call-overload]
        for name in ("side", "sides"):
            side = self.get(name)
            if language is Language.ZH and isinstance(side, str) and side in SIDES:
                self[name] = SIDES[side].zh
        why = self.get("why")
        if isinstance(why, str) and why in REASONS:
            self["why"] = REASONS[why].say(language)
        elif isinstance(why, str):
            self["why"] = recording_words.reason(why, language) or gateway_words.reason(why, language)

    def __missing__(self, name: str) -> str:
        return "?"

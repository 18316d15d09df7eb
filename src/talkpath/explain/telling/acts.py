"""What to do, in one short imperative with the address: the first line of a fix, for who has a minute.

The whole fix stands beside it and is the rule's. An act may use what the rule's title and fix use, and `{ends}`: both
ends of the call. Ends that a rule calls "the caller" or "the callee" are said with their number and address.
"""

import re
from collections.abc import Mapping

from talkpath.base.texts import Language, Text
from talkpath.calls.model import Call, Party
from talkpath.explain.judging.finding import CALLEE, CALLER, Finding, Said
from talkpath.explain.telling import words

ACTS: Mapping[str, Text] = {
    "ack-missing": Text(
        "Find what drops the {method} on its way to {where}", "查明 {method} 在发往 {where} 的途中被何处丢弃"
    ),
    "auth-loop": Text("Correct the password or the authentication name of {user}", "更正 {user} 的密码或认证用户名"),
    "bye-refused": Text("Look up why {other} answers the BYE with {status}", "查明{other}为何以 {status} 应答 BYE"),
    "capture-incomplete": Text("Capture again, whole and from the start", "重新抓包：完整，并从通话开始之前抓起"),
    "capture-unread": Text("Capture where the packets are in the clear", "在明文处重新抓包"),
    "clock-drift": Text("Repair the clock of {who}", "修复{who}的时钟"),
    "codec-lost": Text("Stop {host} from removing codecs for their fmtp", "禁止 {host} 因 fmtp 而删除编解码器"),
    "codec-mismatch": Text("Make {who} send only what was agreed", "让{who}只发送协商一致的编解码器"),
    "codec-refused": Text("Offer {dst} a codec that it knows", "向 {dst} 提供它支持的编解码器"),
    "connection-gone": Text("Keep the {transport} connection of {owner} alive", "保持{owner}的 {transport} 连接存活"),
    "contact-transport-mismatch": Text(
        "Send to {owner} over {transport}, whatever its Contact says",
        "无论 Contact 如何写，都用 {transport} 发往{owner}",
    ),
    "contact-unreachable": Text("Send to {target}, not to {uri}", "发往 {target}，而非 {uri}"),
    "digital-silence": Text(
        "Have {who} look at plug, headset and mute of the phone", "请{who}检查话机的插头、耳机与静音"
    ),
    "dtls-race": Text("Keep {src} out, and update the media server", "拦截 {src}，并升级媒体服务器"),
    "dtls-refused": Text("Look up why {who} does not take the certificate", "查明{who}为何不接受证书"),
    "dtls-unanswered": Text("Let the DTLS handshake through to {who}", "放行发往{who}的 DTLS 握手"),
    "dtmf-mismatch": Text("Set the phone of {who} to send keys as RFC 4733", "将{who}的按键方式设为 RFC 4733"),
    "failover-missing": Text("Give {proxy} a gateway to try after {dst}", "为 {proxy} 配置 {dst} 失败后可尝试的网关"),
    "fragments-lost": Text("Use TCP or TLS towards {host}", "对 {host} 改用 TCP 或 TLS"),
    "gateway-down": Text("Bring {host} back, or take it out of routing", "恢复 {host}，或将其移出路由"),
    "ice-unanswered": Text("Let UDP through to {who}", "放行发往{who}的 UDP"),
    "jitter": Text("Give voice priority on the way of {who}", "在{who}的链路上为语音设置优先级"),
    "lost-between": Text(
        "Find what drops {what} between {first} and {second}", "查明 {first} 与 {second} 之间丢弃{what}的设备"
    ),
    "media-astray": Text(
        "Send the audio of {who} to where {other} is, not to {dst}",
        "把{who}的音频发往{other}所在之处，而非 {dst}",
    ),
    "media-cut": Text("Look up what cut {who} off after it was heard", "查明是什么中断了{who}的媒体"),
    "media-late": Text("Look up what keeps the audio of {who} back", "查明是什么延误了{who}的音频"),
    "message-oversize": Text(
        "Use TCP towards {dst}, or make the {method} smaller", "对 {dst} 改用 TCP，或缩小 {method}"
    ),
    "near-silence": Text("Have {who} look at plug and microphone level", "请{who}检查插头与麦克风音量"),
    "no-rtp": Text("Let the audio between {ends} through", "放行{ends}之间的音频"),
    "one-way-rtp": Text("Find where the audio of {who} stops", "查明{who}的音频在何处中断"),
    "packet-loss": Text("Find where the packets of {who} get lost", "查明{who}的包在何处丢失"),
    "ptime-mismatch": Text("Set {who} to {wanted} ms", "将{who}设为 {wanted} ms"),
    "record-route-unreachable": Text(
        "Announce {target} in Record-Route, not {uri}", "在 Record-Route 中写 {target}，而非 {uri}"
    ),
    "registration-flapping": Text("Keep the registration of {user} alive", "保持 {user} 的注册存活"),
    "response-overtaken": Text(
        "Keep the {status} and the 200 towards {who} in order",
        "让发往{who}的 {status} 与 200 保持先后次序",
    ),
    "response-undelivered": Text("Find what keeps the answers from {src}", "查明应答为何到不了 {src}"),
    "routing-loop": Text("Give {uri} a destination at {host}", "在 {host} 上为 {uri} 设置去向"),
    "scanner": Text("Drop {src} at the firewall", "在防火墙上丢弃 {src}"),
    "session-expired": Text(
        "Find what stops the session refresh, or raise the timer", "查明是什么阻断了会话刷新，或延长定时器"
    ),
    "sip-alg": Text("Switch SIP ALG off in the router", "关闭路由器的 SIP ALG"),
    "srtp-key-mismatch": Text("Let one element own the keys between {ends}", "让{ends}之间只由一个网元负责密钥"),
    "tls-failed": Text(
        "Repair certificate or TLS version between {src} and {dst}", "修正 {src} 与 {dst} 之间的证书或 TLS 版本"
    ),
    "toll-fraud": Text("Block {src} and change the password it uses", "封禁 {src}，并更换它所用的密码"),
}
#: Of calls of this very edge, where another act is nearer.
OWN_ACTS: Mapping[str, Text] = {
    "codec-refused": Text("Switch on a codec that {dst} knows", "启用 {dst} 支持的编解码器"),
    "contact-transport-mismatch": Text("Set the phone of {owner} to {transport}", "将{owner}的话机设为 {transport}"),
    "contact-unreachable": Text(
        "Correct the Contact of {owner}: {uri} is no way to it", "更正{owner}的 Contact：{uri} 不可达"
    ),
    "fragments-lost": Text("Register the phone at {host} over TCP or TLS", "让 {host} 的话机通过 TCP 或 TLS 注册"),
    "record-route-unreachable": Text(
        "Set `advertised` of that listener to {target}", "将该监听的 `advertised` 设为 {target}"
    ),
    "scanner": Text("Keep {src} out: `talkpath bans add {src}`", "封禁 {src}：`talkpath bans add {src}`"),
    "toll-fraud": Text("Keep {src} out, and change the password it uses", "封禁 {src}，并更换它所用的密码"),
}
# What follows the first sentence of a fix are ways and reasons; in a long one, what follows its colon too.
_SENTENCE = re.compile(r"[.;?](?= |$)|[。；？]")
_CLAUSE = re.compile(r":(?= )|：")
_LONG = 120


def act_of(finding: Finding, language: Language, call: Call | None = None) -> str:
    """The imperative, without a full stop; of a fix that is particular to the case, or of a rule without an act, its
    first sentence. With the `call`, its ends are named by number and address."""
    text = (OWN_ACTS.get(finding.code) if finding.is_own else None) or ACTS.get(finding.code)
    if finding.found.fix is not None or text is None:
        first = _SENTENCE.split(finding.fix.say(language), maxsplit=1)[0]
        return first if len(first) <= _LONG else _CLAUSE.split(first, maxsplit=1)[0]
    values = {name: _placed(value, call, language) for name, value in finding.found.values.items()}
    return Said(text, {**values, "ends": _ends(call, language)}).say(language)


def _ends(call: Call | None, language: Language) -> str:
    if call is None:
        return words.BOTH_ENDS.say(language)
    return words.ENDS.say(language, one=_end(call.caller, language), other=_end(call.callee, language))


def _placed(value: object, call: Call | None, language: Language) -> object:
    if call is None or value not in (CALLER, CALLEE):
        return value
    end = call.caller if value is CALLER else call.callee
    assert isinstance(value, Text)
    return words.PLACED.say(language, who=value.say(language), end=_end(end, language))


def _end(end: Party, language: Language) -> str:
    place = str(end.address) if end.address is not None else end.host
    return words.AT.say(language, user=end.user, place=place) if end.user and place else end.user or place

"""What the ledger says of gateways: which was chosen and why, which was passed over, how one failed.

Reasons are words that the edge notes (`edge/gateways`); a status stands behind the word: "status 503".
"""

from talkpath.base.texts import Language, Text

MOMENTS: dict[str, Text] = {
    "gateway.chosen": Text(
        "Tries the gateway {gateway} of {group}: {why}.", "尝试 {group} 组的网关 {gateway}：{why}。"
    ),
    "gateway.passed-over": Text("Passed over the gateway {gateway}: {why}.", "跳过网关 {gateway}：{why}。"),
    "gateway.more-passed-over": Text(
        "Passed over {count} more gateways of {group} that get no call now.",
        "另外跳过 {group} 组中 {count} 个目前不可用的网关。",
    ),
    "gateway.challenged": Text(
        "The gateway {gateway} wants credentials for {realm}; it gets the call again with ours.",
        "网关 {gateway} 要求 {realm} 的凭据；带上凭据重新发送呼叫。",
    ),
    "gateway.failed": Text("The gateway {gateway} failed: {why}.", "网关 {gateway} 失败：{why}。"),
    "gateway.none-left": Text(
        "No gateway of {group} is left that could take the call.", "{group} 组已没有可接此呼叫的网关。"
    ),
    "gateway.none-there": Text(
        "No gateway stands in the group {group} yet: `talkpath gateways add NAME ADDRESS --group {group}` adds one.",
        "{group} 组中还没有网关：可用 `talkpath gateways add 名称 地址 --group {group}` 添加。",
    ),
    "gateway.back": Text("The gateway {gateway} is there again.", "网关 {gateway} 已恢复。"),
    "gateway.down": Text("The gateway {gateway} is taken for down: {why}.", "网关 {gateway} 被视为不可用：{why}。"),
}

REASONS: dict[str, Text] = {
    # why this one
    "by-priority": Text("it is the first by priority", "优先级最高"),
    "by-weight": Text("it is its turn by weight", "按权重轮到它"),
    "by-round-robin": Text("it is its turn", "按顺序轮到它"),
    "by-least-channels": Text("it has the fewest calls for its weight", "按权重计其通话最少"),
    "by-caller": Text("it is the one of this caller", "该主叫固定使用它"),
    "by-success": Text("it lately carried the largest share of its calls", "近期呼叫成功率最高"),
    "next-gateway": Text("it is the next", "它是下一个"),
    "last-resort": Text("no other is left, and it may work again", "已无其他网关，它可能已恢复"),
    # why not
    "down": Text("it is down", "不可用"),
    "broken": Text("its last calls failed", "最近的呼叫均失败"),
    "paused": Text("it asked for a pause", "它要求暂停"),
    "disabled": Text("it is disabled by hand", "已手动停用"),
    "on-trial": Text("one call is trying whether it works again", "正有一路呼叫试探其是否恢复"),
    "full": Text("all its channels are taken", "通道已满"),
    "too-many-a-second": Text("it has its calls of this second", "本秒呼叫数已达上限"),
    # how it failed
    "no-answer": Text("no answer", "无应答"),
    "unreachable": Text("it can not be reached", "无法到达"),
    "unusable": Text("no call can be made of its answer", "其应答无法建立通话"),
    "unresolved": Text("its name does not resolve", "名称无法解析"),
    "is-here": Text("its address is this edge's own", "其地址是本机自己的地址"),
    "no-listener": Text("no listener of ours reaches it", "没有可到达它的监听"),
    "credentials": Text("it does not take our credentials", "不接受我方凭据"),
    "credentials-none": Text("it wants credentials, and there are none", "它要求凭据，而未配置"),
    "credentials-realm": Text(
        "it wants credentials for another realm than the configured one", "它要求的认证域与配置不同"
    ),
    "credentials-algorithm": Text(
        "it wants credentials by an algorithm that is not spoken here", "它要求的凭据算法不受支持"
    ),
    "credentials-refused": Text("it refuses the user name or the password", "它拒绝用户名或密码"),
    # what the network says
    "port-unreachable": Text("nobody listens at that port", "该端口无人监听"),
    "host-unreachable": Text("there is no such host", "主机不可达"),
    "net-unreachable": Text("no way leads there", "网络不可达"),
    "protocol-unreachable": Text("UDP is not spoken there", "对方不支持 UDP"),
    "prohibited": Text("a firewall lets nothing pass", "被防火墙禁止"),
    "parameter-problem": Text("something is wrong with its IP header", "IP 头部有误"),
    "connection-refused": Text("it refuses the connection", "它拒绝连接"),
    "no-connection": Text("no connection to it comes about", "无法与其建立连接"),
    "connection-closed": Text("it closes the connection at once", "它立即关闭连接"),
    "connection-lost": Text("the connection broke before it answered", "连接在其应答前中断"),
    "too-many-connections": Text("there are too many connections already", "连接数已达上限"),
    # what TLS says
    "tls-failed": Text("it does not speak TLS as it should", "TLS 握手失败"),
    "certificate-bad": Text("its certificate is not valid", "其证书无效"),
    "certificate-expired": Text("its certificate has expired", "其证书已过期"),
    "certificate-not-yet": Text("its certificate is not valid yet", "其证书尚未生效"),
    "certificate-name": Text("its certificate is for another name", "其证书属于另一名称"),
    "certificate-untrusted": Text("nobody who is trusted for it signed its certificate", "其证书的签发者不受信任"),
    "authority-unreadable": Text(
        "the file that says who may sign its certificate (`ca`) can not be read",
        "无法读取指定其证书签发者的文件（`ca`）",
    ),
    # how it came back
    "probe": Text("it answers probes", "应答探测"),
    "call": Text("it works on a call", "正在处理呼叫"),
    "operator": Text("by hand", "手动"),
}

STATUS = Text("it answered {status}", "应答 {status}")


def reason(word: str, language: Language) -> str:
    """A reason in words; one that nobody wrote down shows as it is."""
    status = word.rpartition("status ")[2]
    if "status " in word and status.isdigit():
        return STATUS.say(language, status=status)
    return REASONS[word].say(language) if word in REASONS else word

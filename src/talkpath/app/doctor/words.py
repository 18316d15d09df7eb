"""What `talkpath doctor` says."""

from talkpath.base.texts import Text

HELP = Text(
    "Look at all that an edge needs of its host and network: ports, names, clock, files, kernel, state directory, "
    "certificates and disk; of the running edge, or of one that is to be started. Exit code 1 where there is a "
    "problem.",
    "检查边缘服务器对主机和网络的全部需求：端口、域名、时钟、文件数、内核、状态目录、证书和磁盘；"
    "可用于正在运行的边缘服务器，也可在启动之前使用。有问题时退出码为 1。",
)
HELP_STUN = Text(
    "Ask this STUN server (HOST or HOST:PORT) at which address the Internet sees this host. Two of them tell what "
    "kind of NAT stands between. Nothing outside is asked without it.",
    "询问该 STUN 服务器（HOST 或 HOST:PORT）：互联网看到的本机地址是什么。写两个可判断中间 NAT 的类型。"
    "不写则不询问任何外部 STUN 服务器。",
)
HELP_JSON = Text("Print JSON.", "输出 JSON。")
BAD_STUN = Text(
    "{value} is no STUN server: write HOST or HOST:PORT.", "{value} 不是 STUN 服务器：请写 HOST 或 HOST:PORT。"
)

SUBJECT = Text("Subject", "检查项")
STATE = Text("State", "状态")
WHAT = Text("What was seen", "检查结果")

GOOD = Text("good", "正常")
NOTE = Text("note", "提示")
PROBLEM = Text("problem", "问题")

EDGE = Text("edge", "边缘服务器")
CONFIGURATION = Text("configuration", "配置")
PORTS = Text("ports", "端口")
NAT = Text("outside", "外部地址")
NAMES = Text("names", "域名")
CLOCK = Text("clock", "时钟")
FILES = Text("files", "文件数")
KERNEL = Text("kernel", "内核")
DIRECTORY = Text("state", "状态目录")
CERTIFICATE = Text("certificate", "证书")
DISK = Text("disk", "磁盘")

WELL = Text("No problem was found.", "没有发现问题。")
PROBLEMS = Text("Problems: {count}.", "问题：{count} 个。")

# The edge and its ports.
RUNS = Text("talkpath {version} runs here", "talkpath {version} 正在运行")
RUNS_NOT = Text(
    "none runs here: what follows is what one would find", "没有正在运行的边缘服务器：以下是启动后会遇到的情况"
)
ANSWERS = Text("answer on this host: {ports}", "在本机有响应：{ports}")
SILENT = Text(
    "{port} gives no answer on this host, though the edge listens there: a firewall stands between (`nft list "
    "ruleset`), or the edge is stuck (`talkpath status`).",
    "边缘服务器已监听 {port}，但在本机没有响应：中间有防火墙（`nft list ruleset`），或边缘服务器卡住"
    "（`talkpath status`）。",
)
FREE = Text("free: {ports}", "空闲：{ports}")
MEDIA_FREE = Text("media ports {first} to {last} are free", "媒体端口 {first} 至 {last} 空闲")
MEDIA_TAKEN = Text(
    "{count} of the media ports {first} to {last} belong to other programs (the first is {port}): they are gone "
    "around. Give media a range of its own (`media.first_port`, `media.last_port`).",
    "媒体端口 {first} 至 {last} 中有 {count} 个被其他程序占用（第一个是 {port}），将被跳过。"
    "请为媒体设置独立的范围（`media.first_port`、`media.last_port`）。",
)
MEDIA_HANDED_OUT = Text(
    "Linux hands out ports {low} to {high} to any program, and media ports {first} to {last} are among them. Choose "
    "others, or write the range into net.ipv4.ip_local_reserved_ports.",
    "Linux 会把端口 {low} 至 {high} 分配给任意程序，媒体端口 {first} 至 {last} 与之重叠。"
    "请另选范围，或将其写入 net.ipv4.ip_local_reserved_ports。",
)

# Outside.
STUN_SILENT = Text(
    "{server} gives no answer: UDP does not come out of this network, or that is no STUN server.",
    "{server} 没有响应：UDP 无法离开本网络，或该主机不是 STUN 服务器。",
)
NO_NAT = Text("{server} sees this host as it is: {address}", "{server} 看到的就是本机地址：{address}")
SEEN_AS = Text(
    "{server} sees {local} as {seen}, which is what phones outside are told",
    "{server} 看到的 {local} 为 {seen}，与公布给外部话机的地址一致",
)
NOT_ADVERTISED = Text(
    "A NAT stands between: {server} sees {local} as {seen}, and phones outside are told {local}. Write advertised = "
    '"{seen}", and forward the ports of the listeners and {first} to {last} (UDP) to this host.',
    '中间有 NAT：{server} 看到的 {local} 为 {seen}，而外部话机得到的是 {local}。请写 advertised = "{seen}"，'
    "并将监听端口和 {first} 至 {last}（UDP）转发到本机。",
)
ADVERTISED_OTHERWISE = Text(
    "{server} sees this host as {seen}, and phones outside are told {told}: they send to a place where we are not, "
    "unless calls come in on another way than they go out.",
    "{server} 看到的本机为 {seen}，而外部话机得到的是 {told}：除非进出走不同的线路，否则话机会发往错误的地址。",
)
PORT_CHANGED = Text(
    "The NAT changes ports: {server} saw {local_port} as {seen_port}. Forward the media ports {first} to {last} one "
    "to one, or phones outside are not heard.",
    "NAT 会改写端口：{server} 看到的 {local_port} 为 {seen_port}。请将媒体端口 {first} 至 {last} 一对一转发，"
    "否则听不到外部话机的声音。",
)
NAT_BY_TARGET = Text(
    "The NAT gives each destination another port ({seen}): nobody is reached through it without forwarded ports.",
    "NAT 对每个目的地使用不同的端口（{seen}）：不做端口转发就无法从外部到达本机。",
)

# Names.
NO_NAMES = Text("no name must be looked up", "没有需要解析的域名")
NAME_UNANSWERED = Text(
    "no DNS server answered for {name}: see /etc/resolv.conf", "没有 DNS 服务器应答 {name}：请检查 /etc/resolv.conf"
)
DOMAIN_HERE = Text("domain {name} leads here: {targets}", "域 {name} 指向本机：{targets}")
DOMAIN_ELSEWHERE = Text(
    "domain {name} leads to {targets}, which is none of our addresses: right where another server stands before us.",
    "域 {name} 指向 {targets}，不是本机地址：仅当前面还有其他服务器时才是正确的。",
)
DOMAIN_NOWHERE = Text(
    "domain {name} has neither SRV nor address records: phones need the address as their proxy.",
    "域 {name} 既没有 SRV 记录也没有地址记录：话机需要把地址填为代理。",
)
GATEWAY_LEADS = Text("gateway {gateway}, {name}: {targets}", "网关 {gateway}，{name}：{targets}")
GATEWAY_NOWHERE = Text(
    "gateway {gateway}: {name} leads nowhere. Look at its `address`.",
    "网关 {gateway}：{name} 无法解析到任何地址。请检查其 `address`。",
)

# The host.
CLOCK_RIGHT = Text(
    "set by a time server, wrong by {error_ms:.0f} ms at most", "已与时间服务器同步，误差不超过 {error_ms:.0f} 毫秒"
)
CLOCK_LEFT = Text(
    "no time server sets the kernel's clock: certificates, nodes of a cluster and the times of calls go by it. Run "
    "chrony or systemd-timesyncd (in a container: on its host).",
    "内核时钟未与时间服务器同步：证书、集群节点和通话时间都依赖它。请运行 chrony 或 systemd-timesyncd"
    "（容器：在宿主机上运行）。",
)
CLOCK_UNREAD = Text(
    "The kernel does not tell whether its clock is right: {reason}", "内核不告知时钟是否准确：{reason}"
)
FILES_ENOUGH = Text("{limit} may be open, enough for {calls} calls", "可打开 {limit} 个，足够 {calls} 路通话")
KERNEL_PASSES = Text("Linux {release}: media passes in the kernel", "Linux {release}：媒体在内核中通过")
KERNEL_OFF = Text(
    'Linux {release}: media passes by sockets, as media.kernel = "off" says',
    'Linux {release}：按 media.kernel = "off"，媒体经由套接字转发',
)
KERNEL_SOCKETS = Text(
    "Linux {release}: media passes by sockets, where it costs more: {reason}. To pass in the kernel it needs 6.6 or "
    "later, CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.",
    "Linux {release}：媒体经由套接字转发，开销更大：{reason}。在内核中通过需要 6.6 或更高版本，"
    "以及 CAP_BPF、CAP_PERFMON 和 CAP_NET_ADMIN。",
)
DIRECTORY_GOOD = Text("{path} is for its owner alone, and can be written", "{path} 仅所有者可访问，且可写")
DIRECTORY_TO_COME = Text("{path} will be made at the first start", "{path} 将在首次启动时创建")
DIRECTORY_OF_OTHERS = Text(
    "{path} belongs to {owner}, and this is {user}: run doctor as the user of the service (`sudo -u {owner}`).",
    "{path} 的所有者是 `{owner}`，当前用户是 `{user}`：请以服务的用户运行 doctor（`sudo -u {owner}`）。",
)
CERTIFICATE_LASTS = Text("{name}: {days} days left", "{name}：剩余 {days} 天")
SELF_SIGNED = Text(
    "none configured: a self-signed one is made at the start, and browsers ask once",
    "未配置：启动时自动生成自签名证书，浏览器会询问一次",
)
NONE_NEEDED = Text("no listener needs one", "没有监听需要证书")
ROOM = Text("{room} free for {place}", "{place} 可用空间 {room}")

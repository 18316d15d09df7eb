"""What `talkpath explain` says about itself."""

from talkpath.base.texts import Text

HELP = Text(
    "Explain captures, or the call of a recording by its name: every call, what went wrong and why. Exit code 0: "
    "nothing found, 1: errors found, 2: not read, 3: no error in what was read, but part of it was not.",
    "解释抓包，或按名称解释录音的呼叫：每个呼叫哪里出错、为什么。退出码 0：未发现问题；1：发现错误；2：无法读取；"
    "3：已读取部分没有错误，但有一部分未能读取。",
)
HELP_FILES = Text(
    "Captures (pcap, pcapng, snoop, ERF, Network Monitor; also gzip, zstd, xz, bzip2, lz4), of one place or several; "
    "- is standard input.",
    "抓包文件（pcap、pcapng、snoop、ERF、Network Monitor，可为 gzip、zstd、xz、bzip2、lz4），可来自一处或多处；"
    "- 为标准输入。",
)
HELP_JSON = Text("Print the explanation as JSON.", "以 JSON 输出。")
HELP_HTML = Text("Write one self-contained page to this file.", "把结果写成一个独立的网页文件。")
HELP_SITES = Text(
    "A CSV that says what is known of addresses: address or prefix, site, floor, switch ...",
    "描述地址的 CSV：地址或前缀、站点、楼层、交换机……",
)
HELP_KEYLOG = Text("TLS keys (SSLKEYLOGFILE) to decrypt with.", "用于解密的 TLS 密钥文件（SSLKEYLOGFILE）。")
HELP_CALL = Text("Only this call, whole: its id or Call-ID.", "只显示该呼叫的全部细节：id 或 Call-ID。")
HELP_NUMBER = Text("Only calls from or to numbers with these digits.", "只看主叫或被叫包含这些数字的呼叫。")
HELP_ADDRESS = Text("Only calls that use this address or prefix.", "只看使用该地址或前缀的呼叫。")
HELP_CODE = Text("Only calls with this finding.", "只看有该问题的呼叫。")
HELP_SINCE = Text(
    "Only calls after this time: 30m, 2h, 3d, 14:30, 2026-05-01T10:00, or epoch seconds.",
    "只看此时间之后的呼叫：30m、2h、3d、14:30、2026-05-01T10:00 或纪元秒。",
)
HELP_UNTIL = Text("Only calls before this time.", "只看此时间之前的呼叫。")
HELP_RULES = Text(
    "Print the rules, or only that of --code, and do nothing else.", "只打印规则（可用 --code 指定一条）。"
)
HELP_SAVE = Text("Write the packets of a call to a file of its own: ID FILE.", "把一个呼叫的包另存为文件：ID FILE。")
HELP_HEP = Text(
    "Listen for HEP on this address, over UDP, TCP and TLS, and explain calls as they end.",
    "在此地址监听 HEP（UDP、TCP 和 TLS），并在呼叫结束时解释。",
)
HELP_HEP_CERTIFICATE = Text(
    "A PEM file with certificate and key, for agents that send HEP over TLS.",
    "PEM 文件（证书与私钥），供通过 TLS 发送 HEP 的代理使用。",
)
HELP_FOLLOW = Text(
    "Read the captures of this folder as they are written (tcpdump -C, -G, -W; dumpcap -b), and explain calls as "
    "they end.",
    "随写入读取该目录中的抓包（tcpdump -C、-G、-W，dumpcap -b），并在呼叫结束时解释。",
)
HELP_LIVE = Text("Capture on this interface and explain calls as they end.", "在此网卡抓包，并在呼叫结束时解释。")
HELP_OWN = Text(
    "Explain the calls of the edge on this machine, running and past (with --since: from then on).",
    "解释本机节点自己的呼叫，包括正在进行的与过去的（可用 --since 指定起始时间）。",
)

ONLY_LATEST = Text(
    "These are the latest {count} calls; there are more. Name an earlier span with --since and --until.",
    "仅为最近 {count} 个呼叫，此前还有更多。可用 --since 与 --until 指定更早的时段。",
)
PROGRESS = Text("reading {file}", "正在读取 {file}")
NO_FILES = Text(
    "Name a capture, as in: talkpath explain trunk.pcap (or - for standard input, --own, --hep, --live, --follow, "
    "--rules).",
    "请给出抓包文件，例如：talkpath explain trunk.pcap（或 - 表示标准输入，或 --own、--hep、--live、--follow、"
    "--rules）。",
)
NO_SUCH_CALL = Text(
    "No call {id} is in this capture; without --call all are listed.", "抓包中没有呼叫 {id}；不带 --call 可列出全部。"
)
NO_SUCH_RULE = Text("There is no rule {code}; --rules lists all.", "没有规则 {code}；--rules 可列出全部。")
SAVED = Text("{count} packets of call {id} written to {file}.", "呼叫 {id} 的 {count} 个包已写入 {file}。")
NOT_TWICE = Text(
    "Standard input can not be read twice: give a file to save a call.",
    "标准输入不能读两次：保存呼叫需要文件。",
)
NO_PACKETS = Text(
    "Only a call of a capture can be saved: the edge keeps what was said and measured in its own, not the packets.",
    "只能保存抓包中的呼叫：对自己的呼叫，节点只保存信令与测量结果，不保存数据包。",
)
PAGE_WRITTEN = Text("Page written to {file}.", "网页已写入 {file}。")
UNREADABLE = Text("{file}: {what}", "{file}：{what}")
CANNOT_WRITE = Text("{file} cannot be written: {reason}.", "无法写入 {file}：{reason}。")
CANNOT_READ = Text("{file} cannot be read: {reason}.", "无法读取 {file}：{reason}。")
LISTENING = Text(
    "Listening for HEP on {address}; Ctrl-C ends and sums up.", "正在 {address} 监听 HEP；按 Ctrl-C 结束并汇总。"
)
WATCHING = Text(
    "Capturing on {interface}; Ctrl-C ends and sums up.", "正在 {interface} 上抓包；按 Ctrl-C 结束并汇总。"
)
FOLLOWING = Text(
    "Following the captures in {folder}; Ctrl-C ends and sums up.",
    "正在跟踪 {folder} 中的抓包；按 Ctrl-C 结束并汇总。",
)
NOT_READ = Text(
    "{count} of {packets} packets were not read so far: {what}. Nothing is known of calls in them.",
    "目前 {packets} 个包中有 {count} 个未能读取：{what}。其中的呼叫无从得知。",
)
CANNOT_LISTEN = Text("Cannot listen on {address}: {reason}.", "无法在 {address} 监听：{reason}。")
NO_ADDRESS = Text("write an address and a port, as 0.0.0.0:9060", "请写地址和端口，例如 0.0.0.0:9060")
CANNOT_CAPTURE = Text(
    "Cannot capture on {interface}: {reason}. It needs root or the capability CAP_NET_RAW.",
    "无法在 {interface} 抓包：{reason}。需要 root 或 CAP_NET_RAW 权限。",
)
ENDED = Text("{time}  {id}  {way}  {result}: {what}", "{time}  {id}  {way}  {result}：{what}")
FINE = Text("nothing found", "未发现问题")

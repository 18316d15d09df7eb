"""What is said of keepalived."""

from talkpath.base.texts import Text

HELP = Text(
    "Print keepalived's configuration for this node, or write it with the script that keepalived calls.",
    "输出本节点的 keepalived 配置，或连同 keepalived 调用的脚本一起写入。",
)
HELP_WRITE = Text(
    "Write keepalived.conf and talkpath-check into this directory (/etc/keepalived), and have them tried.",
    "将 keepalived.conf 和 talkpath-check 写入该目录（/etc/keepalived），并加以检验。",
)
NOTHING_MOVES = Text(
    "No address moves here. Name `addresses` in [cluster], and two or more [[cluster.nodes]] that hand them on.",
    "没有可漂移的地址。请在 [cluster] 中列出 `addresses`，并用两个以上的 [[cluster.nodes]] 列出相互继承的节点。",
)
NOT_HERE = Text(
    "This host has no address {address}, which [[cluster.nodes]] gives to this node. keepalived that is started "
    "without it would take every address at once.",
    "本机没有 [[cluster.nodes]] 中本节点的地址 {address}。此时启动 keepalived 会立即抢占所有地址。",
)
TWO_FAMILIES = Text(
    "[[cluster.nodes]] has nodes at IPv4 and at IPv6 addresses. VRRP between them speaks one of the two: choose it "
    "for all. Which addresses move is not bound by that.",
    "[[cluster.nodes]] 中既有 IPv4 又有 IPv6 节点地址。节点间的 VRRP 只能用其一：请统一。漂移的地址不受此限。",
)
NONE_OF_FAMILY = Text(
    "{address} moves alone, and the nodes hear each other over {family}: keepalived then wants an {family} address "
    "with it. Let the owner have one too.",
    "{address} 单独漂移，而节点间用 {family} 通信：keepalived 要求同时有 {family} 地址。请为其所有者加一个。",
)
UNWRITABLE = Text(
    "{path} cannot be written: {reason}. Run this as root, or name a directory of your own.",
    "无法写入 {path}：{reason}。请以 root 运行，或指定自己的目录。",
)
REFUSED = Text("keepalived refuses {path}: {reason}", "keepalived 拒绝 {path}：{reason}")
WRITTEN = Text(
    "{path} is written, and keepalived takes it. `systemctl reload keepalived` makes it count.",
    "已写入 {path}，keepalived 接受该配置。执行 `systemctl reload keepalived` 使其生效。",
)
WRITTEN_UNTRIED = Text(
    "{path} is written. There is no keepalived here that could try it.",
    "已写入 {path}。本机没有 keepalived，无法检验。",
)

"""What is said of backups."""

from talkpath.base.texts import Text

HELP_BACKUP = Text(
    "Write all that the state directory keeps into one file, also while the edge runs; - is standard output. In it: "
    "users, registrations, past calls, bans and gateways added by hand, keys, the self-signed certificate, manifests "
    "of recordings. Not in it: the recordings, the configuration, the script, the certificate of `tls`.",
    "将状态目录的全部内容写入一个文件，节点运行时也可执行；“-”表示标准输出。包含：用户、注册、过去的通话、"
    "手工添加的封禁和网关、密钥、自签名证书、录音清单。不包含：录音、配置、脚本、`tls` 的证书。",
)
HELP_RESTORE = Text(
    "Bring back what `talkpath backup` wrote; - is standard input. While the edge runs only users, and bans and "
    "gateways added by hand; all of it while none runs. What was there is kept beside it.",
    "恢复 `talkpath backup` 写入的内容；“-”表示标准输入。节点运行时只恢复用户以及手工添加的封禁和网关；"
    "未运行时恢复全部。原有内容会保留在旁边。",
)
WRITTEN = Text(
    "{file}: {users} users, {calls} past calls, {manifests} manifests of recordings. It holds keys and password "
    "digests: keep it where nobody else reads it.",
    "{file}：{users} 个用户、{calls} 通过去的通话、{manifests} 份录音清单。"
    "其中含有密钥和密码摘要：请存放在他人无法读取之处。",
)
NOTHING_THERE = Text(
    "there is no database in the state directory {path}, so there is nothing to back up. Name another with --state.",
    "状态目录 {path} 中没有数据库，没有可备份的内容。请用 --state 指定其他目录。",
)
NO_BACKUP = Text(
    "{file} is no backup that can be used: {reason}. Nothing was changed.",
    "{file} 不是可用的备份：{reason}。未作任何更改。",
)
NOT_ARCHIVE = Text("it is no archive that `talkpath backup` wrote", "它不是 `talkpath backup` 写入的归档")
CUT_SHORT = Text("its end is missing", "缺少结尾")
ALTERED = Text("{name} is not what was written", "{name} 与写入时不同")
STRANGER = Text("{name} does not belong into one", "不应包含 {name}")
DAMAGED = Text("its database is damaged", "其中的数据库已损坏")
RESTORED = Text(
    "The state directory {path} is as it was at {made}: {users} users, {calls} past calls. What was there before is "
    "in {aside}.",
    "状态目录 {path} 已恢复到 {made}：{users} 个用户、{calls} 通过去的通话。之前的内容在 {aside} 中。",
)
RESTORED_FRESH = Text(
    "The state directory {path} is as it was at {made}: {users} users, {calls} past calls.",
    "状态目录 {path} 已恢复到 {made}：{users} 个用户、{calls} 通过去的通话。",
)
RESTORED_LIVE = Text(
    "{users} users, and the bans and gateways added by hand, are as they were at {made}; the edge that runs takes "
    "them up. For registrations, past calls and keys stop it, and restore again.",
    "{users} 个用户以及手工添加的封禁和网关已恢复到 {made}，运行中的节点会采用。"
    "如需恢复注册、过去的通话和密钥，请停止节点后再次恢复。",
)

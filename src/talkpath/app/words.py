"""What the command line says. (`config/words.py` has what is said about a configuration file.)"""

from talkpath.base.texts import Text

# Help.
HELP = Text(
    "A SIP and WebRTC edge that explains every call. Exit codes: 0 all is well, 1 a problem was found or something "
    "failed, 2 the command or the configuration is wrong, 130 it was interrupted.",
    "能解释每一通电话的 SIP 与 WebRTC 边缘服务器。"
    "退出码：0 正常，1 发现问题或执行失败，2 命令或配置有误，130 被中断。",
)
HELP_LANG = Text("Language of what is said: en or zh.", "输出语言：en 或 zh。")
HELP_RUN = Text(
    "Start the edge. Nothing needs to be configured. SIGTERM or Ctrl-C lets running calls end and then stops; a "
    "second one stops at once.",
    "启动边缘服务器。无需任何配置。SIGTERM 或 Ctrl-C 等待进行中的通话结束后停止；第二次则立即停止。",
)
HELP_CONFIG = Text("Configuration file (TOML).", "配置文件（TOML）。")
HELP_CHECK = Text("Say what is wrong with a configuration file.", "检查配置文件中的错误。")
HELP_EXAMPLE = Text("Print a file with every key and its default instead.", "改为打印含全部键及默认值的文件。")
HELP_ELSEWHERE = Text(
    "The file is for another host: leave out what only that host can tell (addresses, ports, certificate, limits).",
    "该文件用于另一台主机：不检查只有那台主机才知道的内容（地址、端口、证书、限额）。",
)
HELP_VERSION = Text("Print the version.", "打印版本。")
HELP_USERS = Text(
    "Add, list and remove users. A running edge notices.", "添加、列出和删除用户。运行中的边缘服务器会立即察觉。"
)
HELP_USERS_ADD = Text("Add a user, or several.", "添加一个或多个用户。")
HELP_USERS_LIST = Text("List the users.", "列出用户。")
HELP_USERS_REMOVE = Text("Remove a user, or several.", "删除一个或多个用户。")
HELP_USERS_PASSWORD = Text("Give a user a new password.", "为用户设置新密码。")
HELP_USERS_CHANGE = Text("Change what a user may, or several.", "更改一个或多个用户的权限。")
HELP_OUTBOUND = Text(
    "May call numbers that are no users here, through the gateways of `routing.outbound`.",
    "可经 `routing.outbound` 的网关拨打非本机用户的号码。",
)
HELP_LIST_OUTBOUND = Text("Only those who may call such numbers.", "只列出可拨打此类号码的用户。")
HELP_USER = Text("User name, which is also the number others dial.", "用户名，也就是别人拨打的号码。")
HELP_PASSWORD = Text(
    "The password, or - to read it from standard input; without this option one is made and printed.",
    "密码；“-”表示从标准输入读取；不带此选项时自动生成并打印。",
)
HELP_STATE = Text("State directory, instead of the configured one.", "状态目录，代替配置中的目录。")
HELP_JSON = Text("Print JSON.", "以 JSON 输出。")

# The configuration.
CONFIG_GOOD = Text("{file}: all is well.", "{file}：一切正常。")
CONFIG_REMARKED = Text(
    "{file}: no mistake was found. What you may not have meant, or should know:",
    "{file}：没有发现错误。以下是可能并非本意或需要了解的情况：",
)
CONFIG_DEFAULTS = Text(
    "There is no configuration file, and none is needed. The defaults are used.",
    "没有配置文件，也不需要。使用默认值。",
)
CHECKED_FOR_ANOTHER = Text(
    "Addresses, ports, certificate, script and limits were not looked at: `talkpath check` on the host itself does.",
    "未检查地址、端口、证书、脚本和限额：请在该主机上运行 `talkpath check`。",
)
MISTAKES = Text("{count} mistakes. Mend them and try again.", "{count} 处错误。请改正后重试。")
DISK_FULL = Text(
    "The rest could not be written: no space is left where it should go. Make room and try again.",
    "其余内容写不出去：目标位置已没有空间。请腾出空间后重试。",
)
DISK_FULL_AT = Text(
    "{path} could not be written: no space is left there. Make room and try again.",
    "{path} 写不进去：该位置已没有空间。请腾出空间后重试。",
)
MISTAKE = Text("One mistake. Mend it and try again.", "1 处错误。请改正后重试。")

# DNS.
DNS_SILENT = Text(
    "No DNS server answers (asked for {name}). What they said of it before is used, for a day at most. Look at "
    "/etc/resolv.conf and the servers that it names.",
    "没有 DNS 服务器应答（查询 {name}）。暂用其先前的应答，至多一天。请检查 /etc/resolv.conf 及其中的服务器。",
)
DNS_SILENT_UNKNOWN = Text(
    "No DNS server answers (asked for {name}), and nothing is known of it from before: calls there fail. Look at "
    "/etc/resolv.conf and the servers that it names.",
    "没有 DNS 服务器应答（查询 {name}），也没有先前的应答可用：发往该处的呼叫会失败。请检查 /etc/resolv.conf "
    "及其中的服务器。",
)

# Starting.
CONNECT = Text("Connect phones and browsers to", "话机和浏览器的连接地址")
PAGE = Text("Open in a browser, click once, and hear the echo", "用浏览器打开，点一下即可听到回声")
ACCOUNTS = Text("Accounts", "帐号")
ACCOUNT = Text("{user}   password {password}", "{user}   密码 {password}")
ACCOUNTS_SHOWN_ONCE = Text(
    "Write these passwords down: they are not shown again. `talkpath users password USER{where}` makes a new one.",
    "请记下这些密码：以后不再显示。用 `talkpath users password USER{where}` 可设置新密码。",
)
ACCOUNTS_ELSEWHERE = Text(
    "{count} users; `talkpath users list{where}` names them, `talkpath users password USER{where}` gives one a new "
    "password.",
    "{count} 个用户；用 `talkpath users list{where}` 查看，用 `talkpath users password USER{where}` 设置新密码。",
)
NUMBERS = Text("Numbers to call", "可拨打的号码")
NUMBER_ECHO = Text("echo   plays back what it hears", "echo   回放听到的声音")
NUMBER_TONE = Text("tone   a tone of 1004 Hz", "tone   1004 Hz 单音")
NUMBERS_BY_SCRIPT = Text(
    "{script} decides; `talkpath route FROM TO{where}` says where a call would go.",
    "由 {script} 决定；`talkpath route 主叫 被叫{where}` 说明呼叫会到哪里。",
)
CERTIFICATE = Text("Certificate", "证书")
SELF_SIGNED = Text(
    "self-signed: {path}. A browser must be told to trust it: open https://{address}/ once.",
    "自签名：{path}。浏览器须先信任它：请打开一次 https://{address}/。",
)
GIVEN = Text("{path}", "{path}")
SEE_CALLS = Text(
    "`talkpath calls{where}` shows what happens. Ctrl-C stops.",
    "`talkpath calls{where}` 显示通话情况。按 Ctrl-C 停止。",
)
AND_MORE = Text("and {count} more", "另有 {count} 个")

MEDIA_BY_SOCKETS = Text(
    "Media passes by sockets and not in the kernel, where it would cost a fraction: {reason}. That needs Linux 6.6 "
    'or later, CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN. With media.kernel = "off" nothing is said of it.',
    "媒体经由套接字转发，未在内核中通过（开销只有几分之一）：{reason}。这需要 Linux 6.6 或更新版本以及 "
    'CAP_BPF、CAP_PERFMON 和 CAP_NET_ADMIN 权限。设置 media.kernel = "off" 后不再提示。',
)
FEW_DESCRIPTORS = Text(
    "This process may open {limit} files, enough for about {calls} calls at once; the configuration allows {wanted}. "
    "Raise LimitNOFILE= of the service (or `ulimit -n`), or lower `limits.calls`.",
    "此进程最多可打开 {limit} 个文件，约够 {calls} 个同时通话；配置允许 {wanted} 个。"
    "请提高服务的 LimitNOFILE=（或 `ulimit -n`），或调低 `limits.calls`。",
)
OTHER_REALM = Text(
    "These users have a password for another realm and cannot register: {users}. Give each a new one: "
    "talkpath users password USER",
    "以下用户的密码属于另一个认证域，无法注册：{users}。请逐一重设：talkpath users password USER",
)

# While running.
CALL_BEGAN = Text("{caller} calls {callee} from {source} ({id})", "{caller} 呼叫 {callee}，来自 {source}（{id}）")
CALL_ENDED = Text(
    "{caller} and {callee} talked for {talk_s:.1f} s: {ending} ({id})",
    "{caller} 与 {callee} 通话 {talk_s:.1f} 秒：{ending}（{id}）",
)
CALL_FAILED = Text(
    "{caller} to {callee}: {result}, {status} ({id})", "{caller} 到 {callee}：{result}，{status}（{id}）"
)

# Stopping.
DRAINING = Text(
    "Stopping. No new calls; {calls} running calls have {seconds:g} s to end. Once more stops at once.",
    "正在停止。不再接受新呼叫；{calls} 个通话有 {seconds:g} 秒的时间结束。再按一次立即停止。",
)
DRAIN_OVER = Text("{calls} calls were still running and are ended.", "{calls} 个通话仍在进行，现予结束。")
REPLACED = Text("Another process goes on from here.", "由新进程接续。")
STOPPED = Text("Stopped.", "已停止。")

# Failures.
PORT_TAKEN = Text(
    "{transport} port {port} is already used by {process}. Stop that, or give talkpath another port: "
    "a [[listeners]] with `port` in its configuration.",
    "{transport} 端口 {port} 已被 {process} 占用。请停止它，或在配置的 [[listeners]] 中用 `port` 指定其他端口。",
)
PORT_TAKEN_BY_SOMEONE = Text(
    "{transport} port {port} is already used by another program (as root, `ss -lnp` names it). Stop that, or give "
    "talkpath another port: a [[listeners]] with `port` in its configuration.",
    "{transport} 端口 {port} 已被其他程序占用（以 root 运行 `ss -lnp` 可查看）。"
    "请停止它，或在配置的 [[listeners]] 中用 `port` 指定其他端口。",
)
PROCESS = Text("{name} (process {pid})", "{name}（进程 {pid}）")
PORT_FORBIDDEN = Text(
    "{transport} port {port} needs root. Use a port above 1023, or run as root.",
    "{transport} 端口 {port} 需要 root 权限。请使用 1023 以上的端口，或以 root 运行。",
)
CANNOT_LISTEN = Text(
    "cannot listen on {transport} {address}: {reason}. Check the [[listeners]] of the configuration.",
    "无法在 {transport} {address} 上监听：{reason}。请检查配置中的 [[listeners]]。",
)
STATE_UNWRITABLE = Text(
    "the state directory {path} cannot be written: {reason}. Name another one with $TALKPATH_STATE or "
    "`state.directory`.",
    "状态目录 {path} 无法写入：{reason}。请用 $TALKPATH_STATE 或 `state.directory` 指定其他目录。",
)
STATE_WAS_OPEN = Text(
    "others could enter the state directory {path} (mode {mode}). Now only its owner can.",
    "其他用户曾可进入状态目录 {path}（权限 {mode}）。现已仅限其所有者。",
)
STATE_IS_OPEN = Text(
    "others can enter the state directory {path} (mode {mode}), and only its owner or root can change that: "
    "chmod go-rwx {path}",
    "其他用户可进入状态目录 {path}（权限 {mode}），只有其所有者或 root 能更改：chmod go-rwx {path}",
)
STATE_SHARED = Text(
    "the state directory {path} is also used by others and stays as it is; our files in it are closed to them. "
    "Better give talkpath a directory of its own with $TALKPATH_STATE or `state.directory`.",
    "状态目录 {path} 也供他人使用，保持原样；其中我们的文件对他人关闭。"
    "最好用 $TALKPATH_STATE 或 `state.directory` 为 talkpath 指定独立目录。",
)
FILES_WERE_OPEN = Text(
    "others could read {files} in {path}. Now only their owner can.",
    "其他用户曾可读取 {path} 中的 {files}。现已仅限其所有者。",
)
PASSWORDS_WERE_OPEN = Text(
    "Whoever uses this host may have read who has which password. Make new ones: talkpath users password USER",
    "本机的其他用户可能已读到帐号的密码信息。请设置新密码：talkpath users password USER",
)
FILES_ARE_OPEN = Text(
    "others can read {files} in {path}, and only their owner or root can change that: chmod go-rwx FILE",
    "其他用户可读取 {path} 中的 {files}，只有其所有者或 root 能更改：chmod go-rwx FILE",
)
CONFIG_IS_READABLE = Text(
    "{path} holds passwords, and everybody on this host can read it: chmod o-rwx {path}",
    "{path} 含有密码，而本机任何用户都能读取：chmod o-rwx {path}",
)
KEY_IS_READABLE = Text(
    "{path} is a private key, and everybody on this host can read it: chmod o-rwx {path}",
    "{path} 是私钥，而本机任何用户都能读取：chmod o-rwx {path}",
)
NOT_BUILT = Text(
    "the native part is missing or does not fit this Python. Run `make build` in the source directory.",
    "缺少本机模块，或与此 Python 不符。请在源码目录运行 `make build`。",
)
PAGE_NOT_BUILT = Text(
    "the page is missing: {path}. Run `make build` in the source directory, or set `page.enabled = false`.",
    "缺少网页：{path}。请在源码目录运行 `make build`，或设置 `page.enabled = false`。",
)

# Users.
USER_ADDED = Text("User {user} may register now.", "用户 {user} 现在可以注册。")
PASSWORD_EMPTY = Text(
    "the password is empty. Anyone could register. Write one.", "密码为空，任何人都能注册。请设置密码。"
)
USER_EXISTS = Text(
    'there is already a user "{user}". `talkpath users password {user}` changes the password.',
    "用户“{user}”已存在。可用 `talkpath users password {user}` 修改密码。",
)
USER_UNKNOWN = Text(
    'there is no user "{user}". `talkpath users list` names those there are.',
    "没有用户“{user}”。可用 `talkpath users list` 查看已有用户。",
)
USER_UNKNOWN_NEAR = Text('there is no user "{user}". Did you mean "{near}"?', "没有用户“{user}”。是否想写“{near}”？")
USER_REMOVED = Text("User {user} is gone.", "用户 {user} 已删除。")
USER_CHANGED = Text("User {user} has a new password.", "用户 {user} 已有新密码。")
USER_DIALS_OUT = Text(
    "User {user} may call numbers that are no users here.", "用户 {user} 可以拨打非本机用户的号码。"
)
USER_STAYS_IN = Text("User {user} may call users and services here only.", "用户 {user} 只能呼叫本机的用户和服务。")
USER_CONFIGURED = Text(
    "{user} stands in the configuration, under [[accounts]]; change it there.",
    "{user} 写在配置的 [[accounts]] 中，请在那里修改。",
)
NOTHING_OUTBOUND = Text(
    "No gateways take such calls yet: name their group as `routing.outbound`.",
    "还没有网关承接此类呼叫：请在 `routing.outbound` 中指定网关组。",
)
NOTHING_CHANGED = Text(
    "Name what is to change: --outbound or --no-outbound.", "请指明要更改什么：--outbound 或 --no-outbound。"
)
USERS_NONE = Text("There are no users. Add one: talkpath users add 1003", "没有用户。可添加：talkpath users add 1003")

BAD_TIME = Text(
    "{given} is no time. Write 30m, 2h, 3d, 14:30, 2026-01-31, 2026-01-31T14:30, or seconds since the epoch.",
    "{given} 不是时间。请写 30m、2h、3d、14:30、2026-01-31、2026-01-31T14:30 或纪元秒。",
)

OVERLOADED = Text(
    "More comes than this machine can do: {calls} new calls were answered 503 and {others} other requests dropped "
    "since this was last said; running calls go on (docs/decisions/overload.md)",
    "负载超出本机能力：自上次提示以来，{calls} 个新呼叫被答复 503，{others} 个其他请求被丢弃；进行中的呼叫不受影响"
    "（docs/decisions/overload.md）",
)

"""What is said of a history that several nodes share."""

from talkpath.base.texts import Text

NOT_INSTALLED = Text(
    '[history] has a `database`, and there is no {module}. Install it: `pip install "talkpath[postgres]"`.',
    '[history] 中有 `database`，但未安装 {module}。请安装：`pip install "talkpath[postgres]"`。',
)
LOCAL_ONLY = Text(
    "{why} Shown are the calls that this node has and that history has not yet.",
    "{why}以下为本节点尚未写入共享记录的通话。",
)
WAITS = Text(
    "{why} Calls wait in the state directory: {waiting} so far.", "{why}通话暂存于状态目录：目前 {waiting} 通。"
)
BACK = Text(
    "The shared call history is there. Calls to be written: {waiting}.",
    "共享通话记录可用。待写入通话：{waiting} 通。",
)
REFUSED = Text(
    "The shared call history refuses {count} calls because of their content. They stay in the state directory.",
    "共享通话记录因内容拒绝 {count} 通通话。它们保留在状态目录中。",
)
WHY = {
    "away": Text(
        "The shared call history is away ({said}).",
        "共享通话记录不可用（{said}）。",
    ),
    "silent": Text(
        "The shared call history has not answered for {seconds:.0f} s.",
        "共享通话记录已 {seconds:.0f} 秒没有应答。",
    ),
    "login": Text(
        "The shared call history does not let us in ({said}). Look at user, password and name in `database`.",
        "共享通话记录拒绝登录（{said}）。请检查 `database` 中的用户、密码和库名。",
    ),
    "permission": Text(
        "The shared call history forbids what is needed ({said}). Let our user make tables, or make it their owner.",
        "共享通话记录权限不足（{said}）。请允许该用户建表，或让它成为表的所有者。",
    ),
    "full": Text(
        "The shared call history has no room ({said}). Give it disk, memory or connections.",
        "共享通话记录空间不足（{said}）。请增加磁盘、内存或连接数。",
    ),
    "foreign": Text(
        "The database of the shared call history has tables named talkpath_... that talkpath did not make ({said}). "
        "Rename them, or name another database.",
        "共享通话记录的数据库中有并非 talkpath 创建的 talkpath_... 表（{said}）。请改名，或换一个数据库。",
    ),
    "newer": Text(
        "A newer talkpath made the tables of the shared call history (version {said}). Upgrade this node.",
        "共享通话记录的表由更新的 talkpath 创建（版本 {said}）。请升级本节点。",
    ),
    "other": Text(
        "The shared call history refuses ({said}).",
        "共享通话记录拒绝（{said}）。",
    ),
}

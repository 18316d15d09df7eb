"""What is said of a state directory or a database that cannot be used."""

from talkpath.base.texts import Text

#: By the code of the `Unavailable` (`store/mishaps.py`).
STORE = {
    "store-locked": Text(
        "{path}: another process has locked the database. End it (as root, `fuser -v {path}` names it), and try "
        "again.",
        "{path}：数据库被其他进程锁定。请结束该进程（以 root 运行 `fuser -v {path}` 可查看）后重试。",
    ),
    "store-damaged": Text(
        "{path}: the database is damaged. `talkpath run` sets it aside and keeps what can be read of it; `talkpath "
        "restore FILE` brings back a backup.",
        "{path}：数据库已损坏。`talkpath run` 会将其移开并保留仍可读取的内容；`talkpath restore FILE` 可恢复备份。",
    ),
    "store-full": Text(
        "{path}: no space is left for the database. Make room there, and try again.",
        "{path}：数据库所在位置已没有空间。请腾出空间后重试。",
    ),
    "store-read-only": Text(
        "{path}: the database cannot be written. Look at its mode, its owner and whether its file system is mounted "
        "read-only.",
        "{path}：数据库无法写入。请检查其权限、所有者，以及文件系统是否以只读方式挂载。",
    ),
    "store-gone": Text(
        "{path}: the database is not there any more. Look whether its file system is mounted.",
        "{path}：数据库已不存在。请检查其文件系统是否已挂载。",
    ),
    "store-unreadable": Text(
        "{reason}. Look at the file and its disk (`dmesg` names a disk that fails).",
        "{path}：数据库无法使用。请检查该文件及其磁盘（`dmesg` 会显示磁盘故障）。",
    ),
    "store-too-new": Text(
        "{path}: a newer talkpath wrote this database. Install that one again, or move the file away to start with "
        "an empty one.",
        "{path}：该数据库由更新版本的 talkpath 写入。请重新安装该版本，或移走文件以空数据库启动。",
    ),
}
SET_ASIDE = Text(
    "the database {path} was damaged. It is set aside as {aside}, with the past calls; a new one has the {accounts} "
    "accounts and {bindings} registrations that could be read. Look at the disk; `talkpath restore FILE` brings back "
    "a backup.",
    "数据库 {path} 已损坏。它连同过去的通话已移开为 {aside}；"
    "新数据库保留了可读取的 {accounts} 个帐号和 {bindings} 个注册。"
    "请检查磁盘；`talkpath restore FILE` 可恢复备份。",
)
DAMAGED_WHILE_RUNNING = Text(
    "the database {path} is damaged, and the edge that runs (process {pid}) has it open. Stop that, and start again.",
    "数据库 {path} 已损坏，而正在运行的节点（进程 {pid}）仍打开着它。请停止该进程后重新启动。",
)
FILE_TROUBLE = Text(
    "{path}: {reason}. Look whether it is there, who may read and write it, and whether its disk works.",
    "{path}：{reason}。请检查它是否存在、读写权限，以及磁盘是否正常。",
)
STATE_VANISHED = Text(
    "the state directory {path} is not there any more, or is another: what is kept from now on (accounts, "
    "registrations, past calls) is lost with this process. Calls go on. Mount it again, and start talkpath anew.",
    "状态目录 {path} 已不存在或已被替换：此后保存的内容（帐号、注册、过去的通话）会随本进程丢失。通话不受影响。"
    "请重新挂载，并重新启动 talkpath。",
)
STATE_FULL = Text(
    "{free} MB are left where the state directory {path} is: soon nothing can be kept. Make room there.",
    "状态目录 {path} 所在位置只剩 {free} MB：很快将无法保存任何内容。请腾出空间。",
)
STATE_READ_ONLY = Text(
    "the state directory {path} can no more be written: accounts, registrations and past calls are kept in memory "
    "only. Calls go on. Look at its file system.",
    "状态目录 {path} 已无法写入：帐号、注册和过去的通话只保存在内存中。通话不受影响。请检查其文件系统。",
)

"""What is said when talkpath is made a service of the system."""

from talkpath.base.texts import Text

HELP = Text(
    "Make talkpath a service of systemd: a user of its own, the folder of its configuration, and a unit that may do "
    "no more than it must. Shows what it will do, and asks.",
    "将 talkpath 设为 systemd 服务：专用用户、配置目录，以及只具有必要权限的单元。先显示将执行的操作，再询问。",
)
HELP_DRY_RUN = Text(
    "Show what would be done, with the unit, and do nothing.", "只显示将执行的操作和单元内容，不执行。"
)
HELP_YES = Text("Do not ask.", "不询问。")
HELP_UNINSTALL = Text(
    "Take the service away again. The configuration, the state directory and the user stay.",
    "移除服务。配置、状态目录和用户保留。",
)
HELP_USER = Text("The user as whom it runs.", "运行服务的用户。")
HELP_ROOT = Text(
    "Put the files below this folder (an image, a chroot) and start nothing.",
    "将文件放在此目录下（映像、chroot），不启动。",
)
STEP_USER = Text("make the system user {user}, who can log in nowhere", "创建不能登录的系统用户 {user}")
STEP_FOLDER = Text("make {path}, which {user} may read", "创建 {path}，{user} 可读")
STEP_CONFIG = Text(
    "write {path} with every key as a comment; all defaults hold", "写入 {path}，其中全部键均已注释，使用默认值"
)
STEP_UNIT = Text("write {path}", "写入 {path}")
STEP_START = Text(
    "have systemd read it, start talkpath now and at each boot", "让 systemd 读取，立即启动 talkpath，并随系统启动"
)
STEP_STOP = Text("stop talkpath, and start it no more at boot", "停止 talkpath，不再随系统启动")
STEP_REMOVE = Text("remove {path}", "删除 {path}")
STEP_RELOAD = Text("have systemd forget it", "让 systemd 移除该单元")
THIS_WILL = Text("This will be done:", "将执行以下操作：")
ASK = Text("Go on? [y/N] ", "继续吗？[y/N] ")
NOTHING_DONE = Text("Nothing was done.", "未执行任何操作。")
DONE = Text(
    "talkpath runs as a service. `journalctl -u talkpath` has what it says, the passwords of its first accounts too; "
    "`systemctl reload talkpath` takes up a changed configuration.",
    "talkpath 已作为服务运行。`journalctl -u talkpath` 显示其输出，包括首次帐号的密码；"
    "`systemctl reload talkpath` 使修改后的配置生效。",
)
LAID_OUT = Text("The files are there. Nothing was started.", "文件已写好。未启动任何内容。")
REMOVED = Text(
    "The service is gone. {config} and {state} are still there.", "服务已移除。{config} 和 {state} 仍保留。"
)
NOT_ROOT = Text(
    "only root can do that. Try again as root, or look with --dry-run.",
    "只有 root 能执行。请以 root 重试，或用 --dry-run 查看。",
)
NO_SYSTEMD = Text(
    "systemd does not run here. Write the files for another system with --root FOLDER, or look with --dry-run.",
    "此处没有运行 systemd。可用 --root 目录 为其他系统写入文件，或用 --dry-run 查看。",
)
OUT_OF_REACH = Text(
    "{program} lies in a home directory, where a service may not look. Install talkpath where it may: python3 "
    "-m venv /opt/talkpath && /opt/talkpath/bin/pip install talkpath, then /opt/talkpath/bin/talkpath "
    "install-service.",
    "{program} 位于用户主目录中，服务无法访问。请安装到服务可访问的位置：python3 -m venv /opt/talkpath && "
    "/opt/talkpath/bin/pip install talkpath，然后运行 /opt/talkpath/bin/talkpath install-service。",
)
NO_GROUP = Text(
    "the user {user} has no group of that name. Make one (groupadd --system {user}), and try again.",
    "用户 {user} 没有同名的组。请创建（groupadd --system {user}）后重试。",
)
STEP_FAILED = Text("{command}: {reason}. What stands before it is done.", "{command}：{reason}。之前的操作已完成。")

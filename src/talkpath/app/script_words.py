"""What is said of the operator's script on the command line and in the log."""

from talkpath.base.texts import Text

HELP_SCRIPT = Text("The routing script, instead of the configuration's.", "路由脚本，代替配置中的设置。")
HELP_RELOAD = Text(
    "Load the routing script of the running edge anew. Running calls go on; a script with mistakes is not taken.",
    "让运行中的边缘重新加载路由脚本。正在进行的通话不受影响；有错误的脚本不会启用。",
)
RELOADED = Text("The script {file} was loaded anew.", "脚本 {file} 已重新加载。")
NOT_RELOADED = Text(
    "The script {file} has mistakes; the one before it goes on.", "脚本 {file} 有错误；继续使用之前的脚本。"
)
TOO_SLOW = Text(
    "{file}: loading took more than {seconds:g} s and was given up; the script before it goes on. Do not wait for "
    "others outside the functions.",
    "{file}：加载超过 {seconds:g} 秒，已放弃；继续使用之前的脚本。请不要在函数之外等待。",
)
NO_SCRIPT = Text(
    "The running edge has no script. Name one: talkpath run --script FILE, or script in [routing].",
    "运行中的边缘没有脚本。请指定：talkpath run --script 文件，或在 [routing] 中设 script。",
)
NO_EDGE = Text(
    "No edge runs here with this state directory. Start one with talkpath run, or name its directory with --state.",
    "此状态目录没有运行中的边缘。用 talkpath run 启动，或用 --state 指定其目录。",
)
IN_USE = Text("The script was loaded anew and is in use.", "脚本已重新加载并启用。")
SCRIPT_GOOD = Text("{file}: the script is good.", "{file}：脚本没有错误。")
HINT = Text("{place}: look here: {what}", "{place}：请注意：{what}")

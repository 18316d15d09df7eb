"""What is said of the operator's script on the command line and in the log."""

from talkpath.base.texts import Text

HELP_SCRIPT = Text("The routing script, instead of the configuration's.", "路由脚本，代替配置中的设置。")
RELOADED = Text("The script {file} was loaded anew.", "脚本 {file} 已重新加载。")
NOT_RELOADED = Text(
    "The script {file} has mistakes; the one before it goes on.", "脚本 {file} 有错误；继续使用之前的脚本。"
)
TOO_SLOW = Text(
    "loading took more than {seconds:g} s and was given up; the script before it goes on. Do not wait for others "
    "outside the functions.",
    "加载超过 {seconds:g} 秒，已放弃；继续使用之前的脚本。请不要在函数之外等待。",
)
SCRIPT_GOOD = Text("{file}: the script is good.", "{file}：脚本没有错误。")
HINT = Text("{place}: look here: {what}", "{place}：请注意：{what}")

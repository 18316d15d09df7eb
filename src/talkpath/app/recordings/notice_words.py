"""What the log says of notices about recordings."""

from talkpath.base.texts import Text

HEARD = Text("{url} takes notices again; {waiting} wait to be told.", "{url} 恢复接收通知；还有 {waiting} 个待发。")
TOLD = Text("{url} was told of the recording {name}.", "已将录音 {name} 通知 {url}。")

#: By the code of what failed.
FAILURES: dict[str, Text] = {
    "notice-unreachable": Text(
        "{url} takes no notices of recordings ({why}). They are kept, and tried again in {pause} s. Look whether it "
        "runs.",
        "{url} 不接收录音通知（{why}）。通知已保存，{pause} 秒后重试。请检查对方是否运行。",
    ),
    "notice-redirected": Text(
        "{url} sends notices of recordings elsewhere ({why}), which is not followed. They are kept, and tried again "
        "in {pause} s. Write the address where they belong into `notice_url`.",
        "{url} 将录音通知重定向（{why}），不予跟随。通知已保存，{pause} 秒后重试。请在 `notice_url` 中写最终地址。",
    ),
    "notice-denied": Text(
        "{url} does not accept notices of recordings from us ({why}). They are kept, and tried again in {pause} s. "
        "Look whether `notice_secret` is the one that it knows.",
        "{url} 拒绝接收我方的录音通知（{why}）。通知已保存，{pause} 秒后重试。请核对双方的 `notice_secret`。",
    ),
    "notice-missing": Text(
        "Nobody takes notices of recordings at {url} ({why}). They are kept, and tried again in {pause} s. Look at "
        "`notice_url`.",
        "{url} 处无人接收录音通知（{why}）。通知已保存，{pause} 秒后重试。请检查 `notice_url`。",
    ),
    "notice-failing": Text(
        "{url} could not take a notice of a recording ({why}). Notices are kept, and tried again in {pause} s.",
        "{url} 未能接收录音通知（{why}）。通知已保存，{pause} 秒后重试。",
    ),
    "notice-refused": Text(
        "{url} refuses the notice of the recording {name} ({why}). It is tried again in {pause} s; others are not "
        "held up. What it refuses is in notices/{name}.json.",
        "{url} 拒绝录音 {name} 的通知（{why}）。{pause} 秒后重试；其他通知不受影响。被拒内容在 notices/{name}.json。",
    ),
    "disk": Text(
        "The notice of the recording {name} cannot be written down ({why}). It is tried again in {pause} s.",
        "无法写入录音 {name} 的通知（{why}）。{pause} 秒后重试。",
    ),
    "fault": Text(
        "Nobody was told of the recording {name}: a fault of ours ({why}). It is tried again in {pause} s.",
        "未能通知录音 {name}：程序出错（{why}）。{pause} 秒后重试。",
    ),
}

"""What the log and the commands say of the store for recordings."""

from talkpath.base.texts import Text

NOT_INSTALLED = Text(
    'Recordings are to go to a store, and {module} is not installed. Install it: `pip install "talkpath[storage]"`.',
    '录音要送往存储，但未安装 {module}。请安装：`pip install "talkpath[storage]"`。',
)
NO_STORE = Text(
    "{url} cannot be a store ({why}). Look at `store` and what belongs to it in [recording].",
    "{url} 不能作为存储（{why}）。请检查 [recording] 的 `store` 及相关项。",
)
NO_IDENTITY = Text(
    "It is sealed, and nothing is said of what opens it. Set `identity` or `identity_command` in [recording].",
    "内容已密封，但未说明用什么打开。请在 [recording] 中设置 `identity` 或 `identity_command`。",
)
BAD_IDENTITY = Text(
    "{source} gives no identity ({why}). It should give the file that `age-keygen` wrote.",
    "{source} 没有给出私钥（{why}）。应给出 `age-keygen` 生成的文件内容。",
)
BAD_RECIPIENT = Text(
    "A key in `seal_for` is no public key of age ({why}). Copy it again from what `age-keygen` wrote.",
    "`seal_for` 中有一个不是 age 公钥（{why}）。请从 `age-keygen` 的输出重新复制。",
)
HELP_FETCH = Text(
    "Bring a recording back from the store, opened and compared with what was recorded.",
    "从存储取回录音，打开并与录制内容比对。",
)
HELP_INTO = Text(
    "Into this directory, in the same folders. Left out: where recordings lie.",
    "取到此目录的同名文件夹中。省略：录音目录。",
)
NOT_STORED = Text("{name} is in no store: its files are here.", "{name} 不在任何存储中：其文件就在本机。")
FETCH_FAILED = Text(
    "{place} cannot be fetched from {url} ({why}). What is there was left alone; try again.",
    "无法从 {url} 取回 {place}（{why}）。存储中的内容未受影响；请重试。",
)
SHIPPED = Text("The recording {name} is in {url}, read back and compared.", "录音 {name} 已存入 {url}，并读回比对。")
COPY_FAILED = Text(
    "Running recordings are not copied to {url} ({why}). It is tried again in {pause} s; calls and recordings go on.",
    "进行中的录音未能复制到 {url}（{why}）。{pause} 秒后重试；通话和录音继续。",
)
REMOVE_FAILED = Text(
    "{name} cannot be removed from {url} ({why}). Those before it are gone; try again.",
    "无法从 {url} 删除 {name}（{why}）。之前的已删除；请重试。",
)
NOT_THERE = Text(
    "{url} has nothing of {name}, neither the recording nor stretches of it.",
    "{url} 中没有 {name}：既无完整录音，也无分段。",
)
BACK = Text(
    "{url} takes recordings again; {waiting} are on their way.", "{url} 恢复接收录音；还有 {waiting} 个待送。"
)

#: By the code of what failed.
FAILURES: dict[str, Text] = {
    "store-unreachable": Text(
        "{url} does not answer as it should ({why}). Recordings stay on the disk and are tried again in {pause} s.",
        "{url} 没有正常应答（{why}）。录音留在磁盘上，{pause} 秒后重试。",
    ),
    "store-denied": Text(
        "{url} does not let us in ({why}). Recordings stay on the disk and are tried again in {pause} s. Look at "
        "`store_key_id`, `store_secret` and the rights of this user.",
        "{url} 拒绝访问（{why}）。录音留在磁盘上，{pause} 秒后重试。请检查 `store_key_id`、`store_secret` 及其权限。",
    ),
    "store-missing": Text(
        "{url} is not there ({why}). Recordings stay on the disk and are tried again in {pause} s. Make the bucket, "
        "or name the right one.",
        "{url} 不存在（{why}）。录音留在磁盘上，{pause} 秒后重试。请创建桶，或改为正确的桶。",
    ),
    "store-altered": Text(
        "{place} in {url}: {why}. The recording {name} stays on the disk and is tried again in {pause} s. Do not "
        "trust a store that alters what it is given.",
        "{url} 中的 {place}：{why}。录音 {name} 留在磁盘上，{pause} 秒后重试。会改动内容的存储不可信任。",
    ),
    "not-as-recorded": Text(
        "The recording {name} is not what was recorded, so it is not brought to {url}. See "
        "`talkpath recordings verify`.",
        "录音 {name} 与录制时不同，因此不送往 {url}。请看 `talkpath recordings verify`。",
    ),
    "not-a-manifest": Text(
        "The manifest of {name} cannot be read ({why}), so it is not brought to {url}. See "
        "`talkpath recordings verify`.",
        "{name} 的清单无法读取（{why}），因此不送往 {url}。请看 `talkpath recordings verify`。",
    ),
    "disk": Text(
        "{name} cannot be read from the disk, {place} ({why}). It is tried again in {pause} s.",
        "无法从磁盘读取 {name}，{place}（{why}）。{pause} 秒后重试。",
    ),
    "fault": Text(
        "{name} was not brought to {url}: a fault of ours ({why}). It is tried again in {pause} s.",
        "{name} 未能送往 {url}：程序出错（{why}）。{pause} 秒后重试。",
    ),
}

"""Which calls are recorded, and where the files lie."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc
from talkpath.base.redact import Secret

#: What an account and a gateway may say.
OwnAnnouncement = Annotated[
    str,
    doc(
        "A sound file that the sides of its recorded calls hear in place of what `recording.announcement` names.",
        "其被录音的通话中播放的声音文件，代替 `recording.announcement` 所指定的。",
        of="file",
    ),
]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Recordings are captures, in the layout of rtpengine."""

    calls: Annotated[
        Literal["none", "all", "inbound", "outbound"],
        doc(
            '"none", "all", those that gateways bring ("inbound") or that leave the house ("outbound"). Besides '
            "these: calls of accounts and gateways with `record = true`, those that the script records, and those "
            "that `talkpath record start` names.",
            "“none”不录，“all”全部，“inbound”网关送来的，“outbound”呼出的。此外还有：设了 `record = true` 的帐号和"
            "网关的通话、脚本要求录音的通话，以及 `talkpath record start` 指定的通话。",
        ),
    ] = "none"
    by_phones: Annotated[
        bool,
        doc(
            "Whether the record key of every account's phones starts and ends a recording (INFO with `Record: on` or "
            "`off`). Some accounts only: `may_record = true` of these.",
            "每个帐号的话机能否用录音键开始和结束录音（INFO 中的 `Record: on` 或 `off`）。只允许部分帐号时，在其中设 "
            "`may_record = true`。",
        ),
    ] = False
    directory: Annotated[
        str,
        doc(
            "Where the files lie, in the folders pcaps, metadata, tmp and manifests. Empty: recordings in the state "
            "directory.",
            "文件所在目录，内含 pcaps、metadata、tmp 和 manifests。留空：状态目录下的 recordings。",
        ),
    ] = ""
    announcement: Annotated[
        str,
        doc(
            "A sound file (WAV, FLAC, MP3 and others; one minute at most) that the sides of a recorded call hear "
            "when it is answered, or when its recording begins later, in place of each other. Empty: none.",
            "声音文件（WAV、FLAC、MP3 等，最长一分钟）：被录音的通话接通时，或录音在之后开始时，"
            "向双方播放，期间双方听不到对方。留空：不播放。",
        ),
    ] = ""
    announcement_to: Annotated[
        Literal["both", "caller", "callee"],
        doc("Who hears the announcement and the beeps.", "谁听到提示语和提示音。"),
    ] = "both"
    beep_every_s: Annotated[
        float,
        doc(
            "How often a beep (1400 Hz, 0.2 s) is heard in a recorded call while its recording is not paused; 5 s at "
            "least. 0: never.",
            "录音未暂停时，每隔多少秒在通话中播放一次提示音（1400 Hz，0.2 秒），至少 5 秒。0：从不。",
            ge=0,
            le=3600,
        ),
    ] = 0.0
    link_type: Annotated[
        Literal["raw", "ethernet"],
        doc(
            'What stands before the IP header of each packet: nothing ("raw"), or an Ethernet header of zeros, for '
            "tools that know nothing else.",
            "每个包的 IP 头之前是什么：“raw”没有，“ethernet”为全零的以太网头，供只认以太网的工具使用。",
        ),
    ] = "raw"
    store: Annotated[
        str,
        doc(
            "Where recordings are brought after the call: s3://bucket/folder, gs://, az:// or file:///directory. "
            "Empty: they stay in `directory`. What is there is read back and compared before it counts as stored "
            "(docs/guide/recordings-storage.md).",
            "通话后录音送往何处：s3://桶/目录、gs://、az:// 或 file:///目录。留空：留在 `directory`。"
            "存入的内容会读回比对后才算存好（docs/guide/recordings-storage.zh.md）。",
            of="store",
        ),
    ] = ""
    store_endpoint: Annotated[
        str,
        doc(
            "The address of a store that is not Amazon's, Google's or Azure's own, for example "
            '"http://127.0.0.1:9000".',
            "非 Amazon、Google、Azure 官方存储的地址，例如“http://127.0.0.1:9000”。",
            of="web address",
        ),
    ] = ""
    store_region: Annotated[
        str,
        doc(
            'The region of the bucket. Empty: that of the environment, else "us-east-1".',
            "桶所在区域。留空：取环境变量，否则“us-east-1”。",
        ),
    ] = ""
    store_key_id: Annotated[
        str,
        doc(
            "Who we are there: the access key ID for S3, the account for Azure, the path of the service account's "
            "file for Google. Empty: what the environment or the machine says.",
            "我方身份：S3 为访问密钥 ID，Azure 为帐户名，Google 为服务帐号文件路径。留空：取环境或机器身份。",
        ),
    ] = ""
    store_secret: Annotated[
        Secret | None,
        doc("The key that belongs to it. It is shown nowhere.", "与之对应的密钥。不会在任何地方显示。"),
    ] = None
    keep_local: Annotated[
        bool,
        doc(
            "Whether a recording stays in `directory` when the store has it.",
            "录音存入存储后是否仍留在 `directory`。",
        ),
    ] = True
    copy_every_s: Annotated[
        float,
        doc(
            "How often what is new of running recordings is copied to `store`, so that a node that never comes back "
            "costs so many seconds and not the call. 0: they go there when they are finished.",
            "每隔多少秒把进行中录音的新内容复制到 `store`，使节点永久失效时只丢这几秒而非整个通话。0：结束后才送。",
            ge=0,
            le=60,
        ),
    ] = 0.0
    notice_url: Annotated[
        str,
        doc(
            "Who is told by a POST of each recording that is saved (in the store, where there is one) or failed. "
            "Signed and tried again until it is taken (docs/guide/recordings-notices.md). Empty: nobody.",
            "每个录音保存（有存储时为存入存储）或失败时，向此地址 POST 通知；带签名，重试直到被接收"
            "（docs/guide/recordings-notices.zh.md）。留空：不通知。",
            of="web address",
        ),
    ] = ""
    notice_secret: Annotated[
        Secret | None,
        doc(
            "What notices are signed with: whsec_ and 24 to 64 bytes in Base64. It is shown nowhere.",
            "通知的签名密钥：whsec_ 加 24 至 64 字节的 Base64。不会在任何地方显示。",
        ),
    ] = None
    seal_for: Annotated[
        tuple[str, ...],
        doc(
            'Public keys of age ("age1..."): what goes to the store can be read only with one of their identities, '
            "not even by this edge. Empty: it is stored as it is.",
            "age 公钥（“age1...”）：送往存储的内容只有持对应私钥者可读，本节点也不能。留空：按原样存放。",
            of="age recipient",
        ),
    ] = ()
    identity: Annotated[
        str,
        doc(
            "The file with the identity that opens what is sealed, for `talkpath recordings fetch`. The edge needs "
            "none.",
            "打开密封内容的私钥文件，供 `talkpath recordings fetch` 使用。节点本身不需要。",
        ),
    ] = ""
    identity_command: Annotated[
        str,
        doc(
            "A command that prints the identity instead, for example one that asks a key service.",
            "改为输出私钥的命令，例如向密钥服务查询的命令。",
        ),
    ] = ""

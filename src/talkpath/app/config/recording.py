"""Which calls are recorded, and where the files lie."""

from typing import Annotated, Literal

import msgspec

from talkpath.app.config.field import doc


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
    directory: Annotated[
        str,
        doc(
            "Where the files lie, in the folders pcaps, metadata, tmp and manifests. Empty: recordings in the state "
            "directory.",
            "文件所在目录，内含 pcaps、metadata、tmp 和 manifests。留空：状态目录下的 recordings。",
        ),
    ] = ""
    link_type: Annotated[
        Literal["raw", "ethernet"],
        doc(
            'What stands before the IP header of each packet: nothing ("raw"), or an Ethernet header of zeros, for '
            "tools that know nothing else.",
            "每个包的 IP 头之前是什么：“raw”没有，“ethernet”为全零的以太网头，供只认以太网的工具使用。",
        ),
    ] = "raw"

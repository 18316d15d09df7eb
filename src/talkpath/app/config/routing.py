"""Where calls go to numbers that are nobody's here, and where numbers go that carriers bring."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from talkpath.app.config.field import doc


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Between users and gateways."""

    script: Annotated[
        str,
        doc(
            "A Python file that decides where calls go (docs/guide/routing.md). It is loaded anew when it is saved. "
            "Empty: calls go as this file says.",
            "决定呼叫去向的 Python 文件（docs/guide/routing.zh.md）。保存后自动重新加载。留空：按本文件的设置。",
            of="file",
        ),
    ] = ""
    deadline_s: Annotated[
        float,
        doc(
            "How long the script may take to decide about a call. The time in which phones ring while it waits for "
            "their answer does not count. After it the call is refused with 503.",
            "脚本为一个呼叫作决定的时限（秒）。等待话机应答的振铃时间不计。超时以 503 拒绝。",
            ge=0.05,
            le=600,
        ),
    ] = 5.0
    region: Annotated[
        str,
        doc(
            'The country in which numbers without + are dialled, in two letters such as "DE": so a script gets them '
            "in full. Empty: only numbers with + have a country.",
            "拨打不带 + 的号码时所在的国家，两个字母，例如“CN”，脚本据此得到完整号码。留空：只有带 + 的号码有国家。",
            of="region",
        ),
    ] = ""
    outbound: Annotated[
        str,
        doc(
            "The group of gateways that gets calls to numbers that are no users here. Who may call there has "
            "`outbound = true` in [[accounts]], or was added with `talkpath users add --outbound`. Empty: nobody "
            "calls out by number. Its gateways stand in this file, or are added while the edge runs.",
            "承接非本机用户号码呼叫的网关组。允许外呼的用户在 [[accounts]] 中设 `outbound = true`，"
            "或以 `talkpath users add --outbound` 添加。"
            "留空：不能按号码外呼。其网关写在本文件中，或在运行时添加。",
            of="gateway name",
        ),
    ] = ""
    inbound: Annotated[
        Mapping[str, str],
        doc(
            'Which user gets calls to a number that a gateway brings, such as { "+49301234" = "1001" }. The form in '
            "which the carrier writes the country code does not matter.",
            '网关送来的号码由哪个用户接听，例如 { "+49301234" = "1001" }。运营商书写国家代码的形式不限。',
            of="user",
        ),
    ] = msgspec.field(default_factory=dict)

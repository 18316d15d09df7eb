"""Where calls go to numbers that are nobody's here, and where numbers go that carriers bring."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from talkpath.app.config.field import doc


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Between users and gateways."""

    outbound: Annotated[
        str,
        doc(
            "The group of gateways that gets calls to numbers that are no users here. Who may call there has "
            "`outbound = true` in [[accounts]]. Empty: nobody calls out by number.",
            "承接非本机用户号码呼叫的网关组。允许外呼的用户在 [[accounts]] 中设 `outbound = true`。"
            "留空：不能按号码外呼。",
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

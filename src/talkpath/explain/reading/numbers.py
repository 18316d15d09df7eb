"""Numbers as they are dialled."""

import re

from talkpath.sip.message import Message

# Dialling prefixes that lead abroad, with the digits for an outside line before them.
_ABROAD = re.compile(r"^(?:\+|9?0{2,4}|9?011|810)[1-9]\d{6,14}$")
_SEPARATORS = str.maketrans("", "", "-.()")


def dialled(invite: Message) -> str:
    """The user part of what was called, without visual separators (RFC 3966 5.1.1); "" where there is none."""
    user, at, _ = invite.uri.partition(":")[2].partition("@")
    return user.partition(";")[0].translate(_SEPARATORS).replace("%2B", "+") if at else ""


def leads_abroad(number: str) -> bool:
    """Whether a number begins like one of another country."""
    return _ABROAD.match(number) is not None

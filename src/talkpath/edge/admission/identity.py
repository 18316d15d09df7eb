"""Who a sender is said to be, between us and those whom we trust or do not (RFC 3325 sections 5 to 7).

    from             to                     what is said of the sender
    not trusted      anybody                goes: a phone shows it before From, and nobody vouches for it
    trusted          trusted                passes as it is
    trusted          a phone, a stranger    passes unless the caller wants it kept (Privacy: id)
    proven by us     trusted                is replaced by who it is
    proven by us     a phone of ours        the same, unless the caller wants it kept or calls under another name

Who routes (a script) may say it itself, and then we add nothing: `says_otherwise`. Where it shows another caller in
From, nothing else is said to who is not trusted.

P-Preferred-Identity is a wish to the first proxy and goes no further. Identity (RFC 8224) is signed, proves itself
and passes whole.
"""

import re

from talkpath.base.errors import Malformed
from talkpath.edge.forwarding.changes import Changes
from talkpath.sip.message import Message
from talkpath.sip.uri import escaped

_PREFERRED = "P-Preferred-Identity"
#: Remote-Party-ID is what P-Asserted-Identity was before it was written down; phones still show it.
SAID = ("P-Asserted-Identity", "Remote-Party-ID", "P-Asserted-Service", _PREFERRED)
_PRIVATE = re.compile(r';\s*privacy\s*=\s*"?(?!off\b)', re.IGNORECASE)


def names_sender(message: Message) -> bool:
    """Whether anything is said of its sender but From. Asked of every message, so natively."""
    return message.frame.names_sender()


def withheld(message: Message, *, from_trusted: bool, to_trusted: bool) -> tuple[str, ...]:
    """The fields that go before a message goes on."""
    if not from_trusted:
        return SAID
    return (_PREFERRED,) if to_trusted or not _wants_privacy(message) else SAID


def says_otherwise(changes: Changes) -> bool:
    """Whether whoever routes says himself who the sender is, or that nothing is said."""
    return any(name.lower() == "p-asserted-identity" for name in changes.removed)


def asserted(request: Message, user: str, host: str, *, to_trusted: bool) -> str:
    """The line that says whom we have proven the sender to be; "" where it is to be kept."""
    if not to_trusted and (_wants_privacy(request) or _name_in_from(request) != user):
        return ""
    at = f"[{host}]" if ":" in host else host
    return f"P-Asserted-Identity: <sip:{escaped(user)}@{at}>\r\n"


def _wants_privacy(message: Message) -> bool:
    """RFC 3325 section 9.3, and the parameter of Remote-Party-ID."""
    wishes = {wish.strip().lower() for value in message.all("Privacy") for wish in value.split(";")}
    if "none" in wishes:
        return False
    return "id" in wishes or any(_PRIVATE.search(value) for value in message.all("Remote-Party-ID"))


def _name_in_from(request: Message) -> str:
    try:
        return request.address("From").parsed_uri().number
    except Malformed:
        return ""

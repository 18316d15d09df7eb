"""Enough of a broken request to answer it with what is wrong (RFC 4475): the rest left out, the version mended."""

import re

from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.sip.message import Message

# Read in one pass: a line of nothing but spaces must not be tried in every way that it can be divided.
_REQUEST_LINE = re.compile(rb"([A-Za-z0-9\-.!%*_+`'~]++)[ \t](.*)[ \t]SIP/\d++\.\d++$", re.IGNORECASE)
_ANSWERED_WITH = re.compile(rb"^(?:via|v|from|f|to|t|call-id|i|cseq)[ \t]*:", re.IGNORECASE)


def salvaged(data: bytes) -> Message | None:
    """A readable request of the fields that an answer needs, None when one of them is missing."""
    head, _, _ = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    lines = head.split(b"\n")
    first = _REQUEST_LINE.match(lines[0].rstrip(b"\r \t"))
    if first is None:
        return None
    uri = first[2].strip(b" \t").replace(b" ", b"%20") or b"%20"
    kept = [line.rstrip(b"\r") for line in lines[1:] if _ANSWERED_WITH.match(line)][: limits.SIP_HEADERS]
    request = b"\r\n".join([first[1] + b" " + uri + b" SIP/2.0", *kept, b"Content-Length: 0", b"", b""])
    try:
        message = Message.parse(request)
        message.top_via  # noqa: B018 - without a Via nobody can be answered
    except Malformed:
        return None
    return message if all(message.first(name) for name in ("From", "To", "Call-ID", "CSeq")) else None

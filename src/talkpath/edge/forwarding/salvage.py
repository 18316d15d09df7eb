"""Enough of a broken request to answer it with what is wrong (RFC 4475): the rest left out, the version mended."""

import re
from contextlib import suppress
from typing import NamedTuple

from talkpath.base import limits
from talkpath.base.address import Flow
from talkpath.base.errors import Malformed
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.sip.grammar import Via, split_list
from talkpath.sip.message import Message

# Read in one pass: a line of nothing but spaces must not be tried in every way that it can be divided.
_REQUEST_LINE = re.compile(rb"([A-Za-z0-9\-.!%*_+`'~]++)[ \t](.*)[ \t]SIP/\d++\.\d++$", re.IGNORECASE)
_ANSWERED_WITH = re.compile(rb"^(?:via|v|from|f|to|t|call-id|i|cseq)[ \t]*:", re.IGNORECASE)
# `SIP/2.0/UDP host:port`, whatever follows; of any version, which is a token of the grammar (section 25.1).
_LEGIBLE_VIA = re.compile(
    r"(SIP\s*+/\s*+\d++\.\d++\s*+/\s*+[A-Za-z0-9\-]++)\s++"
    r"((?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9.\-_]++)(?::(\d{1,5}))?)\s*+(?=[;,]|$)",
    re.IGNORECASE | re.ASCII,
)
_BRANCH = re.compile(r";\s*+branch\s*+=\s*+([A-Za-z0-9\-.!%*_+`'~]++)", re.IGNORECASE | re.ASCII)


class Answerable(NamedTuple):
    """What a request that cannot be read is answered from: see `Arrival` for `via` and `reply_to`."""

    message: Message
    via: str | None
    reply_to: Flow


def answerable(request: Message, flow: Flow) -> Answerable:
    """By its Via where that can be read, else by as much of it as can, else to the source.

    What is broken in a Via is not echoed: whoever reads it next may fall over it (RFC 4475 section 3.1.2.1).
    """
    with suppress(Malformed):
        return _arrived(request, flow)
    values = request.all("Via")
    first = _legible(values[0]) if values else ""
    below = [item for value in values for item in split_list(value)][1:]
    legible = _with_vias(request, [*([first] if first else []), *filter(_is_legible, below)])
    if first:
        with suppress(Malformed):
            return _arrived(legible, flow)
    return Answerable(legible, None, flow)


def _arrived(request: Message, flow: Flow) -> Answerable:
    arrival = Arrival(request, flow)
    return Answerable(request, arrival.via, arrival.reply_to)


def _legible(via: str) -> str:
    """As much of a Via as tells where to answer."""
    found = _LEGIBLE_VIA.match(via)
    if found is None:
        return ""
    sent_by = found[2] if not found[3] or 0 < int(found[3]) < 65536 else found[2].rpartition(":")[0]
    branch = _BRANCH.search(via)
    return f"{found[1]} {sent_by}" + (f";branch={branch[1]}" if branch else "")


def _with_vias(request: Message, vias: list[str]) -> Message:
    frame = request.frame
    edits: list[tuple[int, str | None]] = []
    at = frame.index("Via")
    while at >= 0:
        edits.append((at, None))
        at = frame.index("Via", at + 1)
    return Message.parse(frame.rewrite(None, "".join(f"Via: {via}\r\n" for via in vias), edits, "", None))


def _is_legible(item: str) -> bool:
    try:
        Via.parse(item)
    except Malformed:
        return False
    return True


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
    except Malformed:
        return None
    return message if all(message.first(name) for name in ("From", "To", "Call-ID", "CSeq")) else None

"""What is taken off a request that does not fit into one datagram (RFC 3261 section 18.1.1), where nothing else
carries it: first the long names of header fields, then what the operator says that a description can do without.

Pure: bytes out of bytes. A description stays one that can be answered: the last codec of a section is never dropped.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from talkpath.base.errors import Malformed
from talkpath.sdp import SessionDescription

# RFC 3261 section 7.3.3: whoever speaks SIP understands both. The others are of RFC 3515, 3892, 4028 and 6665.
_COMPACT = {
    b"via": b"v",
    b"from": b"f",
    b"to": b"t",
    b"call-id": b"i",
    b"contact": b"m",
    b"content-type": b"c",
    b"content-length": b"l",
    b"content-encoding": b"e",
    b"subject": b"s",
    b"supported": b"k",
    b"event": b"o",
    b"allow-events": b"u",
    b"refer-to": b"r",
    b"referred-by": b"b",
    b"session-expires": b"x",
}
_FIELD = re.compile(rb"(?<=\r\n)([A-Za-z-]+)[ \t]*:[ \t]*")
_SDP = re.compile(rb"\r\nc:application/sdp[ \t]*(?:;[^\r\n]*)?(?:\r\n|$)", re.IGNORECASE)
_LENGTH = re.compile(rb"(?<=\r\nl:)[ \t]*\d+")

ATTRIBUTE = "a="
COMPACT_FORMS = "compact header forms"


def slimmed(request: bytes, limit: int, diet: Sequence[str]) -> Iterator[tuple[bytes, str]]:
    """The request after each step, and what went, until it fits into `limit` bytes or nothing more may go."""
    head, _, body = request.partition(b"\r\n\r\n")
    head = _FIELD.sub(_shortened, head)
    made = head + b"\r\n\r\n" + body
    if len(made) < len(request):
        yield made, COMPACT_FORMS
    if not diet or not body or _SDP.search(head) is None:
        return
    try:
        description = SessionDescription.parse(body)
        for item in diet:
            if len(made) <= limit:
                return
            drop_from(description, item)
            fewer = description.encode()
            if len(fewer) < len(body):
                body = fewer
                made = _LENGTH.sub(b"%d" % len(body), head) + b"\r\n\r\n" + body
                yield made, item
    except Malformed:
        return


def _shortened(field: re.Match[bytes]) -> bytes:
    return _COMPACT.get(field[1].lower(), field[1]) + b":"


def drop_from(description: SessionDescription, item: str) -> None:
    """One item of a diet: `a=name`, an attribute wherever it stands, or the name of a codec."""
    if item.startswith(ATTRIBUTE):
        drops: list[Callable[[str], int]] = [description.attributes.drop]
        drops += [section.attributes.drop for section in description.media]
        for drop in drops:
            drop(item.removeprefix(ATTRIBUTE))
        return
    for section in description.media:
        others = [one for one in section.codecs if not one.is_auxiliary and not one.matches(item)]
        if section.port and others:
            section.codecs.drop(item)

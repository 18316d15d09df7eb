"""Bodies of several parts (RFC 5621, RFC 2046): finding the session description among them."""

import re

_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE | re.ASCII)
_SDP_TYPE = re.compile(rb"(?im)^(?:content-type|c)[ \t]*:[ \t]*application/sdp\b")
_BLANK = re.compile(rb"\r?\n\r?\n")


def sdp_span(content_type: str, body: bytes) -> tuple[int, int] | None:
    """Where the session description lies in a multipart body, None when it has none."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        return None
    delimiter = b"--" + (match[1] or match[2]).encode("utf-8", "surrogateescape")
    start = body.find(delimiter)
    while start >= 0:
        end = body.find(b"\n" + delimiter, start)
        if end < 0:
            return None
        span = _content(body, start + len(delimiter), end)
        if span is not None:
            return span
        start = end + 1
    return None


def _content(body: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The content of a part when it is a session description; the line end before a delimiter is not part of it."""
    blank = _BLANK.search(body, start, end)
    if blank is None or _SDP_TYPE.search(body, start, blank.start()) is None:
        return None
    last = end - 1 if body[end - 1 : end] == b"\r" else end
    return blank.end(), last

"""Responses that the edge itself gives (RFC 3261 section 8.2.6)."""

from talkpath.sip.message import Message

REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    430: "Flow Failed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
}


def response_to(
    request: Message,
    via: str | None,
    status: int,
    *,
    to_tag: str = "",
    reason: str = "",
    fields: str = "",
    body: bytes = b"",
) -> bytes:
    """The bytes of a response.

    `via` is the first Via of the request as it is to be answered (with received and rport), None when as it came.
    `fields` are whole lines; Content-Type belongs to them when there is a body.
    """
    tag = "" if request.to_tag else to_tag
    return request.frame.answer(status, reason or REASONS.get(status, "Unknown"), via, tag, fields, body)

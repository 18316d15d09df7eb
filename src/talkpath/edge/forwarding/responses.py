"""Responses that the edge itself gives (RFC 3261 section 8.2.6)."""

from talkpath.sip.message import Message

REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    428: "Use Identity Header",  # RFC 8224
    430: "Flow Failed",  # RFC 5626
    433: "Anonymity Disallowed",  # RFC 5079
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",  # RFC 6665
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",  # RFC 3312
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",  # RFC 8197
    608: "Rejected",  # RFC 8688
}

# A status that is not known is what x00 of its class is (RFC 3261 section 8.1.3.2).
_OF_CLASS = {
    1: "Session Progress",
    2: "OK",
    3: "Redirected",
    4: "Request Failed",
    5: "Server Failed",
    6: "Declined Everywhere",
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
    return request.frame.answer(status, reason or reason_of(status), via, tag, fields, body)


def reason_of(status: int) -> str:
    """What stands behind a status where nobody says more."""
    return REASONS.get(status) or _OF_CLASS[status // 100]

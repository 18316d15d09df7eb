"""A SIP message as Python sees it: immutable, its header index in Rust, its grammar parsed when asked for."""

from talkpath._native import Frame
from talkpath.base.errors import Malformed
from talkpath.sip.grammar import CSeq, NameAddr, Via, first_via, parse_cseq, split_list, tag_of, whole_number
from talkpath.sip.multipart import sdp_span

# What `Frame` refuses, in words (RFC 3261 section 7).
_REFUSALS = {
    "empty": "the message is empty",
    "start-line": "the first line is neither a request nor a status line",
    "method": "the method is no token",
    "version": "the version is not SIP/2.0",
    "request-uri": "the Request-URI is missing",
    "status-code": "the status code is not between 100 and 699",
    "no-end-of-headers": "the header fields do not end with an empty line",
    "header-line": "a line is no header field",
    "too-many-headers": "there are too many header fields",
}


class Message:
    """One request or response. What is read once is kept."""

    __slots__ = (
        "_branch",
        "_cseq",
        "_from_tag",
        "_knows_sdp",
        "_number",
        "_sdp",
        "_to_tag",
        "_via",
        "call_id",
        "frame",
        "is_request",
        "method",
        "status",
    )

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        #: `method` is that of a request; of a response the one that its CSeq names, "" when it names none.
        #: The rest is None, or less than 0, where only the grammar can tell it.
        self.is_request, self.status, self.method, self.call_id, from_tag, to_tag, number, branch = frame.start()
        self._from_tag: str | None = from_tag
        self._to_tag: str | None = to_tag
        self._number = number
        self._branch: str | None = branch
        self._cseq: CSeq | None = None
        self._via: Via | None = None
        #: Where the description lies in the body, None for none, once that was looked for.
        self._sdp: tuple[int, int] | None = None
        self._knows_sdp = False

    @staticmethod
    def parse(data: bytes) -> "Message":
        """Index one message. Raises Malformed with a code that names what is wrong."""
        try:
            return Message(Frame(data))
        except ValueError as error:
            code = str(error)
            raise Malformed(code, _REFUSALS.get(code, code)) from None

    @property
    def raw(self) -> bytes:
        return self.frame.raw

    @property
    def uri(self) -> str:
        return self.frame.uri

    @property
    def reason(self) -> str:
        return self.frame.reason

    @property
    def body(self) -> bytes:
        """The body; what stands behind Content-Length in a datagram is no part of it (RFC 3261 18.3)."""
        body = self.frame.body
        length = self.content_length
        return body if length is None or length >= len(body) else body[:length]

    @property
    def content_length(self) -> int | None:
        """Content-Length, or None when it is absent or no number."""
        text = self.frame.first("Content-Length")
        return None if text is None else whole_number(text)

    def first(self, name: str) -> str | None:
        """The value of the first field of that name, compact form included."""
        return self.frame.first(name)

    def all(self, name: str) -> list[str]:
        """The values of all fields of that name, one item a field line."""
        return self.frame.all(name)

    def listed(self, name: str) -> list[str]:
        """The items of all fields of that name, lines and commas taken apart."""
        return self.frame.listed(name)

    @property
    def cseq(self) -> CSeq:
        """Raises Malformed(`cseq`)."""
        if self._cseq is None:
            is_plain = self._number >= 0
            self._cseq = CSeq(self._number, self.method) if is_plain else parse_cseq(self.frame.first("CSeq") or "")
        return self._cseq

    @property
    def cseq_number(self) -> int:
        """Raises Malformed(`cseq`)."""
        return self._number if self._number >= 0 else self.cseq.number

    @property
    def top_via(self) -> Via:
        """Raises Malformed(`via`)."""
        if self._via is None:
            plain = self.frame.plain_via()
            self._via = Via(*plain) if plain is not None else self._parsed_via()
        return self._via

    @property
    def branch(self) -> str:
        """That of the first Via, "" where it has none. Raises Malformed(`via`)."""
        return self.top_via.branch if self._branch is None else self._branch

    def _parsed_via(self) -> Via:
        value = self.frame.first("Via")
        if value is None:
            raise Malformed("via", "there is no Via")
        return Via.parse(first_via(value))

    @property
    def from_tag(self) -> str:
        if self._from_tag is None:
            self._from_tag = tag_of(self.frame.first("From") or "")
        return self._from_tag

    @property
    def to_tag(self) -> str:
        if self._to_tag is None:
            self._to_tag = tag_of(self.frame.first("To") or "")
        return self._to_tag

    def address(self, name: str) -> NameAddr:
        """From, To, Contact ... parsed. Raises Malformed when it is absent or unreadable."""
        value = self.frame.first(name)
        if value is None:
            raise Malformed("missing-header", f"there is no {name}")
        items = split_list(value)
        # A value of nothing but commas has no item.
        return NameAddr.parse(items[0] if items else "")

    def uri_of(self, name: str) -> str:
        """The URI of From, To, Contact ... Raises Malformed when it is absent or unreadable."""
        plain = self.frame.plain_uri(name)
        return self.address(name).uri if plain is None else plain

    @property
    def carries_sdp(self) -> bool:
        """Whether the body is, or holds, a session description."""
        return self._sdp_span() is not None

    @property
    def sdp(self) -> bytes:
        """The session description, b"" when there is none."""
        span = self._sdp_span()
        if span is None:
            return b""
        body = self.body
        return body if span == (0, len(body)) else body[span[0] : span[1]]

    def with_sdp(self, description: bytes) -> bytes:
        """The body with another session description in the place of its own."""
        span = self._sdp_span()
        if span is None:
            return self.body
        body = self.body
        return body[: span[0]] + description + body[span[1] :]

    def _sdp_span(self) -> tuple[int, int] | None:
        if not self._knows_sdp:
            self._sdp, self._knows_sdp = self._found_sdp(), True
        return self._sdp

    def _found_sdp(self) -> tuple[int, int] | None:
        if self.frame.body_length == 0:
            return None
        kind = self.frame.first("Content-Type") or ""
        name = kind.partition(";")[0].strip().lower()
        if name == "application/sdp":
            return 0, len(self.body)
        return sdp_span(kind, self.body) if name.startswith("multipart/") else None

    def __repr__(self) -> str:
        line = f"{self.method} {self.uri}" if self.is_request else f"{self.status} {self.reason} ({self.method})"
        return f"<Message {line} {self.call_id}>"


# Fields that every request needs (RFC 3261 section 8.1.1), those of them that may stand once first; Max-Forwards is
# forgiven when it is missing (16.3 step 3).
_NEEDED = ("From", "To", "Call-ID", "CSeq", "Via")
_SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length")


def fault_of(message: Message) -> Malformed | None:
    """What makes a framed message unacceptable, or None (RFC 3261 sections 8.1.1, 16.3 step 1, 18.3)."""
    if message.frame.is_plain():
        return _fault_of_via(message)
    count = message.frame.occurrences(_SINGLE)
    for name, times in zip(_SINGLE, count, strict=True):
        if times > 1:
            return Malformed("duplicate-header", f"More than one {name}")
    for name in _NEEDED:
        if not message.frame.first(name):
            return Malformed("missing-header", f"Missing {name}")
    try:
        if message.cseq.method != message.method:
            return Malformed("cseq", "CSeq names another method")
        for name in ("From", "To"):
            message.address(name)
    except Malformed as fault:
        return fault
    return _fault_of_via(message) or _fault_of_numbers(message)


def _fault_of_via(message: Message) -> Malformed | None:
    try:
        message.top_via  # noqa: B018 - asked for its refusal
    except Malformed as fault:
        return fault
    return None


def _fault_of_numbers(message: Message) -> Malformed | None:
    hops = message.frame.first("Max-Forwards")
    if hops is not None and ((number := whole_number(hops)) is None or number > 255):
        return Malformed("max-forwards", "Max-Forwards is no number below 256")
    text = message.frame.first("Content-Length")
    if text is None:
        return None
    length = message.content_length
    if length is None:
        return Malformed("content-length", "Content-Length is no number")
    if length > message.frame.body_length:
        return Malformed("content-length", "The body is shorter than Content-Length")
    return None

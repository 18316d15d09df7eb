"""Header fields as a script sees and changes them.

Fields that hold a dialog together, say where messages go, or describe their bodies belong to the edge: they can be
read, and not changed. The name and number of the caller are changed by `call.caller`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from talkpath.base import limits
from talkpath.sip.message import Message

_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,100}")
# Control characters other than the tab: with them a value would make lines of its own; surrogates that stand for no
# byte of a peer (PEP 383): nothing can be written with them.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")

# Registered short names (RFC 3261 section 7.3.3 and the RFCs after it).
_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
_DIALOG = "it holds the call together, and the edge writes it"
_BODY = "it describes the body, and the edge writes it"
_PROOF = "it proves who somebody is to one hop, and the edge answers it"
_EXTENSIONS = "it says what both ends agreed to do, which they would then not do"
# Why each of them is not for scripts.
_OWNED = {
    "via": _DIALOG,
    "route": "it says where the request goes; return a route such as uri()",
    "record-route": _DIALOG,
    "path": _DIALOG,
    "service-route": _DIALOG,
    "call-id": _DIALOG,
    "cseq": _DIALOG,
    "rack": _DIALOG,
    "rseq": _DIALOG,
    "from": "both ends know the call by it; set call.caller.name or call.caller.number",
    "to": "both ends know the call by it; say where the call goes with the route that is returned",
    "contact": "it says where the other side is reached; a redirection is redirect()",
    "max-forwards": "it ends calls that run in circles",
    "content-type": _BODY,
    "content-length": _BODY,
    "content-encoding": _BODY,
    "content-disposition": _BODY,
    "mime-version": _BODY,
    "authorization": _PROOF,
    "proxy-authorization": _PROOF,
    "www-authenticate": _PROOF,
    "proxy-authenticate": _PROOF,
    "authentication-info": _PROOF,
    "require": _EXTENSIONS,
    "proxy-require": _EXTENSIONS,
    "unsupported": _EXTENSIONS,
}


class Headers:
    """The header fields of a request that goes on, as they will be. Names are found in any case and in short form."""

    __slots__ = ("_changed", "_message")

    def __init__(self, message: Message | None) -> None:
        """Without a message (an answer that is still to come) there is nothing to read, only to change."""
        self._message = message
        #: by name in lower case: the name as it will be written, and its values
        self._changed: dict[str, tuple[str, list[str]]] = {}

    def get(self, name: str, default: str = "") -> str:
        """The value of the first field of that name."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        """The values of all fields of that name, one item a field line."""
        name = _full(name)
        changed = self._changed.get(name.lower())
        if changed is not None:
            return list(changed[1])
        return self._message.all(name) if self._message is not None else []

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Every field that will be there, with its name: those that came first."""
        frame = self._message.frame if self._message is not None else None
        for at in range(frame.count if frame is not None else 0):
            name, value = frame.field(at) if frame is not None else ("", "")
            if _full(name).lower() not in self._changed:
                yield name, value
        for name, values in self._changed.values():
            for value in values:
                yield name, value

    def set(self, name: str, value: str) -> None:
        """One field of that name, instead of all that are there."""
        self._write(name, [_checked(value)])

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def add(self, name: str, value: str) -> None:
        """One more field of that name, after those that are there."""
        self._write(name, [*self.all(name), _checked(value)])

    def put_first(self, name: str, value: str) -> None:
        """One more field of that name, before those that are there."""
        self._write(name, [_checked(value), *self.all(name)])

    def remove(self, *names: str) -> None:
        """No field of these names."""
        for name in names:
            self._write(name, [])

    def __delitem__(self, name: str) -> None:
        self.remove(name)

    def _write(self, name: str, values: list[str]) -> None:
        full = _writable(name)
        self._changed[full.lower()] = (full, values)

    @property
    def is_changed(self) -> bool:
        return bool(self._changed)

    @property
    def removed(self) -> tuple[str, ...]:
        """Names of fields that go as they came."""
        return tuple(name for name, _ in self._changed.values())

    @property
    def added(self) -> str:
        """Lines that come instead."""
        return "".join(f"{name}: {value}\r\n" for name, values in self._changed.values() for value in values)


class AnswerHeaders(Headers):
    """Header fields of the answers on their way back. They are not there yet: what is set replaces theirs, what is
    added comes to them."""

    __slots__ = ("_more",)

    def __init__(self) -> None:
        super().__init__(None)
        self._more: list[tuple[str, str]] = []

    def add(self, name: str, value: str) -> None:
        """One more field of that name, besides those of the answer."""
        full, checked = _writable(name), _checked(value)
        self._more.append((full, checked))

    def put_first(self, name: str, value: str) -> None:
        """As `add`: where fields of others stand is not known yet."""
        self.add(name, value)

    @property
    def is_changed(self) -> bool:
        return bool(self._changed or self._more)

    @property
    def added(self) -> str:
        """Lines that come."""
        return super().added + "".join(f"{name}: {value}\r\n" for name, value in self._more)


def header_line(name: str, value: str) -> str:
    """A whole line of a field that a script may write. Raises ValueError, TypeError."""
    return f"{_writable(name)}: {_checked(value)}\r\n"


def _full(name: str) -> str:
    return _COMPACT.get(name.lower(), name) if len(name) == 1 else name


def _writable(name: str) -> str:
    """The full name of a field that a script may write. Raises ValueError, TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"a header field has a name, not {type(name).__name__}")
    return _full_checked(str(name))


@lru_cache(1024)
def _full_checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is no name of a header field")
    full = _full(name)
    why = _OWNED.get(full.lower())
    if why is not None:
        raise ValueError(f"{full} can not be changed: {why}")
    return full


def _checked(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a header field has text, not {type(value).__name__}; write str({value!r})"[:200])
    if _CONTROL.search(value):
        raise ValueError(f"{value[:40]!r} holds a line break or another character that can not be written")
    if len(value) > limits.SIP_MESSAGE_BYTES:
        raise ValueError(
            f"{value[:20]!r}... has {len(value)} characters, and a whole message holds no more than 65,535"
        )
    return value.strip()

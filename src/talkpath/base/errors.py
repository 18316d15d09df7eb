"""Errors tell apart who erred: the peer (`Malformed`), we (`Misuse`), the world (`Unavailable`)."""


class TalkpathError(Exception):
    """Base of all errors of talkpath: a stable `code`, the place, and a sentence that ends with what to do."""

    def __init__(self, code: str, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.code = code
        self.reason = reason
        self.place = place


class Malformed(TalkpathError, ValueError):
    """The peer broke the protocol. The only family a parser may raise."""


class Misuse(TalkpathError):
    """We, or the operator's script or configuration, asked for something that makes no sense."""


class Unavailable(TalkpathError):
    """The world failed: no port free, a disk full, a name that does not resolve."""

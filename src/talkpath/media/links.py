"""Which link of the chain broke first: from the checks over the handshake to the first sound (RFC 8445, RFC 5763).

Told of an answered call when its chains had time enough to be built, and when it ends. Each side has its own chain;
what comes after a broken link cannot have worked.
"""

from collections.abc import Iterable

from talkpath.media import moments
from talkpath.media.leg import Anchor, Leg
from talkpath.media.record import LinksRecord
from talkpath.media.telling import Noting

# Seconds after the answer until media may be missed by who hangs up, and until a chain that is not built is told of
# while the call goes on: a handshake that lost its first two flights takes three.
_SETTLED_S = 3.0
_PATIENCE_S = 10.0
# The links that are built before any packet.
_BEFORE_MEDIA = (
    moments.NO_CHECK,
    moments.NO_PAIR,
    moments.NO_HELLO,
    moments.NO_KEYS,
    moments.WRONG_CERTIFICATE,
)
# One for all: each empty set would be one of its own.
_NOTHING: frozenset[tuple[str, str]] = frozenset()
# Packets after which silence is no accident: two seconds of audio.
_MANY_PACKETS = 100


class LinkWatch:
    """Notes the broken links of one call, each once for a side."""

    __slots__ = ("_answered_at", "_looks_at", "_note", "_told")

    def __init__(self, note: Noting) -> None:
        self._note = note
        self._answered_at: float | None = None
        self._looks_at: float | None = None
        self._told = _NOTHING

    def save(self) -> LinksRecord:
        """As data."""
        return LinksRecord(self._answered_at, self._looks_at, tuple(sorted(self._told)))

    def resume(self, record: LinksRecord) -> None:
        """Be what was saved."""
        self._answered_at, self._looks_at, self._told = record.answered_at, record.looks_at, frozenset(record.told)

    def answered(self, now: float) -> None:
        """The call was answered; the first time counts."""
        if self._answered_at is None:
            self._answered_at, self._looks_at = now, now + _PATIENCE_S

    def deadline(self) -> float | None:
        """When `look` wants to be called."""
        return self._looks_at

    def look(self, now: float, legs: Iterable[Leg]) -> None:
        """Once, while the call goes on: whose way or keys do not stand yet."""
        if self._looks_at is None or now < self._looks_at:
            return
        self._looks_at = None
        for leg in legs:
            link = broken_link(leg)
            if link in _BEFORE_MEDIA:
                self._tell(now, link, leg)

    def end(self, now: float, legs: Iterable[Leg]) -> None:
        """The call is over."""
        if self._answered_at is None or now - self._answered_at < _SETTLED_S:
            return
        for leg in legs:
            link = broken_link(leg)
            if link is not None:
                self._tell(now, link, leg)

    def _tell(self, now: float, link: str, leg: Leg) -> None:
        if (link, leg.side) not in self._told:
            self._told |= {(link, leg.side)}
            self._note(now, link, side=leg.side)


def broken_link(leg: Leg) -> str | None:
    """The kind of moment that names the first broken link of this leg's audio, or of its first section."""
    anchors = [anchor for anchor in leg.anchors if anchor is not None]
    audio = next((anchor for anchor in anchors if anchor.kind == "audio"), anchors[0] if anchors else None)
    if audio is None:
        return None
    if audio.transport is not None and (link := audio.transport.broken_link) is not None:
        return link
    if not audio.must_send:
        return None
    if not audio.heard:
        return moments.NO_PACKET
    return moments.NO_SOUND if _is_mute(audio) else None


def _is_mute(anchor: Anchor) -> bool:
    return not anchor.has_sounded and anchor.silent_packets >= _MANY_PACKETS

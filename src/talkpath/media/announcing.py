"""What is announced to the sides of a call: in which codec each hears it, and when it has.

The engine puts it in place of what the other side says. A side that is not agreed with yet hears it when it is, one
that holds hears the rest when it is back.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from talkpath.media import moments
from talkpath.media.conversion import WIDTH_HZ, Marks, asked_of
from talkpath.media.engine import Clip, Engine
from talkpath.media.leg import Anchor, Leg
from talkpath.media.talk import Talk
from talkpath.media.telling import Noting


class Voice(NamedTuple):
    """How a side is spoken to: payload types with their encodings, those of keys, and what it wants of Opus. Without
    formats it wants to hear nothing."""

    formats: tuple[tuple[int, str], ...]
    events: tuple[int, ...] = ()
    wishes: Mapping[str, int] = {}
    marks: Marks = Marks(None, 0, "")


class _Hearer:
    """A side while it hears it."""

    __slots__ = ("anchor", "seconds", "voice")

    def __init__(self, anchor: Anchor, voice: Voice) -> None:
        self.anchor = anchor
        self.voice = voice
        self.seconds: float | None = None


# One for all: each empty set would be one of its own.
_NOBODY: frozenset[str] = frozenset()


class Announcing:
    """What one call is told, one thing after another."""

    __slots__ = ("_clip", "_engine", "_hearers", "_is_noted", "_note", "_sides")

    def __init__(self, engine: Engine, note: Noting) -> None:
        self._engine = engine
        self._note = note
        self._clip: Clip | None = None
        self._sides = _NOBODY
        self._is_noted = False
        self._hearers: dict[str, _Hearer] = {}

    @property
    def is_telling(self) -> bool:
        """Whether something that is a moment of the call was not heard to its end yet."""
        return self._clip is not None and self._is_noted

    def begin(self, clip: Clip, sides: Iterable[str], legs: Iterable[Leg], now: float, *, is_noted: bool) -> None:
        """Announce this to these sides ("caller", "callee"), unless something is being announced. `is_noted` is
        whether it becomes moments of the call."""
        if self._clip is None:
            there = list(legs)
            self._clip, self._is_noted = clip, is_noted
            self._sides = frozenset(sides) & {leg.side for leg in there}
            self._hearers.clear()
            self.adjust(there, now)

    def adjust(self, legs: Iterable[Leg], now: float) -> None:
        """Something may have been agreed."""
        if self._clip is None:
            return
        for leg in legs:
            anchor = next((one for one in leg.anchors if one is not None and one.kind == "audio" and one.hears), None)
            if leg.side in self._sides and anchor is not None and anchor.hears is not None:
                self._speak_to(leg.side, anchor, anchor.hears, now)
        self._end_when_heard(now)

    def _speak_to(self, side: str, anchor: Anchor, hears: Talk, now: float) -> None:
        hearer = self._hearers.get(side)
        if hearer is not None and (hearer.seconds is not None or hearer.anchor is not anchor):
            return
        voice = voice_for(hears)
        if not voice.formats and (why := _why_never(hears)):
            self._sides -= {side}
            self._hearers.pop(side, None)
            if self._is_noted:
                codecs = hears.other.formats.names or hears.other.protocol
                self._note(now, moments.NOT_ANNOUNCED, side=side, why=why, codecs=codecs)
        elif hearer is None and voice.formats:
            self._hearers[side] = _Hearer(anchor, voice)
            self._tell(anchor, self._clip, voice)
        elif hearer is not None and voice != hearer.voice:
            hearer.voice = voice
            self._tell(anchor, None, voice)

    def _tell(self, anchor: Anchor, clip: Clip | None, voice: Voice) -> None:
        asked = asked_of(voice.wishes, voice.marks)
        self._engine.announce(anchor.port, clip, voice.formats, events=voice.events, **asked)

    def heard(self, anchor: Anchor, seconds: float, now: float) -> None:
        """The engine has played it to its end."""
        for hearer in self._hearers.values():
            if hearer.anchor is anchor:
                hearer.seconds = seconds
        self._end_when_heard(now)

    def _end_when_heard(self, now: float) -> None:
        if self._clip is None or any(self._is_missing(side) for side in self._sides):
            return
        self._clip = None
        if self._is_noted and self._hearers:
            seconds = max(one.seconds or 0.0 for one in self._hearers.values())
            self._note(now, moments.ANNOUNCED, sides=_named(self._hearers), seconds=round(seconds, 1))

    def _is_missing(self, side: str) -> bool:
        hearer = self._hearers.get(side)
        return hearer is None or hearer.seconds is None

    def close(self, now: float) -> None:
        """The call is over."""
        if self._clip is not None and self._is_noted:
            missing = [side for side in self._sides if self._is_missing(side)]
            self._note(now, moments.ANNOUNCEMENT_CUT, sides=_named(missing))
        self._clip = None
        self._hearers.clear()


def voice_for(hears: Talk) -> Voice:
    """How a side is spoken to that is told this."""
    speaker, hearer, way = hears.own, hears.other, hears.way
    if not hearer.live or not hearer.receives or hearer.held_by_address or hearer.encrypted or not hearer.is_rtp:
        return Voice(())
    known = hearer.formats.payload_types
    formats = tuple((number, name.upper()) for number, _, name in known if name.lower() in WIDTH_HZ)
    events = tuple(number for number, _, name in known if name.lower() == "telephone-event")
    if way is not None:
        first = (way.payload_type, way.codec.upper())
        others = tuple(one for one in formats if one != first)
        return Voice((first, *others), events, way.wishes, way.marks)
    promised = speaker.web.ssrcs if speaker.web is not None else ()
    return Voice(formats, events, marks=Marks(next(iter(promised), None), 0, ""))


def _why_never(hears: Talk) -> str:
    """Why a side can be told nothing, "" where it can, if not now."""
    hearer = hears.other
    if hearer.encrypted:
        return "encrypted"
    names = [name.lower() for _, _, name in hearer.formats.payload_types]
    return "" if not hearer.live or hears.way is not None or any(name in WIDTH_HZ for name in names) else "codec"


def _named(sides: Iterable[str]) -> str:
    """One of them, or "sides" for both."""
    named = sorted(set(sides))
    return named[0] if len(named) == 1 else "sides"

"""When the sides of a section share no codec: what is added to an offer so that one is found, and how the answer
goes back to who made the offer.

The codecs of the offer stay first, so that audio passes as it is wherever it can. What is added to it are codecs that
the engine converts and the operator allows (`media.transcoding`). Only when the answer names one that was not offered
is anything converted; until then all this costs two looks into a cache.

A browser tells keys by events and in no other way, while a phone that finds nobody who takes events plays tones
itself. So a browser is always told that events are taken, and a phone that takes none hears tones.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from talkpath.media.announced import Announced, Formats
from talkpath.media.conversion import COST, WIDTH_HZ, Conversion, conversion, converts
from talkpath.media.record import BridgeRecord
from talkpath.sdp import Codec, MediaSection
from talkpath.sdp.attributes import end_of_section
from talkpath.sdp.codecs import DYNAMIC_PAYLOAD_TYPES, STATIC_FORMATS

_RTPMAPS = {"opus": "opus/48000/2", "g722": "G722/8000", "pcma": "PCMA/8000", "pcmu": "PCMU/8000"}
_CLOCK_HZ = {"opus": 48_000, "g722": 8000, "pcma": 8000, "pcmu": 8000}
_STATIC = {format.name.lower(): number for number, format in STATIC_FORMATS.items()}
# What we ask of a sender: Opus that repairs losses, and the sixteen keys.
_OPUS_FMTP = "useinbandfec=1"
_EVENTS = "telephone-event"
_EVENTS_FMTP = "0-15"


class Bridge(NamedTuple):
    """How one section is converted: what becomes of what each side says."""

    offerer: Conversion
    answerer: Conversion
    #: otherwise only events change their clock
    changes_voice: bool

    @property
    def is_needed(self) -> bool:
        """Otherwise the sides share a codec, and only what else may come is converted."""
        return self.changes_voice and self.offerer.codec != self.answerer.codec

    def save(self, section: int) -> BridgeRecord:
        """As data."""
        return BridgeRecord(section, self.offerer.save(), self.answerer.save(), self.changes_voice)

    @classmethod
    def resumed(cls, record: BridgeRecord) -> "Bridge":
        """The same again."""
        offerer, answerer = Conversion.resumed(record.offerer), Conversion.resumed(record.answerer)
        return cls(offerer, answerer, record.changes_voice)


class Known(NamedTuple):
    """What keeps payload types from being free: what the reader of an offer last announced, and the other sections,
    which may share its transport (RFC 9143 section 10.1.1)."""

    hearer: Formats | None
    others: tuple[Formats, ...]


def is_convertible(section: Announced) -> bool:
    """Whether we could read what is said in it."""
    return section.kind == "audio" and section.live and section.is_rtp and not section.encrypted


def widen(
    section: MediaSection, formats: Formats, known: Known, allowed: tuple[str, ...], *, for_web: bool = False
) -> None:
    """Add to the section of an offer the codecs that we can convert to, and events for a browser."""
    numbers, lines = _additions(formats, known, allowed, for_web)
    if numbers:
        section.formats = [*section.formats, *numbers]
        _replace(section, (), lines)


@lru_cache(maxsize=1024)
def _additions(
    formats: Formats, known: Known, allowed: tuple[str, ...], for_web: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The payload types to add, and their lines."""
    offered = [name.lower() for _, _, name in formats.payload_types]
    usable = [name for name in offered if name in WIDTH_HZ]
    # Without a codec of the offer that we can convert there is nothing to convert to and from.
    if not usable:
        return (), ()
    best = max(usable, key=WIDTH_HZ.__getitem__)
    added = sorted((name for name in _lower(allowed) if name not in offered), key=lambda name: _rank(name, best))
    numbers = _Numbers(formats, known)
    lines: list[str] = []
    wanted = [(name, _CLOCK_HZ[name], _RTPMAPS[name], _OPUS_FMTP if name == "opus" else None) for name in added]
    if _EVENTS in offered or for_web:
        clocks = {clock for _, clock, name in formats.payload_types if name.lower() == _EVENTS}
        voices = [] if clocks else usable
        missing = dict.fromkeys(_CLOCK_HZ[name] for name in (*voices, *added) if _CLOCK_HZ[name] not in clocks)
        wanted += [(_EVENTS, clock, f"{_EVENTS}/{clock}", _EVENTS_FMTP) for clock in missing]
    for name, clock, rtpmap, fmtp in wanted:
        number = numbers.take(name, clock)
        if number is not None:
            lines.append(f"a=rtpmap:{number} {rtpmap}")
            lines += [] if fmtp is None else [f"a=fmtp:{number} {fmtp}"]
    return tuple(numbers.taken), tuple(lines)


class _Numbers:
    """Free payload types: those the hearer uses for the same, else the static one, else one that neither side uses.

    A payload type keeps its meaning for as long as a call lasts (RFC 3264 section 8.3.2).
    """

    def __init__(self, formats: Formats, known: Known) -> None:
        self._used = {number for one in (formats, *known.others) for number, _, _ in one.payload_types}
        self._hearer: tuple[tuple[int, int, str], ...] = () if known.hearer is None else known.hearer.payload_types
        self.taken: list[str] = []

    def take(self, name: str, clock_hz: int) -> int | None:
        """None when all dynamic ones are taken."""
        same = [number for number, clock, known in self._hearer if known.lower() == name and clock == clock_hz]
        others = {number for number, _, _ in self._hearer}
        static = [_STATIC[name]] if name in _STATIC else []
        free = [number for number in DYNAMIC_PAYLOAD_TYPES if number not in others]
        wanted = (*same, *static, *free, *DYNAMIC_PAYLOAD_TYPES)
        number = next((number for number in wanted if number not in self._used), None)
        if number is not None:
            self._used.add(number)
            self.taken.append(str(number))
        return number


def _lower(names: Iterable[str]) -> list[str]:
    return [name.lower() for name in names]


def _rank(name: str, other: str) -> tuple[int, int]:
    """Converted to and from `other`: the widest audio first, at the least cost."""
    return -min(WIDTH_HZ[name], WIDTH_HZ[other]), COST[name]


@lru_cache(maxsize=4096)
def is_foreign(offer: Formats, answer: Formats, allowed: tuple[str, ...], for_web: bool = False) -> bool:
    """Whether the answer names what its offer did not, and what may be converted: a codec, or events on a clock. Or
    it leaves out the events of a browser."""
    known = {(name.lower(), clock) for _, clock, name in offer.payload_types}
    answered = {(name.lower(), clock) for _, clock, name in answer.payload_types}
    new = {name for name, _ in answered - known}
    has_events = any(name == _EVENTS for name, _ in known & answered)
    is_keyless = for_web and _EVENTS not in _lower(name for name, _ in answered)
    is_keyless = is_keyless and any(name == _EVENTS for name, _ in known)
    return is_keyless or not new.isdisjoint(_lower(allowed)) or (_EVENTS in new and not has_events)


def bridge_codecs(
    offered: MediaSection,
    asked: MediaSection,
    answered: MediaSection,
    answer: MediaSection,
    *,
    for_web: bool = False,
) -> Bridge | None:
    """Turn an answer with foreign codecs into one that its offerer understands, and say how that is done.

    `offered` is the section as it came, `asked` as we sent it on; `answered` is the answer as it came, `answer` what
    goes back and is rewritten, `for_web` says whether to a browser. None where nothing of the offer can be converted:
    then it stays as it is.
    """
    own, theirs = list(offered.codecs), list(answer.codecs)
    keys = {codec.format.key for codec in own}
    shared = [codec for codec in theirs if codec.format.key in keys and not codec.is_auxiliary]
    told = shared or _best_for(own, theirs)
    told = told + _companions(own, theirs, told, keeps_events=for_web)
    spoken_there = next((codec for codec in theirs if converts(codec)), None)
    spoken_here = next((codec for codec in told if converts(codec)), None)
    if spoken_there is None or spoken_here is None:
        return None
    # Who answers sends by the numbers of the offer, some by those of their own answer (RFC 3264 section 5.1); and
    # browsers may send a codec of the offer that their answer leaves out.
    from_answerer = _by_number(asked.codecs, theirs)
    from_offerer = _by_number(told, own)
    made = Bridge(
        offerer=conversion(from_offerer, answered, theirs, spoken_there, asked),
        answerer=conversion(from_answerer, offered, told, spoken_here, answer),
        changes_voice=any(converts(codec) for codec in theirs if codec.format.key not in keys),
    )
    _rewrite(answer, told)
    return made


def _best_for(own: Sequence[Codec], theirs: Sequence[Codec]) -> list[Codec]:
    """The codec of the offer that goes best with the answer."""
    there = next((codec.name.lower() for codec in theirs if converts(codec)), None)
    usable = [codec for codec in own if converts(codec)]
    return [] if there is None else sorted(usable, key=lambda codec: _rank(codec.name.lower(), there))[:1]


def _companions(
    own: Sequence[Codec], theirs: Sequence[Codec], voices: Sequence[Codec], *, keeps_events: bool
) -> list[Codec]:
    """Events and comfort noise of the offer beside these voices, where the answer has some too."""
    clocks = {codec.clock_hz for codec in voices}
    names = {codec.name.lower() for codec in theirs} | ({_EVENTS} if keeps_events else set())
    events = [codec for codec in own if codec.name.lower() == _EVENTS]
    events = [codec for codec in events if codec.clock_hz in clocks] or events[:1]
    noise = [codec for codec in own if codec.name.lower() == "cn" and codec.clock_hz in clocks]
    return [codec for codec in (*events, *noise) if codec.name.lower() in names]


def _by_number(first: Iterable[Codec], then: Iterable[Codec]) -> list[Codec]:
    numbered = {codec.payload_type: codec for codec in then}
    numbered.update((codec.payload_type, codec) for codec in first)
    return list(numbered.values())


def _rewrite(answer: MediaSection, told: Sequence[Codec]) -> None:
    """Make these the codecs of the section; other lines stay."""
    lines = []
    for codec in told:
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.format}")
        fmtp = _OPUS_FMTP if codec.name.lower() == "opus" else codec.fmtp
        if fmtp is not None:
            lines.append(f"a=fmtp:{codec.payload_type} {fmtp}")
    answer.formats = [str(codec.payload_type) for codec in told]
    _replace(answer, ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"), lines)


def _replace(section: MediaSection, gone: tuple[str, ...], lines: Sequence[str]) -> None:
    kept = [line for line in section.lines if not line.startswith(gone)]
    end = end_of_section(kept)
    section.lines[:] = [*kept[:end], *lines, *kept[end:]]

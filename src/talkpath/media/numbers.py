"""Payload types that a page calls otherwise than its call does.

The relay rewrites packets between the two (`Engine.renumber`), so that nobody else has to know.
"""

from collections.abc import Iterator, Mapping

from talkpath.sdp import Codec, MediaSection
from talkpath.sdp.codecs import DYNAMIC_PAYLOAD_TYPES, STATIC_FORMATS, Format, formats_of

# What a payload type stands for: a format, and its parameters where sections are compared.
Meaning = tuple[Format, str]

# Browsers take no payload type that could be RTCP on the same port (RFC 5761 section 4).
_LIKE_RTCP = range(64, 96)
# Those whose number says what they are (RFC 3551 section 6).
_STATIC = range(35)
# Where they are free, browsers take these as dynamic too.
_FURTHER = range(35, 64)
# Codecs that browsers know by their static number alone: Chromium rejects PCMA under 97.
_KNOWN_BY_NUMBER = {STATIC_FORMATS[number].key: number for number in (0, 8, 9, 13)}
# Their packets name payload types inside, where nobody rewrites them (RFC 2198, RFC 5109).
_NAMING_OTHERS = ("red", "ulpfec", "flexfec", "flexfec-03")
_NUMBERED = ("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=imageattr:")


class Numbers:
    """Those of one section."""

    __slots__ = ("_ours", "_theirs", "pairs")

    def __init__(self) -> None:
        #: the page's number by the call's, and the other way
        self._theirs: dict[int, int] = {}
        self._ours: dict[int, int] = {}
        #: (the page's number, the call's) of those that differ
        self.pairs: tuple[tuple[int, int], ...] = ()

    def copy(self) -> "Numbers":
        """For another section that was told the same."""
        made = Numbers()
        made._theirs, made._ours, made.pairs = dict(self._theirs), dict(self._ours), self.pairs
        return made

    def save(self) -> tuple[tuple[int, int], ...]:
        """The page's by the call's."""
        return tuple(self._theirs.items())

    @classmethod
    def resumed(cls, record: tuple[tuple[int, int], ...]) -> "Numbers":
        """The same again."""
        made = cls()
        for ours, theirs in record:
            made._learn(ours, theirs)
        return made

    def hear(self, section: MediaSection) -> bool:
        """Write the call's numbers into a section of the page; whether there were any to write."""
        numbers = [number for number, _ in formats_of(section.formats, ())]
        avoided = {*numbers, *self._theirs}
        for number in numbers:
            # The page uses for something of its own what the call uses for something else.
            if number not in self._ours and number in self._theirs:
                self._learn(next(_free(avoided | self._ours.keys()), number), number)
        return rewrite(section, {number: self._ours.get(number, number) for number in numbers})

    def speak(
        self, section: MediaSection, said: Mapping[int, Meaning], taken: dict[int, Meaning], avoided: set[int]
    ) -> list[str]:
        """Write numbers that the page bears into a section of the call; those that are new, in words.

        `taken` is what the numbers of other sections mean to the page, and takes those of this one; `avoided` are the
        call's numbers in all of them.
        """
        told, fresh = {}, []
        for number, meaning in said.items():
            wanted = self._theirs.get(number, number)
            if (wanted == number and number in self._ours) or not _bears(wanted, meaning, taken):
                wanted = self._number_for(number, said, taken, avoided)
            if wanted != self._theirs.get(number, number):
                self._learn(number, wanted)
                fresh.append(f"{number} → {wanted}")
            taken[wanted] = meaning
            told[number] = wanted
        rewrite(section, told)
        return fresh

    def _number_for(
        self, number: int, said: Mapping[int, Meaning], taken: Mapping[int, Meaning], avoided: set[int]
    ) -> int:
        """For what the call calls `number`; itself where nothing better is free."""
        meaning = said[number]
        static = _KNOWN_BY_NUMBER.get(meaning[0].key)
        if static is not None:
            used = said.keys() | self._ours.keys()
            is_free = static not in used and _is_same(taken.get(static, meaning), meaning)
            return static if is_free else number
        return next(_free(avoided | self._ours.keys() | taken.keys()), number)

    def _learn(self, ours: int, theirs: int) -> None:
        self._ours.pop(self._theirs.pop(ours, -1), None)
        self._theirs[ours], self._ours[theirs] = theirs, ours
        self.pairs = tuple(sorted((theirs, ours) for ours, theirs in self._theirs.items() if ours != theirs))


def meanings(section: MediaSection, *, with_fmtp: bool) -> dict[int, Meaning]:
    """What the payload types of a section stand for."""
    if with_fmtp:
        return {codec.payload_type: _meaning(codec) for codec in section.codecs if codec.payload_type < 128}
    rtpmaps = [line[9:] for line in section.lines if line.startswith("a=rtpmap:")]
    return {number: (format, "") for number, format in formats_of(section.formats, rtpmaps) if number < 128}


def rewrite(section: MediaSection, numbers: Mapping[int, int]) -> bool:
    """Put other payload types in the place of those of a section; whether any differs."""
    if all(old == new for old, new in numbers.items()):
        return False
    section.codecs.drop(*_NAMING_OTHERS)
    named = {str(old): str(new) for old, new in numbers.items()}
    section.formats = [named.get(one, one) for one in section.formats]
    section.lines[:] = [_rewritten(line, named) for line in section.lines]
    return True


def _rewritten(line: str, named: Mapping[str, str]) -> str:
    if not line.startswith(_NUMBERED):
        return line
    name, _, value = line.partition(":")
    number, space, rest = value.partition(" ")
    if name == "a=fmtp" and rest.startswith("apt="):
        other, semicolon, more = rest[4:].partition(";")
        rest = f"apt={named.get(other.strip(), other)}{semicolon}{more}"
    return f"{name}:{named.get(number, number)}{space}{rest}"


def _meaning(codec: Codec) -> Meaning:
    return codec.format, codec.fmtp or ""


def _bears(number: int, meaning: Meaning, taken: Mapping[int, Meaning]) -> bool:
    key = meaning[0].key
    if number in _LIKE_RTCP or not _is_same(taken.get(number, meaning), meaning):
        return False
    if number in _STATIC:
        known = STATIC_FORMATS.get(number)
        return not meaning[0].name or (known is not None and known.key == key)
    return key not in _KNOWN_BY_NUMBER


def _is_same(one: Meaning, other: Meaning) -> bool:
    return (one[0].key, one[1]) == (other[0].key, other[1])


def _free(used: set[int]) -> Iterator[int]:
    return (number for number in (*DYNAMIC_PAYLOAD_TYPES, *_FURTHER) if number not in used)

"""What a page bears of the descriptions of its call, and how what it says is brought back.

Browsers throw at what phones may well say: sections that they do not know (text, T.38, MSRP, BFCP), payload types
that look like RTCP (RFC 5761 section 4), codecs with a static number under another, identifiers of header extensions
that their packets cannot hold. A page that is offered no audio at first stays mute for ever. So a call has one way to
say things, that of who offered them, and the `Dialect` of a page stands between it and the call: `speak` makes what
the page bears of a description, `hear` takes what the page says back into the call's words. It keeps which sections
the page has, in its order (RFC 3264 section 8 never lets one go), their mids, and the payload types of either side.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from talkpath.base.octets import raw, text
from talkpath.media.announced import Announced
from talkpath.media.numbers import Meaning, Numbers, meanings
from talkpath.media.record import DialectRecord
from talkpath.sdp import Direction, MediaSection, SessionDescription

# One-byte header extensions hold no more (RFC 8285 section 4.2); Firefox has no others.
_LAST_EXTENSION = 14
_EXTENSION = re.compile(rb"\na=extmap:(\d+)(?:/\w+)? +(\S+)")
# A token (RFC 8866 section 9) that fits into such an extension: browsers refuse others.
_MID = re.compile(r"[\w!#$%&'*+.^`{|}~-]{1,16}", re.ASCII)


class Spared(NamedTuple):
    """What a page was not told as it was: `payload types` as they became, identifiers of header extensions that were
    left out, and the sections, by their place in the call, whose hold it does not know of."""

    payload_types: list[str]
    extensions: list[str]
    holds: frozenset[int]


class Dialect:
    """That of one page. Sections are named by their place in the call."""

    __slots__ = ("_count", "_mids", "_numbers", "_places", "_values")

    def __init__(self, known: int) -> None:
        """`known` sections were agreed with it already."""
        self._places = list(range(known))
        self._count = known
        self._mids: dict[int, str] = {}
        self._numbers: dict[int, Numbers] = {}
        #: m= value, rejected, of each section: the page's own, and the call's for those that the page has not
        self._values: dict[int, str] = {}

    def copy(self) -> "Dialect":
        """For another page that was told the same."""
        made = Dialect(0)
        made._places, made._count = list(self._places), self._count
        made._mids, made._values = dict(self._mids), dict(self._values)
        made._numbers = {place: numbers.copy() for place, numbers in self._numbers.items()}
        return made

    def save(self) -> DialectRecord:
        """As data."""
        mids = {place: raw(mid) for place, mid in self._mids.items()}
        values = {place: raw(value) for place, value in self._values.items()}
        numbers = {place: one.save() for place, one in self._numbers.items()}
        return DialectRecord(tuple(self._places), self._count, mids, values, numbers)

    @classmethod
    def resumed(cls, record: DialectRecord) -> "Dialect":
        """The same again."""
        made = cls(0)
        made._places, made._count = list(record.places), record.count
        made._mids = {place: text(mid) for place, mid in record.mids.items()}
        made._values = {place: text(value) for place, value in record.values.items()}
        made._numbers = {place: Numbers.resumed(one) for place, one in record.numbers.items()}
        return made

    def hear(
        self, description: SessionDescription, offered: Sequence[Announced] | None, holds: frozenset[int]
    ) -> bool:
        """Turn the page's description into one of the call; whether anything had to change.

        `offered` are the sections of the call's offer that it answers, None for an offer; `holds` those of them whose
        hold the page does not know of.
        """
        spoken = description.media
        if offered is None:
            self._take_offered(len(spoken))
        changes = False
        for place, section in zip(self._places, spoken, strict=False):
            self._remember(place, section)
            numbers = self._numbers.get(place)
            changes |= numbers is not None and numbers.hear(section)
            if offered is not None and place in holds and section.port:
                section.direction = _within(section.direction, offered[place])
                changes = True
        if self._places == list(range(self._count)):
            return changes
        whole = dict(zip(self._places, spoken, strict=False))
        description.media[:] = [whole.get(place) or self._absent(place, description) for place in range(self._count)]
        return True

    def name(self, description: SessionDescription) -> None:
        """Give each section of an offer the mid by which the page knows it, else one that no other has."""
        taken = {self._mids[place] for place in range(len(description.media)) if place in self._mids}
        for place, section in enumerate(description.media):
            mid = self._mids.get(place)
            if mid is None:
                mid = next(name for name in _names(section.mid, place) if name not in taken)
                taken.add(mid)
            self._mids[place] = section.mid = mid

    def speak(self, description: SessionDescription, offer: bytes | None) -> Spared:
        """Turn a description of the call into one that the page bears; `offer` is the page's, if it answers one."""
        offers = offer is None
        fresh = self._take_told(description.media, offers=offers)
        payload_types = self._renumber(description.media)
        extensions = _drop_extensions(description, None if offer is None else frozenset(_EXTENSION.findall(offer)))
        holds = _open(description, fresh) if offers else frozenset[int]()
        return Spared(payload_types, extensions, holds)

    def take_out(self, description: SessionDescription) -> None:
        """Leave out the sections that the page has not, and bring its own into its order."""
        sections = list(description.media)
        known = next((one.own_connection for one in sections if one.own_connection is not None), None)
        description.media[:] = [
            sections[place]
            if place < len(sections) and knows(sections[place])
            else self._absent(place, description, self._mids.get(place))
            for place in self._places
        ]
        for section in description.media:
            if section.connection is None and known is not None:
                section.connection = known  # without any, Firefox throws

    def renumbered(self, place: int) -> tuple[tuple[int, int], ...]:
        """Which payload types of a section the page calls otherwise: its number and the call's."""
        numbers = self._numbers.get(place)
        return () if numbers is None else numbers.pairs

    def _take_offered(self, count: int) -> None:
        """The page offers so many: new ones come after all others of the call. It may have gone back on some."""
        del self._places[count:]
        while len(self._places) < count:
            self._places.append(self._count)
            self._count += 1

    def _take_told(self, sections: Sequence[MediaSection], *, offers: bool) -> set[int]:
        """The call has these sections; gives those that the page is told of for the first time.

        Of one that is rejected it need not know: pages would put their track into it, where nobody hears it.
        """
        self._count = max(self._count, len(sections))
        fresh = set()
        for place, section in enumerate(sections):
            if offers and place not in self._places and section.port and knows(section):
                self._places.append(place)
                fresh.add(place)
            if place not in self._places or knows(section):
                self._remember(place, section)
        return fresh

    def _remember(self, place: int, section: MediaSection) -> None:
        self._values[place] = " ".join((section.kind, "0", section.protocol, *section.formats[:1]))
        if section.mid is not None and place in self._places:
            self._mids[place] = section.mid

    def _absent(self, place: int, description: SessionDescription, mid: str | None = None) -> MediaSection:
        """A section that the reader has and the writer has not: rejected."""
        made = MediaSection([f"m={self._values.get(place, 'audio 0 RTP/AVP 0')}"], description.level)
        if mid is not None:
            made.mid = mid
        return made

    def _renumber(self, sections: Sequence[MediaSection]) -> list[str]:
        """Give the page payload types that it bears, of one meaning in all sections (RFC 9143 section 9.1)."""
        live = {place: section for place, section in enumerate(sections) if section.port and section.is_rtp}
        said = {place: meanings(section, with_fmtp=len(live) > 1) for place, section in live.items()}
        avoided = {number for one in said.values() for number in one}
        taken: dict[int, Meaning] = {}
        changed = []
        for place, section in live.items():
            numbers = self._numbers.get(place)
            if numbers is None:
                numbers = Numbers()
            changed += numbers.speak(section, said[place], taken, avoided)
            if numbers.pairs:
                self._numbers[place] = numbers
        return changed


def knows(section: MediaSection) -> bool:
    """Whether browsers know such a section at all."""
    if section.kind in ("audio", "video"):
        return section.is_rtp
    return section.kind == "application" and "SCTP" in section.protocol.upper()


def unknown(description: SessionDescription) -> list[MediaSection]:
    """The sections that are offered and that no browser knows."""
    return [section for section in description.media if section.port and not knows(section)]


def _names(own: str | None, place: int) -> Iterator[str]:
    if own is not None and _MID.fullmatch(own):
        yield own
    yield str(place)
    for number in range(1 << 16):
        yield f"s{number}"


def _within(answer: Direction, offer: Announced) -> Direction:
    """What an answer to an offer of both directions is to this one (RFC 3264 section 6.1)."""
    return Direction.of(sends=answer.sends and offer.receives, receives=answer.receives and offer.sends)


def _open(description: SessionDescription, fresh: Iterable[int]) -> frozenset[int]:
    """Offer new sections on hold in both directions; gives which.

    Browsers give an offered section a track of their own only where the first offer wants to hear it (RFC 9429
    section 5.10). A video that is only shown, as of a door, is no hold.
    """
    live = [section for section in description.media if section.port and section.is_rtp]
    is_on_hold = not any(section.direction.receives for section in live)
    opened = set()
    for place in fresh:
        section = description.media[place]
        is_mute = section.port and section.is_rtp and not section.direction.receives
        if is_mute and (is_on_hold or section.kind == "audio"):
            section.direction = Direction.SENDRECV
            opened.add(place)
    return frozenset(opened)


def _drop_extensions(description: SessionDescription, offered: frozenset[tuple[bytes, bytes]] | None) -> list[str]:
    """Leave out header extensions that a browser throws at: identifiers above 14, such as mean two things, and in an
    answer what was not `offered` under that identifier (RFC 8285 section 6)."""
    dropped: list[str] = []
    known: dict[str, str] = {}
    for level in (description, *description.media):
        if any(line.startswith("a=extmap:") for line in level.lines):
            own: set[str] = set()
            level.lines[:] = [line for line in level.lines if _is_borne(line, own, known, offered, dropped)]
    return dropped


def _is_borne(
    line: str,
    own: set[str],
    known: dict[str, str],
    offered: frozenset[tuple[bytes, bytes]] | None,
    dropped: list[str],
) -> bool:
    if not line.startswith("a=extmap:"):
        return True
    head, _, rest = line[9:].partition(" ")
    number, uri = head.partition("/")[0], rest.partition(" ")[0].strip()
    is_short = number.isascii() and number.isdigit() and len(number) < 3 and 0 < int(number) <= _LAST_EXTENSION
    is_asked = offered is None or (number.encode(), uri.encode("utf-8", "surrogateescape")) in offered
    if not (is_short and is_asked) or number in own or known.setdefault(number, uri) != uri:
        dropped.append(f"{number} {uri}")
        return False
    own.add(number)
    return True

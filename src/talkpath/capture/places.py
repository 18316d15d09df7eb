"""Captures of several places read as one: which files belong to a place, and how far the clocks of places are apart.

A place is a capturing machine. Its files follow each other (tcpdump -C, -G); files that overlap in time, or that have
the same messages at other times, were captured at different ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from statistics import median
from typing import NamedTuple

from talkpath._native import CaptureReader, capture_span
from talkpath.base import limits
from talkpath.capture import records
from talkpath.capture.records import RtpStream, SipSeen

# A file may begin so much before the last packet of the one before: a rotation hands packets over out of order.
_OVERLAP_S = 0.5
# The clocks of two places differ by what this many messages agree on, within so much.
_AGREEING, _AGREE_S = 3, 0.5
# Beginnings that are looked at for files that do not overlap; of more files nobody means two places.
_HEAD_BYTES, _FEW_FILES = 8 * 1024 * 1024, 8
_BATCH_RECORDS, _BATCH_BYTES = 4096, 8 * 1024 * 1024


class Surveyed(NamedTuple):
    """A file: how many packets it has, and the times of the first and the last (0 without packets)."""

    path: str
    packets: int
    first: float
    last: float


Place = list[Surveyed]
#: (source host, destination host) and what is known again elsewhere: when it was seen
_Sightings = dict[tuple[str, str], dict[object, float]]


def places_of(paths: Sequence[str]) -> list[Place]:
    """The files in the order of time, by place; the first place is that of the first path.

    Raises CaptureUnreadable and OSError, as reading does.
    """
    files = [Surveyed(path, *capture_span(path)) for path in paths]
    places: list[Place] = []
    for file in sorted(files, key=lambda file: file.first):
        before = [place for place in places if place[-1].last <= file.first + _OVERLAP_S]
        if file.packets == 0 and places:
            places[0].append(file)
        elif before:
            # Two machines that rotate: names tell whose file it is.
            max(before, key=lambda place: _alike(place[-1].path, file.path)).append(file)
        else:
            places.append([file])
    if len(places) == 1 and 1 < len(files) <= _FEW_FILES:
        places = _by_content(places[0])
    return sorted(places, key=lambda place: min(paths.index(file.path) for file in place))


def _alike(one: str, other: str) -> int:
    """How many characters two names begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _by_content(files: Place) -> list[Place]:
    """Clocks that are hours apart: the same messages at other times, all by as much."""
    places: list[Place] = []
    heads: list[_Sightings] = []
    for file in files:
        head = _sightings([file], _HEAD_BYTES)
        if any(_agree(_differences(known, head)) for known in heads):
            places.append([file])
        elif places:
            places[0].append(file)
        else:
            places.append([file])
        heads.append(head)
    return places


def _agree(differences: Sequence[Sequence[float]]) -> bool:
    every = sorted(one for of_pair in differences for one in of_pair)
    close = (every[at + _AGREEING - 1] - every[at] < _AGREE_S for at in range(len(every) - _AGREEING + 1))
    return any(close)


def clocks_of(places: Sequence[Place]) -> list[float]:
    """How many seconds the clock of each place is ahead of the first's; 0 where nothing was seen at both.

    What goes one way arrives later by the time it takes, what goes the other way earlier: the middle is the clocks.
    """
    seen: list[_Sightings] = []
    ahead: list[float] = []
    for place in places:
        here = _sightings(place)
        known = ((apart, ahead[at]) for at, other in enumerate(seen) if (apart := _apart(other, here)) is not None)
        apart, of_other = next(known, (0.0, 0.0))
        ahead.append(apart + of_other)
        seen.append(here)
    return ahead


def _apart(one: _Sightings, other: _Sightings) -> float | None:
    """How much the second clock is ahead; None where nothing was seen at both places."""
    by_pair: dict[frozenset[str], list[float]] = defaultdict(list)
    for pair in one.keys() & other.keys():
        differences = _of_pair(one[pair], other[pair])
        if differences:
            by_pair[frozenset(pair)].append(median(differences))
    if not by_pair:
        return None
    return median(sum(both) / len(both) for both in by_pair.values())


def _differences(one: _Sightings, other: _Sightings) -> list[list[float]]:
    return [_of_pair(one[pair], other[pair]) for pair in one.keys() & other.keys()]


def _of_pair(one: dict[object, float], other: dict[object, float]) -> list[float]:
    return [other[key] - one[key] for key in one.keys() & other.keys()]


def _sightings(place: Place, most_bytes: int | None = None) -> _Sightings:
    """What a place saw that another may have seen: SIP messages by their bytes, streams by their numbers."""
    reader = CaptureReader(records)
    reader.open_places([([(file.path, 1) for file in place], 0.0)])
    found: _Sightings = defaultdict(dict)
    count = 0
    for record in _read(reader, most_bytes):
        if isinstance(record, SipSeen):
            key: object = hash(record.raw)
            time = record.time
        elif isinstance(record, RtpStream) and record.marks:
            # Where the stream stood at number 0 of those with 16 bits: the same at both places.
            key = record.ssrc
            time = record.start - int.from_bytes(record.marks[:2], "little") * record.ptime_ms / 1000
        else:
            continue
        found[record.src.host, record.dst.host].setdefault(key, time)
        count += 1
        if count >= limits.CAPTURE_RECORDS:
            break
    return found


def _read(reader: CaptureReader, most_bytes: int | None) -> Iterator[object]:
    while (batch := reader.read(_BATCH_RECORDS, _BATCH_BYTES)) is not None:
        yield from batch
        if most_bytes is not None and reader.position()[0] >= most_bytes:
            break
    yield from reader.finish()


def numbered(places: Iterable[Place]) -> list[list[tuple[str, int]]]:
    """Every file with the number of its first frame: they go on from file to file, place by place."""
    found: list[list[tuple[str, int]]] = []
    frame = 1
    for place in places:
        found.append([])
        for file in place:
            found[-1].append((file.path, frame))
            frame += file.packets
    return found

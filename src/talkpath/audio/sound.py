"""The sound of a call, block by block: both sides on one time line, gaps as silence."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from talkpath._native import CaptureUnreadable, SoundReader, page_sounds
from talkpath.audio.codecs import REDUNDANT, Decode, decoder_of, rate_of
from talkpath.audio.names import Names
from talkpath.audio.sides import Sides
from talkpath.base.errors import Unavailable
from talkpath.capture.reader import UnreadableCapture, cannot_open
from talkpath.capture.records import RtpStream

#: Rates of files: what is heard keeps the best of its codecs.
RATES_HZ = (8000, 16_000, 48_000)
#: A file does not get longer: two packets that are a month apart are one clock that was set, not a call.
MOST_SECONDS = 7 * 24 * 3600


_Format = tuple[int, str, int, int, int, Decode | None]
_Track = tuple[tuple[str, int, str, int, int], int, int, int, list[_Format]]


class Layout(StrEnum):
    """Who is heard where."""

    STEREO = "stereo"
    MIXED = "mixed"
    CALLER = "caller"
    CALLEE = "callee"

    @property
    def channels(self) -> int:
        return 2 if self is Layout.STEREO else 1


class Counts(NamedTuple):
    """What became of the packets: those that could not be decoded, came too late for their place, came twice."""

    packets: int
    refused: int
    late: int
    doubled: int


class TooLong(Unavailable):
    """The packets of one call are weeks apart."""

    def __init__(self, days: float) -> None:
        self.days = days
        super().__init__("too-long", f"its packets are {days:.0f} days apart: a clock was set while it was captured")


class Sound:
    """What is heard of some streams. `rate` is None for the best of their codecs.

    `peaks` is into how many stretches of time it is divided for a picture. Raises NeedsPyAV and TooLong.
    """

    def __init__(
        self,
        files: Sequence[str],
        sides: Sides,
        *,
        layout: Layout = Layout.STEREO,
        rate: int | None = None,
        peaks: int = 0,
    ) -> None:
        self.files = list(files)
        self.start, self.seconds = _extent(sides)
        self.layout = layout
        self.rate = rate or best_rate(sides)
        every = max(1, int(self.seconds * self.rate / peaks)) if peaks else 0
        self.peak_s = every / self.rate
        self._reader = SoundReader(
            self.files,
            _both(sides),
            layout=layout,
            rate=self.rate,
            start=self.start,
            seconds=self.seconds,
            peaks_every=every,
        )

    def blocks(self) -> Iterator[bytes]:
        """Signed samples of 16 bits, the lowest byte first, channels in turn. Raises what `Capture` raises."""
        try:
            while (block := self._reader.read()) is not None:
                yield block
        except CaptureUnreadable as error:
            raise UnreadableCapture(self.files[0], str(error)) from None
        except OSError as error:
            raise cannot_open(self.files[0], error) from None

    @property
    def taken(self) -> int:
        """Bytes of the captures read so far."""
        return self._reader.taken()

    @property
    def counts(self) -> Counts:
        return Counts(*self._reader.counts())

    def peaks(self, side: int) -> list[tuple[int, int]]:
        """Least and greatest sample of each stretch of `peak_s` seconds, once all blocks were taken."""
        return self._reader.peaks(side)


def best_rate(sides: Sides) -> int:
    """The least rate that keeps all that is heard."""
    wanted = max(
        rate_of(one.format.name, one.format.clock_hz)
        for stream in sides.streams
        for one in sides.names.of(stream)
        if one.format.name.upper() != REDUNDANT
    )
    return next((rate for rate in RATES_HZ if rate >= wanted), RATES_HZ[-1])


def for_a_page(files: Sequence[str], calls: Sequence[Sides]) -> list[tuple[bytes, bytes]]:
    """Both sides of every call in mu-law at 8 kHz: half the size, and enough for an ear. The files are read once.

    Raises NeedsPyAV, TooLong, and what `Capture` raises.
    """
    wanted = []
    for sides in calls:
        start, seconds = _extent(sides)
        wanted.append((_both(sides), start, seconds))
    try:
        return page_sounds(list(files), wanted)
    except CaptureUnreadable as error:
        raise UnreadableCapture(files[0], str(error)) from None
    except OSError as error:
        raise cannot_open(files[0], error) from None


def check(sides: Sides) -> None:
    """Raises NeedsPyAV where nothing here decodes it, and TooLong."""
    _extent(sides)
    _both(sides)


def _extent(sides: Sides) -> tuple[float, float]:
    """When the sound begins, and how many seconds it lasts."""
    start = min(stream.start for stream in sides.streams)
    seconds = max(stream.end + stream.ptime_ms / 1000 for stream in sides.streams) - start
    if seconds > MOST_SECONDS:
        raise TooLong(seconds / 86_400)
    return start, seconds


def _both(sides: Sides) -> list[_Track]:
    both = enumerate((sides.caller, sides.callee))
    return [track for number, side in both for track in _tracks(side, number, sides.names)]


def _tracks(streams: Sequence[RtpStream], side: int, names: Names) -> Iterator[_Track]:
    for stream in streams:
        key = (stream.src.host, stream.src.port, stream.dst.host, stream.dst.port, stream.ssrc)
        formats: list[_Format] = []
        for number, (encoding, clock_hz, channels) in names.of(stream):
            rate = 0 if encoding.upper() == REDUNDANT else rate_of(encoding, clock_hz)
            formats.append((number, encoding, clock_hz, channels, rate, decoder_of(encoding, clock_hz)))
        yield key, side, stream.first_frame, stream.last_frame, formats

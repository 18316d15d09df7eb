"""One call captured at two places: which packets the one has and the other has not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from msgspec import Struct

from talkpath.base.address import Address
from talkpath.capture.reader import FileSummary
from talkpath.capture.records import RtpStream

# Fewer packets that both could have seen say nothing.
LEAST_COMMON = 20
# The same numbers at other times are another stream.
SAME_S = 2.0
# Of what a place lacks, the other lacks less than this share of something else: else both captures lose packets.
ONE_SIDED = 0.1

_Key = tuple[Address, Address, int]


class Comparison(Struct, frozen=True):
    """A stream at two places. `first` saw it nearer to its sender: it has `lost` packets that `second` has not.

    `common` are the packets that both had the time to see, `before` those of them that neither has. `at` and `until`
    are the times of the first and the last that was lost between the two. `is_doubtful`: each place misses packets
    that the other has, so that the captures themselves lose some.
    """

    first: str
    second: str
    common: int
    lost: int
    before: int
    at: float
    until: float
    is_doubtful: bool

    @property
    def share(self) -> float:
        """Of what the first place has."""
        return self.lost / max(1, self.common - self.before)


class Places:
    """The places of a capture, and what they show of the same streams."""

    def __init__(self, captures: Sequence[FileSummary]) -> None:
        self._files = sorted((file for file in captures if file.packets), key=lambda file: file.first_frame)
        self._names: dict[int, str] = {}
        for file in self._files:
            self._names.setdefault(file.place, PurePath(file.path).name)
        self._compared: dict[tuple[_Key, int], Comparison] = {}

    @property
    def are_several(self) -> bool:
        return len(self._names) > 1

    @property
    def comparisons(self) -> Iterable[Comparison]:
        """Every stream that two places saw."""
        return self._compared.values()

    def name(self, place: int) -> str:
        """What a place is called: its first file."""
        return self._names[place]

    def of(self, frame: int) -> int:
        """The place at which a frame was captured."""
        return next((file.place for file in reversed(self._files) if file.first_frame <= frame), 0)

    def covers(self, place: int, time: float) -> bool:
        """Whether it was capturing then."""
        return any(file.place == place and file.first <= time <= file.last for file in self._files)

    def compared(self, rtp: RtpStream) -> Comparison | None:
        """What another place says of a stream."""
        return self._compared.get((_key(rtp), rtp.first_frame))

    def settle(self, streams: Sequence[RtpStream]) -> list[RtpStream]:
        """The streams, each once: what two places saw between the same addresses is told by who is nearer to its
        receiver. A stream that went on from other addresses (a NAT, a relay) stays beside its origin."""
        kept: list[RtpStream] = []
        alike: Mapping[int, list[RtpStream]] = _by_ssrc(streams)
        for group in alike.values():
            left = list(group)
            while left:
                one = left.pop(0)
                other = next((each for each in left if self._is_same(one, each)), None)
                if other is None:
                    kept.append(one)
                    continue
                near, far = self._ordered(one, other)
                left.remove(other)
                kept += [near] if _key(near) == _key(far) else [near, far]
        kept.sort(key=lambda rtp: rtp.end)
        return kept

    def _is_same(self, one: RtpStream, other: RtpStream) -> bool:
        if self.of(one.first_frame) == self.of(other.first_frame):
            return False
        return _overlap(one, other) is not None

    def _ordered(self, one: RtpStream, other: RtpStream) -> tuple[RtpStream, RtpStream]:
        """The one nearer to the receiver first; what is known of both is kept for it."""
        overlap = _overlap(one, other)
        assert overlap is not None
        start, count, bits, other_bits = overlap
        only, only_other = bits & ~other_bits, other_bits & ~bits
        if only_other.bit_count() > only.bit_count():
            one, other, only, only_other = other, one, only_other, only
        # Now `one` has more: it is nearer to the sender.
        lost = only.bit_count()
        step = one.ptime_ms / 1000
        begin = min(one.start, other.start) + start * step
        first, last = (only & -only).bit_length() - 1, only.bit_length() - 1
        self._compared[_key(other), other.first_frame] = Comparison(
            self.name(self.of(one.first_frame)),
            self.name(self.of(other.first_frame)),
            count,
            lost,
            count - (bits | other_bits).bit_count(),
            begin + max(0, first) * step,
            begin + max(0, last) * step,
            only_other.bit_count() > lost * ONE_SIDED,
        )
        return other, one


def _key(rtp: RtpStream) -> _Key:
    return rtp.src, rtp.dst, rtp.ssrc


def _by_ssrc(streams: Iterable[RtpStream]) -> Mapping[int, list[RtpStream]]:
    found: dict[int, list[RtpStream]] = defaultdict(list)
    for rtp in streams:
        found[rtp.ssrc].append(rtp)
    return found


def _overlap(one: RtpStream, other: RtpStream) -> tuple[int, int, int, int] | None:
    """What both places had the time to see: where it begins (in packets after the earlier of both), how many packets,
    and which of them each has; None where that is too little, or another stream."""
    step = (one.ptime_ms or 20) / 1000
    expected = (other.start - one.start) / step
    shift = int.from_bytes(other.marks[:2], "little") - int.from_bytes(one.marks[:2], "little")
    shift += round((expected - shift) / 65_536) * 65_536
    if abs(shift - expected) * step > SAME_S:
        return None
    bits, others = int.from_bytes(one.marks[2:], "little"), int.from_bytes(other.marks[2:], "little")
    begin = max(0, shift)
    count = min(bits.bit_length(), others.bit_length() + shift) - begin
    if count < LEAST_COMMON:
        return None
    mask = (1 << count) - 1
    return begin - min(0, shift), count, bits >> begin & mask, others >> (begin - shift) & mask

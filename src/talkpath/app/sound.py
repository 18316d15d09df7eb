"""The sound of a call in a capture: which streams carry each direction, and both on one time line."""

from collections.abc import Callable, Sequence

from talkpath.calls.model import Call
from talkpath.capture.export import StreamKey, rtp_packets
from talkpath.capture.records import RtpStream
from talkpath.explain.audio import NeedsPyAV, Track, is_clear, track
from talkpath.explain.explanation import Explained

#: What the caller says, and what the callee says.
Directions = tuple[list[RtpStream], list[RtpStream]]


def heard_in_the_clear(call: Call) -> Directions:
    """Each direction once: where a relay makes two of it, the side nearer to who speaks."""
    sides: Directions = ([], [])
    for from_caller, side in ((True, sides[0]), (False, sides[1])):
        streams = [s for s in call.streams if s.from_caller is from_caller and is_clear(s.rtp)]
        legs = sorted({s.leg for s in streams if s.leg is not None}, reverse=not from_caller)
        side.extend(s.rtp for s in streams if legs and s.leg == legs[0])
    if not any(sides) and call.streams:
        return two_sides([s.rtp for s in call.streams if is_clear(s.rtp)])
    return sides


def two_sides(streams: Sequence[RtpStream]) -> Directions:
    """Streams that nobody announced: one flow against all others."""
    if not streams:
        return [], []
    first = streams[0]
    left = [s for s in streams if (s.src.host, s.dst.host) == (first.src.host, first.dst.host) and s.src == first.src]
    return left, [stream for stream in streams if stream not in left]


def sound_of(files: Sequence[str]) -> Callable[[Explained], tuple[Track, Track] | None]:
    """For a page: the sound of a call, None where there is none in the clear or nothing here decodes it."""

    def sound(one: Explained) -> tuple[Track, Track] | None:
        left, right = heard_in_the_clear(one.call)
        if not left and not right:
            return None
        try:
            return both_tracks(files, left, right)
        except NeedsPyAV:
            return None

    return sound


def both_tracks(files: Sequence[str], left: list[RtpStream], right: list[RtpStream]) -> tuple[Track, Track]:
    """Both directions, aligned and of one length; at least one stream is given."""
    every = [*left, *right]
    start, end = min(s.start for s in every), max(s.end + s.ptime_ms / 1000 for s in every)
    one, two = {StreamKey.of(s) for s in left}, {StreamKey.of(s) for s in right}
    packets = list(rtp_packets(files, [StreamKey.of(s) for s in every]))
    mine = (p for p in packets if StreamKey(p.src, p.dst, p.ssrc) in one)
    theirs = (p for p in packets if StreamKey(p.src, p.dst, p.ssrc) in two)
    return track(left, mine, start, end), track(right, theirs, start, end)

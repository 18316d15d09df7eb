"""Which streams are heard: what the caller says and what the callee says, each once."""

from collections.abc import Sequence
from typing import NamedTuple

from talkpath.audio.names import Names
from talkpath.calls.model import Call
from talkpath.capture.records import RtpStream


class Sides(NamedTuple):
    """What the caller says, and what the callee says. `named` are the payload types that descriptions name."""

    caller: list[RtpStream]
    callee: list[RtpStream]
    names: Names

    @property
    def streams(self) -> list[RtpStream]:
        return [*self.caller, *self.callee]


def sides_of(call: Call, names: Names) -> Sides:
    """Each direction once: where a relay makes two of it, the side nearer to who speaks."""
    names = names.with_those_of(call)
    found: tuple[list[RtpStream], list[RtpStream]] = ([], [])
    for from_caller, side in ((True, found[0]), (False, found[1])):
        streams = [s for s in call.streams if s.from_caller is from_caller and names.are_heard(s.rtp)]
        legs = sorted({s.leg for s in streams if s.leg is not None}, reverse=not from_caller)
        side.extend(s.rtp for s in streams if legs and s.leg == legs[0])
    if not any(found) and call.streams:
        return two_sides([s.rtp for s in call.streams], names)
    return Sides(*found, names)


def two_sides(streams: Sequence[RtpStream], names: Names) -> Sides:
    """Streams that nobody announced: one flow against all others."""
    heard = [stream for stream in streams if names.are_heard(stream)]
    if not heard:
        return Sides([], [], names)
    first = heard[0]
    left = [s for s in heard if (s.src.host, s.dst.host) == (first.src.host, first.dst.host) and s.src == first.src]
    return Sides(left, [stream for stream in heard if stream not in left], names)

"""The media of a call: what each side announced, when which direction was expected, and what was heard.

Hops of a call that announce the same addresses share one media path (a proxy that leaves the descriptions alone);
a relay in the middle makes two.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct, field

from talkpath.calls.model import Call, Leg, Medium, Stream
from talkpath.capture.records import RtpStream

# What an own call notes when its media passes through us (`media/moments.py`).
LEASED = "media.leased"
# Encodings that are no voice: digits, comfort noise, redundancy.
NO_VOICE = frozenset({"telephone-event", "cn", "red", "ulpfec", "rtx", "flexfec-03"})


class Span(NamedTuple):
    """A stretch of time, in seconds since the epoch."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


class MediaPath(Struct, dict=True):
    """One way of the audio: the hops that share it, and its streams in both directions.

    `refused` are the times of offers within the call that were refused and changed nothing (RFC 3261 14.1). `unseen`
    are directions that could not be seen whatever flowed: what our own services say.
    """

    legs: list[Leg]
    answered_at: float
    end: float
    refused: frozenset[float] = frozenset()
    streams: list[Stream] = field(default_factory=list)
    unseen: frozenset[bool] = frozenset()

    @property
    def first_leg(self) -> Leg:
        return self.legs[0]

    def heard(self, from_caller: bool) -> list[RtpStream]:
        """The audio streams of one direction in the order of time."""
        found = [stream.rtp for stream in self.streams if stream.from_caller is from_caller]
        return sorted(found, key=lambda rtp: rtp.start)

    def packets(self, from_caller: bool) -> int:
        return sum(rtp.packets for rtp in self.heard(from_caller))

    @cached_property
    def media(self) -> list[Medium]:
        """What both sides announced for audio, on the hop that tells most, in the order of time.

        A description without audio (T.38 took its place) is in the list with what it has instead.
        """
        fullest = max(self.legs, key=lambda leg: len(leg.media))
        described: dict[tuple[float, bool], Medium] = {}
        for one in fullest.media:
            if one.time in self.refused:
                continue
            told = described.setdefault((one.time, one.from_caller), one)
            if told.kind != "audio" and one.kind == "audio":
                described[one.time, one.from_caller] = one
        return sorted(described.values(), key=lambda medium: medium.time)

    def latest(self, from_caller: bool, before: float | None = None) -> Medium | None:
        """What one side announced last (before a time)."""
        own = [m for m in self.media if m.from_caller is from_caller and (before is None or m.time <= before)]
        return own[-1] if own else None

    def told(self, is_caller: bool) -> Medium | None:
        """What the caller, or the callee, was told last of where to send, on its own hop: a relay of ours makes it
        another address than the other side announced."""
        leg = self.legs[0] if is_caller else self.legs[-1]
        return next((m for m in reversed(leg.media) if m.from_caller is not is_caller and m.kind == "audio"), None)

    def expected(self, from_caller: bool) -> list[Span]:
        """When audio of one direction should flow: after the answer, outside hold, while both sides want it."""
        if from_caller in self.unseen:
            return []
        spans: list[Span] = []
        changes = [*dict.fromkeys(max(medium.time, self.answered_at) for medium in self.media)]
        for index, start in enumerate(changes):
            end = changes[index + 1] if index + 1 < len(changes) else self.end
            if end > start and self._is_wanted(from_caller, start):
                spans = (
                    [*spans[:-1], Span(spans[-1].start, end)]
                    if spans and spans[-1].end == start
                    else [*spans, Span(start, end)]
                )
        return spans

    def expected_s(self, from_caller: bool) -> float:
        return sum(span.seconds for span in self.expected(from_caller))

    def _is_wanted(self, from_caller: bool, now: float) -> bool:
        sender, receiver = self.latest(from_caller, now), self.latest(not from_caller, now)
        if sender is None or receiver is None or is_nowhere(receiver) or is_nowhere(sender):
            return False
        sends, hears = sender.direction in ("sendrecv", "sendonly"), receiver.direction in ("sendrecv", "recvonly")
        is_voice = sender.kind == receiver.kind == "audio" and "RTP" in receiver.profile.upper()
        return sends and hears and is_voice and bool(voices(receiver)) and not self._holds(sender)

    def _holds(self, sender: Medium) -> bool:
        """Who goes to sendonly in mid-call puts the other on hold: music may come, or nothing (RFC 3264 8.4)."""
        return sender.direction == "sendonly" and any(
            medium.from_caller is sender.from_caller and medium.direction == "sendrecv"
            for medium in self.media
            if medium.time < sender.time
        )


class Talk:
    """See the module's docstring."""

    def __init__(self, call: Call, end: float, refused: frozenset[float] = frozenset()) -> None:
        self.call = call
        self.end = end
        self.refused = refused

    @cached_property
    def paths(self) -> list[MediaPath]:
        """The media paths between answered hops, from the caller on. An own call has one: we hear both sides."""
        if self.call.answered_at is None:
            return []
        paths = list(self._own() if self.call.is_own else self._group())
        for stream in self.call.streams:
            path = next((path for path in paths if any(leg.index == stream.leg for leg in path.legs)), None)
            if path is not None and stream.rtp.media != "video" and stream.from_caller is not None:
                path.streams.append(stream)
        return paths

    def _own(self) -> Iterator[MediaPath]:
        """Nothing where the two sides sent past us."""
        legs = [leg for leg in self.call.legs if leg.answered_at is not None]
        if any(moment.kind == LEASED for moment in self.call.moments):
            unseen = frozenset({False}) if len(legs) == 1 else frozenset()
            yield MediaPath(legs, self.call.answered_at or 0.0, self.end, self.refused, unseen=unseen)

    def _group(self) -> Iterator[MediaPath]:
        groups: dict[frozenset[tuple[bool, str, int]], list[Leg]] = {}
        for leg in self.call.legs:
            if leg.answered_at is None:
                continue
            key = frozenset((m.from_caller, m.address.host, m.address.port) for m in leg.media if m.kind == "audio")
            groups.setdefault(key, []).append(leg)
        for legs in groups.values():
            yield MediaPath(legs, self.call.answered_at or 0.0, self.end, self.refused)

    def heard(self, from_caller: bool) -> list[RtpStream]:
        """The streams of one direction on every path."""
        return [rtp for path in self.paths for rtp in path.heard(from_caller)]


def voices(medium: Medium) -> Sequence[str]:
    """The codecs of a section that carry a voice."""
    return [name for _, name in medium.codecs if name.lower() not in NO_VOICE]


def names(medium: Medium) -> str:
    """All codecs of a section for a sentence."""
    return ", ".join(name for _, name in medium.codecs)


def is_nowhere(medium: Medium) -> bool:
    """An address that says: send me nothing (a refused section, or the hold of RFC 2543). Under ICE port 9 says that
    the candidates come later (RFC 8840 4.1.1)."""
    if medium.address.port == 9 and "SAVP" in medium.profile:
        return False
    return medium.address.port == 0 or medium.address.host in ("0.0.0.0", "::", "")

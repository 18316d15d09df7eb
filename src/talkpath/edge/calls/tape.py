"""A recording as the edge knows it: what it is told of the call, and who makes it. Both are handed in."""

from typing import NamedTuple, Protocol

from talkpath.media.engine import Clip, Recording


class TakingPart(NamedTuple):
    """A party of a recorded call."""

    leg: int
    side: str
    name: str
    user: str
    gateway: str
    remote: str


class Facts(NamedTuple):
    """What is known of a call. `how` is how it ended, "" while it runs."""

    call_id: str
    parties: tuple[TakingPart, ...]
    is_answered: bool
    by: str = ""
    how: str = ""


class Tape(Protocol):
    """A recording that runs."""

    @property
    def name(self) -> str: ...
    @property
    def recording(self) -> Recording: ...

    def describe(self, mode: str, side: str, sdp: bytes, at: float) -> None:
        """A description went to a side of the call."""

    def learn(self, facts: Facts, now: float) -> None:
        """More is known of the call."""

    def pause(self, by: str, now: float) -> None: ...
    def resume(self, now: float) -> None: ...

    def close(self, facts: Facts, end: str, by: str, now: float) -> None:
        """It is over: `end` is call-ended, stopped or edge-stopped."""


class Recorder(Protocol):
    """Makes recordings."""

    def open(self, facts: Facts, why: str, now: float, continues: str = "") -> Tape:
        """Begin a new one; it `continues` the one of that name, of a process that is gone."""


class Before(NamedTuple):
    """How a call was recorded in a process that is gone: by whose word, in which recording, whether its sides had
    heard of it to the end, and by whom it is paused, None where it is not."""

    why: str
    name: str = ""
    is_announced: bool = False
    paused_by: str | None = None


class Announcement(NamedTuple):
    """What the sides of one recorded call are to hear of that; None for nothing."""

    clip: Clip | None


class Running:
    """The recording of a call as the edge keeps it."""

    __slots__ = ("is_announced", "paused_by", "tape", "why")

    def __init__(self, tape: Tape, why: str) -> None:
        self.tape = tape
        #: Whether the sides were told.
        self.is_announced = False
        #: By whose word it began.
        self.why = why
        #: Who wanted it to pause, None while it does not.
        self.paused_by: str | None = None

    @property
    def is_paused(self) -> bool:
        return self.paused_by is not None

"""Telling the ledger: whoever notes moments of a call does it through here."""

from collections import Counter
from typing import Protocol

from talkpath.base.limits import MOMENTS_OF_A_KIND
from talkpath.media import moments
from talkpath.media.moments import MediaMoment, Value


class Noting(Protocol):
    """Takes one moment of the call."""

    def __call__(self, now: float, kind: str, /, **values: Value) -> None: ...


class Notes:
    """What a call's media has to say until somebody takes it. It names nobody, so that nothing is kept by it."""

    __slots__ = ("_out",)

    def __init__(self) -> None:
        self._out: list[MediaMoment] = []

    def __call__(self, now: float, kind: str, /, **values: Value) -> None:
        self._out.append(MediaMoment(now, kind, values))

    def take(self) -> list[MediaMoment]:
        """What was noted since the last time, in order."""
        out, self._out = self._out, []
        return out


class Telling:
    """Notes so many moments of a kind for one transport; what is beyond is counted and told at the end.

    What repeats is what strangers and bad networks do hundreds of times.
    """

    def __init__(self, note: Noting) -> None:
        self._note = note
        self._counts: Counter[str] = Counter()

    def __call__(self, now: float, kind: str, /, **values: Value) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= MOMENTS_OF_A_KIND:
            self._note(now, kind, **values)

    def end(self, now: float) -> None:
        """Say how many were left out."""
        for kind, count in self._counts.items():
            if count > MOMENTS_OF_A_KIND:
                self._note(now, moments.LEFT_OUT, what=kind, count=count - MOMENTS_OF_A_KIND)
        self._counts.clear()

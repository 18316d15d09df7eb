"""Addresses that did not answer of late (RFC 3263 section 4.3): who leads to others as well is tried there first."""

from collections.abc import Sequence

from talkpath.base import limits
from talkpath.base.address import Target

# Long enough that each of many calls does not wait for the same dead host, short enough to see it come back.
_FOR_S = 30.0


class Outages:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._until: dict[Target, float] = {}

    def learn(self, target: Target, now: float) -> None:
        """It gave no answer, or refused the connection."""
        self._until.pop(target, None)
        if len(self._until) >= limits.OUTAGES:
            del self._until[next(iter(self._until))]
        self._until[target] = now + _FOR_S

    def forget(self, target: Target) -> None:
        """It answers."""
        if self._until:
            self._until.pop(target, None)

    def ordered(self, targets: Sequence[Target], now: float) -> list[Target]:
        """Those that are not known to be dead first, else in their order. None is left out: all may be wrong."""
        if not self._until or len(targets) < 2:
            return list(targets)
        return sorted(targets, key=lambda target: self._until.get(target, 0.0) > now)

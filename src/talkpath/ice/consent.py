"""Consent freshness of a selected pair (RFC 7675)."""

from dataclasses import dataclass

from talkpath.ice.checklist import Pair

# Section 5.1: a check every 5 s, randomized by a fifth; consent lasts 30 s.
INTERVAL_S = 5.0
LIFETIME_S = 30.0


@dataclass(slots=True)
class Consent:
    """When the peer last confirmed a pair, and when it is asked again."""

    pair: Pair
    confirmed_at: float
    jitter: float
    next_at: float = 0.0
    # A lite agent only listens, and only a peer that repeated its check is known to repeat them.
    repeated: bool = False

    def __post_init__(self) -> None:
        self.next_at = self._after(self.confirmed_at, self.jitter)

    def confirm(self, now: float) -> None:
        """An answer to our check or, at a lite agent, a check of the peer."""
        self.repeated = self.repeated or now > self.confirmed_at
        self.confirmed_at = now

    def asked(self, now: float, jitter: float) -> None:
        """A check goes out now; `jitter` in 0 .. 1 places the next one."""
        self.next_at = self._after(now, jitter)

    def is_lost(self, now: float, lite: bool) -> bool:
        """30 s without a word; `lite` is whether we are."""
        return now >= self.confirmed_at + LIFETIME_S and (self.repeated or not lite)

    def deadline(self, lite: bool) -> float:
        """When something is due: the next check, or the loss."""
        lost_at = self.confirmed_at + LIFETIME_S
        if lite:
            return lost_at if self.repeated else float("inf")
        return min(self.next_at, lost_at)

    @staticmethod
    def _after(now: float, jitter: float) -> float:
        return now + INTERVAL_S * (0.8 + 0.4 * jitter)

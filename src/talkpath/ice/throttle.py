"""How many checks a second we are ready to compute an HMAC for."""

from dataclasses import dataclass


@dataclass(slots=True)
class Throttle:
    """A bucket of one second's tokens, filled at `per_s`."""

    per_s: float
    _tokens: float = -1.0
    _at: float = 0.0

    def admit(self, now: float) -> bool:
        """Whether one more may pass."""
        if self._tokens < 0:
            self._tokens = self.per_s
        else:
            self._tokens = min(self.per_s, self._tokens + max(0.0, now - self._at) * self.per_s)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

"""A circuit breaker: calls that fail one after another are sent no more, until one has been tried with success.

    CLOSED   a call failed, the last of `failures` in a row -> OPEN
    CLOSED   a call got any word                            -> CLOSED, counted from the beginning
    OPEN     its time is up                                 -> TRIAL
    TRIAL    the one call that is let through got a word    -> CLOSED
    TRIAL    it failed                                      -> OPEN, twice as long, up to a minute
    TRIAL    it was given up without a word                 -> TRIAL, for the next call

A word is whatever shows that the gateway works on it: 100 Trying is enough, for the trial may ring for a minute.
"""

from enum import Enum, auto

from talkpath.edge.gateways.settings import BreakerSettings

# A gateway that is mended is found after so long at most.
_MOST_S = 60.0


class Circuit(Enum):
    """See the module's docstring."""

    CLOSED = auto()
    OPEN = auto()
    TRIAL = auto()


class Breaker:
    """One gateway's."""

    __slots__ = ("_failed", "_settings", "_times", "circuit", "trial")

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failed = 0
        self._times = 0
        self.circuit = Circuit.CLOSED
        #: The call that is on trial, () for none.
        self.trial: tuple[str, ...] = ()

    def begun(self, key: tuple[str, ...]) -> None:
        """A call was sent."""
        if self.circuit is Circuit.TRIAL and not self.trial:
            self.trial = key

    def heard(self) -> bool:
        """A call got a word from the gateway; whether that closed the circuit."""
        self._failed = self._times = 0
        if self.circuit is Circuit.CLOSED:
            return False
        self.circuit, self.trial = Circuit.CLOSED, ()
        return True

    def failed(self, key: tuple[str, ...]) -> float | None:
        """A call failed; for how many seconds the circuit is open from now on, None where nothing changes."""
        self._failed += 1
        if self.circuit is Circuit.OPEN or (self.circuit is Circuit.TRIAL and key != self.trial):
            return None
        if self.circuit is Circuit.CLOSED and self._failed < self._settings.failures:
            return None
        self.circuit, self.trial = Circuit.OPEN, ()
        open_s: float = min(self._settings.open_s * 2.0**self._times, max(_MOST_S, self._settings.open_s))
        self._times += 1
        return open_s

    def open(self) -> bool:
        """Another node's circuit opened; whether ours was not open."""
        if self.circuit is Circuit.OPEN:
            return False
        self.circuit, self.trial = Circuit.OPEN, ()
        return True

    def over(self, key: tuple[str, ...]) -> None:
        """A call ended without a word: another may be the trial."""
        if key == self.trial:
            self.trial = ()

    def let_try(self) -> None:
        """The time is up."""
        if self.circuit is Circuit.OPEN:
            self.circuit, self.trial = Circuit.TRIAL, ()

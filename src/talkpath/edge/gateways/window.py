"""What became of the calls that a gateway was given lately."""

from typing import Final

# Five minutes, in slots of ten seconds: long enough for a share to mean something, short enough for a mended gateway
# to be believed again soon.
_SLOT_S: Final = 10.0
_SLOTS: Final = 30


class Outcomes:
    """Calls by what became of them: answered by somebody; carried to a busy, absent or unwilling one; failed at the
    gateway; given up by the caller before any of these."""

    __slots__ = ("answered", "carried", "failed", "given_up")

    def __init__(self) -> None:
        self.answered = 0
        self.carried = 0
        self.failed = 0
        self.given_up = 0

    @property
    def calls(self) -> int:
        return self.answered + self.carried + self.failed + self.given_up

    def add(self, other: "Outcomes", sign: int) -> None:
        self.answered += sign * other.answered
        self.carried += sign * other.carried
        self.failed += sign * other.failed
        self.given_up += sign * other.given_up

    @property
    def asr(self) -> float | None:
        """Answer-seizure ratio: the share of calls that somebody answered; None without calls."""
        return self.answered / self.calls if self.calls else None

    @property
    def ner(self) -> float | None:
        """Network effectiveness ratio (ITU-T E.425): the share that the gateway did not lose; None without calls."""
        return (self.calls - self.failed) / self.calls if self.calls else None


class Window:
    """The outcomes of the last five minutes. Costs the same whatever number of calls they hold."""

    __slots__ = ("_slots", "total")

    def __init__(self) -> None:
        self._slots: list[tuple[int, Outcomes]] = []
        self.total = Outcomes()

    def slot(self, now: float) -> Outcomes:
        """Where a call of now is counted; count it in `total` as well."""
        self.move(now)
        number = int(now // _SLOT_S)
        if not self._slots or self._slots[-1][0] != number:
            self._slots.append((number, Outcomes()))
        return self._slots[-1][1]

    def move(self, now: float) -> None:
        """Forget what is too long ago."""
        oldest = int(now // _SLOT_S) - _SLOTS
        while self._slots and self._slots[0][0] <= oldest:
            self.total.add(self._slots.pop(0)[1], -1)

"""The contract of a protocol machine: no socket, no clock, no randomness, no log.

A machine takes inputs with the time and gives outputs: one mutation, then drain. `now` is in seconds since the
epoch on a clock that never steps back (the node anchors a monotonic clock to the epoch once, when it starts), so
machines and the ledger share one time axis. Entropy comes in as an argument of the constructor.
"""

from typing import Protocol, TypeVar

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output")


class Machine(Protocol[Input, Output]):
    """The four verbs that every machine has."""

    def receive(self, event: Input, now: float) -> None:
        """Take one input. Hostile input becomes an output (a rejection, a counter), never an exception."""

    def deadline(self) -> float | None:
        """When `expire` wants to be called next, or None."""

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""

    def drain(self) -> list[Output]:
        """Give what is to be done since the last drain, in order, and forget it."""

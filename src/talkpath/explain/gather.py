"""From records to calls and to the scene around them."""

from talkpath.calls.captured import CaptureLedger
from talkpath.calls.model import Call
from talkpath.capture.records import Record, RtpStream
from talkpath.explain.scene import Scene


class Gatherer:
    """Takes the records of a capture, and gives its calls at the end."""

    def __init__(self) -> None:
        self._ledger = CaptureLedger()
        self.scene = Scene(self._ledger.sip)

    @property
    def strays(self) -> list[RtpStream]:
        """Streams that no call announced; known after `finish`."""
        return self._ledger.strays

    def receive(self, records: list[Record]) -> None:
        outside, others = self._ledger.take(records)
        for seen in outside:
            self.scene.outside_call(seen)
        for record in others:
            self.scene.other(record)

    def ended(self, now: float) -> list[Call]:
        """The calls that ended and of which nothing more was heard for a while, each given once."""
        return self._ledger.ended(now)

    def finish(self) -> list[Call]:
        """The calls, each with its streams and what was seen around it."""
        self.scene.calls = self._ledger.calls()
        return self.scene.calls

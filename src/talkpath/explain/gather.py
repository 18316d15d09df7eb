"""From records to calls and to the scene around them."""

from talkpath.calls.captured import CaptureLedger
from talkpath.calls.model import Call
from talkpath.capture.records import Record, RtpStream, SipSeen
from talkpath.explain.scene import Scene


class Gatherer:
    """Takes the records of a capture, and gives its calls at the end."""

    def __init__(self) -> None:
        self.scene = Scene()
        self._ledger = CaptureLedger()

    @property
    def strays(self) -> list[RtpStream]:
        """Streams that no call announced; known after `finish`."""
        return self._ledger.strays

    def receive(self, record: Record) -> None:
        outside = self._ledger.seen(record)
        if not isinstance(record, SipSeen):
            self.scene.other(record)
            return
        self.scene.sip(record)
        if outside is not None:
            self.scene.outside_call(record, outside)

    def ended(self, now: float) -> list[Call]:
        """The calls that ended and of which nothing more was heard for a while, each given once."""
        return self._ledger.ended(now)

    def finish(self) -> list[Call]:
        """The calls, each with its streams and what was seen around it."""
        self.scene.calls = self._ledger.calls()
        return self.scene.calls

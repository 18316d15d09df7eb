"""From records to calls and to the scene around them."""

from collections.abc import Callable, Iterable, Sequence

from talkpath.base.address import Address
from talkpath.calls.captured import CaptureLedger
from talkpath.calls.model import Call
from talkpath.capture.reader import FileSummary
from talkpath.capture.records import Record, RtpStream
from talkpath.explain.reading.places import Places
from talkpath.explain.reading.scene import Scene

#: Ends the streams to and from these addresses and tells them.
Settle = Callable[[Iterable[Address]], list[Record]]
# What a feed shows of the world around its calls is kept for so long.
SCENE_S = 3600.0


class Gatherer:
    """Takes the records of a capture, and gives its calls at the end."""

    def __init__(self) -> None:
        self._ledger = CaptureLedger()
        self.scene = Scene(self._ledger.sip)
        #: streams of captures of several places, until it is known which are the same
        self._beside: list[RtpStream] = []

    @property
    def strays(self) -> list[RtpStream]:
        """Streams that no call announced; known after `finish`."""
        return self._ledger.strays

    def receive(self, records: list[Record]) -> None:
        if any(isinstance(one, RtpStream) and one.marks for one in records):
            self._beside += [one for one in records if isinstance(one, RtpStream)]
            records = [one for one in records if not isinstance(one, RtpStream)]
        self._take(records)

    def _take(self, records: list[Record]) -> None:
        outside, others = self._ledger.take(records)
        for seen in outside:
            self.scene.outside_call(seen)
        for record in others:
            self.scene.other(record)

    def ended(self, now: float, settle: Settle) -> list[Call]:
        """The calls that ended and of which nothing more was heard for a while: each given once, then forgotten."""
        over = self._ledger.over(now)
        self.scene.forget_before(now - SCENE_S)
        if not over:
            return []
        self.receive(settle({address for draft in over for address in draft.media_addresses}))
        return self._ledger.release(over, now)

    def finish(self, captures: Sequence[FileSummary] = ()) -> list[Call]:
        """The calls, each with its streams and what was seen around it."""
        if any(file.place for file in captures):
            self.scene.places = Places(captures)
            self._take(list(self.scene.places.settle(self._beside)))
            self._beside = []
        self.scene.malformed = self._ledger.malformed
        self.scene.calls = self._ledger.calls()
        self.scene.strays = self._ledger.strays
        self.scene.loose = self._ledger.loose
        return self.scene.calls

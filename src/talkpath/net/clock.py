"""The one clock: seconds since the epoch that never step back (`base/machine.py`)."""

import time


class Clock:
    """Anchors the monotonic clock to the epoch once, when it is made."""

    def __init__(self) -> None:
        #: What is added to the monotonic clock, in seconds.
        self.epoch = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, as the wall clock stood at start, going on evenly."""
        return time.monotonic() + self.epoch

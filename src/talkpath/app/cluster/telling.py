"""When the other nodes of a cluster are told what became of the calls and gateways of this one.

A moment after it did, so that an answer and its ACK are one record; what nobody should know too late (somebody talks,
a call is over) at once, and where much happens some calls together. In the same turn phones are taken up
that came with an address, which others hear too.
"""

import asyncio
from collections.abc import Callable

from talkpath.app.cluster.joining import Joined

# How old what other nodes know of a call may be.
_EVERY_S = 0.05
# What is urgent is written together where it is more than one in this time.
_HURRY_S = 0.02


class Telling:
    """See the module's docstring. `pump` sends what the edge wants sent."""

    def __init__(self, cluster: Joined, now: Callable[[], float], pump: Callable[[], None]) -> None:
        self._cluster = cluster
        self._now = now
        self._pump = pump
        self._timer: asyncio.TimerHandle | None = None
        self._urgent: asyncio.TimerHandle | None = None
        self._told_at = 0.0

    def start(self) -> None:
        """Tell from now on."""
        # First of all, so that a fault in telling one thing costs this turn and not all that follow.
        self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self.start)
        now = self._told_at = self._now()
        self._cluster.calls.tell(now)
        self._cluster.gateways.tell(now)
        self._cluster.inherit(now)
        # What other nodes said meanwhile may have made us speak: a phone is back that missed something.
        self._pump()

    def hurry(self) -> None:
        """Something should be told at once."""
        late_s = max(0.0, self._told_at + _HURRY_S - self._now())
        self._urgent = asyncio.get_running_loop().call_later(late_s, self._tell_urgent)

    def _tell_urgent(self) -> None:
        self._told_at = self._now()
        self._cluster.calls.tell_urgent(self._told_at)

    def close(self) -> None:
        """Tell for the last time."""
        for timer in (self._timer, self._urgent):
            if timer is not None:
                timer.cancel()
        self._cluster.calls.tell(self._now())

"""Drives the live copy: the engine's words go in with the time, what is to be done comes out, one timer is set."""

import asyncio
import logging
from collections.abc import Callable

from talkpath.cluster.copy import LiveCopy, Publish
from talkpath.cluster.engine import Engine, Missing
from talkpath.cluster.envelope import Place

_log = logging.getLogger("talkpath.cluster")


class Member:
    """One process in a cluster. `tick` is called after each beat of its clock."""

    def __init__(
        self, copy: LiveCopy, engine: Engine, now: Callable[[], float], tick: Callable[[float], None]
    ) -> None:
        self._copy = copy
        self._engine = engine
        self._now = now
        self._tick = tick
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._is_woken = False
        self._is_closed = False
        self._something = asyncio.Event()
        self.lacks: Missing | None = None

    async def start(self) -> None:
        await self._engine.start(self)
        self._pump()

    async def close(self) -> None:
        """Write what waits, as far as it can be written now, and leave."""
        self._pump()
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self._engine.close()

    def wake(self) -> None:
        """There is something to be written: once for all of what is said in this turn of the loop."""
        if not self._is_woken and not self._is_closed:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._pump)

    async def stirred(self) -> None:
        """Wait until the engine told something, or a second is over."""
        self._something.clear()
        await self._something.wait()

    # --- what the engine tells

    def connected(self) -> None:
        self.lacks = None
        self._copy.connected(self._now())
        self.wake()

    def disconnected(self) -> None:
        self._copy.disconnected(self._now())
        self.wake()

    def delivered(self, place: Place, data: bytes, sequence: int) -> None:
        try:
            self._copy.delivered(place, data, sequence, self._now())
        except Exception:  # noqa: BLE001 - the outermost driver: one record must not stop the others
            _log.exception("a record of the cluster could not be handled (%s); please report this", place)
        self.wake()

    def read_whole(self) -> None:
        self._copy.read_whole(self._now())
        self.wake()

    def last_is(self, sequence: int) -> bool:
        is_behind = self._copy.is_behind(sequence, self._now())
        if is_behind:
            self.wake()
        return is_behind

    def missing(self, what: Missing) -> None:
        self.lacks = what
        self._something.set()

    # --- time

    def _pump(self) -> None:
        self._is_woken = False
        self._something.set()
        if self._is_closed:
            return
        now = self._now()
        deadline = self._copy.deadline()
        if deadline <= now:
            self._copy.expire(now)
            self._tick(now)
        for action in self._copy.drain(now):
            if isinstance(action, Publish):
                self._engine.publish(action.place, action.data)
            else:
                self._engine.watch(action.after)
        self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        """One that fires early stays: it asks again."""
        deadline = self._copy.deadline()
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.001, deadline - now), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._pump()

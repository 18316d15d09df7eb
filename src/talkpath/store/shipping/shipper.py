"""The threads that bring recordings to the store. What is to be done stands in the manifests, they remember when.

Nothing waits for them. What they do beside it is counted, and told to `told` in the words of `Event`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from talkpath.base import limits
from talkpath.store.recordings.manifest import Manifest, read
from talkpath.store.shipping.objects import BrokenOff, Failing, StoreFailed
from talkpath.store.shipping.schedule import Schedule
from talkpath.store.shipping.shipment import FileFailed, Shipment, Shipped

_log = logging.getLogger("talkpath.recordings")

#: How often all manifests are looked at for what nobody told: repaired, joined, or found when there was no room.
LOOK_S = 600.0
# How long an edge that ends waits for what is under way; the next one goes on with it.
_PARTING_S = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A try failed, and comes again in `pause_s`. `failures` counts those of the store, or of this one, in a row."""

    name: str
    code: str
    reason: str
    place: str
    pause_s: float
    failures: int


@dataclass(frozen=True, slots=True)
class Back:
    """The store takes recordings again."""

    waiting: int


Event = Shipped | Failure | Back


class Shipper:
    """Ships whatever `Shipment` finds to be shipped. Made, `start`ed and `close`d by one thread; `add` by any."""

    def __init__(
        self, shipment: Shipment, told: Callable[[Event], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._shipment = shipment
        self._shipment.is_ending = lambda: self._is_ending
        self._told = told
        self._now = now
        self._schedule = Schedule()
        self._changed = threading.Condition()
        self._is_ending = False
        self.counters: Counter[str] = Counter()
        self._look_at = 0.0
        self._threads = [
            threading.Thread(target=self._run, name=f"talkpath-shipping-{at}", daemon=True)
            for at in range(limits.RECORDINGS_SHIPPED_AT_ONCE)
        ]

    def start(self) -> None:
        """Look what is to be shipped, and begin."""
        for thread in self._threads:
            thread.start()

    def finished(self, one: Manifest) -> None:
        """A recording has its manifest."""
        if self._shipment.concerns(one):
            self.add(one.name)

    def add(self, name: str) -> None:
        """It is to be brought to the store."""
        with self._changed:
            self._schedule.add(name, self._now())
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Recordings that are on their way, or wait."""
        return len(self._schedule)

    def close(self) -> None:
        """Break off what is under way."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        until = time.monotonic() + _PARTING_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    def look(self) -> None:
        """Take up what the manifests say is not in the store."""
        layout = self._shipment.layout
        for path in layout.manifests.glob("*.json"):
            if self._is_ending:
                return
            try:
                one = read(path)
            except (OSError, ValueError, msgspec.MsgspecError):
                continue
            if self._shipment.concerns(one):
                self.add(one.name)

    # --- the threads

    def _run(self) -> None:
        while not self._is_ending:
            if self._is_time_to_look():
                self.look()
            name = self._next()
            if name is not None:
                self._try(name)

    def _is_time_to_look(self) -> bool:
        with self._changed:
            now = self._now()
            if now < self._look_at:
                return False
            self._look_at = now + LOOK_S
            return True

    def _next(self) -> str | None:
        """Wait for the next; None where something else may be due."""
        with self._changed:
            name = None if self._is_ending else self._schedule.take(self._now())
            if name is None and not self._is_ending:
                at = self._schedule.next_at()
                until = self._look_at if at is None else min(at, self._look_at)
                self._changed.wait(max(0.01, until - self._now()))
            return name

    def _try(self, name: str) -> None:
        try:
            shipped = self._shipment.ship(name)
        except BrokenOff:
            return
        except (StoreFailed, FileFailed) as error:
            self._fail(name, error.code, error.reason, error.place)
        except OSError as error:
            self._fail(name, "disk", error.strerror or str(error), str(error.filename or ""))
        except Exception as error:  # noqa: BLE001 - the outermost driver of this thread: it ends for nothing
            _log.exception("%s: not brought to the store", name)
            self._fail(name, "fault", repr(error), "")
        else:
            self._succeed(name, shipped)

    def _fail(self, name: str, code: str, reason: str, place: str) -> None:
        is_of_the_store = code in _OF_THE_STORE
        with self._changed:
            pause_s = self._schedule.failed(name, self._now(), is_of_the_store=is_of_the_store)
            failures = self._schedule.store_failures if is_of_the_store else self._schedule.failures_of(name)
            self.counters[f"failed_{code.replace('-', '_')}"] += 1
            self._changed.notify()
        self._told(Failure(name, code, reason, place, pause_s, failures))

    def _succeed(self, name: str, shipped: Shipped | None) -> None:
        with self._changed:
            was_down = self._schedule.store_failures > 0
            self._schedule.done(name)
            if shipped is not None:
                self.counters["stored"] += 1
                self.counters["bytes"] += shipped.bytes
                self.counters["freed"] += shipped.freed
                self.counters["found_there"] += shipped.was_there
            waiting = len(self._schedule)
            self._changed.notify_all()
        if was_down:
            self._told(Back(waiting))
        if shipped is not None:
            self._told(shipped)


_OF_THE_STORE = frozenset(f"store-{failing}" for failing in (Failing.UNREACHABLE, Failing.DENIED, Failing.MISSING))

"""Brings recordings to the store, by threads of its own. What is to be done stands in the manifests.

What the threads do beside it is counted, and told to `told` in the words of `Event`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from talkpath.base import limits
from talkpath.store.errands import Errands
from talkpath.store.recordings.manifest import Manifest, known
from talkpath.store.shipping.objects import BrokenOff, Failing, StoreFailed
from talkpath.store.shipping.shipment import FileFailed, Shipment, Shipped
from talkpath.store.shipping.uploads import Uploads

# How often the store is asked for uploads that were given up.
_SWEEP_EVERY_S = 21_600.0

_log = logging.getLogger("talkpath.recordings")


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
        self,
        shipment: Shipment,
        told: Callable[[Event], None],
        now: Callable[[], float] = time.monotonic,
        uploads: Uploads | None = None,
    ) -> None:
        self._shipment = shipment
        self._uploads = uploads
        self._now = now
        self._sweep_at = 0.0
        self._told = told
        self._errands = Errands("shipping", limits.RECORDINGS_SHIPPED_AT_ONCE, self.look, self._try, now)
        self._shipment.is_ending = lambda: self._errands.is_ending
        self._counting = threading.Lock()
        self.counters: Counter[str] = Counter()
        self.start = self._errands.start
        self.add = self._errands.add
        self.close = self._errands.close

    def finished(self, one: Manifest) -> None:
        """A recording has its manifest."""
        if self._shipment.concerns(one):
            self.add(one.name)

    @property
    def waiting(self) -> int:
        """Recordings that are on their way, or wait."""
        return self._errands.waiting

    def look(self) -> None:
        """Take up what the manifests say is not in the store; have it forget what was given up there."""
        self._take_up()
        if self._uploads is not None and self._now() >= self._sweep_at:
            self._sweep_at = self._now() + _SWEEP_EVERY_S
            self._sweep(self._uploads)

    def _sweep(self, uploads: Uploads) -> None:
        # A store that does not let us, or knows no such question, keeps the parts; a rule of the bucket sweeps them.
        try:
            swept = uploads.sweep()
        except StoreFailed as error:
            self._count("sweep_failed")
            _log.debug("uploads that were given up are not swept: %s", error)
        else:
            self._count("swept", swept)

    def _count(self, event: str, number: int = 1) -> None:
        with self._counting:
            self.counters[event] += number

    def _take_up(self) -> None:
        layout = self._shipment.layout
        for path in layout.manifests.glob("*.json"):
            if self._errands.is_ending:
                return
            one = known(path)
            if one is not None and self._shipment.concerns(one):
                self.add(one.name)

    # --- one try

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
        pause_s, failures = self._errands.failed(name, is_of_all=code in _OF_ALL)
        self._count(f"failed_{code.replace('-', '_')}")
        self._told(Failure(name, code, reason, place, pause_s, failures))

    def _succeed(self, name: str, shipped: Shipped | None) -> None:
        if shipped is not None:
            self._count("stored")
            self._count("bytes", shipped.bytes)
            self._count("freed", shipped.freed)
            self._count("found_there", shipped.was_there)
        waiting = self._errands.done(name)
        if waiting is not None:
            self._told(Back(waiting))
        if shipped is not None:
            self._told(shipped)


_OF_ALL = frozenset(f"store-{failing}" for failing in (Failing.UNREACHABLE, Failing.DENIED, Failing.MISSING))

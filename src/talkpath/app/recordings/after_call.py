"""What becomes of a recording: it goes to the store, already while it runs where that is asked for, and who asked is
told of it."""

from collections import Counter
from collections.abc import Callable, Mapping

from talkpath.app.config.recording import Recording
from talkpath.app.recordings.notices import notifier_of
from talkpath.app.recordings.storage import StorageLog, copier_of, shipper_of
from talkpath.base.texts import Language
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest
from talkpath.store.shipping.shipment import Shipped
from talkpath.store.shipping.shipper import Event


class AfterCall:
    """Made, `start`ed and `close`d by one thread; `finished` by any."""

    def __init__(self, recording: Recording, layout: Layout, language: Language) -> None:
        """Raises `Trouble`."""
        self._log = StorageLog(recording.store, language)
        self._notifier = notifier_of(recording, layout, language)
        self._shipper = shipper_of(recording, layout, self._shipped)
        self._copier = copier_of(recording, layout, self._log.copy_failed)

    def finished(self, one: Manifest) -> None:
        """A recording has its manifest."""
        for each in (self._notifier, self._shipper):
            if each is not None:
                each.finished(one)

    def start(self) -> None:
        """Take up what an edge before left, and begin."""
        for each in (self._notifier, self._shipper, self._copier):
            if each is not None:
                each.start()

    def close(self) -> None:
        """Break off what is under way; the next edge goes on with it."""
        for each in (self._copier, self._shipper, self._notifier):
            if each is not None:
                each.close()

    @property
    def counters(self) -> dict[str, Callable[[], Mapping[str, int]]]:
        """What was done, and what hindered it."""
        return {
            "storage": self._storage_counters,
            "notice": lambda: Counter[str]() if self._notifier is None else self._notifier.counters,
        }

    @property
    def gauges(self) -> dict[str, Callable[[], int]]:
        """What waits."""
        return {
            "recordings_to_store": lambda: 0 if self._shipper is None else self._shipper.waiting,
            "recording_notices_to_tell": lambda: 0 if self._notifier is None else self._notifier.waiting,
        }

    def _storage_counters(self) -> Counter[str]:
        some = (each.counters for each in (self._shipper, self._copier) if each is not None)
        return sum(some, Counter[str]())

    def _shipped(self, event: Event) -> None:
        self._log.told(event)
        if isinstance(event, Shipped) and self._notifier is not None:
            self._notifier.finished(event.manifest)

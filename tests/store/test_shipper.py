"""The threads that bring recordings to the store: they take up what was left, go on after outages, and end."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from tests.store.test_recordings_verified import finished
from tests.store.test_shipping import held, shipment

from talkpath.app.recordings import storage_words
from talkpath.base import limits
from talkpath.store import errands
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import read
from talkpath.store.shipping.objects import Failing, ObstoreObjects, StoreFailed
from talkpath.store.shipping.shipment import Shipped
from talkpath.store.shipping.shipper import Back, Event, Failure, Shipper


class Told:
    """What the threads tell, and when it is enough."""

    def __init__(self, enough: int) -> None:
        self.events: list[Event] = []
        self._enough = enough
        self.is_enough = threading.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if sum(isinstance(one, Shipped) for one in self.events) == self._enough:
            self.is_enough.set()


class Down(ObstoreObjects):
    """A store that is down for the first questions."""

    outage = limits.RECORDINGS_SHIPPED_AT_ONCE

    def size(self, path: str) -> int | None:
        self.outage -= 1
        if self.outage >= 0:
            raise StoreFailed(Failing.UNREACHABLE, "down")
        return super().size(path)


class Slow(ObstoreObjects):
    """A store that takes a file, and answers when it is let."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)
        self.puts: list[str] = []

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        self.puts.append(path)
        self.asked.release()
        assert self.may_answer.wait(20)
        super().put(path, chunks)


class Hours:
    """A clock of which each look is an hour later, so that no pause takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 3600.0
        return self.now


def test_what_an_edge_before_left_is_taken_up_and_an_outage_only_delays_it(tmp_path: Path) -> None:
    for name in "abc":
        finished(tmp_path, name)
    objects, told = Down(MemoryStore()), Told(3)
    shipper = Shipper(shipment(tmp_path, objects), told, Hours())
    shipper.start()
    assert told.is_enough.wait(20)
    shipper.close()
    assert {path for path in held(objects) if path.startswith("pcaps")} == {f"pcaps/{name}.pcap" for name in "abc"}
    assert (shipper.counters["stored"], shipper.waiting) == (3, 0)
    assert sum(isinstance(one, Back) for one in told.events) == 1
    failures = [one for one in told.events if isinstance(one, Failure)]
    assert failures[0].code == "store-unreachable"


def test_an_edge_that_ends_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    finished(tmp_path, "a")
    shipper = Shipper(shipment(tmp_path, ObstoreObjects(MemoryStore())), Told(1))
    shipper.add("a")
    shipper.close()
    assert not read(Layout(tmp_path).manifest_of("a")).in_store


def test_a_slow_store_keeps_only_itself_waiting(tmp_path: Path) -> None:
    at_once, names = limits.RECORDINGS_SHIPPED_AT_ONCE, "abcdef"
    objects, told = Slow(MemoryStore()), Told(len(names))
    shipper = Shipper(shipment(tmp_path, objects), told)
    shipper.start()
    for name in names:
        finished(tmp_path, name)
        shipper.finished(read(Layout(tmp_path).manifest_of(name)))
    assert all(objects.asked.acquire(timeout=20) for _ in range(at_once))
    assert shipper.waiting == len(names), "and whoever brings them is here again"
    assert (len(objects.puts), held(objects)) == (at_once, {})
    assert not any(read(Layout(tmp_path).manifest_of(name)).in_store for name in names)
    objects.may_answer.set()
    assert told.is_enough.wait(20)
    shipper.close()
    assert len(objects.puts) == len(set(objects.puts)), "each once, however long it took"
    assert {path for path in held(objects) if path.startswith("pcaps")} == {f"pcaps/{name}.pcap" for name in names}
    assert not any(isinstance(one, Failure) for one in told.events)


def test_an_edge_does_not_wait_for_a_slow_store_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "_PARTING_S", 0.05)
    finished(tmp_path, "a")
    store, told = MemoryStore(), Told(1)
    objects = Slow(store)
    first = Shipper(shipment(tmp_path, objects, keep_local=False), told)
    first.start()
    assert objects.asked.acquire(timeout=20)
    first.close()
    manifest = read(Layout(tmp_path).manifest_of("a"))
    assert Layout(tmp_path).pcap_of("a").is_file()
    assert not manifest.in_store
    objects.may_answer.set()
    following = Shipper(shipment(tmp_path, ObstoreObjects(store), keep_local=False), told, Hours())
    following.start()
    assert told.is_enough.wait(20)
    following.close()
    assert read(Layout(tmp_path).manifest_of("a")).in_store
    assert not Layout(tmp_path).pcap_of("a").exists()


def test_every_failure_has_a_sentence() -> None:
    codes = {f"store-{failing}" for failing in Failing} | {"not-as-recorded", "not-a-manifest", "disk", "fault"}
    assert codes == set(storage_words.FAILURES)

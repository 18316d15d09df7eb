"""Recordings reach the store whole, once, and proved; what hinders them costs time and nothing else."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pyrage
import pytest
from obstore.store import LocalStore, MemoryStore
from tests.store.test_recordings_verified import finished

from talkpath.base.errors import Misuse
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import State, Stored, encoded, read
from talkpath.store.recordings.shelf import Shelf
from talkpath.store.recordings.verifying import verify
from talkpath.store.schedule import FIRST_PAUSE_S, LONGEST_PAUSE_S, Schedule
from talkpath.store.shipping import sealing
from talkpath.store.shipping.fetching import fetch
from talkpath.store.shipping.objects import BrokenOff, Failing, Listed, ObstoreObjects, StoreFailed, open_objects
from talkpath.store.shipping.shipment import FileFailed, Shipment

URL = "memory:///"


@pytest.fixture(name="directory")
def one(tmp_path: Path) -> Path:
    finished(tmp_path, "a")
    return tmp_path


def held(objects: ObstoreObjects) -> dict[str, bytes]:
    """Everything in a store."""
    return {one.path: b"".join(objects.read(one.path)) for one in objects.list("")}


def shipment(directory: Path, objects: object, *, keep_local: bool = True, **more: object) -> Shipment:
    return Shipment(Layout(directory), objects, URL, keep_local, **more)  # type: ignore[arg-type]


class Shaky:
    """A store that lies, or fails at its n-th action, as one does whose line breaks or whose client dies there."""

    def __init__(self, store: ObstoreObjects, fails_at: int | None = None, *, lies: bool = False) -> None:
        self._store = store
        self._left = fails_at
        self._lies = lies

    def _count(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise StoreFailed(Failing.UNREACHABLE, "gone")

    def size(self, path: str) -> int | None:
        self._count()
        return self._store.size(path)

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        data = b"".join(chunks)
        self._store.put(path, [data[:-1] + b"?" if self._lies else data])
        self._count()

    def read(self, path: str) -> Iterator[bytes]:
        self._count()
        return self._store.read(path)

    def list(self, prefix: str) -> Iterator[Listed]:
        return self._store.list(prefix)

    def delete(self, path: str) -> None:
        self._store.delete(path)


def test_a_recording_goes_to_the_store_with_everything_beside_it(directory: Path) -> None:
    objects, layout = ObstoreObjects(MemoryStore()), Layout(directory)
    before = read(layout.manifest_of("a"))
    shipped = shipment(directory, objects).ship("a")
    assert shipped is not None
    there = held(objects)
    assert there["pcaps/a.pcap"] == layout.pcap_of("a").read_bytes()
    assert there["metadata/rtpengine-meta-a.txt"] == layout.metadata_of("a").read_bytes()
    assert there["manifests/a.json"] == layout.manifest_of("a").read_bytes()
    now = read(layout.manifest_of("a"))
    assert now.stored[: len(before.stored)] == before.stored
    assert now.in_store[0] == Stored(
        where="store", url=URL, path="pcaps/a.pcap", bytes=before.bytes, sha256=before.sha256
    )
    assert list(layout.tmp.iterdir()) == []
    assert list(verify(layout)) == []
    assert shipment(directory, objects).ship("a") is None


def test_the_local_copy_goes_when_the_store_has_it_and_nobody_misses_it(directory: Path) -> None:
    layout = Layout(directory)
    shipped = shipment(directory, ObstoreObjects(MemoryStore()), keep_local=False).ship("a")
    assert shipped is not None
    assert shipped.freed
    assert not layout.pcap_of("a").exists()
    assert layout.metadata_of("a").exists()
    assert not read(layout.manifest_of("a")).is_local
    assert list(verify(layout)) == []


def test_a_removed_recording_still_says_where_the_store_has_it(directory: Path) -> None:
    shipment(directory, ObstoreObjects(MemoryStore())).ship("a")
    Shelf(directory).remove(read(Layout(directory).manifest_of("a")), 2000.0)
    left = read(Layout(directory).manifest_of("a"))
    assert (left.state, {at.where for at in left.stored}) == (State.REMOVED, {"store"})


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize("keep_local", [False, True])
def test_broken_off_anywhere_it_goes_on_and_nothing_is_there_twice(
    directory: Path, sealed: bool, keep_local: bool
) -> None:
    objects = ObstoreObjects(MemoryStore())
    key = pyrage.x25519.Identity.generate()
    sealer = sealing.Sealer([str(key.to_public())]) if sealed else None
    original = Layout(directory).pcap_of("a").read_bytes()
    for action in range(30):
        try:
            shipped = shipment(directory, Shaky(objects, action), keep_local=keep_local, sealer=sealer).ship("a")
        except StoreFailed:
            assert Layout(directory).pcap_of("a").read_bytes() == original
            continue
        break
    assert shipped is not None
    there = held(objects)
    assert len(there) == 3
    pcap = next(data for path, data in there.items() if path.startswith("pcaps/"))
    assert (pyrage.decrypt(pcap, [key]) if sealed else pcap) == original
    for at in shipped.manifest.in_store:
        assert hashlib.sha256(there[at.path]).hexdigest() == at.sha256
    assert list((directory / "tmp").iterdir()) == []


def test_what_a_store_makes_of_it_is_found_by_reading_it_back(directory: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    with pytest.raises(StoreFailed, match="other bytes") as failed:
        shipment(directory, Shaky(objects, lies=True), keep_local=False).ship("a")
    assert failed.value.failing is Failing.ALTERED
    assert Layout(directory).pcap_of("a").exists()
    assert held(objects) == {}
    assert not read(Layout(directory).manifest_of("a")).in_store


def test_what_is_there_under_its_name_is_never_written_over(directory: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    objects.put("pcaps/a.pcap", [b"of somebody else"])
    shipped = shipment(directory, objects).ship("a")
    assert shipped is not None
    assert shipped.manifest.in_store[0].path == "pcaps/a~2.pcap"
    assert held(objects)["pcaps/a.pcap"] == b"of somebody else"


def test_a_file_that_is_not_what_was_recorded_is_kept_here_and_not_brought_there(directory: Path) -> None:
    pcap, objects = Layout(directory).pcap_of("a"), ObstoreObjects(MemoryStore())
    pcap.write_bytes(pcap.read_bytes()[:-1] + b"?")
    with pytest.raises(FileFailed):
        shipment(directory, objects, keep_local=False).ship("a")
    assert held(objects) == {}
    assert pcap.exists()


def test_a_crash_between_the_word_and_the_removal_is_made_good(directory: Path) -> None:
    layout, objects = Layout(directory), ObstoreObjects(MemoryStore())
    pcap = layout.pcap_of("a").read_bytes()
    shipment(directory, objects, keep_local=False).ship("a")
    layout.pcap_of("a").write_bytes(pcap)
    again = shipment(directory, objects, keep_local=False)
    assert again.concerns(read(layout.manifest_of("a")))
    again.ship("a")
    assert not layout.pcap_of("a").exists()


def test_an_edge_that_ends_breaks_off_and_leaves_nothing_half(directory: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    with pytest.raises(BrokenOff):
        shipment(directory, objects, is_ending=lambda: True).ship("a")
    assert held(objects) == {}


def test_what_was_removed_while_it_went_stays_removed(directory: Path) -> None:
    layout = Layout(directory)

    class Removing(Shaky):
        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            super().put(path, chunks)
            one = read(layout.manifest_of("a"))
            layout.manifest_of("a").write_bytes(encoded(msgspec.structs.replace(one, state=State.REMOVED)))

    shipment(directory, Removing(ObstoreObjects(MemoryStore()))).ship("a")
    assert read(layout.manifest_of("a")).state is State.REMOVED


def test_a_manifest_that_is_none_is_left_alone(directory: Path) -> None:
    Layout(directory).manifest_of("a").write_text("{")
    with pytest.raises(FileFailed):
        shipment(directory, ObstoreObjects(MemoryStore())).ship("a")
    assert Layout(directory).pcap_of("a").exists()


def test_a_directory_is_a_store_too(directory: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    shipment(directory, ObstoreObjects(LocalStore(target, mkdir=True))).ship("a")
    assert (target / "pcaps" / "a.pcap").read_bytes() == Layout(directory).pcap_of("a").read_bytes()
    stored = json.loads((target / "manifests" / "a.json").read_text())["stored"]
    assert [one["where"] for one in stored] == ["local", "store", "store"]


def test_sealed_files_open_with_their_identity_and_no_other(tmp_path: Path) -> None:
    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    source, sealed, opened = tmp_path / "a", tmp_path / "a.age", tmp_path / "b"
    source.write_bytes(b"heard" * 100_000)
    with source.open("rb") as file:
        sealing.Sealer([str(key.to_public())]).seal(file, sealed)
    sealing.unseal(sealed, opened, sealing.identities(f"# made today\n{key}\n"))
    assert opened.read_bytes() == source.read_bytes()
    with pytest.raises(OSError, match="cannot be opened"):
        sealing.unseal(sealed, opened, [other])
    for text in ("", "# nothing\n", "AGE-SECRET-KEY-1?\n"):
        with pytest.raises(Misuse):
            sealing.identities(text)


def test_no_failure_tells_the_credentials() -> None:
    with pytest.raises(StoreFailed) as failed:
        open_objects("s3://bucket/x", {"secret_access_key": "hidden-words", "no_such_option": "hidden-words"})
    assert "hidden-words" not in str(failed.value)


# --- when it is tried


def test_pauses_grow_to_a_quarter_of_an_hour_and_no_further() -> None:
    schedule, now, pauses = Schedule(), 0.0, []
    schedule.add("a", now)
    for _ in range(10):
        assert schedule.take(now) == "a"
        pauses.append(schedule.failed("a", now, is_of_all=True))
        assert schedule.take(now) is None
        at = schedule.next_at()
        assert at == now + pauses[-1]
        now = at
    assert (pauses[0], pauses[1], pauses[-1]) == (FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, LONGEST_PAUSE_S)


def test_one_finds_out_for_all_whether_the_store_is_back() -> None:
    schedule = Schedule()
    for name in "abc":
        schedule.add(name, 0.0)
    assert [schedule.take(0.0), schedule.take(0.0)] == ["a", "b"]
    for name in "ab":
        schedule.failed(name, 0.0, is_of_all=True)
    first = schedule.take(1000.0)
    assert first is not None
    assert (schedule.take(1000.0), schedule.next_at()) == (None, None)
    schedule.done(first)
    assert len({schedule.take(1000.0), schedule.take(1000.0)} | {first}) == 3
    assert len(schedule) == 2


def test_a_recording_that_fails_by_itself_keeps_no_other_waiting() -> None:
    schedule = Schedule()
    for name in "ab":
        schedule.add(name, 0.0)
    assert schedule.take(0.0) == "a"
    schedule.failed("a", 0.0, is_of_all=False)
    assert schedule.take(0.0) == "b"
    schedule.done("b")
    assert (schedule.take(0.0), schedule.next_at()) == (None, FIRST_PAUSE_S)
    assert schedule.take(FIRST_PAUSE_S) == "a"
    assert schedule.failures_of("a") == 1


def test_what_is_told_twice_is_done_once() -> None:
    schedule = Schedule()
    schedule.add("a", 0.0)
    schedule.add("a", 0.0)
    assert schedule.take(0.0) == "a"
    schedule.add("a", 0.0)
    assert schedule.take(0.0) is None
    schedule.done("a")
    assert len(schedule) == 0


# --- and back


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_what_was_stored_comes_back_as_it_was_recorded(directory: Path, sealed: bool) -> None:
    layout, objects = Layout(directory), ObstoreObjects(MemoryStore())
    original, key = layout.pcap_of("a").read_bytes(), pyrage.x25519.Identity.generate()
    sealer = sealing.Sealer([str(key.to_public())]) if sealed else None
    shipment(directory, objects, keep_local=False, sealer=sealer).ship("a")
    one = read(layout.manifest_of("a"))
    assert list(fetch(one, objects, layout, lambda: [key])) == [layout.pcap_of("a")]
    assert layout.pcap_of("a").read_bytes() == original


def test_what_the_store_altered_since_does_not_come_back(directory: Path) -> None:
    layout, store = Layout(directory), ObstoreObjects(MemoryStore())
    shipment(directory, store, keep_local=False).ship("a")
    one = read(layout.manifest_of("a"))
    store.put("pcaps/a.pcap", [b"?" * one.bytes])
    with pytest.raises(StoreFailed, match="other bytes"):
        list(fetch(one, store, layout, list))
    assert list(layout.pcaps.iterdir()) == []


def test_of_edges_that_share_a_directory_one_brings_it_there(directory: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    seen: list[object] = []

    class Meeting(Shaky):
        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            seen.append(shipment(directory, objects).ship("a"))
            super().put(path, chunks)

    assert shipment(directory, Meeting(objects)).ship("a") is not None
    assert seen == [None, None, None]
    assert len(held(objects)) == 3

"""What a store lost or altered since is found by reading it, and mended from the copy that is here."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from obstore.store import MemoryStore
from tests.store.test_recordings_verified import finished
from tests.store.test_shipping import URL, held, shipment

from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import State, encoded, read
from talkpath.store.recordings.verifying import Fault
from talkpath.store.shipping.auditing import audit, bring_again
from talkpath.store.shipping.objects import Failing, Listed, Objects, ObstoreObjects, StoreFailed


@pytest.fixture(name="objects")
def stored(tmp_path: Path) -> ObstoreObjects:
    """A store that has two recordings."""
    objects = ObstoreObjects(MemoryStore())
    for name in "ab":
        finished(tmp_path, name)
        shipment(tmp_path, objects).ship(name)
    return objects


def faults(directory: Path, objects: Objects) -> list[tuple[Fault, str, str]]:
    return [(one.fault, one.name, str(one.path)) for one in audit(Layout(directory), lambda url: objects)]


def test_a_store_that_holds_what_it_was_given_has_no_fault(tmp_path: Path, objects: ObstoreObjects) -> None:
    assert faults(tmp_path, objects) == []


def test_what_is_gone_or_has_the_right_size_and_other_bytes_is_found(tmp_path: Path, objects: ObstoreObjects) -> None:
    size = objects.size("pcaps/a.pcap")
    assert size is not None
    objects.put("pcaps/a.pcap", [b"?" * size])
    objects.delete("metadata/rtpengine-meta-b.txt")
    assert faults(tmp_path, objects) == [
        (Fault.STORE_ALTERED, "a", f"{URL.rstrip('/')}/pcaps/a.pcap"),
        (Fault.STORE_MISSING, "b", f"{URL.rstrip('/')}/metadata/rtpengine-meta-b.txt"),
    ]


def test_a_removed_recording_that_the_store_has_is_verified_too(tmp_path: Path, objects: ObstoreObjects) -> None:
    path = Layout(tmp_path).manifest_of("a")
    path.write_bytes(encoded(msgspec.structs.replace(read(path), state=State.REMOVED)))
    objects.delete("pcaps/a.pcap")
    assert [fault for fault, *_ in faults(tmp_path, objects)] == [Fault.STORE_MISSING]
    assert not any(bring_again(Layout(tmp_path), one) for one in audit(Layout(tmp_path), lambda url: objects))


@pytest.mark.parametrize("failing", [Failing.UNREACHABLE, Failing.DENIED, Failing.MISSING])
def test_a_store_that_fails_is_one_fault_and_not_one_of_each_recording(
    tmp_path: Path, objects: ObstoreObjects, failing: Failing
) -> None:
    class Failed(ObstoreObjects):
        def list(self, prefix: str) -> Iterator[Listed]:
            raise StoreFailed(failing, "why", prefix)
            yield

    (found,) = audit(Layout(tmp_path), lambda url: Failed(MemoryStore()))
    assert (found.fault, found.path, found.of) == (Fault.STORE_UNREAD, URL, "why")
    assert not bring_again(Layout(tmp_path), found)


def test_what_the_store_lost_is_brought_there_again_under_a_free_name(
    tmp_path: Path, objects: ObstoreObjects
) -> None:
    layout = Layout(tmp_path)
    objects.put("pcaps/a.pcap", [b"?"])
    assert [bring_again(layout, one) for one in audit(layout, lambda url: objects)] == [True]
    shipped = shipment(tmp_path, objects).ship("a")
    assert shipped is not None
    assert shipped.manifest.in_store[0].path == "pcaps/a~2.pcap"
    assert held(objects)["pcaps/a~2.pcap"] == layout.pcap_of("a").read_bytes()
    assert faults(tmp_path, objects) == []


def test_what_is_nowhere_any_more_is_not_said_to_be_mended(tmp_path: Path, objects: ObstoreObjects) -> None:
    layout = Layout(tmp_path)
    objects.delete("pcaps/a.pcap")
    layout.pcap_of("a").unlink()
    assert [bring_again(layout, one) for one in audit(layout, lambda url: objects)] == [False]
    assert read(layout.manifest_of("a")).in_store

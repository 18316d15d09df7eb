"""A recording outlives its node: what was copied while it ran is put together elsewhere, and swept in the end."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyrage
import pytest
from obstore.store import LocalStore, MemoryStore
from tests.native.captures import read_pcap
from tests.store.test_recordings import HEAD, PACKET, SDP
from tests.store.test_recordings_killed import PROGRAM
from tests.store.test_recordings_verified import finished
from tests.store.test_shipping import held, shipment

from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.store.recordings.keeper import Keeper
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, Party, State, Stored, read
from talkpath.store.recordings.mending import mend_all
from talkpath.store.recordings.verifying import Fault, verify
from talkpath.store.shipping import copying
from talkpath.store.shipping.copying import SIGN_S, Copier, Copies, CopyFailed
from talkpath.store.shipping.joining import DEAD_S, join, left_over, mend
from talkpath.store.shipping.objects import Failing, Listed, ObstoreObjects, StoreFailed
from talkpath.store.shipping.sealing import Sealer
from talkpath.store.shipping.stretches import Stretch, closed, opened, stretches, sweep

NAME = "a%40b.example-0123456789abcdef"
URL = "memory:///"


def running(directory: Path, name: str = NAME, packets: int = 3) -> Path:
    """A recording that is being made; its pcap."""
    keeper = Keeper(directory)
    draft = Manifest(
        name=name,
        state=State.RECORDING,
        call_id="a@b.example",
        link_type="raw",
        started=1000.5,
        started_by="all",
        parties=(Party(leg=0, side="caller", number="1001"),),
        stored=(Stored(where="local", path=f"pcaps/{name}.pcap"),),
    )
    book = keeper.begin(draft)
    keeper.describe(book, "offer", "callee", SDP, 1000.6, 1)
    assert keeper.flush()
    keeper.close()
    pcap = keeper.layout.pcap_of(name)
    pcap.write_bytes(HEAD + PACKET * packets)
    return pcap


def heard(pcap: Path, data: bytes) -> None:
    with pcap.open("ab") as file:
        file.write(data)


def never() -> bool:
    return False


def copied(copies: Copies, now: float = 0.0) -> None:
    copies.copy_all(now, never)


def joined(objects: ObstoreObjects, target: Path, key: pyrage.x25519.Identity | None = None) -> Manifest:
    return join(stretches(objects, NAME)[NAME], objects, Layout(target), lambda: [key])


class Shaky(ObstoreObjects):
    """A store that fails at its n-th action, before or after it was done."""

    def __init__(self, store: MemoryStore, fails_at: int = -1) -> None:
        super().__init__(store)
        self.left = fails_at

    def _count(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise StoreFailed(Failing.UNREACHABLE, "gone")

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        self._count()
        super().put(path, chunks)
        self._count()

    def read(self, path: str) -> Iterator[bytes]:
        self._count()
        return super().read(path)


# --- copying


@pytest.mark.parametrize("is_sealed", [False, True], ids=["plain", "sealed"])
def test_what_was_copied_becomes_the_recording_on_another_node(tmp_path: Path, is_sealed: bool) -> None:
    key, objects = pyrage.x25519.Identity.generate(), ObstoreObjects(MemoryStore())
    copies = Copies(Layout(tmp_path / "one"), objects, Sealer([str(key.to_public())]) if is_sealed else None)
    pcap = running(tmp_path / "one")
    copied(copies)
    heard(pcap, PACKET * 2 + PACKET[:-1])
    copied(copies)
    text = Layout(tmp_path / "one").notes_of(NAME).read_bytes()
    shutil.rmtree(tmp_path / "one")
    if is_sealed:
        assert not any(HEAD in data or b"1001" in data for data in held(objects).values())
    made = joined(objects, tmp_path / "other", key)
    other = Layout(tmp_path / "other")
    assert other.pcap_of(NAME).read_bytes() == HEAD + PACKET * 5
    assert other.metadata_of(NAME).read_bytes().startswith(text)
    assert (made.state, made.end, made.packets, made.numbers) == (State.RECOVERED, "edge-died", 5, ("1001",))
    assert made == read(other.manifest_of(NAME))
    assert list(verify(other)) == []
    assert list(other.tmp.iterdir()) == []


def test_a_stretch_has_what_is_new_and_ends_with_a_whole_packet(tmp_path: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    copies, pcap = Copies(Layout(tmp_path), objects), running(tmp_path)
    copied(copies)
    heard(pcap, PACKET + PACKET[:20])
    copied(copies)
    heard(pcap, PACKET[20:])
    copied(copies)
    copied(copies)
    assert [opened(data).packets for _, data in sorted(held(objects).items())] == [HEAD + PACKET * 3, PACKET, PACKET]


def test_what_comes_of_a_long_outage_goes_in_stretches_that_fit_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STRETCH_BYTES", 1000)
    objects = ObstoreObjects(MemoryStore())
    pcap = running(tmp_path, packets=200)
    copied(Copies(Layout(tmp_path), objects))
    assert len(held(objects)) >= 9
    assert max(map(len, held(objects).values())) < 3000
    joined(objects, tmp_path / "other")
    assert Layout(tmp_path / "other").pcap_of(NAME).read_bytes() == pcap.read_bytes()


def test_nothing_heard_is_nothing_copied_and_silence_later_gives_a_sign_of_life(tmp_path: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    copies, pcap = Copies(Layout(tmp_path), objects), running(tmp_path, packets=0)
    copied(copies)
    assert held(objects) == {}
    heard(pcap, PACKET)
    for now in (1.0, 2.0, SIGN_S, 1.0 + SIGN_S):
        copied(copies, now)
    assert len(held(objects)) == 2
    joined(objects, tmp_path / "other")


@pytest.mark.parametrize("action", range(9))
def test_a_store_that_fails_anywhere_leaves_no_gap_and_nothing_double(tmp_path: Path, action: int) -> None:
    objects = Shaky(MemoryStore(), action)
    copies, pcap = Copies(Layout(tmp_path), objects), running(tmp_path)
    failures = 0
    for _ in range(4):
        try:
            copied(copies)
        except StoreFailed:
            failures += 1
        heard(pcap, PACKET)
    assert failures == 1
    objects.left = -1
    copied(copies)
    joined(objects, tmp_path / "other")
    assert Layout(tmp_path / "other").pcap_of(NAME).read_bytes() == HEAD + PACKET * 7


def test_another_edge_goes_on_where_one_stopped(tmp_path: Path) -> None:
    objects, key = ObstoreObjects(MemoryStore()), pyrage.x25519.Identity.generate()
    pcap = running(tmp_path)
    for _ in range(3):
        copies = Copies(Layout(tmp_path), objects, Sealer([str(key.to_public())]))
        copies.take_over()
        copied(copies)
        heard(pcap, PACKET)
    joined(objects, tmp_path / "other", key)
    assert Layout(tmp_path / "other").pcap_of(NAME).read_bytes() == HEAD + PACKET * 5


def test_a_store_that_alters_a_stretch_gets_it_once_more(tmp_path: Path) -> None:
    class Lying(ObstoreObjects):
        lies = 1

        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            data = b"".join(chunks)
            super().put(path, [data[:-1] + b"?" if self.lies else data])
            self.lies = 0

    objects = Lying(MemoryStore())
    copies = Copies(Layout(tmp_path), objects)
    running(tmp_path)
    with pytest.raises(StoreFailed) as error:
        copied(copies)
    assert error.value.failing is Failing.ALTERED
    assert held(objects) == {}
    copied(copies)
    joined(objects, tmp_path / "other")


def test_of_many_that_run_several_are_copied_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(limits.STRETCHES_AT_ONCE, timeout=10)

    class Slow(ObstoreObjects):
        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            together.wait()
            super().put(path, chunks)

    count = 2 * limits.STRETCHES_AT_ONCE
    for number in range(count):
        running(tmp_path, f"r{number}-0")
    objects = Slow(MemoryStore())
    copies = Copies(Layout(tmp_path), objects)
    copied(copies)
    assert copies.counters["stretches"] == len(stretches(objects)) == count


def test_a_store_that_is_down_is_not_asked_for_each_recording(tmp_path: Path) -> None:
    class Down(ObstoreObjects):
        asked = 0

        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            self.asked += 1
            raise StoreFailed(Failing.UNREACHABLE, "gone")

    for number in range(5 * limits.STRETCHES_AT_ONCE):
        running(tmp_path, f"r{number}-0")
    objects = Down(MemoryStore())
    with pytest.raises(StoreFailed):
        copied(Copies(Layout(tmp_path), objects))
    assert objects.asked <= limits.STRETCHES_AT_ONCE


# --- the end


def test_when_the_store_has_it_whole_the_stretches_are_gone(tmp_path: Path) -> None:
    objects, layout = ObstoreObjects(MemoryStore()), Layout(tmp_path)
    running(tmp_path)
    copied(Copies(layout, objects))
    assert [one.name for one in mend_all(layout)] == [NAME]
    shipped = shipment(tmp_path, objects, has_stretches=True).ship(NAME)
    assert shipped is not None
    assert sorted(held(objects)) == [
        f"manifests/{NAME}.json",
        f"metadata/rtpengine-meta-{NAME}.txt",
        f"pcaps/{NAME}.pcap",
    ]


def test_a_call_that_ends_while_it_is_copied_leaves_nothing_there(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    class Ending(ObstoreObjects):
        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            super().put(path, chunks)
            if path.startswith("live/"):
                list(mend_all(layout))
                shipment(tmp_path, ObstoreObjects(store), has_stretches=True).ship(NAME)
                super().put(path, [b"it came after the sweeping"])

    store = MemoryStore()
    running(tmp_path)
    with pytest.raises(StoreFailed):
        copied(Copies(layout, Ending(store)))
    assert not any(path.startswith("live/") for path in held(ObstoreObjects(store)))


def test_a_call_that_ended_just_now_is_copied_no_more(tmp_path: Path) -> None:
    objects, layout = ObstoreObjects(MemoryStore()), Layout(tmp_path)

    class Ending(ObstoreObjects):
        def put(self, path: str, chunks: Iterable[bytes]) -> None:
            super().put(path, chunks)
            list(mend_all(layout))

    running(tmp_path)
    ending = Ending(MemoryStore())
    copied(Copies(layout, ending))
    assert held(ending) == {}
    copied(Copies(layout, objects))
    assert held(objects) == {}


# --- what is left


def listed_at(modified: float, store: MemoryStore) -> ObstoreObjects:
    class Dated(ObstoreObjects):
        def list(self, prefix: str) -> Iterator[Listed]:
            return (one._replace(modified=modified) for one in super().list(prefix))

    return Dated(store)


def test_stretches_of_a_node_that_died_are_found_and_put_together_and_then_stored(tmp_path: Path) -> None:
    store = MemoryStore()
    objects, other = listed_at(1000.0, store), Layout(tmp_path / "other")
    running(tmp_path / "one")
    copied(Copies(Layout(tmp_path / "one"), objects))
    assert list(left_over(other, objects, URL, 1000.0 + DEAD_S)) == [], "it may still run"
    assert list(left_over(Layout(tmp_path / "one"), objects, URL, 9000.0)) == [], "it runs here"
    (found,) = left_over(other, objects, URL, 1001.0 + DEAD_S)
    assert (found.fault, found.name) == (Fault.STORE_STRETCHES, NAME)
    assert mend(other, objects, found, list)
    assert list(verify(other)) == []
    assert list(left_over(other, objects, URL, 9000.0)) == [], "it waits for the shipper"
    shipment(tmp_path / "other", objects, has_stretches=True).ship(NAME)
    assert not any(path.startswith("live/") for path in held(objects))


def test_a_node_that_was_taken_for_dead_brings_its_own_beside(tmp_path: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    pcap = running(tmp_path / "one")
    copied(Copies(Layout(tmp_path / "one"), objects))
    joined(objects, tmp_path / "other")
    shipment(tmp_path / "other", objects, has_stretches=True).ship(NAME)
    heard(pcap, PACKET)
    list(mend_all(Layout(tmp_path / "one")))
    shipment(tmp_path / "one", objects, has_stretches=True).ship(NAME)
    there = held(objects)
    assert there[f"pcaps/{NAME}.pcap"] == HEAD + PACKET * 3
    assert there[f"pcaps/{NAME}~2.pcap"] == HEAD + PACKET * 4


def test_what_is_there_whole_and_in_stretches_is_swept(tmp_path: Path) -> None:
    store = MemoryStore()
    objects = listed_at(1000.0, store)
    finished(tmp_path, "a")
    shipment(tmp_path, objects).ship("a")
    objects.put(Stretch("a", 1, 10, 10).path, [b"left"])
    for layout, now in ((Layout(tmp_path), 1000.0), (Layout(tmp_path / "of another"), 9000.0)):
        (found,) = left_over(layout, objects, URL, now)
        assert found.fault is Fault.STORE_SWEEP
    assert mend(Layout(tmp_path), objects, found, list)
    assert len(held(objects)) == 3
    assert sweep(objects, "a") == 0


@pytest.mark.parametrize("harm", ["altered", "gone", "cut"])
def test_what_follows_a_stretch_that_is_lost_is_left_out_and_said(tmp_path: Path, harm: str) -> None:
    objects = ObstoreObjects(MemoryStore())
    copies, pcap = Copies(Layout(tmp_path), objects), running(tmp_path)
    for _ in range(3):
        copied(copies)
        heard(pcap, PACKET)
    second = sorted(held(objects))[1]
    data = held(objects)[second]
    objects.delete(second)
    if harm != "gone":
        objects.put(second, [data[:-1] + (b"?" if harm == "altered" else b"")])
    made = joined(objects, tmp_path / "other")
    assert (made.packets, made.state) == (3, State.RECOVERED)
    assert "stretch 2 of 3" in made.trouble
    assert list(verify(Layout(tmp_path / "other"))) == []


def test_a_recording_of_which_nothing_is_good_is_a_sentence_and_no_file(tmp_path: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    objects.put(Stretch(NAME, 1, 10, 10).path, [b"?"])
    with pytest.raises(StoreFailed):
        joined(objects, tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_what_is_here_is_not_put_together_over(tmp_path: Path) -> None:
    objects, pcap = ObstoreObjects(MemoryStore()), running(tmp_path)
    copied(Copies(Layout(tmp_path), objects))
    with pytest.raises(FileExistsError):
        joined(objects, tmp_path)
    assert pcap.exists()


def test_a_stretch_is_known_by_its_name_and_what_is_none_is_passed_over(tmp_path: Path) -> None:
    one = Stretch(NAME, 12, 3_000_000_000, 70_000, is_sealed=True)
    assert Stretch.at(one.path) == one
    for path in ("live/a", "live/a/b.part", "pcaps/a.pcap", "live/a/000001-00-0.part"):
        assert Stretch.at(path) is None
    for data in (b"", b"{}\n", b"{", closed(0, b"abc", 0, b"d", None)[:-1], closed(0, b"abc", 0, b"d", None) + b"e"):
        with pytest.raises(Malformed):
            opened(data)


# --- the thread


def test_of_edges_that_share_a_directory_one_copies_and_the_other_takes_over(tmp_path: Path) -> None:
    objects = ObstoreObjects(MemoryStore())
    running(tmp_path)
    first, second = (Copier(Copies(Layout(tmp_path), objects), 5.0, print) for _ in range(2))
    first.copy()
    second.copy()
    assert (first.counters["stretches"], second.counters["stretches"]) == (1, 0)
    first.close()
    heard(Layout(tmp_path).pcap_of(NAME), PACKET)
    second.copy()
    assert second.counters["stretches"] == 1
    second.close()
    joined(objects, tmp_path / "other")


def test_while_nothing_is_recorded_the_store_is_asked_nothing(tmp_path: Path) -> None:
    class Down(ObstoreObjects):
        def list(self, prefix: str) -> Iterator[Listed]:
            raise StoreFailed(Failing.UNREACHABLE, "gone")

    copier = Copier(Copies(Layout(tmp_path), Down(MemoryStore())), 5.0, print)
    copier.copy()
    running(tmp_path)
    with pytest.raises(StoreFailed):
        copier.copy()
    copier.close()


def test_a_store_that_is_down_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "pause_after", lambda failures: 0.01)
    objects = Shaky(MemoryStore(), 0)
    running(tmp_path)
    told: list[CopyFailed] = []
    copier = Copier(Copies(Layout(tmp_path), objects), 0.01, told.append)
    copier.start()
    tick, until = threading.Event(), time.monotonic() + 20
    while not copier.counters["stretches"] and time.monotonic() < until:
        tick.wait(0.01)
    copier.close()
    assert [(one.code, one.failures) for one in told] == [("store-unreachable", 1)]
    assert copier.counters["copy_failed_store_unreachable"] == 1


COPYING = """
from talkpath.store.shipping.copying import Copier, Copies
from talkpath.store.shipping.objects import open_objects
Copier(Copies(keeper.layout, open_objects(f"file://{sys.argv[2]}", {})), 0.3, print).start()
sequence = 0
"""


@pytest.mark.parametrize("moment_s", [1.3, 2.1])
def test_a_node_that_is_killed_and_never_comes_back_costs_seconds_and_not_the_calls(
    tmp_path: Path, moment_s: float
) -> None:
    program = PROGRAM.replace("sequence = 0\n", COPYING)
    command = [sys.executable, "-c", program, str(tmp_path / "one"), str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        lines = [node.stdout.readline()]
        end = time.monotonic() + moment_s
        while time.monotonic() < end:
            lines.append(node.stdout.readline())
        node.kill()
        lines += node.stdout.readlines()
    told = [(int(sequence), float(at)) for sequence, at in map(str.split, lines[:-1])]
    shutil.rmtree(tmp_path / "one")
    objects, other = ObstoreObjects(LocalStore(tmp_path / "store")), Layout(tmp_path / "other")
    found = list(left_over(other, objects, "file:///", time.time() + 2 * DEAD_S))
    assert len(found) == 10
    assert all(mend(other, objects, one, list) for one in found)
    assert list(verify(other)) == []
    for one in found:
        taken = read_pcap(other.pcap_of(one.name))
        sequences = [int.from_bytes(packet.data[2:4], "big") for packet in taken]
        assert sequences == list(range(1, len(sequences) + 1)), "without a gap"
        lost = [at for sequence, at in told if sequence > len(sequences)]
        # The turn of the writer, that of the copier, and what a machine that is busy takes to come to both.
        assert told[-1][1] - min(lost, default=told[-1][1]) < 0.9 + 0.3 + 1.0

"""What was lost, cut, altered or forgotten of recordings is found, and mended where that can be done."""

import random
from pathlib import Path

import msgspec
import pytest
from tests.store.test_recordings import HEAD, PACKET

from talkpath.store.recordings import mending
from talkpath.store.recordings.keeper import Keeper
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, Party, State, Stored, read
from talkpath.store.recordings.shelf import Shelf, Sought, outdated
from talkpath.store.recordings.verifying import Expected, Fault, repair, verify

DAY_S = 86_400


def finished(
    directory: Path,
    name: str,
    packets: int = 3,
    *,
    started: float = 1000.5,
    number: str = "1001",
    call_id: str = "",
) -> None:
    """A recording as an edge leaves it."""
    keeper = Keeper(directory)
    draft = Manifest(
        name=name,
        state=State.RECORDING,
        call_id=call_id or f"call of {name}",
        link_type="raw",
        started=started,
        started_by="all",
        answered=started,
        parties=(Party(leg=0, side="caller", number=number, user="anna", gateway="carrier-a"),),
        stored=(Stored(where="local", path=f"pcaps/{name}.pcap"),),
    )
    book = keeper.begin(draft)
    keeper.flush()
    pcap = keeper.layout.pcap_of(name)
    pcap.write_bytes(
        HEAD + b"".join(PACKET[:-1] + bytes([random.Random(name + str(n)).randrange(256)]) for n in range(packets))
    )
    whole = mending.recovered(draft, pcap)
    keeper.finish(book, msgspec.structs.replace(whole, state=State.COMPLETE, end="call-ended"))
    assert keeper.flush()
    keeper.close()


@pytest.fixture(name="layout")
def two(tmp_path: Path) -> Layout:
    """Two recordings, a and b."""
    finished(tmp_path, "a")
    finished(tmp_path, "b", 4)
    return Layout(tmp_path)


def faults(layout: Layout, **more: object) -> list[tuple[Fault, str]]:
    return [(one.fault, one.name) for one in verify(layout, **more)]  # type: ignore[arg-type]


def mended(layout: Layout) -> list[tuple[Fault, bool]]:
    return [(one.fault, repair(layout, one)) for one in list(verify(layout))]


def test_what_is_whole_is_not_spoken_of(layout: Layout) -> None:
    assert faults(layout) == []


def test_a_file_that_is_gone_is_missed_and_one_that_was_moved_is_brought_back(layout: Layout) -> None:
    layout.pcap_of("a").unlink()
    assert mended(layout) == [(Fault.MISSING, False)]
    layout.pcap_of("b").rename(layout.metadata / "b.pcap")
    assert mended(layout) == [(Fault.MISSING, False), (Fault.MISSING, True)]
    assert faults(layout) == [(Fault.MISSING, "a")]


@pytest.mark.parametrize("left", [24, 25, 24 + 46, 24 + 46 + 45])
def test_a_file_that_was_cut_keeps_its_whole_packets(layout: Layout, left: int) -> None:
    raw = layout.pcap_of("a").read_bytes()
    layout.pcap_of("a").write_bytes(raw[:left])
    assert mended(layout) == [(Fault.TRUNCATED, True)]
    assert faults(layout) == []
    made = read(layout.manifest_of("a"))
    assert (made.state, made.packets, made.dropped) == (State.RECOVERED, (left - 24) // 46, 3 - (left - 24) // 46)
    assert layout.pcap_of("a").read_bytes() == raw[: 24 + made.packets * 46]


def test_one_byte_that_was_changed_is_found_and_left_alone(layout: Layout) -> None:
    raw = bytearray(layout.pcap_of("a").read_bytes())
    raw[-1] ^= 1
    layout.pcap_of("a").write_bytes(raw)
    assert mended(layout) == [(Fault.ALTERED, False)]
    layout.pcap_of("a").write_bytes(raw + PACKET)
    assert faults(layout) == [(Fault.ALTERED, "a")]
    assert layout.pcap_of("a").read_bytes() == raw + PACKET


def test_files_of_nobody_get_a_manifest_if_they_are_captures(layout: Layout) -> None:
    layout.pcap_of("c-1").write_bytes(HEAD + PACKET)
    layout.pcap_of("d-1").write_bytes(HEAD + PACKET + b"torn")
    layout.pcap_of("e-1").write_bytes(b"not ours")
    layout.metadata_of("f-1").write_text("")
    assert mended(layout) == [
        (Fault.ORPHANED, True),
        (Fault.TORN, True),
        (Fault.TORN, False),
        (Fault.ORPHANED, False),
    ]
    # They lack the metadata, and c is what d was cut to.
    assert {one for one, _ in mended(layout)} >= {Fault.NO_METADATA, Fault.DUPLICATE}
    assert {fault for fault, _ in faults(layout)} == {Fault.DUPLICATE, Fault.TORN, Fault.ORPHANED}
    assert layout.pcap_of("e-1").read_bytes() == b"not ours"


def test_a_manifest_that_is_no_json_is_kept_and_made_anew(layout: Layout) -> None:
    layout.manifest_of("a").write_text("{")
    assert mended(layout) == [(Fault.UNREADABLE, True)]
    assert faults(layout) == []
    assert read(layout.manifest_of("a")).packets == 3
    assert (layout.manifests / "a.json.unreadable").read_text() == "{"


def test_what_was_left_behind_is_under_way_while_an_edge_is_at_work(layout: Layout, tmp_path: Path) -> None:
    layout.notes_of("c-1").write_text("")
    layout.pcap_of("c-1").write_bytes(HEAD + PACKET[:20])
    assert faults(layout, is_recording=True) == []
    assert mended(layout) == [(Fault.UNFINISHED, True)]
    assert faults(layout) == []
    assert read(layout.manifest_of("c-1")).packets == 0
    assert tmp_path.exists()


def test_an_answered_call_that_should_have_one_and_has_none_is_told(layout: Layout) -> None:
    expected = [Expected("a", "1"), Expected("gone-0", "2")]
    assert faults(layout, expected=expected) == [(Fault.NEVER_MADE, "gone-0")]


def test_the_same_file_under_two_names_is_told(layout: Layout, tmp_path: Path) -> None:
    finished(tmp_path, "c")
    layout.pcap_of("c").write_bytes(layout.pcap_of("a").read_bytes())
    made = read(layout.manifest_of("a"))
    same = msgspec.structs.replace(read(layout.manifest_of("c")), sha256=made.sha256, bytes=made.bytes)
    layout.manifest_of("c").write_bytes(msgspec.json.encode(same))
    assert faults(layout) == [(Fault.DUPLICATE, "c")]


def test_recordings_are_found_by_who_and_when(tmp_path: Path) -> None:
    finished(tmp_path, "old", started=1000.0, number="+4930123")
    finished(tmp_path, "new", started=2000.0, number="1001")
    shelf = Shelf(tmp_path)

    def names(**sought: object) -> list[str]:
        return [one.name for one in shelf.find(Sought(**sought))]  # type: ignore[arg-type]

    assert names() == ["old", "new"]
    assert names(number="30123") == ["old"]
    assert names(number="anna", limit=1) == ["new"]
    assert names(name="call of old") == names(name="ol") == ["old"]
    assert names(since=1500.0) == ["new"]
    assert names(until=1500.0) == ["old"]
    assert names(gateway="carrier-a") == ["old", "new"]
    assert names(gateway="carrier") == []


def test_the_oldest_go_first_and_leave_their_word(tmp_path: Path) -> None:
    for day in range(4):
        finished(tmp_path, f"day{day}", started=day * DAY_S + 0.5)
    shelf = Shelf(tmp_path)
    now, size = 4 * DAY_S, 24 + 3 * 46

    def gone(days: float | None, most: int | None) -> list[str]:
        return [one.name for one in outdated(shelf.all(), now, days, most)]

    assert gone(2.5, None) == ["day0", "day1"]
    assert gone(None, 2 * size) == ["day0", "day1"]
    assert gone(3.5, 2 * size) == ["day0", "day1"]
    assert gone(3.5, 0) == ["day0", "day1", "day2", "day3"]
    for one in outdated(shelf.all(), now, 2.5, None):
        assert shelf.remove(one, now) > size
    assert [one.name for one in shelf.find(Sought())] == ["day2", "day3"]
    assert [one.state for one in shelf.find(Sought(name="day0", with_removed=True))] == [State.REMOVED]
    assert faults(Layout(tmp_path), expected=[Expected("day0", "0")]) == []
    assert gone(2.5, None) == []


def test_an_export_is_a_directory_of_recordings(layout: Layout, tmp_path: Path) -> None:
    shelf, target = Shelf(layout.directory), tmp_path / "elsewhere"
    assert len(list(shelf.export(shelf.find(Sought(name="a")), target))) == 3
    assert faults(Layout(target)) == []
    assert list(shelf.export(shelf.find(Sought(name="a")), target)) == [], "it is there"

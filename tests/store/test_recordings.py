"""What is said of recordings, where it lies, and what becomes of it when the edge or the disk fails."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from talkpath.store.recordings import metadata
from talkpath.store.recordings.atwork import Held, Mark, edges_at_work, forget_the_dead
from talkpath.store.recordings.capture import digest_of, measured
from talkpath.store.recordings.keeper import Keeper
from talkpath.store.recordings.layout import Layout, name_of
from talkpath.store.recordings.manifest import Manifest, State, Stored, read
from talkpath.store.recordings.mending import mend_all
from talkpath.store.recordings.verifying import Fault, repair, verify

HEAD = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000065000000")
PACKET = bytes.fromhex("e8030000020000001e0000001e000000") + bytes(30)
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 47000 RTP/SAVP 96 8\r\n"
SDP += b"a=rtpmap:96 opus/48000/2\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\n"


def facts(name: str, **more: object) -> Manifest:
    return Manifest(
        name=name, state=State.RECORDING, call_id="c", link_type="raw", started=1000.5, started_by="all", **more
    )


@pytest.fixture(name="keeper")
def a_keeper(tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(tmp_path)
    yield keeper
    keeper.close()


def test_names_are_those_of_rtpengine() -> None:
    escaped = "call%2Fwith%20spaces%40host%3Bx%3D%C3%BC%25-f9019476c11682ca"
    assert name_of("call/with spaces@host;x=ü%", "f9019476c11682ca") == escaped
    assert name_of("a-b_c.d~e", "0" * 16) == "a-b_c.d~e-0000000000000000"


def test_a_call_id_of_slashes_and_4000_characters_is_a_file_name_of_its_own() -> None:
    names = [name_of(call_id, "0" * 16) for call_id in ("/" * 4000, "/" * 4001, "x" * 4000, "../" * 500, "")]
    assert len(set(names)) == 5
    for name in names:
        assert "/" not in name
        assert len(Layout(Path("d")).metadata_of(name).name) <= 250
        assert not name.partition("~")[0].endswith(("%", "%2"))


def test_the_text_is_that_of_rtpengine(keeper: Keeper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Byte for byte what its 10.5 wrote of a call, but for names and times."""
    monkeypatch.setenv("TZ", "UTC")
    book = keeper.begin(facts("n"))
    keeper.describe(book, "offer", "callee", b"v=0\r\nA\r\n", 1796011011.434563, 1)
    keeper.describe(book, "answer", "caller", b"v=0\r\nB\r\n", 1796011011.434568, 7)
    keeper.finish(book, facts("n", ended=1796011011.9))
    assert keeper.flush()
    assert keeper.layout.metadata_of("n").read_bytes().replace(b"talkpath=n", b"free|text") == (
        str(tmp_path / "pcaps/n.pcap").encode() + b"\n\n\n"
        b"Timestamp started ms: 1796011011434.563\nSDP mode: offer\nSDP before RTP packet: 1\n\nv=0\r\nA\r\n\n"
        b"Timestamp started ms: 1796011011434.568\nSDP mode: answer\nSDP before RTP packet: 7\n\nv=0\r\nB\r\n\n"
        b"Timestamp terminated ms(first monologue): 1796011011900.000\n\n"
        b"call start time: 1970-01-01T00:16:40\ncall end time: 2026-11-30T03:56:51\n\n\nfree|text\n"
    )
    assert not keeper.layout.notes_of("n").exists()
    assert not keeper.layout.draft_of("n").exists()


def test_pauses_stand_where_they_were() -> None:
    assert metadata.paused(1.5) == "\nRecording paused at: 1500.000\n"
    assert metadata.resumed(2) == "\nRecording resumed at: 2000.000\n"


def test_the_manifest_says_what_the_ports_hear_and_no_key_is_written(keeper: Keeper) -> None:
    book = keeper.begin(facts("n"))
    keeper.describe(book, "offer", "callee", SDP, 1001.0, 1)
    keeper.describe(book, "offer", "callee", SDP, 1002.0, 50)
    keeper.pause(book, 1003.0, "operator")
    keeper.resume(book, 1004.0)
    keeper.finish(book, msgspec.structs.replace(book.facts, state=State.COMPLETE, ended=1005.0, packets=9))
    assert keeper.flush()
    made = read(keeper.layout.manifest_of("n"))
    (medium,) = made.media
    assert (medium.side, medium.kind, medium.address, medium.port, medium.since) == (
        "callee",
        "audio",
        "127.0.0.1",
        47000,
        1001.0,
    )
    assert [(one.payload_type, one.name, one.clock) for one in medium.codecs] == [
        (96, "opus", 48000),
        (8, "PCMA", 8000),
    ]
    assert [(one.start, one.end, one.by) for one in made.pauses] == [(1003.0, 1004.0, "operator")]
    for path in keeper.layout.directory.rglob("*"):
        assert not path.is_file() or b"c2VjcmV0" not in path.read_bytes()


def test_an_unanswered_call_without_a_packet_leaves_nothing(keeper: Keeper) -> None:
    book = keeper.begin(facts("n"))
    keeper.flush()
    keeper.layout.pcap_of("n").write_bytes(HEAD)
    keeper.discard(book)
    assert keeper.flush()
    assert [path for path in keeper.layout.directory.rglob("*") if path.is_file()] == []


def test_what_the_disk_refuses_is_written_when_it_can_be(tmp_path: Path) -> None:
    """A file stands where the directory should be: nothing can be written, root or not."""
    (tmp_path / "place").write_text("")
    keeper = Keeper(tmp_path / "place")
    book = keeper.begin(facts("n"))
    keeper.finish(book, facts("n", ended=1005.0))
    assert not keeper.flush(0.2)
    (tmp_path / "place").unlink()
    assert keeper.flush()
    assert keeper.counters["failures"] >= 1
    assert keeper.layout.manifest_of("n").exists()
    keeper.close()


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 29, 30, 45])
def test_a_recording_that_was_cut_anywhere_is_closed_to_its_last_whole_packet(tmp_path: Path, cut: int) -> None:
    keeper = Keeper(tmp_path)
    book = keeper.begin(facts("n"))
    keeper.describe(book, "offer", "callee", SDP, 1001.0, 1)
    keeper.flush()
    keeper.close()
    layout = Layout(tmp_path)
    whole = HEAD + 2 * PACKET
    layout.pcap_of("n").write_bytes((whole + PACKET)[: len(whole) + cut])
    (mended,) = mend_all(layout)
    assert mended == ("n", 2, cut, "")
    assert layout.pcap_of("n").read_bytes() == whole
    made = read(layout.manifest_of("n"))
    assert (made.state, made.end, made.packets, made.bytes) == (State.RECOVERED, "edge-died", 2, len(whole))
    assert (made.started, made.ended, made.sha256) == (1000.5, 1000.5, digest_of(layout.pcap_of("n")))
    assert b"call end time" in layout.metadata_of("n").read_bytes()
    assert list(layout.tmp.iterdir()) == []
    assert list(mend_all(layout)) == []


@pytest.mark.parametrize("cut", [0, 7])
def test_the_disk_keeps_what_an_edge_left_before_a_manifest_speaks_for_it(
    tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path)
    layout.make()
    name = "call-0123456789abcdef"
    layout.pcap_of(name).write_bytes((HEAD + 2 * PACKET)[: len(HEAD + PACKET) + cut])
    kept: list[Path] = []

    def fsync(descriptor: int) -> None:
        kept.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(os, "fsync", fsync)
    list(mend_all(layout))
    manifest = layout.manifest_of(name)
    before = kept[: kept.index(manifest.with_name(manifest.name + ".new"))]
    assert {layout.pcap_of(name), layout.pcaps} <= set(before)


def test_of_what_died_before_its_first_word_the_name_tells(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.make()
    layout.notes_of("a%2Fb-0123456789abcdef").write_text("x\n\n")
    layout.pcap_of("a%2Fb-0123456789abcdef").write_bytes(HEAD + PACKET)
    list(mend_all(layout))
    made = read(layout.manifest_of("a%2Fb-0123456789abcdef"))
    assert (made.call_id, made.started, made.packets) == ("a/b", 1000.000002, 1)


def test_a_file_of_somebody_else_is_measured_and_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for raw in (b"", b"\xd4\xc3\xb2\xa1", os.urandom(100), b"not a capture at all, and longer than a head"):
        path.write_bytes(raw)
        assert measured(path).whole_bytes == 0
        assert not measured(path).is_whole


def test_edges_share_a_directory_and_who_mends_has_it_alone(tmp_path: Path) -> None:
    first = Held.alone(tmp_path)
    assert first is not None
    assert Held.alone(tmp_path) is Held.shared(tmp_path) is None
    first.share()
    second = Held.shared(tmp_path)
    assert second is not None
    first.release()
    assert Held.alone(tmp_path) is None, "the second is at work"
    second.release()
    alone = Held.alone(tmp_path)
    assert alone is not None
    alone.release()


def left(directory: Path, name: str, edge: str) -> None:
    """What an edge that died leaves of a recording."""
    keeper = Keeper(directory)
    keeper.begin(facts(name, edge=edge, stored=(Stored(where="local", path=f"pcaps/{name}.pcap"),)))
    assert keeper.flush()
    keeper.close()
    keeper.layout.pcap_of(name).write_bytes(HEAD + PACKET[:-1] + name.encode())


def test_what_a_dead_edge_left_is_known_and_closed_while_others_are_at_work(tmp_path: Path) -> None:
    dead, alive = Mark(tmp_path), Mark(tmp_path)
    for name, mark in (("a", dead), ("b", alive)):
        left(tmp_path, name, mark.edge)
    layout = Layout(tmp_path)
    assert list(verify(layout, is_recording=True)) == []
    dead.remove()
    assert [(one.fault, one.name) for one in verify(layout, is_recording=True)] == [(Fault.UNFINISHED, "a")]
    assert [one.name for one in mend_all(layout, is_recording=True)] == ["a"]
    assert read(layout.manifest_of("a")).edge == dead.edge
    assert list(verify(layout, is_recording=True)) == []
    alive.remove()
    assert [one.name for one in mend_all(layout)] == ["b"]


def test_the_mark_of_an_edge_that_was_killed_is_no_mark(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from talkpath.store.recordings.atwork import Mark\n"
        "mark = Mark(Path(sys.argv[1])); print(mark.edge, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as edge:
        assert edge.stdout is not None
        name = edge.stdout.readline().strip()
        assert list(edges_at_work(tmp_path)) == [name]
        edge.kill()
    assert list(edges_at_work(tmp_path)) == []
    forget_the_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_which_no_word_was_written_yet_is_closed_too(tmp_path: Path) -> None:
    """The files of many calls that begin at once are there before the texts beside them."""
    layout = Layout(tmp_path)
    layout.make()
    for name in ("a%2Fb-0123456789abcdef", "somebody-else"):
        layout.pcap_of(name).write_bytes(HEAD + PACKET + PACKET[:7])
    assert list(mend_all(layout, is_recording=True)) == []
    assert list(mend_all(layout)) == [("a%2Fb-0123456789abcdef", 1, 7, "")]
    assert read(layout.manifest_of("a%2Fb-0123456789abcdef")).call_id == "a/b"
    assert [(one.fault, one.name) for one in verify(layout)] == [(Fault.TORN, "somebody-else")]


def test_one_that_cannot_be_closed_keeps_no_other_waiting(tmp_path: Path) -> None:
    """A folder has the name of its file: nobody can read it, root or not."""
    for name in "abc":
        left(tmp_path, name, "")
    layout = Layout(tmp_path)
    layout.pcap_of("b").unlink()
    layout.pcap_of("b").mkdir()
    assert [(one.name, one.packets, one.why) for one in mend_all(layout)] == [
        ("a", 1, ""),
        ("b", 0, os.strerror(errno.EISDIR)),
        ("c", 1, ""),
    ]
    assert [(one.fault, one.name) for one in verify(layout)] == [(Fault.UNFINISHED, "b")]


def test_a_file_that_the_disk_does_not_give_is_a_fault_and_hides_no_other(tmp_path: Path) -> None:
    for name in "ab":
        left(tmp_path, name, "")
    layout = Layout(tmp_path)
    list(mend_all(layout))
    layout.pcap_of("a").unlink()
    for name in "ac":
        layout.pcap_of(name).symlink_to(f"{name}.pcap")
    layout.metadata_of("b").unlink()
    found = {one.name: one for one in verify(layout)}
    assert {name: one.fault for name, one in found.items()} == {
        "a": Fault.UNREADABLE,
        "b": Fault.NO_METADATA,
        "c": Fault.ORPHANED,
    }
    assert [repair(layout, found[name]) for name in "ab"] == [False, True]
    assert layout.pcap_of("a").is_symlink()

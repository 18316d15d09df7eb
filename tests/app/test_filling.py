"""A folder that somebody fills with captures is read as it fills, and nothing twice."""

import gzip
import os
from pathlib import Path

import pytest

from talkpath.app.explain.filling import Filling
from talkpath.capture.reader import Feed
from talkpath.capture.records import CaptureNote, SipSeen

from ..capture import wire
from ..capture.test_files import option


def packets(first: int, count: int) -> list[wire.Frame]:
    return [(wire.START + number, option(number)) for number in range(first, first + count)]


class Folder:
    """A folder, who writes there, and who follows. Files get a later time with every writing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.feed = Feed()
        self.following = Filling(path, self.feed)
        self._clock = 1_000
        self.notes: list[CaptureNote] = []

    def write(self, name: str, data: bytes) -> None:
        self._clock += 1
        (self.path / name).write_bytes(data)
        os.utime(self.path / name, (self._clock, self._clock))

    def seen(self) -> list[int]:
        """The numbers of the messages that are new."""
        found = self.following.take()
        self.notes += [one for one in found if isinstance(one, CaptureNote)]
        return [round(one.time - wire.START) for one in found if isinstance(one, SipSeen)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("of", [wire.pcap, wire.pcapng])
def test_a_file_is_read_as_it_grows_in_the_middle_of_packets_too(folder: Folder, of: object) -> None:
    assert folder.seen() == []
    data = of(packets(0, 4))  # type: ignore[operator]
    found = []
    for end in range(0, len(data), 101):
        folder.write("a.pcap", data[:end])
        found += folder.seen()
    folder.write("a.pcap", data)
    assert found + folder.seen() == [0, 1, 2, 3]
    assert folder.seen() == []
    assert not folder.notes


def test_what_is_there_already_comes_first_in_the_order_in_which_it_was_written(folder: Folder) -> None:
    folder.write("trace9", wire.pcap(packets(0, 3)))
    folder.write("trace10", wire.pcap(packets(3, 3)))
    folder.write("trace11", wire.pcap(packets(6, 1)))
    assert folder.seen() == [0, 1, 2, 3, 4, 5, 6]
    folder.write("trace11", wire.pcap(packets(6, 3)))
    assert folder.seen() == [7, 8]


def test_a_ring_of_files_is_read_round_by_round(folder: Folder) -> None:
    found = []
    for turn in range(7):
        folder.write(f"ring{turn % 3}", wire.pcap(packets(turn * 4, 2)))
        found += folder.seen()
        folder.write(f"ring{turn % 3}", wire.pcap(packets(turn * 4, 4)))
        found += folder.seen()
    assert found == list(range(28))
    assert not folder.notes


def test_what_was_packed_after_it_was_read_is_not_read_again(folder: Folder) -> None:
    folder.write("one.pcap", wire.pcap(packets(0, 3)))
    folder.write("two.pcap", wire.pcap(packets(3, 2)))
    assert folder.seen() == [0, 1, 2, 3, 4]
    data = (folder.path / "one.pcap").read_bytes()
    (folder.path / "one.pcap").unlink()
    folder.write("one.pcap.gz", gzip.compress(data))
    folder.write("two.pcap", wire.pcap(packets(3, 3)))
    assert folder.seen() == [5]


def test_other_files_are_refused_once_and_hinder_nothing(folder: Folder) -> None:
    folder.write("notes.txt", b"these are the captures of monday\n" * 20)
    folder.write("a.pcap", wire.pcap(packets(0, 2)))
    assert folder.seen() == [0, 1]
    assert [path.name for path in folder.following.refused] == ["notes.txt"]


def test_the_clock_is_that_of_the_packets(folder: Folder) -> None:
    folder.write("a.pcap", wire.pcap(packets(0, 2)))
    folder.seen()
    assert folder.following.now == pytest.approx(wire.START + 1, abs=30)

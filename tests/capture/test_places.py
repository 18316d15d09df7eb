"""Several captures: files of one machine follow each other, those of two places are read side by side."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from talkpath.capture.places import clocks_of, places_of
from talkpath.capture.reader import Capture
from talkpath.capture.records import CaptureNote, RtpStream, SipSeen

from . import wire
from .test_files import option

A, B = "192.0.2.1", "192.0.2.2"


def sip(number: int, src: str = A, dst: str = B, ident: int = 0) -> bytes:
    datagram = wire.udp(5060, 5060, wire.sip_request("OPTIONS", f"call-{number}"))
    return wire.ethernet(wire.ipv4(src, dst, 17, datagram, ident=ident))


def voice(number: int) -> bytes:
    packet = wire.rtp(number, number * 160, b"\x55" * 160, ssrc=7)
    return wire.ethernet(wire.ipv4(A, B, 17, wire.udp(20_000, 20_002, packet), ident=number + 1))


def written(folder: Path, **files: Sequence[wire.Frame]) -> list[str]:
    paths = []
    for name, frames in files.items():
        paths.append(str(folder / f"{name}.pcap"))
        Path(paths[-1]).write_bytes(wire.pcap(list(frames)))
    return paths


def span(first: float, count: int, start: int = 0) -> list[wire.Frame]:
    return [(wire.START + first + n, option(start + n)) for n in range(count)]


def test_a_rotation_is_read_in_the_order_of_time_whatever_order_it_is_named_in(tmp_path: Path) -> None:
    paths = written(tmp_path, c10=span(20, 10, 20), c2=span(10, 10, 10), c1=span(0, 10))
    capture = Capture(paths)
    every = list(capture)
    found = [record for record in every if isinstance(record, SipSeen)]
    assert [record.time for record in found] == [wire.START + n for n in range(30)]
    assert [record.frame for record in found] == list(range(1, 31))
    assert [Path(file.path).stem for file in capture.files] == ["c1", "c2", "c10"]
    assert {file.place for file in capture.files} == {0}
    assert not [record for record in every if isinstance(record, CaptureNote)]


def test_two_machines_that_rotate(tmp_path: Path) -> None:
    west = {f"west_{n}": span(10 * n, 10, 10 * n) for n in range(3)}
    east = {f"east_{n}": span(10 * n + 3, 10, 100 + 10 * n) for n in range(3)}
    places = places_of(written(tmp_path, **west, **east))
    names = [[Path(file.path).stem for file in place] for place in places]
    assert names == [["west_0", "west_1", "west_2"], ["east_0", "east_1", "east_2"]]


@pytest.mark.parametrize("ahead", [0.0, 0.2, -4.0, 7200.0, -7200.0])
def test_clocks_are_known_by_what_goes_both_ways(tmp_path: Path, ahead: float) -> None:
    near = [(wire.START + n, sip(n)) for n in range(20)] + [(wire.START + n + 0.5, sip(n, B, A)) for n in range(20)]
    far = [(wire.START + n + 0.04 + ahead, sip(n)) for n in range(20)]
    far += [(wire.START + n + 0.46 + ahead, sip(n, B, A)) for n in range(20)]
    paths = written(tmp_path, near=sorted(near), far=sorted(far))
    assert clocks_of(places_of(paths)) == pytest.approx([0.0, ahead], abs=1e-5)
    found = [one for one in Capture(paths) if isinstance(one, SipSeen)]
    assert sum(one.is_copy for one in found) == 40
    assert not any(one.is_retransmission for one in found)


def test_streams_alone_tell_the_clocks_too(tmp_path: Path) -> None:
    near = [(wire.START + n * 0.02, voice(n)) for n in range(300)]
    far = [(wire.START + n * 0.02 + 3.0, voice(n)) for n in range(40, 340)]
    paths = written(tmp_path, near=near, far=far)
    assert clocks_of(places_of(paths)) == pytest.approx([0.0, 3.0], abs=1e-3)


def test_each_place_has_its_stream_and_marks_what_came(tmp_path: Path) -> None:
    dice = random.Random(3)
    lost = set(dice.sample(range(5, 195), 30))
    near = [(wire.START + n * 0.02, voice(n)) for n in range(200)]
    far = [(at + 0.01, frame) for n, (at, frame) in enumerate(near) if n not in lost]
    capture = Capture(written(tmp_path, near=near, far=far))
    one, other = sorted((r for r in capture if isinstance(r, RtpStream)), key=lambda r: r.first_frame)
    assert (one.packets, other.packets, other.lost) == (200, 170, 30)
    bits, others = (int.from_bytes(rtp.marks[2:], "little") for rtp in (one, other))
    missing = bits & ~others
    assert {n for n in range(200) if missing >> n & 1} == lost
    assert [(file.place, file.first_frame) for file in capture.files] == [(0, 1), (1, 201)]


def test_one_file_has_no_marks(tmp_path: Path) -> None:
    paths = written(tmp_path, near=[(wire.START + n * 0.02, voice(n)) for n in range(20)])
    assert [r.marks for r in Capture(paths) if isinstance(r, RtpStream)] == [b""]


def test_files_that_share_nothing_keep_their_clocks(tmp_path: Path) -> None:
    inside = [(wire.START + n, sip(n)) for n in range(9)]
    outside = [(wire.START + n + 0.3, sip(100 + n, "203.0.113.1", "203.0.113.2")) for n in range(9)]
    capture = Capture(written(tmp_path, inside=inside, outside=outside))
    found = [one for one in capture if isinstance(one, SipSeen)]
    assert [round(one.time - wire.START, 3) for one in found] == [n + part for n in range(9) for part in (0.0, 0.3)]
    assert [file.ahead_s for file in capture.files] == [0.0, 0.0]

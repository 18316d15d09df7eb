"""Files in every variant read the same; damaged and unrelated ones end in a sentence."""

import bz2
import lzma
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from talkpath.base.errors import Unavailable
from talkpath.base.texts import Language
from talkpath.capture import words
from talkpath.capture.reader import STDIN, Capture, UnreadableCapture, read
from talkpath.capture.records import CaptureNote, NoteKind, Record, SipSeen

from . import wire

Reading = Callable[[bytes], list[Record]]


def option(number: int) -> bytes:
    """An OPTIONS with its own Call-ID in an Ethernet frame."""
    sip = wire.sip_request("OPTIONS", f"call-{number}")
    return wire.ethernet(wire.ipv4("192.0.2.1", "192.0.2.2", 17, wire.udp(5060, 5060, sip)))


FRAMES = [(wire.START + i, option(i)) for i in range(3)]
TICKS = [round((wire.START + i) * 1_000_000) for i in range(3)]


def times(found: list[Record]) -> list[tuple[int, float]]:
    return [(r.frame, r.time) for r in found if isinstance(r, SipSeen)]


EXPECTED = [(1, wire.START), (2, wire.START + 1), (3, wire.START + 2)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanos", [False, True])
def test_pcap_in_both_byte_orders_and_resolutions(records: Reading, order: str, nanos: bool) -> None:
    assert times(records(wire.pcap(FRAMES, order=order, nanos=nanos))) == EXPECTED


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_in_both_byte_orders(records: Reading, order: str) -> None:
    assert times(records(wire.pcapng(FRAMES, order=order))) == EXPECTED


def test_gzip(records: Reading) -> None:
    assert times(records(wire.gzipped(wire.pcap(FRAMES)))) == EXPECTED
    assert times(records(wire.gzipped(wire.pcapng(FRAMES)))) == EXPECTED


def raw_zstd(data: bytes) -> bytes:
    """RFC 8878: a frame of raw blocks, one for each kilobyte."""
    blocks = [data[at : at + 1024] for at in range(0, len(data), 1024)]
    out = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data))
    for number, block in enumerate(blocks):
        out += struct.pack("<I", len(block) << 3 | (number == len(blocks) - 1))[:3] + block
    return out


def stored_lz4(data: bytes) -> bytes:
    """A frame of one block that is stored as it is."""
    return bytes.fromhex("04224d18604082") + struct.pack("<I", len(data) | 1 << 31) + data + b"\0" * 4


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress, raw_zstd, stored_lz4])
def test_compressed_captures(records: Reading, pack: Callable[[bytes], bytes]) -> None:
    assert times(records(pack(wire.pcap(FRAMES)))) == EXPECTED
    assert times(records(pack(wire.pcapng(FRAMES)))) == EXPECTED


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress])
def test_compressed_captures_that_are_cut_off_keep_what_is_there(
    records: Reading, pack: Callable[[bytes], bytes]
) -> None:
    many = [(wire.START + i, option(i) + os.urandom(900)) for i in range(3000)]
    packed = pack(wire.pcap(many))
    found = records(packed[: len(packed) // 2])
    assert len(times(found)) > 100
    assert any(isinstance(r, CaptureNote) and r.kind is NoteKind.CUT_OFF for r in found)


def snoop(frames: list[wire.Frame], drops: int = 0) -> bytes:
    """RFC 1761."""
    out = b"snoop\0\0\0" + struct.pack("!II", 2, 4)
    for at, data in frames:
        pad = -len(data) % 4
        seconds, micros = divmod(round(at * 1e6), 1_000_000)
        sizes = (len(data), len(data), 24 + len(data) + pad, drops, seconds, micros)
        out += struct.pack("!6I", *sizes) + data + b"\0" * pad
    return out


def test_snoop(records: Reading) -> None:
    assert times(records(snoop(FRAMES))) == EXPECTED
    found = records(snoop(FRAMES, drops=5))
    assert times(found) == EXPECTED
    assert [(n.kind, n.count) for n in found if isinstance(n, CaptureNote)] == [(NoteKind.DROPPED, 5)]
    assert [n.kind for n in records(snoop(FRAMES)[:-30]) if isinstance(n, CaptureNote)] == [NoteKind.CUT_OFF]


def test_gzip_cut_off_keeps_what_is_there(records: Reading) -> None:
    many = [(wire.START + i, option(i) + os.urandom(400)) for i in range(500)]
    packed = wire.gzipped(wire.pcap(many))
    found = records(packed[: len(packed) // 2])
    assert len(times(found)) > 100
    assert any(isinstance(r, CaptureNote) and r.kind is NoteKind.CUT_OFF for r in found)


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(wire.pcap(FRAMES))
    monkeypatch.setattr(os, "dup", lambda _: os.open(path, os.O_RDONLY))
    assert times(read(STDIN)) == EXPECTED


def test_clocks_of_interfaces(records: Reading) -> None:
    data = wire.section()
    data += wire.interface(wire.ETHERNET, tsresol=9)
    data += wire.interface(wire.ETHERNET, tsresol=3, tsoffset=1_000_000_000)
    data += wire.interface(wire.ETHERNET, tsresol=0x80 | 10)
    data += wire.enhanced(0, int(wire.START * 1e9), option(0))
    data += wire.enhanced(1, int((wire.START + 1 - 1e9) * 1e3), option(1))
    data += wire.enhanced(2, int((wire.START + 2) * 1024), option(2))
    assert times(records(data)) == EXPECTED


def test_interfaces_of_different_link_types(records: Reading) -> None:
    data = wire.section() + wire.interface(wire.ETHERNET) + wire.interface(wire.RAW)
    data += wire.enhanced(1, TICKS[0], option(0)[14:]) + wire.enhanced(0, TICKS[1], option(1))
    data += wire.enhanced(1, TICKS[2], option(2)[14:])
    assert times(records(data)) == EXPECTED


def test_sections_of_different_byte_orders(records: Reading) -> None:
    data = wire.pcapng(FRAMES[:1], order="<") + wire.pcapng(FRAMES[1:], order=">")
    assert times(records(data)) == EXPECTED


def test_obsolete_and_simple_packet_blocks(records: Reading) -> None:
    data = wire.section() + wire.interface(wire.ETHERNET)
    data += wire.obsolete(0, TICKS[0], option(0)) + wire.simple(option(1)) + wire.enhanced(0, TICKS[2], option(2))
    # A simple packet block has no time: that of the packet before it is the best there is.
    assert times(records(data)) == [(1, wire.START), (2, wire.START), (3, wire.START + 2)]


def test_unknown_blocks_are_stepped_over(records: Reading) -> None:
    data = wire.section() + wire.interface(wire.ETHERNET) + wire._block("<", 0x0BAD, b"x" * 10)
    data += wire.enhanced(0, TICKS[0], option(0))
    assert times(records(data)) == EXPECTED[:1]


def test_drops_of_the_capturing_machine_are_told(records: Reading) -> None:
    data = wire.pcapng(FRAMES) + wire.statistics(0, 17)
    notes = [r for r in records(data) if isinstance(r, CaptureNote)]
    assert [(n.kind, n.count) for n in notes] == [(NoteKind.DROPPED, 17)]


@pytest.mark.parametrize("cut", [1, 20, 300])
@pytest.mark.parametrize("make", [wire.pcap, wire.pcapng])
def test_file_that_ends_inside_a_packet(records: Reading, make: Callable[..., bytes], cut: int) -> None:
    found = records(make(FRAMES)[:-cut])
    assert times(found) == EXPECTED[:2]
    assert [n.kind for n in found if isinstance(n, CaptureNote)] == [NoteKind.CUT_OFF]


def test_damage_in_the_middle_of_a_pcap_is_stepped_over(records: Reading) -> None:
    data = bytearray(wire.pcap([(wire.START + i, option(i)) for i in range(6)]))
    at = 24 + 2 * (16 + len(option(0)))
    data[at : at + 16] = b"\xff" * 16
    found = records(bytes(data))
    assert [t for _, t in times(found)] == [wire.START + i for i in (0, 1, 3, 4, 5)]
    assert [(n.kind, n.offset) for n in found if isinstance(n, CaptureNote)] == [(NoteKind.DAMAGED, at)]


def test_packets_cut_by_the_snap_length_are_told(records: Reading) -> None:
    found = records(wire.pcap(FRAMES, snap_to=200))
    sip = [r for r in found if isinstance(r, SipSeen)]
    assert [(s.is_truncated, len(s.raw), s.wire_bytes) for s in sip] == [(True, 158, len(option(0)) - 42)] * 3
    assert [(n.kind, n.count) for n in found if isinstance(n, CaptureNote)] == [(NoteKind.SNAPPED, 3)]


def test_merged_captures_that_go_back_in_time_are_told(records: Reading) -> None:
    found = records(wire.pcap([FRAMES[2], FRAMES[0], FRAMES[1]]))
    assert [(n.kind, n.count) for n in found if isinstance(n, CaptureNote)] == [(NoteKind.BACKWARDS, 2)]


def test_several_files_are_one_capture(tmp_path: Path) -> None:
    for name, part in ("a", FRAMES[:2]), ("b", FRAMES[2:]):
        (tmp_path / name).write_bytes(wire.pcap(part))
    capture = Capture([str(tmp_path / "a"), str(tmp_path / "b")])
    assert times(list(capture)) == EXPECTED
    assert [(f.first_frame, f.packets, f.first, f.last) for f in capture.files] == [
        (1, 2, wire.START, wire.START + 1),
        (3, 1, wire.START + 2, wire.START + 2),
    ]
    assert capture.locate(3) == (capture.files[1], 1)


def test_what_is_not_understood_is_counted(tmp_path: Path) -> None:
    arp = wire.ethernet(b"\0" * 28, 0x0806)
    dns = wire.ethernet(wire.ipv4("192.0.2.1", "192.0.2.2", 17, wire.udp(53, 53, b"\x12\x34\x01\0" + b"\0" * 20)))
    path = tmp_path / "a"
    path.write_bytes(wire.pcap([(wire.START, arp), (wire.START, dns), (wire.START, arp)]))
    capture = Capture([str(path)])
    assert list(capture) == []
    assert capture.files[0].undecoded == {"ARP": 2, "other UDP": 1}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "png"),
        (b"PK\x03\x04" + b"\0" * 50, "zip"),
        (b"\0" * 100, "zeros"),
        (b"INVITE sip:a SIP/2.0\r\n" * 5, "text"),
        (b'{"a": 1}' + b" " * 40, "json"),
        (b"\x28\xb5\x2f\xfd" + b"\0" * 50, "zstd"),
        (b"#!rtpplay1.0 127.0.0.1/4000\n" + b"\0" * 30, "rtpdump"),
        (b"TR\x00\x64" + b"\0" * 50, "nettl"),
        (b"XCP\x00002.001" + b"\0" * 50, "sniffer"),
        (b"ObserverPktBuffer" + b"\0" * 50, "observer"),
        (b"\xde\xad\xbe\xef" * 20, "unknown"),
        (struct.pack("<I", 0xA1B2C3D4), "unknown"),
    ],
)
def test_unrelated_file_is_named(tmp_path: Path, head: bytes, kind: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(head)
    with pytest.raises(UnreadableCapture) as caught:
        read(str(path))
    assert caught.value.kind == kind
    assert words.KINDS[kind].en in str(caught.value)
    assert words.KINDS[kind].zh in caught.value.say(Language.ZH)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        read(str(tmp_path / "nothing"))
    with pytest.raises(Unavailable, match="Is a directory"):
        read(str(tmp_path))


def test_progress_moves(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(wire.pcap(FRAMES))
    capture = Capture([str(path)])
    list(capture)
    assert capture.progress == (str(path), path.stat().st_size, path.stat().st_size)

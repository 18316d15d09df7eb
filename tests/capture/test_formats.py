"""Formats of other tools than libpcap, byte by byte: Network Monitor, Endace, pcap with records of other sizes."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from talkpath.capture.reader import read
from talkpath.capture.records import CaptureNote, NoteKind, Record

from . import wire
from .test_files import EXPECTED, FRAMES, option, times

Reading = Callable[[bytes], list[Record]]


def patched(size: int, magic: int = 0xA1B2C3D4) -> bytes:
    """pcap whose record headers have more than 16 bytes."""
    out = struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262_144, 1)
    for at, data in FRAMES:
        seconds, micros = divmod(round(at * 1e6), 1_000_000)
        out += struct.pack("<IIII", seconds, micros, len(data), len(data)) + b"\1\0\0\0\x08\0\0\0"[: size - 16]
        out += b"\0" * max(0, size - 24) + data
    return out


@pytest.mark.parametrize(("size", "magic"), [(24, 0xA1B2C3D4), (20, 0xA1B2C3D4), (24, 0xA1B2CD34), (28, 0xA1B2CD34)])
def test_records_of_other_sizes(records: Reading, size: int, magic: int) -> None:
    assert times(records(patched(size, magic))) == EXPECTED


def test_one_packet_is_enough_to_know_the_plain_format(records: Reading) -> None:
    assert times(records(wire.pcap(FRAMES[:1]))) == EXPECTED[:1]


def netmon(minor: int, *, tail: bytes = b"") -> bytes:
    """Network Monitor 2.x: frames behind 128 bytes, then the table of their places."""
    start = datetime.fromtimestamp(wire.START, UTC)
    date = (start.year, start.month, 2, start.day, start.hour, start.minute, start.second, 0)
    frames, table = b"", b""
    for at, data in FRAMES:
        table += struct.pack("<I", 128 + len(frames))
        frames += struct.pack("<QII", round((at - wire.START) * 1e6), len(data), len(data)) + data
        utc = round(at * 1e7) + 116_444_736_000_000_000
        frames += (struct.pack("<HIQB", 1, 0, utc, 0) if minor == 3 else struct.pack("<HI", 1, 0))[
            : {0: 0, 1: 2, 2: 6, 3: 15}[minor]
        ]
    head = struct.pack("<4sBBH8HII", b"GMBU", minor, 2, 1, *date, 128 + len(frames), len(table))
    return head.ljust(128, b"\0") + frames + table + tail


@pytest.mark.parametrize("minor", [0, 1, 2, 3])
def test_network_monitor(records: Reading, minor: int) -> None:
    assert times(records(netmon(minor))) == EXPECTED


def test_network_monitor_cut_off(records: Reading) -> None:
    found = records(netmon(3)[:-120])
    assert times(found) == EXPECTED[:2]
    assert [note.kind for note in found if isinstance(note, CaptureNote)] == [NoteKind.CUT_OFF]


def endace(frames: list[wire.Frame]) -> bytes:
    """Records without a file header; one is filling."""
    out = b""
    for at, data in frames:
        body = b"\0\0" + data
        stamp = int(at) << 32 | int(at % 1 * 2**32)
        out += struct.pack("<Q", stamp) + struct.pack("!BBHHH", 2, 4, 16 + len(body), 0, len(data)) + body
        out += struct.pack("<Q", stamp) + struct.pack("!BBHHH", 48, 4, 24, 0, 0) + b"\0" * 8
    return out


def test_endace_records(records: Reading) -> None:
    assert [at for _, at in times(records(endace(FRAMES)))] == [at for _, at in EXPECTED]
    assert [at for _, at in times(records(endace(FRAMES[:1])))] == [wire.START]


def test_what_only_looks_like_them_is_told_as_what_it_is(tmp_path: Path) -> None:
    for data in (b"\0" * 400, bytes(range(256)) * 20, b"GMBU", struct.pack("<Q", 1 << 62) * 9):
        path = tmp_path / "strange"
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"unknown kind|zeros|text"):
            read(str(path))


@pytest.mark.live
@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
@pytest.mark.parametrize(
    "name",
    ["netmon1", "netmon2", "nokiapcap", "suse6_3pcap", "rh6_1pcap", "modlibpcap", "nsecpcap", "snoop", "pcapng"],
)
def test_what_editcap_writes(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.pcap").write_bytes(wire.pcap([(at, option(number)) for number, (at, _) in enumerate(FRAMES * 9)]))
    command = ["editcap", "-F", name, str(tmp_path / "a.pcap"), str(tmp_path / "b")]
    subprocess.run(command, check=True)
    theirs = times(read(str(tmp_path / "b")))
    assert theirs == times(read(str(tmp_path / "a.pcap")))
    assert len(theirs) == 27


@pytest.mark.live
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_the_same_in_endace_files(tmp_path: Path) -> None:
    path = tmp_path / "a.erf"
    path.write_bytes(endace(FRAMES))
    command = ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "fields", "-e", "frame.time_epoch"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [float(at) for at in theirs] == [at for _, at in times(read(str(path)))]

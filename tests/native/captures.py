"""Reading recordings back, by a reader that shares nothing with the writer."""

import socket
import struct
from pathlib import Path
from typing import NamedTuple


class Taken(NamedTuple):
    """One packet of a recording: when, from where, to which of our ports, and what."""

    at_us: int
    source: tuple[str, int]
    local: tuple[str, int]
    data: bytes


def read_pcap(path: Path) -> list[Taken]:
    """All packets; the file must be whole."""
    raw = path.read_bytes()
    magic, major, minor, zone, sigfigs, snaplen, link = struct.unpack("<IHHiIII", raw[:24])
    assert (magic, major, minor, zone, sigfigs, snaplen) == (0xA1B2C3D4, 2, 4, 0, 0, 65535)
    at, packets = 24, list[Taken]()
    while at < len(raw):
        seconds, micros, captured, length = struct.unpack("<IIII", raw[at : at + 16])
        assert captured == length
        frame = raw[at + 16 : at + 16 + captured]
        assert len(frame) == captured
        packets.append(_unpacked(seconds * 1_000_000 + micros, frame[14:] if link == 1 else frame))
        at += 16 + captured
    return packets


def _unpacked(at_us: int, packet: bytes) -> Taken:
    if packet[0] >> 4 == 4:
        family, head, ends = socket.AF_INET, 20, (packet[12:16], packet[16:20])
        assert struct.unpack("!H", packet[2:4])[0] == len(packet)
    else:
        family, head, ends = socket.AF_INET6, 40, (packet[8:24], packet[24:40])
    source, local, length, checksum = struct.unpack("!HHHH", packet[head : head + 8])
    assert (length, checksum) == (len(packet) - head, 0)
    hosts = [socket.inet_ntop(family, end) for end in ends]
    return Taken(at_us, (hosts[0], source), (hosts[1], local), packet[head + 8 :])

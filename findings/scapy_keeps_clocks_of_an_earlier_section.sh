#!/usr/bin/env bash
# scapy 2.8.0, PcapNgReader.
#
# Guess: a pcapng file of two sections (two captures written one after the other, as "cat" joins them and the format
# allows) is read as the two files are: interface 0 of the second section is the one that this section describes.
# Seen: interface 0 of the second section is still that of the first one. Where the first capture counts nanoseconds and
# the second microseconds, the second one's packets stand in January 1970, and all that is computed from times is wrong
# by a factor of 1,000; no warning is given.
#
# Output seen:
#   alone: 1700000001.5000
#   after the other: 1700000.0015
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check scapy==2.8.0

cat >"$place/times.py" <<'PYTHON'
import io
import struct

from scapy.utils import PcapNgReader


def block(kind, body):
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def section():
    return block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(*options):
    ends = option(0, b"") if options else b""
    return block(1, struct.pack("<HHI", 1, 0, 0) + b"".join(options) + ends)


def packet(number, ticks, data=bytes(12) + b"\x08\x00" + bytes(46)):
    head = struct.pack("<IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data)


NANOSECONDS = option(9, bytes([9]))
first = section() + interface(NANOSECONDS) + packet(0, 1_700_000_000_500_000_000)
second = section() + interface() + packet(0, 1_700_000_001_500_000)
for name, file in (("alone", second), ("after the other", first + second)):
    print(f"{name}: {float([one.time for one in PcapNgReader(io.BytesIO(file))][-1]):.4f}")
PYTHON

"$place/venv/bin/python" "$place/times.py" 2>/dev/null | tee "$place/seen"
diff "$place/seen" - <<'SEEN' && echo "as stated"
alone: 1700000001.5000
after the other: 1700000.0015
SEEN

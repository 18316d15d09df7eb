#!/usr/bin/env bash
# dpkt 1.9.8, pcapng.Reader.
#
# Guess: each packet's time is read by the clock of its own interface (if_tsresol stands in each interface's block; a
# capture on "any" of a dumpcap with two kinds of cards has both).
# Seen: the clock of the first interface is taken for all. A packet of an interface that counts nanoseconds, behind one
# that counts microseconds, is told 53,000 years from now.
#
# Output seen:
#   1700000000.5
#   1700000001500.0
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check dpkt==1.9.8

cat >"$place/times.py" <<'PYTHON'
import io
import struct

import dpkt


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
both = section() + interface() + interface(NANOSECONDS)
file = both + packet(0, 1_700_000_000_500_000) + packet(1, 1_700_000_001_500_000_000)
for when, _ in dpkt.pcapng.Reader(io.BytesIO(file)):
    print(f"{when:.1f}")
PYTHON

"$place/venv/bin/python" "$place/times.py" 2>/dev/null | tee "$place/seen"
diff "$place/seen" - <<'SEEN' && echo "as stated"
1700000000.5
1700000001500.0
SEEN

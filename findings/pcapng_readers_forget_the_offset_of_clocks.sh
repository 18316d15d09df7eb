#!/usr/bin/env bash
# python-pcapng 2.1.1 and scapy 2.8.0.
#
# Guess: if_tsoffset (seconds that are to be added to each time of an interface; tshark 4.0.17 and dpkt 1.9.8 add them) is
# part of what a reader gives as the time of a packet.
# Seen: both read past it. A capture whose interface says an offset of 1,000,000,000 s is told thirty-one years early.
#
# Output seen:
#   python-pcapng 700000000.5
#   scapy 700000000.5
#   as the format says 1700000000.5
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check python-pcapng==2.1.1 scapy==2.8.0

cat >"$place/times.py" <<'PYTHON'
import io
import struct

from pcapng import FileScanner
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


OFFSET_S = 1_000_000_000
file = section() + interface(option(14, struct.pack("<q", OFFSET_S))) + packet(0, 700_000_000_500_000)
told = [one.timestamp for one in FileScanner(io.BytesIO(file)) if hasattr(one, "packet_data")]
print(f"python-pcapng {told[0]:.1f}")
print(f"scapy {float(next(iter(PcapNgReader(io.BytesIO(file)))).time):.1f}")
print(f"as the format says {700_000_000.5 + OFFSET_S:.1f}")
PYTHON

"$place/venv/bin/python" "$place/times.py" 2>/dev/null | tee "$place/seen"
diff "$place/seen" - <<'SEEN' && echo "as stated"
python-pcapng 700000000.5
scapy 700000000.5
as the format says 1700000000.5
SEEN

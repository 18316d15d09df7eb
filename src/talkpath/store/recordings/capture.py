"""A pcap file of ours or of rtpengine, as far as it must be known to say whether it is whole."""

import struct
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

HEAD_BYTES = 24
_RECORD_BYTES = 16
# The largest packet that we, or rtpengine, write: a datagram with its headers.
_PACKET_BYTES = 65_535 + 14
# Magic words as they stand in the file: how numbers are written, and how many parts a second has.
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_CHUNK_BYTES = 1 << 20


class Measured(NamedTuple):
    """`whole_bytes` end with the last whole packet; 0 where there is no head. Times are those of packets."""

    file_bytes: int
    whole_bytes: int
    packets: int
    first: float | None
    last: float | None

    @property
    def is_whole(self) -> bool:
        return self.whole_bytes == self.file_bytes > 0


def measured(path: Path) -> Measured:
    """Walk over the packets. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb", buffering=_CHUNK_BYTES) as file:
        head = file.read(HEAD_BYTES)
        form = _MAGIC.get(head[:4])
        if form is None or len(head) < HEAD_BYTES:
            return Measured(size, 0, 0, None, None)
        record, parts = struct.Struct(f"{form[0]}IIII"), form[1]
        end, packets, first, last = HEAD_BYTES, 0, None, None
        while len(words := file.read(_RECORD_BYTES)) == _RECORD_BYTES:
            seconds, fraction, captured, _ = record.unpack(words)
            if captured > _PACKET_BYTES or fraction >= parts or len(file.read(captured)) < captured:
                break
            end, packets, last = end + _RECORD_BYTES + captured, packets + 1, seconds + fraction / parts
            first = last if first is None else first
    return Measured(size, end, packets, first, last)


def digest_of(path: Path) -> str:
    """Its SHA-256. Raises OSError."""
    hashed = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    return hashed.hexdigest()

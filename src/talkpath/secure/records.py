"""DTLS records as far as they are visible (RFC 6347 section 4.1): split, filter, number, pack.

Records of epoch 0 are neither encrypted nor authenticated, so their numbers may be changed. We give them numbers of
our own in both directions: outwards, so that a flight can be sent again with fresh numbers at a time of our choosing
(OpenSSL's timer cannot be driven by our clock); inwards, so that a forger cannot push the replay window past the
peer's records.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from talkpath.base.limits import DTLS_RECORDS

_HEADER = struct.Struct("!BHHHIH")
_CLIENT_HELLO = b"\x01"


class Content(IntEnum):
    """RFC 5246 section 6.2.1."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


# As plain numbers: looking up an enum's member costs more than all the rest of a record.
_FIRST, _LAST = int(min(Content)), int(max(Content))
_HANDSHAKE, _ALERT = int(Content.HANDSHAKE), int(Content.ALERT)


class Record(NamedTuple):
    """One record as it lies on the wire, header and all."""

    content: int
    epoch: int
    sequence: int
    data: bytes

    @property
    def fragment(self) -> bytes:
        """The payload: clear in epoch 0."""
        return self.data[_HEADER.size :]

    @property
    def is_clear(self) -> bool:
        return self.epoch == 0

    @property
    def is_client_hello(self) -> bool:
        return self.epoch == 0 and self.content == _HANDSHAKE and self.data[13:14] == _CLIENT_HELLO

    @property
    def hello_random(self) -> bytes:
        """What tells one client's hello from another's: behind handshake header and version. Empty in a later
        fragment, which has none."""
        return self.fragment[14:46] if self.data[19:22] == b"\0\0\0" else b""

    @property
    def alert(self) -> tuple[int, int] | None:
        """(level, description) of a clear alert."""
        is_alert = self.epoch == 0 and self.content == _ALERT and len(self.data) == _HEADER.size + 2
        return (self.fragment[0], self.fragment[1]) if is_alert else None

    def numbered(self, sequence: int) -> "Record":
        """The same record under another number."""
        number = sequence.to_bytes(6, "big")
        return Record(self.content, self.epoch, sequence, self.data[:5] + number + self.data[11:])


def split(datagram: bytes) -> list[Record]:
    """The whole records at the beginning of a datagram; what is behind them is no DTLS 1.2 and is dropped."""
    records: list[Record] = []
    at = 0
    while at + _HEADER.size <= len(datagram) and len(records) < DTLS_RECORDS:
        content, version, epoch, high, low, length = _HEADER.unpack_from(datagram, at)
        end = at + _HEADER.size + length
        if not _FIRST <= content <= _LAST or version >> 8 != 0xFE or end > len(datagram):
            break
        records.append(Record(content, epoch, high << 32 | low, datagram[at:end]))
        at = end
    return records


def pack(records: Iterable[Record], limit: int) -> list[bytes]:
    """Datagrams of at most `limit` bytes; a record that is longer goes alone."""
    datagrams: list[bytes] = []
    for record in records:
        if datagrams and len(datagrams[-1]) + len(record.data) <= limit:
            datagrams[-1] += record.data
        else:
            datagrams.append(record.data)
    return datagrams


class Numbering:
    """Ever growing numbers for the clear records of one direction."""

    def __init__(self) -> None:
        self._next = 0

    def renumber(self, records: Iterable[Record]) -> list[Record]:
        """Clear records get the next numbers (or their own, where it is higher); others stay as they are."""
        return [self._numbered(record) if record.is_clear else record for record in records]

    def _numbered(self, record: Record) -> Record:
        sequence = max(self._next, record.sequence)
        self._next = sequence + 1
        return record if sequence == record.sequence else record.numbered(sequence)


class Arrivals(Numbering):
    """Numbers for what comes in: the sender's own are not looked at, for anyone could have written them."""

    def _numbered(self, record: Record) -> Record:
        self._next += 1
        return record.numbered(self._next - 1)

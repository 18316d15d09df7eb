"""A ClientHello put together from its fragments (RFC 6347 section 4.2.3), before anything is done for who sent it.

A browser's has two since it offers post-quantum keys. A cookie can be asked for a whole one only, and its cipher
suites may stand in either part.
"""

import struct

from talkpath.base.limits import DTLS_HELLO_BYTES, DTLS_RECORDS
from talkpath.secure.records import Content, Record

# Type, length of the message, its number, offset and length of the fragment (section 4.2.2).
_HEADER = struct.Struct("!B3sH3s3s")
_RECORD = struct.Struct("!BHHIHH")
_DTLS_1_2 = 0xFEFD
_HELLO = 1


class HelloAssembly:
    """The fragments of one source. Another hello than the one begun takes its place."""

    def __init__(self) -> None:
        self._length = self._number = -1
        self._pieces: dict[int, bytes] = {}

    def take(self, record: Record) -> Record | None:
        """The whole hello, once nothing is missing; a record that is no fragment at once."""
        fragment = record.fragment
        if len(fragment) < _HEADER.size:
            return record
        _, *numbers = _HEADER.unpack_from(fragment)
        length, offset, present = (int.from_bytes(numbers[at], "big") for at in (0, 2, 3))
        if (offset == 0 and present == length) or length > DTLS_HELLO_BYTES:
            return record
        if (length, numbers[1]) != (self._length, self._number) or len(self._pieces) >= DTLS_RECORDS:
            self._length, self._number, self._pieces = length, numbers[1], {}
        self._pieces[offset] = fragment[_HEADER.size :][:present]
        body = self._joined()
        return None if body is None else _record(record, numbers[1], body)

    def _joined(self) -> bytes | None:
        body = b""
        for offset, piece in sorted(self._pieces.items()):
            if offset > len(body):
                return None
            body = body[:offset] + piece + body[offset + len(piece) :]
        return body if len(body) == self._length else None


def _record(last: Record, number: int, body: bytes) -> Record:
    """One record with the whole message, numbered as the last that came."""
    size = len(body).to_bytes(3, "big")
    message = _HEADER.pack(_HELLO, size, number, b"\0\0\0", size) + body
    head = _RECORD.pack(
        int(Content.HANDSHAKE), _DTLS_1_2, 0, last.sequence >> 16, last.sequence & 0xFFFF, len(message)
    )
    return Record(int(Content.HANDSHAKE), 0, last.sequence, head + message)

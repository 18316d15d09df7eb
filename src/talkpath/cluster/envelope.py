"""A record as it lies in the engine: who wrote it, when, until when it is good, and what it says."""

from typing import NamedTuple

import msgspec

#: Raised only by what an older node would misunderstand; a field that comes later has a default instead.
VERSION = 1


class Place(NamedTuple):
    """Which record: its kind, and its key within that. Both are words without dots, blanks or wildcards."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.key}"


class Envelope(msgspec.Struct, frozen=True):
    """Times are seconds since the epoch, by the clock of the node that wrote it.

    The record is good before `until`, so that none needs a write to end. One that `is_gone` says that there is
    nothing any more, for as long as somebody may bring what was there before.
    """

    node: str
    at: float
    until: float
    body: bytes = b""
    is_gone: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def packed(envelope: Envelope) -> bytes:
    return _encoder.encode(envelope)


def unpacked(data: bytes) -> Envelope:
    """Raises msgspec.MsgspecError for what is none."""
    return _decoder.decode(data)

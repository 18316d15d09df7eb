"""The bytes in which the calls of a node travel to the others: its record, its ports, and its story so far."""

import msgspec

from talkpath.edge.nodes.keeping import Known
from talkpath.edge.nodes.record import decoded, encoded
from talkpath.store.blob import packed, unpacked


class Body(msgspec.Struct, frozen=True):
    """What is written of a call."""

    record: bytes
    ports: bytes
    seen: bytes
    last: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Body)


class CallCodec:
    """See `cluster.calls.Codec`."""

    def written(self, known: Known) -> bytes:
        # The network between nodes is faster than any compression.
        seen = packed([known.seen], level=0)
        return _encoder.encode(Body(encoded(known.record), known.ports, seen, known.is_last))

    def is_last(self, data: bytes) -> bool:
        try:
            return _decoder.decode(data).last
        except msgspec.MsgspecError:
            return False

    def read(self, data: bytes) -> Known:
        """Raises ValueError."""
        body = _decoder.decode(data)
        (seen,) = unpacked(body.seen)
        return Known(decoded(body.record), body.ports, seen, body.last)

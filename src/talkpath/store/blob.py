"""Traces of calls as bytes: what was seen, as it was seen, packed and compressed.

Several calls make a page: calls of one edge repeat each other's headers and descriptions, so ten together cost a
third of the time and a quarter of the room that they would cost apart.

Conclusions are not kept; they are drawn again when somebody reads (`calls/build.py`). So a better rule finds more in
an old call, and the form changes only when the rows do.
"""

import zlib
from collections.abc import Sequence

import msgspec

from talkpath.base import octets
from talkpath.base.address import Address, Flow
from talkpath.base.errors import Malformed
from talkpath.base.readable import readable
from talkpath.calls.model import Moment, Side, Value
from talkpath.calls.trace import StreamKey, Trace
from talkpath.capture.records import RtpStream

# The fastest level already gives 10 to 1; level 6 costs twice as much for 5% less.
_LEVEL = 1


class Packed(msgspec.Struct, array_like=True):
    """The form on disk. Flows and Call-IDs are named once; those that are no UTF-8 stand in `odd_call_ids` as they
    were, by their place."""

    call_ids: list[str]
    flows: list[Flow]
    rows: list[tuple[float, int, bool, bytes]]
    moments: list[tuple[float, str, dict[str, Value]]]
    seconds: list[tuple[Address, Address, int, int, bytes]]
    streams: list[RtpStream]
    ended_at: float | None
    ended_by: Side
    ended_how: str
    left_out: int
    odd_call_ids: dict[int, bytes] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Packed])


def packed(traces: Sequence[Trace], level: int = _LEVEL) -> bytes:
    """The bytes of traces of the running edge; `level` as in zlib."""
    return zlib.compress(_encoder.encode([_form(trace) for trace in traces]), level)


def unpacked(data: bytes) -> list[Trace]:
    """The traces of their bytes. Raises Malformed(`trace`) for bytes that are none."""
    try:
        forms = _decoder.decode(zlib.decompress(data))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise Malformed("trace", f"the stored calls cannot be read ({error})") from error
    return [_trace(form) for form in forms]


def _form(trace: Trace) -> Packed:
    flows: dict[Flow, int] = {}
    rows = [(time, flows.setdefault(flow, len(flows)), sent, raw) for time, flow, raw, sent in trace.live]
    return Packed(
        [readable(name) for name in trace.call_ids],
        list(flows),
        rows,
        [(moment.time, moment.kind, dict(moment.values)) for moment in trace.moments],
        [(*key, trace.payload_types.get(key, 0), bytes(rows)) for key, rows in trace.seconds.items()],
        list(trace.streams.values()),
        trace.ended_at,
        trace.ended_by,
        trace.ended_how,
        trace.left_out,
        {place: octets.raw(name) for place, name in enumerate(trace.call_ids) if readable(name) != name},
    )


def _trace(form: Packed) -> Trace:
    for place, name in form.odd_call_ids.items():
        form.call_ids[place] = octets.text(name)
    trace = Trace(form.call_ids[0], 0, 0.0)
    trace.call_ids = form.call_ids
    trace.live = [(time, form.flows[flow], raw, sent) for time, flow, sent, raw in form.rows]
    trace.moments = [Moment(*moment) for moment in form.moments]
    for src, dst, ssrc, payload_type, rows in form.seconds:
        key: StreamKey = (src, dst, ssrc)
        trace.seconds[key] = bytearray(rows)
        trace.payload_types[key] = payload_type
    trace.streams = {(stream.src, stream.dst, stream.ssrc): stream for stream in form.streams}
    trace.ended_at, trace.ended_by, trace.ended_how = form.ended_at, form.ended_by, form.ended_how
    trace.left_out = form.left_out
    return trace

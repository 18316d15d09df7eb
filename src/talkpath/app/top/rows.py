"""The calls that run now and how each side sounds, as rows that travel to whoever asks."""

import math
from collections.abc import Iterator

import msgspec

from talkpath.app.metrics.calls import codec_of, ports_of_caller
from talkpath.calls.build import summary_of
from talkpath.calls.facts import state_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.trace import Trace, unpacked
from talkpath.capture.records import SECOND

# So many seconds of a stream make its loss and jitter: one lost packet of fifty is nothing to look at.
_SECONDS = 5


class Way(msgspec.Struct, frozen=True):
    """What one side sent of late: when it was measured last, its codec and level (None: not known), and the share
    lost and the mean jitter of the last seconds."""

    at: float
    codec: str
    level_dbov: float | None
    loss: float
    jitter_ms: float


class TopRow(msgspec.Struct, frozen=True):
    """One call; `caller_way` is what its caller sends. None: nothing of it came."""

    id: str
    start: float
    caller: str
    callee: str
    state: str
    caller_way: Way | None = None
    callee_way: Way | None = None


def top_rows(ledger: Ledger) -> Iterator[TopRow]:
    """The calls that run, the oldest first."""
    for trace in list(ledger.running()):
        if trace.messages and trace.ended_at is None:
            yield _row(trace)


def _row(trace: Trace) -> TopRow:
    row = summary_of(trace)
    ways: dict[bool, Way] = {}
    ours = ports_of_caller(trace) if trace.seconds else frozenset()
    for stream, packed in list(trace.seconds.items()):
        codec = codec_of(trace, trace.payload_types.get(stream, 0), stream[1])
        if not codec:
            continue  # video, T.38
        of_caller, way = stream[1].port in ours, _way(bytes(packed), codec)
        if of_caller not in ways or way.at > ways[of_caller].at:
            ways[of_caller] = way
    return TopRow(row.id, row.start, row.caller, row.callee, state_of(row), ways.get(True), ways.get(False))


def _way(packed: bytes, codec: str) -> Way:
    seconds = list(unpacked(packed[-_SECONDS * SECOND.size :]))
    packets, lost = sum(one.packets for one in seconds), max(0, sum(one.lost for one in seconds))
    last = seconds[-1]
    level = None if math.isnan(last.level_dbov) else last.level_dbov
    jitter_ms = sum(one.jitter_ms * one.packets for one in seconds) / max(1, packets)
    return Way(last.time, codec, level, lost / max(1, packets + lost), jitter_ms)

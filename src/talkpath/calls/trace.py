"""What was seen of one call, as it came: rows that nobody has read yet.

A running call costs the hot path one row a message. Parsing, folding and concluding wait until somebody reads
(`build.py`) or the call ends and its row for the history is written (`summary_of`). Where nothing is said for a while
the rows are compressed, to a fifth or less: they are much of what a call holds in memory while people talk.
"""

import math
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from talkpath._native import Rows
from talkpath.base import limits
from talkpath.base.address import Address, Flow
from talkpath.base.readable import readable
from talkpath.calls.model import Moment, Side, Value
from talkpath.capture.records import NO_LEVEL, SECOND, Record, RtpStream, Second, SipSeen

#: (time, flow, bytes, sent): what the running edge hands in for a message, as readers see it.
LiveRow = tuple[float, Flow, bytes, bool]
#: How a call ended that ran when its node died.
NODE_DIED = "node-died"
#: The same of one with which another node went on.
WENT_OVER = "went-over"
#: (source, destination, SSRC) of a stream.
StreamKey = tuple[Address, Address, int]

# Level, method, window and memory of zlib: a few kilobytes need no more, and beginning costs less.
_COMPRESSED = (1, zlib.DEFLATED, -13, 5)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[list[tuple[float, int, bytes, bool]], list[Moment]])


class Settled(NamedTuple):
    """Rows and moments compressed; how many each, and when the first row was seen. `flows` are those of the rows."""

    rows: int
    moments: int
    start: float
    flows: tuple[Flow, ...]
    data: bytes


class Trace:
    """The rows of one call. Only the ledger writes it; it is complete once `ended_at` is set and a linger passed."""

    __slots__ = (
        "_live",
        "_moments",
        "_settled",
        "call_ids",
        "ended_at",
        "ended_by",
        "ended_how",
        "is_resumed",
        "left_out",
        "number",
        "payload_types",
        "records",
        "running",
        "seconds",
        "streams",
        "touched",
    )

    def __init__(self, call_id: str, number: int, now: float) -> None:
        self.call_ids = [call_id]
        #: counts the traces of this ledger, so that readers can follow what is new
        self.number = number
        self._live = Rows(())
        self._moments: list[Moment] = []
        self._settled: Settled | None = None
        self.seconds: dict[StreamKey, bytearray] = {}
        self.streams: dict[StreamKey, RtpStream] = {}
        self.payload_types: dict[StreamKey, int] = {}
        self.records: list[Record] = []
        self.touched = now
        #: calls of this Call-ID that have begun and not ended: a server that forks may send two (RFC 3261 section 16)
        self.running = 0
        self.ended_at: float | None = None
        self.ended_by = Side.UNKNOWN
        self.ended_how = ""
        self.left_out = 0
        #: it began in another process, which may have kept what it saw
        self.is_resumed = False

    @property
    def live(self) -> list[LiveRow]:
        """Its messages: to be read, and changed by `add_message` alone."""
        return self._live.listed() if self._settled is None else _unpacked(self._settled)[0]

    @live.setter
    def live(self, rows: list[LiveRow]) -> None:
        self._unsettle()
        self._live = Rows(rows)

    @property
    def moments(self) -> list[Moment]:
        """What was decided and happened: to be read, and changed by `add_moment` alone."""
        return self._moments if self._settled is None else _unpacked(self._settled)[1]

    @moments.setter
    def moments(self, moments: list[Moment]) -> None:
        self._unsettle()
        self._moments = moments

    @property
    def start(self) -> float:
        """When its first message was seen."""
        return self._live.start if self._settled is None else self._settled.start

    @property
    def messages(self) -> int:
        """How many were seen of it by an edge."""
        return len(self._live) if self._settled is None else self._settled.rows

    @property
    def rows(self) -> int:
        """How much was said and decided so far; measurements do not count."""
        settled = self._settled
        return len(self._live) + len(self._moments) if settled is None else settled.rows + settled.moments

    @property
    def is_settled(self) -> bool:
        """Whether it is compressed."""
        return self._settled is not None

    def settle(self) -> None:
        """Nothing was said for a while: compress what was, until somebody says something. Takes some 30 µs."""
        if self._settled is not None or not len(self._live):
            return
        flows: dict[Flow, int] = {}
        rows = [(time, flows.setdefault(flow, len(flows)), raw, sent) for time, flow, raw, sent in self.live]
        try:
            data = _encoder.encode((rows, self._moments))
        except (TypeError, ValueError, OverflowError):
            return  # a value that cannot be written down, whoever made it: the call stays as it is
        packer = zlib.compressobj(*_COMPRESSED)
        compressed = packer.compress(data) + packer.flush()
        self._settled = Settled(len(rows), len(self._moments), rows[0][0], tuple(flows), compressed)
        self._live, self._moments = Rows(()), []

    def _unsettle(self) -> None:
        if self._settled is not None:
            rows, self._moments = _unpacked(self._settled)
            self._live = Rows(rows)
            self._settled = None

    def add_message(self, time: float, flow: Flow, raw: bytes, sent: bool) -> None:
        """A message was seen; past a limit it is only counted."""
        if self._settled is not None:
            self._unsettle()
        if len(self._live) < limits.CALL_MESSAGES:
            self._live.add(time, flow, raw, sent)
        else:
            self.left_out += 1

    def standing(self, now: float) -> "Trace":
        """The call as it stands, for who writes it down while it goes on. While nothing better is known it ended now,
        because the node died."""
        copy = Trace(self.call_ids[0], self.number, self.touched)
        copy.take_up(self)
        copy.ended_at, copy.ended_by, copy.ended_how = self.ended_at, self.ended_by, self.ended_how
        if copy.ended_at is None:
            copy.ended_at, copy.ended_by, copy.ended_how = now, Side.SERVER, NODE_DIED
        return copy

    def take_up(self, other: "Trace") -> None:
        """All rows of another."""
        self.call_ids, self._settled = list(other.call_ids), other._settled
        self._live, self._moments = other._live.copy(), list(other._moments)
        self.seconds = {key: bytearray(rows) for key, rows in other.seconds.items()}
        self.streams, self.payload_types = dict(other.streams), dict(other.payload_types)
        self.left_out, self.is_resumed = other.left_out, other.is_resumed

    def add_moment(self, now: float, kind: str, values: dict[str, Value]) -> None:
        if self._settled is not None:
            self._unsettle()
        if len(self._moments) < limits.CALL_MOMENTS:
            self._moments.append(Moment(now, kind, _readable_values(values)))
        else:
            self.left_out += 1

    def add_second(self, key: StreamKey, row: bytes, payload_type: int, found: int = 0) -> None:
        rows = self.seconds.get(key)
        if rows is None:
            if len(self.seconds) >= limits.CALL_STREAMS:
                self.left_out += 1
                return
            rows = self.seconds[key] = bytearray()
            self.payload_types[key] = payload_type
        elif self.payload_types[key] != payload_type:
            self.payload_types[key] = payload_type
        if found and rows:
            _take_back(rows, found)
        if len(rows) >= limits.STREAM_SECONDS * SECOND.size:
            del rows[: SECOND.size]
        rows += row


def _unpacked(settled: Settled) -> tuple[list[LiveRow], list[Moment]]:
    """What was compressed."""
    rows, moments = _decoder.decode(zlib.decompress(settled.data, _COMPRESSED[2]))
    return [(time, settled.flows[flow], raw, sent) for time, flow, raw, sent in rows], moments


def _take_back(rows: bytearray, found: int) -> None:
    """Packets counted as lost in the last second that came in the next one."""
    at = len(rows) - SECOND.size
    time, packets, lost, *others = SECOND.unpack_from(rows, at)
    SECOND.pack_into(rows, at, time, packets, max(0, lost - found), *others)


def _readable_values(values: dict[str, Value]) -> dict[str, Value]:
    """Values that can be kept and shown; nearly all are, and are told apart without a copy."""
    for value in values.values():
        if isinstance(value, str) and not value.isascii():
            return {name: readable(one) if isinstance(one, str) else one for name, one in values.items()}
    return values


def seen_live(time: float, flow: Flow, raw: bytes, sent: bool) -> SipSeen:
    """A message of the running edge in the form in which captures tell theirs."""
    src, dst = (flow.local, flow.remote) if sent else (flow.remote, flow.local)
    size = len(raw)
    return SipSeen(0, time, src, dst, flow.transport, raw, (), 1, flow.connection, False, False, False, size, None)


def pack_second(second: Second) -> bytes:
    """One row of `RtpStream.packed_seconds`."""
    level = second.level_dbov
    return SECOND.pack(
        second.time,
        min(second.packets, 65535),
        min(second.lost, 65535),
        min(second.late, 65535),
        min(round(second.jitter_ms * 10), 65535),
        min(second.gap_ms, 0xFFFFFFFF),
        NO_LEVEL if math.isnan(level) else round(max(-127.0, min(0.0, level)) * 10),
        min(second.flat, 65535),
        min(second.clipped, 65535),
        min(second.noise, 65535),
        min(second.events, 65535),
        min(second.payload_bytes, 0xFFFFFFFF),
    )


def unpacked(packed: bytes | bytearray) -> Iterator[Second]:
    """The rows that `pack_second` wrote."""
    for time, packets, lost, late, jitter, gap, level, *counts in SECOND.iter_unpack(packed):
        level_dbov = math.nan if level == NO_LEVEL else level / 10
        yield Second(time, packets, lost, late, jitter / 10, gap, level_dbov, *counts)

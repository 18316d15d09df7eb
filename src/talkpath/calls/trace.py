"""What was seen of one call, as it came: rows that nobody has read yet.

A running call costs the hot path one tuple a message. Parsing, folding and concluding wait until somebody reads
(`build.py`) or the call ends and its row for the history is written (`summary_of`).
"""

import math
from collections.abc import Iterator

from talkpath.base import limits
from talkpath.base.address import Address, Flow
from talkpath.base.readable import readable
from talkpath.calls.model import Moment, Side, Value
from talkpath.capture.records import NO_LEVEL, SECOND, Record, RtpStream, Second, SipSeen

#: (time, flow, bytes, sent): what the running edge hands in for a message.
LiveRow = tuple[float, Flow, bytes, bool]
#: How a call ended that ran when its node died.
NODE_DIED = "node-died"
#: The same of one with which another node went on.
WENT_OVER = "went-over"
#: (source, destination, SSRC) of a stream.
StreamKey = tuple[Address, Address, int]


class Trace:
    """The rows of one call. Only the ledger writes it; it is complete once `ended_at` is set and a linger passed."""

    __slots__ = (
        "call_ids",
        "ended_at",
        "ended_by",
        "ended_how",
        "is_resumed",
        "left_out",
        "live",
        "moments",
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
        self.live: list[LiveRow] = []
        self.moments: list[Moment] = []
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
    def start(self) -> float:
        """When its first message was seen."""
        return self.live[0][0]

    @property
    def rows(self) -> int:
        """How much was said and decided so far; measurements do not count."""
        return len(self.live) + len(self.moments)

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
        self.call_ids, self.live, self.moments = list(other.call_ids), list(other.live), list(other.moments)
        self.seconds = {key: bytearray(rows) for key, rows in other.seconds.items()}
        self.streams, self.payload_types = dict(other.streams), dict(other.payload_types)
        self.left_out, self.is_resumed = other.left_out, other.is_resumed

    def add_moment(self, now: float, kind: str, values: dict[str, Value]) -> None:
        if len(self.moments) < limits.CALL_MOMENTS:
            self.moments.append(Moment(now, kind, _readable_values(values)))
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

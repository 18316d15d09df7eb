"""What crosses this edge, mirrored as HEP3 to those who collect it (Homer, heplify-server, siphub): SIP as it was
sent and received, what we measured of the media as RTCP reports, and what was decided as logs.

Whoever tells a mirror something waits for nothing (`courier.py`). A target that is away, slow or full costs what was
meant for it, which is counted.
"""

import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import msgspec

from talkpath.base import limits
from talkpath.base.address import Address, Flow
from talkpath.calls.model import Moment, Value
from talkpath.calls.redacted import redacted
from talkpath.calls.trace import unpacked
from talkpath.capture.records import Second
from talkpath.net.courier import PARTING_S, Courier

_log = logging.getLogger("talkpath.hep")

# Kinds of payload (HEP3 specification, chunk 0x000b).
SIP, RTCP, LOG = 1, 5, 100
# How often the thread looks into its queue.
_PAUSE_S = 0.05
# That a target takes nothing is said so often.
_SAY_AGAIN_S = 60.0
# How long a connection may take, and how long to leave alone a target that is away.
_CONNECT_S, _FIRST_PAUSE_S, _LONGEST_PAUSE_S = 3.0, 1.0, 30.0
# A second of each stream is measured; so many make a report (RFC 3550 section 6.2 asks for five seconds or more).
_REPORT_S = 5.0
# What the largest datagram holds.
_MOST_BYTES = 65_000
# From 1900 (NTP) to 1970.
_NTP_EPOCH_S = 2_208_988_800
# The clock of static payload types (RFC 3551), and of Opus, which nearly all dynamic audio is here.
_STATIC_KHZ, _OPUS_KHZ = 8, 48
_FIRST_DYNAMIC = 96
# Only such messages can hold secrets: finding none is a hundred times cheaper than taking them out.
_MAY_HOLD_SECRETS = (b"uthorization:", b"uthentication-Info:", b"a=crypto:", b"a=ice-pwd:", b"k=", b"a=key-mgmt:")

#: The sentence of a moment.
Saying = Callable[[Moment], str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where it is sent, and what this edge calls itself there. `host` may be a name."""

    host: str
    port: int
    is_stream: bool = False
    agent: int = 2001
    node: str = ""
    key: str = ""
    has_secrets: bool = False


class _Item:
    """What waits: when, from where, to where, and the payload; of a log the moment that nobody has said yet."""

    __slots__ = ("call_id", "dst", "is_stream", "kind", "payload", "src", "time")

    def __init__(
        self,
        time: float,
        src: Address,
        dst: Address,
        is_stream: bool,
        kind: int,
        payload: bytes | Moment,
        call_id: str,
    ) -> None:
        self.time, self.src, self.dst, self.is_stream = time, src, dst, is_stream
        self.kind, self.payload, self.call_id = kind, payload, call_id


class Mirror:
    """Tells all targets. Its verbs are those of a ledger that are mirrored; each returns at once."""

    def __init__(self, targets: tuple[Target, ...], say: Saying) -> None:
        self._collectors = [Collector(target, say) for target in targets]
        self._reports: dict[tuple[str, Address, Address, int], _Report] = {}

    def start(self) -> None:
        for collector in self._collectors:
            collector.start()

    def close(self) -> None:
        """What waits is sent where that is possible at once. Takes no longer for many than for one."""
        until = monotonic() + PARTING_S
        for collector in self._collectors:
            collector.leave()
        for collector in self._collectors:
            collector.join(max(0.0, until - monotonic()))

    def counters(self) -> dict[str, int]:
        """What became of it, over all targets."""
        total: Counter[str] = Counter()
        for collector in self._collectors:
            total.update(collector.counters)
        return {name: total[name] for name in ("sent", "dropped", "overflowed", "connects_failed")}

    @property
    def queued(self) -> int:
        """How much waits to be sent."""
        return sum(len(collector.waiting) for collector in self._collectors)

    def message(self, now: float, flow: Flow, call_id: str, raw: bytes, sent: bool) -> None:
        """A message crossed a socket of ours."""
        src, dst = (flow.local, flow.remote) if sent else (flow.remote, flow.local)
        self._put(_Item(now, src, dst, flow.transport.is_reliable, SIP, raw, call_id))

    def moment(self, now: float, flow: Flow, call_id: str, kind: str, values: Mapping[str, Value]) -> None:
        """Something was decided about a call whose caller is at the far end of this flow."""
        told = Moment(now, kind, values)
        self._put(_Item(now, flow.local, flow.remote, flow.transport.is_reliable, LOG, told, call_id))

    def media(
        self, now: float, call_id: str, stream: tuple[Address, Address, int], row: bytes, payload_type: int
    ) -> None:
        """One more second of a stream was measured."""
        key = (call_id, *stream)
        report = self._reports.get(key)
        if report is None:
            if len(self._reports) >= limits.HEP_STREAMS:
                self._reports.pop(next(iter(self._reports)))
            report = self._reports[key] = _Report(now)
        for second in unpacked(row):
            report.add(second)
        if now - report.told_at >= _REPORT_S:
            src, dst, ssrc = stream
            self._put(_Item(now, src, dst, False, RTCP, report.told(now, ssrc, payload_type), call_id))

    def ended(self, call_id: str) -> None:
        """The call is over: nothing more is measured of it."""
        for key in [one for one in self._reports if one[0] == call_id]:
            del self._reports[key]

    def _put(self, item: _Item) -> None:
        for collector in self._collectors:
            collector.put(item)


class _Report:
    """What was measured of one stream: all of it, and since the last report."""

    __slots__ = ("_bytes", "_jitter_ms", "_lost", "_lost_now", "_packets", "_packets_now", "told_at")

    def __init__(self, now: float) -> None:
        self.told_at = now
        self._packets = self._bytes = self._lost = self._packets_now = self._lost_now = 0
        self._jitter_ms = 0.0

    def add(self, second: Second) -> None:
        self._packets += second.packets
        self._packets_now += second.packets
        self._bytes += second.payload_bytes
        self._lost += second.lost
        self._lost_now += second.lost
        self._jitter_ms = second.jitter_ms

    def told(self, now: float, ssrc: int, payload_type: int) -> bytes:
        """A report in the JSON that relays and agents mirror RTCP in; what was sent is what came."""
        expected = self._packets_now + self._lost_now
        lost = max(0, self._lost_now)
        khz = _STATIC_KHZ if payload_type < _FIRST_DYNAMIC else _OPUS_KHZ
        block = {
            "source_ssrc": ssrc,
            "fraction_lost": min(255, 256 * lost // expected) if expected > 0 else 0,
            "packets_lost": max(0, self._lost),
            "highest_seq_no": (self._packets + max(0, self._lost)) & 0xFFFFFFFF,
            "ia_jitter": round(self._jitter_ms * khz),
            "lsr": 0,
            "dlsr": 0,
        }
        sender = {
            "packets": self._packets,
            "octets": self._bytes,
            "ntp_timestamp_sec": int(now) + _NTP_EPOCH_S,
            "ntp_timestamp_usec": int(now % 1 * 1e6),
            "rtp_timestamp": 0,
        }
        self.told_at, self._packets_now, self._lost_now = now, 0, 0
        said = {"ssrc": ssrc, "type": 200, "report_count": 1, "sender_information": sender, "report_blocks": [block]}
        return msgspec.json.encode(said)


class Collector(Courier[_Item]):
    """One target."""

    def __init__(self, target: Target, say: Saying) -> None:
        super().__init__(f"hep {target.host}", limits.HEP_QUEUE, _PAUSE_S)
        self._target = target
        self._say = say
        self._socket: socket.socket | None = None
        self._away_s = _FIRST_PAUSE_S
        self._said_at = -_SAY_AGAIN_S

    def carry(self) -> float:
        if self._is_connected():
            self._send(self.waiting.popleft())
            return 0.0
        # Away: what comes meanwhile would be old by then.
        self.counters["dropped"] += len(self.waiting)
        self.waiting.clear()
        away_s, self._away_s = self._away_s, min(2 * self._away_s, _LONGEST_PAUSE_S)
        return away_s

    def over(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _is_connected(self) -> bool:
        if self._socket is not None:
            return True
        target = self._target
        kind = socket.SOCK_STREAM if target.is_stream else socket.SOCK_DGRAM
        try:
            found = socket.getaddrinfo(target.host, target.port, type=kind)
            family, _, _, _, address = found[0]
            made = socket.socket(family, kind)
            try:
                made.settimeout(_CONNECT_S)
                made.connect(address)
            except OSError:
                made.close()
                raise
        except OSError as error:
            self.counters["connects_failed"] += 1
            self._say_away(str(error.strerror or error))
            return False
        self._socket, self._away_s = made, _FIRST_PAUSE_S
        return True

    def _send(self, item: _Item) -> None:
        assert self._socket is not None
        where = item.time, item.src, item.dst, item.is_stream
        data = packed(*where, item.kind, self._payload(item), item.call_id, self._target)
        try:
            self._socket.sendall(data)
        except OSError as error:
            self.counters["dropped"] += 1
            self._say_away(str(error.strerror or error))
            if self._target.is_stream or not isinstance(error, ConnectionRefusedError):
                # Of a stream what follows would be unreadable; that nobody took the datagram before ends nothing.
                self._socket.close()
                self._socket = None
        else:
            self.counters["sent"] += 1

    def _payload(self, item: _Item) -> bytes:
        payload = item.payload
        if not isinstance(payload, bytes):
            return f"{payload.kind}: {self._say(payload)}".encode("utf-8", "replace")[:_MOST_BYTES]
        if item.kind == SIP and not self._target.has_secrets and any(word in payload for word in _MAY_HOLD_SECRETS):
            payload = redacted(payload).encode("utf-8", "replace")
        return payload[:_MOST_BYTES]

    def _say_away(self, why: str) -> None:
        now = monotonic()
        if now - self._said_at >= _SAY_AGAIN_S:
            self._said_at = now
            _log.warning(
                "HEP: %s:%d takes nothing (%s); what is meant for it is dropped until it does",
                self._target.host,
                self._target.port,
                why,
            )


def packed(
    time: float, src: Address, dst: Address, is_stream: bool, kind: int, payload: bytes, call_id: str, target: Target
) -> bytes:
    """One HEP3 message."""
    is_ipv6 = ":" in src.host
    family, of_source = (socket.AF_INET6, 5) if is_ipv6 else (socket.AF_INET, 3)
    hosts = _number(family, src.host), _number(family, dst.host)
    seconds = int(time)
    chunks = [
        _BYTE(0, 1, 7, 10 if is_ipv6 else 2),
        _BYTE(0, 2, 7, 6 if is_stream else 17),
        _bytes(of_source, hosts[0]),
        _bytes(of_source + 1, hosts[1]),
        _SHORT(0, 7, 8, src.port),
        _SHORT(0, 8, 8, dst.port),
        _LONG(0, 9, 10, seconds),
        _LONG(0, 10, 10, int((time - seconds) * 1e6)),
        _BYTE(0, 11, 7, kind),
        _LONG(0, 12, 10, target.agent),
    ]
    if target.key:
        chunks.append(_bytes(14, target.key.encode()))
    if call_id:
        chunks.append(_bytes(17, call_id.encode("utf-8", "replace")))
    if target.node:
        chunks.append(_bytes(19, target.node.encode()))
    chunks.append(_bytes(15, payload))
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", len(body) + 6) + body


_BYTE = struct.Struct("!HHHB").pack
_SHORT = struct.Struct("!HHHH").pack
_LONG = struct.Struct("!HHHI").pack
_HEAD = struct.Struct("!HHH").pack


def _bytes(kind: int, data: bytes) -> bytes:
    return _HEAD(0, kind, 6 + len(data)) + data


def _number(family: socket.AddressFamily, host: str) -> bytes:
    """An address as bytes; that of the other family shows as none."""
    with suppress(OSError):
        return socket.inet_pton(family, host.partition("%")[0])
    return bytes(16 if family == socket.AF_INET6 else 4)

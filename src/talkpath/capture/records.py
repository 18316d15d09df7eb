"""What a capture or a feed tells: small immutable records, in the order in which they became known.

Frames count from 1 in the order of the file; where several files are read as one capture they go on counting
(`Capture.files` says which file a frame is in). Times are seconds since the epoch. An address whose port is not
known (a lost first fragment) has port 0. RTP packets never appear here: streams come summarised (`RtpStream`).
"""

import math
import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from talkpath import _native
from talkpath.base.address import Address, Transport  # noqa: F401 - the reader takes both from here


class HepOrigin(Struct, frozen=True):
    """Who mirrored a message to us by HEP: capture agent number, node name, and its correlation id."""

    agent: int
    node: str
    correlation: str


SipSeen: TypeAlias = _native.SipSeen
"""One SIP message. Native, since there are many; `_native.pyi` explains its attributes."""


class FragmentsIncomplete(Struct, frozen=True):
    """IP fragments that never became a datagram: evidence of a path, or a capture, that loses them.

    `head` is the beginning of the transport payload if the first fragment is there (so a start line can be read
    from it), else empty. `missing` lists byte ranges [from, to) of the IP payload; the end is open (-1) when the
    last fragment is missing. `time` is that of the first fragment seen.
    """

    frames: tuple[int, ...]
    time: float
    last_time: float
    src: Address
    dst: Address
    protocol: int
    received_bytes: int
    missing: tuple[tuple[int, int], ...]
    has_first: bool
    head: bytes

    @property
    def frame(self) -> int:
        return self.frames[-1]


class IcmpKind(StrEnum):
    """What an ICMP or ICMPv6 error says (RFC 792, RFC 1191, RFC 1812, RFC 4443)."""

    PORT_UNREACHABLE = "port-unreachable"
    HOST_UNREACHABLE = "host-unreachable"
    NET_UNREACHABLE = "net-unreachable"
    PROTOCOL_UNREACHABLE = "protocol-unreachable"
    PROHIBITED = "prohibited"
    TOO_BIG = "too-big"
    TTL_EXCEEDED = "ttl-exceeded"
    REASSEMBLY_EXCEEDED = "reassembly-exceeded"
    PARAMETER_PROBLEM = "parameter-problem"
    OTHER = "other"


class IcmpError(Struct, frozen=True):
    """An ICMP error and the flow it answers.

    `src` reports to `dst` that the packet from `flow_src` to `flow_dst` did not arrive. `mtu` is 0 unless TOO_BIG
    names one. `quoted` is what the error carries of the transport payload (often enough for a start line).
    """

    frame: int
    time: float
    src: str
    dst: str
    kind: IcmpKind
    icmp_type: int
    icmp_code: int
    mtu: int
    flow_src: Address
    flow_dst: Address
    protocol: int
    quoted: bytes


class TcpKind(StrEnum):
    """What happened to a connection."""

    OPENED = "opened"  # SYN and SYN-ACK seen; src is who connected
    MIDSTREAM = "midstream"  # first seen without its SYN: older than the capture
    UNANSWERED = "unanswered"  # `count` SYNs by src and no word from dst
    REFUSED = "refused"  # SYN answered with RST; src is who refused
    RESET = "reset"  # RST by src on an open connection
    FINISHED = "finished"  # FIN by src
    GAP = "gap"  # `count` bytes by src never seen though the peer has them
    UNDELIVERED = "undelivered"  # data by src, sent `count` times over, never acknowledged
    IDLE = "idle"  # nothing for so long that the reader forgot the connection


class TcpEvent(Struct, frozen=True):
    """A moment of a TCP connection that carries SIP (under whatever layers), or that never came about."""

    frame: int
    time: float
    src: Address
    dst: Address
    connection: int
    kind: TcpKind
    count: int


class WebSocketKind(StrEnum):
    """What happened to a WebSocket (RFC 6455, RFC 7118)."""

    OPENED = "opened"  # 101; `text` is the subprotocol
    REFUSED = "refused"  # `code` is the HTTP status
    CLOSED = "closed"  # `code` is the close code (1005: none given), `text` the reason


class WebSocketEvent(Struct, frozen=True):
    """A moment of a WebSocket; `head` is the HTTP request (OPENED, REFUSED), with Origin and path."""

    frame: int
    time: float
    src: Address
    dst: Address
    connection: int
    kind: WebSocketKind
    code: int
    text: str
    head: bytes


class StunSeen(Struct, frozen=True):
    """A STUN or TURN message (RFC 8489, RFC 8445, RFC 8656).

    `method`: "binding", "allocate", "refresh", "send", "data", "create-permission", "channel-bind" or a number.
    `kind`: "request", "indication", "success", "error". `role`: "controlling", "controlled" or "".
    """

    frame: int
    time: float
    src: Address
    dst: Address
    method: str
    kind: str
    transaction: bytes
    username: str
    mapped: Address | None
    error_code: int
    error_reason: str
    role: str
    use_candidate: bool
    priority: int
    has_integrity: bool
    software: str


class TlsHello(Struct, frozen=True):
    """What a ClientHello offers or a ServerHello chooses; numbers are IANA's.

    `versions` as "1.2" or "1.3" (the most recent first); `ciphers` has one element in a ServerHello.
    """

    is_client: bool
    versions: tuple[str, ...]
    ciphers: tuple[int, ...]
    srtp_profiles: tuple[int, ...]
    server_name: str
    protocols: tuple[str, ...]


class TlsAlert(Struct, frozen=True):
    """An alert: `level` "warning" or "fatal", and its description's number (RFC 8446 section 6) and name.

    Encrypted alerts without a key are not seen as alerts.
    """

    level: str
    code: int
    name: str


class DtlsSeen(Struct, frozen=True):
    """One datagram of DTLS: `messages` names what it holds in order.

    Names are RFC 8446's and RFC 6347's ("client-hello", "hello-verify-request", "certificate", ... ,
    "change-cipher-spec", "encrypted-handshake", "alert", "application-data"). `certificate_sha256` is the
    fingerprint as in a=fingerprint ("AB:CD:...") when the certificate is complete and in clear, else "".
    `sequence` is the handshake message_seq of the first handshake message, or -1.
    """

    frame: int
    time: float
    src: Address
    dst: Address
    messages: tuple[str, ...]
    sequence: int
    hello: TlsHello | None
    certificate_sha256: str
    alert: TlsAlert | None


class TlsSeen(Struct, frozen=True):
    """A TLS handshake message, alert or failure on a TCP connection; application data is not reported.

    `is_decrypted`: the key log had the secrets (or the handshake is still in clear).
    """

    frame: int
    time: float
    src: Address
    dst: Address
    connection: int
    messages: tuple[str, ...]
    hello: TlsHello | None
    certificate_sha256: str
    alert: TlsAlert | None


class ZrtpSeen(Struct, frozen=True):
    """A ZRTP message (RFC 6189) by the name of its block: "Hello", "Commit", "DHPart1", ..."""

    frame: int
    time: float
    src: Address
    dst: Address
    message: str


class RtcpReport(Struct, frozen=True):
    """One report block (RFC 3550 section 6.4.1): what its sender received of `ssrc`. Jitter is in clock units."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_sr: int
    delay_since_sr: int


class RtcpSeen(Struct, frozen=True):
    """One compound RTCP packet. `kinds` like ("SR", "SDES", "BYE", "PLI", "NACK", "XR").

    `sent_packets`/`sent_octets`/`ntp` (seconds since the epoch) are from the sender report, else 0.
    `is_encrypted`: SRTCP; only `ssrc` and the first kind are to be trusted then.
    """

    frame: int
    time: float
    src: Address
    dst: Address
    ssrc: int
    kinds: tuple[str, ...]
    sent_packets: int
    sent_octets: int
    ntp: float
    reports: tuple[RtcpReport, ...]
    cname: str
    is_encrypted: bool
    hep: HepOrigin | None


class HepSeen(Struct, frozen=True):
    """A HEP message that is not SIP, RTP or binary RTCP: statistics as JSON, logs.

    `kind` is HEP's payload type (5: RTCP as JSON, 32 to 38: QoS reports, 100: log).
    """

    frame: int
    time: float
    src: Address
    dst: Address
    kind: int
    payload: bytes
    hep: HepOrigin


class Second(NamedTuple):
    """One second of an RTP stream. `time` is its start; a second without packets has no row. A packet that came twice
    (a capture of two interfaces sees each so) counts once.

    `level_dbov` is the mean power of decoded G.711 (0 is the loudest, -127 and less silence; RFC 6464's scale), NaN
    where nothing could be decoded. `flat` counts packets whose samples are all zero or all the same, `clipped`
    samples at full scale, `noise` comfort-noise packets, `events` telephone-event packets. `late` counts packets
    the simulated jitter buffer throws away. `gap_ms` is the longest time between two arrivals.
    """

    time: float
    packets: int
    lost: int
    late: int
    jitter_ms: float
    gap_ms: int
    level_dbov: float
    flat: int
    clipped: int
    noise: int
    events: int
    payload_bytes: int


class PayloadUse(Struct, frozen=True, array_like=True):
    """One payload type of a stream. `encoding` is the SDP's or RFC 3551's name, "" when unknown."""

    number: int
    encoding: str
    clock_hz: int
    packets: int
    first_frame: int
    start: float
    end: float


class MediaGap(Struct, frozen=True, array_like=True):
    """A pause of half a second or more: between which arrivals, and how many packets are missing in it.

    None missing means the sender paused (silence suppression, hold); many, that they were lost on the way.
    """

    start: float
    end: float
    frame: int
    lost: int


class Digit(Struct, frozen=True, array_like=True):
    """A telephone-event (RFC 4733): "0" to "9", "*", "#", "A" to "D", or the event's number."""

    frame: int
    time: float
    digit: str
    duration_ms: int
    volume: int


DELAY_BIN_EDGES_MS = (5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 500, 1000)
"""Upper edges of `RtpStream.delay_bins`; one more bin counts what is beyond the last."""


class RtpStream(Struct, frozen=True):
    """An RTP stream (one direction, one SSRC): told when it ended, went idle, or the capture ended.

    Counts are of packets unless named otherwise. `expected` = `packets` + `lost`. `duplicates` came a second time
    (a mirror of both ways, several interfaces) and count nowhere else.
    `continues`: an earlier summary of the same stream came before (it was idle for long in between).
    `is_announced`: an SDP named its destination (or, behind NAT, its source); else found by heuristics.
    `clock_hz` is the SDP's or RFC 3551's, else guessed from the timestamps; `rate_hz` is what the timestamps
    really did per second of arrival. `drift_ppm` is the sender's clock against the capture's.
    `jitter_ms` is RFC 3550's estimate, averaged; `lost_runs` counts how many runs of each length were lost,
    `effective_runs` the same for lost plus `late` packets (the simulated jitter buffer of `jitter_buffer_ms`).
    `delay_bins` is a histogram of the delay above the path's minimum, edges in DELAY_BIN_EDGES_MS.
    `paused` counts timestamp jumps without lost packets (silence suppression). `level_dbov`: NaN when not decoded.
    `has_wrong_key`: none of its first packets opens with the SDES keys that its sender announced.
    `marks`, where captures of several places are read at once: the first sequence number in two bytes, then a bit for
    each packet that came here, both the lowest first; packets of two hours at most.
    """

    src: Address
    dst: Address
    ssrc: int
    media: str
    first_frame: int
    last_frame: int
    start: float
    end: float
    packets: int
    payload_bytes: int
    lost: int
    late: int
    reordered: int
    duplicates: int
    restarts: int
    markers: int
    paused: int
    ptime_ms: float
    clock_hz: int
    rate_hz: float
    drift_ppm: float
    jitter_ms: float
    jitter_max_ms: float
    gap_max_ms: float
    jitter_buffer_ms: int
    level_dbov: float
    flat: int
    clipped: int
    dscp: int
    is_announced: bool
    is_encrypted: bool
    continues: bool
    payload_types: tuple[PayloadUse, ...]
    gaps: tuple[MediaGap, ...]
    digits: tuple[Digit, ...]
    lost_runs: tuple[tuple[int, int], ...]
    effective_runs: tuple[tuple[int, int], ...]
    delay_bins: tuple[int, ...]
    packed_seconds: bytes
    has_wrong_key: bool = False
    marks: bytes = b""

    @property
    def frame(self) -> int:
        return self.last_frame

    @property
    def time(self) -> float:
        return self.end

    @property
    def expected(self) -> int:
        return self.packets + self.lost

    @property
    def encoding(self) -> str:
        """The encoding of most packets, leaving out comfort noise and telephone-events where there is a voice."""
        if len(self.payload_types) == 1:
            return self.payload_types[0].encoding
        voices = [use for use in self.payload_types if use.encoding.lower() not in ("telephone-event", "cn")]
        return max(voices or self.payload_types, key=lambda use: use.packets).encoding

    def seconds(self) -> Iterator[Second]:
        """The stream second by second, decoded from `packed_seconds`."""
        for row in SECOND.iter_unpack(self.packed_seconds):
            time, packets, lost, late, jitter, gap, level, flat, clipped, noise, events, size = row
            level_dbov = math.nan if level == NO_LEVEL else level / 10
            yield Second(time, packets, lost, late, jitter / 10, gap, level_dbov, flat, clipped, noise, events, size)


SECOND = struct.Struct("<dHHHHIhHHHHI")
"""One row of `RtpStream.packed_seconds`: jitter in 0.1 ms, level in 0.1 dBov (NO_LEVEL: none)."""

NO_LEVEL = -32768


class DatagramStream(Struct, frozen=True):
    """Media that is not RTP, counted per flow: `kind` "udptl" (T.38) or "srtp-unknown"."""

    src: Address
    dst: Address
    kind: str
    first_frame: int
    last_frame: int
    start: float
    end: float
    packets: int
    payload_bytes: int

    @property
    def frame(self) -> int:
        return self.last_frame

    @property
    def time(self) -> float:
        return self.end


class RtpPacket(Struct, frozen=True):
    """One packet of a stream asked for by `rtp_packets` (never part of ordinary reading)."""

    frame: int
    time: float
    src: Address
    dst: Address
    ssrc: int
    payload_type: int
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes


class NoteKind(StrEnum):
    """What is wrong with the capture itself."""

    CUT_OFF = "cut-off"  # the file ends in the middle of a packet
    DAMAGED = "damaged"  # bytes at `offset` make no sense; reading stopped or skipped there
    SNAPPED = "snapped"  # `count` packets are cut by the snap length
    DROPPED = "dropped"  # the capturing machine says it dropped `count` packets
    BACKWARDS = "backwards"  # `count` packets are earlier than the one before (merged, or the clock stepped)
    TABLE_FULL = "table-full"  # a table reached its cap; `count` flows were not followed
    COPIES = "copies"  # `count` packets were captured twice


class CaptureNote(Struct, frozen=True):
    """Something about the capture that weakens what can be concluded from it; told at its end."""

    frame: int
    time: float
    kind: NoteKind
    count: int
    offset: int


Record: TypeAlias = (
    SipSeen
    | FragmentsIncomplete
    | IcmpError
    | TcpEvent
    | WebSocketEvent
    | StunSeen
    | DtlsSeen
    | TlsSeen
    | ZrtpSeen
    | RtcpSeen
    | HepSeen
    | RtpStream
    | DatagramStream
    | CaptureNote
)
"""Any record; `match` on the class."""

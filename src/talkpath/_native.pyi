"""The native core, typed: one block for each module of the crate."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import final

from talkpath.base.address import Address, Flow, Parcel, Transport
from talkpath.calls.model import Medium
from talkpath.capture.records import HepOrigin, Record

# --- sip.rs

@final
class Frame:
    """One SIP message and the index of its header fields. Immutable."""

    def __new__(cls, raw: bytes) -> Frame: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def uri(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def body_length(self) -> int: ...
    @property
    def count(self) -> int: ...
    def first(self, name: str) -> str | None: ...
    def all(self, name: str) -> list[str]: ...
    def listed(self, name: str) -> list[str]: ...
    def behind_first(self, at: int) -> str | None: ...
    def index(self, name: str, start: int = 0) -> int: ...
    def occurrences(self, names: Sequence[str]) -> list[int]: ...
    def is_plain(self) -> bool: ...
    def beginning(self, prefixes: Sequence[str]) -> list[str]: ...
    def names_sender(self) -> bool: ...
    def names_are_legible(self, page: bool) -> bool: ...
    def bears_credentials(self) -> bool: ...
    def plain_uri(self, name: str) -> str | None: ...
    def plain_via(self) -> tuple[str, str, int | None, dict[str, str | None]] | None: ...
    def start(self) -> tuple[bool, int, str, str, str | None, str | None, int, str | None]: ...
    def field(self, at: int) -> tuple[str, str]: ...
    def answer(self, status: int, reason: str, via: str | None, to_tag: str, fields: str, body: bytes) -> bytes: ...
    def rewrite(
        self,
        start_line: str | bytes | None,
        head: str | bytes,
        edits: Sequence[tuple[int, str | bytes | None]],
        tail: str | bytes,
        body: bytes | None,
    ) -> bytes: ...
    def onward(
        self,
        uri: str | bytes,
        head: str | bytes,
        via: str | bytes | None,
        gone: Sequence[str],
        edits: Sequence[tuple[int, str | bytes | None]],
        tail: str | bytes,
        body: bytes | None,
    ) -> bytes: ...
    def backward(
        self,
        gone: Sequence[str],
        edits: Sequence[tuple[int, str | bytes | None]],
        tail: str | bytes,
        body: bytes | None,
    ) -> bytes: ...

@final
class Seal:
    """Seals what we write into messages (BLAKE2b, 64 bits); opened is only what the same key and person sealed."""

    def __new__(cls, key: bytes, person: bytes) -> Seal: ...
    def token(self, plain: bytes, name: str) -> str: ...
    def opened(self, token: str, name: str) -> bytes | None: ...

@final
class Marks:
    """Keyed marks of 32 bits in hexadecimal digits (BLAKE2b)."""

    def __new__(cls, key: bytes, person: bytes) -> Marks: ...
    def of(self, told: str) -> str: ...

def list_items(value: str) -> list[str]: ...
def is_legible(value: bytes, page: bool) -> bool: ...
def auth_params(value: str) -> tuple[str, dict[str, str]]: ...
def stream_message_length(data: bytes, limit: int) -> int | None: ...

# --- calls/ (wrapped by talkpath.calls and talkpath.capture)

@final
class SipSeen:
    """One SIP message as a capture shows it; the running edge makes its own (with frame 0).

    `frame` is the frame that completed it and `frames` all that carry a piece of it; `fragments` counts the IP
    fragments of its datagram (1: whole). `connection` numbers the stream it came on (0: datagram).
    `is_copy`: the very same packet was captured before (two interfaces, a mirror port); it says nothing new.
    `is_retransmission`: the same bytes went the same way before, as another packet.
    `is_truncated`: `raw` is cut by the capture's snap length; `wire_bytes` is the size it had.
    """

    def __new__(
        cls,
        frame: int,
        time: float,
        src: Address,
        dst: Address,
        transport: Transport,
        raw: bytes,
        frames: Sequence[int],
        fragments: int,
        connection: int,
        is_copy: bool,
        is_retransmission: bool,
        is_truncated: bool,
        wire_bytes: int,
        hep: HepOrigin | None,
    ) -> SipSeen: ...
    @property
    def frame(self) -> int: ...
    @property
    def time(self) -> float: ...
    @property
    def src(self) -> Address: ...
    @property
    def dst(self) -> Address: ...
    @property
    def transport(self) -> Transport: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def frames(self) -> tuple[int, ...]: ...
    @property
    def fragments(self) -> int: ...
    @property
    def connection(self) -> int: ...
    @property
    def is_copy(self) -> bool: ...
    @property
    def is_retransmission(self) -> bool: ...
    @property
    def is_truncated(self) -> bool: ...
    @property
    def wire_bytes(self) -> int: ...
    @property
    def hep(self) -> HepOrigin | None: ...

@final
class Hop:
    """One hop of a call: an INVITE between two addresses and everything that belongs to it, repetitions folded in.

    Attributes are those of `calls.model.Leg`; `first` is what began the hop, its INVITE where it was seen.
    """

    def __new__(cls, seen: SipSeen) -> Hop:
        """The hop that a message begins, for who then calls `learn`. Raises ValueError for what is no SIP message."""

    def learn(self, time: float, raw: bytes, from_caller: bool) -> None:
        """What the next message means for the state of the hop, without keeping it."""

    def messages(
        self,
    ) -> list[tuple[SipSeen, bool | None, bool, tuple[SipSeen, ...], tuple[SipSeen, ...]]]:
        """(message, whether we sent it, whether it is from the caller, sent again, copies) in the order of time."""

    def media(self, medium: type[Medium], address: type[Address]) -> tuple[Medium, ...]:
        """Every m= section with an address and a port that either side announced, as `calls.model.Medium`. Lines that
        make no sense are passed over.
        """

    def offer(self, medium: type[Medium], address: type[Address]) -> tuple[Medium, ...]:
        """Those that `first` announces."""

    def ways(self) -> list[tuple[float, bool, list[str], list[tuple[str, int]]]]:
        """How either side can be reached by ICE: (time, whether the caller says it, ufrags, candidates over UDP)."""

    def agent(self, from_caller: bool) -> str:
        """What one side calls itself (User-Agent, Server), "" where it does not say."""

    def signs(self) -> tuple[str, ...]:
        """What a first look shows: "repeated", "other-length" (a body over UDP that is not as long as Content-Length
        says), "large", "unanswered", "challenged", "refused", "timed", "overtaken" (a provisional response after the
        2xx of the same dialog), "portless" (a 2xx to INVITE that refuses audio).
        """

    @property
    def is_one_sided(self) -> bool:
        """Whether messages of only one side were seen."""

    def requests(self) -> list[tuple[int, Address]]:
        """(a number for its method and branch, source) of every request."""

    @property
    def caller(self) -> Address: ...
    @property
    def callee(self) -> Address: ...
    @property
    def transport(self) -> Transport: ...
    @property
    def call_id(self) -> str: ...
    @property
    def from_tag(self) -> str: ...
    @property
    def to_tag(self) -> str: ...
    @property
    def to_tags(self) -> tuple[str, ...]: ...
    @property
    def start(self) -> float: ...
    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def ringing_at(self) -> float | None: ...
    @property
    def answered_at(self) -> float | None: ...
    @property
    def acked_at(self) -> float | None: ...
    @property
    def ended_at(self) -> float | None: ...
    @property
    def ended_by(self) -> str: ...
    @property
    def ended_how(self) -> str: ...
    @property
    def result(self) -> str: ...
    @property
    def first(self) -> SipSeen: ...
    @property
    def opening(self) -> Frame:
        """`first`, indexed."""

@final
class SipLedger:
    """The SIP messages of a capture or a feed by Call-ID, and who spoke when.

    `first` and `last` are the times of the first message and of the latest (0 without any); `left_out` counts the
    messages beyond `max_messages` of one Call-ID.
    """

    def __new__(cls, max_messages: int) -> SipLedger: ...
    def take(self, records: list[Record]) -> tuple[list[SipSeen], list[Record]]:
        """Keeps the messages of calls. Gives back the messages outside calls, and the records that are no SIP."""

    def calls(self, horizon: float, only: Sequence[str] | None = None) -> list[list[tuple[Hop, int | None]]]:
        """The calls that the Call-IDs (or only those named) were used for: each as its hops in the order of their
        INVITEs, with the place of the hop that each was made from. What was silent until `horizon` is over.
        """

    def pack(self) -> None:
        """Packs the messages of all calls where there are many; `take` does that with calls that are over. Their hops
        unpack them for who asks.
        """

    def ended(self) -> list[tuple[str, float]]:
        """(Call-ID, when it was last heard) of those over which a BYE or a refusal went."""

    def silent(self, before: float) -> list[str]:
        """The Call-IDs that were last heard before a time."""

    def forget(self, call_ids: Sequence[str], now: float) -> None:
        """Lets go of what was kept for these Call-IDs. Stragglers of theirs are passed over from now on."""

    def forget_before(self, time: float) -> None:
        """Lets go of who spoke before a time, and of Call-IDs that were forgotten before it."""

    def __len__(self) -> int:
        """How many Call-IDs are kept."""

    def spoke(self, host: str, start: float, end: float) -> int:
        """How many messages a host sent within a span of time."""

    def has_heard(self, host: str) -> bool:
        """Whether a host sent any message."""

    @property
    def malformed(self) -> int: ...
    @property
    def left_out(self) -> int: ...
    @property
    def first(self) -> float: ...
    @property
    def last(self) -> float: ...

@final
class Rows:
    """Messages of one call: (time, flow, bytes, sent) each."""

    def __new__(cls, seen: Sequence[tuple[float, Flow, bytes, bool]]) -> Rows: ...
    def add(self, time: float, flow: Flow, raw: bytes, is_sent: bool) -> None: ...
    def __len__(self) -> int: ...
    @property
    def start(self) -> float: ...
    def listed(self) -> list[tuple[float, Flow, bytes, bool]]: ...
    def copy(self) -> Rows: ...

def fold(rows: Sequence[tuple[SipSeen, bool | None]]) -> list[tuple[Hop, int | None]]:
    """The hops of one call from (message, whether we sent it; None: a capture saw it), in the order of time."""

def id_of(call_id: bytes, start: float) -> str:
    """The short name of the call that began at `start` with this Call-ID (`calls.ids`)."""

def heard(
    packed: bytes, start: float, end: float, ptime_ms: float, speech_dbov: float, silence_dbov: float
) -> tuple[float, float] | None:
    """Seconds whose level reaches `speech_dbov`, and seconds below `silence_dbov`; None where no level is known.

    `packed` is `RtpStream.packed_seconds`. The first and the last row stand for the part of their second in which the
    stream ran, from `start` until its last packet, of `end`, was heard for its packet time.
    """

# --- datagram.rs

@final
class Datagrams:
    """Sends and receives on a UDP socket that Python opened, bound and keeps open."""

    def __new__(
        cls, fd: int, v6: bool, neighbour: Callable[[str, str, int], Flow], guard: Sources | None = None
    ) -> Datagrams: ...
    def receive(self, now: float) -> list[tuple[bytes, Flow]]: ...
    @property
    def taken(self) -> int: ...
    @property
    def is_behind(self) -> bool: ...
    def overload(self) -> tuple[int, int]: ...
    def fileno(self) -> int: ...
    @property
    def may_have_reports(self) -> bool: ...
    def reports(self) -> list[tuple[bytes, str, int, int, int, str]]: ...
    def forget(self, now: float) -> None: ...
    @property
    def remembered(self) -> int: ...
    def send(self, batch: Sequence[tuple[bytes, str, str, int]], now: float) -> list[int]: ...
    def send_parcels(self, parcels: list[Parcel]) -> int: ...

def busy_answer(data: bytes) -> bytes | None: ...

@final
class Sources:
    """Who sends, and how much of it is heard (native/src/guard).

    `rates` and `strangers` are (a second, at once); the kinds are, in order: INVITE, OPTIONS, REGISTER, other
    requests, responses and requests within dialogs, wrong passwords, bytes of answers. Hosts are addresses as text.
    `is_stream`: it comes over a connection, which is counted apart. `refusal` is the status that who is not heard is
    answered with, 0 for silence.
    """

    def __new__(
        cls,
        rates: Sequence[tuple[float, float]],
        strangers: tuple[float, float],
        *,
        ban_first_s: float,
        ban_most_s: float,
        strikes: int,
        refusal: int,
        seed: bytes,
        now: float,
    ) -> Sources: ...
    def trust(self, host: str, prefix: int) -> None: ...
    def distrust(self, host: str, prefix: int) -> bool: ...
    def exempt(self, host: str, prefix: int) -> None: ...
    def unexempt(self, host: str, prefix: int) -> bool: ...
    def adopt(
        self,
        rates: Sequence[tuple[float, float]],
        strangers: tuple[float, float],
        *,
        ban_first_s: float,
        ban_most_s: float,
        refusal: int,
    ) -> None: ...
    def shut(self, host: str, prefix: int, until: float) -> None: ...
    def open(self, host: str, prefix: int) -> bool: ...
    def look(self, host: str, port: int, is_stream: bool, data: bytes, now: float) -> bool: ...
    def look_at_connection(self, host: str, now: float) -> bool: ...
    def refusal(self, host: str, port: int, is_stream: bool, data: bytes, now: float) -> bytes | None: ...
    def may_answer(self, host: str, port: int, size: int, now: float) -> bool: ...
    def asked(self, host: str, port: int, is_stream: bool, now: float) -> None: ...
    def prove(self, host: str, port: int, is_stream: bool, until: float, now: float) -> None: ...
    def is_known(self, host: str, port: int, is_stream: bool, now: float) -> bool: ...
    def is_known_source(self, host: str, is_stream: bool, now: float) -> bool: ...
    def weigh(self, host: str, port: int, is_stream: bool, kind: int, units: int, now: float) -> bool: ...
    def credit(self, host: str, port: int, is_stream: bool, now: float) -> None: ...
    def lift(self, host: str, now: float, port: int = 0) -> bool: ...
    def sweep(self, now: float) -> None: ...
    def events(self) -> list[tuple[str, int, int, bool, int, float, int]]: ...
    def counts(self) -> list[tuple[str, int]]: ...
    def __len__(self) -> int: ...

# --- capture/ (wrapped by talkpath.capture; nobody else imports these)

class CaptureUnreadable(Exception):
    """Not a capture: the argument says what it is (`talkpath.capture.words.KINDS`)."""

@final
class CaptureReader:
    """Reads captures one after another, or takes packets and HEP messages, through one engine.

    `records` is the module whose classes the records become.
    """

    def __new__(
        cls,
        records: object,
        *,
        keylog: bytes | None = None,
        jitter_buffer_ms: int = 80,
        picked: Sequence[tuple[str, int, str, int, int]] | None = None,
    ) -> CaptureReader: ...
    def open(self, path: str) -> None: ...
    def open_fd(self, fd: int) -> None: ...
    def read(self, max_records: int, max_bytes: int, is_growing: bool = False) -> list[object] | None: ...
    def clock(self) -> float: ...
    def packet(self, link_type: int, time: float, data: bytes, wire_bytes: int) -> None: ...
    def receive(self, fd: int, now: float, limit: int) -> int: ...
    def expire(self, now: float) -> None: ...
    def settle(self, addresses: Sequence[tuple[str, int]]) -> None: ...
    def hep(self, data: bytes, time: float) -> bool: ...
    def drain(self) -> list[object]: ...
    def finish(self) -> list[object]: ...
    def position(self) -> tuple[int, int]: ...
    def summary(self) -> tuple[int, float, float, list[tuple[str, int]]]: ...
    def open_places(self, places: Sequence[tuple[Sequence[tuple[str, int]], float]]) -> None: ...
    def undecoded(self, place: int) -> list[tuple[str, int]]: ...

def capture_span(path: str) -> tuple[int, float, float]: ...
def hep_stream_length(data: bytes) -> int | None: ...
def copy_packets(
    path: str, out: str, frames: Sequence[int], picked: Sequence[tuple[str, int, str, int, int]]
) -> int: ...

# --- sound/ (wrapped by talkpath.audio; nobody else imports these)

@final
class SoundReader:
    """The sound of chosen streams of captures, on one time line.

    A track is a stream as it is asked for above, 0 for the caller's side or 1 for the callee's, the first and the
    last frame that belong to the call, and its formats: payload type, encoding, RTP clock, channels, and for those
    that are not decoded here the rate of what `decode` gives, and `decode`. `layout` is "stereo", "mixed", "caller"
    or "callee"; `rate` that of the file; `seconds` how long it is at least, from `start` on.
    """

    def __new__(
        cls,
        paths: Sequence[str],
        tracks: Sequence[
            tuple[
                tuple[str, int, str, int, int],
                int,
                int,
                int,
                Sequence[tuple[int, str, int, int, int, Callable[[bytes], bytes | None] | None]],
            ]
        ],
        *,
        layout: str,
        rate: int,
        start: float,
        seconds: float,
        peaks_every: int = 0,
    ) -> SoundReader: ...
    def read(self) -> bytes | None:
        """Some seconds of samples, interleaved, 16 bit, the lowest byte first; None at the end. Raises as the
        reader."""
    def taken(self) -> int:
        """Bytes of the captures read so far."""
    def counts(self) -> tuple[int, int, int, int]:
        """Packets, and those that could not be decoded, came too late for their place, came twice."""
    def peaks(self, side: int) -> list[tuple[int, int]]:
        """Least and greatest sample of each `peaks_every` samples of a side."""

def page_sounds(
    paths: Sequence[str],
    calls: Sequence[
        tuple[
            Sequence[
                tuple[
                    tuple[str, int, str, int, int],
                    int,
                    int,
                    int,
                    Sequence[tuple[int, str, int, int, int, Callable[[bytes], bytes | None] | None]],
                ]
            ],
            float,
            float,
        ]
    ],
) -> list[tuple[bytes, bytes]]: ...
def mu_law(samples: bytes) -> bytes: ...

# --- relay/

@final
class Port:
    """A leased pair of local UDP ports towards one peer: RTP on an even port, RTCP on the odd one above it."""

    @property
    def id(self) -> int:
        """Unique in the life of the relay; events and meters name ports by it."""
    @property
    def host(self) -> str: ...
    @property
    def rtp(self) -> int: ...
    @property
    def rtcp(self) -> int: ...

@final
class Totals:
    """What passed through one port since it was opened. *Heard* is from its peer, *sent* is to its peer."""

    @property
    def heard_packets(self) -> int:
        """RTP (or raw) packets accepted from the peer."""
    @property
    def heard_bytes(self) -> int:
        """UDP payload bytes of those."""
    @property
    def heard_rtcp(self) -> int: ...
    @property
    def sent_packets(self) -> int: ...
    @property
    def sent_bytes(self) -> int: ...
    @property
    def sent_rtcp(self) -> int: ...
    @property
    def lost(self) -> int:
        """Packets that never came, by sequence number, at the peer's side of us."""
    @property
    def reordered(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def strangers(self) -> int:
        """Packets dropped because of where they came from."""
    @property
    def malformed(self) -> int:
        """Packets dropped because of what they were, though the source was right."""
    @property
    def unnegotiated(self) -> int:
        """RTP packets passed on though their payload type was not signalled."""
    @property
    def unsendable(self) -> int:
        """Packets to the peer that the kernel refused, that could not be sealed, or that had no address to go to."""
    @property
    def unauthentic(self) -> int:
        """Packets whose SRTP tag was wrong, or that came before there were keys."""
    @property
    def replayed(self) -> int:
        """SRTP packets that had been heard before."""
    @property
    def last_heard(self) -> float | None:
        """When the peer was last heard (RTP or RTCP), in seconds on the relay's time axis."""
    @property
    def dropped(self) -> list[tuple[str, int, int]]:
        """Of `strangers`, who sent most of them: host, port, packets."""
    @property
    def forgiven(self) -> int:
        """Of `strangers`, packets of the peer itself from before it was known to be the peer."""

@final
class Second:
    """One second of RTP heard on a port. Seconds in which nothing was heard have no entry."""

    @property
    def row(self) -> bytes:
        """What a call keeps of it (`SECOND` of capture/records.py)."""
    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float:
        """Start of the second, in seconds on the relay's time axis."""
    @property
    def ssrc(self) -> int:
        """The synchronisation source last heard in it."""
    @property
    def payload_type(self) -> int:
        """The payload type last heard in it."""
    @property
    def packets(self) -> int: ...
    @property
    def bytes(self) -> int:
        """UDP payload bytes."""
    @property
    def lost(self) -> int:
        """Gaps in the sequence; negative when packets missed in an earlier second came late (RFC 3550 6.4.1)."""
    @property
    def reordered(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
    @property
    def restarts(self) -> int:
        """How often the source changed or its sequence jumped too far to be loss (RFC 3550 A.1)."""
    @property
    def jitter_ms(self) -> float | None:
        """Interarrival jitter at the end of the second (RFC 3550 6.4.1); None where no clock rate is known."""
    @property
    def max_gap_ms(self) -> float:
        """The longest time between two packets that ended in this second."""
    @property
    def level_dbov(self) -> float | None:
        """Mean level of the audio (RFC 6465: 0 is overload, 1004 Hz at 0 dBm0 is -6.2); None where none is known."""
    @property
    def audio_ms(self) -> float:
        """How much audio was measured; a packet that says its level itself (RFC 6464) counts as 20 ms."""
    @property
    def digital_silence_ms(self) -> float:
        """Of that, in packets whose waveform is a straight line."""
    @property
    def near_silence_ms(self) -> float:
        """Of that, in packets below -60 dBov (those of digital silence are among them)."""

@final
class FirstHeard:
    """The first RTP (or raw) packet of a port's peer since its address was expected."""

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def source(self) -> tuple[str, int]: ...

@final
class Elsewhere:
    """The peer is heard from `source`, because nothing came from where it said; ours goes on to where it said."""

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def source(self) -> tuple[str, int]: ...

@final
class Received:
    """What the peer's RTCP reports say of what we send to it."""

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def unheard_packets(self) -> int:
        """0: our packets come. Else so many were sent and none of them is said to have come."""

@final
class Latched:
    """Behind a NAT: the peer's packets come from `source`, and ours go there from now on."""

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def source(self) -> tuple[str, int]: ...
    @property
    def rtcp(self) -> bool: ...
    @property
    def rebound(self) -> bool:
        """True when another address had been latched before."""

@final
class TimedOut:
    """Nothing was heard from the port's peer for as long as `watch` asked. Told once; `watch` arms it again."""

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def silent_s(self) -> float: ...

@final
class Advanced:
    """A port has moved as far from where it was saved as is safe: save it again. Told once for each saving.

    It is secured, converted or played to, and 2048 packets were sent or heard, or a stream began; or it was adopted.
    """

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...

@final
class Announced:
    """The clip of a port was played to its end: `seconds` of it."""

    port: int
    at: float
    seconds: float

@final
class Climbed:
    """A STUN or DTLS packet (RFC 7983) for Python to read."""

    @property
    def port(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def source(self) -> tuple[str, int]: ...
    @property
    def rtcp(self) -> bool:
        """It came to the RTCP port."""
    @property
    def data(self) -> bytes: ...

@final
class Clip:
    """A sound for `Relay.announce`: the same signed samples of 16 bits at 8000 and at 16000 a second."""

    def __new__(cls, narrow: Sequence[int], wide: Sequence[int]) -> Clip:
        """ValueError where it is empty, or `wide` is not twice as long."""
    @property
    def seconds(self) -> float: ...

@final
class Relay:
    """The media engine: its own threads and sockets; packets are forwarded without Python.

    Every method may be called from any thread and takes effect before it returns. Ports that were closed, or are of
    another relay, raise KeyError; an address that is no IP address, or not of the port's family, raises ValueError.
    Times are CLOCK_MONOTONIC plus `epoch`, in seconds. `dscp` marks what is sent (RFC 4594: 46 is telephony).
    Ports get descriptors numbered below `descriptors` only. With `kernel`, a stream that leaves as it came passes in
    the kernel, where that can be had, once `steady` packets (50) have gone to one address; told of as any other.
    """

    @property
    def kernel(self) -> str | None:
        """Why nothing passes in the kernel: `off`, or what the system said; None where it can."""
    @property
    def passing(self) -> int:
        """How many streams pass in the kernel now."""
    def __new__(
        cls,
        *,
        workers: int = 1,
        epoch: float = 0.0,
        dscp: int = 46,
        descriptors: int = 2**31 - 1,
        kernel: bool = False,
        steady: int = ...,
    ) -> Relay: ...
    def open(self, address: str, low: int, high: int) -> Port:
        """Lease a port pair within [low, high] on the local `address`; OSError when none is free, with errno EMFILE
        when that is for want of descriptors.

        Leases rotate through the range, so a pair that was just released is not used again at once. Nobody is
        heard until `expect`.
        """
    def share(self, port: Port) -> Port:
        """Another section on the transport of `port` (RFC 9143): with its own formats, route, meters and watch, but
        the sockets, addresses and keys of `port`, whose close ends both. ValueError beyond sixteen on one transport.
        """
    def identify(
        self, port: Port, mid: str, *, extension: int = 0, ssrcs: Sequence[int] = ..., stamp: bool = False
    ) -> None:
        """Say how packets of this section are told from those of others on its transport (RFC 9143 section 9.2).

        `extension` is the identifier of the header extension that carries the MID, 0 where none was agreed; `ssrcs`
        are those that the peer's description names. With `stamp`, what is sent carries the MID, also where
        the section is alone on its transport.
        """
    def renumber(self, port: Port, pairs: Sequence[tuple[int, int]]) -> None:
        """Say which payload types the peer of this section calls otherwise: its number and the one that `expect` and
        everybody else use. Packets are rewritten both ways; no pairs end it. ValueError beyond 127.
        """
    def expect(
        self,
        port: Port,
        *,
        rtp: tuple[str, int] | None,
        rtcp: tuple[str, int] | None = None,
        mux: bool = False,
        latch: str | None = None,
        formats: Sequence[tuple[int, int, str]] = ...,
        levels: int = 0,
        raw: bool = False,
        ice: bool = False,
        climb: bool = False,
        opaque: bool = False,
        kin: str | None = None,
    ) -> None:
        """Say what the port's peer signalled: where its media goes, and who may be heard.

        `rtcp` defaults to the port above `rtp`; with `mux` (RFC 5761) both are `rtp`. `formats` are the payload
        types negotiated: (number, clock rate in Hz, encoding name as in rtpmap), `levels` the identifier of the
        header extension in which the peer says how loud it is (RFC 6464), 0 without one. `raw` is for media that is
        not RTP (T.38 over udptl): only addresses are checked. `opaque` media may be encrypted from end to end: to
        convert it is refused.

        Without `latch`, only the signalled addresses are heard and what we send never moves; with `kin`, the host
        that the peer's signalling comes from, it may be heard from elsewhere on its own hosts as long as nothing
        comes from where it said (`Elsewhere`). `latch` is the host (an IP address) that a peer behind a NAT is known
        to come from: until the signalled address itself is heard, a steady RTP stream from that host may take its
        place.

        With `ice`, nobody but the addresses given to `approve` is heard, STUN climbs from anyone, and DTLS climbs
        from the approved. With `climb`, STUN and DTLS climb from who is heard.

        Expecting the same addresses again keeps what was latched; other addresses start afresh.
        """
    def approve(self, port: Port, address: tuple[str, int], *, rtcp: bool = False, send: bool = True) -> None:
        """Under `ice`: hear this address from now on and, with `send`, send there (the selected pair)."""
    def revoke(self, port: Port, address: tuple[str, int], *, rtcp: bool = False) -> None:
        """Under `ice`: hear this address no more (consent expired, RFC 7675), nor send there."""
    def checks(self, port: Port, names: list[tuple[str, str]]) -> None:
        """Under `ice`: our ufrags and their passwords, at most two. Checks that name one and know its password climb,
        and answers to checks that we sent; of checks with a wrong password a few a second, to be told of."""
    def secure(
        self,
        port: Port,
        suite: str,
        ours: tuple[bytes, bytes],
        theirs: tuple[bytes, bytes],
        *,
        rtcp: bool = False,
        mki: bytes = ...,
    ) -> None:
        """SRTP with the peer: seal what is sent under `ours`, open what is heard under `theirs` (key, salt).

        `mki` is the identifier that the peer's packets carry (RFC 3711 section 3.1). With `rtcp` the keys are of the
        RTCP port alone, which has a DTLS association of its own (RFC 5764 section 4.1).
        Setting the keys that are in use again changes nothing. ValueError for an unknown suite or wrong lengths.
        """
    def shut(self, port: Port) -> None:
        """Keys are awaited: no media is heard or sent in the clear until `secure`; STUN and DTLS pass."""
    def unsecure(self, port: Port) -> None:
        """Plain RTP with the peer again."""
    def send(self, port: Port, data: bytes, address: tuple[str, int], *, rtcp: bool = False) -> None:
        """Send one datagram (STUN, DTLS) from the port; OSError when the kernel refuses."""
    def route(self, source: Port, target: Port | None) -> None:
        """Forward what is heard on `source` out of `target` to its peer; None stops (it is then only metered)."""
    def transcode(
        self,
        source: Port,
        heard: Sequence[tuple[int, int, str, tuple[int, int] | None]],
        payload_type: int,
        codec: str,
        *,
        packet_ms: int = 20,
        bitrate: int = 0,
        fec: bool = False,
        dtx: bool = False,
        constant: bool = False,
        playback_rate: int = 0,
        ssrc: int | None = None,
        extension: int = 0,
        mid: str = "",
    ) -> None:
        """Convert what is heard on `source` before it is forwarded, until `untranscode`; RTCP is made to fit.

        `heard` are payload types with clock in Hz and encoding name, and what they are sent as when the other side
        understands them too: (payload type, clock). The others of PCMU, PCMA, G722, opus and CN are converted to
        `codec` under `payload_type`, in packets of `packet_ms`, the keys of telephone-event become their tones, red
        (RFC 2198) becomes what it holds, and what is none of these is dropped. `bitrate` (bit/s, 0 for ours), `fec`,
        `dtx`, `constant` and `playback_rate` (Hz, 0 for all) are what the other side asked of Opus.
        `ssrc` is the source that the other side was promised; None for that of before, or one of ours. Packets carry
        the `mid` in this header `extension`, where that is not 0 (RFC 9143 section 15).
        The same again changes nothing; another plan goes on with the same stream. Both directions of a section are
        converted or neither.
        """
    def untranscode(self, source: Port) -> None:
        """Forward what is heard on `source` as it came again."""
    def tee(self, source: Port, recording: Recording | None) -> None:
        """Copy what is heard on `source` to a recording from now on: opened and judged, before it is converted, with
        the payload type that its peer wrote. None ends it.
        """
    def reflect(self, port: Port) -> None:
        """Send the peer's RTP back to it under a synchronisation source of our own. Ended by `route`."""
    def tone(
        self, port: Port, payload_type: int, codec: str, *, frequency: int = 1004, level_dbm0: float = 0.0
    ) -> None:
        """Send a tone to the port's peer in packets of 20 ms until `quiet`, in PCMU, PCMA, G722 or opus."""
    def quiet(self, port: Port) -> None:
        """End the tone."""
    def announce(
        self,
        port: Port,
        clip: Clip | None,
        formats: Sequence[tuple[int, str]],
        *,
        events: Sequence[int] = ...,
        bitrate: int = 0,
        fec: bool = False,
        dtx: bool = False,
        constant: bool = False,
        playback_rate: int = 0,
        ssrc: int | None = None,
        extension: int = 0,
        mid: str = "",
    ) -> None:
        """Let the port's peer hear a clip, in packets of 20 ms, in place of what goes to it; then tell `Announced`.

        It begins when the peer can be sent to, is heard, and hears the other side, or half a second after the first
        of these, and is a part of the stream that it hears: what is forwarded later is renumbered, RTCP made to fit.
        `formats` are payload types and encoding names (PCMU, PCMA, G722, opus) that the peer takes; the one that the
        other side speaks is used, else the first. Payload types of `events` are forwarded meanwhile. A recording of
        the port has our packets as they go to the peer. The rest is as for `transcode`.
        Without a clip what is left of the one before goes on so, or, without formats, not before there are some.
        """
    def watch(self, port: Port, timeout_s: float | None) -> None:
        """Tell `TimedOut` once when the peer is silent that long, counted from now; None (on hold) stops it."""
    def save(self, ports: Sequence[Port], *, last: bool = False) -> bytes:
        """Everything that is known of these ports, so that another engine goes on with them (`adopt`): what was told
        of them and learnt, keys, packet indexes, counts; not what a recording takes of them. Keys are in it.

        A map of names in MessagePack. ValueError where one of them leads to, or shares its transport with, a port
        that is not among them, and beyond 256. From now on `Advanced` tells when they are to be saved again; after
        the `last` time they neither hear nor say anything, and wait to be closed.
        """
    def adopt(
        self, state: bytes, *, heir: int = 1, hosts: Sequence[str] = ..., low: int = 0, high: int = 0
    ) -> list[Port]:
        """Open saved ports again, in their order, at the same addresses, and go on as if nothing had been. With an
        address of this host for each (`hosts`) they are opened there, at free pairs within [low, high].

        What is relayed keeps its numbers. Streams of our own step ahead of all that may have been sent since: their
        sequence by 4096 for each `heir`, the how many-th process (1 to 3) that goes on from this very state, and by a
        packet for each 10 ms since, at most 16384; their timestamp by the time; SRTCP by 65536 for each heir, and by
        the same. After a last saving the first heir steps nowhere. The ports are to be saved again at once, as
        `Advanced` tells.
        All or none: OSError with the address where a pair is taken (EADDRINUSE) or the host has not the address
        (EADDRNOTAVAIL); ValueError for what is no state, one of a later version, one so old that indexes
        cannot be told, no such heir, or hosts of the other family.
        """
    def totals(self, port: Port) -> Totals: ...
    def close(self, port: Port) -> Totals:
        """Release the port; routes towards it stop."""
    def fileno(self) -> int:
        """A descriptor that is readable while `events` has something."""
    def events(self) -> list[FirstHeard | Latched | Elsewhere | Received | TimedOut | Advanced | Announced | Climbed]:
        """Take what happened since the last call, in order."""
    def meters(self, port: Port | None = None, *, part: int = 0, parts: int = 1) -> list[Second]:
        """Take the finished seconds of all ports; of one `port`, before it is closed, the running second as well.

        At most the last four seconds of a port are kept for who asks seldom.
        """
    def counters(self) -> dict[str, int]:
        """Sums over all ports, closed ones too, by the names in `Totals`; also `ports` (open now), `opened`, and
        `events_dropped` (the queue was full)."""
    def shutdown(self) -> None:
        """Close everything and end the threads. Also done when the object goes."""

# --- srtp.rs

@final
class Srtp:
    """One direction of SRTP and SRTCP under one master key. Refusals raise ValueError with the reason's name:
    malformed, replayed, unauthentic, too-many-streams, exhausted."""

    def __new__(cls, suite: str, key: bytes, salt: bytes) -> Srtp:
        """`suite` by its name in a=crypto; ValueError where key or salt have not its lengths."""
    def protect(self, packet: bytes) -> bytes: ...
    def unprotect(self, packet: bytes) -> bytes: ...
    def protect_rtcp(self, packet: bytes) -> bytes: ...
    def unprotect_rtcp(self, packet: bytes) -> bytes: ...
    def streams(self) -> list[tuple[int, int, int]]:
        """(SSRC, highest RTP index, highest RTCP index) of each stream."""
    def save(self) -> bytes:
        """Where it stands, key and salt included, for `adopt`."""
    @staticmethod
    def adopt(state: bytes, *, reports_ahead: int = 0) -> Srtp:
        """Go on where another stood: what was seen counts as seen, and rollovers that it has not seen are looked for
        until a packet of the stream is authentic. As sealer leave so many indexes of SRTCP free. ValueError
        (malformed) where the bytes are no such state."""
    def measure(self, size: int, count: int) -> tuple[float, float]:
        """Seconds to seal and to open one RTP packet of `size` bytes, over `count` packets."""

# --- stun.rs (wrapped by talkpath.ice.stun)

def read_stun(data: bytes, most: int) -> tuple[list[tuple[int, bytes]], int | None, bool]:
    """Attributes before MESSAGE-INTEGRITY (at most `most`), where that begins, and whether there is a FINGERPRINT.

    Raises ValueError: no STUN, or one that contradicts itself; a wrong FINGERPRINT is one of these.
    """

def stun_integrity(data: bytes, end: int, password: bytes) -> bytes:
    """MESSAGE-INTEGRITY of a message in which it begins at `end`. Raises ValueError where that is no message."""

def write_stun(
    kind: int,
    transaction: bytes,
    attributes: list[tuple[int, bytes]],
    password: bytes | None,
    is_fingerprinted: bool,
) -> bytes:
    """A message of this type, with MESSAGE-INTEGRITY where there is a password. Raises ValueError for a transaction
    identifier that has not 12 bytes."""

# --- tee

@final
class Recording:
    """A pcap file that is being written: packets of the ports that `Relay.tee` names, as if they had come over IP.

    Microseconds; source and destination are the peer's address and ours. Methods return at once.
    """

    @property
    def id(self) -> int: ...
    @property
    def packets(self) -> int:
        """Packets taken so far."""
    @property
    def dropped(self) -> int:
        """Packets that found no room so far, because the disk does not keep up."""
    def pause(self) -> None:
        """Take nothing until `resume`."""
    def resume(self) -> None: ...
    def close(self) -> None:
        """Take nothing more. `RecordingClosed` tells when the disk has it all."""

@final
class RecordingFailing:
    """Packets of a recording are lost: `errno` says why, 0 where the disk only is too slow."""

    @property
    def recording(self) -> int: ...
    @property
    def errno(self) -> int: ...

@final
class RecordingRecovered:
    """They are no longer."""

    @property
    def recording(self) -> int: ...

@final
class RecordingClosed:
    """A recording is finished: packets and bytes in the file, packets that were lost, and the digest of the file.

    `errno` is not 0 where there is no file, or the disk did not keep it.
    """

    @property
    def recording(self) -> int: ...
    @property
    def packets(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def sha256(self) -> bytes: ...
    @property
    def errno(self) -> int: ...

@final
class Recorder:
    """Writes recordings, in one thread of its own: twice a second into the files, and each time down to the disk.

    Times are CLOCK_MONOTONIC plus `epoch`, as of the relay. Files get descriptors numbered below `descriptors` only.
    """

    def __new__(cls, *, epoch: float = 0.0, descriptors: int = 2**31 - 1) -> Recorder: ...
    def open(self, path: str | PathLike[str], link_type: str) -> Recording:
        """Begin a new file; one that is there is never written to. `link_type` is raw or ethernet, else ValueError.
        That the file cannot be made is told by `RecordingFailing`, and tried again while the recording lasts.
        """
    def fileno(self) -> int:
        """Readable while `events` has something."""
    def events(self) -> list[RecordingFailing | RecordingRecovered | RecordingClosed]: ...
    def counters(self) -> dict[str, int]:
        """`opened`, `written_bytes`, `queued_bytes`, `dropped` packets, `failures`."""
    def shutdown(self) -> None:
        """Close every recording and wait until the disk has it, five seconds at most."""

"""What happened in a call: `Call`, its legs, messages, streams and moments.

One model for the running edge and for captures. A `Call` is built by `build.py` when somebody reads it and never
changes afterwards. What keeps it while it runs is a `Trace` (`trace.py`). Nothing here routes or parses.

All times are seconds since the epoch; durations are seconds unless the name says otherwise.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from talkpath._native import Hop
from talkpath.base.address import Address, Transport
from talkpath.capture.records import Record, RtpStream, SipSeen
from talkpath.sip.message import Message


class Result(StrEnum):
    """How the attempt to call ended, as the caller saw it."""

    ANSWERED = "answered"
    BUSY = "busy"
    CANCELLED = "cancelled"
    FAILED = "failed"
    REJECTED = "rejected"
    NO_ANSWER = "no-answer"
    ONGOING = "ongoing"


class Side(StrEnum):
    """Who did something to a call: one of the two parties, or a server (we, or another) in between."""

    CALLER = "caller"
    CALLEE = "callee"
    SERVER = "server"
    UNKNOWN = ""


class Joined(StrEnum):
    """How we know that a leg belongs to the call."""

    FIRST = ""
    PROXY = "proxy"
    B2BUA = "b2bua"


class Party(Struct, frozen=True):
    """One end of a call: what it calls itself, and where its packets come from."""

    user: str = ""
    host: str = ""
    display: str = ""
    address: Address | None = None
    transport: Transport | None = None
    user_agent: str = ""


class MessageSeen(Struct, frozen=True, dict=True):
    """One SIP message on one hop, with its repetitions folded in.

    `seen` is how it was caught; the running edge fills it too (with frame 0). `sent` is True when we sent it, False
    when we received it and None when a capture saw it pass. `from_caller` says which end of its leg sent it.
    `retransmitted` are the same message sent again; `copies` the same packet caught again.
    """

    seen: SipSeen
    sent: bool | None
    from_caller: bool
    retransmitted: tuple[SipSeen, ...] = ()
    copies: tuple[SipSeen, ...] = ()

    @cached_property
    def sip(self) -> Message:
        """The message itself, parsed when somebody asks."""
        return Message.parse(self.seen.raw)

    @property
    def time(self) -> float:
        return self.seen.time

    @property
    def source(self) -> Address:
        return self.seen.src

    @property
    def destination(self) -> Address:
        return self.seen.dst

    @property
    def transport(self) -> Transport:
        return self.seen.transport

    @property
    def frame(self) -> int:
        return self.seen.frame

    @property
    def frames(self) -> list[int]:
        """Every frame in which it was seen, in order."""
        every = (self.seen, *self.retransmitted, *self.copies)
        return sorted({frame for seen in every for frame in seen.frames})


class Medium(NamedTuple):
    """One m= section as one side announced it: where it wants to hear (RFC 3264).

    `codecs` are (payload type, encoding name) in the order of preference.
    """

    time: float
    from_caller: bool
    kind: str
    address: Address
    rtcp: Address | None
    profile: str
    codecs: tuple[tuple[int, str], ...]
    direction: str
    ptime_ms: float | None


class Ways(NamedTuple):
    """How one side can be reached by ICE, as one message says (RFC 8839): what checks call it, and its candidates."""

    time: float
    from_caller: bool
    ufrags: tuple[str, ...]
    candidates: tuple[Address, ...]


class Leg(Struct, frozen=True, dict=True):
    """One hop of a call: an INVITE between two addresses and everything that belongs to it.

    `caller` sent the INVITE and `callee` received it, on this hop. Forked answers show as several `to_tags`; the one
    that was answered is `to_tag`. `parent` is the index of the leg from which the middle box made this one.
    `hop` keeps what was said there; most calls are told without anybody looking.
    """

    index: int
    call_id: str
    caller: Address
    callee: Address
    transport: Transport
    from_tag: str
    to_tag: str
    to_tags: tuple[str, ...]
    start: float
    ringing_at: float | None
    answered_at: float | None
    acked_at: float | None
    ended_at: float | None
    status: int
    reason: str
    result: Result
    ended_by: Side
    ended_how: str
    parent: int | None
    joined: Joined
    hop: Hop

    @property
    def invite(self) -> Message:
        """What began the hop: its INVITE where it was seen."""
        return Message(self.hop.opening)

    @cached_property
    def messages(self) -> tuple[MessageSeen, ...]:
        """What was said, repetitions folded in, in the order of time."""
        return tuple(MessageSeen(*row) for row in self.hop.messages())

    @property
    def media(self) -> tuple[Medium, ...]:
        """Every m= section that either side announced, in the order of time."""
        return self.hop.media(Medium, Address)

    @property
    def ways(self) -> tuple[Ways, ...]:
        """What either side announced for ICE, in the order of time."""
        return tuple(
            Ways(time, from_caller, tuple(ufrags), tuple(Address(*one) for one in candidates))
            for time, from_caller, ufrags, candidates in self.hop.ways()
        )


class Stream(Struct, frozen=True):
    """One RTP stream of a call: what was measured, and where it belongs.

    `leg` is the index of the leg whose SDP announced it, None when no SDP did; `from_caller` says which end of that
    leg sent it. `mos` is None where a score means nothing. `speech_s` and `silent_s` are None where the level is not
    known. `arrives` is what the hearer said last of what was sent on to it, None while it said nothing.
    """

    rtp: RtpStream
    leg: int | None = None
    from_caller: bool | None = None
    mos: float | None = None
    speech_s: float | None = None
    silent_s: float | None = None
    arrives: bool | None = None


Value = str | int | float | bool | None


class Moment(NamedTuple):
    """A decision or an event of a call: its kind (a key of `words.MOMENTS`) and the values its sentence needs."""

    time: float
    kind: str
    values: Mapping[str, Value]


class Summary(Struct, frozen=True):
    """A call in one row: what lists show and what the history can be searched by.

    `ring_s` and `answer_s` count from the first INVITE to the first 18x and to the 2xx; `talk_s` from the 2xx to the
    end. Each is None when that did not happen.
    """

    id: str
    call_id: str
    start: float
    caller: str
    callee: str
    source: str
    result: Result
    status: int
    reason: str
    ring_s: float | None
    answer_s: float | None
    talk_s: float | None
    ended_at: float | None
    ended_by: Side
    ended_how: str


class Call(Struct, frozen=True):
    """Everything known of one call. Legs are in the order of their INVITEs; the first one is the caller's.

    `records` are what a capture holds besides SIP and RTP that touches the call's addresses while it lived (STUN,
    DTLS, RTCP, ICMP, fragments, connections). `left_out` counts messages beyond the cap of one call. `is_own` says
    that it crossed this edge, which metered what came to its ports and told what it decided; else a capture saw it.
    """

    id: str
    call_ids: tuple[str, ...]
    caller: Party
    callee: Party
    start: float
    ringing_at: float | None
    answered_at: float | None
    ended_at: float | None
    result: Result
    status: int
    reason: str
    ended_by: Side
    ended_how: str
    legs: tuple[Leg, ...]
    moments: tuple[Moment, ...] = ()
    streams: tuple[Stream, ...] = ()
    records: tuple[Record, ...] = ()
    left_out: int = 0
    is_own: bool = False

    @property
    def messages(self) -> list[MessageSeen]:
        """The messages of all legs in the order of time."""
        return sorted((seen for leg in self.legs for seen in leg.messages), key=lambda seen: seen.time)

    @property
    def ring_s(self) -> float | None:
        """From the INVITE to the first ringing."""
        return None if self.ringing_at is None else self.ringing_at - self.start

    @property
    def answer_s(self) -> float | None:
        """From the INVITE to the answer."""
        return None if self.answered_at is None else self.answered_at - self.start

    @property
    def talk_s(self) -> float | None:
        """From the answer to the end."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.answered_at)

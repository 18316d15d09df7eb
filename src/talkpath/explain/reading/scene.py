"""The capture around the calls: who was heard, what was exchanged outside calls, and what the capture cannot show.

Fed with every record while reading; asked by the rules afterwards. Holds a few numbers for each host and the last
exchanges of each user, never the packets.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, field

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.calls.model import Call, Medium
from talkpath.capture.records import (
    CaptureNote,
    FragmentsIncomplete,
    IcmpError,
    NoteKind,
    Record,
    RtpStream,
    SipSeen,
    TcpEvent,
    TlsSeen,
    WebSocketEvent,
)
from talkpath.explain.reading.places import Places
from talkpath.explain.reading.traits import branch_of
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message

_Kept = TypeVar("_Kept")
_Event = TypeVar("_Event", bound=Record)
# Exchanges outside calls that are kept. A scanner sends tens of thousands; the counts per source go on.
EXCHANGES_KEPT = 50_000
# Records of a kind about the network that are kept for the rules over the whole capture.
EVENTS_KEPT = 50_000
FORGET_EVERY_S = 60.0
_CREDENTIALS = ("Authorization", "Proxy-Authorization")
# The clock of video (RFC 3551 section 5), by which it is known where nothing announces what it is.
VIDEO_HZ = 90_000
# Streams without signalling that are told of.
STRAYS_TOLD = 50
# Captured twice: fewer than so many, or this share of all packets, is what networks do now and then.
LEAST_COPIES, COPIES = 5, 0.02
# Streams of so many packets and hosts that miss at least this share alike tell of the capture, and not of the line.
ALIKE_EXPECTED, ALIKE_STREAMS, ALIKE_HOSTS, ALIKE_SHARE = 200, 4, 3, 0.01
# So many answered calls without any RTP mean that the capture was not taken where media flows.
SIGNALLING_ONLY = 3


class Heard(Protocol):
    """Who sent SIP, and when. Times are seconds since the epoch; `first` and `last` are 0 where nobody did."""

    @property
    def first(self) -> float: ...
    @property
    def last(self) -> float: ...
    def spoke(self, host: str, start: float, end: float) -> int: ...
    def has_heard(self, host: str) -> bool: ...


class Outside(Struct):
    """A request outside any call (REGISTER, OPTIONS ...) and its answers."""

    request: SipSeen
    sip: Message
    answers: list[tuple[SipSeen, Message]] = field(default_factory=list)
    again: list[float] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Of the first final response; 0 without one."""
        return next((sip.status for _, sip in self.answers if sip.status >= 200), 0)

    @property
    def frames(self) -> tuple[int, ...]:
        return (self.request.frame, *(seen.frame for seen, _ in self.answers))


class Scene:
    """See the module's docstring. `heard` knows who sent SIP, and when."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self._span: tuple[float, float] | None = None
        self.calls: list[Call] = []
        self.outside: list[Outside] = []
        self.notes: list[CaptureNote] = []
        self.tcp: list[TcpEvent] = []
        self.tls: list[TlsSeen] = []
        self.websocket: list[WebSocketEvent] = []
        self.icmp: list[IcmpError] = []
        self.fragments: list[FragmentsIncomplete] = []
        self.streams = 0
        #: SIP messages of which nobody knows what they belong to
        self.malformed = 0
        #: streams that no call announced, and what else passed that is no call's; known when all calls are
        self.strays: list[RtpStream] = []
        self.loose: list[Record] = []
        #: packets of the files, and how many of them were not read, by reason
        self.packets = 0
        self.unread: dict[str, int] = {}
        #: where it was captured, and what several places show of the same streams
        self.places = Places(())
        #: pairs of hosts between which RTP was seen
        self.media_pairs: set[frozenset[str]] = set()
        self.left_out = 0
        self._forgot = 0.0
        #: a feed, of which the calls are not known all at once
        self.is_live = False
        self._gateways: dict[str, list[Address]] | None = None
        #: of so many pairs and calls
        self._known_places: tuple[tuple[int, int], frozenset[str]] = (0, 0), frozenset()
        self._outside = _Index(self.outside, lambda one: {one.request.src.host, one.request.dst.host})
        self._registered = _Index(self.outside, _registered_user)
        self._errors = _Index(self.icmp, lambda one: (one.flow_dst,))
        self._connections = _Index(self.tcp, lambda one: (one.connection,))
        self._attempts = _Index(self.tcp, _failed_ends)
        self._pending: dict[tuple[str, str, str], Outside] = {}

    # --- while reading

    def outside_call(self, seen: SipSeen) -> None:
        """A message that belongs to no call."""
        message = Message.parse(seen.raw)
        key = (message.call_id, message.frame.first("CSeq") or "", branch_of(message))
        exchange = self._pending.get(key)
        if not message.is_request:
            if exchange is not None and not seen.is_copy:
                exchange.answers.append((seen, message))
            return
        if exchange is not None and _repeats(exchange, seen, message):
            exchange.again += [] if seen.is_copy else [seen.time]
        elif len(self.outside) < EXCHANGES_KEPT:
            exchange = self._pending[key] = Outside(seen, message)
            self.outside.append(exchange)
        else:
            self.left_out += 1

    def span(self, first: float, last: float) -> None:
        """The time that is covered, where it is known better than from what was understood."""
        self._span = first, last

    def take_unread(self, packets: int, unread: Mapping[str, int]) -> None:
        """What a file had, and what of it was not read."""
        self.packets += packets
        for reason, count in unread.items():
            self.unread[reason] = self.unread.get(reason, 0) + count

    def forget_before(self, time: float) -> None:
        """A feed goes on: let go of what is old, not oftener than every minute."""
        if time < self._forgot + FORGET_EVERY_S:
            return
        self._forgot = time
        self.outside[:] = [one for one in self.outside if one.request.time >= time]
        self._pending = {key: one for key, one in self._pending.items() if one.request.time >= time}
        self.tcp[:] = _since(self.tcp, time)
        self.tls[:] = _since(self.tls, time)
        self.websocket[:] = _since(self.websocket, time)
        self.icmp[:] = _since(self.icmp, time)
        self.fragments[:] = _since(self.fragments, time)
        for index in (self._outside, self._registered, self._errors, self._connections, self._attempts):
            index.clear()

    def other(self, record: Record) -> None:
        """Anything that is not SIP."""
        match record:
            case RtpStream():
                self._stream(record)
            case TcpEvent():
                self._keep(self.tcp, record)
            case TlsSeen():
                self._keep(self.tls, record)
            case WebSocketEvent():
                self._keep(self.websocket, record)
            case IcmpError():
                self._keep(self.icmp, record)
            case FragmentsIncomplete():
                self._keep(self.fragments, record)
            case CaptureNote():
                self.notes.append(record)
            case _:
                pass

    def _stream(self, stream: RtpStream) -> None:
        self.streams += 1
        self.media_pairs.add(frozenset((stream.src.host, stream.dst.host)))

    def _keep(self, kept: list[_Kept], record: _Kept) -> None:
        if len(kept) < EVENTS_KEPT:
            kept.append(record)
        else:
            self.left_out += 1

    # --- for the rules

    @property
    def first(self) -> float:
        """When the capture begins; without a file, when the first message came."""
        return self._span[0] if self._span else self.heard.first

    @property
    def last(self) -> float:
        return self._span[1] if self._span else self.heard.last

    @property
    def has_drops(self) -> bool:
        """The capture itself says that packets are missing from it."""
        return any(note.kind is NoteKind.DROPPED for note in self.notes)

    @property
    def copies(self) -> int:
        """Packets that were captured twice."""
        return sum(note.count for note in self.notes if note.kind is NoteKind.COPIES)

    @property
    def has_copies(self) -> bool:
        """They are more than a chance."""
        return self.copies >= LEAST_COPIES and self.copies >= COPIES * self.packets

    def spoke(self, host: str, start: float, end: float) -> int:
        """How many messages a host sent within a span of time."""
        return self.heard.spoke(host, start, end)

    def spoke_sip(self, one: str, other: str) -> bool:
        """Whether two hosts exchanged SIP with each other, over whatever transport."""
        pair = {one, other}
        if any({exchange.request.src.host, exchange.request.dst.host} == pair for exchange in self.outside_at(one)):
            return True
        return any({leg.caller.host, leg.callee.host} == pair for call in self.calls for leg in call.legs)

    def outside_of(self, *methods: str) -> Iterable[Outside]:
        return (exchange for exchange in self.outside if exchange.sip.method in methods)

    def gateways_of(self, proxy: str) -> list[Address]:
        """The next hops that answered calls to several numbers from one middle box: gateways, not phones."""
        if self._gateways is None:
            self._gateways = _gateways(self.calls)
        return self._gateways.get(proxy, [])

    @cached_property
    def answered(self) -> int:
        """How many calls were answered. Asked only when all calls are known."""
        return sum(1 for call in self.calls if call.answered_at is not None)

    @cached_property
    def loses_alike(self) -> bool:
        """Whether all streams miss about the same share of their packets, both ways and whoever sends them: no line
        does that, and a capture that cannot keep up does. Asked only when all calls are known."""
        streams = [one.rtp for call in self.calls for one in call.streams if one.rtp.expected >= ALIKE_EXPECTED]
        if self.is_live or len(streams) < ALIKE_STREAMS or len({rtp.src.host for rtp in streams}) < ALIKE_HOSTS:
            return False
        shares = sorted(rtp.lost / rtp.expected for rtp in streams)
        middle, few = shares[len(shares) // 2], len(shares) // 10
        return middle >= ALIKE_SHARE and shares[few] * 4 >= middle and shares[-1 - few] <= middle * 3

    @property
    def shows_media(self) -> bool:
        """Whether the absence of media means anything: not in a capture or a feed of signalling."""
        return self.streams > 0 or (not self.is_live and self.answered < SIGNALLING_ONLY)

    def would_show(self, hosts: Collection[str]) -> str | None:
        """Whether media between two hosts would be in the capture, by what else is: the host that says so.

        It would when they are where the capture was taken. A capture beside a server shows nothing of two phones that
        send to each other past it, though it shows media of both with the server.
        """
        seen = [host for host in hosts if any(host in pair for pair in self.media_pairs)]
        places = self._places
        if not places:
            several = (host for host in seen if sum(host in pair for pair in self.media_pairs) > 1)
            return seen[0] if len(seen) == len(hosts) else next(several, None)
        return seen[0] if seen and places <= set(hosts) else None

    @property
    def _places(self) -> frozenset[str]:
        """The hosts beside which the capture may have been taken: those in all media, and in all signalling or none.

        None where media passes between strangers: at a switch, or at a relay with several addresses.
        """
        known_of = len(self.media_pairs), len(self.calls)
        if self._known_places[0] != known_of:
            hops = {(leg.caller.host, leg.callee.host) for call in self.calls for leg in call.legs}
            talkers = {host for ends in hops for host in ends}
            shared = frozenset.intersection(*self.media_pairs) if self.media_pairs else frozenset()
            places = (host for host in shared if host not in talkers or all(host in ends for ends in hops))
            self._known_places = known_of, frozenset(places)
        return self._known_places[1]

    @cached_property
    def answers_of(self) -> Mapping[str, list[Medium]]:
        """The audio sections with which each host answered calls."""
        found: dict[str, list[Medium]] = defaultdict(list)
        for call in self.calls:
            for leg in call.legs:
                told = leg.media if leg.answered_at is not None else ()
                found[leg.callee.host] += (one for one in told if one.kind == "audio" and not one.from_caller)
        return found

    def calls_from(self, host: str) -> list[Call]:
        """The calls that a host made. Asked only when all calls are known."""
        return self._callers.get(host, [])

    @cached_property
    def _callers(self) -> Mapping[str, list[Call]]:
        found: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            found[call.legs[0].caller.host].append(call)
        return found

    def unclaimed(self) -> Iterator[RtpStream]:
        """Audio without signalling of which something can be said: streams whose codec is known, the largest first,
        at most so many as somebody reads."""
        audio = [one for one in self.strays if one.encoding and one.clock_hz != VIDEO_HZ and not one.is_encrypted]
        audio.sort(key=lambda one: -one.packets)
        yield from audio[:STRAYS_TOLD]

    def is_phone(self, host: str) -> bool:
        """Whether it registers here."""
        return any(one.sip.method == "REGISTER" and one.request.src.host == host for one in self.outside_at(host))

    def outside_at(self, host: str) -> list[Outside]:
        """The requests outside calls that a host sent or was sent."""
        return self._outside.of(host)

    def registrations_of(self, user: str) -> list[Outside]:
        """The REGISTERs for a user, in the order of time."""
        return self._registered.of(user)

    def small_answered(self, host: str) -> list[Outside]:
        """Requests outside calls that passed between a host and others, in whichever direction, with answers."""
        return [exchange for exchange in self.outside_at(host) if exchange.answers]

    def errors_about(self, address: Address) -> list[IcmpError]:
        """ICMP errors that answer what was sent to an address."""
        return self._errors.of(address)

    def connection_events(self, connection: int) -> list[TcpEvent]:
        return self._connections.of(connection) if connection else []

    def attempts(self, host: str, start: float, end: float) -> list[TcpEvent]:
        """Connections with a host at one end that did not come about in a span of time."""
        return [event for event in self._attempts.of(host) if start <= event.time <= end]


def _repeats(exchange: Outside, seen: SipSeen, sip: Message) -> bool:
    """The same request again. What names no branch is not known again once it was answered; who adds credentials
    asks anew, also where the CSeq stays as it was."""
    if not branch_of(sip):
        return not exchange.status
    if seen.raw == exchange.request.raw:
        return True
    before, now = ([one.frame.first(name) for name in _CREDENTIALS] for one in (exchange.sip, sip))
    return before == now


def _since(events: list[_Event], time: float) -> list[_Event]:
    return [event for event in events if event.time >= time]


class _Index(Generic[_Kept]):
    """A list by the keys of its items; catches up when the list has grown."""

    def __init__(self, items: list[_Kept], keys: Callable[[_Kept], Iterable[Hashable]]) -> None:
        self._items = items
        self._keys = keys
        self._seen = 0
        self._known: dict[Hashable, list[_Kept]] = {}

    def clear(self) -> None:
        """The list was shortened."""
        self._seen = 0
        self._known.clear()

    def of(self, key: Hashable) -> list[_Kept]:
        for item in self._items[self._seen :] if self._seen < len(self._items) else ():
            for one in self._keys(item):
                self._known.setdefault(one, []).append(item)
        self._seen = len(self._items)
        return self._known.get(key, [])


def _registered_user(exchange: Outside) -> tuple[str, ...]:
    """Whom a REGISTER is about (RFC 3261 10.2: To)."""
    if exchange.sip.method != "REGISTER":
        return ()
    try:
        return (NameAddr.parse(exchange.sip.first("To") or "").uri.partition(":")[2].partition("@")[0],)
    except Malformed:
        return ()


def _failed_ends(event: TcpEvent) -> tuple[str, ...]:
    return (event.src.host, event.dst.host) if event.kind in ("unanswered", "refused") else ()


def _gateways(calls: Iterable[Call]) -> dict[str, list[Address]]:
    """By the host that sends there: addresses that got INVITEs for at least two different numbers."""
    numbers: dict[tuple[str, Address], set[str]] = defaultdict(set)
    for call in calls:
        for leg in call.legs:
            if leg.parent is not None and leg.status >= 101 and leg.status not in (500, 502, 503, 504):
                numbers[leg.caller.host, leg.callee].add(call.callee.user)
    found: dict[str, list[Address]] = defaultdict(list)
    for (proxy, address), users in numbers.items():
        if len(users) >= 2:
            found[proxy].append(address)
    return found

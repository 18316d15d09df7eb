"""The ledger's other side: from the records of a capture to the same `Call`s that the running edge's traces become.

    ledger = CaptureLedger()
    for record in capture:
        ledger.seen(record)
    calls = ledger.calls()

SIP is grouped by Call-ID and taken apart where a Call-ID was used again; calls that cross a back-to-back agent are
joined (`join.py`); streams and everything else go to the call that announced their addresses at that time.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from talkpath.base import limits
from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.calls.build import Hop, Hops, assemble
from talkpath.calls.join import Part, joined
from talkpath.calls.media import placed
from talkpath.calls.model import Call, Stream
from talkpath.calls.trace import Trace
from talkpath.capture.records import (
    CaptureNote,
    DatagramStream,
    DtlsSeen,
    FragmentsIncomplete,
    HepSeen,
    IcmpError,
    Record,
    RtcpSeen,
    RtpStream,
    SipSeen,
    StunSeen,
    TcpEvent,
    TlsSeen,
    WebSocketEvent,
    ZrtpSeen,
)
from talkpath.sip.message import Message

# A call that ended may still be answered late, and its BYE repeated; then it is quiet.
_LINGER_S = 8.0
# Media begins before the answer arrives and goes on after the BYE; connectivity checks begin with the offer.
_AROUND_S = 5.0


class CaptureLedger:
    """Takes records in the order of the capture; gives calls at its end."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}
        self._streams: list[RtpStream] = []
        self._around: list[Record] = []
        self._last = 0.0
        self._told: set[int] = set()
        #: SIP messages that could not be read, and messages or records left out for want of room
        self.malformed = 0
        self.left_out = 0
        #: streams that no call announced; known once `calls` was asked
        self.strays: list[RtpStream] = []

    def seen(self, record: Record) -> Message | None:
        """The next record. Gives back a SIP message that belongs to no call, parsed, for whoever wants it."""
        self._last = max(self._last, record.time)
        match record:
            case SipSeen():
                return self._message(record)
            case RtpStream():
                self._streams.append(record)
            case CaptureNote():
                pass
            case _:
                self._keep(record)
        return None

    def calls(self) -> list[Call]:
        """Every call, in the order in which they began."""
        self.strays.clear()
        return self._built(self._traces.values(), self._last, self.strays)

    def ended(self, now: float) -> list[Call]:
        """For a feed: the calls that ended and of which nothing was heard for a while, each given once."""
        quiet = now - _LINGER_S
        over = [one for one in self._traces.values() if one.ended_at is not None and one.number not in self._told]
        if not any(trace.touched < quiet for trace in over):
            return []
        calls = [call for call in self._built(over, 0.0, []) if self._is_quiet(call, quiet)]
        self._told.update(self._traces[call_id].number for call in calls for call_id in call.call_ids)
        return calls

    def _built(self, traces: Iterable[Trace], horizon: float, strays: list[RtpStream]) -> list[Call]:
        parts = [Part(hops) for trace in traces for hops in _apart(trace, horizon)]
        return _Owners([_call(hops) for hops in joined(parts)]).given(self._streams, self._around, strays)

    def _is_quiet(self, call: Call, since: float) -> bool:
        return call.ended_at is not None and all(self._traces[call_id].touched < since for call_id in call.call_ids)

    def _message(self, seen: SipSeen) -> Message | None:
        try:
            message = Message.parse(seen.raw)
        except Malformed:
            self.malformed += 1
            return None
        trace = self._traces.get(message.call_id)
        if trace is None:
            if message.method != "INVITE":
                return message
            trace = self._traces[message.call_id] = Trace(message.call_id, len(self._traces), seen.time)
        trace.touched = seen.time
        if message.method == "BYE" or message.status >= 300:
            trace.ended_at = seen.time
        if len(trace.caught) < limits.CALL_MESSAGES:
            trace.caught.append((seen, message))
        else:
            trace.left_out += 1
        return None

    def _keep(self, record: Record) -> None:
        if len(self._around) < limits.CAPTURE_RECORDS:
            self._around.append(record)
        else:
            self.left_out += 1


def _apart(trace: Trace, horizon: float) -> list[list[Hop]]:
    """The calls that one Call-ID was used for, each as its hops."""
    found = [Hops()]
    for seen, sip in sorted(trace.caught, key=lambda row: row[0].time):
        if found[-1].starts_another(seen, sip):
            found.append(Hops())
        found[-1].take(seen, sip, None)
    every = [hops.hops() for hops in found]
    for hop, _, _ in every[-1]:
        hop.time_out(horizon)
    return every


def _call(hops: list[Hop]) -> Call:
    first = hops[0][0]
    return assemble(hops, Trace(first.call_id, 0, first.start))


class _Owners:
    """Which call owned an address, and when."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = calls
        #: for each address the (time of announcement, number of the call), in the order of time
        self._media: dict[Address, list[tuple[float, int]]] = defaultdict(list)
        self._signalling: dict[Address, list[tuple[float, int]]] = defaultdict(list)
        for number, call in enumerate(calls):
            self._index(number, call)
        for index in (self._media, self._signalling):
            for claims in index.values():
                claims.sort()

    def given(self, streams: Iterable[RtpStream], records: Iterable[Record], strays: list[RtpStream]) -> list[Call]:
        """The calls with what is theirs; streams that are nobody's go to `strays`."""
        owned: dict[int, list[Stream]] = defaultdict(list)
        around: dict[int, list[Record]] = defaultdict(list)
        for rtp in streams:
            owner = self._owner(self._media, (rtp.dst, rtp.src), rtp.start, rtp.end)
            if owner is None:
                strays.append(rtp)
            else:
                owned[owner].append(placed(rtp, self._calls[owner].legs))
        for record in records:
            owner = self._owner_of(record)
            if owner is not None and len(around[owner]) < limits.CALL_RECORDS:
                around[owner].append(record)
        return [
            replace(call, streams=tuple(owned[number]), records=tuple(around[number]))
            for number, call in enumerate(self._calls)
        ]

    def _index(self, number: int, call: Call) -> None:
        for leg in call.legs:
            for address in (leg.caller, leg.callee):
                self._signalling[address].append((leg.start, number))
            for medium in leg.media:
                for announced in (medium.address, medium.rtcp):
                    if announced is not None:
                        self._media[announced].append((medium.time, number))

    def _owner_of(self, record: Record) -> int | None:
        match record:
            case StunSeen() | DtlsSeen() | RtcpSeen() | ZrtpSeen() | HepSeen():
                return self._owner(self._media, (record.dst, record.src), record.time, record.time)
            case DatagramStream():
                return self._owner(self._media, (record.dst, record.src), record.start, record.end)
            case IcmpError():
                ends = (record.flow_dst, record.flow_src)
                return self._of_either(ends, record.time)
            case FragmentsIncomplete() | TcpEvent() | TlsSeen() | WebSocketEvent():
                return self._of_either((record.dst, record.src), record.time)
            case _:
                return None

    def _of_either(self, ends: tuple[Address, Address], time: float) -> int | None:
        owner = self._owner(self._media, ends, time, time)
        return self._owner(self._signalling, ends, time, time) if owner is None else owner

    def _owner(
        self, index: dict[Address, list[tuple[float, int]]], addresses: Iterable[Address], start: float, end: float
    ) -> int | None:
        """The call that claimed one of the addresses last, of those that lived at that time."""
        for address in addresses:
            claims = index.get(address)
            if claims is None:
                continue
            at = bisect_right(claims, (end + _AROUND_S, len(self._calls)))
            for _, number in reversed(claims[max(0, at - 64) : at]):
                if self._lived(self._calls[number], start, end):
                    return number
        return None

    @staticmethod
    def _lived(call: Call, start: float, end: float) -> bool:
        return end >= call.start - _AROUND_S and (call.ended_at is None or start <= call.ended_at + _AROUND_S)

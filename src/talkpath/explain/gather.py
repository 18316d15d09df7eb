"""From records to calls: SIP by Call-ID, streams and everything else by the addresses that the calls announced."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.calls.build import call_of
from talkpath.calls.media import placed
from talkpath.calls.model import Call, Stream
from talkpath.calls.trace import Trace
from talkpath.capture.records import (
    DtlsSeen,
    FragmentsIncomplete,
    IcmpError,
    Record,
    RtcpSeen,
    RtpStream,
    SipSeen,
    StunSeen,
)
from talkpath.explain.scene import Scene
from talkpath.sip.message import Message

# Media begins before the answer arrives and goes on after the BYE; connectivity checks begin with the answer.
AROUND_S = 5.0
# A call that ended may still be answered late, and its BYE repeated.
LINGER_S = 8.0
# Records kept for one call; a flood of checks or reports says nothing more after that.
RECORDS_PER_CALL = 2000


class Gatherer:
    """Takes the records of a capture, and gives its calls at the end."""

    def __init__(self) -> None:
        self.scene = Scene()
        #: streams that no call announced
        self.strays: list[RtpStream] = []
        self._told: set[int] = set()
        self._traces: dict[str, Trace] = {}
        self._streams: list[RtpStream] = []
        self._others: list[Record] = []

    def receive(self, record: Record) -> None:
        if isinstance(record, SipSeen):
            self._sip(record)
            return
        self.scene.other(record)
        if isinstance(record, RtpStream):
            self._streams.append(record)
        elif isinstance(record, StunSeen | DtlsSeen | RtcpSeen | IcmpError | FragmentsIncomplete):
            self._others.append(record)

    def _sip(self, seen: SipSeen) -> None:
        self.scene.sip(seen)
        try:
            message = Message.parse(seen.raw)
        except Malformed:
            return
        trace = self._traces.get(message.call_id)
        if trace is None:
            if not (message.is_request and message.method == "INVITE"):
                self.scene.outside_call(seen, message)
                return
            trace = self._traces[message.call_id] = Trace(message.call_id, len(self._traces), seen.time)
        trace.caught.append((seen, message))
        trace.touched = seen.time

    def ended(self, now: float) -> list[Call]:
        """The calls that ended and of which nothing more was heard for a while, each given once."""
        quiet = [t for t in self._traces.values() if t.number not in self._told and t.touched < now - LINGER_S]
        over = [trace for trace in quiet if call_of(trace).ended_at is not None]
        self._told.update(trace.number for trace in over)
        return self._joined([call_of(trace) for trace in over])

    def finish(self) -> list[Call]:
        """The calls, each with its streams and what was seen around it."""
        self.strays.clear()
        self.scene.calls = self._joined([call_of(trace) for trace in self._traces.values()])
        return self.scene.calls

    def _joined(self, calls: list[Call]) -> list[Call]:
        index = _index(calls)
        streams: dict[int, list[Stream]] = defaultdict(list)
        for rtp in self._streams:
            owner = _owner(index, calls, (rtp.dst, rtp.src), rtp.start, rtp.end)
            if owner is None:
                self.strays.append(rtp)
            else:
                streams[owner].append(placed(rtp, calls[owner].legs))
        records: dict[int, list[Record]] = defaultdict(list)
        for record in self._others:
            owner = _owner(index, calls, _addresses(record), record.time, record.time)
            if owner is not None and len(records[owner]) < RECORDS_PER_CALL:
                records[owner].append(record)
        return [
            replace(call, streams=tuple(streams[i]), records=tuple(records[i])) if streams[i] or records[i] else call
            for i, call in enumerate(calls)
        ]


def _index(calls: Iterable[Call]) -> dict[Address, list[int]]:
    """The calls by every address they announced for media, RTCP included, and by their signalling ends."""
    index: dict[Address, list[int]] = defaultdict(list)
    for number, call in enumerate(calls):
        addresses: set[Address] = set()
        for leg in call.legs:
            for medium in leg.media:
                addresses.add(medium.address)
                if medium.rtcp:
                    addresses.add(medium.rtcp)
        for address in addresses:
            index[address].append(number)
    return index


def _owner(
    index: dict[Address, list[int]], calls: list[Call], addresses: Iterable[Address], start: float, end: float
) -> int | None:
    """The call that had announced one of the addresses at that time: the last that began."""
    for address in addresses:
        found = [n for n in index.get(address, ()) if _lived(calls[n], start, end)]
        if found:
            return max(found, key=lambda n: calls[n].start)
    return None


def _lived(call: Call, start: float, end: float) -> bool:
    return end >= call.start - AROUND_S and (call.ended_at is None or start <= call.ended_at + AROUND_S)


def _addresses(record: Record) -> tuple[Address, ...]:
    match record:
        case IcmpError():
            return (record.flow_dst, record.flow_src)
        case StunSeen() | DtlsSeen() | RtcpSeen() | FragmentsIncomplete():
            return (record.dst, record.src)
        case _:
            return ()

"""The ledger's other side: from the records of a capture to the same `Call`s that the running edge's traces become.

    ledger = CaptureLedger()
    for batch in capture.batches():
        ledger.take(batch)
    calls = ledger.calls()

SIP is grouped by Call-ID and taken apart where a Call-ID was used again; calls that cross a back-to-back agent are
joined (`join.py`); streams and everything else go to the call that announced their addresses at that time.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from talkpath._native import SipLedger
from talkpath.base import limits
from talkpath.base.address import Address
from talkpath.calls.build import assemble, end_of, legs_of
from talkpath.calls.join import Part, joined
from talkpath.calls.legs import Placed, placed_hops
from talkpath.calls.media import apart, placed
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
from talkpath.capture.rtcp_json import rtcp_of

# A call that ended may still be answered late, and its BYE repeated; then it is quiet.
_LINGER_S = 8.0
# Media begins before the answer arrives and goes on after the BYE; connectivity checks begin with the offer.
_AROUND_S = 5.0
# A feed is cleaned this often.
_SWEEP_S = 60.0
# Nobody rings for longer (RFC 3261 16.6 step 11, Timer C); what was answered goes on for as long as it likes.
_SILENT_S = 200.0
# Who spoke when is asked about the span of a call's set-up, and Call-IDs have stragglers for a minute.
_HEARD_S = 3600.0


class CaptureLedger:
    """Takes records in the order of the capture; gives calls at its end."""

    def __init__(self) -> None:
        #: the messages of calls, and who spoke when
        self.sip = SipLedger(limits.CALL_MESSAGES)
        self._streams: list[RtpStream] = []
        self._around: list[Record] = []
        self._last = 0.0
        self._sweep_at = 0.0
        #: of a feed: the calls that ended, as they were when they were last heard of
        self._ended: dict[str, tuple[float, list[Part]]] = {}
        #: records left out for want of room
        self.left_out = 0
        #: streams that no call announced, and other records that are no call's; known once `calls` was asked
        self.strays: list[RtpStream] = []
        self.loose: list[Record] = []

    @property
    def malformed(self) -> int:
        """SIP messages that could not be read."""
        return self.sip.malformed

    def take(self, records: list[Record]) -> tuple[list[SipSeen], list[Record]]:
        """The next records. Gives back the SIP messages that belong to no call, and the records that are no SIP."""
        outside, others = self.sip.take(records)
        for record in others:
            self._last = max(self._last, record.time)
            match record:
                case RtpStream():
                    self._streams.append(record)
                case CaptureNote():
                    pass
                case HepSeen():
                    self._keep(rtcp_of(record) or record)
                case _:
                    self._keep(record)
        return outside, others

    def calls(self) -> list[Call]:
        """Every call, in the order in which they began."""
        self.strays.clear()
        self.sip.pack()
        drafts = self._drafts(max(self._last, self.sip.last))
        owners = _Owners(drafts, self._streams, self._around)
        self.strays += owners.give_streams(self._streams)
        self.loose = owners.give_records(self._around)
        # of a large capture drafts and calls do not fit side by side
        drafts.reverse()
        return [drafts.pop().call() for _ in range(len(drafts))]

    # --- a feed, which has no end

    def over(self, now: float) -> list["Draft"]:
        """The calls that ended and of which nothing was heard for a while; now and then those that died silently."""
        touched = dict(self.sip.ended())
        quiet = {call_id for call_id, at in touched.items() if at < now - _LINGER_S}
        forgotten: set[str] = set()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_S
            self._sweep(now)
            quiet.update(self.sip.silent(now - _SILENT_S))
            forgotten.update(self.sip.silent(now - limits.CALL_FORGOTTEN_S))
        if not quiet:
            return []
        whole = joined(self._ended_parts(now, touched, quiet))
        drafts = [Draft(hops) for hops in whole if all(hop.call_id in quiet for hop, _, _ in hops)]
        return [one for one in drafts if one.ended_at is not None or forgotten.issuperset(one.call_ids)]

    def release(self, over: Sequence["Draft"], now: float) -> list[Call]:
        """These calls with what is theirs. Nothing of them is kept."""
        owners = _Owners(over, self._streams, self._around)
        self._streams = owners.give_streams(self._streams)
        self._around = owners.give_records(self._around)
        self.sip.forget([call_id for draft in over for call_id in draft.call_ids], now)
        return [draft.call() for draft in over]

    def _sweep(self, now: float) -> None:
        """Let go of what belongs to no running call: its call would be known by now."""
        owners = _Owners(self._drafts(0.0), self._streams, self._around)
        since = now - _AROUND_S - _SWEEP_S
        self._streams = [one for one in self._streams if one.time > since or owners.owns(one)]
        self._around = [one for one in self._around if one.time > since or owners.owns(one)]
        self.sip.forget_before(now - _HEARD_S)

    def _drafts(self, horizon: float) -> list["Draft"]:
        parts = [Part(placed_hops(hops)) for hops in self.sip.calls(horizon)]
        return [Draft(hops) for hops in joined(parts)]

    def _ended_parts(self, now: float, touched: Mapping[str, float], quiet: Collection[str]) -> list[Part]:
        """The calls that ended, folded again only where something was heard since, and those that are silent."""
        known = {name: entry for name, entry in self._ended.items() if touched.get(name) == entry[0]}
        others = [name for name in dict.fromkeys([*touched, *quiet]) if name not in known]
        silent = []
        for hops in self.sip.calls(now, others):
            part = Part(placed_hops(hops))
            name = part.first.call_id
            if name in touched:
                known.setdefault(name, (touched[name], []))[1].append(part)
            else:
                silent.append(part)
        self._ended = known
        return [part for _, parts in known.values() for part in parts] + silent

    def _keep(self, record: Record) -> None:
        if len(self._around) < limits.CAPTURE_RECORDS:
            self._around.append(record)
        else:
            self.left_out += 1


class Draft:
    """A call that does not have its streams and records yet."""

    def __init__(self, hops: list[Placed]) -> None:
        self.legs = legs_of(hops)
        self.start = self.legs[0].start
        self._end = end_of(self.legs, None)
        self.ended_at = self._end[0]
        #: made when there is something to put in: most calls of large captures have neither
        self.streams: list[Stream] | None = None
        self.records: list[Record] | None = None

    @property
    def call_ids(self) -> list[str]:
        return [leg.call_id for leg in self.legs]

    @property
    def media_addresses(self) -> set[Address]:
        """Where its sides wait for RTP."""
        return {medium.address for leg in self.legs for medium in leg.media}

    def call(self) -> Call:
        trace = Trace(self.legs[0].call_id, 0, self.start)
        trace.records = self.records or []
        return assemble(self.legs, trace, apart(self.streams, self.legs) if self.streams else (), self._end)

    def add_stream(self, rtp: RtpStream) -> None:
        if self.streams is None:
            self.streams = []
        self.streams.append(placed(rtp, self.legs))

    def add_record(self, record: Record) -> None:
        if self.records is None:
            self.records = []
        if len(self.records) < limits.CALL_RECORDS:
            self.records.append(record)

    def lived(self, start: float, end: float) -> bool:
        """Whether the call, with some time around it, was there in this span."""
        return end >= self.start - _AROUND_S and (self.ended_at is None or start <= self.ended_at + _AROUND_S)

    def shared_s(self, start: float, end: float) -> float:
        """How much of this span the call lived, without the time around it; negative is a distance."""
        return min(end, self.ended_at if self.ended_at is not None else end) - max(start, self.start)


class _Owners:
    """Which call owned an address, and when: of the addresses that these streams and records name."""

    def __init__(self, drafts: Sequence[Draft], streams: Iterable[RtpStream], records: Sequence[Record]) -> None:
        self._drafts = drafts
        self._asked = {address for record in (*streams, *records) for address in _ends_of(record)}
        #: for each address the (time of announcement, number of the call), in the order of time
        self._media: dict[Address, list[tuple[float, int]]] = defaultdict(list)
        self._signalling: dict[Address, list[tuple[float, int]]] = defaultdict(list)
        #: the name of a side in connectivity checks, and the calls that use it
        self._ufrags: dict[str, int] = {}
        for number, draft in enumerate(drafts if self._asked else ()):
            self._index(number, draft)
        for index in (self._media, self._signalling):
            for claims in index.values():
                claims.sort()
        self._learn(records)

    def _learn(self, records: Iterable[Record]) -> None:
        """Addresses that no description names: those that a NAT gave, known by the checks that name a call's side
        (peer-reflexive candidates, RFC 8445 7.3.1.3)."""
        if not self._ufrags:
            return
        for record in records:
            if isinstance(record, StunSeen) and record.username:
                names = record.username.split(":")
                number = next((self._ufrags[name] for name in names if name in self._ufrags), None)
                if number is not None:
                    self._claim(number, record)

    def _claim(self, number: int, check: StunSeen) -> None:
        for address in (check.src, check.dst):
            claims = self._media[address]
            if all(owner != number for _, owner in claims):
                insort(claims, (check.time, number))

    def give_streams(self, streams: Iterable[RtpStream]) -> list[RtpStream]:
        """Each to the call that announced it; gives back those that are nobody's."""
        strays = []
        for rtp in streams:
            owner = self._owner(self._media, (rtp.dst, rtp.src), rtp.start, rtp.end)
            if owner is None:
                strays.append(rtp)
            else:
                owner.add_stream(rtp)
        return strays

    def give_records(self, records: Iterable[Record]) -> list[Record]:
        """Each to the call whose addresses it touches; gives back those that are nobody's."""
        strays = []
        for record in records:
            owner = self._owner_of(record)
            if owner is None:
                strays.append(record)
            else:
                owner.add_record(record)
        return strays

    def owns(self, record: Record) -> bool:
        """Whether a call announced its addresses."""
        return self._owner_of(record) is not None

    def _index(self, number: int, draft: Draft) -> None:
        for leg in draft.legs:
            for address in (leg.caller, leg.callee):
                if address in self._asked:
                    self._signalling[address].append((leg.start, number))
            for ways in leg.ways:
                self._ufrags.update(dict.fromkeys(ways.ufrags, number))
                for candidate in ways.candidates:
                    if candidate in self._asked:
                        self._media[candidate].append((ways.time, number))
            for medium in leg.media:
                for announced in (medium.address, medium.rtcp):
                    if announced is not None and announced in self._asked:
                        self._media[announced].append((medium.time, number))

    def _owner_of(self, record: Record) -> Draft | None:
        match record:
            case StunSeen() | DtlsSeen() | RtcpSeen() | ZrtpSeen() | HepSeen():
                return self._owner(self._media, (record.dst, record.src), record.time, record.time)
            case RtpStream() | DatagramStream():
                return self._owner(self._media, (record.dst, record.src), record.start, record.end)
            case IcmpError():
                ends = (record.flow_dst, record.flow_src)
                return self._of_either(ends, record.time)
            case FragmentsIncomplete() | TcpEvent() | TlsSeen() | WebSocketEvent():
                return self._of_either((record.dst, record.src), record.time)
            case _:
                return None

    def _of_either(self, ends: tuple[Address, Address], time: float) -> Draft | None:
        owner = self._owner(self._media, ends, time, time)
        return self._owner(self._signalling, ends, time, time) if owner is None else owner

    def _owner(
        self, index: dict[Address, list[tuple[float, int]]], addresses: Iterable[Address], start: float, end: float
    ) -> Draft | None:
        """Of the calls that claimed one of the addresses and lived then: who lived longest of it, the last of these.

        A phone uses the same port for one call after another, seconds apart.
        """
        for address in addresses:
            claims = index.get(address)
            if claims is None:
                continue
            at = bisect_right(claims, (end + _AROUND_S, len(self._drafts)))
            recent = (self._drafts[number] for _, number in reversed(claims[max(0, at - 64) : at]))
            living = [draft for draft in recent if draft.lived(start, end)]
            if living:
                return living[0] if len(living) == 1 else max(living, key=lambda draft: draft.shared_s(start, end))
        return None


def _ends_of(record: Record) -> tuple[Address, ...]:
    """The addresses by which a record belongs to a call."""
    match record:
        case IcmpError():
            return record.flow_dst, record.flow_src
        case CaptureNote():
            return ()
        case _:
            return record.dst, record.src

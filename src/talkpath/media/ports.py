"""The ports of one call: leased for sections, shared by bundles, secured, moved, and given back.

Which section wants what is decided elsewhere; here is what becomes of the engine's ports, and what the ledger hears
of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from talkpath.base import limits
from talkpath.base.octets import raw, text
from talkpath.media import moments
from talkpath.media.announced import Announced
from talkpath.media.engine import HostPort, Leases, Port, Recording, Totals
from talkpath.media.gated import GatedTransport
from talkpath.media.keying import Security
from talkpath.media.leg import Anchor, Leg, Transport
from talkpath.media.policy import WEB_PROTOCOL, LegId, MediaPolicy, Profile
from talkpath.media.portkeys import PortKeys
from talkpath.media.record import GatedRecord, PortRecord, ReleasedRecord, TotalsRecord, TransportRecord
from talkpath.media.standing import Standing
from talkpath.media.telling import Noting, Telling
from talkpath.media.told import Packing
from talkpath.media.transport import IceTransport

# Sources of dropped packets that are remembered of ports that were summed up.
_SOURCES = 8


class PortTotals(NamedTuple):
    """What one of our ports saw from and sent to its leg, from lease to release. `section` counts m= from 0."""

    leg: LegId
    side: str
    section: int
    kind: str
    local: str
    totals: Totals
    #: where those are that it was for, and who were not heard all the time (`Anchor.of_parties`)
    others: frozenset[HostPort]

    def save(self) -> ReleasedRecord:
        """As data."""
        return ReleasedRecord(
            self.leg, self.section, raw(self.kind), self.local, _saved(self.totals), tuple(sorted(self.others))
        )

    def and_before(self, other: "PortTotals") -> "PortTotals":
        """With what another port of the same side saw before."""
        return self._replace(
            totals=_sum(_saved(other.totals), _saved(self.totals)), others=frozenset((*self.others, *other.others))
        )

    @classmethod
    def resumed(cls, record: ReleasedRecord) -> "PortTotals":
        """The same again."""
        leg, others = LegId(record.leg), frozenset(record.others)
        side = Leg(leg).side
        return cls(leg, side, record.section, text(record.kind), record.local, record.totals, others)


def _saved(totals: Totals) -> TotalsRecord:
    dropped = tuple([(host, port, count) for host, port, count in totals.dropped])
    return TotalsRecord(
        totals.heard_packets,
        totals.heard_bytes,
        totals.heard_rtcp,
        totals.sent_packets,
        totals.sent_bytes,
        totals.sent_rtcp,
        totals.lost,
        totals.strangers,
        totals.unauthentic,
        totals.replayed,
        totals.last_heard,
        totals.forgiven,
        dropped,
    )


def _sum(one: TotalsRecord, other: TotalsRecord) -> TotalsRecord:
    """Of the sources of what was dropped those stay that sent most."""
    sources: Counter[HostPort] = Counter()
    for host, port, count in (*one.dropped, *other.dropped):
        sources[host, port] += count
    heard = [at for at in (one.last_heard, other.last_heard) if at is not None]
    return TotalsRecord(
        one.heard_packets + other.heard_packets,
        one.heard_bytes + other.heard_bytes,
        one.heard_rtcp + other.heard_rtcp,
        one.sent_packets + other.sent_packets,
        one.sent_bytes + other.sent_bytes,
        one.sent_rtcp + other.sent_rtcp,
        one.lost + other.lost,
        one.strangers + other.strangers,
        one.unauthentic + other.unauthentic,
        one.replayed + other.replayed,
        max(heard, default=None),
        one.forgiven + other.forgiven,
        tuple((host, port, count) for (host, port), count in sources.most_common(_SOURCES)),
    )


class Ports:
    """See the module. Every port that is open is here, by the id that engine events name."""

    def __init__(self, leases: Leases, policy: MediaPolicy, security: Security | None, note: Noting) -> None:
        self._leases = leases
        self._engine = leases.engine
        self._policy = policy
        self._security = security
        self._note = note
        self._anchors: dict[int, Anchor] = {}
        #: where what is heard is copied to
        self._recording: Recording | None = None
        #: what those given back had seen, in order
        self.released: list[PortTotals] = []

    def save(self, pack: Packing) -> tuple[PortRecord, ...]:
        """As data, in the order in which they are named."""
        return tuple([anchor.save(pack) for anchor in self._anchors.values()])

    def resume(
        self, records: Sequence[PortRecord], legs: Mapping[int, Leg], ports: Sequence[Port], now: float
    ) -> None:
        """Be what was saved, on these ports."""
        anchors = []
        for record, port in zip(records, ports, strict=True):
            leg = legs[record.leg]
            anchor = self._anchors[port.id] = Anchor.resumed(record, self._engine, leg, port)
            anchors.append(anchor)
            if not record.is_vacant:
                leg.anchors[record.section] = anchor
            self._resume_security(anchor, record, now)
        for anchor, record in zip(anchors, records, strict=True):
            target = None if record.target is None else anchors[record.target]
            anchor.meet(target, None if record.carrier is None else anchors[record.carrier])

    def _resume_security(self, anchor: Anchor, record: PortRecord, now: float) -> None:
        security = self._security
        if security is None:
            return
        if record.crypto is not None:
            anchor.crypto = PortKeys.resumed(record.crypto, security, anchor.port)
        if record.transport is not None:
            anchor.transport = self._resumed(record.transport, anchor, security, now)
        for leg, transport in record.parked:
            anchor.parked[LegId(leg)] = self._resumed(transport, anchor, security, now)

    def _resumed(self, record: TransportRecord, anchor: Anchor, security: Security, now: float) -> Transport:
        note = Telling(partial(self._note, side=anchor.leg.side))
        standing = Standing(self._engine, security.engine)
        standing.resume(record.standing)
        if isinstance(record, GatedRecord):
            return GatedTransport.resumed(record, standing, anchor.port, security, note)
        return IceTransport.resumed(record, standing, anchor.port, security, note, now)

    def __iter__(self) -> Iterator[tuple[int, Anchor]]:
        return iter(self._anchors.items())

    def find(self, port: int) -> Anchor | None:
        """The anchor of an open port."""
        return self._anchors.get(port)

    @property
    def is_recorded(self) -> bool:
        """Whether what is heard is copied to a file."""
        return self._recording is not None

    def record(self, recording: Recording | None) -> None:
        """Copy what every port hears from now on, those leased later too; None ends it."""
        self._recording = recording
        for anchor in self._anchors.values():
            self._engine.tee(anchor.port, recording)

    def _enter(self, anchor: Anchor) -> None:
        self._anchors[anchor.port.id] = anchor
        if self._recording is not None:
            self._engine.tee(anchor.port, self._recording)

    def transports(self) -> list[Transport]:
        """Those of all legs, each once, parked ones too: sections of one transport share it with the first."""
        anchors = [anchor for anchor in self._anchors.values() if anchor.carrier is None]
        heard = [anchor.transport for anchor in anchors if anchor.transport is not None]
        return heard + [parked for anchor in anchors for parked in anchor.parked.values()]

    @property
    def busy(self) -> Leg | None:
        """Whose DTLS is between its first word and its keys, so that nobody else could go on with it."""
        for anchor in self._anchors.values():
            own = [] if anchor.transport is None else [anchor.transport]
            if any(transport.is_busy for transport in (*own, *anchor.parked.values())):
                return anchor.leg
        return None

    def lease(
        self, leg: Leg, index: int, wanted: Announced | None, web: bool, carrier: Anchor | None, now: float
    ) -> Anchor:
        """Our port for a section. A new one is on the transport of `carrier`; else `web` gives it ICE or DTLS."""
        anchor = leg.anchor(index)
        if anchor is None and carrier is not None:
            anchor = leg.share(self._leases, index, carrier)
            self._enter(anchor)
            self._note(now, moments.BUNDLED, side=leg.side, local=str(anchor.local))
        elif anchor is None:
            anchor = leg.lease(self._leases, self._policy, index, wanted)
            self._enter(anchor)
            self._note(now, moments.LEASED, side=leg.side, local=str(anchor.local))
            if web and self._security is not None:
                anchor.transport = self._transport(anchor, wanted, self._security, now)
        return anchor

    def secure(self, anchor: Anchor | None, own: Announced, now: float) -> None:
        """A leg that was plain speaks ICE or DTLS from this answer on."""
        if anchor is not None and anchor.transport is None and own.web is not None and self._security is not None:
            anchor.transport = self._transport(anchor, own, self._security, now)

    def _transport(self, anchor: Anchor, wanted: Announced | None, security: Security, now: float) -> Transport:
        """With what the leg offered, or is offered by us because it speaks it."""
        leg = anchor.leg
        note = Telling(partial(self._note, side=leg.side))
        theirs = None if wanted is None or wanted.web is None else wanted
        if not (leg.wants_ice if theirs is None else theirs.is_under_ice):
            standing = Standing(self._engine, security.engine)
            gated = GatedTransport(standing, anchor.port, anchor.local, security, note)
            gated.open()
            return gated
        made = IceTransport(
            Standing(self._engine, security.engine),
            anchor.port,
            anchor.local,
            security,
            note,
            controlling=wanted is None,
            dtls=leg.ends_here or leg.wants_dtls if theirs is None else theirs.is_under_dtls,
            # Endpoints of WebRTC all can (RFC 8834 section 4.5); others are left the choice.
            mux=leg.is_web if theirs is None else theirs.mux,
            profile=WEB_PROTOCOL if leg.is_web else Profile.DTLS,
        )
        made.open()
        for candidate in made.candidates:
            note(now, moments.ICE_OWN_CANDIDATE, candidate=str(candidate))
        return made

    def hand_over(self, leg: Leg, before: LegId) -> None:
        """The ports of this leg were those of `before`, which answered the same offer, and may get them back."""
        anchors = [anchor for anchor in leg.anchors if anchor is not None]
        for anchor in anchors:
            if anchor.carrier is None and anchor.transport is not None and self._security is not None:
                leaving = anchor.parked[before] = anchor.transport
                leaving.standing.park(anchor.port)
                anchor.others |= frozenset(leaving.standing.addresses)
                anchor.transport = anchor.parked.pop(leg.id, None)
                if anchor.transport is not None:
                    anchor.transport.standing.unpark(anchor.port)
                else:
                    note = Telling(partial(self._note, side=leg.side))
                    standing = Standing(self._engine, self._security.engine)
                    anchor.transport = leaving.another(standing, note)
        for anchor in anchors:
            if anchor.carrier is not None:
                anchor.transport = anchor.carrier.transport
            anchor.meet_another()

    @staticmethod
    def dismiss(anchors: Iterable[Anchor | None], leg: LegId, now: float) -> None:
        """This leg has no part in the ports any more that it shared with who has them now."""
        for anchor in anchors:
            parked = None if anchor is None else anchor.parked.pop(leg, None)
            if parked is not None:
                parked.close(now)

    def move(self, anchor: Anchor, carrier: Anchor, now: float) -> None:
        """A section leaves the transport of its own, which nobody used yet, for that of another."""
        if anchor.transport is not None and anchor.carrier is None:
            anchor.transport.close(now)
        leg, index = anchor.leg, anchor.index
        del self._anchors[anchor.port.id]
        self._leases.close(anchor.port)
        anchor.forget()
        moved = leg.share(self._leases, index, carrier)
        self._enter(moved)
        self._note(now, moments.BUNDLED, side=leg.side, local=str(moved.local))

    def close(self, anchor: Anchor, now: float) -> None:
        """The section is over; its port goes back when no other shares it."""
        leg, carrier = anchor.leg, anchor.carrier
        if not anchor.is_vacant:
            leg.anchors[anchor.index] = None
        if any(other.carrier is anchor for other in self._anchors.values()):
            anchor.is_vacant = True
            anchor.route(None)
            anchor.heed(None, self._policy, now)
            return
        if anchor.transport is not None and carrier is None:
            anchor.transport.close(now)
        for leg_id in list(anchor.parked):
            self.dismiss([anchor], leg_id, now)
        del self._anchors[anchor.port.id]
        totals = self._leases.close(anchor.port)
        local, others = str(anchor.local), anchor.of_parties()
        anchor.forget()
        self._remember(PortTotals(leg.id, leg.side, anchor.index, anchor.kind, local, totals, others))
        if carrier is not None and carrier.is_vacant:
            self.close(carrier, now)

    def _remember(self, totals: PortTotals) -> None:
        """What the oldest ports of a side saw becomes one, where there are too many."""
        released = self.released
        released.append(totals)
        if len(released) <= limits.MEDIA_RELEASED:
            return
        first = next(one for one in released if sum(other.side == one.side for other in released) > 1)
        second = next(one for one in released if one.side == first.side and one is not first)
        released.remove(second)
        released[released.index(first)] = second.and_before(first)

    def abandon(self) -> None:
        """Close all ports in the engine, and say goodbye to nobody."""
        for anchor in self._anchors.values():
            self._leases.close(anchor.port)
            anchor.forget()
        self._anchors.clear()

    def close_others(self, known: set[int], now: float) -> None:
        """Give back all ports but the `known`."""
        for port, anchor in list(self._anchors.items()):
            if port not in known and port in self._anchors:
                self.close(anchor, now)

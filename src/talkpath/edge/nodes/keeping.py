"""What another node is told of the calls of this one, and how it goes on with them.

A call can be said once it rings (`ringing.py`), and when it is answered (`record.py`). Whatever touches it only marks
it here, where anybody wants to know; who drives the edge asks a moment later what became of it, so that an answer and
its ACK make one record, and a call that is answered at once is not told as ringing before. A call that is over has
none.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from talkpath.base.address import Target
from talkpath.base.errors import Malformed, Unavailable
from talkpath.base.octets import raw, text
from talkpath.calls.model import Side
from talkpath.calls.trace import NODE_DIED, WENT_OVER, Trace
from talkpath.edge.calls.anchoring import Anchoring
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.core import Core
from talkpath.edge.forking.answers import Answers
from talkpath.edge.gateways.table import Gateways
from talkpath.edge.gateways.through import Through
from talkpath.edge.nodes.record import (
    CallRecord,
    PartyRecord,
    SeatRecord,
    hop_of_record,
    record_of_hop,
    version_of,
)
from talkpath.edge.nodes.rescue import Left, Rescue, moved
from talkpath.edge.nodes.ringing import Ringing
from talkpath.edge.routing.services import Services
from talkpath.media.policy import LegId
from talkpath.media.record import MediaRecord, Unsaid
from talkpath.sip.message import Message

# What parties are told whose call cannot go on (RFC 3326).
_MEDIA_LOST = 'Q.850;cause=41;text="The media of a server that died cannot go on at another"'

# A call is told as ringing when it has rung for so long: machines answer sooner, and people do not.
_RINGS_S = 0.1

#: What a call is known by among nodes.
Key = tuple[str, str]


class Known(NamedTuple):
    """What another process needs of a call: its record, what the engine knows of its ports, what was seen of it.

    `is_last`: who wrote it has given its ports back, so that nothing has left since; `heir`: which of the processes
    that may go on from it this is (`media.engine.HEIRS`).
    """

    record: CallRecord
    ports: bytes
    seen: Trace
    is_last: bool = False
    heir: int = 1


class Untold(NamedTuple):
    """A running call that would not go on if this node died, by a code, and whose side that is of."""

    call_id: str
    why: str
    side: str = ""


class Changed(NamedTuple):
    """A call of which more is known than before; None for one that is over."""

    key: Key
    known: Known | None


class Keeping:
    """See the module's docstring."""

    def __init__(
        self,
        core: Core,
        anchoring: Anchoring,
        ending: Ending,
        services: Services,
        gateways: Gateways,
        answers: Answers,
    ) -> None:
        self._core = core
        self._ending = ending
        self._services = services
        self._gateways = gateways
        self._ringing = Ringing(core, answers)
        self._rescue = Rescue(core, anchoring, ending)
        #: what others know of each call
        self._told: dict[RunningCall, CallRecord] = {}
        self._known: dict[Key, RunningCall] = {}
        #: those of another process that nobody was told of yet as ours
        self._taken: set[RunningCall] = set()
        #: those that were said for the last time, until somebody goes on with them
        self._handed: set[RunningCall] = set()

    def begin(self, hurry: Callable[[], None] | None = None) -> None:
        """Somebody wants to know of the calls from now on. `hurry` is called, once until he does, where he should ask
        soon (`take_urgent`): who answered talks when the ACK passed, and who hung up is gone."""
        self._core.touched = {}
        self._core.hurry = hurry or self._core.hurry

    def passed(self, message: Message) -> None:
        """A message was handled: the call that it is of may have changed."""
        if self._core.touched is not None:
            call = self._core.call_of(message)
            if call is not None:
                self._core.touch(call, is_urgent=message.is_request and message.method == "ACK")

    def take_changed(self, now: float) -> list[Changed]:
        """The calls that are not any more as this said when it was last asked. One that cannot be said now, because a
        handshake is under way, stays as it was said before."""
        touched = self._core.touched
        if not touched:
            return []
        self._core.touched, self._core.urgent = {}, {}
        return self._changes_of(touched, now)

    def take_urgent(self, now: float) -> list[Changed]:
        """The same of those alone of which others should hear at once."""
        urgent, touched = self._core.urgent, self._core.touched
        self._core.urgent = {}
        for call in urgent:
            if touched is not None:
                touched.pop(call, None)
        return self._changes_of(urgent, now)

    def _changes_of(self, touched: dict[RunningCall, None], now: float) -> list[Changed]:
        found = [self._change_of(call, now) for call in touched if call not in self._handed]
        return [one for one in found if one is not None]

    def _change_of(self, call: RunningCall, now: float) -> Changed | None:
        before, is_taken = self._told.get(call), call in self._taken
        if before is None and self._begins(call, now):
            self._core.touch(call)
            return None
        if not self._is_sayable(call):
            self._taken.discard(call)
            if before is None:
                return None
            del self._told[call], self._known[before.key]
            return Changed(before.key, None)
        record, seen = self.record(call), self._core.ledger.trace(call.call_id)
        is_stale = is_taken or (call.media is not None and call.media.has_advanced)
        if record is None or seen is None or not (is_stale or record != before):
            return None
        self._taken.discard(call)
        self._tell(call, record)
        ports = b"" if call.media is None else call.media.save_ports()
        return Changed(record.key, Known(record, ports, seen))

    def _tell(self, call: RunningCall, record: CallRecord) -> None:
        self._told[call], self._known[record.key] = record, call

    # --- from a call to its record

    @staticmethod
    def _begins(call: RunningCall, now: float) -> bool:
        """Whether it may be answered, or refused, in a moment."""
        return call.phase is Phase.CALLING and now - call.heard_at < _RINGS_S

    def _is_sayable(self, call: RunningCall) -> bool:
        """Whether it rings, or somebody answered; a service, once its caller knows."""
        if call.phase is Phase.CALLING:
            return self._ringing.fork_of(call) is not None
        return call.phase is Phase.ANSWERED and self._services.is_settled(call)

    def record(self, call: RunningCall) -> CallRecord | None:
        """What is known of a call; None where it cannot be said at this moment."""
        media = None if call.media is None else call.media.save()
        if isinstance(media, Unsaid) or call in self._rescue.pending:
            return None
        before = self._told.get(call)
        places = {seat: place for place, seat in enumerate(call.seats)}
        fork = self._ringing.fork_of(call)
        ringing = None if fork is None else self._ringing.said(fork)
        recorded, router = self._core.recordings.said(call), self._core.world.router
        return CallRecord(
            version=version_of(ringing),
            call_id=raw(call.call_id),
            name=raw(call.key[1]) if before is None else before.name,
            caller=_party(call.caller, places),
            callees=tuple([_party(one, places) for one in call.callees.values()]),
            next_leg=call.next_leg,
            winner=None if call.winner is None else call.winner.leg,
            offers=call.offers,
            invite_cseq=call.invite_cseq,
            heard_at=call.heard_at,
            session_s=call.session_s,
            hung_up_at=call.hung_up_at,
            hung_up_by=call.hung_up_by,
            is_to_be_recorded=call.is_to_be_recorded,
            was_recorded=call.was_recorded,
            came_from="" if call.came_from is None else call.came_from.name,
            seats=tuple([_seat(one) for one in call.seats]),
            service=self._services.answering(call),
            toll=self._core.guard.toll.counted(call),
            media=media,
            recorded_for="" if recorded is None else recorded.why,
            recorded_as="" if recorded is None else recorded.name,
            recording_told=recorded is not None and recorded.is_announced,
            recording_paused_by=None if recorded is None else recorded.paused_by,
            ringing=ringing,
            script=b"" if router is None else router.remembered(call.call_id, call.caller.tag),
        )

    def untold(self) -> Iterator[Untold]:
        """The running calls that others do not know of, or not as they are."""
        for call in list(self._core.calls.values()):
            if call in self._handed:
                continue
            unsaid = None if call.media is None else call.media.unsaid()
            if unsaid is not None:
                yield Untold(call.call_id, unsaid.code, unsaid.side)
            elif call not in self._told:
                yield Untold(call.call_id, "begins" if call.phase is Phase.CALLING else "untold", "")

    # --- and back

    def take_over(
        self, known: Known, frm: str, silent_s: float, now: float, *, has_address: bool = True
    ) -> RunningCall | None:
        """Go on with a call of the node `frm`, or without a name of the process whose place this one took, which was
        last heard of `silent_s` ago; None where it runs here, or was begun anew.
        Where its media cannot go on, as without its address, the call is ended on both sides."""
        core, record = self._core, known.record
        if record.key in self._known or (record.ringing is not None and self._ringing.is_here(record.ringing)):
            return None
        call = self._begin(known, frm, silent_s, now)
        if record.service is not None:
            self._services.resume(call, record.service)
        fork = None
        if record.ringing is not None:
            came_from = self._gateways.named(record.came_from) if record.came_from else None
            fork = self._ringing.take_up(call, record.ringing, came_from, now)
        is_lost = not has_address
        if has_address and record.media is not None:
            is_lost = not self._resume_media(call, record.media, known, now)
        if record.recorded is not None and call.media is not None:
            core.recordings.go_on(call, record.recorded, now)
        if fork is not None and record.ringing is not None:
            self._ringing.go_on(fork, record.ringing, now, is_lost=is_lost)
        elif is_lost:
            self._lose(call, now)
        return call

    def _begin(self, known: Known, frm: str, silent_s: float, now: float) -> RunningCall:
        """It runs here."""
        core, record = self._core, known.record
        call = self._call(record, now)
        core.ledger.resumed(now, known.seen)
        core.begin(call)
        self._tell(call, record)
        self._taken.add(call)
        core.touch(call)
        if frm:
            core.note(call.call_id, "node.taken-over", now, node=frm, silent_s=round(silent_s, 1))
        else:
            core.note(call.call_id, "node.replaced", now, seconds=round(silent_s, 1))
        if record.script and core.world.router is not None:
            core.world.router.recall(call.call_id, call.caller.tag, record.script)
        if record.toll is not None:
            core.guard.toll.resumed(*record.toll, call, call.phase is Phase.ANSWERED, now)
        return call

    def rescue(self, known: Known, frm: str, silent_s: float, now: float) -> RunningCall | None:
        """Go on with a call of the node `frm`, whose addresses nobody has: its media have other ports here, and its
        parties are asked to follow. One that rings is broken off, for no answer finds us."""
        if known.record.key in self._known:
            return None
        record = moved(known.record, self._core.world.reach.local_for)
        known = known._replace(record=record)
        if record.ringing is not None:
            return self.take_over(known, frm, silent_s, now, has_address=False)
        call = self._begin(known, frm, silent_s, now)
        self._rescue.begin(call, Left(record, known.ports, known.heir), frm, now)
        return call

    def ask(self, there: Target, done: Callable[[bool, float], None], now: float) -> None:
        """Ask a node whether it is there; `done` hears that, and the time."""
        self._rescue.ask(there, done, now)

    def hand_over(self, key: Key, now: float) -> Known | None:
        """Say a call for the last time, and stand still, so that another goes on where this ends; None for one that
        cannot be said now, or was said so. `take_back` where nobody comes."""
        call = self._known.get(key)
        record = None if call is None or call in self._handed else self.record(call)
        seen = None if call is None else self._core.ledger.trace(call.call_id)
        if call is None or record is None or seen is None:
            return None
        self._handed.add(call)
        self._tell(call, record)
        ports = b""
        if call.media is not None:
            ports, call.media = call.media.hand_over(), None
        self._core.note(call.call_id, "node.handed-over", now)
        return Known(record, ports, seen, is_last=True)

    def prepare(self, now: float) -> bool:
        """A process is about to take the place of this one: say all calls that can be said, and give whether these
        are all that run. To be called until they are."""
        if self._core.touched is None:
            self.begin()
        for call in self._core.calls.values():
            self._core.touch(call)
        self.take_changed(now)
        return not any(True for _ in self.untold())

    def bequeath(self, now: float) -> list[Known]:
        """Say them for the last time. They run here no more, and nobody is told anything: they live there."""
        found: list[Known] = []
        for key, call in list(self._known.items()):
            known = self.hand_over(key, now)
            if known is None:
                continue
            fork = self._ringing.fork_of(call)
            if fork is not None:
                fork.leave(now)
            self._core.ledger.bequeathed(call.call_id)
            self._core.forget(call)
            found.append(known)
        return found

    def take_back(self, key: Key, known: Known, now: float) -> None:
        """Nobody went on with a call that was handed over: it goes on here."""
        call = self._known.get(key)
        if call is None or call not in self._handed:
            return
        self._handed.remove(call)
        self._taken.add(call)
        self._core.touch(call)
        self._core.note(call.call_id, "node.taken-back", now)
        if known.record.media is not None and not self._resume_media(call, known.record.media, known, now):
            self._lose(call, now)

    def let_go(self, key: Key, to: str, now: float) -> None:
        """Another node goes on with a call of ours: nobody is told anything, for it lives there."""
        call = self._known.pop(key, None)
        if call is None:
            return
        del self._told[call]
        self._handed.discard(call)
        self._core.note(call.call_id, "node.went-over", now, node=to)
        if call.media is not None:
            call.media.abandon()
            call.media = None
        fork = self._ringing.fork_of(call)
        if fork is not None:
            fork.leave(now)
        self._services.forget_ended(call)
        self._ending.end(call, Side.SERVER, WENT_OVER, now)

    def _lose(self, call: RunningCall, now: float) -> None:
        fork = self._ringing.fork_of(call)
        if fork is not None:
            self._ringing.break_off(fork, now)
        self._services.forget_ended(call)
        self._ending.end_on_both_sides(call, NODE_DIED, _MEDIA_LOST, now)

    def _resume_media(self, call: RunningCall, record: MediaRecord, known: Known, now: float) -> bool:
        """Whether its media go on."""
        try:
            call.media = self._core.world.resume_media(call, record, known.ports, known.heir, (), now)
        except (Malformed, Unavailable) as hindered:
            self._core.note(call.call_id, "node.media-lost", now, why=hindered.reason)
            return False
        return True

    def _call(self, record: CallRecord, now: float) -> RunningCall:
        seats = [self._seat(one, now) for one in record.seats]
        call = RunningCall(text(record.call_id), _restored(record.caller, seats), now)
        for one in record.callees:
            call.callees[LegId(one.leg)] = _restored(one, seats)
        for one in record.callees:
            if one.first is not None:
                call.callees[LegId(one.leg)].first = call.callees.get(LegId(one.first))
        call.phase = Phase.ANSWERED if record.ringing is None else Phase.CALLING
        call.winner = None if record.winner is None else call.callees.get(LegId(record.winner))
        call.next_leg, call.offers, call.invite_cseq = record.next_leg, record.offers, record.invite_cseq
        call.heard_at, call.session_s = record.heard_at, record.session_s
        call.hung_up_at, call.hung_up_by = record.hung_up_at, record.hung_up_by
        call.is_to_be_recorded, call.was_recorded = record.is_to_be_recorded, record.was_recorded
        call.seats = [seat for seat in seats if seat is not None]
        came_from = self._gateways.named(record.came_from) if record.came_from else None
        call.came_from = None if came_from is None else came_from.settings
        return call

    def _seat(self, record: SeatRecord, now: float) -> Through | None:
        """The channel at a gateway; None where it is none of ours."""
        gateway = self._gateways.named(record.gateway)
        if gateway is None:
            return None
        through = Through(gateway, tuple(map(text, record.key)), self._gateways.credentials(gateway))
        through.is_begun, through.is_told = True, not record.is_open
        if record.is_open:
            gateway.begun(through.key, now)
        else:
            gateway.came(through.key, now)
        return through


def _seat(through: Through) -> SeatRecord:
    return SeatRecord(through.gateway.settings.name, tuple(map(raw, through.key)), not through.is_told)


def _party(party: Party, places: dict[Through, int]) -> PartyRecord:
    identity = party.identity
    return PartyRecord(
        leg=party.leg,
        hop=record_of_hop(party.flow),
        behind_nat=party.behind_nat,
        name=raw(party.name),
        caller_as=raw(party.caller_as),
        tag=raw(party.tag),
        contact=raw(party.contact),
        routes=tuple([raw(route) for route in party.routes]),
        cseq=party.cseq,
        cseq_shift=party.cseq_shift,
        first=None if party.first is None else party.first.leg,
        is_confirmed=party.is_confirmed,
        is_acknowledged=party.is_acknowledged,
        is_hanging_up=party.is_hanging_up,
        is_over=party.is_over,
        is_told_the_end=party.is_told_the_end,
        is_caller_told=party.is_caller_told,
        user=raw(party.user),
        identity=None if identity is None else (raw(identity[0]), raw(identity[1])),
        agent=raw(party.agent),
        profile=party.profile,
        refused=tuple(sorted(party.refused)),
        ice=party.ice,
        own_keys=party.own_keys,
        seat=None if party.through is None else places.get(party.through),
        at=None if party.at is None else record_of_hop(party.at),
        node=party.node,
    )


def _restored(record: PartyRecord, seats: list[Through | None]) -> Party:
    party = Party(LegId(record.leg), hop_of_record(record.hop), record.behind_nat)
    party.name, party.caller_as, party.tag = text(record.name), text(record.caller_as), text(record.tag)
    party.contact, party.routes = text(record.contact), [text(route) for route in record.routes]
    party.cseq, party.cseq_shift = record.cseq, record.cseq_shift
    party.is_confirmed, party.is_acknowledged = record.is_confirmed, record.is_acknowledged
    party.is_hanging_up, party.is_over = record.is_hanging_up, record.is_over
    party.is_told_the_end, party.is_caller_told = record.is_told_the_end, record.is_caller_told
    party.user, party.agent, party.ice = text(record.user), text(record.agent), record.ice
    party.own_keys, party.node = record.own_keys, record.node
    party.at = None if record.at is None else hop_of_record(record.at)
    if record.identity is not None:
        party.identity = (text(record.identity[0]), text(record.identity[1]))
    party.profile, party.refused = record.profile, frozenset(record.refused)
    if record.seat is not None and record.seat < len(seats):
        party.through = seats[record.seat]
    return party

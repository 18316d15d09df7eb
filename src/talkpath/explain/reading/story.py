"""A call as the rules read it: its exchanges, what each side announced, and what was seen around it.

Everything costly is computed when a rule asks for it, and once. `traits` is computed for every call; most calls show
few of them, and a rule whose traits a call does not show is never run.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeVar, cast

from msgspec import Struct, field

from talkpath.base.address import Address
from talkpath.calls.model import Call, Joined, Leg, MessageSeen, Result
from talkpath.capture.records import DtlsSeen, Record, StunSeen
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.talk import Talk
from talkpath.explain.reading.traits import Trait, branch_of, cseq_number, media_traits, sip_traits
from talkpath.sip.grammar import Via
from talkpath.sip.message import Message

# The payload of one UDP datagram in an Ethernet frame without fragments: 1500 - 20 - 8 (IPv4).
UNFRAGMENTED_BYTES = 1472
_QUIET_RESULTS = frozenset({Result.BUSY, Result.CANCELLED, Result.ONGOING})
_Kind = TypeVar("_Kind", bound=Record)
_Any = TypeVar("_Any")


class Exchange(Struct):
    """A request on one hop and its responses there, in the order of time."""

    leg: Leg
    request: MessageSeen
    branch: str = ""
    responses: list[MessageSeen] = field(default_factory=list)

    @property
    def method(self) -> str:
        return self.request.sip.method

    @property
    def from_caller(self) -> bool:
        return self.request.from_caller

    @property
    def final(self) -> MessageSeen | None:
        """The first final response."""
        return next((seen for seen in self.responses if seen.sip.status >= 200), None)

    @property
    def status(self) -> int:
        """Of the final response; 0 when there is none."""
        final = self.final
        return final.sip.status if final else 0

    @property
    def answer(self) -> MessageSeen | None:
        """The 2xx that was sent first."""
        return next((seen for seen in self.responses if 200 <= seen.sip.status < 300), None)

    @property
    def is_initial(self) -> bool:
        """Outside a dialog."""
        return not self.request.sip.to_tag

    @property
    def sendings(self) -> int:
        """How often the request was sent, copies of the capture not counted."""
        return 1 + len(self.request.retransmitted)

    @property
    def last_sent(self) -> float:
        again = self.request.retransmitted
        return again[-1].time if again else self.request.time


class Story:
    """One call with everything a rule may ask about it."""

    def __init__(self, call: Call, scene: Scene) -> None:
        self.call = call
        self.scene = scene
        self._known: dict[str, object] = {}

    def once(self, name: str, compute: Callable[[], _Any]) -> _Any:
        """What `compute` gives, computed for the first who asks under this name."""
        if name not in self._known:
            self._known[name] = compute()
        return cast(_Any, self._known[name])

    @property
    def legs(self) -> tuple[Leg, ...]:
        return self.call.legs

    @property
    def end(self) -> float:
        """When the call ended, or when the capture did."""
        return self.call.ended_at if self.call.ended_at is not None else self.scene.last

    @property
    def talk_s(self) -> float:
        """From the answer to the end, 0 without an answer."""
        return max(0.0, self.end - self.call.answered_at) if self.call.answered_at is not None else 0.0

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """Every request of the call on every hop, ACK included, in the order of time."""
        found = [exchange for leg in self.legs for exchange in self._of_leg[leg.index]]
        return sorted(found, key=lambda exchange: exchange.request.time)

    @cached_property
    def _of_leg(self) -> list[list[Exchange]]:
        return [sorted(_exchanges(leg), key=lambda exchange: exchange.request.time) for leg in self.legs]

    @cached_property
    def traits(self) -> frozenset[Trait]:
        return frozenset(self._traits())

    @cached_property
    def talk(self) -> Talk:
        """The media side: what was announced, and the streams by leg and direction."""
        refused = frozenset(e.request.time for e in self.in_dialog("INVITE", "UPDATE") if e.status >= 300)
        return Talk(self.call, self.end, refused)

    @property
    def first(self) -> Leg:
        """The caller's hop."""
        return self.legs[0]

    @cached_property
    def last_leg(self) -> Leg:
        """The hop of who answered: the furthest that was answered, else the last that was tried."""
        answered = [leg for leg in self.legs if leg.answered_at is not None]
        return answered[-1] if answered else self.legs[-1]

    def edge_leg(self, is_caller: bool) -> Leg:
        """The hop next to one end."""
        return self.first if is_caller else self.last_leg

    def address_of(self, is_caller: bool) -> Address:
        """Where an end's own packets come from."""
        leg = self.edge_leg(is_caller)
        return leg.caller if is_caller else leg.callee

    def of_leg(self, leg: Leg, method: str = "") -> Iterator[Exchange]:
        """The exchanges of one hop, of one method or all."""
        for exchange in self._of_leg[leg.index]:
            if not method or exchange.method == method:
                yield exchange

    def invite(self, leg: Leg) -> Exchange | None:
        """The initial INVITE of a hop that counted: the answered one, else the last tried."""
        initial = [exchange for exchange in self.of_leg(leg, "INVITE") if exchange.is_initial]
        answered = [exchange for exchange in initial if exchange.answer]
        found = answered or initial
        return found[-1] if found else None

    def number(self, exchange: Exchange) -> int:
        """The CSeq number of a request as its sender wrote it. Who asks a phone again for the caller, or answers a
        challenge for it, counts on, and so do the requests that follow there."""
        number = cseq_number(exchange.request.sip)
        return number - self._shifts[exchange.leg.index] if exchange.from_caller else number

    @cached_property
    def _shifts(self) -> list[int]:
        shifts: list[int] = []
        for leg in self.legs:
            parent = self.legs[leg.parent] if leg.joined is Joined.PROXY and leg.parent is not None else None
            here, there = self.invite(leg), self.invite(parent) if parent is not None else None
            shift = 0
            if parent is not None and here is not None and there is not None:
                shift = cseq_number(here.request.sip) - cseq_number(there.request.sip) + shifts[parent.index]
            shifts.append(shift)
        return shifts

    def in_dialog(self, *methods: str) -> Iterator[Exchange]:
        """Requests within the dialog, in the order of time."""
        for exchange in self.exchanges:
            if not exchange.is_initial and exchange.method in methods:
                yield exchange

    def around(self, kind: type[_Kind]) -> list[_Kind]:
        """What the capture holds of one kind about this call's addresses while it lived."""
        return [record for record in self.call.records if isinstance(record, kind)]

    @cached_property
    def stun(self) -> list[StunSeen]:
        return self.around(StunSeen)

    @cached_property
    def dtls(self) -> list[DtlsSeen]:
        return self.around(DtlsSeen)

    def _traits(self) -> Iterator[Trait]:
        call = self.call
        if call.is_own:
            yield Trait.OWN
        if self.scene.places.are_several:
            yield Trait.ELSEWHERE
        if call.answered_at is not None:
            yield Trait.ANSWERED
            if call.is_own or call.streams or call.records or self.scene.shows_media:
                yield from media_traits(call, self.end)
        elif call.result not in _QUIET_RESULTS:
            yield Trait.FAILED
        yield from sip_traits(call)


def _exchanges(leg: Leg) -> Iterator[Exchange]:
    """Requests with their responses: matched by direction, CSeq and, for requests of the same CSeq, the branch."""
    open_: dict[tuple[bool, str, int, str], Exchange] = {}
    for seen in leg.messages:
        sip = seen.sip
        number, branch = cseq_number(sip), branch_of(sip)
        if sip.is_request:
            key = (seen.from_caller, sip.method, number, branch)
            if key not in open_:
                open_[key] = Exchange(leg, seen, branch)
            continue
        exchange = open_.get((not seen.from_caller, sip.method, number, branch))
        if exchange is None:
            exchange = _without_branch(open_, not seen.from_caller, sip.method, number)
        if exchange is not None:
            exchange.responses.append(seen)
    yield from open_.values()


def _without_branch(
    open_: dict[tuple[bool, str, int, str], Exchange], from_caller: bool, method: str, number: int
) -> Exchange | None:
    """A response whose branch was altered on the way still answers the only request of its CSeq."""
    same = [exchange for key, exchange in open_.items() if key[:3] == (from_caller, method, number)]
    return same[0] if len(same) == 1 else None


def top_via(sip: Message) -> Via | None:
    """The top Via, None when unreadable."""
    try:
        return sip.top_via
    except ValueError:
        return None

"""The ladder of a call as data: columns, and in the order of time the arrows and the moments between them.

`drawing.py` makes text of it; a page can make something else. Repetitions of a message are folded into its arrow.
"""

from dataclasses import dataclass

from talkpath.base.address import Address
from talkpath.calls.model import Call, Leg, Medium, MessageSeen, Moment


@dataclass(frozen=True, slots=True)
class Column:
    """One box on the path, by the addresses that it used in this call."""

    addresses: tuple[Address, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message from one column to another. `offset_s` counts from the first message of the call."""

    offset_s: float
    tail: int
    head: int
    text: str
    media: tuple[Medium, ...]
    seen: MessageSeen
    leg: int


@dataclass(frozen=True, slots=True)
class Note:
    """A moment, at its place between the arrows."""

    offset_s: float
    moment: Moment


@dataclass(frozen=True, slots=True)
class Ladder:
    """Everything that is drawn of a call."""

    columns: tuple[Column, ...]
    steps: tuple[Arrow | Note, ...]


def ladder_of(call: Call) -> Ladder:
    """The ladder of a call. The callee of a hop and the caller of the hop it led to are one column."""
    boxes = _boxes(call.legs)
    order = _order(call.legs, boxes)
    places = _places(call.legs, boxes)
    arrows = [_arrow(call, leg, seen, boxes, order, places) for leg in call.legs for seen in leg.messages]
    notes = [Note(moment.time - call.start, moment) for moment in call.moments]
    steps: list[Arrow | Note] = [*arrows, *notes]
    return Ladder(_columns(call, boxes, order), tuple(sorted(steps, key=lambda step: step.offset_s)))


def start_line(seen: MessageSeen) -> str:
    """What stands on the arrow: the method, or the status and its phrase with the method of another than INVITE."""
    sip = seen.sip
    if sip.is_request:
        return f"{sip.method} (re-INVITE)" if sip.method == "INVITE" and sip.to_tag else sip.method
    method = "" if sip.method == "INVITE" else f" ({sip.method})"
    return f"{sip.status} {sip.reason}{method}"


def _boxes(legs: tuple[Leg, ...]) -> list[tuple[int, int]]:
    """For each hop the numbers of the boxes at its two ends. Whom a box asks several times is one box."""
    boxes: list[tuple[int, int]] = []
    asked: dict[tuple[int, Address], int] = {}
    count = 0
    for leg in legs:
        if leg.parent is None or leg.parent >= len(boxes):
            caller, count = count, count + 1
        else:
            caller = boxes[leg.parent][1]
        callee = asked.setdefault((caller, leg.callee), count)
        count = max(count, callee + 1)
        boxes.append((caller, callee))
    return boxes


def _order(legs: tuple[Leg, ...], boxes: list[tuple[int, int]]) -> dict[int, int]:
    """Boxes from left to right: each hop's callee stands behind whatever its caller led to before."""
    order: list[int] = []
    for leg, (caller, callee) in zip(legs, boxes, strict=True):
        if caller not in order:
            order.append(caller)
        if callee not in order:
            order.insert(_behind(leg, legs, boxes, order), callee)
    return {box: column for column, box in enumerate(order)}


def _behind(leg: Leg, legs: tuple[Leg, ...], boxes: list[tuple[int, int]], order: list[int]) -> int:
    siblings = [boxes[other.index][1] for other in legs if other.parent == leg.parent and other.index < leg.index]
    family = [box for box in siblings if box in order] or [boxes[leg.index][0]]
    return max(order.index(box) for box in family) + 1


def _places(legs: tuple[Leg, ...], boxes: list[tuple[int, int]]) -> dict[Address, int]:
    """Which box an address is."""
    ends = zip(legs, boxes, strict=True)
    return {address: box for leg, own in ends for address, box in zip((leg.caller, leg.callee), own, strict=True)}


def _arrow(
    call: Call,
    leg: Leg,
    seen: MessageSeen,
    boxes: list[tuple[int, int]],
    order: dict[int, int],
    places: dict[Address, int],
) -> Arrow:
    tail, head = (order[box] for box in _ends(leg, seen, boxes[leg.index], places))
    told = leg.media if seen.sip.carries_sdp else ()
    media = tuple(one for one in told if one.time == seen.time and one.from_caller is seen.from_caller)
    offset_s = seen.time - call.start
    return Arrow(offset_s, tail, head, start_line(seen), media, seen, leg.index)


def _ends(leg: Leg, seen: MessageSeen, own: tuple[int, int], places: dict[Address, int]) -> tuple[int, int]:
    """From which box to which: the ends of its hop, but for what goes past the middle box straight to another."""
    one, two = own if seen.from_caller else own[::-1]
    hosts = (leg.caller.host, leg.callee.host)
    if seen.source.host not in hosts:
        one = places.get(seen.source, one)
    if seen.destination.host not in hosts:
        two = places.get(seen.destination, two)
    return one, two


def _columns(call: Call, boxes: list[tuple[int, int]], order: dict[int, int]) -> tuple[Column, ...]:
    addresses: dict[int, dict[Address, None]] = {box: {} for box in order}
    for leg, (caller, callee) in zip(call.legs, boxes, strict=True):
        addresses[caller][leg.caller] = None
        addresses[callee][leg.callee] = None
    ours = {boxes[leg.index][_our_end(seen)] for leg in call.legs for seen in leg.messages if seen.sent is not None}
    columns = sorted(order, key=lambda box: order[box])
    return tuple(Column(tuple(addresses[box]), "talkpath" if box in ours else "") for box in columns)


def _our_end(seen: MessageSeen) -> int:
    """Which end of its hop we are, of a message that the running edge sent or received: 0 the caller's."""
    return 0 if seen.sent is seen.from_caller else 1

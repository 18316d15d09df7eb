"""Next hops that never said a word: what `gateway-down` and `failover-missing` both stand on."""

from collections.abc import Iterator

from msgspec import Struct, field

from talkpath.base.address import Address
from talkpath.calls.model import Leg
from talkpath.capture.records import IcmpError, IcmpKind, TcpEvent
from talkpath.explain.reading.story import Exchange, Story

# Sent three times (0, 0.5, 1.5 s: Timer A) an INVITE has given the other side more than a second.
SENDINGS = 3
_HARD = frozenset(
    {IcmpKind.PORT_UNREACHABLE, IcmpKind.HOST_UNREACHABLE, IcmpKind.NET_UNREACHABLE, IcmpKind.PROHIBITED}
)


class Silence(Struct):
    """A hop without any response, and what else was said about its far end.

    `is_alive`: it spoke to others meanwhile, so it is not down altogether.
    """

    address: Address
    leg: Leg | None
    invite: Exchange | None
    errors: list[IcmpError] = field(default_factory=list)
    attempts: list[TcpEvent] = field(default_factory=list)
    is_alive: bool = False


def silent_hops(story: Story) -> list[Silence]:
    """The hops of a call whose far end is silent, in the order they were tried."""
    return story.once("silent hops", lambda: list(_silent_hops(story)))


def _silent_hops(story: Story) -> Iterator[Silence]:
    for leg in story.legs:
        invite = story.invite(leg)
        if story.call.is_own and leg.parent is None:
            continue  # we are whom it was sent to; that our answer found nobody any more is no silence of ours
        if story.call.is_own and leg.parent is None:
            continue  # we are whom it was sent to; that our answer found nobody any more is no silence of ours
        if invite is None or invite.responses or invite.request.seen.fragments > 1:
            continue
        told = [e for e in story.scene.errors_about(leg.callee) if leg.start <= e.time <= story.end + 1]
        if any(e.kind is IcmpKind.TOO_BIG for e in told):
            continue  # it never got there, and that has a finding of its own
        errors = [e for e in told if e.kind in _HARD]
        gave_up = story.scene.last - invite.request.time > 2
        patient = invite.sendings >= SENDINGS or (leg.transport.is_reliable and gave_up)
        if patient or errors:
            alive = story.scene.spoke(leg.callee.host, leg.start, leg.start + 32) > 0
            yield Silence(leg.callee, leg, invite, errors, is_alive=alive)
    if story.call.answered_at is None:
        yield from _unconnected(story)


def _unconnected(story: Story) -> Iterator[Silence]:
    """A middle box that could not even open its connection to the next hop."""
    inner = {leg.callee.host for leg in story.legs}
    events = [e for host in sorted(inner) for e in story.scene.attempts(host, story.call.start - 1, story.end + 33)]
    for event in events:
        client, server = (event.src, event.dst) if event.kind == "unanswered" else (event.dst, event.src)
        if client.host in inner and not story.scene.spoke(server.host, event.time - 1, event.time + 32):
            yield Silence(server, None, None, [], [event])
            return

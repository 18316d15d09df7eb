"""Which contacts of a user give way where he may have no more, and what is told of that.

A phone that was started again is not always known again: some draw a new instance each time, others have none and a
new source port. What they leave behind would keep them out until it ran out. So what leads nowhere makes room, the
oldest first:

    its connection is closed (RFC 5626 section 6)
    it stopped answering what keeps its flow open
    it is plainly of the very phone that comes: the same User-Agent at the same address, with the same host in its
    Contact, at another port; and its phone never renewed it, nor answers there

A phone that is there renews its contact before half of its time is over, so what is left of one that was renewed runs
out before there are ten. Whoever else comes is one too many.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from talkpath.base import limits
from talkpath.base.address import Flow
from talkpath.edge.registrar.binding import Binding
from talkpath.sip.uri import Uri


class Flows(Protocol):
    """What is known of the ways to phones."""

    def is_gone(self, flow: Flow) -> bool:
        """Whether nobody answers there any more."""

    def is_there(self, flow: Flow) -> bool:
        """Whether a phone answers there what it is asked."""


def giving_way(
    idle: Iterable[Binding], comes: Iterable[Binding], flows: Flows, is_open: Callable[[Binding], bool]
) -> list[Binding]:
    """Those of `idle` that lead nowhere, in the order in which they go, where these want to be added."""
    ranked: list[tuple[int, float, Binding]] = []
    for one in idle:
        rank = _rank(one, comes, flows, is_open)
        if rank is not None:
            ranked.append((rank, one.registered_at, one))
    ranked.sort(key=lambda entry: entry[:2])
    return [one for _, _, one in ranked]


def _rank(one: Binding, comes: Iterable[Binding], flows: Flows, is_open: Callable[[Binding], bool]) -> int | None:
    if not is_open(one):
        return 0
    if flows.is_gone(one.flow):
        return 1
    is_left = not (one.is_renewed or flows.is_there(one.flow)) and any(_is_same_phone(one, new) for new in comes)
    return 2 if is_left else None


def _is_same_phone(older: Binding, newer: Binding) -> bool:
    """A phone has one socket, so what came by the same is another of its accounts or lines."""
    there, here = older.flow.remote, newer.flow.remote
    return (
        bool(newer.user_agent)
        and older.user_agent == newer.user_agent
        and there.host == here.host
        and there.port != here.port
        and Uri.parse(older.contact).host == Uri.parse(newer.contact).host
    )


class Crowd(NamedTuple):
    """What happened to a user with as many contacts as he may have: from where it came last, by which phone, how
    many old contacts made room, and how many new ones were refused."""

    user: str
    source: str
    agent: str
    made_room: int
    refused: int


class Crowds:
    """What is to be told of them: one story a user."""

    def __init__(self) -> None:
        self._told: dict[str, Crowd] = {}

    def add(self, newer: Binding, *, made_room: int = 0, refused: int = 0) -> None:
        """A contact came for which there was no room as it was."""
        user = newer.user
        before = self._told.get(user)
        if before is None:
            if len(self._told) >= limits.GUARD_STORIES:
                return
            before = Crowd(user, "", "", 0, 0)
        source = newer.flow.remote.host
        made_room, refused = before.made_room + made_room, before.refused + refused
        self._told[user] = Crowd(user, source, newer.user_agent, made_room, refused)

    def take(self) -> list[Crowd]:
        """What happened since this was last asked."""
        told, self._told = self._told, {}
        return list(told.values())

"""A node's place in a cluster: joined before the edge is made, because the edge is made of what the nodes share."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from talkpath.cluster.copy import Health, LiveCopy, State
from talkpath.cluster.engine import Description, Engine, Missing
from talkpath.cluster.envelope import Place
from talkpath.cluster.member import Member
from talkpath.cluster.nodes import NodeRecord, Nodes
from talkpath.cluster.registrations import Registrations
from talkpath.cluster.sealing import Seal, Unreadable
from talkpath.cluster.shared import KIND as SHARED
from talkpath.cluster.shared import PLACE, MakeShared, Shared, SharedKind, first

# How long a start waits for the engine: where the keys are on the disk, and where they must be fetched.
_PATIENCE_S = 5.0
_FIRST_PATIENCE_S = 20.0
# How long it is listened for another process with our name, where the last one did not say that it left.
_LISTEN_S = 2.5
_SWEEP_S = 600.0
# How long what was said last may take to be written.
_PARTING_S = 1.0


class Hindrance(StrEnum):
    """Why a node cannot join."""

    SECRET = "secret"
    STORAGE = "storage"
    PERMISSION = "permission"
    TRUST = "trust"
    NAME = "name"
    UNREACHED = "unreached"


class CannotJoin(Exception):
    """`address` is where the other node of the same name is."""

    def __init__(self, why: Hindrance, address: str = "") -> None:
        super().__init__(why, address)
        self.why = why
        self.address = address


@dataclass(frozen=True, slots=True)
class About:
    """The cluster and this node in it. `mark`: 16 random bytes of this process."""

    cluster: str
    node: str
    secret: str
    mark: bytes


class Membership:
    """See the module's docstring. `record` says what this node tells with each beat."""

    def __init__(
        self, about: About, engine: Engine, record: Callable[[], NodeRecord], now: Callable[[], float]
    ) -> None:
        self.about = about
        self.now = now
        self._engine = engine
        self.seal = Seal(about.secret, about.cluster, about.mark)
        self.copy = LiveCopy(about.node, self.seal, self._cannot_read, now())
        self.shared = SharedKind(self.copy)
        self.nodes = Nodes(self.copy, record, about.mark)
        self.member = Member(self.copy, engine, now, self._tick)
        self.registrations = Registrations(self.copy, self.seal, self.member.wake, now)
        self._sweep_at = now() + _SWEEP_S
        #: whether records are sealed with another secret, written by a newer talkpath
        self.is_foreign = False
        self.meets_newer = False
        #: of what kind the last was that could not be read
        self.unreadable_kind = ""

    async def join(self, stored: Shared | None, make: MakeShared) -> Shared:
        """What the nodes share, as the cluster has it, or as `stored` where nobody answers. Raises CannotJoin."""
        await self.member.start()
        if not await self._is_read(_FIRST_PATIENCE_S if stored is None else _PATIENCE_S):
            if stored is None:
                raise CannotJoin(_hindrance(self.member.lacks))
            self.shared.ours = stored
            return stored
        await self._check_name()
        shared = await self._agreed(stored or make())
        self.shared.ours = shared
        return shared

    async def close(self) -> None:
        """Say that this node leaves, and write what waits."""
        if not self.copy.is_fenced and self.copy.state is State.LIVE:
            self.copy.drop(Place("node", self.about.node), self.now())
            self.member.wake()
            await self._until(lambda: self.copy.is_settled, _PARTING_S)
        await self.member.close()

    def beat_soon(self) -> None:
        """Say at once what this node says of itself."""
        self.copy.beat_now(self.now())
        self.member.wake()

    def health(self) -> Health:
        return self.copy.health()

    def describe(self) -> Description:
        return self._engine.describe()

    # --- joining

    async def _is_read(self, patience_s: float) -> bool:
        """Whether all is read: what comes may be much, and is waited for as long as it comes."""
        read = -1
        while read != self.copy.counters["read"] and not self.copy.is_whole:
            read = self.copy.counters["read"]
            await self._until(lambda: self.copy.is_whole or self.is_foreign or self._is_hopeless(), patience_s)
            if self.is_foreign or self._is_hopeless():
                break
        if self.is_foreign:
            raise CannotJoin(Hindrance.SECRET)
        if self._is_hopeless():
            raise CannotJoin(_hindrance(self.member.lacks))
        return self.copy.is_whole

    def _is_hopeless(self) -> bool:
        """Whether waiting does not help: somebody has to change the engine."""
        return self.member.lacks is not None

    async def _check_name(self) -> None:
        """Whether another process bears our name. Where the last one did not say that it left, it may run yet."""
        if not self.copy.knows(Place("node", self.about.node)):
            return
        await self._until(lambda: self.nodes.namesake is not None, _LISTEN_S)
        other = self.nodes.namesake
        if other is not None:
            raise CannotJoin(Hindrance.NAME, f"{other.host}:{other.port}")

    async def _agreed(self, offered: Shared) -> Shared:
        """What the cluster has; what we offer where it has nothing. Of two that offer at once the first is taken."""
        for _ in range(3):
            if self.shared.found is not None:
                return self.shared.found
            if await self._engine.create(PLACE, first(self.about.node, self.seal, offered, self.now())):
                return offered
            await self._until(lambda: self.shared.found is not None or self.is_foreign, _PATIENCE_S)
            if self.is_foreign:
                raise CannotJoin(Hindrance.SECRET)
        raise CannotJoin(Hindrance.UNREACHED)

    async def _until(self, is_so: Callable[[], bool], patience_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not is_so():
                    await self.member.stirred()

    # --- while it runs

    def _cannot_read(self, why: Unreadable, place: Place) -> None:
        self.unreadable_kind = place.kind
        if why is Unreadable.NEWER:
            self.meets_newer = True
        elif place.kind == SHARED:
            # The record that all nodes share tells a wrong secret from a record that was mangled.
            self.is_foreign = True
            self.copy.fence()

    def _tick(self, now: float) -> None:
        self.nodes.expire(now)
        self.shared.expire(now)
        self.registrations.expire(now)
        if self.shared.is_another and not self.copy.is_fenced:
            self.copy.fence()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_S
            self.registrations.sweep()


def _hindrance(lacks: Missing | None) -> Hindrance:
    match lacks:
        case Missing.STORAGE:
            return Hindrance.STORAGE
        case Missing.PERMISSION:
            return Hindrance.PERMISSION
        case Missing.TRUST:
            return Hindrance.TRUST
    return Hindrance.UNREACHED

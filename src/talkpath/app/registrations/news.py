"""What changes among registrations, for those who follow: it is told where bindings are kept, and costs nothing while
nobody follows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from talkpath.base import limits
from talkpath.calls.guarded import Refused

if TYPE_CHECKING:
    from talkpath.edge.admission.guard import Guard
    from talkpath.edge.registrar.binding import Binding
    from talkpath.edge.registrar.registrar import BindingStore

Kind = Literal["registered", "moved", "renewed", "removed", "over"]


class RegistrationChange(msgspec.Struct, frozen=True, tag="registration"):
    """What became of one registration, and when. `removed` is the phone's or the operator's wish; it is `over` when
    it ran out, or when another node holds it now."""

    change: Kind
    at: float
    user: str
    contact: str
    transport: str
    address: str
    expires_at: float
    user_agent: str


class Missed(msgspec.Struct, frozen=True, tag="missed"):
    """So many changes came faster than they were taken."""

    missed: int
    user: str = ""


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """A user was not let in."""

    refused: Refused

    @property
    def user(self) -> str:
        return self.refused.user


#: A line of a follower.
News = RegistrationChange | Missed | Refusal


class Follower:
    """What one who follows has not been told yet."""

    def __init__(self) -> None:
        self.waiting: deque[RegistrationChange] = deque()
        self.missed = 0

    def put(self, change: RegistrationChange) -> None:
        if len(self.waiting) < limits.FOLLOWED:
            self.waiting.append(change)
        else:
            self.missed += 1


class ToldBindings:
    """A `BindingStore` that tells followers what it is told, and hands it on."""

    def __init__(self, store: BindingStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._followers: set[Follower] = set()

    def save_binding(self, binding: Binding) -> None:
        self._store.save_binding(binding)
        if self._followers:
            self._tell("moved" if binding.is_renewed else "registered", binding)

    def refresh_binding(self, binding: Binding) -> None:
        self._store.refresh_binding(binding)
        if self._followers:
            self._tell("renewed", binding)

    def drop_binding(self, binding: Binding) -> None:
        self._store.drop_binding(binding)
        if self._followers:
            self._tell("removed", binding)

    def forget_binding(self, binding: Binding) -> None:
        self._store.forget_binding(binding)
        if self._followers:
            self._tell("over", binding)

    def follow(self) -> Follower:
        """One more who wants to be told from now on."""
        follower = Follower()
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def _tell(self, change: Kind, binding: Binding) -> None:
        flow = binding.flow
        told = RegistrationChange(
            change,
            self._now(),
            binding.user,
            binding.contact,
            flow.transport.value,
            str(flow.remote),
            binding.expires_at,
            binding.user_agent,
        )
        for follower in self._followers:
            follower.put(told)


class RegistrationNews:
    """What one follower is told: changes, and who is not let in, each of them again after a while only."""

    # Who fails each second is told of once in so long.
    _AGAIN_S = 60.0

    def __init__(self, bindings: ToldBindings, guard: Guard) -> None:
        self._bindings, self._guard = bindings, guard
        self._follower = bindings.follow()
        self._added = guard.failures.added
        self._told = {(one.user, one.source): one.last for one in guard.refused()}

    def close(self) -> None:
        self._bindings.leave(self._follower)

    def take(self) -> Iterator[News]:
        """What there is to tell now."""
        waiting, missed = self._follower.waiting, self._follower.missed
        self._follower.missed = 0
        while waiting:
            yield waiting.popleft()
        if missed:
            yield Missed(missed)
        if self._added == self._guard.failures.added:
            return
        self._added = self._guard.failures.added
        refused = [one for one in self._guard.refused() if one.method == "REGISTER"]
        for one in refused:
            if one.last - self._told.get((one.user, one.source), -self._AGAIN_S) >= self._AGAIN_S:
                self._told[one.user, one.source] = one.last
                yield Refusal(one)
        known = {(one.user, one.source) for one in refused}
        self._told = {key: at for key, at in self._told.items() if key in known}

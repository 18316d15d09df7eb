"""Bans by hand are bans at every node: what is in the file of one comes into those of the others, and goes from them.

What the guard of a node bans by itself it bans alone: what came over UDP bears whatever address its sender wrote.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Protocol

import msgspec

from talkpath.calls.guarded import Ban
from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place
from talkpath.cluster.sealing import Seal

KIND = "ban"

# The engine forgets after a day; one that stands is told again before.
_GOOD_S, _AGAIN_S = 86_400.0, 43_200.0


class Keeper(Protocol):
    """Keeps the bans of this node."""

    def add(self, ban: Ban) -> None:
        """One more, or another of the same source."""

    def remove(self, source: str) -> None:
        """One less, where it is there."""


class SharedBans:
    """See the module's docstring."""

    def __init__(self, copy: LiveCopy, seal: Seal, wake: Callable[[], None]) -> None:
        self._copy = copy
        self._seal = seal
        self._wake = wake
        self._keeper: Keeper | None = None
        #: what this node and the others agree on, by key, and when it is told again
        self._known: dict[str, Ban] = {}
        self._again: dict[str, float] = {}
        #: keys of what is lifted, as read before there was a keeper
        self._lifted: set[str] = set()
        copy.keep(KIND, self)

    def attach(self, keeper: Keeper, bans: Iterable[Ban]) -> None:
        """From now on this keeper is told; it has these."""
        self._keeper = keeper
        for ban in bans:
            if self._key(ban.source) in self._lifted:
                keeper.remove(ban.source)
        for ban in self._known.values():
            keeper.add(ban)
        self._lifted.clear()

    def tell(self, bans: Iterable[Ban], now: float) -> None:
        """These are the bans of this node now: to be called often."""
        kept = {self._key(ban.source): ban for ban in bans}
        told = False
        for key, ban in kept.items():
            if self._known.get(key) != ban or now >= self._again.get(key, 0.0):
                self._known[key], self._again[key] = ban, now + _AGAIN_S
                self._copy.put(Place(KIND, key), self._written(ban), ban.until or now + _GOOD_S, now)
                told = True
        for key in self._known.keys() - kept.keys():
            ban = self._known.pop(key)
            self._again.pop(key, None)
            if ban.until is None or ban.until > now:
                self._copy.drop(Place(KIND, key), now)
                told = True
        if told:
            self._wake()

    def _key(self, source: str) -> str:
        return self._seal.name(KIND, source)

    def _written(self, ban: Ban) -> bytes:
        named = ban if ban.node else msgspec.structs.replace(ban, node=self._copy.node)
        return msgspec.msgpack.encode(named)

    # --- the records of this kind

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        if envelope.until <= now:
            return
        try:
            ban = msgspec.msgpack.decode(envelope.body, type=Ban)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error
        ip_network(ban.source)
        self._lifted.discard(key)
        self._known[key], self._again[key] = ban, now + _AGAIN_S
        if self._keeper is not None:
            self._keeper.add(ban)

    def lost(self, key: str, node: str, now: float) -> None:
        ban = self._known.pop(key, None)
        self._again.pop(key, None)
        if self._keeper is None:
            self._lifted.add(key)
        elif ban is not None:
            self._keeper.remove(ban.source)

    def own(self) -> Iterable[str]:
        return self._known

    def say(self, key: str) -> tuple[bytes, float] | None:
        ban = self._known.get(key)
        return None if ban is None else (self._written(ban), ban.until or self._again[key] + _AGAIN_S)

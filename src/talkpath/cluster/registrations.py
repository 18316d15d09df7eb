"""Registrations known everywhere: what the registrar decides is said to the other nodes, what they say it learns.

A binding travels as msgpack, by its field names. Where the others have it by the time it runs out nobody writes
anything: its expiry stands in it. One of which only the times are new is told again when a third of the time is over
for which the others have it: a phone behind a NAT refreshes every half minute, and is not written as often.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from heapq import heappop, heappush
from typing import Protocol

import msgspec

from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place
from talkpath.cluster.sealing import Seal
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.registrar import BindingStore

KIND = "binding"

# What is left of the time for which the others have a binding, when a refreshment is told to them again; and how long
# before it runs out for them, at most, one is told that was not.
_LEFT = 2 / 3
_BEFORE_S = 10.0

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Binding)


class Learner(Protocol):
    """The registrar, as it is told here."""

    def learn(self, binding: Binding, now: float) -> None:
        """Another node says where a phone is reached."""

    def lose(self, user: str, identity: tuple[str, str]) -> None:
        """Another node says that it is reached no more."""

    def find(self, user: str, identity: tuple[str, str]) -> Binding | None: ...

    def held(self) -> Iterator[Binding]:
        """The bindings of this node."""


class Registrations:
    """The records of bindings, and the `BindingStore` of a node in a cluster: what it is told goes to `local` too."""

    def __init__(
        self,
        copy: LiveCopy,
        seal: Seal,
        wake: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._copy = copy
        self._seal = seal
        self._wake = wake
        self._now = now
        self._local: BindingStore | None = None
        self._registrar: Learner | None = None
        #: whose a record is, by its key: one that says that nothing is there does not tell
        self._named: dict[str, tuple[str, tuple[str, str]]] = {}
        self._held: dict[str, Binding] = {}
        #: what was read before there was a registrar
        self._early: dict[str, tuple[Envelope, Binding]] = {}
        #: refreshed bindings of which the others have an earlier end, and when each is to be told at the latest
        self._owed: dict[str, Binding] = {}
        self._due: list[tuple[float, str]] = []
        copy.keep(KIND, self)

    def store_in(self, local: BindingStore) -> BindingStore:
        """Keep what this node holds there as well; gives who is to be told instead."""
        self._local = local
        return self

    def attach(self, registrar: Learner, now: float) -> None:
        """From now on this registrar learns; what was read before it learns at once. It has loaded what is kept."""
        self._registrar = registrar
        early, self._early = self._early, {}
        for key, (envelope, binding) in early.items():
            self._teach(registrar, key, envelope, binding, now)
        if self._copy.is_whole:
            self._copy.say_again(now)
            self._wake()

    # --- what the registrar says

    def save_binding(self, binding: Binding) -> None:
        if self._local is not None:
            self._local.save_binding(binding)
        self._put(binding)

    def refresh_binding(self, binding: Binding) -> None:
        if self._local is not None:
            self._local.refresh_binding(binding)
        key, now = self._key(binding), self._now()
        left_s = self._copy.told_until(Place(KIND, key)) - now
        if left_s <= (binding.expires_at - now) * _LEFT:
            self._put(binding)
            return
        if key not in self._owed:
            heappush(self._due, (now + left_s - min(_BEFORE_S, left_s / 4), key))
        self._owed[key] = binding

    def expire(self, now: float) -> None:
        """Tell of those that soon would run out for the others, and do not here."""
        while self._due and self._due[0][0] <= now:
            binding = self._owed.pop(heappop(self._due)[1], None)
            if binding is not None and binding.expires_at > now:
                self._put(binding)

    def drop_binding(self, binding: Binding) -> None:
        if self._local is not None and not binding.node:
            self._local.drop_binding(binding)
        key = self._key(binding)
        self._named.pop(key, None)
        self._owed.pop(key, None)
        self._copy.drop(Place(KIND, key), self._now())
        self._wake()

    def forget_binding(self, binding: Binding) -> None:
        if self._local is not None and not binding.node:
            self._local.forget_binding(binding)

    def _put(self, binding: Binding) -> None:
        key = self._key(binding)
        self._named.pop(key, None)
        self._owed.pop(key, None)
        self._copy.put(Place(KIND, key), written(binding), binding.expires_at, self._now())
        self._wake()

    def _key(self, binding: Binding) -> str:
        return self._seal.name(KIND, binding.user, *binding.identity)

    # --- the records of this kind

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        if envelope.until <= now:
            return
        binding = read(envelope.body)
        if self._registrar is None:
            self._early[key] = envelope, binding
        else:
            self._teach(self._registrar, key, envelope, binding, now)

    def _teach(self, registrar: Learner, key: str, envelope: Envelope, binding: Binding, now: float) -> None:
        if envelope.node == self._copy.node:
            # An earlier process of this node wrote it: what is kept on its disk is as good or better.
            if registrar.find(binding.user, binding.identity) is None:
                flow = binding.flow
                gone = flow._replace(connection=-1) if flow.transport.is_reliable else flow
                registrar.learn(replace(binding, flow=gone, node=""), now)
            return
        binding.node = envelope.node
        self._owed.pop(key, None)
        self._named[key] = binding.user, binding.identity
        registrar.learn(binding, now)

    def lost(self, key: str, node: str, now: float) -> None:
        self._early.pop(key, None)
        self._owed.pop(key, None)
        named = self._named.pop(key, None)
        if named is None:
            held = self._held_by_key().get(key)
            named = None if held is None else (held.user, held.identity)
        if named is not None and self._registrar is not None:
            self._registrar.lose(*named)

    def _held_by_key(self) -> dict[str, Binding]:
        held = () if self._registrar is None else self._registrar.held()
        return {self._key(binding): binding for binding in held}

    def own(self) -> Iterable[str]:
        self._held = self._held_by_key()
        return self._held

    def say(self, key: str) -> tuple[bytes, float] | None:
        binding = self._held.get(key)
        return None if binding is None else (written(binding), binding.expires_at)

    def sweep(self) -> None:
        """Forget whose records they were that ran out."""
        registrar = self._registrar
        if registrar is not None:
            self._named = {key: named for key, named in self._named.items() if registrar.find(*named) is not None}


def written(binding: Binding) -> bytes:
    """The record of a binding. What is no UTF-8 in it is more than msgpack takes, and travels as JSON."""
    try:
        return _encoder.encode(binding)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(binding)).encode()


def read(data: bytes) -> Binding:
    """Raises ValueError."""
    try:
        if data.startswith(b"{"):
            return msgspec.convert(json.loads(data), Binding)
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error

"""Calls that outlive their node: what the edge says of its calls is written, and where an address comes to this host,
or a process that died is begun again, those that ran at it go on here.

A takeover writes nothing first: what it needs is in the copy. Then the call is this node's, and its record says so; a
process that ran it and still stands lets go of it when it reads that.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, Protocol

from talkpath.base.limits import CALL_FORGOTTEN_S
from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place
from talkpath.cluster.sealing import Seal
from talkpath.edge.keeping import Changed, Key, Known

KIND = "call"


class Runner(Protocol):
    """Who runs the calls of this node."""

    def take_changed(self, now: float) -> list[Changed]: ...
    def take_over(self, known: Known, frm: str, silent_s: float, now: float) -> object: ...
    def let_go(self, key: Key, to: str, now: float) -> None: ...


class Codec(Protocol):
    """What is known of a call, and its bytes."""

    def written(self, known: Known) -> bytes: ...
    def read(self, data: bytes) -> Known:
        """Raises ValueError."""


class _Theirs(NamedTuple):
    """A call that another process ran when it wrote this; `hosts` are the addresses it needs, once it was read."""

    node: str
    at: float
    body: bytes
    hosts: frozenset[str] = frozenset()


class _Ours(NamedTuple):
    """A call that runs here, and what was written of it."""

    key: Key
    body: bytes
    until: float


class Calls:
    """See the module's docstring. `shared` are the addresses that nodes hand to each other."""

    def __init__(
        self, copy: LiveCopy, seal: Seal, wake: Callable[[], None], codec: Codec, shared: Collection[str]
    ) -> None:
        self._copy = copy
        self._seal = seal
        self._wake = wake
        self._codec = codec
        self._shared = frozenset(shared)
        self._runner: Runner | None = None
        self._theirs: dict[str, _Theirs] = {}
        #: when the shared addresses came that this host has
        self._came: dict[str, float] = {}
        #: those that run here
        self._ours: dict[str, _Ours] = {}
        self.counters = {"calls_taken_over": 0, "calls_let_go": 0, "calls_unreadable": 0}
        copy.keep(KIND, self)

    def attach(self, runner: Runner, here: Collection[str], now: float) -> None:
        """From now on this edge runs the calls, and goes on with those of the process before it, and of who had the
        addresses that are `here`."""
        self._runner = runner
        for name, theirs in list(self._theirs.items()):
            if theirs.node == self._copy.node:
                self._take(runner, name, theirs, frozenset(here), now)
        self.look(here, now)

    def tell(self, now: float) -> None:
        """Write what became of the calls since this was last asked: to be called often."""
        if self._runner is None:
            return
        changed = self._runner.take_changed(now)
        for key, known in changed:
            name = self._name(key)
            if known is not None:
                ours = self._ours[name] = _Ours(key, self._codec.written(known), now + CALL_FORGOTTEN_S)
                self._copy.put(Place(KIND, name), ours.body, ours.until, now)
            else:
                self._ours.pop(name, None)
                self._copy.drop(Place(KIND, name), now)
        if changed:
            self._wake()

    def look(self, here: Collection[str], now: float) -> None:
        """This host has these addresses now: go on with the calls that ran at those that are shared until they came.
        Who wrote of a call since then had the address after us."""
        if self._runner is None:
            return
        self._came = {host: self._came.get(host, now) for host in self._shared.intersection(here)}
        newest = max(self._came.values(), default=0.0)
        for name, theirs in list(self._theirs.items()):
            if theirs.at < newest and theirs.node != self._copy.node:
                hosts = frozenset(host for host, came in self._came.items() if theirs.at < came)
                self._take(self._runner, name, theirs, hosts, now)
        self.tell(now)

    def _take(self, runner: Runner, name: str, theirs: _Theirs, hosts: frozenset[str], now: float) -> None:
        """Go on with a call if it needs no other addresses than these. What it needs is read once, for this is asked
        every second of all calls of others."""
        if not theirs.hosts <= hosts:
            return
        try:
            known = self._codec.read(theirs.body)
        except ValueError:
            del self._theirs[name]
            self.counters["calls_unreadable"] += 1
            return
        self._theirs[name] = theirs._replace(hosts=known.record.hosts)
        if known.record.hosts <= hosts:
            del self._theirs[name]
            runner.take_over(known, theirs.node, max(0.0, now - theirs.at), now)
            self.counters["calls_taken_over"] += 1

    def runner_of(self, call_id: str, tag: str) -> str:
        """The other node that said last that it runs the call with this Call-ID and tag, "" for none."""
        theirs = self._theirs.get(self._name((call_id, tag)))
        return "" if theirs is None else theirs.node

    def _name(self, key: Key) -> str:
        return self._seal.name(KIND, *key)

    # --- the records of this kind

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        if envelope.until <= now:
            return
        ours = self._ours.pop(key, None)
        if ours is not None and self._runner is not None:
            self.counters["calls_let_go"] += 1
            self._runner.let_go(ours.key, envelope.node, now)
        self._theirs[key] = _Theirs(envelope.node, envelope.at, envelope.body)

    def lost(self, key: str, node: str, now: float) -> None:
        self._theirs.pop(key, None)

    def own(self) -> Iterable[str]:
        return self._ours

    def say(self, key: str) -> tuple[bytes, float] | None:
        ours = self._ours.get(key)
        return None if ours is None else (ours.body, ours.until)

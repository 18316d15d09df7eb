"""Calls that outlive their node: what the edge says of its calls is written, and where an address comes to this host,
or a process that died is begun again, those that ran at it go on here.

A takeover writes nothing first: what it needs is in the copy. Then the call is this node's, and its record says so; a
process that ran it and still stands lets go of it when it reads that.

Who loses an address and lives says its calls there for the last time, and stands still. Whoever gets the address
waits a moment for that of a node that said that it gives way.

Calls at addresses that nobody else gets are rescued (`edge/nodes/rescue.py`) when their node is silent in the engine
and does not answer for itself either: it may be only the engine that it cannot reach, and then its calls are well.
Each call has an order of heirs by itself, the same for all nodes, and the first of those that are there rescues it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from typing import NamedTuple, Protocol

from talkpath.base.address import Target
from talkpath.base.limits import CALL_FORGOTTEN_S
from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place
from talkpath.cluster.sealing import Seal
from talkpath.edge.nodes.keeping import Changed, Key, Known, Untold
from talkpath.media.engine import HEIRS

KIND = "call"
# How long the last word of a node that gives way is waited for: it has some thousand calls to say.
_LAST_WORD_S = 0.3
# How long a record is on its way before it counts as not written.
_WRITTEN_S = 1.0
# How long a call that was handed over waits for somebody to go on with it.
_NOBODY_S = 10.0


class Runner(Protocol):
    """Who runs the calls of this node."""

    def take_changed(self, now: float) -> list[Changed]: ...
    def take_urgent(self, now: float) -> list[Changed]: ...
    def take_over(self, known: Known, frm: str, silent_s: float, now: float) -> object: ...
    def hand_over(self, key: Key, now: float) -> Known | None: ...
    def take_back(self, key: Key, known: Known, now: float) -> None: ...
    def rescue(self, known: Known, frm: str, silent_s: float, now: float) -> object: ...
    def let_go(self, key: Key, to: str, now: float) -> None: ...
    def ask(self, there: Target, done: Callable[[bool, float], None], now: float) -> None:
        """Ask a node whether it is there; `done` hears that, and the time."""


class Codec(Protocol):
    """What is known of a call, and its bytes."""

    def written(self, known: Known) -> bytes: ...
    def is_last(self, data: bytes) -> bool: ...
    def read(self, data: bytes) -> Known:
        """Raises ValueError."""


class Others(Protocol):
    """The other nodes, as they are asked here."""

    def gives_way(self, name: str) -> bool:
        """Whether that node lives, and said that it gives its addresses away."""

    def has_heir(self) -> bool:
        """Whether anybody is there who would go on with calls of ours."""

    def heir(self, name: str) -> int:
        """Which of the heirs of that node this one is, counted from 1."""

    def is_heard(self) -> bool:
        """Whether it is known now what others do."""

    def ours(self, name: str, at: float) -> float:
        """A time that a node wrote, by our clock."""

    def has_left(self, name: str, host: str, at: float) -> bool:
        """Whether what a node wrote at `at` (its clock) may be of an address that it does not have any more."""

    def gone(self, now: float) -> Mapping[str, Target]:
        """Those that fell silent a short while ago, and where they would answer."""

    def there(self) -> list[str]:
        """Those that are there, with this one."""


class _Theirs(NamedTuple):
    """A call that another process ran when it wrote this, for the last time where it `is_last`; `hosts` are the
    addresses it needs, once it was read."""

    node: str
    at: float
    body: bytes
    is_last: bool
    hosts: frozenset[str] = frozenset()


class _Ours(NamedTuple):
    """A call that runs here, and what was written of it."""

    key: Key
    body: bytes
    until: float
    hosts: frozenset[str]
    #: when it was said for the last time, if it was
    handed_at: float | None = None


class Calls:
    """See the module's docstring. `shared` are the addresses that nodes hand to each other."""

    def __init__(
        self,
        copy: LiveCopy,
        seal: Seal,
        wake: Callable[[], None],
        codec: Codec,
        shared: Collection[str],
        others: Others,
    ) -> None:
        self._copy = copy
        self._others = others
        self._seal = seal
        self._wake = wake
        self._codec = codec
        self._shared = frozenset(shared)
        self.shared = tuple(shared)
        self._runner: Runner | None = None
        self._theirs: dict[str, _Theirs] = {}
        #: when the shared addresses came that this host has
        self._came: dict[str, float] = {}
        self._new: frozenset[str] = frozenset()
        #: nodes that are silent, and whether they gave no answer either
        self._silent: dict[str, bool] = {}
        #: those that run here
        self._ours: dict[str, _Ours] = {}
        #: those of which the last word is awaited, for their address is here
        self._awaited: set[str] = set()
        #: those that went over, by the node that has them
        self.went_to: dict[str, int] = {}
        self.counters = {
            "calls_taken_over": 0,
            "calls_rescued": 0,
            "calls_let_go": 0,
            "calls_unreadable": 0,
            "calls_handed_over": 0,
            "calls_taken_back": 0,
        }
        copy.keep(KIND, self)

    def attach(self, runner: Runner, here: Collection[str], now: float) -> None:
        """From now on this edge runs the calls, and goes on with those of the process before it, and of who had the
        addresses that are `here`."""
        self._runner = runner
        for name, theirs in list(self._theirs.items()):
            if theirs.node == self._copy.node:
                self._take(name, theirs, frozenset(here), now)
        self.look(here, now)

    def tell(self, now: float) -> None:
        """Write what became of the calls since this was last asked: to be called often."""
        if self._runner is None:
            return
        for name in list(self._awaited):
            self._take_shared(name, now)
        self._write(self._runner.take_changed(now), now)

    def tell_urgent(self, now: float) -> None:
        """The same of what others should know at once."""
        if self._runner is not None:
            self._write(self._runner.take_urgent(now), now)

    def _write(self, changed: list[Changed], now: float) -> None:
        for key, known in changed:
            name = self._name(key)
            if known is not None:
                self._say(name, key, known, now)
            else:
                self._ours.pop(name, None)
                self._copy.drop(Place(KIND, name), now)
        if changed:
            self._wake()

    def _say(self, name: str, key: Key, known: Known, now: float) -> None:
        handed_at = now if known.is_last else None
        body, until = self._codec.written(known), now + CALL_FORGOTTEN_S
        self._ours[name] = _Ours(key, body, until, known.record.hosts, handed_at)
        self._copy.put(Place(KIND, name), body, until, now)

    def look(self, here: Collection[str], now: float) -> None:
        """This host has these addresses now: go on with the calls that ran at those that are shared until they came.
        Who wrote of a call since then had the address after us, and it is ours again once he is gone, or says that he
        has the address no more."""
        if self._runner is None:
            return
        gone = self._came.keys() - here
        self._new |= self._shared.intersection(here) - self._came.keys()
        self._came = {host: self._came.get(host, now) for host in self._shared.intersection(here)}
        if gone:
            self._hand_over(self._runner, now)
        self._take_back(self._runner, now)
        if self._came:
            for name in list(self._theirs):
                self._take_shared(name, now)
        self.tell(now)

    def take_new(self) -> Collection[str]:
        """The shared addresses that came to this host since this was last asked."""
        new, self._new = self._new, frozenset()
        return new

    def stranded(self, now: float) -> Iterator[Untold]:
        """The calls that others know of and could not go on with if this node died now: nobody is there, their
        addresses do not move, or what became of them is not written."""
        has_heir = self._others.has_heir()
        for name, ours in list(self._ours.items()):
            since = self._copy.waits_since(Place(KIND, name))
            if not has_heir:
                yield Untold(ours.key[0], "alone")
            elif not ours.hosts <= self._shared:
                yield Untold(ours.key[0], "address", ", ".join(sorted(ours.hosts - self._shared)))
            elif since is not None and now - since >= _WRITTEN_S:
                yield Untold(ours.key[0], "unwritten")

    # --- a planned change

    def _hand_over(self, runner: Runner, now: float) -> None:
        """Say the calls for the last time that ran where we are no more."""
        for name, ours in list(self._ours.items()):
            is_there = ours.hosts <= self._shared and not ours.hosts & self._came.keys()
            known = runner.hand_over(ours.key, now) if is_there and ours.handed_at is None else None
            if known is not None:
                self._say(name, ours.key, known, now)
                self.counters["calls_handed_over"] += 1
        self._wake()

    def _take_back(self, runner: Runner, now: float) -> None:
        """Go on with those that nobody took: the address is here again, or it is nowhere."""
        for name, ours in list(self._ours.items()):
            if ours.handed_at is None:
                continue
            # Who hears nobody does not know whether somebody goes on.
            is_nobodys = now - ours.handed_at >= _NOBODY_S and self._others.is_heard()
            if not is_nobodys and not ours.hosts <= self._came.keys():
                continue
            self._ours[name] = ours._replace(handed_at=None)
            known = self._codec.read(ours.body)
            runner.take_back(ours.key, known._replace(heir=HEIRS), now)
            self.counters["calls_taken_back"] += 1

    # --- from another

    def _take_shared(self, name: str, now: float) -> None:
        """Go on with a call of another node if its addresses are here, and nothing more is to be heard of it."""
        self._awaited.discard(name)
        theirs = self._theirs.get(name)
        if theirs is None or theirs.node == self._copy.node:
            return
        came = {host: at for host, at in self._came.items() if theirs.is_last or self._is_left(theirs, host, at)}
        if not came:
            return
        is_awaited = not theirs.is_last and now - max(came.values(), default=now) < _LAST_WORD_S
        if is_awaited and self._others.gives_way(theirs.node):
            self._awaited.add(name)
        else:
            self._take(name, theirs, frozenset(came), now)

    def _is_left(self, theirs: _Theirs, host: str, came: float) -> bool:
        """Whether who ran a call may have had this address before us only."""
        node, at = theirs.node, theirs.at
        return self._others.ours(node, at) < came or self._others.has_left(node, host, at)

    def rescue(self, now: float) -> None:
        """Go on with calls of nodes that died, whose addresses nobody gets: to be called every second."""
        runner = self._runner
        if runner is None:
            return
        gone = self._others.gone(now)
        self._silent = {name: is_dead for name, is_dead in self._silent.items() if name in gone}
        for name, there in gone.items():
            if name not in self._silent:
                self._silent[name] = False
                runner.ask(there, partial(self._answered, name), now)
            elif self._silent[name]:
                self._rescue_those_of(name, now)

    def _answered(self, node: str, is_there: bool, now: float) -> None:
        if is_there:
            self._silent.pop(node, None)
        elif node in self._silent:
            self._silent[node] = True
            self._rescue_those_of(node, now)

    def _rescue_those_of(self, node: str, now: float) -> None:
        there = self._others.there()
        for name, theirs in list(self._theirs.items()):
            if theirs.node != node or _first(name, there) != self._copy.node or self._runner is None:
                continue
            known = self._read(name, theirs)
            if known is not None and not known.record.hosts & self._shared:
                del self._theirs[name]
                known = known._replace(heir=self._others.heir(node))
                self._runner.rescue(known, node, max(0.0, now - self._others.ours(node, theirs.at)), now)
                self.counters["calls_rescued"] += 1
        self.tell(now)

    def _read(self, name: str, theirs: _Theirs) -> Known | None:
        """What is known of a call; None for what cannot be read, which is forgotten."""
        try:
            return self._codec.read(theirs.body)
        except ValueError:
            del self._theirs[name]
            self.counters["calls_unreadable"] += 1
            return None

    def _take(self, name: str, theirs: _Theirs, hosts: frozenset[str], now: float) -> None:
        """Go on with a call if it needs no other addresses than these. What it needs is read once, for this is asked
        every second of all calls of others."""
        runner = self._runner
        if runner is None or not theirs.hosts <= hosts:
            return
        known = self._read(name, theirs)
        if known is None:
            return
        self._theirs[name] = theirs._replace(hosts=known.record.hosts)
        if known.record.hosts <= hosts:
            del self._theirs[name]
            known = known._replace(heir=self._others.heir(theirs.node))
            silent_s = max(0.0, now - self._others.ours(theirs.node, theirs.at))
            runner.take_over(known, theirs.node, silent_s, now)
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
        is_last = self._codec.is_last(envelope.body)
        ours = self._ours.get(key)
        if is_last and ours is not None and ours.handed_at is None:
            # It stood still for a moment, and did not know that we had gone on. What it saved would take us back.
            self._copy.put(Place(KIND, key), ours.body, ours.until, now)
            self._wake()
            return
        if self._ours.pop(key, None) is not None and self._runner is not None and ours is not None:
            self.counters["calls_let_go"] += 1
            self.went_to[envelope.node] = self.went_to.get(envelope.node, 0) + 1
            self._runner.let_go(ours.key, envelope.node, now)
        self._theirs[key] = _Theirs(envelope.node, envelope.at, envelope.body, is_last)
        if is_last:
            self._awaited.add(key)

    def lost(self, key: str, node: str, now: float) -> None:
        self._theirs.pop(key, None)

    def own(self) -> Iterable[str]:
        return self._ours

    def say(self, key: str) -> tuple[bytes, float] | None:
        ours = self._ours.get(key)
        return None if ours is None else (ours.body, ours.until)


def _first(call: str, nodes: list[str]) -> str:
    """Whose the call is of these nodes: each has about as many of those of a node that died."""
    return min(nodes, key=lambda node: blake2b(f"{call}\0{node}".encode()).digest())

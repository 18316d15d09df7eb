"""What nodes know of gateways: that one is gone, broken or paused, and how much of its limits each has taken.

Each node writes a record for each gateway when what it says of it changes, a quarter of a second later at most: calls
of one second are one or a few records, and a limit may be exceeded by what begins at several nodes in that time. A
node that is gone takes no channels; and while it is not known who is there, each node counts its own alone.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place
from talkpath.cluster.nodes import Nodes
from talkpath.cluster.sealing import Seal
from talkpath.edge.gateways.gateway import Said

KIND = "gateway"

_EVERY_S = 0.25
# What nobody renewed for a day is asked of the gateway itself.
_GOOD_S = 86_400.0


class GatewayRecord(msgspec.Struct, frozen=True):
    """What the node that writes it says of one gateway: see `Said`."""

    name: str
    address: str
    state: str
    why: str = ""
    until: float = 0.0
    channels: int = 0
    begun: int = 0


class Table(Protocol):
    """The gateways of this node."""

    def said(self) -> dict[str, Said]: ...
    def heard_of(self, name: str, node: str, said: Said, before: Said | None, now: float) -> None: ...
    def taken_elsewhere(self, name: str, said: list[Said], now: float) -> None: ...


class SharedGateways:
    """See the module's docstring."""

    def __init__(self, copy: LiveCopy, seal: Seal, wake: Callable[[], None], nodes: Nodes) -> None:
        self._copy = copy
        self._seal = seal
        self._wake = wake
        self._nodes = nodes
        self._table: Table | None = None
        #: by gateway and node
        self._theirs: dict[str, dict[str, Said]] = {}
        #: of which gateway and node a record is, by its key
        self._named: dict[str, tuple[str, str]] = {}
        #: by key: the gateway, and what was written of it
        self._ours: dict[str, tuple[str, Said]] = {}
        self._keys: dict[str, str] = {}
        self._there: frozenset[str] = frozenset()
        self._next = 0.0
        copy.keep(KIND, self)

    def attach(self, table: Table, now: float) -> None:
        """From now on this table hears of it; what was read before it hears at once."""
        self._table = table
        for name, said in self._theirs.items():
            for node, one in said.items():
                table.heard_of(name, node, one, None, now)
            self._count(name, now)

    def tell(self, now: float) -> None:
        """Write what changed since this was last asked: to be called often."""
        if self._table is None or now < self._next:
            return
        self._next = now + _EVERY_S
        self._look_who_is_there(now)
        said = self._table.said()
        changed = False
        for name, one in said.items():
            key = self._keys.get(name) or self._key(name)
            known = self._ours.get(key)
            if known is None or known[1] != one:
                self._ours[key] = name, one
                self._copy.put(Place(KIND, key), _written(name, one), now + _GOOD_S, now)
                changed = True
        for key in [key for key, (name, _) in self._ours.items() if name not in said]:
            del self._ours[key]
            self._copy.drop(Place(KIND, key), now)
            changed = True
        if changed:
            self._wake()

    def _key(self, name: str) -> str:
        key = self._keys[name] = self._seal.name(KIND, self._copy.node, name)
        return key

    def _look_who_is_there(self, now: float) -> None:
        there: frozenset[str] = frozenset()
        if self._nodes.is_heard():
            there = frozenset(node.record.name for node in self._nodes.others() if node.is_alive)
        if there != self._there:
            self._there = there
            for name in self._theirs:
                self._count(name, now)

    def _count(self, name: str, now: float) -> None:
        if self._table is not None:
            said = self._theirs.get(name, {})
            self._table.taken_elsewhere(name, [one for node, one in said.items() if node in self._there], now)

    # --- the records of this kind

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        if envelope.node == self._copy.node or envelope.until <= now:
            return
        name, said = _read(envelope.body)
        theirs = self._theirs.setdefault(name, {})
        before = theirs.get(envelope.node)
        theirs[envelope.node] = said
        self._named[key] = name, envelope.node
        if self._table is not None:
            self._table.heard_of(name, envelope.node, said, before, now)
            self._count(name, now)

    def lost(self, key: str, node: str, now: float) -> None:
        named = self._named.pop(key, None)
        if named is not None:
            name, of = named
            self._theirs.get(name, {}).pop(of, None)
            self._count(name, now)
            if not self._theirs.get(name):
                self._theirs.pop(name, None)

    def own(self) -> Iterable[str]:
        return self._ours

    def say(self, key: str) -> tuple[bytes, float] | None:
        known = self._ours.get(key)
        return None if known is None else (_written(*known), self._next + _GOOD_S)


def _written(name: str, said: Said) -> bytes:
    return msgspec.msgpack.encode(GatewayRecord(name, *said))


def _read(data: bytes) -> tuple[str, Said]:
    """Raises ValueError."""
    try:
        record = msgspec.msgpack.decode(data, type=GatewayRecord)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    said = Said(record.address, record.state, record.why, record.until, record.channels, record.begun)
    return record.name, said

"""Nodes of a cluster in memory: the live copy of each, one engine, a virtual clock, no event loop."""

import dataclasses
from collections.abc import Callable, Iterable

import msgspec

from talkpath.base.address import Address, Flow, Transport
from talkpath.cluster.copy import LiveCopy, Publish
from talkpath.cluster.engine import Missing
from talkpath.cluster.envelope import Envelope, Place
from talkpath.cluster.memory import Hub, MemoryEngine
from talkpath.cluster.nodes import NodeRecord, Nodes
from talkpath.cluster.sealing import Seal, Unreadable
from talkpath.edge.registrar.binding import Binding

SECRET = "a secret of the tests"
START = 1_000_000.0
# Stretched once: scrypt is made to take its time.
_SEALS: dict[str, Seal] = {}


def seal(mark: bytes, secret: str = SECRET) -> Seal:
    """The seal of a process."""
    known = _SEALS.setdefault(secret, Seal(secret, "tests", b"m" * 16))
    made = Seal.__new__(Seal)
    made.__dict__.update(known.__dict__)
    made.mark, made._number, made._own, made._others = mark, 0, known._cipher(mark), {}
    return made


class Clock:
    """Seconds since the epoch for all nodes."""

    def __init__(self) -> None:
        self.now = START


class Skewed(Clock):
    """A clock that goes wrong by some seconds."""

    def __init__(self, right: Clock, by: float) -> None:
        self._right = right
        self._by = by

    @property
    def now(self) -> float:  # type: ignore[override]
        return self._right.now + self._by

    @now.setter
    def now(self, now: float) -> None:
        self._right.now = now - self._by


class Values:
    """Keeps the records of the kind `value`: texts by their keys."""

    def __init__(self) -> None:
        self.learnt_: dict[str, bytes] = {}
        self.mine: dict[str, bytes] = {}
        self.told: list[str] = []

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        if envelope.body == b"mangled":
            raise ValueError("mangled")
        self.learnt_[key] = envelope.body
        self.mine.pop(key, None)
        self.told.append(f"{key}={envelope.body.decode()} by {envelope.node}")

    def lost(self, key: str, node: str, now: float) -> None:
        self.learnt_.pop(key, None)
        self.told.append(f"{key} gone by {node}")

    def own(self) -> Iterable[str]:
        return list(self.mine)

    def say(self, key: str) -> tuple[bytes, float] | None:
        return (self.mine[key], START + 10_000) if key in self.mine else None


class Node:
    """One process: what it wrote, knows and was told."""

    def __init__(self, clock: Clock, hub: Hub, name: str, number: int, secret: str = SECRET) -> None:
        self.clock = clock
        self.hub = hub
        self.name = name
        self.unreadable: list[Unreadable] = []
        mark = number.to_bytes(16, "big")
        self.record = NodeRecord(name, "1", clock.now + number, "TCP", f"192.0.2.{number}", 5060)
        self.copy = LiveCopy(name, seal(mark, secret), lambda why, place: self.unreadable.append(why), clock.now)
        self.values = Values()
        self.copy.keep("value", self.values)
        #: what its beat says besides
        self.says: Callable[[], dict[str, object]] = dict
        self.nodes = Nodes(self.copy, lambda: msgspec.structs.replace(self.record, **self.says()), mark)
        self.engine = MemoryEngine(hub)
        self.engine.told = self

    # --- what the engine tells

    def connected(self) -> None:
        self.copy.connected(self.clock.now)
        self.pump()

    def disconnected(self) -> None:
        self.copy.disconnected(self.clock.now)

    def delivered(self, place: Place, data: bytes, sequence: int) -> None:
        self.copy.delivered(place, data, sequence, self.clock.now)

    def read_whole(self) -> None:
        self.copy.read_whole(self.clock.now)

    def last_is(self, sequence: int) -> bool:
        return self.copy.is_behind(sequence, self.clock.now)

    def missing(self, what: Missing) -> None: ...

    # ---

    def pump(self) -> None:
        while actions := self.copy.drain(self.clock.now):
            for action in actions:
                if isinstance(action, Publish):
                    self.engine.publish(action.place, action.data)
                else:
                    self.engine.watch(action.after)

    def expire(self) -> None:
        if self.copy.deadline() <= self.clock.now:
            self.copy.expire(self.clock.now)
            self.nodes.expire(self.clock.now)
        self.pump()

    def put(self, key: str, text: str) -> None:
        self.values.mine[key] = text.encode()
        self.copy.put(Place("value", key), text.encode(), START + 10_000, self.clock.now)
        self.pump()

    def drop(self, key: str) -> None:
        self.values.mine.pop(key, None)
        self.copy.drop(Place("value", key), self.clock.now)
        self.pump()


class Rig:
    """A hub and its nodes."""

    def __init__(self, *names: str) -> None:
        self.clock = Clock()
        self.hub = Hub()
        self.nodes: list[Node] = []
        self._made = 0
        for name in names:
            self.add(name)
        self.wait(2.5)

    def add(self, name: str, secret: str = SECRET, clock: Clock | None = None, *, is_connected: bool = True) -> Node:
        self._made += 1
        node = Node(clock or self.clock, self.hub, name, self._made, secret)
        self.nodes.append(node)
        if is_connected:
            node.connected()
        return node

    def wait(self, seconds: float) -> None:
        """Let time pass in steps of a tenth."""
        for _ in range(round(seconds * 10)):
            self.clock.now += 0.1
            for node in self.nodes:
                if node.engine in self.hub.members or not node.engine.is_connected:
                    node.expire()

    def stop(self, node: Node) -> None:
        """The process is killed."""
        self.nodes.remove(node)
        self.hub.members.remove(node.engine)


def binding(user: str = "1001", **values: object) -> Binding:
    """A registration."""
    flow = Flow(Transport.UDP, Address("192.0.2.1", 5060), Address("203.0.113.7", 40_001))
    contact = f"sip:{user}@192.168.1.9:5062"
    made = Binding(user, ("", contact), contact, "", flow, "c", 1, START + 600, START)
    return dataclasses.replace(made, **values)  # type: ignore[arg-type]

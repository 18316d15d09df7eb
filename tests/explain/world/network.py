"""Hosts that send datagrams to each other through delays, NATs and firewalls, and the places where it is captured."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from ..generator.wire import EPOCH, At, Wire
from .guises import Guise

# What a firewall or a bad line does with a datagram: seconds more, or None where it is lost.
Filter = Callable[[float, At, At, bytes], float | None]
Receive = Callable[[At, At, bytes], None]
# Ethernet, without the headers of IPv4 and UDP.
LARGEST = 1472


@dataclass
class Nat:
    """Address-restricted: who was written to may answer, to the mapping that this made. A symmetric one makes another
    for each destination (RFC 4787 4.1)."""

    public: str
    is_symmetric: bool = False
    mappings: dict[tuple[At, At | None], At] = field(default_factory=dict)
    owners: dict[At, At] = field(default_factory=dict)
    spoken_to: set[tuple[At, str]] = field(default_factory=set)

    def out(self, src: At, dst: At) -> At:
        key = src, dst if self.is_symmetric else None
        if key not in self.mappings:
            mapped = At(self.public, 20_000 + 2 * len(self.mappings) + src.port % 2)
            self.mappings[key], self.owners[mapped] = mapped, src
        self.spoken_to.add((self.mappings[key], dst.host))
        return self.mappings[key]

    def back(self, src: At, dst: At) -> At | None:
        return self.owners.get(dst) if (dst, src.host) in self.spoken_to else None


class Network:
    """`taps` are the hosts at whose interface packets are captured."""

    def __init__(self, dice: Random, taps: set[str]) -> None:
        self.dice = dice
        self.taps = taps
        self.now = EPOCH
        self.wire = Wire()
        self.filters: list[Filter] = []
        self.dead: set[str] = set()
        #: firewalls that take whole datagrams only
        self.no_fragments: set[str] = set()
        self.has_symmetric_nats = False
        #: what is captured is captured again so much later
        self.copies = 0.0
        #: from when to when the capture runs, and which share of the packets it misses
        self.covers = (0.0, float("inf"))
        self.missed = 0.0
        #: in which garb it is captured
        self.guise = Guise()
        self._hosts: dict[str, Receive] = {}
        self._nats: dict[str, Nat] = {}
        self._publics: dict[str, Nat] = {}
        self._delays: dict[frozenset[str], float] = {}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def host(self, name: str, receive: Receive, public: str = "") -> None:
        """A host, behind a NAT of its own where `public` names one."""
        self._hosts[name] = receive
        if public:
            self._nats[name] = self._publics[public] = Nat(public, self.has_symmetric_nats)

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (time, next(self._numbers), action))

    def run(self, until: float) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.now, _, action = heapq.heappop(self._heap)
            action()
        self.now = until

    def send(self, src: At, dst: At, data: bytes) -> None:
        if src.host in self.dead:
            return
        if src.host in self.taps:
            self._capture(src, dst, data)
        nat = self._nats.get(src.host)
        source = nat.out(src, dst) if nat is not None else src
        delay = self._delay(src.host, dst.host) + self.dice.expovariate(1 / 0.0008)
        for one in self.filters:
            extra = one(self.now, source, dst, data)
            if extra is None:
                return
            delay += extra
        self.at(self.now + delay, lambda: self._arrive(source, dst, data))

    def _capture(self, src: At, dst: At, data: bytes, is_cut: bool = False) -> None:
        if not self.covers[0] <= self.now < self.covers[1] or self.dice.random() < self.missed:
            return
        before = len(self.wire.packets)
        self.guise.put(self.wire, self.now, src, dst, data, keep=(0,) if is_cut else None)
        if self.copies:
            self.wire.packets += [(at + self.copies, frame) for at, frame in self.wire.packets[before:]]

    def _arrive(self, src: At, dst: At, data: bytes) -> None:
        target: At | None = dst
        if dst.host in self._publics:
            target = self._publics[dst.host].back(src, dst)
        if target is None or target.host not in self._hosts or target.host in self.dead:
            return
        is_cut = target.host in self.no_fragments and len(data) > LARGEST
        if target.host in self.taps:
            self._capture(src, target, data, is_cut)
        if not is_cut:
            self._hosts[target.host](src, target, data)

    def _delay(self, one: str, other: str) -> float:
        pair = frozenset((one, other))
        if pair not in self._delays:
            self._delays[pair] = self.dice.uniform(0.001, 0.03)
        return self._delays[pair]

"""The way between the edge and everybody else: delay, loss, reordering, duplicates, NATs, connections.

Chance comes from one seeded source, so that a test that failed fails again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

from talkpath.base.address import Address, Flow, Transport

# What a stream loses comes when TCP has sent it again.
_SENT_AGAIN_S = 0.2
# The ports that a NAT gives out.
_FIRST_NAT_PORT = 40_001


@dataclass
class Path:
    """The way to one party, the same in both directions. `loss`, `duplicates` and `reordering` are shares of the
    datagrams, from 0 to 1; what is reordered comes `late_s` seconds later than it should. A stream loses nothing:
    what would be lost comes later, and everything behind it too. Values may be changed while calls run."""

    delay_s: float = 0.01
    loss: float = 0.0
    duplicates: float = 0.0
    reordering: float = 0.0
    late_s: float = 0.05


class Nat:
    """A router that hides who is behind it. It keeps a way in open for `keeps_s` seconds after the last packet, in
    either direction; `host` is its address outside. What comes from inside after that comes from another port."""

    def __init__(self, host: str, keeps_s: float) -> None:
        self.host = host
        self.keeps_s = keeps_s
        self._ports = count(_FIRST_NAT_PORT)
        self._open: dict[Address, tuple[int, float]] = {}

    def out(self, inside: Address, now: float) -> Address:
        """The address outside from which a packet goes on."""
        port, used_at = self._open.get(inside, (0, float("-inf")))
        if now - used_at > self.keeps_s:
            port = next(self._ports)
        self._open[inside] = (port, now)
        return Address(self.host, port)

    def into(self, outside: Address, now: float) -> Address | None:
        """Who gets a packet from outside; None where the way has closed."""
        for inside, (port, used_at) in self._open.items():
            if port == outside.port and now - used_at <= self.keeps_s:
                self._open[inside] = (port, now)
                return inside
        return None


class End(Protocol):
    """Somebody on the network."""

    address: Address
    transport: Transport
    path: Path
    nat: Nat | None
    is_on: bool
    listens: bool

    def arrive(self, flow: Flow, data: bytes) -> None:
        """Bytes for it; the flow as it sees it."""

    def closed(self, flow: Flow) -> None:
        """A connection of it is gone."""


class Inside(Protocol):
    """The edge's end of all ways."""

    def arrive(self, flow: Flow, data: bytes) -> None:
        """Bytes for the edge."""

    def closed(self, flow: Flow) -> None:
        """A connection is gone."""


@dataclass(eq=False)
class Connection:
    """A stream between the edge and a party, as each sees it; when the last bytes arrive in each direction."""

    end: End
    inside: Flow
    outside: Flow
    is_open: bool = True
    arrived: dict[bool, float] = field(default_factory=dict)


class Wire:
    """Carries bytes. `later(seconds, do)` is the loop's."""

    def __init__(
        self, seed: int, now: Callable[[], float], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self.random = Random(seed)
        self.house: Inside | None = None
        self.ends: list[End] = []
        #: packets that were lost on the way, and those that nobody was there to take
        self.lost = 0
        self.unclaimed = 0
        self._now = now
        self._later = later
        self._numbers = count(1)
        self._connections: dict[int, Connection] = {}

    # --- datagrams

    def to_house(self, end: End, flow: Flow, data: bytes) -> None:
        """A party sends; `flow` is as it sees it."""
        if not end.is_on:
            return
        if flow.transport.is_reliable:
            self._stream(flow.connection, data, is_inwards=True)
            return
        outside = end.nat.out(end.address, self._now()) if end.nat is not None else end.address
        seen = Flow(Transport.UDP, flow.remote, outside)
        self._datagram(end.path, lambda: self._into_house(seen, data))

    def to_end(self, flow: Flow, data: bytes) -> None:
        """The edge sends; `flow` is as it sees it."""
        if flow.transport.is_reliable:
            self._stream(flow.connection, data, is_inwards=False)
            return
        end = self._behind(flow.remote)
        if end is None:
            self.unclaimed += 1
            return
        seen = Flow(Transport.UDP, end.address, flow.local)
        self._datagram(end.path, lambda: self._into_end(end, seen, data))

    def _datagram(self, path: Path, deliver: Callable[[], None]) -> None:
        for _ in range(1 + (self.random.random() < path.duplicates)):
            if self.random.random() < path.loss:
                self.lost += 1
                continue
            late_s = path.late_s if self.random.random() < path.reordering else 0.0
            self._later(path.delay_s + late_s, deliver)

    def _into_house(self, flow: Flow, data: bytes) -> None:
        assert self.house is not None
        self.house.arrive(flow, data)

    def _into_end(self, end: End, flow: Flow, data: bytes) -> None:
        if end.is_on and (end.listens or flow.transport.is_reliable):
            end.arrive(flow, data)

    def _behind(self, outside: Address) -> End | None:
        for end in self.ends:
            if end.nat is None:
                if end.transport is Transport.UDP and end.address == outside:
                    return end
            elif end.nat.host == outside.host and end.nat.into(outside, self._now()) == end.address:
                return end
        return None

    # --- streams

    def connect(self, end: End, transport: Transport, house: Address) -> Flow:
        """A party opens a connection to the edge; gives the flow as it sees it."""
        number = next(self._numbers)
        outside = end.nat.out(end.address, self._now()) if end.nat is not None else end.address
        inside = Flow(transport, house, outside, number)
        return self._open(end, inside, Flow(transport, end.address, house, number))

    def connect_out(self, transport: Transport, local: Address, remote: Address) -> Flow | None:
        """The edge opens a connection; None where it is refused."""
        end = self.listening(transport, remote)
        if end is None or not end.listens:
            return None
        number = next(self._numbers)
        inside = Flow(transport, local, remote, number)
        self._open(end, inside, Flow(transport, remote, local, number))
        return inside

    def listening(self, transport: Transport, remote: Address) -> End | None:
        """Who is switched on at an address."""
        for end in self.ends:
            if end.transport is transport and end.address == remote and end.nat is None and end.is_on:
                return end
        return None

    def is_open(self, flow: Flow) -> bool:
        """Whether a connection of the edge stands."""
        connection = self._connections.get(flow.connection)
        return connection is not None and connection.is_open and connection.inside == flow

    def from_address(self, transport: Transport, remote: Address) -> Flow | None:
        """A connection of the edge that leads there."""
        for connection in self._connections.values():
            if connection.is_open and connection.inside.transport is transport and connection.inside.remote == remote:
                return connection.inside
        return None

    def close(self, flow: Flow) -> None:
        """A party closes a connection."""
        connection = self._connections.get(flow.connection)
        if connection is None or not connection.is_open:
            return
        connection.is_open = False
        assert self.house is not None
        house = self.house
        self._later(connection.end.path.delay_s, lambda: house.closed(connection.inside))

    def _open(self, end: End, inside: Flow, outside: Flow) -> Flow:
        self._connections[inside.connection] = Connection(end, inside, outside)
        return outside

    def _stream(self, number: int, data: bytes, *, is_inwards: bool) -> None:
        connection = self._connections.get(number)
        if connection is None or not connection.is_open:
            return
        path = connection.end.path
        again_s = _SENT_AGAIN_S if self.random.random() < path.loss else 0.0
        at = max(self._now() + path.delay_s + again_s, connection.arrived.get(is_inwards, 0.0))
        connection.arrived[is_inwards] = at

        def deliver() -> None:
            if is_inwards:
                self._into_house(connection.inside, data)
            else:
                self._into_end(connection.end, connection.outside, data)

        self._later(at - self._now(), deliver)

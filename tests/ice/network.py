"""A network on a virtual clock for two agents: loss, delay, duplication, NAT. No sockets."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from talkpath.base.address import Address
from talkpath.ice.agent import IceAgent
from talkpath.ice.events import (
    AgentInput,
    AgentOutput,
    DatagramArrived,
    LocalSocket,
    PairAuthenticated,
    PairNominated,
    RemoteDescribed,
    SendDatagram,
)

START = 1_000_000.0


def entropy(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


@dataclass
class Peer:
    """An agent with its sockets. `nat` maps (socket, destination) to the address the others see."""

    agent: IceAgent
    sockets: dict[int, Address]
    outputs: list[AgentOutput] = field(default_factory=list)
    nat: Callable[[int, Address], Address] | None = None
    # Behind a NAT only who was sent to may send; None: everybody.
    open_to: set[Address] | None = None

    def seen(self, kind: type) -> list[AgentOutput]:
        return [output for output in self.outputs if isinstance(output, kind)]

    @property
    def nominated(self) -> list[tuple[int, Address]]:
        return [(o.socket, o.remote) for o in self.outputs if isinstance(o, PairNominated)]

    @property
    def authenticated(self) -> list[tuple[int, Address]]:
        return [(o.socket, o.remote) for o in self.outputs if isinstance(o, PairAuthenticated)]


def peer(seed: int, *hosts: str, lite: bool = False, controlling: bool = False, components: int = 1) -> Peer:
    local = [
        LocalSocket(socket, component, Address(host, 10_000 * seed + socket))
        for socket, (host, component) in enumerate(itertools.product(hosts, range(1, components + 1)))
    ]
    agent = IceAgent(local, lite=lite, controlling=controlling, entropy=entropy(seed))
    return Peer(agent, {s.socket: s.address for s in local})


def description(peer: Peer, *extra: str, lite: bool | None = None) -> RemoteDescribed:
    lines = tuple(str(candidate) for candidate in peer.agent.candidates)
    is_lite = peer.agent.is_lite if lite is None else lite
    return RemoteDescribed(peer.agent.credentials, lines + extra, is_lite)


@dataclass
class Network:
    """Carries what the peers send; `passes(data, source, destination)` says what gets through."""

    peers: list[Peer]
    delay_s: float = 0.02
    jitter_s: float = 0.0
    loss: float = 0.0
    duplicates: float = 0.0
    passes: Callable[[bytes, Address, Address], bool] = lambda data, source, destination: True
    now: float = START
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _flying: list[tuple[float, int, bytes, Address, Address]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def tell(self, peer: Peer, event: AgentInput) -> None:
        peer.agent.receive(event, self.now)
        self._collect(peer)

    def connect(self) -> None:
        """Exchange descriptions: an offer, then its answer."""
        offerer, answerer = self.peers
        self.tell(answerer, description(offerer))
        self.tell(offerer, description(answerer))

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        if self.dice.random() < self.loss or not self.passes(data, source, destination):
            return
        for _ in range(2 if self.dice.random() < self.duplicates else 1):
            at = self.now + self.delay_s + self.dice.random() * self.jitter_s
            heapq.heappush(self._flying, (at, next(self._order), data, source, destination))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = self.now + seconds
        while not until():
            due = [t for p in self.peers if (t := p.agent.deadline()) is not None]
            at = min(due + [flying[0] for flying in self._flying[:1]], default=inf)
            if at > end:
                break
            self.now = max(self.now, at)
            self._step()
        else:
            return
        self.now = end

    def _step(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, _, data, source, destination = heapq.heappop(self._flying)
            self._deliver(data, source, destination)
        for each in self.peers:
            if (at := each.agent.deadline()) is not None and at <= self.now:
                each.agent.expire(self.now)
                self._collect(each)
                again = each.agent.deadline()
                assert again is None or again > self.now or each.agent.deadline() is not at, "a stuck timer"

    def _deliver(self, data: bytes, source: Address, destination: Address) -> None:
        for each in self.peers:
            for socket, address in each.sockets.items():
                if self._public(each, socket, source) != destination and address != destination:
                    continue
                if each.nat is not None and each.open_to is not None and source not in each.open_to:
                    return
                self.tell(each, DatagramArrived(socket, source, data))
                return

    def _public(self, peer: Peer, socket: int, remote: Address) -> Address:
        return peer.sockets[socket] if peer.nat is None else peer.nat(socket, remote)

    def _collect(self, peer: Peer) -> None:
        for output in peer.agent.drain():
            peer.outputs.append(output)
            if isinstance(output, SendDatagram):
                if peer.open_to is not None:
                    peer.open_to.add(output.remote)
                source = self._public(peer, output.socket, output.remote)
                self.send(output.data, source, output.remote)

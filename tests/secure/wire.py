"""Two DTLS endpoints and strangers on a virtual clock: loss, reordering, duplication. No sockets."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from talkpath.base.address import Address
from talkpath.secure.certificate import Certificate
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.events import DtlsArrived, EndpointInput, EndpointOutput, KeysAgreed, SendDtls
from talkpath.secure.identity import Identity

START = 1_790_000_000.0


def identity(secret: bytes = bytes(32)) -> Identity:
    return Identity(Certificate.make(START), secret)


@dataclass
class End:
    endpoint: DtlsEndpoint
    address: Address
    outputs: list[EndpointOutput] = field(default_factory=list)

    def seen(self, kind: type) -> list[EndpointOutput]:
        return [output for output in self.outputs if isinstance(output, kind)]

    @property
    def keys(self) -> KeysAgreed | None:
        agreed = self.seen(KeysAgreed)
        assert len(agreed) <= 1
        return agreed[0] if agreed else None


@dataclass
class Wire:
    """Carries datagrams between the ends, each known by its address."""

    ends: list[End]
    delay_s: float = 0.02
    jitter_s: float = 0.0
    loss: float = 0.0
    duplicates: float = 0.0
    passes: Callable[[bytes, Address], bool] = lambda data, source: True
    now: float = START
    largest: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _flying: list[tuple[float, int, bytes, Address, Address]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def tell(self, end: End, event: EndpointInput) -> None:
        end.endpoint.receive(event, self.now)
        self._collect(end)

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        self.largest = max(self.largest, len(data))
        if self.dice.random() < self.loss or not self.passes(data, source):
            return
        for _ in range(2 if self.dice.random() < self.duplicates else 1):
            at = self.now + self.delay_s + self.dice.random() * self.jitter_s
            heapq.heappush(self._flying, (at, next(self._order), data, source, destination))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end = self.now + seconds
        while not until():
            due = [t for e in self.ends if (t := e.endpoint.deadline()) is not None]
            at = min(due + [flying[0] for flying in self._flying[:1]], default=end + 1)
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            self._step()

    def _step(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            _, _, data, source, destination = heapq.heappop(self._flying)
            for each in self.ends:
                if each.address == destination:
                    self.tell(each, DtlsArrived((0, source), data))
        for each in self.ends:
            if (at := each.endpoint.deadline()) is not None and at <= self.now:
                each.endpoint.expire(self.now)
                self._collect(each)

    def _collect(self, end: End) -> None:
        for output in end.endpoint.drain():
            end.outputs.append(output)
            if isinstance(output, SendDtls):
                self.send(output.data, end.address, output.path[1])

"""By which ways phones are reached, counted: who asks for that must not walk through a hundred thousand of them."""

from collections import Counter

from talkpath.base.address import Address, Transport
from talkpath.edge.registrar.binding import Binding


class Ways:
    """How many bindings there are by each way. What nobody is reached by any more is not in it."""

    def __init__(self) -> None:
        #: by the names of transports
        self.by_transport: Counter[str] = Counter()
        #: by the numbers of connections
        self.by_connection: Counter[int] = Counter()
        #: our ends of the flows that this node holds
        self.by_end: Counter[tuple[Transport, Address]] = Counter()

    def replaced(self, older: Binding | None, newer: Binding | None) -> None:
        """A binding came, went, or took the place of another."""
        if older is not None and newer is not None and older.flow == newer.flow and older.node == newer.node:
            return
        if newer is not None:
            self._count(newer, 1)
        if older is not None:
            self._count(older, -1)

    def _count(self, binding: Binding, by: int) -> None:
        flow = binding.flow
        transport: str = flow.transport.value
        self.by_transport[transport] += by
        if not self.by_transport[transport]:
            del self.by_transport[transport]
        if flow.transport.is_reliable:
            self.by_connection[flow.connection] += by
            if not self.by_connection[flow.connection]:
                del self.by_connection[flow.connection]
        if not binding.node:
            end = (flow.transport, flow.local)
            self.by_end[end] += by
            if not self.by_end[end]:
                del self.by_end[end]

"""What a node is told to do by somebody at another: to give way, and to stop that.

An order is for the process that runs now, which is named by when it began: one that is begun again obeys none of
before.
"""

from collections.abc import Callable, Iterable

import msgspec

from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place

KIND = "order"
# One that cannot be written for so long is not obeyed later.
_GOOD_S = 60.0


class Order(msgspec.Struct, frozen=True):
    """`started_at` is that of the process, as its heartbeat says it."""

    started_at: float
    gives_way: bool


class Orders:
    """Gives orders, and hears those that are for this process."""

    def __init__(self, copy: LiveCopy, wake: Callable[[], None], started_at: float) -> None:
        self._copy = copy
        self._wake = wake
        self._started_at = started_at
        #: who obeys
        self.obey: Callable[[bool, float], None] | None = None
        copy.keep(KIND, self)

    def give(self, node: str, order: Order, now: float) -> None:
        """Tell another node."""
        self._copy.put(Place(KIND, node), msgspec.msgpack.encode(order), now + _GOOD_S, now)
        self._wake()

    # --- the records of this kind

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        try:
            order = msgspec.msgpack.decode(envelope.body, type=Order)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error
        if key == self._copy.node and order.started_at == self._started_at and self.obey is not None:
            self.obey(order.gives_way, now)

    def lost(self, key: str, node: str, now: float) -> None:
        """Nobody takes an order back so."""

    def own(self) -> Iterable[str]:
        """An order is given once."""
        return ()

    def say(self, key: str) -> tuple[bytes, float] | None:
        return None

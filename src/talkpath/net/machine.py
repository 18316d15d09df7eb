"""What the sockets of SIP drive: the edge, as they know it."""

from typing import Protocol

from talkpath.base.address import Flow, Parcel
from talkpath.base.leaving import Send
from talkpath.edge.edge import Input


class Machine(Protocol):
    """What is driven: the edge."""

    def message(self, flow: Flow, data: bytes, now: float) -> None:
        """One message."""

    def unframeable(self, flow: Flow, head: bytes, code: str) -> None:
        """A stream that lost its framing."""

    def receive(self, event: Input, now: float) -> None:
        """The news of a closed connection, or of a datagram that did not arrive."""

    def expire(self, now: float) -> None:
        """Let timers fire."""

    def deadline(self) -> float | None:
        """When `expire` wants to be called."""

    def drain(self) -> list[Send]:
        """What is to be sent."""

    def drain_parcels(self) -> list[Parcel]:
        """Datagrams to be sent that belong to no story."""

    def needed(self, flows: frozenset[Flow]) -> frozenset[Flow]:
        """Which of these a phone or a party of a call is reached on, or a request waits on for its answer."""

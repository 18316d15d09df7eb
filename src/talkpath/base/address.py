"""Where bytes come from and go to: transports, addresses and flows.

A *flow* is the unit of reachability: our socket, the transport, the remote address and, for streams, the very
connection. Registrations, Record-Route and dialogs remember flows (RFC 5626 section 3.3).
"""

from enum import StrEnum
from typing import NamedTuple


class Transport(StrEnum):
    """A SIP transport, by the name it bears in a Via (RFC 3261 section 20.42, RFC 7118 section 5.2)."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    WS = "WS"
    WSS = "WSS"

    # Attributes and no properties: each message asks for them some twenty times.
    #: a stream: no retransmission, and responses go down the same connection
    is_reliable: bool
    is_secure: bool
    is_websocket: bool

    # That of an enumeration is a function of Python, and each message looks flows up some ten times.
    __hash__ = str.__hash__

    def __init__(self, name: str) -> None:
        self.is_reliable = name != "UDP"
        self.is_secure = name in ("TLS", "WSS")
        self.is_websocket = name in ("WS", "WSS")

    @property
    def default_port(self) -> int:
        """RFC 3261 section 19.1.2; RFC 7118 section 4 takes HTTP's ports for WebSocket URIs."""
        return _DEFAULT_PORT[self]


_DEFAULT_PORT = {
    Transport.UDP: 5060,
    Transport.TCP: 5060,
    Transport.TLS: 5061,
    Transport.WS: 80,
    Transport.WSS: 443,
}


class Address(NamedTuple):
    """An IP address in its shortest text form (no brackets, no zone) and a port."""

    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        host, port = self
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Flow(NamedTuple):
    """One way to reach a peer.

    `connection` is 0 for datagrams; for streams it is the number of the connection, with a mark of the process that
    holds it. A flow whose connection closed never equals a later one from the same address, be it of the same
    process, of the next one, or of another node.
    """

    transport: Transport
    local: Address
    remote: Address
    connection: int = 0

    def __str__(self) -> str:
        return f"{self.transport} {self.remote} at {self.local}"


class Target(NamedTuple):
    """A place to reach for which no flow is known yet: the driver finds or opens one.

    `name` is what a TLS certificate must say (RFC 5922); "" where the peer was named by its address.
    """

    transport: Transport
    remote: Address
    name: str = ""


class Located(NamedTuple):
    """Where a name leads, the best first. Not `is_answered`: nobody who knows names could be asked; it may lead
    somewhere all the same."""

    targets: list[Target]
    is_answered: bool = True


Hop = Flow | Target


class Parcel(NamedTuple):
    """An action: a datagram that belongs to no story and that nobody misses when it is lost."""

    flow: Flow
    data: bytes

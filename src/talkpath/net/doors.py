"""The listeners of SIP: opened, served, and left one by one while everything else goes on.

    opened    its sockets are bound, and nothing of them is read yet
    served    it hears
    left      nothing new is taken there; a datagram socket stays for the calls and registrations that go over it

A listener in the place of another is opened before that one is left, so that nobody meets a closed port.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

from talkpath._native import Datagrams, Sources
from talkpath.base.address import Address, Flow, Transport
from talkpath.net.accepting import Acceptor, Doorkeeper
from talkpath.net.inherited import Inherited
from talkpath.net.listening import Endpoint, Neighbours, open_sockets
from talkpath.net.pacing import PacedReader
from talkpath.net.stream import Connection

# Local addresses whose socket is remembered.
_REMEMBERED = 4096


class Door:
    """One socket of a listener."""

    def __init__(self, endpoint: Endpoint, sock: socket.socket, guard: Sources | None) -> None:
        self.endpoint = endpoint
        self.socket = sock
        host, port = sock.getsockname()[:2]
        self.local = Address(host, port)
        self.datagrams: Datagrams | None = None
        self.reader: PacedReader | None = None
        self.acceptor: Acceptor | None = None
        self.is_closed = False
        if endpoint.transport is Transport.UDP:
            self.datagrams = Datagrams(sock.fileno(), self.local.is_ipv6, Neighbours(port), guard)

    def covers(self, transport: Transport, local: Address) -> bool:
        """Whether what comes to an address of ours comes in here."""
        if transport is not self.endpoint.transport or local.port != self.local.port:
            return False
        return local.host == self.local.host or (not self.endpoint.host and local.is_ipv6 == self.local.is_ipv6)

    def rest(self) -> None:
        """Hear nothing, and stay open."""
        if self.reader is not None:
            self.reader.stop()
        if self.acceptor is not None:
            self.acceptor.rest()

    def close(self) -> None:
        """Hear nothing more."""
        self.is_closed = True
        if self.reader is not None:
            self.reader.stop()
        if self.acceptor is not None:
            self.acceptor.close()
        self.socket.close()


class Doors:
    """See the module's docstring. `readable` takes what waits in a datagram socket, `connection` makes one that is to
    be accepted, `keeper` counts these, `tls` gives what secure listeners show now."""

    def __init__(
        self,
        guard: Sources | None,
        readable: Callable[[Datagrams], int],
        connection: Callable[[Transport], Connection],
        keeper: Doorkeeper,
        tls: Callable[[], ssl.SSLContext | None],
    ) -> None:
        self._tls = tls
        self._guard = guard
        self._readable = readable
        self._connection = connection
        self._keeper = keeper
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: list[Door] = []
        self._left: list[Door] = []
        self._inherited = Inherited(())
        #: the datagram socket of an address of ours, once it was looked for
        self.by_local: dict[Address, Datagrams] = {}

    # --- life

    def inherit(self, sockets: Inherited) -> None:
        """Take these where a listener is opened at their address, until `start`."""
        self._inherited = sockets

    def bequeath(self) -> list[int]:
        """Hear nothing more, and give descriptors of the listeners for the process that takes the place of this one:
        who connects or sends meanwhile waits in them."""
        for door in self._open:
            door.rest()
        return [os.dup(door.socket.fileno()) for door in self._open]

    def open(self, endpoint: Endpoint) -> None:
        """One more listener; it is served from `start` on. Raises CannotListen."""
        self._open += self._opened(endpoint)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to hear."""
        self._loop = loop
        for door in self._open:
            self._serve(door)
        self._inherited.close()

    def close(self) -> None:
        """Hear nothing more."""
        for door in (*self._open, *self._left):
            door.close()

    def begin(self, endpoints: Sequence[Endpoint]) -> list[Door]:
        """Open those of these listeners that are not there yet, for `take`. Raises CannotListen."""
        have = {door.endpoint for door in (*self._open, *self._left) if not door.is_closed}
        opened: list[Door] = []
        try:
            for endpoint in endpoints:
                if endpoint not in have:
                    opened += self._opened(endpoint)
        except BaseException:
            for door in opened:
                door.close()
            raise
        return opened

    def take(self, opened: list[Door], endpoints: Sequence[Endpoint]) -> None:
        """Have these listeners, and leave the others. Who was left and is wanted again comes back."""
        known = {endpoint: at for at, endpoint in enumerate(endpoints)}
        back = [door for door in self._left if door.endpoint in known and not door.is_closed]
        gone = [door for door in self._open if door.endpoint not in known]
        stay = [door for door in self._open if door.endpoint in known]
        self._left = [door for door in self._left if door.endpoint not in known]
        # The first listener of a transport is the one that requests of ours leave from.
        self._open = sorted([*stay, *back, *opened], key=lambda door: known[door.endpoint])
        for door in (*opened, *back):
            if door.acceptor is None and door.reader is None:
                self._serve(door)
        for door in gone:
            self._leave(door)
        self.by_local.clear()

    def _opened(self, endpoint: Endpoint) -> list[Door]:
        beside = [
            door.socket
            for door in (*self._open, *self._left)
            if door.local.port == endpoint.port
            and (door.datagrams is not None) == (endpoint.transport is Transport.UDP)
            and not door.is_closed
        ]
        return [Door(endpoint, sock, self._guard) for sock in open_sockets(endpoint, beside, self._inherited)]

    def _serve(self, door: Door) -> None:
        assert self._loop is not None
        if door.datagrams is not None:
            read, is_behind = partial(self._readable, door.datagrams), partial(_is_behind, door.datagrams)
            door.reader = PacedReader(self._loop, door.datagrams.fileno(), read, is_behind)
            door.reader.start()
            return
        transport = door.endpoint.transport
        tls = self._tls if transport.is_secure else _nothing
        door.acceptor = Acceptor(door.socket, tls, partial(self._connection, transport), self._keeper)
        door.acceptor.start()

    def _leave(self, door: Door) -> None:
        if door.acceptor is not None:
            # Connections are sockets of their own; what is remembered of the door says that they came by it.
            door.acceptor.leave()
            door.is_closed = True
        elif any(other.covers(Transport.UDP, door.local) for other in self._open):
            assert door.datagrams is not None
            while self._readable(door.datagrams) and door.datagrams.is_behind:
                pass
            door.close()
            return
        self._left.append(door)

    def look(self, held: Collection[tuple[Transport, Address]]) -> list[Endpoint]:
        """Close what was left and no call, registration or connection goes over any more: `held` are our ends of
        their flows. Gives the listeners that this was the end of."""
        over = [door for door in self._left if not self._is_held(door, held)]
        self._left = [door for door in self._left if door not in over]
        for door in over:
            door.close()
        if over:
            self.by_local.clear()
        return list(dict.fromkeys(door.endpoint for door in over))

    def _is_held(self, door: Door, held: Collection[tuple[Transport, Address]]) -> bool:
        return any(door.covers(*one) and not self._is_open_at(*one) for one in held)

    # --- what is asked of them

    @property
    def left(self) -> list[Endpoint]:
        """Those that are left, while something still goes over them."""
        return list(dict.fromkeys(door.endpoint for door in self._left))

    def is_left(self, flow: Flow) -> bool:
        """Whether a flow came in by a listener that is left."""
        if self._is_open_at(flow.transport, flow.local):
            return False
        return any(door.covers(flow.transport, flow.local) for door in self._left)

    def _is_open_at(self, transport: Transport, local: Address) -> bool:
        return any(door.covers(transport, local) for door in self._open)

    def datagrams(self) -> Iterator[Datagrams]:
        """All datagram sockets that are heard."""
        for door in (*self._open, *self._left):
            if door.datagrams is not None:
                yield door.datagrams

    def listening(self, transport: Transport) -> Iterator[Address]:
        """Where a transport is heard, in the order of the configuration."""
        return (door.local for door in self._open if door.endpoint.transport is transport)

    def heard(self) -> list[tuple[Transport, Address]]:
        """Where all of them are."""
        return [(door.endpoint.transport, door.local) for door in self._open]

    def of(self, flow: Flow) -> Datagrams | None:
        """The socket that a local address belongs to: its own, or the one of every address of its family."""
        found = self.by_local.get(flow.local)
        if found is not None:
            return found
        for door in (*self._open, *self._left):
            local = door.local
            if (
                door.datagrams is None
                or local.is_ipv6 != flow.remote.is_ipv6
                or flow.local.port not in (local.port, 0)
            ):
                continue
            if local.host == flow.local.host:
                found = door.datagrams
                break
            if local.host in ("0.0.0.0", "::") or found is None:
                found = door.datagrams
        if found is not None and flow.local.host and len(self.by_local) < _REMEMBERED:
            self.by_local[flow.local] = found
        return found


def _nothing() -> ssl.SSLContext | None:
    """What listeners without TLS show."""
    return None


def _is_behind(datagrams: Datagrams) -> bool:
    return datagrams.is_behind

"""Sockets to listen on, and which local address faces a peer."""

import ctypes
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from talkpath.base.address import Address, Flow, Transport
from talkpath.base.errors import Unavailable
from talkpath.net.inherited import Inherited


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listener as the driver opens it: `host` is an address or "" for every address of both families."""

    transport: Transport
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport} {Address(self.host or '*', self.port)}"


class CannotListen(Unavailable):
    """An endpoint that could not be opened, and what the system said."""

    def __init__(self, endpoint: Endpoint, address: Address, cause: OSError) -> None:
        super().__init__("listen", cause.strerror or str(cause), str(address))
        self.endpoint = endpoint
        self.address = address
        self.cause = cause


# What UDP sockets ask the kernel to hold for them: 400 calls/s in a burst of half a second, with room.
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_BACKLOG = 1024

_LIBC = ctypes.CDLL(None)
# A sockaddr of the family AF_UNSPEC, as long as the longest one asked about here.
_NOBODY = bytes(28)


def open_sockets(
    endpoint: Endpoint, beside: Sequence[socket.socket] = (), inherited: Inherited | None = None
) -> list[socket.socket]:
    """Bound, non-blocking sockets of an endpoint; for every address one of each family the host has.

    `beside` are sockets of ours on that port, which may have some of these addresses or all of them; those that were
    `inherited` are not opened. Raises CannotListen.
    """
    is_shared, before = bool(beside), inherited or Inherited(())
    with _shared(beside):
        if endpoint.host:
            family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
            return [_open(endpoint, family, endpoint.host, before, is_shared=is_shared)]
        sockets = [_open(endpoint, socket.AF_INET, "0.0.0.0", before, is_shared=is_shared)]
        try:
            if socket.has_ipv6 and _has_ipv6():
                sockets.append(_open(endpoint, socket.AF_INET6, "::", before, is_shared=is_shared))
        except CannotListen:
            sockets[0].close()
            raise
        return sockets


@contextmanager
def _shared(sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Let sockets of ours be bound beside these, and nobody's afterwards: another process that is started by mistake
    shall be refused, and not get a part of the calls."""
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        yield
    finally:
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _open(
    endpoint: Endpoint, family: socket.AddressFamily, host: str, inherited: Inherited, *, is_shared: bool
) -> socket.socket:
    is_udp = endpoint.transport is Transport.UDP
    kind = socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM
    if (known := inherited.take(kind, host, endpoint.port)) is not None:
        return known
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if is_udp:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, endpoint.port))
        if not is_udp:
            sock.listen(_BACKLOG)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    except OSError as error:
        sock.close()
        raise CannotListen(endpoint, Address(host, endpoint.port), error) from error
    return sock


# Addresses of ours that are shared by the flows of who sends there; a host with a whole network has more.
_SHARED = 256


class Neighbours:
    """Makes the flows of datagrams that come to one of our ports. All that came to the same address share it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ours: dict[str, Address] = {}

    def __call__(self, host: str, remote_host: str, remote_port: int) -> Flow:
        """The flow to `host` of ours from there."""
        local = self._ours.get(host)
        if local is None:
            local = Address(host, self._port)
            if len(self._ours) < _SHARED:
                self._ours[host] = local
        return Flow(Transport.UDP, local, Address(remote_host, remote_port))


# linux/in.h and linux/in6.h; the module `socket` does not name them.
_IP_MTU = (socket.IPPROTO_IP, 14)
_IPV6_MTU = (socket.IPPROTO_IPV6, 24)

_Answer = TypeVar("_Answer")


class Probe:
    """Asks the kernel which way packets to somebody go. Its sockets stay open: a call must end
    also when this process may open no other."""

    def __init__(self) -> None:
        self._sockets: dict[bool, socket.socket] = {}
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                self._sockets[family == socket.AF_INET6] = socket.socket(family, socket.SOCK_DGRAM)
            except OSError:
                continue  # a host without this family has no way there

    def source_for(self, remote: str) -> str | None:
        """The local address from which packets to `remote` leave, None when there is no way there."""
        return self._of_way(remote, lambda probe: str(probe.getsockname()[0]))

    def mtu_to(self, remote: str) -> int | None:
        """The largest packet that passes there whole as far as the kernel knows, in bytes: what the interface takes,
        or less where a router said so (RFC 1191, RFC 8201). None when there is no way there."""
        level, option = _IPV6_MTU if ":" in remote else _IP_MTU
        return self._of_way(remote, lambda probe: probe.getsockopt(level, option))

    def _of_way(self, remote: str, ask: Callable[[socket.socket], _Answer]) -> _Answer | None:
        probe = self._sockets.get(":" in remote)
        if probe is None:
            return None
        try:
            probe.connect((remote, 9))
            return ask(probe)
        except OSError:
            return None
        finally:
            # Once connected a socket keeps its source, until it is connected to nobody (connect(2), AF_UNSPEC).
            _LIBC.connect(probe.fileno(), _NOBODY, len(_NOBODY))

    def close(self) -> None:
        """Ask no more."""
        for probe in self._sockets.values():
            probe.close()

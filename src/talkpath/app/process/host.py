"""What this host has: its addresses, and who sits on its ports."""

import errno
import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psutil

from talkpath.app import words
from talkpath.app.config.listeners import ANY, Listener
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.base.address import Address, Transport
from talkpath.net.interfaces import Interfaces
from talkpath.net.listening import Endpoint


def host_addresses() -> list[str]:
    """The addresses others can reach this host at: IPv4 before IPv6, loopback last, link-local ones left out."""
    return Interfaces().addresses


def reachable(listener: Listener) -> list[str]:
    """The `host:port` texts under which phones reach a listener: what it advertises, else its real addresses."""
    port = listener.listening_port
    if listener.advertised:
        # Only an IPv6 address on its own has several colons and no brackets.
        host = listener.advertised
        is_bare_ipv6 = host.count(":") > 1 and not host.startswith("[")
        if is_bare_ipv6:
            return [str(Address(host, port))]
        return [host if ":" in host.rpartition("]")[2] else f"{host}:{port}"]
    return [str(Address(host, port)) for host in addresses_of(listener.address)]


def endpoint_of(listener: Listener) -> Endpoint:
    """A listener as the driver opens it."""
    host = "" if listener.address == ANY else listener.address
    return Endpoint(listener.transport, host, listener.listening_port)


def cannot_listen(listener: Listener, address: Address, error: OSError) -> Trouble:
    """Why a listener could not be opened, from what the system said, and what to do about it."""
    values = {"transport": listener.transport, "port": address.port}
    match error.errno:
        case errno.EADDRINUSE:
            holder = _holder(listener)
            text = words.PORT_TAKEN if holder else words.PORT_TAKEN_BY_SOMEONE
            return Trouble("port-taken", Phrase(text, values | {"process": holder}))
        case errno.EACCES:
            return Trouble("port-forbidden", Phrase(words.PORT_FORBIDDEN, values))
    reason = error.strerror or str(error)
    what = phrase(words.CANNOT_LISTEN, transport=listener.transport, address=address, reason=reason)
    return Trouble("cannot-listen", what)


def addresses_of(address: str) -> list[str]:
    """The addresses at which others reach a listener of this one."""
    ours = host_addresses()
    if address == ANY:
        others = [one for one in ours if not ipaddress.ip_address(one).is_loopback]
        return others or ours
    ip = ipaddress.ip_address(address)
    if not ip.is_unspecified:
        return [address]
    same_family = [one for one in ours if ipaddress.ip_address(one).version == ip.version]
    return [one for one in same_family if not ipaddress.ip_address(one).is_loopback] or same_family


class Holder(NamedTuple):
    """A socket in the way: where it is bound, and whose it is, None where the system does not tell."""

    host: str
    pid: int | None


def holders(listener: Listener) -> Iterator[Holder]:
    """The open sockets of this host that a listener would meet."""
    kind = "udp" if listener.transport is Transport.UDP else "tcp"
    for connection in psutil.net_connections(kind):
        is_open = connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
        if is_open and connection.laddr and connection.laddr.port == listener.listening_port:
            holder = Holder(connection.laddr.ip, connection.pid)
            if _meet(listener.address, holder.host):
                yield holder


def _meet(ours: str, theirs: str) -> bool:
    """Whether one address keeps the other from being bound to the same port."""
    if ours in (ANY, theirs):
        return True
    one, other = ipaddress.ip_address(ours), ipaddress.ip_address(theirs)
    return one.version == other.version and (one.is_unspecified or other.is_unspecified)


def _holder(listener: Listener) -> Phrase | None:
    """The process that has the port open; None where the system does not tell (another user's, without root)."""
    for holder in holders(listener):
        with suppress(psutil.NoSuchProcess):
            if holder.pid:
                return phrase(words.PROCESS, name=psutil.Process(holder.pid).name(), pid=holder.pid)
    return None

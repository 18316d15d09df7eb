"""Which of our addresses faces whom: where media ports are opened for a party, and under which address it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from talkpath.base.address import Address, Flow, Hop, Transport
from talkpath.edge.places.locality import Locality, is_ip
from talkpath.edge.places.neighbours import Local, Networks
from talkpath.media.policy import MediaAddress
from talkpath.net.interfaces import Interfaces

# Parties whose addresses are remembered until the interfaces are looked at again; cleared when full.
_REMEMBERED = 8_192


class Ways(Protocol):
    """What the driver knows of routes."""

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        """Our listener that faces `remote`."""

    def source(self, remote: str) -> str | None:
        """Our address from which packets to `remote` leave."""


@dataclass(frozen=True, slots=True)
class MediaDoor:
    """An address on which media ports are opened. `advertised` is empty where the listener's counts; `serves` are the
    networks of those who are given this one of several, none for everybody; `local` is None where the rule of the
    listener counts."""

    address: str
    advertised: str = ""
    serves: Networks = ()
    local: Local | None = None

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address


class Facing:
    """See the module. `doors` are the configured addresses; a family that has none uses what signalling meets."""

    def __init__(
        self, doors: Sequence[MediaDoor], ways: Ways, interfaces: Interfaces, locality: Callable[[], Locality]
    ) -> None:
        self._doors = doors
        self._ways = ways
        self._interfaces = interfaces
        self._locality = locality
        self._known: dict[tuple[str | None, Transport, int, str], tuple[MediaAddress, ...]] = {}
        self._behind_loopback: dict[tuple[str, str], str | None] = {}

    def adopt(self, doors: Sequence[MediaDoor]) -> None:
        """Give parties these addresses from now on."""
        self._doors = doors
        self.forget()

    def forget(self) -> None:
        """The interfaces were looked at again."""
        self._known.clear()
        self._behind_loopback.clear()

    def media_addresses(self, hop: Hop) -> tuple[MediaAddress, ...]:
        """Our media addresses for a party, at most one of each family, that of its signalling first."""
        facing = self.address(hop)
        port = hop.local.port if isinstance(hop, Flow) else 0
        key = (facing, hop.transport, port, hop.remote.host)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._towards(hop, facing)
        return known

    def address(self, hop: Hop) -> str | None:
        """Our address that meets a party."""
        if not isinstance(hop, Flow):
            local = self._ways.local_for(hop.transport, hop.remote.host)
            return local.host if local is not None else None
        if not hop.transport.is_websocket or not _is_loopback(hop.local.host):
            return hop.local.host
        key = (hop.local.host, hop.remote.host)
        if key not in self._behind_loopback:
            self._behind_loopback[key] = self._facing_browser(*key)
        return self._behind_loopback[key]

    def _towards(self, hop: Hop, facing: str | None) -> tuple[MediaAddress, ...]:
        local = self._met(hop)
        doors = [self._of_family(is_ipv6, facing, hop.remote.host) for is_ipv6 in (False, True)]
        found = [self._told(door, local, hop) for door in doors if door is not None]
        found.sort(key=lambda one: one.is_ipv6 != hop.remote.is_ipv6)
        return (*found, *self._other_family(found))

    def _met(self, hop: Hop) -> Address | None:
        """The local address of the listener that meets the party."""
        return hop.local if isinstance(hop, Flow) else self._ways.local_for(hop.transport, hop.remote.host)

    def _of_family(self, is_ipv6: bool, facing: str | None, remote: str) -> MediaDoor | None:
        """The address that serves the party's network, else one that serves everybody, else the first."""
        doors = [door for door in self._doors if door.is_ipv6 == is_ipv6]
        if not doors:
            return MediaDoor(facing) if facing is not None and (":" in facing) == is_ipv6 else None
        party = ip_address(remote)
        served = (door for door in doors if any(party in network for network in door.serves))
        return next(served, None) or next((door for door in doors if not door.serves), doors[0])

    def _told(self, door: MediaDoor, local: Address | None, hop: Hop) -> MediaAddress:
        """The real address to who is local, else what is advertised for it, else what its listener advertises."""
        locality = self._locality()
        if local is None:
            return MediaAddress(door.address, door.advertised or door.address)
        named = door.advertised
        if not named:
            of_listener = locality.advertised(hop.transport, local).host
            fits = is_ip(of_listener) and (":" in of_listener) == door.is_ipv6 and of_listener != local.host
            named = of_listener if fits else door.address
        if named != door.address and locality.neighbours.is_local(hop.transport, local, hop.remote.host, door.local):
            named = door.address
        return MediaAddress(door.address, named)

    def _facing_browser(self, local: str, remote: str) -> str | None:
        """A browser does not meet the loopback of the web server before us, and one on this host has no way to a
        loopback address (RFC 8445 section 5.1.1.1)."""
        return self._outside(local) if _is_loopback(remote) else self._ways.source(remote)

    def _outside(self, loopback: str) -> str:
        """An address of this host in the same family that is no loopback, if it has one."""
        same_family = (host for host in self._interfaces.addresses if (":" in host) == (":" in loopback))
        return next((host for host in same_family if not _is_loopback(host)), loopback)

    def _other_family(self, have: list[MediaAddress]) -> list[MediaAddress]:
        """An address of the family that is missing, for a party whose media is not of its signalling's family."""
        families = {one.is_ipv6 for one in have}
        found = [host for host in self._interfaces.addresses if (":" in host) not in families]
        return [MediaAddress(host, host) for host in found[:1]]


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"

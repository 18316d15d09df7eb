"""The addresses of this host, the networks behind them, and the routers that lead out of them."""

import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import psutil

from talkpath.edge.places.neighbours import NOTHING_AROUND, Surroundings

Interface = IPv4Interface | IPv6Interface

_ROUTES = Path("/proc/net/route")
_ROUTES_6 = Path("/proc/net/ipv6_route")


class Interfaces:
    """What this host had when it was last looked at. Asking costs nothing, and needs no descriptor: a call must end
    also when none is left."""

    def __init__(self) -> None:
        self.all: tuple[Interface, ...] = ()
        self.addresses: list[str] = []
        self.around = NOTHING_AROUND
        self.look()

    def look(self) -> None:
        """Look again; where that is impossible now, what was seen before still counts."""
        try:
            found = tuple(sorted(set(_interfaces()), key=_rank))
            routers = frozenset(_routers())
        except OSError:
            return
        if found != self.all or routers != self.around.routers:
            self.all = found
            self.addresses = list(dict.fromkeys(str(one.ip) for one in found))
            self.around = Surroundings(tuple(dict.fromkeys(one.network for one in found)), routers)


def _routers() -> Iterator[str]:
    """The next hops of the default routes."""
    with suppress(FileNotFoundError):
        for line in _ROUTES.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == fields[7] == "00000000" and fields[2] != "00000000":
                yield str(ipaddress.IPv4Address(int(fields[2], 16).to_bytes(4, sys.byteorder)))
    with suppress(FileNotFoundError):
        for line in _ROUTES_6.read_text().splitlines():
            fields = line.split()
            if fields[0].strip("0") == "" and fields[1] == "00" and fields[4].strip("0"):
                yield str(ipaddress.IPv6Address(bytes.fromhex(fields[4])))


def _interfaces() -> Iterator[Interface]:
    """Link-local addresses of IPv6 are left out: they mean nothing without the interface."""
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6) and "%" not in one.address:
                yield _interface(one.address, one.netmask)


def _interface(address: str, mask: str | None) -> Interface:
    return ipaddress.ip_interface((address, bits_of(mask, 128 if ":" in address else 32)))


def bits_of(mask: str | None, whole: int) -> int:
    """How long the network is that an interface says as a mask; `whole` where it says none."""
    return sum(byte.bit_count() for byte in ipaddress.ip_address(mask).packed) if mask else whole


def _rank(one: Interface) -> tuple[bool, int, bytes, int]:
    """IPv4 before IPv6, loopback last."""
    return one.ip.is_loopback, one.version, one.ip.packed, one.network.prefixlen

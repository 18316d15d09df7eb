"""The addresses of this host and the networks behind them."""

import ipaddress
import socket
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface

import psutil

Interface = IPv4Interface | IPv6Interface


class Interfaces:
    """What this host had when it was last looked at. Asking costs nothing, and needs no descriptor: a call must end
    also when none is left."""

    def __init__(self) -> None:
        self.all: tuple[Interface, ...] = ()
        self.addresses: list[str] = []
        self.look()

    def look(self) -> None:
        """Look again; where that is impossible now, what was seen before still counts."""
        try:
            found = tuple(sorted(set(_interfaces()), key=_rank))
        except OSError:
            return
        if found != self.all:
            self.all = found
            self.addresses = list(dict.fromkeys(str(one.ip) for one in found))


def _interfaces() -> Iterator[Interface]:
    """Link-local addresses of IPv6 are left out: they mean nothing without the interface."""
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6) and "%" not in one.address:
                yield _interface(one.address, one.netmask)


def _interface(address: str, mask: str | None) -> Interface:
    if ":" not in address:
        return IPv4Interface((address, mask or "255.255.255.255"))
    bits = sum(byte.bit_count() for byte in ipaddress.IPv6Address(mask).packed) if mask else 128
    return IPv6Interface((address, bits))


def _rank(one: Interface) -> tuple[bool, int, bytes, int]:
    """IPv4 before IPv6, loopback last."""
    return one.ip.is_loopback, one.version, one.ip.packed, one.network.prefixlen

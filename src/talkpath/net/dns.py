"""Where a SIP URI leads (RFC 3263): NAPTR, SRV and addresses, over dnspython."""

import asyncio
import random
from collections.abc import Callable
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from talkpath.base.address import Address, Target, Transport
from talkpath.sip.uri import Uri

_NAPTR_SERVICE = {
    "SIPS+D2T": Transport.TLS,
    "SIP+D2T": Transport.TCP,
    "SIP+D2U": Transport.UDP,
    "SIP+D2W": Transport.WS,
    "SIPS+D2W": Transport.WSS,
}
_SRV_PREFIX = {
    Transport.TLS: "_sips._tcp",
    Transport.TCP: "_sip._tcp",
    Transport.UDP: "_sip._udp",
    Transport.WS: "_sip._ws",
    Transport.WSS: "_sips._ws",
}
_LIFETIME_S = 4.0
# Targets tried for one URI; a domain with more has them for balance, not for us to try them all.
_MOST_TARGETS = 8
_FAILURES = (dns.exception.DNSException, OSError, ValueError)


class Resolver:
    """Resolves URIs for the edge; numeric hosts at once, names in a task."""

    def __init__(self, answered: Callable[[], None], now: Callable[[], float], at_once: int = 1_024) -> None:
        """`at_once` names are looked up at a time; the others wait."""
        self._answered = answered
        self._now = now
        self._dns: dns.asyncresolver.Resolver | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(at_once)

    def resolve(self, uri: Uri, done: Callable[[list[Target], float], None]) -> None:
        """Call `done(targets, now)`, now or later; the best target comes first, none where nothing is found."""
        host = uri.params.get("maddr") or uri.host
        try:
            address = str(ip_address(host))
        except ValueError:
            task = asyncio.get_running_loop().create_task(self._look_up(uri, host, done))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        transport = uri.transport or Transport.UDP
        done([Target(transport, Address(address, uri.port or transport.default_port))], self._now())

    async def _look_up(self, uri: Uri, host: str, done: Callable[[list[Target], float], None]) -> None:
        try:
            async with self._turns:
                targets = await self._targets(uri, host)
        except _FAILURES:
            targets = []
        done(targets[:_MOST_TARGETS], self._now())
        self._answered()

    async def _targets(self, uri: Uri, host: str) -> list[Target]:
        """RFC 3263 sections 4.1 and 4.2."""
        if self._dns is None:
            self._dns = dns.asyncresolver.Resolver()
            self._dns.lifetime = _LIFETIME_S
        if uri.port is not None:
            transport = uri.transport or Transport.UDP
            return await self._addresses(host, uri.port, transport, host)
        for transport, name in await self._services(uri, host):
            targets = await self._served(name, transport, host)
            if targets:
                return targets
        transport = uri.transport or Transport.UDP
        return await self._addresses(host, transport.default_port, transport, host)

    async def _services(self, uri: Uri, host: str) -> list[tuple[Transport, str]]:
        """(transport, SRV name), the preferred first."""
        if uri.transport is not None:
            return [(uri.transport, f"{_SRV_PREFIX[uri.transport]}.{host}")]
        found: list[tuple[int, int, Transport, str]] = []
        for record in await self._ask(host, "NAPTR"):
            if isinstance(record, NAPTR) and record.flags.lower() == b"s":
                transport = _NAPTR_SERVICE.get(record.service.decode("ascii", "replace").upper())
                if transport is not None:
                    name = record.replacement.to_text(omit_final_dot=True)
                    found.append((record.order, record.preference, transport, name))
        if found:
            return [(transport, name) for _, _, transport, name in sorted(found)]
        order = (Transport.UDP, Transport.TCP, Transport.TLS)
        return [(transport, f"{_SRV_PREFIX[transport]}.{host}") for transport in order]

    async def _served(self, name: str, transport: Transport, domain: str) -> list[Target]:
        """The targets of an SRV name by priority, within one by weighted chance (RFC 2782)."""
        records = [one for one in await self._ask(name, "SRV") if isinstance(one, SRV)]
        records.sort(key=lambda one: (one.priority, -random.random() * (one.weight + 1)))
        targets: list[Target] = []
        for record in records[:_MOST_TARGETS]:
            host = record.target.to_text(omit_final_dot=True)
            targets += await self._addresses(host, record.port, transport, domain)
        return targets

    async def _addresses(self, host: str, port: int, transport: Transport, name: str) -> list[Target]:
        try:
            return [Target(transport, Address(str(ip_address(host)), port), name)]
        except ValueError:
            pass
        infos = await asyncio.get_running_loop().getaddrinfo(host, port)
        addresses = dict.fromkeys(Address(str(info[4][0]), port) for info in infos)
        return [Target(transport, address, name) for address in addresses]

    async def _ask(self, name: str, kind: str) -> list[object]:
        assert self._dns is not None
        try:
            return list(await self._dns.resolve(name, kind))
        except _FAILURES:
            return []

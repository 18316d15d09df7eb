"""Who is behind the same NAT as we are, and so meets our real addresses instead of the advertised ones."""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from talkpath.base.address import Address, Transport

Networks = tuple[IPv4Network | IPv6Network, ...]
# A listener: its transport, its address ("*" for every one), its port.
Door = tuple[Transport, str, int]


class Surroundings(NamedTuple):
    """What this host sees around it. Behind an address of `routers` may be anybody: a router that turns packets to
    our public address round, or hides those who come from outside, puts its own address in the place of theirs."""

    networks: Networks = ()
    routers: frozenset[str] = frozenset()


NOTHING_AROUND = Surroundings()


class Local(NamedTuple):
    """Whom the operator calls local: these networks, and with `around` those of this host's own interfaces."""

    networks: Networks = ()
    around: bool = True


def listener_at(transport: Transport, local: Address) -> tuple[Door, ...]:
    """The listeners that a local address may belong to: its own, that of its family, that of every address."""
    every = "::" if local.is_ipv6 else "0.0.0.0"
    return tuple((transport, host, local.port) for host in (local.host, every, "*"))


class Neighbours:
    """Tells who is local to a listener. `proxies` are web servers before us: a browser whose address they do not say
    may be anywhere. `outside` are our own public addresses."""

    def __init__(
        self,
        local: Local,
        of_listener: Mapping[Door, Local],
        proxies: Networks,
        outside: frozenset[str],
        around: Callable[[], Surroundings],
    ) -> None:
        self._local = local
        self._of_listener = of_listener
        self._proxies = proxies
        self._outside = outside
        self._around = around

    def is_local(self, transport: Transport, local: Address, remote: str, rule: Local | None = None) -> bool:
        """Whether the party at `remote`, which meets our `local` address, is to be told real addresses. `rule` is
        what counts instead of what was said of the listener."""
        return self._is_local(rule or self._rule(transport, local), transport.is_websocket, remote)

    def _rule(self, transport: Transport, local: Address) -> Local:
        if self._of_listener:
            for door in listener_at(transport, local):
                if door in self._of_listener:
                    return self._of_listener[door]
        return self._local

    def _is_local(self, rule: Local, is_websocket: bool, remote: str) -> bool:
        try:
            host = ip_address(remote)
        except ValueError:
            return False
        if is_websocket and any(host in network for network in self._proxies):
            return False
        if any(host in network and network.num_addresses == 1 for network in rule.networks):
            return True
        seen = self._around()
        if remote in seen.routers or remote in self._outside:
            return False
        around = seen.networks if rule.around else ()
        return any(host in network for network in (*rule.networks, *around))

"""From which gateway a request comes: by the addresses to which names lead, and by the networks that were named."""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from talkpath.base.address import Flow, Target
from talkpath.edge.gateways.gateway import Gateway

# Answers about networks that are remembered, at some 100 bytes each; cleared when full.
_REMEMBERED = 8_192


Network = IPv4Network | IPv6Network


class Sources:
    """Who is where. What costs is a change, not a question. `changed` hears where gateways are, and are no more."""

    def __init__(self, changed: Callable[[Network, bool], None]) -> None:
        self._changed = changed
        self._by_host: dict[str, list[Gateway]] = {}
        self._hosts: dict[str, list[str]] = {}
        self._by_network: dict[Network, Gateway] = {}
        #: The lengths of the prefixes in use, the longest first.
        self._prefixes: list[int] = []
        self._known: dict[str, Gateway | None] = {}
        #: How many gateways are there: an address may be a network that was named, too.
        self._counts: dict[Network, int] = {}

    def add(self, gateway: Gateway) -> None:
        """A gateway with its networks; its addresses come by `learn`."""
        for network in gateway.settings.networks:
            if network not in self._by_network:
                self._by_network[network] = gateway
                self._count(network, 1)
        self._sort()

    def remove(self, gateway: Gateway) -> None:
        self.learn(gateway, [])
        for network in gateway.settings.networks:
            if self._by_network.get(network) is gateway:
                del self._by_network[network]
                self._count(network, -1)
        self._sort()

    def learn(self, gateway: Gateway, targets: list[Target]) -> None:
        """Its name leads there now."""
        name = gateway.settings.name
        before = self._hosts.pop(name, [])
        hosts = list(dict.fromkeys(target.remote.host for target in targets))
        if hosts:
            self._hosts[name] = hosts
        for host in before:
            if host not in hosts:
                self._by_host[host].remove(gateway)
                if not self._by_host[host]:
                    del self._by_host[host]
                    self._count(ip_network(host), -1)
        for host in hosts:
            if host in before:
                continue
            if host not in self._by_host:
                self._by_host[host] = []
                self._count(ip_network(host), 1)
            self._by_host[host].append(gateway)

    def of(self, flow: Flow) -> Gateway | None:
        """The gateway at the far end of a flow.

        Who shares its address, be it behind one NAT, is not it: a datagram must come from the port that its name
        leads to. A connection comes from any port; what else it uses is named by its networks.
        """
        for gateway in self._by_host.get(flow.remote.host, ()):
            if any(_is_at(target, flow) for target in gateway.targets):
                return gateway
        return self._within(flow.remote.host) if self._by_network else None

    def _count(self, network: Network, change: int) -> None:
        before = self._counts.pop(network, 0)
        count = before + change
        if count:
            self._counts[network] = count
        if bool(before) is not bool(count):
            self._changed(network, bool(count))

    def _within(self, host: str) -> Gateway | None:
        if host in self._known:
            return self._known[host]
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._known[host] = self._look_up(host)
        return found

    def _look_up(self, host: str) -> Gateway | None:
        address = ip_address(host)
        for prefix in self._prefixes:
            if prefix <= address.max_prefixlen:
                kind = IPv4Network if address.version == 4 else IPv6Network
                found = self._by_network.get(kind((int(address), prefix), strict=False))
                if found is not None:
                    return found
        return None

    def _sort(self) -> None:
        self._known.clear()
        self._prefixes = sorted({network.prefixlen for network in self._by_network}, reverse=True)


def _is_at(target: Target, flow: Flow) -> bool:
    if target.transport is not flow.transport or target.remote.host != flow.remote.host:
        return False
    return flow.transport.is_reliable or target.remote.port == flow.remote.port

"""From which gateway a request comes: by the addresses to which names lead, and by the networks that were named."""

from ipaddress import IPv4Network, IPv6Network, ip_address

from talkpath.base.address import Flow, Target
from talkpath.edge.gateways.gateway import Gateway

# Answers about networks that are remembered, at some 100 bytes each; cleared when full.
_REMEMBERED = 8_192


class Sources:
    """Who is where. What costs is a change, not a question."""

    def __init__(self) -> None:
        self._by_host: dict[str, list[Gateway]] = {}
        self._hosts: dict[str, list[str]] = {}
        self._by_network: dict[IPv4Network | IPv6Network, Gateway] = {}
        #: The lengths of the prefixes in use, the longest first.
        self._prefixes: list[int] = []
        self._known: dict[str, Gateway | None] = {}

    def add(self, gateway: Gateway) -> None:
        """A gateway with its networks; its addresses come by `learn`."""
        for network in gateway.settings.networks:
            self._by_network.setdefault(network, gateway)
        self._sort()

    def remove(self, gateway: Gateway) -> None:
        self.learn(gateway, [])
        for network in gateway.settings.networks:
            if self._by_network.get(network) is gateway:
                del self._by_network[network]
        self._sort()

    def learn(self, gateway: Gateway, targets: list[Target]) -> list[str]:
        """Its name leads there now. Gives the addresses that are new."""
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
        new = [host for host in hosts if host not in before]
        for host in new:
            self._by_host.setdefault(host, []).append(gateway)
        return new

    def of(self, flow: Flow) -> Gateway | None:
        """The gateway at the far end of a flow; where several are at one address, the one that is at its port."""
        host = flow.remote.host
        here = self._by_host.get(host)
        if here is not None:
            if len(here) == 1:
                return here[0]
            return next((one for one in here if any(target.remote == flow.remote for target in one.targets)), here[0])
        return self._within(host) if self._by_network else None

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

"""From which gateway a request comes: by the addresses to which names lead, and by the networks that were named."""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from talkpath.base.address import Address, Flow, Target, Transport
from talkpath.edge.gateways.gateway import Gateway

# Answers about networks that are remembered, at some 100 bytes each; cleared when full.
_REMEMBERED = 8_192


Network = IPv4Network | IPv6Network


#: Where somebody comes from: transport, host and port; connections come from any port, 0.
_Place = tuple[Transport, str, int]

_NOBODY: dict[str, Gateway] = {}


class Sources:
    """Who is where. What costs is a change, not a question. `changed` hears where gateways are, and are no more."""

    def __init__(self, changed: Callable[[Network, bool], None]) -> None:
        self._changed = changed
        #: By where they are, and their places, by name: thousands may share one host.
        self._by_place: dict[_Place, dict[str, Gateway]] = {}
        self._places: dict[str, list[_Place]] = {}
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
        before = self._places.pop(name, [])
        places = list(dict.fromkeys(_place(target.transport, target.remote) for target in targets))
        if places:
            self._places[name] = places
        # Who stays is not taken away for a moment.
        for place in places:
            if place not in before:
                self._by_place.setdefault(place, {})[name] = gateway
                self._count(ip_network(place[1]), 1)
        for place in before:
            if place not in places:
                there = self._by_place[place]
                del there[name]
                if not there:
                    del self._by_place[place]
                self._count(ip_network(place[1]), -1)

    def of(self, flow: Flow) -> Gateway | None:
        """The gateway at the far end of a flow.

        Who shares its address, be it behind one NAT, is not it: a datagram must come from the port that its name
        leads to. A connection comes from any port; what else it uses is named by its networks.
        """
        for gateway in self._by_place.get(_place(flow.transport, flow.remote), _NOBODY).values():
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


def _place(transport: Transport, remote: Address) -> _Place:
    return transport, remote.host, 0 if transport.is_reliable else remote.port

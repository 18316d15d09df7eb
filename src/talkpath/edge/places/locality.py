"""What is ours: hosts, listeners, and the address by which each is known outside."""

from collections.abc import Callable

from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.places.neighbours import NOTHING_AROUND, Neighbours, Surroundings, listener_at
from talkpath.edge.settings import EdgeSettings
from talkpath.sip.uri import Uri

# Parties of which it is remembered what we are called there, at some 200 bytes each; cleared when full.
_REMEMBERED = 8_192


class Locality:
    """Answers "is this us?" and "what do we call ourselves there?"."""

    def __init__(
        self,
        settings: EdgeSettings,
        around: Callable[[], Surroundings] = lambda: NOTHING_AROUND,
        listener: Callable[[Transport, str], Address | None] = lambda transport, remote: None,
    ) -> None:
        """`listener` gives our listener that faces a remote host, None where there is none."""
        self._listener = listener
        self._around = around
        self._seen = around()
        self._named: dict[tuple[Transport, Address, str], Address] = {}
        self._learnt: set[tuple[str, int | None]] = set()
        self.adopt(settings)

    def adopt(self, settings: EdgeSettings) -> None:
        """Go by these settings from now on. Names that were looked up are still ours: they are asked for again."""
        self._settings = settings
        outside = frozenset(address.host for address in settings.advertised.values() if is_ip(address.host))
        self.neighbours = Neighbours(settings.local, settings.local_of, settings.web_proxies, outside, self._around)
        self._named.clear()
        self._advertised = settings.advertised
        self._hosts = set(settings.own_hosts) | {address.host for address in settings.advertised.values()}
        self._ports = {port for _, port in settings.listening}
        self._ports |= {address.port for address in settings.advertised.values()}

    def named(self, flow: Flow) -> Address:
        """How the peer of a flow reaches us: by the listener's advertised address, or by the real one where the peer
        is local, or of a family that the advertised one is not of. A connection that we opened leaves from a port at
        which nobody listens: its peer is told the listener's, for requests that come when it is gone, and for answers
        (RFC 3261 sections 18.1.1 and 18.2.2)."""
        if flow.connection and (flow.transport, flow.local.port) not in self._settings.listening:
            listener = self._listener(flow.transport, flow.remote.host)
            if listener is not None:
                flow = flow._replace(local=listener)
        if not self._advertised:
            return flow.local
        if self._seen is not (seen := self._around()) or len(self._named) >= _REMEMBERED:
            self._seen = seen
            self._named.clear()
        key = (flow.transport, flow.local, flow.remote.host)
        known = self._named.get(key)
        if known is None:
            known = self._named[key] = self._named_anew(flow)
        return known

    def _named_anew(self, flow: Flow) -> Address:
        named = self.advertised(flow.transport, flow.local)
        if named is flow.local or (is_ip(named.host) and named.is_ipv6 != flow.local.is_ipv6):
            return flow.local
        return flow.local if self.neighbours.is_local(flow.transport, flow.local, flow.remote.host) else named

    def advertised(self, transport: Transport, local: Address) -> Address:
        """What the listener with our `local` address calls itself towards those who are not local."""
        if self._advertised:
            for door in listener_at(transport, local):
                if door in self._advertised:
                    return self._advertised[door]
        return local

    def is_here(self, host: str, port: int | None, facing: Flow | None = None) -> bool:
        """Whether host and port are a listener of ours (RFC 3261 section 16.4)."""
        if self.is_ours(host) or (facing is not None and host == facing.local.host):
            return port is None or port in self._ports
        if self._learnt and (host, port) in self._learnt:
            return True
        return host in self._settings.domains and (port is None or port in self._ports)

    def is_ours(self, host: str) -> bool:
        """Whether it is an address of this host, or a name that it was told to be its own."""
        return host in self._hosts

    def listens_at(self, port: int) -> bool:
        """Whether a listener of ours has that port, here or as others see it."""
        return port in self._ports

    def learn(self, host: str, port: int | None) -> None:
        """A name was looked up and leads to us."""
        self._learnt.add((host, port))

    def unlearn(self, host: str, port: int | None) -> None:
        """It does not, or no more."""
        self._learnt.discard((host, port))

    def serves(self, uri: Uri, facing: Flow) -> bool:
        """Whether the users of this URI's host are our users (RFC 3261 section 16.5).

        With no domain configured every host name is ours, so that a phone may be told any name that leads here; an
        IP address that is not ours belongs to somebody else.
        """
        if not uri.is_sip:
            return self._is_context(uri.phone_context, facing)
        if uri.host in self._settings.domains or self.is_here(uri.host, uri.port, facing):
            return True
        return not self._settings.domains and not is_ip(uri.host)

    def _is_context(self, context: str, facing: Flow) -> bool:
        """Whether a number is one of ours: a global one, or one that is local here (RFC 3966 section 5.1.5)."""
        if not context or context.startswith("+") or self.is_here(context, None, facing):
            return True
        return not self._settings.domains and not is_ip(context)


def is_ip(host: str) -> bool:
    """Whether the host of a URI is an address and no name."""
    return ":" in host or host.replace(".", "").isdigit()

"""Which stream carries a request that is too large for a datagram (RFC 3261 section 18.1.1): the one that the records
of a name offer, else whom we reach over UDP may listen on TCP at the same place. Whether anybody does is found out by
trying; that nobody does is remembered.
"""

from collections.abc import Sequence
from itertools import islice

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.edge.calls.call import Party
from talkpath.edge.core import Core
from talkpath.edge.registrar.contact import is_same_host
from talkpath.edge.routing.heading import Heading, Refusal

#: How long a request waits for a connection to stand: a moment beside the second after which a phone should ring.
PATIENCE_S = 0.5
#: Who answers no INVITE in that time is none that speaks SIP there (100 is due after 0.2 s, RFC 3261 section 17.2.1).
SILENCE_S = 3.0
# While these are tried nobody hears of the call.
_MOST_TRIED = 2
# A phone that got another configuration, or a firewall that was opened, is found within that time.
_REFUSED_FOR_S = 600.0


class Streams:
    """See the module's docstring."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._refused: dict[Target, float] = {}

    def instead(
        self, hop: Hop, heading: Heading, party: Party | None, others: Sequence[Target], now: float
    ) -> list[Target]:
        """Which streams may be tried instead of a datagram, the best first; none where nobody listens, or a NAT is
        between. `others` are where else the name leads that led to the hop."""
        offered = [one for one in others if one.transport.is_reliable]
        if not offered:
            beside = Target(Transport.TCP, hop.remote) if isinstance(hop, Target) else _of_flow(hop, heading, party)
            offered = [beside] if beside is not None else []
        usable = (one for one in offered if self._refused.get(one, 0.0) <= now and self._core.facing(one) is not None)
        return list(islice(usable, _MOST_TRIED))

    def of_same_phone(self, party: Party | None, now: float) -> Flow | None:
        """A connection on which the very phone is registered too (RFC 5626: one instance, several flows)."""
        if party is None or party.identity is None or not (instance := party.identity[0]):
            return None
        for binding in self._core.registrar.bindings(party.user, now):
            flow = binding.flow
            is_stream = flow.transport in (Transport.TCP, Transport.TLS)
            if is_stream and binding.identity[0] == instance and self._core.world.reach.is_open(flow):
                return flow
        return None

    def learn(self, target: Hop, stands: bool, now: float) -> None:
        """A connection was tried, or one that stood carried nothing."""
        if isinstance(target, Flow):
            return  # whether it is open is known without a trial
        self._refused.pop(target, None)
        if stands:
            return
        if len(self._refused) >= limits.STREAMS_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[target] = now + _REFUSED_FOR_S


def _of_flow(flow: Flow, heading: Heading, party: Party | None) -> Target | None:
    """At the host of the flow and the port that the Contact names: who listens on UDP there may on TCP too, and who
    wants TLS says so."""
    if not (heading.is_open if party is None else not party.behind_nat):
        return None
    try:
        uri = heading.next_uri
    except Refusal:
        return None
    transport = Transport.TLS if uri.transport is Transport.TLS else Transport.TCP
    if uri.transport not in (None, Transport.UDP, transport) or not is_same_host(uri.host, flow.remote.host):
        return None
    return Target(transport, Address(flow.remote.host, uri.port or transport.default_port))

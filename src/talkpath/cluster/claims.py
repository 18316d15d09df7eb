"""Who has an address that moves, where two nodes say that they do.

VRRP sees to it that one node has it. It cannot where keepalived was killed and left the address behind, or where its
packets do not pass. Then two hosts answer for it, and who sends to it reaches the one or the other. Each node
says with its beat what it has and since when; the one that had it first is wrong, because the other one had a reason
to take it. It does not want it any more: keepalived hears that from its check, and where the address stays all the
same it is taken off the interface. So long as the other node has it, and for a while, it is not taken back: who
cannot hear the other would take it again at once.

Which of two is the later is asked of numbers that both read, so where clocks are wrong the wrong one may go, but
never both.
"""

from collections.abc import Collection
from typing import NamedTuple

from talkpath.cluster.nodes import Nodes

#: How long two may say that they have it: an address that was handed over is still in the last beat of who had it.
_PATIENCE_S = 2.0
#: How long keepalived has to let go, before the address is taken from it.
_REMOVE_S = 4.0
#: How long it is not taken back while another one has it.
_AWAY_S = 300.0


class Refusal(NamedTuple):
    """An address that this host should not have: `to` is the node that took it later."""

    to: str
    at: float
    since: float


class Claims:
    """See the module's docstring. `shared` are the addresses that move."""

    def __init__(self, nodes: Nodes, node: str, shared: Collection[str]) -> None:
        self._nodes = nodes
        self._node = node
        self._shared = frozenset(shared)
        #: what this host has, since when
        self.held: dict[str, float] = {}
        self._doubted: dict[str, float] = {}
        self.refused: dict[str, Refusal] = {}

    def look(self, here: Collection[str], now: float) -> bool:
        """This host has these addresses now; whether others should hear of it at once."""
        before = self.held
        # Of one that comes back while it is refused, it is known how long we should not have it.
        first = {host: refusal.since for host, refusal in self.refused.items()}
        self.held = {host: before.get(host, first.get(host, now)) for host in self._shared.intersection(here)}
        if self._nodes.is_heard():
            self._judge(now)
        return self.held.keys() != before.keys()

    def overdue(self, now: float) -> list[tuple[str, Refusal]]:
        """What this host still has although keepalived had the time to take it off."""
        return [(host, one) for host, one in self.refused.items() if host in self.held and now - one.at >= _REMOVE_S]

    def _judge(self, now: float) -> None:
        for host, refusal in list(self.refused.items()):
            is_over = now - refusal.at >= _AWAY_S and host not in self.held
            if is_over or not any(name == refusal.to for _, name in self._nodes.claims(host)):
                del self.refused[host]
        self._doubted = {host: since for host, since in self._doubted.items() if host in self.held}
        for host, since in self.held.items():
            rival = max(self._nodes.claims(host), default=None)
            if host in self.refused or rival is None or rival < (since, self._node):
                self._doubted.pop(host, None)
            elif now - self._doubted.setdefault(host, now) >= _PATIENCE_S:
                self.refused[host] = Refusal(rival[1], now, since)

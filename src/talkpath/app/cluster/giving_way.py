"""A planned change: this node hands over what others can have, and takes nothing new, so that it can be stopped.

The addresses that move go to who is next; the calls at them go on there. New calls at an address that is still here
are taken for a moment, because it leaves in the middle of them; elsewhere the caller is told to try another node.
"""

from collections.abc import Callable, Iterable

from talkpath.app.cluster.joining import Joined
from talkpath.edge.core import Core

# How long calls are still taken where an address is about to leave. Where it stays for longer nobody takes it.
_LEAVES_S = 5.0


class GivingWay:
    """See the module's docstring. `here` are the addresses of this host, `changed` hears that what is unwanted is
    another."""

    def __init__(
        self,
        core: Core,
        cluster: Joined | None,
        here: Callable[[], Iterable[str]],
        changed: Callable[[], None],
    ) -> None:
        self._core = core
        self._cluster = cluster
        self._here = here
        self._changed = changed
        self._since = 0.0

    @property
    def unwanted(self) -> tuple[str, ...]:
        """The addresses that this host should not have although this node lives: somebody else is there for them."""
        cluster = self._cluster
        if cluster is None or not cluster.gives_way or not cluster.membership.nodes.has_heir():
            return ()
        return cluster.calls.shared

    def order(self, is_to_begin: bool, now: float) -> None:
        """Begin, or take everything again."""
        core, cluster = self._core, self._cluster
        if core.is_draining is is_to_begin:
            return
        core.is_draining, self._since = is_to_begin, now
        if cluster is not None:
            cluster.gives_way = is_to_begin
            cluster.calls.went_to.clear()
            # The heirs know of it before the address comes to them.
            cluster.membership.beat_soon()
        self.look(now)
        self._changed()

    def look(self, now: float) -> None:
        """To be called every second."""
        is_leaving = self._core.is_draining and now - self._since < _LEAVES_S
        self._core.leaving = frozenset(self.unwanted).intersection(self._here()) if is_leaving else frozenset()

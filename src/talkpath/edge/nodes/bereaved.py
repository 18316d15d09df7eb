"""Phones that ring through another node when that node is gone, or this one for a node that is gone.

Who has a call sends its INVITE to the node that holds the flow of the phone, and that one keeps nothing of it but the
transaction: with either of them the answer is lost. Nobody else would notice before the ringing takes too long, so
once a second it is looked whether those that ring for each other are both there.

    we have the call, its phone rings there    counts as not reached: others are tried, or the caller hears so
    it rings here for who had the call         stops ringing, and hears why; an heir that goes on has given it up too
"""

from talkpath.base.unsent import Unsent
from talkpath.edge.core import Core
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork

# What a phone is told whose call cannot go on (RFC 3326).
_NODE_GONE = 'Q.850;cause=41;text="The server of the call died"'
_WHY = "the node of the call is gone"


class Bereaved:
    """See the module's docstring."""

    def __init__(self, core: Core) -> None:
        self._core = core
        #: what rings here for other nodes, by their names
        self._rung_for: dict[Fork, str] = {}

    def rings_for(self, fork: Fork, node: str) -> None:
        """This rings a phone of ours for that node."""
        self._rung_for[fork] = node

    def look(self, now: float) -> None:
        """Give up what nobody can answer, or waits for, any more."""
        for call in list(self._core.beginning):
            if isinstance(call.unanswered, Fork) and not call.unanswered.is_settled:
                self._look_at_ours(call.unanswered, now)
        for fork, node in list(self._rung_for.items()):
            self._look_at_theirs(fork, node, now)

    def _look_at_theirs(self, fork: Fork, node: str, now: float) -> None:
        if not fork.is_over and not self._is_gone(node):
            return
        del self._rung_for[fork]
        if not fork.is_over:
            self._core.note(fork.request.call_id, "cluster.caller-gone", now, node=node)
            fork.break_off(500, _WHY, _NODE_GONE, now)

    def _look_at_ours(self, fork: Fork, now: float) -> None:
        for branch in list(fork.branches):
            node = _ringer(branch)
            if node and self._is_gone(node):
                self._core.note(fork.request.call_id, "cluster.ringer-gone", now, node=node)
                fork.lose(branch, Unsent.LOST, now)

    def _is_gone(self, node: str) -> bool:
        return self._core.world.nodes.way_to(node) is None


def _ringer(branch: Branch) -> str:
    """The other node that rings its phone, "" for none, or where nothing is waited for."""
    party = branch.party
    return "" if party is None or branch.status or branch.cancel_reason is not None else party.node

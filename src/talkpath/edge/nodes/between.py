"""What one node of a cluster does for the calls of another: what a phone says here within a call is brought to the
node that runs the call, and what that node has for a phone is given to the phone.

Neither is a call of this node. It opens no media, keeps nothing, and answers go back the way that the request came.
"""

from collections.abc import Callable
from functools import partial

from talkpath.base.address import Flow, Hop
from talkpath.edge.core import Core
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.sending import Sending
from talkpath.edge.nodes.nodes import Pass, bound_to
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.media.policy import GRACE_S

# How often we look whether somebody runs a call again whose node died.
_LOOK_S = 0.2

# Goes on with a request as one of a call of ours.
GoOn = Callable[[Fork, Heading, float], None]


class BetweenNodes:
    """See the module's docstring."""

    def __init__(self, core: Core, sending: Sending) -> None:
        self._core = core
        self._sending = sending

    def has_taken(self, fork: Fork, heading: Heading, go_on: GoOn, now: float) -> bool:
        """Whether a request within a dialog of no call of ours is of one of another node, and goes on as such.
        Raises Refusal."""
        core, permit = self._core, fork.arrival.permit
        if permit is not None and permit.is_brought:
            return False
        if permit is not None:
            self._sending.send(fork, self._flow_to(permit, now), heading, None, now)
            return True
        runner = self._runner(fork.arrival, heading)
        if not runner:
            return False
        core.ledger.disregard(fork.request.call_id)
        self._bring(fork, heading, runner, partial(self._look_again, fork, heading, go_on, now + GRACE_S), now)
        return True

    def way_of_ack(self, arrival: Arrival, heading: Heading, now: float) -> tuple[Hop, tuple[str, ...]] | None:
        """Where an ACK goes that is of a call of another node, and what comes before its route; None for others.
        Raises Refusal."""
        core, permit = self._core, arrival.permit
        if permit is not None and permit.is_brought:
            return None
        if permit is not None:
            return self._flow_to(permit, now), ()
        runner = self._runner(arrival, heading)
        there = core.world.nodes.way_to(runner) if runner else None
        if there is None:
            return None
        bound = bound_to(arrival.message, heading.cseq_shift)
        return there, (core.passes.brought(bound, arrival.reply_to, arrival.behind_nat, there),)

    def _runner(self, arrival: Arrival, heading: Heading) -> str:
        """The node that runs the call: as its record says; where there is none, the one that wrote the route."""
        nodes, request = self._core.world.nodes, arrival.message
        call_id = request.call_id
        known = nodes.runner_of(call_id, request.from_tag) or nodes.runner_of(call_id, request.to_tag)
        return known or heading.maker

    def _flow_to(self, permit: Pass, now: float) -> Flow:
        """The flow to a phone that another node has something for. Raises Refusal."""
        core = self._core
        binding = core.registrar.find(permit.user, permit.identity)
        is_here = binding is not None and not binding.node and binding.expires_at > now
        if binding is not None and is_here and core.world.reach.is_open(binding.flow):
            return binding.flow
        if permit.flow is None or not core.world.reach.is_open(permit.flow):
            raise Refusal(430, "Flow Failed")
        return permit.flow

    def _bring(self, fork: Fork, heading: Heading, runner: str, again: Callable[[float], None], now: float) -> None:
        """Bring a request to the node that runs its call; where that is gone, `again` is asked a moment later."""
        core, arrival = self._core, fork.arrival
        there = core.world.nodes.way_to(runner)
        if there is None:
            fork.later(_LOOK_S, now, again)
            return
        bound = bound_to(fork.request, heading.cseq_shift)
        path = (core.passes.brought(bound, arrival.reply_to, arrival.behind_nat, there),)
        branch = self._sending.send(fork, there, heading, None, now, path)
        branch.next_hop = lambda then, was_heard: _later(fork, again, then)

    def _look_again(self, fork: Fork, heading: Heading, go_on: GoOn, until: float, now: float) -> None:
        """The node that ran the call is gone: its heir says so as soon as it goes on, which may be this node."""
        try:
            runner = "" if self._core.runs(fork.request) or now >= until else self._runner(fork.arrival, heading)
            if runner:
                again = partial(self._look_again, fork, heading, go_on, until)
                self._bring(fork, heading, runner, again, now)
            else:
                go_on(fork, heading, now)
        except Refusal as refusal:
            self._core.reply(fork.arrival, fork.server, refusal.status, now, reason=refusal.reason)


def _later(fork: Fork, again: Callable[[float], None], now: float) -> None:
    fork.later(_LOOK_S, now, again)

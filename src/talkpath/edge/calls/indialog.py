"""Requests within a dialog: by our tokens in their route, or as part of a running call, to where the other party can
be found now (RFC 3261 section 12.2).
"""

from functools import partial

from talkpath.base.address import Hop, Located, Target
from talkpath.edge.admission.admission import Admission
from talkpath.edge.calls.anchoring import Anchoring
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.calls.recordkey import RecordKey
from talkpath.edge.core import Core
from talkpath.edge.forking.answers import Answers
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.sending import Sending
from talkpath.edge.nodes.between import BetweenNodes
from talkpath.edge.nodes.nodes import bound_to
from talkpath.edge.places.names import why_nowhere
from talkpath.edge.places.seeking import seek
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.routing import (
    Found,
    Reachability,
    elsewhere_of,
    follow,
    hop_of,
    reachable_contact,
    sides_of,
)
from talkpath.media.policy import GRACE_S
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri

# How often we look whether who is to get a request within a call has come back in that time.
_LOOK_S = 0.2


class InDialog:
    """Sends requests of running dialogs on."""

    def __init__(
        self,
        core: Core,
        admission: Admission,
        anchoring: Anchoring,
        ending: Ending,
        sending: Sending,
        answers: Answers,
        record_key: RecordKey,
    ) -> None:
        self._core = core
        self._admission = admission
        self._anchoring = anchoring
        self._ending = ending
        self._sending = sending
        self._answers = answers
        self._record_key = record_key
        self._reachability = Reachability(core)
        self._beyond = BetweenNodes(core, sending)

    def forward(self, fork: Fork, heading: Heading, now: float) -> None:
        """Send a request on within its dialog. Raises Refusal."""
        fork.call = call = self._core.call_of(fork.request)
        sender, receiver = sides_of(call, fork.request)
        if sender is not None or not self._beyond.has_taken(fork, heading, self._forward_here, now):
            self._forward(fork, heading, sender, receiver, now)

    def _forward_here(self, fork: Fork, heading: Heading, now: float) -> None:
        """The same for what waited for another node in vain."""
        fork.call = self._core.call_of(fork.request)
        self._forward(fork, heading, *sides_of(fork.call, fork.request), now)

    def _forward(
        self, fork: Fork, heading: Heading, sender: Party | None, receiver: Party | None, now: float
    ) -> None:
        core, request, call = self._core, fork.request, fork.call
        self._admission.bar_transfer(sender.user if sender is not None else "", request)
        if request.method == "REFER" and call is not None and receiver is not None:
            side = "caller" if sender is call.caller else "callee"
            core.transfers.asked(request, side, receiver.flow.remote, now)
        if self._record_key.pressed(call, sender, fork.arrival, fork.server, now):
            return
        self._follow(sender, fork.arrival)
        _renumber(heading, sender, receiver)
        if call is not None and sender is not None:
            call.heard_at = now
            self._ending.seen(call, sender, request, now)
        if self._anchoring.trickled(call, sender, request, now):
            core.reply(fork.arrival, fork.server, 200, now)
            return
        if call is None and core.untold.is_dead(request):
            raise Refusal(481)
        if receiver is not None and not heading.routes and self._is_away(receiver, now):
            remote = str(receiver.flow.remote)
            core.note(request.call_id, "flow.awaited", now, method=request.method, remote=remote, wait_s=GRACE_S)
            self._look_again(fork, heading, receiver, now + GRACE_S, now)
            return
        self._send(fork, heading, receiver, now)

    def _send(self, fork: Fork, heading: Heading, receiver: Party | None, now: float) -> None:
        """To where its dialog leads. Raises Refusal."""
        hop, path = self._way_in_dialog(fork.arrival, receiver, heading, now)
        if isinstance(hop, Uri):
            seek(self._core, fork, hop, now, partial(self._send_found, fork, heading, receiver, hop))
        else:
            self._sending.send(fork, hop, heading, receiver, now, path)

    def _send_found(
        self, fork: Fork, heading: Heading, receiver: Party | None, uri: Uri, found: Located, now: float
    ) -> bool:
        """It is known where the name in a Contact leads. Raises Refusal."""
        if fork.is_settled:
            return False
        if not found.targets:
            self._core.note(fork.request.call_id, "dns.failed", now, host=uri.host, why=why_nowhere(found))
            raise Refusal(430, "Flow Failed")
        self._sending.send(fork, found.targets[0], heading, receiver, now, others=found.targets[1:])
        return True

    def _is_away(self, party: Party, now: float) -> bool:
        """Whether the connection of a registered party is gone, and none has taken its place: it may come back."""
        if party.identity is None or self._ending.hop_to(party, now) is not None:
            return False
        return reachable_contact(party) is None

    def _look_again(self, fork: Fork, heading: Heading, receiver: Party, until: float, now: float) -> None:
        """A request waits for its receiver: pages whose connections broke together come back one after the other, a
        library that is refused hangs up, and one that missed a BYE talks to nobody. Who does not come back in time is
        told when it registers again; the sender of the BYE has ended its session all the same (RFC 3261 15.1.1)."""
        core, call = self._core, fork.call
        is_bye = fork.request.method == "BYE"
        is_running = call is not None and call.phase is not Phase.OVER and (is_bye or call.hung_up_at is None)
        if is_running and now < until and self._is_away(receiver, now):
            fork.later(_LOOK_S, now, partial(self._look_again, fork, heading, receiver, until))
            return
        try:
            if not is_running:
                raise Refusal(481)
            if is_bye and self._is_away(receiver, now):
                raise Refusal(408)
            self._send(fork, heading, receiver, now)
        except Refusal as refusal:
            self._ending.not_forwarded(call, fork.request, refusal.status, now)
            core.reply(fork.arrival, fork.server, refusal.status, now, reason=refusal.reason)

    def _follow(self, sender: Party | None, arrival: Arrival) -> None:
        """A party that speaks from a new flow has moved there."""
        if sender is not None:
            follow(self._core, sender, arrival)
            sender.cseq = max(sender.cseq, arrival.message.cseq_number)

    def _way_in_dialog(
        self, arrival: Arrival, receiver: Party | None, heading: Heading, now: float
    ) -> tuple[Hop | Uri, tuple[str, ...]]:
        """The flow or target of an in-dialog request, or the name that leads there, and what comes before its route.
        Raises Refusal.

        A To tag proves nothing: only a token of ours or a running call does, and they say where the request may go.
        """
        if not heading.has_token and receiver is None:
            raise Refusal(481)
        core, request = self._core, arrival.message
        elsewhere = elsewhere_of(core, receiver, now) if receiver is not None and heading.routes else None
        if heading.routes and elsewhere is None:
            return self._hop_to_proxy(request, receiver, heading, now), ()
        found = Found(elsewhere=elsewhere) if elsewhere else self._reachability.find(request, receiver, heading, now)
        if found.elsewhere is not None and (there := core.world.nodes.way_to(found.elsewhere.node)) is not None:
            core.note(request.call_id, "flow.elsewhere", now, method=request.method, node=found.elsewhere.node)
            return there, (core.passes.to_phone(bound_to(request, heading.cseq_shift), found.elsewhere, there),)
        if found.flow is not None:
            return hop_of(found.flow, receiver), ()
        if receiver is not None and not found.is_gone and isinstance(receiver.flow, Target):
            return receiver.flow, ()
        if found.is_gone and receiver is not None and (contact := reachable_contact(receiver)) is not None:
            return contact, ()
        raise Refusal(430, "Flow Failed")

    def _hop_to_proxy(self, request: Message, receiver: Party | None, heading: Heading, now: float) -> Hop | Uri:
        """Another proxy stands between, and our token leads to it: where the connection that it names is gone, to the
        place that the proxy itself named. Who sends the request is not asked for that. Raises Refusal."""
        known = heading.onward
        if known is not None and self._core.world.reach.is_open(known):
            return hop_of(known, receiver)
        if known is not None:
            self._core.note(request.call_id, "flow.gone", now, remote=str(known.remote), method=request.method)
        place = reachable_contact(receiver) if receiver is not None and receiver.routes else None
        if place is None:
            raise Refusal(430, "Flow Failed")
        return place

    def forward_ack(self, arrival: Arrival, heading: Heading, now: float) -> None:
        """The ACK for a 2xx goes end to end without a transaction (RFC 3261 section 13.2.2.4). Raises Refusal."""
        request = arrival.message
        call = self._core.call_of(request)
        sender, receiver = sides_of(call, request)
        beyond = self._beyond.way_of_ack(arrival, heading, now) if sender is None else None
        if beyond is not None:
            self._send_ack(arrival, *beyond, heading, None, None, now)
            return
        self._follow(sender, arrival)
        _renumber(heading, sender, receiver)
        hop, path = self._way_in_dialog(arrival, receiver, heading, now)
        if call is not None and sender is call.caller:
            if receiver is not None:
                receiver.is_acknowledged = True
            if len(call.callees) == 1 or all(one.is_acknowledged for one in call.lasting()):
                self._core.beginning.discard(call)
        if not isinstance(hop, Uri):
            self._send_ack(arrival, hop, path, heading, receiver, call, now)
            return

        def found(located: Located, then: float) -> None:
            if located.targets:
                self._send_ack(arrival, located.targets[0], (), heading, receiver, call, then)
            else:
                self._core.counters["acks_dropped"] += 1

        self._core.world.resolve(hop, found)

    def _send_ack(
        self,
        arrival: Arrival,
        hop: Hop,
        path: tuple[str, ...],
        heading: Heading,
        receiver: Party | None,
        call: RunningCall | None,
        now: float,
    ) -> None:
        request = arrival.message
        try:
            branch = self._core.branch()
            data = self._sending.written(arrival, hop, heading, receiver, call, branch, now, path)
        except Refusal:
            self._core.counters["acks_dropped"] += 1
            sender, _ = sides_of(call, request)
            if call is not None and sender is not None and receiver is not None:
                self._ending.acknowledge(call, receiver, sender, request.cseq_number, now)
                self._answers.end_unusable(call, now)
            return
        self._core.send(hop, data, request.call_id)


def _renumber(heading: Heading, sender: Party | None, receiver: Party | None) -> None:
    """A running call knows by its tags who counts from another number; the tokens only while they are two bytes of
    them."""
    if sender is not None and receiver is not None:
        heading.cseq_shift, heading.back_shift = receiver.cseq_shift, sender.cseq_shift

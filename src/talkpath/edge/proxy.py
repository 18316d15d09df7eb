"""The stateful proxy: admits what begins a dialog or stands alone, finds where it goes, and sends it there.

RFC 3261 section 16. Forks stand in `fork.py`, requests within dialogs in `indialog.py`, the writing of requests in
`sending.py`, what comes back in `answers.py`.
"""

from functools import partial

from talkpath.base.errors import Malformed
from talkpath.edge.admission.admission import Admission
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.calls.indialog import InDialog
from talkpath.edge.core import Core
from talkpath.edge.forking.answers import Answers
from talkpath.edge.forking.asking import Asking
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forking.trying import Trying
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.gateways.trunks import Trunks
from talkpath.edge.nodes.nodes import Pass
from talkpath.edge.registrar.comeback import take_up
from talkpath.edge.routing.choosing import Asked, Choosing, Unproven
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.inquiry import Answer
from talkpath.edge.routing.plan import Group, Plan, ToPhone
from talkpath.edge.routing.question import Question
from talkpath.media.policy import CALLER
from talkpath.sip.transaction import ServerTransaction


class Proxy:
    """See the module's docstring."""

    def __init__(
        self,
        core: Core,
        admission: Admission,
        ending: Ending,
        trying: Trying,
        trunks: Trunks,
        asking: Asking,
        answers: Answers,
        in_dialog: InDialog,
    ) -> None:
        self._core = core
        self._admission = admission
        self._ending = ending
        self._choosing = Choosing(core, admission)
        self._trying = trying
        self._trunks = trunks
        self._asking = asking
        self._answers = answers
        self._in_dialog = in_dialog

    def forward(self, arrival: Arrival, server: ServerTransaction, heading: Heading, now: float) -> None:
        """Send a request on by its route, its dialog or its target. Raises Refusal."""
        request = arrival.message
        fork = Fork(self._answers, self._core.transactions, arrival, server, None, self._core.settings.ring_timeout_s)
        if request.to_tag:
            self._say_trying(fork, now)
            self._in_dialog.forward(fork, heading, now)
        else:
            self._forward_initial(fork, heading, now)

    def ring_for_node(
        self, arrival: Arrival, server: ServerTransaction, heading: Heading, permit: Pass, now: float
    ) -> Fork:
        """Another node has this call, and we hold the flow of the phone that it rings: as a proxy beside it, without
        media and without asking anybody. Raises Refusal."""
        core, request = self._core, arrival.message
        binding = core.registrar.find(permit.user, permit.identity)
        if binding is None or binding.node or binding.expires_at <= now:
            raise Refusal(430, "Flow Failed")
        core.note(request.call_id, "cluster.rung-for", now, node=permit.node, user=permit.user)
        fork = Fork(self._answers, core.transactions, arrival, server, None, core.settings.ring_timeout_s)
        self._say_trying(fork, now)
        self._trying.start(fork, heading, Plan([Group([ToPhone([binding])])]), now)
        return fork

    def _forward_initial(self, fork: Fork, heading: Heading, now: float) -> None:
        core, arrival, request = self._core, fork.arrival, fork.request
        arrival.gateway = self._trunks.source(arrival.flow)
        may_pass, user = self._admission.admit_request(arrival, fork.server, now)
        if not may_pass:
            return
        arrival.proven = user
        take_up(core, self._ending, arrival, user, now)
        self._admission.bar_transfer(user, request)
        router = core.world.router
        if router is not None and request.method in router.begins:
            router.ask(Question(self, fork, heading), now)
            if not fork.is_over and fork.server.last is None:
                self._say_trying(fork, now)
            return
        self.as_usual(fork, heading, now)

    # --- what a question may lead to

    def as_usual(self, fork: Fork, heading: Heading, now: float, changes: Changes | None = None) -> None:
        """Route it by the registrations and the configuration. Raises Refusal."""
        arrival = fork.arrival
        asked = Asked(arrival, heading, arrival.proven, partial(self._core.note, fork.request.call_id))
        try:
            plan = self._choosing.plan(asked, now)
            plan.changes = changes
            self._set_out(fork, heading, plan, now)
        except Unproven as unproven:
            self._admission.challenge_stranger(arrival, fork.server, unproven.wanted, now)
            self._ending.not_forwarded(fork.call, fork.request, 407, now)

    def carry_out(self, fork: Fork, heading: Heading, plan: Plan, now: float) -> None:
        """Carry a plan of somebody outside out: who may leave the house is not for it to forget. Raises Refusal."""
        if plan.leaves_house and not plan.for_strangers and not self._admission.may_leave(fork.arrival):
            self.challenge(fork, now)
            return
        self._set_out(fork, heading, plan, now)

    def _set_out(self, fork: Fork, heading: Heading, plan: Plan, now: float) -> None:
        if fork.server.last is None:
            self._say_trying(fork, now)
        if fork.call is None:
            self._begin_call(fork, fork.arrival.proven, now)
        self._trying.start(fork, heading, plan, now)

    def challenge(self, fork: Fork, now: float) -> None:
        """The sender must say who it is."""
        self._admission.challenge(fork.arrival, fork.server, now)
        self._ending.not_forwarded(fork.call, fork.request, 407, now)

    def refuse(self, fork: Fork, answer: Answer, now: float) -> None:
        """Answer in our own name."""
        self._ending.not_forwarded(fork.call, fork.request, answer.status, now)
        self._core.reply(fork.arrival, fork.server, answer.status, now, reason=answer.reason, fields=answer.fields)

    def drop(self, fork: Fork, now: float) -> None:
        """Give no answer at all."""
        self._core.note(fork.request.call_id, "guard.dropped", now, why="the script says so")
        self._ending.not_forwarded(fork.call, fork.request, 403, now)
        fork.server.forget(now)

    def decided(self, fork: Fork, now: float) -> None:
        """Nobody is asked any more about a request. What began no call ends here; of a call `Ending` tells."""
        core, key = self._core, (fork.request.call_id, fork.request.from_tag)
        if fork.call is None and key not in core.calls and core.world.router is not None:
            core.world.router.ended(*key, now)

    def note(self, call_id: str, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of a call."""
        self._core.note(call_id, kind, now, **values)

    def _say_trying(self, fork: Fork, now: float) -> None:
        """An INVITE is taken up: its sender needs not repeat it (RFC 3261 section 16.2)."""
        if fork.is_invite:
            self._core.reply(fork.arrival, fork.server, 100, now)

    def _begin_call(self, fork: Fork, user: str, now: float) -> None:
        """An INVITE that may pass becomes a running call."""
        core, arrival, request = self._core, fork.arrival, fork.request
        if request.method != "INVITE":
            return
        if core.transactions.brings_back(request):
            # The same call on a second way through us (a spiral): anchored once is enough.
            core.note(request.call_id, "call.spiral", now)
            return
        is_refused = core.is_draining and arrival.flow.local.host not in core.leaving
        if is_refused or len(core.calls) >= core.settings.max_calls:
            raise Refusal(503, "Draining" if is_refused else "Too many calls")
        caller = Party(CALLER, arrival.reply_to, arrival.behind_nat)
        routes = request.listed("Record-Route")
        try:
            caller.learn(request, "From", routes)
        except Malformed:
            raise Refusal(400, "Bad Contact") from None
        caller.speaks_from(arrival.reply_to, arrival.behind_nat)
        caller.cseq = request.cseq_number
        self._bind(caller, user, arrival, now)
        fork.call = RunningCall(request.call_id, caller, now)
        if core.begin(fork.call):
            core.note(request.call_id, "call.twin", now, source=str(arrival.flow.remote))
        core.transfers.began(request, arrival.reply_to.remote, now)
        self._asking.take_offer(fork.call, request)
        core.beginning.add(fork.call)
        fork.call.unanswered = fork
        if arrival.gateway is not None:
            self._trunks.came(fork.call, arrival.gateway, now)

    def _bind(self, caller: Party, user: str, arrival: Arrival, now: float) -> None:
        """Remember who the caller is, and by which registration it can be found again."""
        caller.user = user
        try:
            user = user or self._core.user_of(arrival.message.address("From").parsed_uri())
        except Malformed:
            return
        binding = self._core.registrar.of_flow(user, caller.flow, caller.contact)
        if binding is not None:
            caller.user, caller.identity, caller.agent = user, binding.identity, binding.user_agent

"""The stateful proxy: admits what begins a dialog or stands alone, finds where it goes, and sends it there.

RFC 3261 section 16. Forks stand in `fork.py`, requests within dialogs in `indialog.py`, the writing of requests in
`sending.py`, what comes back in `answers.py`.
"""

from functools import partial
from itertools import groupby

from talkpath.base.address import Address, Hop, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.edge.admission import Admission
from talkpath.edge.answers import Answers
from talkpath.edge.arrival import Arrival
from talkpath.edge.asking import Asking
from talkpath.edge.binding import Binding, flows_of_phones
from talkpath.edge.call import Party, RunningCall
from talkpath.edge.comeback import take_up
from talkpath.edge.core import Core
from talkpath.edge.ending import Ending
from talkpath.edge.fork import Branch, Fork
from talkpath.edge.indialog import InDialog
from talkpath.edge.routing import Heading, Refusal
from talkpath.edge.sending import Sending
from talkpath.media.policy import CALLER
from talkpath.sip.transaction import ServerTransaction
from talkpath.sip.uri import Uri, without_headers

# How long other requests than INVITE wait for an answer of one group: whoever asks waits for 32 s.
_GROUP_WAIT_S = 5.0
# After how long another flow of a phone has its turn. 100 is due after 0.2 s (RFC 3261 section 17.2.1); meanwhile a
# request that was lost has been sent three times.
_FLOW_SILENCE_S = 2.0

#: The contacts of one phone.
Flows = list[Binding]


class Proxy:
    """See the module's docstring."""

    def __init__(
        self,
        core: Core,
        admission: Admission,
        ending: Ending,
        sending: Sending,
        asking: Asking,
        answers: Answers,
        in_dialog: InDialog,
    ) -> None:
        self._core = core
        self._admission = admission
        self._ending = ending
        self._sending = sending
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

    def _forward_initial(self, fork: Fork, heading: Heading, now: float) -> None:
        core, arrival, request = self._core, fork.arrival, fork.request
        may_pass, user = self._admission.admit_request(arrival, fork.server, now)
        if not may_pass:
            return
        arrival.proven = user
        take_up(core, self._ending, arrival, user, now)
        self._admission.bar_transfer(user, request)
        uri = heading.next_uri
        phone = None if heading.routes else core.registrar.of_contact(heading.uri, now)
        if phone is None and (heading.routes or not core.locality.serves(uri, arrival.flow)):
            if not user and not self._admission.is_trusted(arrival):
                self._admission.challenge_stranger(arrival, fork.server, now)
                return
            if core.world.accounts.is_guest(user):
                raise Refusal(403, "Guests may call users here only")
            self._say_trying(fork, now)
            self._begin_call_out(fork, heading, user, now)
            core.note(request.call_id, "route.domain", now, domain=uri.host)
            self._resolve(fork, heading, now)
            return
        called = core.user_of(uri)
        if request.method == "SUBSCRIBE" and called == (user or self._admission.claimed_user(request)):
            # A phone asks for its own messages or its own state, which no phone of its user can tell (RFC 6665).
            raise Refusal(489)
        bindings = [phone] if phone is not None else core.registrar.bindings(called, now)
        if not bindings or self._admission.is_doubtful(arrival, user, now):
            core.note(request.call_id, "registration.none", now, user=called)
            if not self._admission.may_know(arrival, user):
                self._admission.challenge_stranger(arrival, fork.server, now)
                return
            exists = core.world.accounts.exists(called)
            raise Refusal(480 if exists else 404)
        self._say_trying(fork, now)
        self._begin_call(fork, user, now)
        core.note(request.call_id, "route.user", now, user=bindings[0].user)
        self._fork_to(fork, heading, bindings, now)

    def _say_trying(self, fork: Fork, now: float) -> None:
        """An INVITE is taken up: its sender needs not repeat it (RFC 3261 section 16.2)."""
        if fork.is_invite:
            self._core.reply(fork.arrival, fork.server, 100, now)

    def _begin_call_out(self, fork: Fork, heading: Heading, user: str, now: float) -> None:
        """What leaves the house counts for the account that sends it. Raises Refusal."""
        core, request, toll = self._core, fork.request, self._core.guard.toll
        key = (request.call_id, request.from_tag)
        if not user:
            self._begin_call(fork, user, now)
            return
        if fork.is_invite and key in core.calls:
            # What comes back to us on a second way has no credentials left, so this is a second call in the name of
            # the first, which nobody would count (RFC 3261 section 8.2.2.2).
            raise Refusal(482)
        try:
            uri = Uri.parse(heading.uri)
        except Malformed:
            raise Refusal(400, "Bad Request-URI") from None
        over = toll.refusal(user, uri, fork.arrival.flow.remote.host, now, is_call=fork.is_invite)
        if over is not None:
            core.note(request.call_id, over.kind, now, user=user, limit=over.limit)
            raise Refusal(403, "Call limit reached" if fork.is_invite else "Request limit reached")
        self._begin_call(fork, user, now)
        if fork.is_invite:
            toll.begun(user, uri, key, now)
        else:
            toll.asked(user, uri, now)

    def _begin_call(self, fork: Fork, user: str, now: float) -> None:
        """An INVITE that may pass becomes a running call."""
        core, arrival, request = self._core, fork.arrival, fork.request
        if request.method != "INVITE":
            return
        key = (request.call_id, request.from_tag)
        if key in core.calls:
            # The same call on a second way through us (a spiral): anchored once is enough.
            return
        if core.is_draining or len(core.calls) >= core.settings.max_calls:
            raise Refusal(503, "Draining" if core.is_draining else "Too many calls")
        caller = Party(CALLER, arrival.reply_to, arrival.behind_nat)
        routes = request.listed("Record-Route")
        caller.learn(request, "From", routes)
        caller.speaks_from(arrival.reply_to, arrival.behind_nat)
        caller.cseq = request.cseq.number
        self._bind(caller, user, arrival, now)
        fork.call = core.calls[key] = RunningCall(request.call_id, caller, now)
        self._asking.take_offer(fork.call, request)
        core.beginning.add(fork.call)
        fork.call.give_up = fork.cancel

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

    def _fork_to(self, fork: Fork, heading: Heading, bindings: list[Binding], now: float) -> None:
        """Ring the contacts of a user, those with the same q at once, one group after the other (RFC 3261 section
        16.6). Raises Refusal where nobody can be rung."""
        groups = [list(group) for _, group in groupby(flows_of_phones(bindings), key=lambda flows: flows[0].q)]
        refusal = self._ring_next(fork, heading, groups, now)
        if refusal is not None:
            raise refusal

    def _ring_next(self, fork: Fork, heading: Heading, groups: list[list[Flows]], now: float) -> Refusal | None:
        """Ring the first group in which anybody can be; why not where there is none."""
        refusal: Refusal | None = Refusal(480)
        while groups and refusal is not None:
            refusal = self._ring(fork, heading, groups.pop(0), now)
        if groups:
            wait_s = self._core.settings.group_ring_s if fork.is_invite else _GROUP_WAIT_S
            fork.then(wait_s, now, lambda then: self._ring_next(fork, heading, groups, then) is None)
        return refusal

    def _ring(self, fork: Fork, heading: Heading, phones: list[Flows], now: float) -> Refusal | None:
        """Ring phones at once, each on the first of its flows that takes it; why not where none could be."""
        sent, refusal = 0, Refusal(480)
        for flows in phones:
            refused = self._ring_phone(fork, heading, flows, 0, now)
            # What can not be asked of one phone is no reason for the others not to ring.
            sent, refusal = (sent + 1, refusal) if refused is None else (sent, refused)
        return None if sent else refusal

    def _ring_phone(self, fork: Fork, heading: Heading, flows: Flows, cseq_shift: int, now: float) -> Refusal | None:
        """Ring a phone on one flow, and on the next when that fails or is silent; why not where none takes it."""
        refusal = Refusal(480)
        for number, binding in enumerate(flows, 1):
            hop = self._way_to(fork, binding, now)
            if hop is None:
                continue
            try:
                branch = self._ring_on(fork, heading, binding, hop, cseq_shift, now)
            except Refusal as refused:
                refusal = refused
                continue
            if flows[number:]:
                ring_next = partial(self._ring_next_flow, fork, heading, flows[number:], cseq_shift)
                fork.watch_flow(branch, _FLOW_SILENCE_S, now, ring_next)
            return None
        return refusal

    def _ring_next_flow(
        self, fork: Fork, heading: Heading, flows: Flows, cseq_shift: int, now: float, was_heard: bool
    ) -> None:
        """A phone that may have read the request takes it for a new one with the next CSeq only."""
        self._ring_phone(fork, heading, flows, cseq_shift + (was_heard and fork.is_invite), now)

    def _way_to(self, fork: Fork, binding: Binding, now: float) -> Hop | None:
        """The hop by which a contact can be rung now."""
        gone = self._core.keep_alive.gone
        if gone and binding.flow in gone:
            self._not_reached(fork.request.call_id, "flow.unanswering", binding.flow, now)
            return None
        hop = self._hop_to(binding)
        if hop is not None and fork.request.uri.startswith("sips:") and not hop.transport.is_secure:
            # RFC 5630 section 5.3: what was asked for over TLS goes to no phone in clear.
            return None
        if hop is None:
            self._not_reached(fork.request.call_id, "flow.not-rung", binding.flow, now)
        return hop

    def _ring_on(
        self, fork: Fork, heading: Heading, binding: Binding, hop: Hop, cseq_shift: int, now: float
    ) -> Branch:
        """Ring one contact. Raises Refusal."""
        onward = Heading(without_headers(binding.contact), heading.routes, bool(heading.changed or binding.path))
        onward.is_phone, onward.is_open = True, not (binding.behind_nat or binding.path)
        party = self._callee(fork, hop, binding)
        if party is not None:
            party.cseq_shift = cseq_shift
        self._core.note(fork.request.call_id, "fork.branch-added", now, target=binding.contact, flow=_described(hop))
        return self._sending.send(fork, hop, onward, party, now, binding.path)

    def _not_reached(self, call_id: str, kind: str, end: Hop, now: float) -> None:
        self._core.note(call_id, kind, now, remote=str(end.remote), transport=str(end.transport))

    def _callee(self, fork: Fork, hop: Hop, binding: Binding | None) -> Party | None:
        if fork.call is None:
            return None
        party = fork.call.add_callee(hop, binding.behind_nat if binding else False)
        if binding is not None:
            party.user, party.identity, party.ice = binding.user, binding.identity, binding.ice
            party.agent = binding.user_agent
        self._asking.choose(fork.call, party)
        return party

    def _hop_to(self, binding: Binding) -> Hop | None:
        """Down the flow of the registration; to the Contact where that flow is gone, or where a datagram brought one
        that names another transport, if nothing stands between."""
        if self._core.world.reach.is_open(binding.flow) and not self._names_other_transport(binding):
            return binding.flow
        if binding.behind_nat or binding.flow.transport.is_websocket:
            return None
        contact = Uri.parse(binding.contact)
        transport = contact.transport or binding.flow.transport
        return Target(transport, Address(contact.host, contact.port or transport.default_port))

    @staticmethod
    def _names_other_transport(binding: Binding) -> bool:
        """Whether a phone that registered by datagram, with nothing in between, wants to be called over a stream."""
        if binding.flow.transport.is_reliable or binding.behind_nat or binding.reg_id or binding.path:
            return False
        return Uri.parse(binding.contact).transport in (Transport.TCP, Transport.TLS)

    def _resolve(self, fork: Fork, heading: Heading, now: float) -> None:
        """Ask where a URI leads (RFC 3263); the answer is taken up when it comes."""
        uri = heading.next_uri

        def resolved(targets: list[Target], then: float) -> None:
            self._go_on(fork, heading, uri, targets, then)

        self._core.world.resolve(uri, resolved)

    def _go_on(self, fork: Fork, heading: Heading, uri: Uri, targets: list[Target], now: float) -> None:
        core, call_id = self._core, fork.request.call_id
        if fork.is_over:
            return
        try:
            if not targets:
                core.note(call_id, "dns.failed", now, host=uri.host, why="no usable address")
                raise Refusal(404, "Unresolvable destination")
            if core.locality.is_here(targets[0].remote.host, targets[0].remote.port, fork.arrival.flow):
                raise Refusal(404)
            core.note(call_id, "dns.resolved", now, host=uri.host, addresses=str(targets[0].remote))
            self._sending.send(fork, targets[0], heading, self._callee(fork, targets[0], None), now)
        except Refusal as refusal:
            self._ending.not_forwarded(fork.call, fork.request, refusal.status, now)
            core.reply(fork.arrival, fork.server, refusal.status, now, reason=refusal.reason)


def _described(hop: Hop) -> str:
    return f"{hop.transport} {hop.remote}"

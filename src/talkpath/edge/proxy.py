"""The stateful proxy: admits requests, finds where they go, sends them on, and brings the answers back.

RFC 3261 section 16. Forks stand in `fork.py`, the way of a request in `routing.py`, media in `anchoring.py`.
"""

from contextlib import suppress
from functools import partial

from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.calls.model import Side
from talkpath.edge.admission import Admission
from talkpath.edge.anchoring import Anchoring, MediaFailed
from talkpath.edge.arrival import Arrival
from talkpath.edge.binding import Binding
from talkpath.edge.call import Party, Phase, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.ending import Ending
from talkpath.edge.fork import Branch, Fork
from talkpath.edge.forwarding import (
    Onward,
    forwarded_request,
    forwarded_response,
    max_forwards,
    record_route_line,
    via_line,
)
from talkpath.edge.routing import Heading, Reachability, Refusal, hop_of, reachable_contact, sides_of
from talkpath.media.policy import CALLER, Profile
from talkpath.sip.message import Message
from talkpath.sip.transaction import ServerTransaction
from talkpath.sip.uri import Uri

# Requests that make a dialog, and so are record-routed (RFC 3261 16.6 step 4; RFC 6665, RFC 3515).
_DIALOG_MAKING = frozenset(("INVITE", "SUBSCRIBE", "REFER"))
# RFC 3261 section 18.1.1: larger requests may be cut into fragments on a path of unknown MTU.
_SAFE_DATAGRAM_BYTES = 1300
# How long a caller whose connection died may take to come back before its call stops to ring.
_GRACE_S = 8.0
# How often we look whether who is to get an offer within a call has come back in that time.
_LOOK_S = 0.2
# A phone forgets a request that it refused T4 (5 s) after our ACK (RFC 3261 section 17.2.1), which takes time too.
_FORGET_S = 5.5
# What parties are told whom we hang up on (RFC 3326).
_CALLER_GONE = 'SIP;cause=480;text="The caller is gone"'
_UNUSABLE_ANSWER = 'SIP;cause=488;text="The answer can not be used"'


class Proxy:
    """See the module's docstring. Implements what forks ask of their owner."""

    def __init__(self, core: Core, admission: Admission, anchoring: Anchoring, ending: Ending) -> None:
        self._core = core
        self._admission = admission
        self._anchoring = anchoring
        self._ending = ending
        self._reachability = Reachability(core)

    # --- requests

    def forward(self, arrival: Arrival, server: ServerTransaction, heading: Heading, now: float) -> None:
        """Send a request on by its route, its dialog or its target. Raises Refusal."""
        request = arrival.message
        fork = Fork(self, self._core.transactions, arrival, server, None, self._core.settings.ring_timeout_s)
        if request.to_tag:
            self._say_trying(fork, now)
            self._forward_in_dialog(fork, heading, now)
        else:
            self._forward_initial(fork, heading, now)

    def _forward_in_dialog(self, fork: Fork, heading: Heading, now: float) -> None:
        core, request = self._core, fork.request
        fork.call = call = core.call_of(request)
        sender, receiver = sides_of(call, request)
        self._bar_transfer(sender.user if sender is not None else "", request)
        self._follow(sender, fork.arrival)
        if call is not None and sender is not None:
            self._ending.seen(call, sender, request, now)
        if self._anchoring.trickled(call, sender, request, now):
            core.reply(fork.arrival, fork.server, 200, now)
            return
        if fork.is_invite and receiver is not None and not heading.routes and self._is_away(receiver, now):
            core.note(request.call_id, "flow.awaited", now, remote=str(receiver.flow.remote), wait_s=_GRACE_S)
            self._look_again(fork, heading, receiver, now + _GRACE_S, now)
            return
        hop = self._hop_in_dialog(fork.arrival, receiver, heading, now)
        self._send(fork, hop, heading, receiver, now)

    def _is_away(self, party: Party, now: float) -> bool:
        """Whether the connection of a registered party is gone, and none has taken its place: it may come back."""
        if party.identity is None or reachable_contact(party) is not None:
            return False
        return self._ending.hop_to(party, now) is None

    def _look_again(self, fork: Fork, heading: Heading, receiver: Party, until: float, now: float) -> None:
        """An offer waits for its receiver: pages whose connections broke together come back one after the other, and
        a library that is refused hangs up."""
        core, call = self._core, fork.call
        is_running = call is not None and call.phase is not Phase.OVER
        if is_running and now < until and self._is_away(receiver, now):
            fork.later(_LOOK_S, now, partial(self._look_again, fork, heading, receiver, until))
            return
        try:
            if not is_running:
                raise Refusal(481)
            self._send(fork, self._hop_in_dialog(fork.arrival, receiver, heading, now), heading, receiver, now)
        except Refusal as refusal:
            core.reply(fork.arrival, fork.server, refusal.status, now, reason=refusal.reason)

    def _follow(self, sender: Party | None, arrival: Arrival) -> None:
        """A party that speaks from a new flow has moved there."""
        if sender is not None:
            sender.flow = arrival.reply_to
            sender.cseq = max(sender.cseq, arrival.message.cseq.number)

    def _hop_in_dialog(self, arrival: Arrival, receiver: Party | None, heading: Heading, now: float) -> Hop:
        """The flow or target of an in-dialog request. Raises Refusal.

        A To tag proves nothing: only a token of ours or a running call does, and they say where the request may go.
        """
        if not heading.has_token and receiver is None:
            raise Refusal(481)
        if heading.routes:
            # Another proxy stands between; our token leads to it.
            if heading.onward is None or not self._core.world.reach.is_open(heading.onward):
                raise Refusal(430, "Flow Failed")
            return hop_of(heading.onward)
        flow, is_gone = self._reachability.flow_to(arrival.message, receiver, heading, now)
        if flow is not None:
            return hop_of(flow)
        if receiver is not None and isinstance(receiver.flow, Target):
            return receiver.flow
        if is_gone and receiver is not None and (contact := reachable_contact(receiver)) is not None:
            return contact
        raise Refusal(430, "Flow Failed")

    def _forward_initial(self, fork: Fork, heading: Heading, now: float) -> None:
        core, arrival, request = self._core, fork.arrival, fork.request
        may_pass, user = self._admission.admit_request(arrival, fork.server, now)
        if not may_pass:
            return
        self._bar_transfer(user, request)
        self._say_trying(fork, now)
        uri = heading.next_uri
        phone = None if heading.routes else core.registrar.of_contact(heading.uri, now)
        if phone is None and (heading.routes or not core.locality.serves(uri, arrival.flow)):
            if not user and not self._admission.is_trusted(arrival):
                self._admission.challenge_stranger(arrival, fork.server, now)
                return
            if core.world.accounts.is_guest(user):
                raise Refusal(403, "Guests may call users here only")
            self._begin_call(fork, user, now)
            core.note(request.call_id, "route.domain", now, domain=uri.host)
            self._resolve(fork, heading, now)
            return
        bindings = [phone] if phone is not None else core.registrar.bindings(uri.username, now)
        if not bindings:
            exists = core.world.accounts.exists(uri.username)
            core.note(request.call_id, "registration.none", now, user=uri.username)
            raise Refusal(480 if exists else 404)
        self._begin_call(fork, user, now)
        core.note(request.call_id, "route.user", now, user=bindings[0].user)
        self._fork_to(fork, heading, bindings, now)

    def _bar_transfer(self, user: str, request: Message) -> None:
        """A phone that obeys a REFER dials with its own rights, which a guest must not borrow. Raises Refusal."""
        if request.method == "REFER" and self._core.world.accounts.is_guest(user):
            raise Refusal(403, "Guests may not transfer")

    def _say_trying(self, fork: Fork, now: float) -> None:
        """An INVITE is taken up: its sender needs not repeat it (RFC 3261 section 16.2)."""
        if fork.is_invite:
            self._core.reply(fork.arrival, fork.server, 100, now)

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
        caller.cseq = request.cseq.number
        self._bind(caller, user, arrival, now)
        fork.call = core.calls[key] = RunningCall(request.call_id, caller)
        core.beginning.add(fork.call)
        fork.call.give_up = fork.cancel

    def _bind(self, caller: Party, user: str, arrival: Arrival, now: float) -> None:
        """Remember who the caller is, and by which registration it can be found again."""
        caller.user = user
        try:
            user = user or arrival.message.address("From").parsed_uri().username
        except Malformed:
            return
        binding = self._core.registrar.of_flow(user, arrival.reply_to, caller.contact)
        if binding is not None:
            caller.user, caller.identity = user, binding.identity
            self._remember_offer(caller, arrival.message)

    def _fork_to(self, fork: Fork, heading: Heading, bindings: list[Binding], now: float) -> None:
        """Ring every contact of a user (RFC 3261 section 16.7)."""
        sent = 0
        for binding in bindings:
            hop = self._hop_to(binding)
            if hop is not None and fork.request.uri.startswith("sips:") and not hop.transport.is_secure:
                # RFC 5630 section 5.3: what was asked for over TLS goes to no phone in clear.
                continue
            if hop is None:
                self._not_reached(fork.request.call_id, "flow.not-rung", binding.flow, now)
                continue
            onward = Heading(binding.contact, heading.routes, bool(heading.changed or binding.path))
            party = self._callee(fork, hop, binding)
            self._core.note(
                fork.request.call_id, "fork.branch-added", now, target=binding.contact, flow=_described(hop)
            )
            self._send(fork, hop, onward, party, now, binding.path)
            sent += 1
        if not sent:
            raise Refusal(480)

    def _not_reached(self, call_id: str, kind: str, end: Hop, now: float) -> None:
        self._core.note(call_id, kind, now, remote=str(end.remote), transport=str(end.transport))

    def _callee(self, fork: Fork, hop: Hop, binding: Binding | None) -> Party | None:
        if fork.call is None:
            return None
        party = fork.call.add_callee(hop, binding.behind_nat if binding else False)
        if binding is not None:
            party.user, party.identity, party.ice = binding.user, binding.identity, binding.ice
            party.profile = self._core.profiles.get((binding.user, binding.identity))
        return party

    def _hop_to(self, binding: Binding) -> Hop | None:
        """Down the flow that the phone registered on; when it is gone, to its Contact if that can be reached."""
        if self._core.world.reach.is_open(binding.flow):
            return binding.flow
        if binding.behind_nat or binding.flow.transport.is_websocket:
            return None
        contact = Uri.parse(binding.contact)
        transport = contact.transport or binding.flow.transport
        return Target(transport, Address(contact.host, contact.port or transport.default_port))

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
            self._send(fork, targets[0], heading, self._callee(fork, targets[0], None), now)
        except Refusal as refusal:
            self._ending.not_forwarded(fork.call, fork.request, refusal.status, now)
            core.reply(fork.arrival, fork.server, refusal.status, now, reason=refusal.reason)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A caller whose connection dies before it acknowledged an answer may come back; if it does not, phones ring,
        or talk, for nobody."""
        for call in self._core.beginning:
            if call.caller.flow == flow:
                self._core.timers.start(_GRACE_S, now, partial(self._give_up, call))

    def _give_up(self, call: RunningCall, now: float) -> None:
        caller = call.caller.flow
        if call.is_acknowledged or not isinstance(caller, Flow) or self._core.world.reach.is_open(caller):
            return
        if call.give_up is not None:
            self._core.note(call.call_id, "flow.caller-gone", now, remote=str(caller.remote))
            call.is_given_up = True
            call.give_up(now, "", "the caller is gone")
        elif call.phase is Phase.ANSWERED:
            self._not_reached(call.call_id, "flow.answer-undelivered", caller, now)
            self._ending.end_on_both_sides(call, "flow-gone", _CALLER_GONE, now)

    # --- writing a request on

    def _send(
        self, fork: Fork, hop: Hop, heading: Heading, party: Party | None, now: float, path: tuple[str, ...] = ()
    ) -> Branch:
        core, request = self._core, fork.request
        branch = Branch(fork, hop, party, heading, path)
        branch_id = core.branch(_loop_mark(request, heading.uri))
        record = self._recorded(fork.arrival, hop)
        branch.record_routes = record.count("\n")
        data = self._written(fork.arrival, hop, heading, party, fork.call, branch_id, now, record, path)
        branch.offered = Profile.of(data) if party is not None and not request.to_tag else None
        fork.branches.append(branch)
        if hop.transport is Transport.UDP and len(data) > _SAFE_DATAGRAM_BYTES:
            core.note(request.call_id, "size.risky", now, method=request.method, bytes=len(data), limit=1300)
        fork.send(branch, branch_id, data, now)
        return branch

    def _written(
        self,
        arrival: Arrival,
        hop: Hop,
        heading: Heading,
        party: Party | None,
        call: RunningCall | None,
        branch_id: str,
        now: float,
        record: str = "",
        path: tuple[str, ...] = (),
    ) -> bytes:
        """The bytes of a request for one hop. Raises Refusal."""
        core, request = self._core, arrival.message
        here = self._facing(hop)
        routes = heading.route_texts
        if path:
            routes = [*path, *(routes or ())]
        try:
            body = self._anchoring.request_body(call, party, arrival, hop, now)
        except MediaFailed as failed:
            raise Refusal(failed.status, failed.reason) from failed
        onward = Onward(
            heading.uri, via_line(hop.transport, here, branch_id), record, routes, body, core.settings.realm
        )
        return forwarded_request(request, arrival.via, onward)

    def _facing(self, hop: Hop) -> Address:
        """What we call ourselves towards a hop. Raises Refusal."""
        here = self._core.facing(hop)
        if here is None:
            raise Refusal(500, f"No {hop.transport} listener reaches the target")
        return here

    def _recorded(self, arrival: Arrival, hop: Hop) -> str:
        """Our Record-Route: one line where both sides meet the same socket, else one for each side, the far side
        on top (RFC 5658). Nothing for what makes no dialog or runs in one."""
        if arrival.message.to_tag or arrival.message.method not in _DIALOG_MAKING:
            return ""
        core, source = self._core, arrival.reply_to
        tag, call_id = arrival.message.from_tag, arrival.message.call_id
        here = self._facing(hop)
        near = core.locality.advertised(source.transport, source.local)
        far = hop if isinstance(hop, Flow) else None
        if far is not None and (hop.transport, here) == (source.transport, near):
            token = core.tokens.make(source, far, tag, call_id)
            return record_route_line(source.transport, near, token)
        target = far if far is not None else Flow(hop.transport, here, hop.remote)
        facing_callee = record_route_line(hop.transport, here, core.tokens.make(None, target, tag, call_id))
        return facing_callee + record_route_line(source.transport, near, core.tokens.make(source, None, tag, call_id))

    def forward_ack(self, arrival: Arrival, heading: Heading, now: float) -> None:
        """The ACK for a 2xx goes end to end without a transaction (RFC 3261 section 13.2.2.4). Raises Refusal."""
        request = arrival.message
        call = self._core.call_of(request)
        sender, receiver = sides_of(call, request)
        self._follow(sender, arrival)
        hop = self._hop_in_dialog(arrival, receiver, heading, now)
        if call is not None and sender is call.caller:
            call.is_acknowledged = True
            self._core.beginning.discard(call)
        self._send_ack(arrival, hop, heading, receiver, call, now)

    def _send_ack(
        self,
        arrival: Arrival,
        hop: Hop,
        heading: Heading,
        receiver: Party | None,
        call: RunningCall | None,
        now: float,
    ) -> None:
        request = arrival.message
        try:
            data = self._written(arrival, hop, heading, receiver, call, self._core.branch(), now)
        except Refusal:
            self._core.counters["acks_dropped"] += 1
            sender, _ = sides_of(call, request)
            if call is not None and sender is not None and receiver is not None:
                self._ending.acknowledge(call, receiver, sender, request.cseq.number, now)
                self._end_unusable(call, now)
            return
        self._core.send(hop, data, request.call_id)

    # --- what forks ask

    def relay(self, fork: Fork, branch: Branch, response: Message, now: float) -> bool:
        """Write a response back upstream, its media anchored, and draw the consequences for the call."""
        status = response.status
        call = fork.call
        if status >= 200 and fork.is_initial_invite and branch.party is not None and branch.party.is_told_the_end:
            self._refuse_answer(fork, branch, now)  # it says again what was refused
            return False
        if call is not None and branch.party is not None and 100 < status < 300:
            self._learn(fork, call, branch, response)
        if status >= 200 and not self._finds_asker(fork, now) and self._is_in_vain(fork, branch, status, now):
            return True
        try:
            body = self._anchoring.response_body(call, branch.party, fork.arrival, response, now)
        except MediaFailed:
            self._refuse_answer(fork, branch, now)
            return False
        fork.server.respond(status, forwarded_response(response, body), now)
        if call is None or status < 200:
            return True
        if fork.request.to_tag:
            self._ending.answered_in_dialog(call, fork.request, status, now)
        elif status >= 300:
            self._ending.refused(call, fork.request, status, now)
        elif call.phase is Phase.CALLING and branch.party is not None:
            self._answered(call, branch, now)
        return True

    def _finds_asker(self, fork: Fork, now: float) -> bool:
        """Whether an answer can go back. Where its connection is gone, down the one that took its place, or to a new
        one to where the asker listens (RFC 3261 section 18.2.2)."""
        flow, call, request = fork.arrival.flow, fork.call, fork.request
        if self._core.world.reach.is_open(flow):
            return True
        asker = call.caller if call is not None and not request.to_tag else sides_of(call, request)[0]
        hop = self._ending.hop_to(asker, now) if asker is not None else None
        if hop is not None:
            fork.server.reply_to = hop
        elif not fork.arrival.behind_nat and not flow.transport.is_websocket:
            there = Address(flow.remote.host, request.top_via.sent_by_port)
            fork.server.reply_to = Target(flow.transport, there)
        return hop is not None

    def _is_in_vain(self, fork: Fork, branch: Branch, status: int, now: float) -> bool:
        """Whether a phone took a call that nobody waits for any more; it is told so."""
        call, party = fork.call, branch.party
        if call is None or party is None or not fork.is_initial_invite or status >= 300:
            return False
        is_first = call.phase is Phase.CALLING and not call.is_given_up
        if is_first or (call.phase is Phase.ANSWERED and call.winner is party):
            return False
        if not party.is_told_the_end:
            self._not_reached(call.call_id, "flow.answer-undelivered", call.caller.flow, now)
        self._ending.refuse_answer(call, party, _CALLER_GONE, now)
        if call.phase is Phase.CALLING:
            self._ending.end(call, Side.SERVER, "flow-gone", now)
        return True

    def _refuse_answer(self, fork: Fork, branch: Branch, now: float) -> None:
        """The description of a 2xx can not be relayed, and its sender waits for media. One that answered the call is
        told by a BYE, and the others go on ringing; within a call both sides are: it was agreed to by one."""
        call, party = fork.call, branch.party
        if call is None or party is None:
            return
        if fork.is_initial_invite:
            self._ending.refuse_answer(call, party, _UNUSABLE_ANSWER, now)
            return
        asker, _ = sides_of(call, fork.request)
        if fork.is_invite and asker is not None:
            self._ending.acknowledge(call, party, asker, fork.request.cseq.number, now)
        self._end_unusable(call, now)

    def _end_unusable(self, call: RunningCall, now: float) -> None:
        """What was agreed to within a call can not be used."""
        if call.phase is Phase.CALLING and call.give_up is not None:
            call.give_up(now, _UNUSABLE_ANSWER, "an answer can not be used")
        else:
            self._ending.end_on_both_sides(call, "refused", _UNUSABLE_ANSWER, now)

    def _answered(self, call: RunningCall, branch: Branch, now: float) -> None:
        call.phase = Phase.ANSWERED
        call.give_up = None
        call.winner = branch.party
        if branch.party is not None and branch.party.refused:
            self._core.remember_profile(branch.party.user, branch.party.identity, branch.party.profile)
        if call.media is not None and branch.party is not None:
            call.media.chosen(branch.party.leg, now)
            self._anchoring.tell(call, now)

    def ask_again(self, fork: Fork, branch: Branch, refusal: Message, now: float) -> None:
        """A phone refuses an offer by its profile: with SRTP when it wants none, or without. Ask for the next.

        A Warning that names the codecs (305, RFC 3261 section 20.43) says that another profile would not help. A
        phone takes our second asking for the first on another way (482) while it waits for repeated ACKs (RFC 3261
        section 8.2.2.2 and timer I): it is asked the same once it has forgotten, and not a third time.
        """
        call, party, offered = fork.call, branch.party, branch.offered
        if call is None or party is None or offered is None or branch.hop.transport.is_websocket:
            return
        if refusal.status == 482:
            if party.refused and not branch.is_repeated:
                self.note(fork, "media.asked-too-soon", now, target=branch.name, wait_s=_FORGET_S)
                fork.later(_FORGET_S, now, partial(self._ask, fork, branch, party.profile or offered, party.refused))
            return
        if (refusal.first("Warning") or "").startswith("305"):
            return
        refused = party.refused | {offered, party.profile or offered}
        # A refusal may say what would have been taken (RFC 3261 section 21.4.26).
        named = Profile.of(refusal.sdp) if refusal.carries_sdp else None
        wanted = next(
            (profile for profile in (named, *Profile) if profile is not None and profile not in refused), None
        )
        # Remembered at once: a caller who does not wait calls again.
        self._core.remember_profile(party.user, party.identity, wanted)
        if wanted is None:
            return
        self.note(fork, "media.asked-again", now, target=branch.name, refused=str(offered), profile=str(wanted))
        self._ask(fork, branch, wanted, refused, now)

    def _ask(self, fork: Fork, branch: Branch, profile: Profile, refused: frozenset[Profile], now: float) -> None:
        """The target of a branch once more, for this profile."""
        call, party = fork.call, branch.party
        assert call is not None
        assert party is not None
        again = call.add_callee(branch.hop, party.behind_nat)
        again.user, again.identity, again.ice = party.user, party.identity, party.ice
        again.profile, again.refused = profile, refused
        # No port is free, or the offer cannot be written so: what the phone said stands.
        with suppress(Refusal):
            asked = self._send(fork, branch.hop, branch.heading, again, now, branch.path)
            asked.is_repeated = profile is party.profile

    def _remember_offer(self, caller: Party, invite: Message) -> None:
        """A phone that offers SRTP takes it when it is called, and often nothing else."""
        if not invite.carries_sdp or caller.flow.transport.is_websocket:
            return
        offered = Profile.of(invite.sdp)
        if offered is not None and offered is not Profile.PLAIN:
            self._core.remember_profile(caller.user, caller.identity, offered)

    def _learn(self, fork: Fork, call: RunningCall, branch: Branch, response: Message) -> None:
        """A response that makes or refreshes a dialog tells its party's tag, Contact and route."""
        party = branch.party
        assert party is not None
        try:
            if fork.request.to_tag:
                if fork.request.method in ("INVITE", "UPDATE") and response.status >= 200:
                    party.refresh(response)
            elif response.to_tag and (party.tag != response.to_tag or response.status >= 200):
                party.learn(response, "To", _beyond_us(response, fork, branch))
        except Malformed:
            self._core.counters["responses_unreadable"] += 1

    def reply(self, fork: Fork, status: int, now: float, reason: str = "") -> None:
        """Answer upstream in our own name: no branch gave a response worth passing on."""
        self._ending.not_forwarded(fork.call, fork.request, status, now)
        self._core.reply(fork.arrival, fork.server, status, now, reason=reason)

    def branch_over(self, fork: Fork, branch: Branch, why: str, now: float) -> None:
        """A branch ended without winning."""
        call = fork.call
        self._core.note(fork.request.call_id, "fork.branch-failed", now, target=branch.name, why=why)
        if call is None or call.media is None or branch.party is None:
            return
        if fork.request.to_tag:
            self._anchoring.rejected(call, fork.request, branch.party, now)
        else:
            call.media.released(branch.party.leg, now)

    def note(self, fork: Fork, kind: str, now: float, **values: str | int | float) -> None:
        """A decision for the ledger."""
        self._core.note(fork.request.call_id, kind, now, **values)


def _beyond_us(response: Message, fork: Fork, branch: Branch) -> list[str]:
    """The route from us to the callee: the Record-Route entries above ours, the nearest to us first."""
    entries = response.listed("Record-Route")
    added = len(entries) - len(fork.request.listed("Record-Route")) - branch.record_routes
    return entries[: max(0, added)][::-1]


def _loop_mark(request: Message, uri: str) -> str:
    """What stays the same when a request loops (RFC 3261 section 16.6 step 8)."""
    return f"{hash((uri, request.call_id, request.from_tag, request.to_tag, request.cseq)) & 0xFFFFFFFF:x}"


def is_looping(request: Message) -> bool:
    """Whether one of the Via branches is one that we made for this very request (16.3 step 4)."""
    vias = request.all("Via")
    if len(vias) == 1 and "," not in vias[0]:
        return False
    mark = f".{_loop_mark(request, request.uri)}"
    return any(mark in value for value in vias)


def has_hops_left(request: Message) -> bool:
    """RFC 3261 section 16.3 step 3."""
    return max_forwards(request) > 0


def _described(hop: Hop) -> str:
    return f"{hop.transport} {hop.remote}"

"""The edge as one machine: messages in, decisions in the ledger, bytes out.

    bytes -> frame and index -> sanity -> transaction -> REGISTER, OPTIONS, a service, or the proxy -> bytes

`receive` takes what the network brought, `expire` lets timers fire, `drain` gives what is to be sent.
"""

from typing import NamedTuple

from talkpath.base.address import Address, Flow, Hop, Parcel, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.base.leaving import Send
from talkpath.base.unsent import Unsent
from talkpath.calls.ledger import Ledger
from talkpath.edge.admission.admission import Admission
from talkpath.edge.admission.tries import place_of
from talkpath.edge.calls.anchoring import Anchoring
from talkpath.edge.calls.call import Phase, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.calls.holding import Holding, Word
from talkpath.edge.calls.indialog import InDialog
from talkpath.edge.calls.lookout import Lookout
from talkpath.edge.calls.recordkey import RecordKey
from talkpath.edge.core import Core, Entropy, World
from talkpath.edge.forking.answers import Answers
from talkpath.edge.forking.asking import Asking
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forking.trying import Trying
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.responses import reason_of, response_to
from talkpath.edge.forwarding.salvage import answerable, salvaged
from talkpath.edge.forwarding.sending import Sending
from talkpath.edge.gateways.table import Gateways
from talkpath.edge.gateways.trunks import Trunks
from talkpath.edge.nodes.bereaved import Bereaved
from talkpath.edge.nodes.keeping import Keeping
from talkpath.edge.nodes.late import LateAnswers
from talkpath.edge.places.loops import has_hops_left
from talkpath.edge.places.names import Waiting
from talkpath.edge.proxy import Proxy
from talkpath.edge.registrar.registration import Registration
from talkpath.edge.routing.choosing import SERVICES
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.inquiry import Answer
from talkpath.edge.routing.rehearsal import Rehearsals
from talkpath.edge.routing.routing import heading_of
from talkpath.edge.routing.services import Dialog, Services
from talkpath.edge.settings import EdgeSettings
from talkpath.sip.message import Message, fault_of
from talkpath.sip.transaction import ServerTransaction, State
from talkpath.sip.uri import Uri

_CAPABILITIES = (
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, PRACK, REFER, MESSAGE, SUBSCRIBE, NOTIFY\r\n"
    "Accept: application/sdp\r\nSupported: path, outbound\r\n"
)
_EXPIRY_PAUSE_S = 10.0
# The same between portions of many that are due together.
_PORTIONS_PAUSE_S = 0.02
# Told with a 503: by then a call has ended, or another node has been found.
_RETRY_AFTER = "Retry-After: 10\r\n"


# Extensions that the registrar and the services understand (RFC 3327, RFC 5626).
_UNDERSTOOD = frozenset(("path", "outbound", "gruu"))


def _unknown_extensions(request: Message) -> list[str]:
    """What the request requires and we do not understand (RFC 3261 section 8.2.2.3)."""
    if request.frame.index("Require") < 0:
        return []
    return [name for name in request.listed("Require") if name.lower() not in _UNDERSTOOD]


def _call_begun(server: ServerTransaction) -> RunningCall | None:
    """The call that this very request began; its Call-ID and tag may be those of another."""
    return server.owner.call if isinstance(server.owner, Fork) else None


class Received(NamedTuple):
    """One SIP message on one flow: a datagram, or one framed from a stream."""

    flow: Flow
    data: bytes


class FlowClosed(NamedTuple):
    """A connection is gone."""

    flow: Flow


class Undelivered(NamedTuple):
    """Somebody says that a datagram did not arrive: where it was sent, how it began, and why as a reason word."""

    remote: Address
    sent: bytes
    why: Unsent
    by: str


Input = Received | FlowClosed | Undelivered


class Edge:
    """See the module's docstring."""

    def __init__(self, settings: EdgeSettings, world: World, ledger: Ledger, entropy: Entropy) -> None:
        self.core = core = Core(settings, world, ledger, entropy)
        self._admission = Admission(core)
        self._anchoring = Anchoring(core)
        self._ending = Ending(core, self._anchoring)
        self._registration = Registration(core, self._admission, self._ending)
        sending = Sending(core, self._anchoring)
        asking = Asking(core, sending)
        record_key = RecordKey(core, self._admission)
        self._services = Services(core, self._anchoring, self._ending, record_key)
        self.gateways = Gateways(core)
        trunks = Trunks(core, self.gateways, sending)
        trying = Trying(core, self._admission, sending, asking, self._services, trunks)
        self._answers = Answers(core, self._anchoring, self._ending, asking, trying, trunks)
        self._in_dialog = InDialog(
            core, self._admission, self._anchoring, self._ending, sending, self._answers, record_key
        )
        self._proxy = Proxy(
            core, self._admission, self._ending, trying, trunks, asking, self._answers, self._in_dialog
        )
        self.rehearsals = Rehearsals(core, self._admission, trunks)
        self._late = LateAnswers(core, self._anchoring, self._ending)
        self._lookout = Lookout(core, self._ending, self._services)
        self._holding = Holding(core)
        self.bereaved = Bereaved(core)
        self.keeping = Keeping(core, self._anchoring, self._ending, self._services, self.gateways, self._answers)
        core.registrar.learnt = self._ending.tell_returned
        self._keep_alive = core.keep_alive
        self._expire_at = 0.0

    def adopt(self, settings: EdgeSettings, now: float) -> set[str]:
        """Go by other settings from now on; what runs goes on. Gives the names of the gateways that came, went or are
        another."""
        self.core.adopt(settings, now)
        return self.gateways.adopt(settings.gateways, settings.gateway_groups, now)

    # --- the machine

    def receive(self, event: Input, now: float) -> None:
        """Take a message, or the news of a closed connection or of a datagram that did not arrive."""
        if isinstance(event, Received):
            self.message(event.flow, event.data, now)
        elif isinstance(event, Undelivered):
            self._undelivered(event, now)
        else:
            self.core.transactions.flow_closed(event.flow, now)
            self._answers.flow_closed(event.flow, now)

    def deadline(self) -> float | None:
        """When `expire` wants to be called next."""
        soonest = self.core.timers.deadline()
        for mine in (self._expire_at, self._keep_alive.deadline(), self.gateways.deadline()):
            if mine is not None and (soonest is None or mine < soonest):
                soonest = mine
        return soonest

    def expire(self, now: float) -> None:
        """Let timers fire and registrations run out."""
        self.core.timers.expire(now)
        self._keep_alive.expire(now)
        self.gateways.expire(now)
        if self._expire_at <= now:
            is_unfinished = self.core.registrar.expire(now)
            is_unfinished = self._lookout.look(now) or is_unfinished
            self._expire_at = now + (_PORTIONS_PAUSE_S if is_unfinished else _EXPIRY_PAUSE_S)
            self.core.names.expire(now)

    def drain(self) -> list[Send]:
        """What is to be sent. The driver tells the ledger, because only it knows the flow a target became."""
        out = self.core.out[:]
        self.core.out.clear()
        return out

    def drain_parcels(self) -> list[Parcel]:
        """Datagrams that belong to no story: what keeps the ways to phones open."""
        out, self._keep_alive.out = self._keep_alive.out, []
        return out

    # --- calls

    def needed(self, flows: frozenset[Flow]) -> frozenset[Flow]:
        """Which of these a phone or a party of a call is reached on, or a request waits on for its answer."""
        core = self.core
        parties = (one for call in core.calls.values() for one in (call.caller, *call.callees.values()))
        hops: list[Hop] = [party.flow for party in parties]
        hops += [client.hop for client in core.transactions.clients.values()]
        hops += [server.flow for server in core.transactions.servers.values()]
        numbers = {hop.connection for hop in hops if isinstance(hop, Flow)}
        phones = core.registrar.ways.by_connection
        places = {(hop.transport, hop.remote) for hop in hops if isinstance(hop, Target)}
        return frozenset(
            flow
            for flow in flows
            if flow.connection in numbers or flow.connection in phones or (flow.transport, flow.remote) in places
        )

    def places(self) -> set[tuple[Transport, Address]]:
        """Our ends of the flows that calls, registrations and open requests go over."""
        core = self.core
        parties = (one for call in core.calls.values() for one in (call.caller, *call.callees.values()))
        hops: list[Hop] = [party.flow for party in parties]
        hops += [client.hop for client in core.transactions.clients.values()]
        hops += [server.flow for server in core.transactions.servers.values()]
        ends = {(hop.transport, hop.local) for hop in hops if isinstance(hop, Flow)}
        return ends | core.registrar.ways.by_end.keys()

    def check_media(self, call: RunningCall, now: float) -> None:
        """The engine told the media of a call something: pass it on, and end the call if its media died."""
        self._anchoring.tell(call, now)
        self.core.touch(call)
        for dead, died in self._anchoring.take_dead():
            who = f"the {died.side}" if died.side else "either side"
            reason = f'Q.850;cause=16;text="No media from {who} for {died.silent_s:.0f} s"'
            self._services.forget_ended(dead)
            self._ending.end_on_both_sides(dead, died.reason, reason, now)

    def stop_calls(self, now: float) -> None:
        """End every running call on both sides: the node stops."""
        for call in list(self.core.calls.values()):
            self._services.forget_ended(call)
            self._ending.end_on_both_sides(call, "node-stopped", 'Q.850;cause=41;text="The server stops"', now)

    # --- messages

    def message(self, flow: Flow, data: bytes, now: float) -> None:
        """Take one message. Whatever the bytes are, nothing is raised."""
        if self._keep_alive.probes and data.startswith(b"SIP/2.0 ") and self._keep_alive.answered(data, now):
            return
        try:
            message = Message.parse(data)
        except Malformed as fault:
            self._unreadable(flow, data, fault)
            return
        self.core.ledger.written(now, flow, message.call_id, data, False)
        if self._holding.waiting and message.call_id in self._holding.waiting:
            self._holding.queue(message.call_id, lambda then: self._take(message, flow, then))
        else:
            self._take(message, flow, now)

    def _take(self, message: Message, flow: Flow, now: float) -> None:
        if message.is_request:
            self._request(message, flow, now)
        else:
            self._response(message, now)
        self.keeping.passed(message)

    def _undelivered(self, event: Undelivered, now: float) -> None:
        """A request of ours did not arrive. Who made that up did not see it, and is not heard."""
        core = self.core
        transaction = core.transactions.sent(event.sent, event.remote)
        if transaction is None:
            core.counters["undelivered_unknown"] += 1
            return
        method, call_id, target = transaction.method, transaction.call_id, str(event.remote)
        core.note(call_id, "transport.refused", now, method=method, target=target, why=event.why, by=event.by)
        transaction.undelivered(event.why, now)

    def _unreadable(self, flow: Flow, data: bytes, fault: Malformed) -> None:
        """Answer what is at least a request with a Via; drop the rest."""
        self.core.counters[f"malformed_{fault.code}"] += 1
        message = salvaged(data)
        if message is None or message.method == "ACK":
            return
        status, reason = (505, "") if fault.code == "version" else (400, fault.reason)
        self._answer_unread(message, flow, status, reason)

    def unframeable(self, flow: Flow, head: bytes, code: str) -> None:
        """A stream whose next message has no end that could be told; it closes after the answer."""
        self.core.counters[f"malformed_{code}"] += 1
        message = salvaged(head)
        if message is not None and message.method != "ACK":
            status, reason = (513, "") if code == "too-large" else (400, "Bad or missing Content-Length")
            self._answer_unread(message, flow, status, reason)

    def _response(self, message: Message, now: float) -> None:
        try:
            if not self.core.transactions.response(message, now) and not self._late.take(message, now):
                self.core.counters["stray_responses"] += 1
        except Malformed as fault:
            self.core.counters[f"malformed_{fault.code}"] += 1

    def _request(self, request: Message, flow: Flow, now: float) -> None:
        core = self.core
        if self._keep_alive.gone and flow in self._keep_alive.gone:
            self._keep_alive.heard(flow)
        fault = fault_of(request)
        try:
            arrival = Arrival(request, flow)
        except Malformed as broken:
            self._broken_via(request, flow, broken, now)
            return
        if fault is not None:
            self._faulty(arrival, fault, now)
        elif request.method == "ACK":
            self._ack(arrival, now)
        elif request.method == "CANCEL":
            self._cancel(arrival, now)
        else:
            server = core.transactions.request(request, flow, arrival.reply_to, now)
            if server is not None:
                self._dispatch(arrival, server, now)

    def _broken_via(self, request: Message, flow: Flow, fault: Malformed, now: float) -> None:
        """Answered by what of it can be read, else to the source (RFC 4475 section 3.1.2.1)."""
        core = self.core
        core.counters["malformed_via"] += 1
        if request.method == "ACK":
            return
        self._faulted(request, fault, now)
        self._answer_unread(request, flow, 400, fault.reason)

    def _answer_unread(self, request: Message, flow: Flow, status: int, reason: str) -> None:
        message, via, reply_to = answerable(request, flow)
        data = response_to(message, via, status, to_tag=self.core.fresh(), reason=reason)
        self.core.send(reply_to, data, message.call_id)

    def _faulty(self, arrival: Arrival, fault: Malformed, now: float) -> None:
        """RFC 3261 section 16.3 step 1. An ACK is never answered."""
        core, request = self.core, arrival.message
        core.counters[f"malformed_{fault.code}"] += 1
        if request.method != "ACK":
            self._faulted(request, fault, now)
            data = response_to(request, arrival.via, 400, to_tag=core.fresh(), reason=fault.reason)
            core.send(arrival.reply_to, data, request.call_id)

    def _faulted(self, request: Message, fault: Malformed, now: float) -> None:
        """What cannot be taken as it is written is no call: its story says why, and ends."""
        core = self.core
        core.counters["answered_400"] += 1
        core.note(request.call_id, "guard.refused", now, status=400, why=fault.reason)
        if request.raw.startswith(b"INVITE "):
            core.ledger.refused(now, request.call_id)

    def _dispatch(self, arrival: Arrival, server: ServerTransaction, now: float) -> None:
        try:
            self._route(arrival, server, now)
        except Refusal as refusal:
            self._refuse(arrival, server, refusal, now)

    def _refuse(self, arrival: Arrival, server: ServerTransaction, refusal: Refusal, now: float) -> None:
        core, request = self.core, arrival.message
        why = refusal.reason or reason_of(refusal.status)
        core.note(request.call_id, "guard.refused", now, status=refusal.status, why=why)
        call = core.call_of(request) if request.to_tag else _call_begun(server)
        if request.method == "BYE":
            self._ending.bye_refused(call, request, now)
        self._ending.not_forwarded(call, request, refusal.status, now)
        if call is not None and call.phase is Phase.OVER:
            self._services.forget_ended(call)
        fields = refusal.fields or (_RETRY_AFTER if refusal.status == 503 else "")
        core.reply(arrival, server, refusal.status, now, reason=refusal.reason, fields=fields)

    def _route(self, arrival: Arrival, server: ServerTransaction, now: float) -> None:
        """Checks of RFC 3261 section 16.3, then who is to handle the request. Raises Refusal."""
        core, request = self.core, arrival.message
        heading = heading_of(core, arrival, now)
        here = self._is_for_us(arrival, heading)
        if not here and self._awaits_name(arrival, server, heading, now):
            return
        if not has_hops_left(request) and not (here and request.method in ("OPTIONS", "REGISTER")):
            raise Refusal(483)
        if arrival.permit is None and not heading.has_token and core.loops.is_looping(request, arrival.flow):
            # What goes by a token of ours may have come from another node, with the mark of the key that we share;
            # it uses its route up, and so ends.
            raise Refusal(482)
        unsupported = request.first("Proxy-Require")
        if unsupported is not None:
            raise Refusal(420, fields=f"Unsupported: {unsupported}\r\n")
        if core.is_left is not None and not request.to_tag and not heading.has_token and core.is_left(arrival.flow):
            raise Refusal(503, "Closed Here")
        if arrival.permit is not None and not request.to_tag:
            fork = self._proxy.ring_for_node(arrival, server, heading, arrival.permit, now)
            self.bereaved.rings_for(fork, arrival.permit.node)
            return
        if here and self._answered_here(arrival, server, heading, now):
            return
        if not request.to_tag or not self._is_held(arrival, server, heading, now):
            self._proxy.forward(arrival, server, heading, now)

    def _is_held(self, arrival: Arrival, server: ServerTransaction, heading: Heading, now: float) -> bool:
        """Whether a request within a call waits for a word of a script."""

        def answered(word: Word, then: float) -> None:
            try:
                if isinstance(word, Answer):
                    raise Refusal(word.status, word.reason, word.fields)
                heading.changes = word
                self._proxy.forward(arrival, server, heading, then)
            except Refusal as refused:
                self._refuse(arrival, server, refused, then)

        if not self._holding.ask(arrival.message, answered, now):
            return False
        if server.is_invite and server.last is None and arrival.message.call_id in self._holding.waiting:
            self.core.reply(arrival, server, 100, now)
        return True

    def _awaits_name(self, arrival: Arrival, server: ServerTransaction, heading: Heading, now: float) -> bool:
        """Whether the request waits until it is known if a name that it brings leads to us. Raises Refusal."""
        name = self._name_to_ask(arrival, heading, now)
        if name is None:
            return False
        server.owner = waiting = Waiting(arrival)
        if server.is_invite:
            self.core.reply(arrival, server, 100, now)

        def go_on(then: float) -> None:
            # A CANCEL may have ended it meanwhile.
            if server.owner is waiting and server.state in (State.TRYING, State.PROCEEDING):
                self._dispatch(arrival, server, then)

        if not self.core.names.ask(name, place_of(arrival.flow), go_on):
            raise Refusal(503, "Too many names")
        return True

    def _name_to_ask(self, arrival: Arrival, heading: Heading, now: float) -> Uri | None:
        if heading.unknown is not None or heading.routes or heading.has_token or arrival.message.to_tag:
            return heading.unknown
        uri = heading.next_uri
        return uri if self.core.names.must_ask(uri, now) else None

    def _is_for_us(self, arrival: Arrival, heading: Heading) -> bool:
        """Whether the request goes no further by its route, and names a user of ours or ourselves."""
        if heading.routes or heading.has_token or arrival.permit is not None:
            return self._services.dialog_of(arrival.message) is not None
        uri = heading.next_uri
        if uri.scheme not in ("sip", "sips", "tel"):
            raise Refusal(416)
        return self.core.locality.serves(uri, arrival.flow)

    def _answered_here(self, arrival: Arrival, server: ServerTransaction, heading: Heading, now: float) -> bool:
        """Handle what the edge itself is asked for. Raises Refusal."""
        core, request = self.core, arrival.message
        dialog = self._services.dialog_of(request) if request.to_tag else None
        user = heading.next_uri.username
        if self._is_answered_by_us(request, user, dialog) and (unknown := _unknown_extensions(request)):
            core.reply(arrival, server, 420, now, fields=f"Unsupported: {', '.join(unknown)}\r\n")
        elif dialog is not None:
            self._services.in_dialog(arrival, server, dialog, now)
        elif request.method == "REGISTER":
            self._registration.answer(arrival, server, now)
        elif request.to_tag:
            return False
        elif request.method == "OPTIONS" and (not user or user in SERVICES):
            core.reply(arrival, server, 200, now, fields=_CAPABILITIES)
        elif request.method == "PUBLISH":
            core.reply(arrival, server, 405, now, fields=_CAPABILITIES.split("\r\n", 1)[0] + "\r\n")
        elif not user:
            raise Refusal(404)
        else:
            return False
        return True

    @staticmethod
    def _is_answered_by_us(request: Message, user: str, dialog: Dialog | None) -> bool:
        """Whether we are the server of the request and not a proxy that it passes."""
        return dialog is not None or request.method == "REGISTER" or not user or user in SERVICES

    def _ack(self, arrival: Arrival, now: float) -> None:
        core, request = self.core, arrival.message
        if core.transactions.ack(request, now):
            return
        dialog = self._services.dialog_of(request)
        if dialog is not None:
            self._services.acknowledge(dialog, request, now)
            return
        try:
            heading = heading_of(core, arrival, now)
            unknown = heading.unknown
            if unknown is None or not core.names.ask(
                unknown, place_of(arrival.flow), lambda then: self._ack(arrival, then)
            ):
                self._in_dialog.forward_ack(arrival, heading, now)
        except Refusal:
            core.counters["acks_dropped"] += 1

    def _cancel(self, arrival: Arrival, now: float) -> None:
        """RFC 3261 section 16.10: answered here, and every branch of the INVITE is cancelled."""
        core, request = self.core, arrival.message
        server = core.transactions.request(request, arrival.flow, arrival.reply_to, now)
        if server is None:
            return
        invite = core.transactions.cancelled(request)
        if invite is None:
            core.reply(arrival, server, 481, now)
            return
        core.reply(arrival, server, 200, now)
        if isinstance(invite.owner, Waiting) and invite.state is State.PROCEEDING:
            core.reply(invite.owner.arrival, invite, 487, now)
        elif isinstance(invite.owner, Fork) and invite.state is State.PROCEEDING:
            call = invite.owner.call
            if call is not None and not invite.owner.request.to_tag:
                call.is_cancelled = True
            invite.owner.abandon(now, request.first("Reason") or "", "the caller gave up")

"""Transactions: who answers what, retransmission, timeouts (RFC 3261 section 17 with RFC 6026).

Four machines share one table and one set of timers. Their states are data:

    INVITE client (figure 5, RFC 6026 figure 7)     other client (figure 6)
      CALLING    1xx -> PROCEEDING                    TRYING     1xx -> PROCEEDING
      CALLING    2xx -> ACCEPTED                      TRYING     2xx-6xx -> COMPLETED
      CALLING    3xx-6xx -> COMPLETED (ACK)           PROCEEDING 1xx -> PROCEEDING
      PROCEEDING the same                             PROCEEDING 2xx-6xx -> COMPLETED
      ACCEPTED   2xx -> ACCEPTED (told again)
      COMPLETED  3xx-6xx -> COMPLETED (ACK again)

    INVITE server (figure 7, RFC 6026 figure 8)     other server (figure 8)
      PROCEEDING INVITE -> last provisional again     TRYING     request -> absorbed
      PROCEEDING 2xx sent -> ACCEPTED                 PROCEEDING request -> last response again
      PROCEEDING 3xx-6xx sent -> COMPLETED            COMPLETED  request -> last response again
      COMPLETED  INVITE -> response again
      COMPLETED  ACK -> CONFIRMED
      ACCEPTED   INVITE -> absorbed, 2xx sent -> sent
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Hop, Target
from talkpath.base.leaving import Send
from talkpath.base.timers import Timer, Timers
from talkpath.base.unsent import Unsent
from talkpath.sip.message import Message

MAGIC_COOKIE = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class TimerValues:
    """RFC 3261 table 4, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def timeout(self) -> float:
        """Timers B, D, F, H, J, L and M."""
        return 64 * self.t1


class State(Enum):
    """States of all four machines."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


class ClientOwner(Protocol):
    """What hears of a client transaction."""

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        """A response that is no retransmission (2xx to INVITE are told each time they come)."""

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """No final response came in time (timers B, F)."""

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        """The request could not be sent, or its connection died before a final response."""


class ServerOwner(Protocol):
    """What hears of a server transaction."""

    def on_no_ack(self, transaction: ServerTransaction, now: float) -> None:
        """The ACK for a 3xx-6xx never came (timer H)."""

    def on_over(self, transaction: ServerTransaction, now: float) -> None:
        """Nothing is asked of it any more, and it has forgotten its owner."""


class Nobody:
    """The owner of a transaction that nobody waits for: one that is over, or a CANCEL, whose answer tells nothing."""

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        """See `ClientOwner`."""

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """See `ClientOwner`."""

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        """See `ClientOwner`."""


NOBODY = Nobody()

# A challenge needs no memory (RFC 3261 section 8.2.7): the same request again gets a fresh one, and a flood of
# strangers leaves nothing behind.
_CHALLENGES = (401, 407)

Key = tuple[str, str, int, str]


def server_key(request: Message) -> Key:
    """What requests of one server transaction have in common (RFC 3261 section 17.2.3). Raises Malformed."""
    via = request.top_via
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.branch
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return (branch, via.host, via.port or 0, method)
    # An RFC 2543 client: the fields that make a request what it is.
    old = f"{request.call_id}|{request.cseq.number}|{request.from_tag}|{request.uri}|{branch}"
    return (old, via.host, via.port or 0, method)


class ServerTransaction:
    """A request that we answer. It keeps nothing of the request: most of its life it only waits to repeat itself."""

    __slots__ = (
        "_layer",
        "_timer",
        "call_id",
        "flow",
        "is_invite",
        "key",
        "last",
        "owner",
        "reply_to",
        "state",
        "status",
    )

    def __init__(self, layer: Transactions, key: Key, request: Message, flow: Flow, reply_to: Hop) -> None:
        self._layer = layer
        self._timer: Timer | None = None
        self.key = key
        self.call_id = request.call_id
        self.is_invite = request.method == "INVITE"
        self.flow = flow
        self.reply_to = reply_to
        self.owner: ServerOwner | None = None
        self.state = State.PROCEEDING if self.is_invite else State.TRYING
        self.last: bytes | None = None
        self.status = 0

    def respond(self, status: int, data: bytes, now: float) -> None:
        """Send a response. After a final one only 2xx to INVITE may follow (RFC 6026 section 7.1)."""
        if self.state in (State.TRYING, State.PROCEEDING):
            is_first = self.last is None
            self._send(status, data)
            if status >= 200:
                self._finish(status, is_first, now)
            else:
                self.state = State.PROCEEDING
        elif self.state is State.ACCEPTED and 200 <= status < 300:
            self._layer.out.append(Send(self.reply_to, data, self.call_id))

    def _send(self, status: int, data: bytes) -> None:
        self.status = status
        self.last = data
        self._layer.out.append(Send(self.reply_to, data, self.call_id))

    def _finish(self, status: int, is_first: bool, now: float) -> None:
        layer = self._layer
        reliable = self.flow.transport.is_reliable
        if not self.is_invite:
            self.state = State.COMPLETED
            if reliable or status in _CHALLENGES:
                self._terminate(now)
            else:
                # From now on it only repeats itself.
                self._timer = layer.timers.start(layer.values.timeout, now, self._terminate)
                self._let_go(now)
        elif status < 300:
            self.state = State.ACCEPTED
            self.last = None
            self._timer = layer.timers.start(layer.values.timeout, now, self._terminate)
        elif is_first and status in _CHALLENGES:
            # Who heard nothing yet repeats the INVITE, and is answered again; who forged its source draws one answer.
            self.state = State.COMPLETED
            self._timer = layer.timers.start(layer.values.t4, now, self._terminate)
            layer.challenged(self, now)
        else:
            self.state = State.COMPLETED
            self._timer = layer.timers.start(layer.values.timeout, now, self._no_ack)
            if not reliable:
                self._start_retransmission(layer.values.t1, now)

    def _start_retransmission(self, interval: float, now: float) -> None:
        def again(then: float) -> None:
            if self.state is State.COMPLETED and self.last is not None:
                self._layer.out.append(Send(self.reply_to, self.last, self.call_id))
                self._start_retransmission(min(2 * interval, self._layer.values.t2), then)

        self._layer.timers.start(interval, now, again)

    def recall(self, status: int, data: bytes) -> None:
        """What another process answered last, provisionally: who repeats the request hears it again."""
        self.state, self.status, self.last = State.PROCEEDING, status, data

    def forget(self, now: float) -> None:
        """Give no answer; a repetition is a request of its own."""
        if self._timer is not None:
            self._timer.cancel()
        self._terminate(now)

    def retransmitted(self) -> None:
        """The request came again."""
        self._layer.counters["request_retransmissions"] += 1
        if self.last is not None and self.state in (State.PROCEEDING, State.COMPLETED):
            self._layer.out.append(Send(self.reply_to, self.last, self.call_id))

    def acknowledged(self, now: float) -> None:
        """The ACK for a 3xx-6xx came."""
        if self.state is not State.COMPLETED:
            return
        self.state = State.CONFIRMED
        if self._timer is not None:
            self._timer.cancel()
        if self.flow.transport.is_reliable:
            self._terminate(now)
        else:
            self._timer = self._layer.timers.start(self._layer.values.t4, now, self._terminate)

    def _no_ack(self, now: float) -> None:
        owner = self.owner
        self._terminate(now)
        if owner is not None:
            owner.on_no_ack(self, now)

    def _terminate(self, now: float) -> None:
        """Be forgotten, and leave no circle behind: what is over must go by counting, not wait for the collector."""
        self.state = State.TERMINATED
        self._layer.servers.pop(self.key, None)
        if self.status in _CHALLENGES:
            self._layer.waiting_for_ack.pop(self.key, None)
        self._timer = None
        self._let_go(now)

    def _let_go(self, now: float) -> None:
        owner, self.owner = self.owner, None
        if owner is not None:
            owner.on_over(self, now)


class ClientTransaction:
    """A request that we sent and that awaits its answer."""

    __slots__ = (
        "_ack",
        "_is_wanted",
        "_layer",
        "_timer",
        "branch",
        "call_id",
        "data",
        "hop",
        "method",
        "owner",
        "state",
    )

    def __init__(
        self,
        layer: Transactions,
        branch: str,
        method: str,
        call_id: str,
        data: bytes,
        hop: Hop,
        owner: ClientOwner,
    ) -> None:
        self._layer = layer
        self._timer: Timer | None = None
        self._ack: bytes | None = None
        self._is_wanted = True
        self.branch = branch
        self.method = method
        self.call_id = call_id
        self.data = data
        self.hop = hop
        self.owner = owner
        self.state = State.CALLING if method == "INVITE" else State.TRYING

    @property
    def is_over(self) -> bool:
        """A final response came, or none can come any more."""
        return self.state in (State.ACCEPTED, State.COMPLETED, State.TERMINATED)

    def start(self, now: float) -> None:
        layer = self._layer
        self._transmit()
        self._timer = layer.timers.start(layer.values.timeout, now, self._timed_out)
        if not self.hop.transport.is_reliable:
            self._start_retransmission(layer.values.t1, now)

    def _transmit(self) -> None:
        self._layer.out.append(Send(self.hop, self.data, self.call_id, self._unsendable, self._is_to_leave))

    def _is_to_leave(self) -> bool:
        """Whether anybody still waits for what the request may bring, when there is a way for it at last."""
        return self._is_wanted and self.state in (State.CALLING, State.TRYING)

    def _start_retransmission(self, interval: float, now: float) -> None:
        """Timers A and E. An INVITE that got a provisional response is not repeated (figure 5)."""
        values = self._layer.values

        def again(then: float) -> None:
            if self.state is State.CALLING and self._is_wanted:
                self._transmit()
                self._start_retransmission(2 * interval, then)
            elif self.method != "INVITE" and self.state in (State.TRYING, State.PROCEEDING):
                self._transmit()
                slow = self.state is State.PROCEEDING
                self._start_retransmission(values.t2 if slow else min(2 * interval, values.t2), then)

        self._layer.timers.start(interval, now, again)

    def received(self, response: Message, now: float) -> None:
        """A response that matches this transaction by branch and method."""
        owner = self.owner
        if self.state in (State.CALLING, State.TRYING, State.PROCEEDING):
            if response.status < 200:
                self._proceed()
            else:
                self._finish(response, now)
            owner.on_response(self, response, now)
        elif self.state is State.ACCEPTED and 200 <= response.status < 300:
            owner.on_response(self, response, now)
        elif self.state is State.COMPLETED and self._ack is not None and response.status >= 300:
            self._layer.out.append(Send(self.hop, self._ack, self.call_id))

    def _proceed(self) -> None:
        """RFC 3261 17.1.1.2: timer B stops with the first provisional response to INVITE; timer F runs on."""
        self.state = State.PROCEEDING
        if self.method == "INVITE" and self._timer is not None:
            self._timer.cancel()

    def _finish(self, response: Message, now: float) -> None:
        layer = self._layer
        if self._timer is not None:
            self._timer.cancel()
        if self.method == "INVITE" and response.status < 300:
            self.state = State.ACCEPTED
            self.data = b""
            self._timer = layer.timers.start(layer.values.timeout, now, self._terminate)
            return
        self.state = State.COMPLETED
        if self.method == "INVITE":
            self._ack = ack_of(self.data, response)
            layer.out.append(Send(self.hop, self._ack, self.call_id))
            wait = layer.values.timeout
        else:
            wait = layer.values.t4
        self.data, self.owner = b"", NOBODY
        if self.hop.transport.is_reliable:
            self._terminate(now)
        else:
            self._timer = layer.timers.start(wait, now, self._terminate)

    def stop_repeating(self) -> None:
        """Nobody wants the answer any more: a phone that never heard the request need not hear it now."""
        self._is_wanted = False

    def abandon(self, now: float) -> None:
        """Expect nothing any more, and tell nobody."""
        if self._timer is not None:
            self._timer.cancel()
        self._terminate(now)

    def _timed_out(self, now: float) -> None:
        owner = self.owner
        self._terminate(now)
        owner.on_timeout(self, now)

    def _unsendable(self, why: Unsent, now: float) -> None:
        if self.is_over:
            return
        owner = self.owner
        self.abandon(now)
        owner.on_unsendable(self, why, now)

    def _terminate(self, _now: float) -> None:
        """See `ServerTransaction._terminate`."""
        self.state = State.TERMINATED
        self._layer.clients.pop((self.branch, self.method), None)
        self.owner, self._timer = NOBODY, None

    def loses(self, flow: Flow) -> bool:
        """Whether the answer was to come on this connection. Who was sent to by address, and has begun to answer, may
        open another (RFC 3261 section 18.2.2)."""
        hop = self.hop
        if not isinstance(hop, Target):
            return hop == flow
        is_there = hop.remote == flow.remote and hop.transport is flow.transport
        return is_there and self.state in (State.CALLING, State.TRYING)

    def flow_closed(self, now: float) -> None:
        """The connection that carried the request is gone: no response will come down it."""
        self._unsendable(Unsent.LOST, now)

    def undelivered(self, why: Unsent, now: float) -> None:
        """The network says that the request did not arrive (RFC 3261 section 18.4)."""
        self._unsendable(why, now)

    def is_out_for(self, sent: bytes, remote: Address) -> bool:
        """Whether a datagram that began like that and went there carried this request, which may be sent again. Who
        answered an INVITE got it, whatever is said of its repetitions."""
        is_open = self.state in (State.CALLING, State.TRYING) or (
            self.method != "INVITE" and self.state is State.PROCEEDING
        )
        hop = self.hop
        return is_open and not hop.transport.is_reliable and hop.remote == remote and self.data.startswith(sent)


def ack_of(invite: bytes, response: Message) -> bytes:
    """The ACK for a 3xx-6xx: same branch, the response's To, no body (RFC 3261 section 17.1.1.3)."""
    request = Message.parse(invite)
    kept = [f"ACK {request.uri} SIP/2.0", f"Via: {request.all('Via')[0]}"]
    kept += [f"Route: {route}" for route in request.all("Route")]
    kept.append("Max-Forwards: 70")
    kept.append(f"From: {request.first('From')}")
    kept.append(f"To: {response.first('To') or request.first('To')}")
    kept.append(f"Call-ID: {request.call_id}")
    kept.append(f"CSeq: {request.cseq.number} ACK")
    kept.append("Content-Length: 0\r\n\r\n")
    return "\r\n".join(kept).encode("utf-8", "surrogateescape")


class Transactions:
    """The table of running transactions, their timers, and what they want sent (`out`)."""

    def __init__(self, values: TimerValues, out: list[Send], timers: Timers) -> None:
        self.values = values
        self.out = out
        self.timers = timers
        self.servers: dict[Key, ServerTransaction] = {}
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        #: INVITEs that were challenged, the oldest first
        self.waiting_for_ack: dict[Key, ServerTransaction] = {}
        self.counters = {"request_retransmissions": 0, "stray_responses": 0, "stray_acks": 0}

    def request(self, request: Message, flow: Flow, reply_to: Hop, now: float) -> ServerTransaction | None:
        """The new transaction that a request (no ACK) starts, or None when it was a retransmission.

        Raises Malformed when its Via or CSeq can not be read.
        """
        key = server_key(request)
        known = self.servers.get(key)
        if known is not None:
            known.retransmitted()
            return None
        transaction = self.servers[key] = ServerTransaction(self, key, request, flow, reply_to)
        return transaction

    def challenged(self, invite: ServerTransaction, now: float) -> None:
        """It is remembered for its ACK, in place of the oldest where there are many."""
        self.waiting_for_ack[invite.key] = invite
        if len(self.waiting_for_ack) > limits.CHALLENGED_INVITES:
            next(iter(self.waiting_for_ack.values())).forget(now)

    def ack(self, request: Message, now: float) -> bool:
        """Whether an ACK was one for a 3xx-6xx of ours; others travel end to end. Raises Malformed."""
        known = self.servers.get(server_key(request))
        if known is None or known.state is State.ACCEPTED:
            return False
        known.acknowledged(now)
        return True

    def cancelled(self, cancel: Message) -> ServerTransaction | None:
        """The INVITE that a CANCEL names (RFC 3261 section 9.2). Raises Malformed."""
        branch, host, port, _ = server_key(cancel)
        return self.servers.get((branch, host, port, "INVITE"))

    def start(
        self, branch: str, method: str, call_id: str, data: bytes, hop: Hop, owner: ClientOwner, now: float
    ) -> ClientTransaction:
        """Send a request whose top Via bears `branch`."""
        transaction = ClientTransaction(self, branch, method, call_id, data, hop, owner)
        self.clients[(branch, method)] = transaction
        transaction.start(now)
        return transaction

    def go_on(
        self, branch: str, method: str, call_id: str, data: bytes, hop: Hop, owner: ClientOwner
    ) -> ClientTransaction:
        """An INVITE that another process sent, and that was answered provisionally."""
        transaction = ClientTransaction(self, branch, method, call_id, data, hop, owner)
        transaction.state = State.PROCEEDING
        self.clients[(branch, method)] = transaction
        return transaction

    def leave(self, invite: ClientTransaction, now: float) -> None:
        """Another process goes on with an INVITE of ours, and with its CANCEL."""
        for one in (self.clients.get((invite.branch, "CANCEL")), invite):
            if one is not None:
                one.abandon(now)

    def response(self, response: Message, now: float) -> bool:
        """Hand a response to its transaction; False when there is none. Raises Malformed."""
        transaction = self.clients.get((response.branch, response.method))
        if transaction is None:
            self.counters["stray_responses"] += 1
            return False
        transaction.received(response, now)
        return True

    def brings_back(self, request: Message) -> bool:
        """Whether a request that we sent, and wait for the answer of, comes in again: one of its Vias is ours, whose
        branch nobody knows who did not see it."""
        vias = request.listed("Via")
        if len(vias) < 2:
            return False
        branches = (value.partition("branch=")[2].partition(";")[0].strip() for value in vias[1:])
        sent = (self.clients.get((branch, request.method)) for branch in branches)
        return any(one is not None and one.call_id == request.call_id for one in sent)

    def sent(self, sent: bytes, remote: Address) -> ClientTransaction | None:
        """The transaction whose request is in a datagram that began like that, up to our Via at least: nobody who did
        not see it knows the branch."""
        start, _, rest = sent.partition(b"\r\n")
        method, (_, found, rest) = start.partition(b" ")[0], rest.partition(b";branch=")
        branch, ends, _ = rest.replace(b"\r", b";", 1).partition(b";")
        if not found or not ends:
            return None
        known = self.clients.get((branch.decode("ascii", "replace"), method.decode("ascii", "replace")))
        return known if known is not None and known.is_out_for(sent, remote) else None

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection closed: what waited for an answer on it waits no longer."""
        for transaction in [client for client in self.clients.values() if client.loses(flow)]:
            transaction.flow_closed(now)

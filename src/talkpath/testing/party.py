"""A party of the network: a user agent that calls, answers, and takes part in calls by itself.

It speaks through the transaction machines of `talkpath.sip`, so that it repeats and absorbs what phones repeat and
absorb. What it says within them it writes itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Unpack

from talkpath.base.address import Address, Flow, Transport
from talkpath.base.errors import Malformed
from talkpath.base.leaving import Send
from talkpath.base.timers import Timers
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction, ServerTransaction, TimerValues, Transactions
from talkpath.sip.uri import Uri
from talkpath.testing import descriptions, writing
from talkpath.testing.answering import Answering, Handler
from talkpath.testing.call import Call
from talkpath.testing.exchange import Exchange
from talkpath.testing.manner import Manner, Mannered
from talkpath.testing.wire import Nat, Path

if TYPE_CHECKING:
    from talkpath.testing.network import Network

_FIRST_MEDIA_PORT = 4_000
# One for audio, one for video, each with its RTCP.
_MEDIA_PORTS = 4

Fields = Mapping[str, str]


class Party(Mannered):
    """Somebody with an address. How it behaves are the attributes that `Manner` names."""

    def __init__(
        self,
        network: Network,
        name: str,
        address: Address,
        transport: Transport = Transport.UDP,
        path: Path | None = None,
        nat: Nat | None = None,
        **manner: Unpack[Manner],
    ) -> None:
        super().__init__(**manner)
        self.network = network
        self.name = name
        self.address = address
        self.transport = transport
        self.path = path or Path()
        self.nat = nat
        self.password = name
        #: switched on; whether somebody takes what comes to its port from others than its own connection
        self.is_on = True
        self.listens = True
        #: its calls, those that it made and those that came, in order
        self.calls: list[Call] = []
        #: every request that came, and empty lines that keep a flow open
        self.requests: list[Message] = []
        self.keepalives = 0
        #: when each call came first, by Call-ID
        self.invited: dict[str, float] = {}
        self.timers = Timers()
        self._out: list[Send] = []
        self.transactions = Transactions(TimerValues(), self._out, self.timers)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._connection: Flow | None = None
        self._media_ports = count(_FIRST_MEDIA_PORT, _MEDIA_PORTS)
        self._cseq = count(1)
        self._answering = Answering(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        network.join(self)

    # --- what a test does with it

    def dial(
        self,
        number: str,
        *,
        caller: str = "",
        display: str = "",
        fields: Fields | None = None,
        offer: bytes | None = None,
    ) -> Call:
        """Begin a call and do not wait. `number` is what is dialled, or a URI; `caller` stands in From instead of the
        party's own name; `offer` is a description in the place of its own, b"" for none."""
        call = self.begin(self.network.fresh("call"), is_incoming=False)
        call.offer_sent = self.describe(call.media) if offer is None else offer
        self.does(self._invite(call, writing.uri_of(number, self.network.domain), caller, display, fields or {}))
        return call

    async def call(
        self,
        number: str,
        *,
        caller: str = "",
        display: str = "",
        fields: Fields | None = None,
        offer: bytes | None = None,
    ) -> Call:
        """Call somebody, and wait for the final answer. See `dial`."""
        return await self.dial(number, caller=caller, display=display, fields=fields, offer=offer).settled()

    async def request(
        self, method: str, uri: str, fields: Fields | None = None, body: bytes = b"", kind: str = "text/plain"
    ) -> Message | None:
        """Send a request outside calls, with credentials where they are asked for; gives the final answer, None where
        none came."""
        identity = (f"<{self.own_uri()}>;tag={self.network.fresh('t')}", f"<{uri}>", self.network.fresh("call"))
        return await self.ask(method, uri, identity, fields or {}, body, kind)

    def on(self, method: str) -> Callable[[Handler], Handler]:
        """Let a function of the test answer requests of this method instead of the party: for those who say what
        nobody expects.

            @carrier.on("INVITE")
            async def twice(asked):
                asked.answer(200, body=asked.description())
                asked.answer(200, tag="another", body=asked.description())
        """

        def taken(handler: Handler) -> Handler:
            self._answering.handlers[method] = handler
            return handler

        return taken

    def dies(self) -> None:
        """Lose power: nothing comes, nothing goes, and nobody is told."""
        self.is_on = False
        for task in self._tasks:
            task.cancel()

    async def returns(self) -> None:
        """Have power again, with the same address and no memory of calls."""
        self.is_on = True
        self._connection = None
        for call in self.calls:
            call.ends("us")

    def disconnects(self) -> None:
        """Close its connection; the next thing that it sends opens another."""
        if self._connection is not None:
            self.network.wire.close(self._connection)
            self._connection = None

    # --- what calls and answers ask of it

    def begin(self, call_id: str, *, is_incoming: bool) -> Call:
        """One more call."""
        call = Call(self, call_id, is_incoming=is_incoming, at=Address(self.address.host, next(self._media_ports)))
        self.calls.append(call)
        return call

    def describe(self, at: Address, *, direction: str = "sendrecv", version: int = 1) -> bytes:
        """What it offers."""
        return descriptions.described(at, self.codecs, direction=direction, video=self.video, version=version)

    def answer_to(self, offer: bytes, at: Address, version: int = 1) -> bytes | None:
        """What it answers; None where it can nothing of it."""
        return descriptions.answered(offer, at, self.codecs, video=self.video, version=version)

    def learned(self, call: Call) -> None:
        """The other side's description came. A phone needs do nothing more with it."""

    def takes_media(self, at: Address, data: bytes, source: Address) -> None:
        """STUN or DTLS came to an address of its media, which a phone does not read."""

    def is_keyed(self, at: Address) -> bool:
        """Whether what it sends from there can be read: what is not encrypted always can."""
        return True

    @property
    def contact(self) -> str:
        """Its Contact, as a value."""
        parameter = "" if self.transport is Transport.UDP else f";transport={self.transport.lower()}"
        return f"<sip:{self.name}@{self.address}{parameter}>"

    def own_uri(self, caller: str = "") -> str:
        """What stands in its From."""
        return f"sip:{caller or self.name}@{self.address.host}"

    def does(self, what: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something go on by itself, as long as there is power."""
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._is_done)
        return task

    def _is_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.network.faults.append(fault)

    async def within(self, call: Call, method: str, fields: Fields, body: bytes, kind: str) -> Message | None:
        """A request within a call."""
        assert call.invite is not None
        ours, theirs = (call.invite.first(name) or "" for name in ("From", "To"))
        if call.is_incoming:
            ours, theirs = theirs, ours
        ours, theirs = _tagged(ours, call.local_tag), _tagged(theirs, call.remote_tag)
        identity = (ours, theirs, call.call_id)

        def heard(response: Message) -> None:
            if method == "INVITE" and 200 <= response.status < 300:
                call.retarget(response)
                self.acknowledge(call, response)

        return await self.ask(method, call.remote_target, identity, fields, body, kind, call, heard)

    async def ask(
        self,
        method: str,
        uri: str,
        identity: tuple[str, str, str],
        fields: Fields,
        body: bytes,
        kind: str,
        call: Call | None = None,
        heard: Callable[[Message], None] | None = None,
    ) -> Message | None:
        """Send a request, once more with credentials where they are asked for; `identity` is From, To and Call-ID."""
        more = dict(fields)
        answer = None
        for _ in range(2):
            exchange = self._send_request(method, uri, identity, more, body, kind, call, heard)
            answer = await exchange.answer
            proof = None
            if answer is not None and answer.status in (401, 407):
                proof = writing.credentials(answer, method, uri, self.user, self.password)
            if proof is None or proof[0] in more or (method == "INVITE" and call is not None and call.is_given_up):
                break
            more[proof[0]] = proof[1]
        return answer

    @property
    def user(self) -> str:
        """Its user name in credentials."""
        return self.name

    # --- how it calls

    async def _invite(self, call: Call, uri: str, caller: str, display: str, fields: Fields) -> None:
        name = f'"{display}" ' if display else ""
        identity = (f"{name}<{self.own_uri(caller)}>;tag={call.local_tag}", f"<{uri}>", call.call_id)

        def heard(response: Message) -> None:
            call.received.append(response)
            if response.status < 200:
                call.rang(response.status)
                call.learns(response.sdp)
            elif response.status < 300:
                self._picked_up(call, response)

        answer = await self.ask("INVITE", uri, identity, fields, call.offer_sent, "application/sdp", call, heard)
        if answer is None:
            call.settles(408, "nothing came")
        else:
            call.settles(answer.status, answer.reason)

    def _picked_up(self, call: Call, ok: Message) -> None:
        """A 2xx came, perhaps again: it is acknowledged each time."""
        if call.ok is None:
            call.ok = ok
            call.learn_peer(ok)
            call.learns(ok.sdp)
        if ok.to_tag == call.remote_tag:
            self.acknowledge(call, ok)
        else:
            self._decline(call, ok)

    def _decline(self, call: Call, ok: Message) -> None:
        """Somebody else answered as well: that dialog is acknowledged and ended (RFC 3261 section 13.2.2.4)."""
        at = Address(self.address.host, next(self._media_ports))
        other = Call(self, call.call_id, is_incoming=False, at=at)
        other.invite, other.local_tag, other.offer_sent = call.invite, call.local_tag, call.offer_sent
        other.learn_peer(ok)
        self.acknowledge(other, ok)
        self.does(_ended(other))

    def acknowledge(self, call: Call, ok: Message) -> None:
        """The ACK for a 2xx. Where the answer brought the offer, it brings the answer."""
        body = b""
        if not call.offer_sent and ok.sdp:
            body = self.answer_to(ok.sdp, call.media) or b""
        fields = [("From", ok.first("From") or ""), ("To", ok.first("To") or ""), ("Call-ID", call.call_id)]
        head = self._head("ACK", call.remote_target, ok.cseq.number, call.routes, self.network.fresh("z9hG4bK"))
        data = writing.request(("ACK", call.remote_target), [*head, *fields], body)
        flow = self._flow_for(call.routes, call.flow)
        if flow is not None:
            self._out.append(Send(flow, data, call.call_id))
        self.pump()

    def _send_request(
        self,
        method: str,
        uri: str,
        identity: tuple[str, str, str],
        fields: Fields,
        body: bytes,
        kind: str,
        call: Call | None,
        heard: Callable[[Message], None] | None,
    ) -> Exchange:
        exchange = Exchange(heard)
        routes = call.routes if call is not None else []
        branch, number = self.network.fresh("z9hG4bK"), next(self._cseq)
        whom = list(zip(("From", "To", "Call-ID"), identity, strict=True))
        own = [*self._head(method, uri, number, routes, branch), *whom, *self._own_fields(method), *fields.items()]
        data = writing.request((method, uri), own, body, kind)
        flow = self._flow_for(routes, call.flow if call is not None else None)
        if flow is None or not self.is_on:
            exchange.answer.set_result(None)
            return exchange
        client = self.transactions.start(branch, method, identity[2], data, flow, exchange, self.network.now)
        if method == "INVITE" and call is not None:
            exchange.cancel = lambda: self._cancel(client, data)
            call.exchange = exchange
            if call.invite is None:
                call.flow = flow
            if not routes:
                call.invite = Message.parse(data)
        self.pump()
        return exchange

    def _cancel(self, client: ClientTransaction, invite: bytes) -> None:
        """RFC 3261 section 9.1."""
        request = Message.parse(invite)
        kept = [("Via", request.all("Via")[0]), ("Max-Forwards", "70")]
        kept += [(name, request.first(name) or "") for name in ("From", "To", "Call-ID")]
        kept.append(("CSeq", f"{request.cseq.number} CANCEL"))
        data = writing.request(("CANCEL", request.uri), kept)
        self.transactions.start(
            client.branch, "CANCEL", client.call_id, data, client.hop, Exchange(), self.network.now
        )
        self.pump()

    def _head(self, method: str, uri: str, number: int, routes: Sequence[str], branch: str) -> list[tuple[str, str]]:
        via = f"SIP/2.0/{self.transport} {self.sent_by};rport;branch={branch}"
        head = [("Via", via), ("Max-Forwards", "70"), *(("Route", route) for route in routes)]
        return [*head, ("CSeq", f"{number} {method}")]

    @property
    def sent_by(self) -> str:
        """The sent-by of its Via."""
        return str(self.address)

    def _own_fields(self, method: str) -> list[tuple[str, str]]:
        return [("Contact", self.contact)] if method != "MESSAGE" else []

    # --- what comes

    def arrive(self, flow: Flow, data: bytes) -> None:
        """Bytes for it."""
        if not data.strip():
            self.keepalives += 1
            return
        message = Message.parse(data)
        if message.is_request:
            self.requests.append(message)
            if message.method == "INVITE" and not message.to_tag:
                self.invited.setdefault(message.call_id, self.network.elapsed_s)
            if not self.silent:
                self._answering.take(message, flow)
        else:
            self.transactions.response(message, self.network.now)
        self.pump()

    def closed(self, flow: Flow) -> None:
        """The edge closed a connection."""
        if flow == self._connection:
            self._connection = None
        self.transactions.flow_closed(flow, self.network.now)

    def respond(self, server: ServerTransaction, status: int, data: bytes) -> None:
        """Answer a request."""
        server.respond(status, data, self.network.now)
        self.pump()

    # --- down

    def pump(self) -> None:
        """Send what is to be sent, and wake at the next deadline."""
        while self._out:
            out, self._out[:] = self._out[:], []
            for send in out:
                assert isinstance(send.hop, Flow)
                self.network.wire.to_house(self, send.hop, send.data)
        deadline = self.timers.deadline()
        if deadline is not None and deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self.network.at(deadline, self._due)

    def _due(self) -> None:
        now = self.network.house.clock.reach(self._timer_at)
        self._timer, self._timer_at = None, float("inf")
        self.timers.expire(now)
        self.pump()

    def _flow_for(self, routes: Sequence[str], flow: Flow | None) -> Flow | None:
        """The way to the edge; None where the route leads to no listener of it."""
        named = _route_host(routes)
        if self.transport.is_reliable:
            return self._connected()
        local = self.network.house.door(self.transport, self.address.host, named)
        return Flow(self.transport, self.address, local) if local is not None else None

    def _connected(self) -> Flow | None:
        if self._connection is None:
            local = self.network.house.door(self.transport, self.address.host)
            if local is not None:
                self._connection = self.network.wire.connect(self, self.transport, local)
        return self._connection

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name} at {self.address}>"


async def _ended(call: Call) -> None:
    await call.hang_up()


def _tagged(value: str, tag: str) -> str:
    return value if ";tag=" in value or not tag else f"{value};tag={tag}"


def _route_host(routes: Sequence[str]) -> Address | None:
    if not routes:
        return None
    try:
        uri = Uri.parse(routes[0].partition("<")[2].partition(">")[0])
    except Malformed:
        return None
    return Address(uri.host, uri.port or 5060)

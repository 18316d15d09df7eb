"""An edge in memory: phones on flows, a virtual clock, no socket. Tests read and write real SIP bytes."""

import dataclasses
import re
from collections import deque
from collections.abc import Callable
from itertools import count

from talkpath.base.address import Address, Flow, Hop, Located, Target, Transport
from talkpath.base.leaving import Send
from talkpath.base.unsent import Unsent
from talkpath.calls.ledger import Ledger
from talkpath.calls.trace import Trace
from talkpath.edge.admission.guard import Guard
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.calls.tape import Recorder
from talkpath.edge.core import Entropy, World
from talkpath.edge.edge import Edge, FlowClosed, Received
from talkpath.edge.nodes.keeping import Changed, Key, Known
from talkpath.edge.nodes.nodes import ALONE, Nodes
from talkpath.edge.nodes.record import decoded, encoded
from talkpath.edge.places.neighbours import NOTHING_AROUND
from talkpath.edge.settings import EdgeSettings, GuardSettings
from talkpath.media.keying import Security
from talkpath.media.memory import MemoryEngine
from talkpath.media.policy import MediaAddress, MediaPolicy
from talkpath.media.record import MediaRecord
from talkpath.media.session import MediaSession
from talkpath.sip.digest import Algorithm, ha1, response
from talkpath.sip.grammar import parse_auth
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri

from .stores import REALM, Accounts, Bindings

PORT = {Transport.UDP: 5060, Transport.TCP: 5060, Transport.TLS: 5061, Transport.WS: 5080, Transport.WSS: 5443}
HOME = "192.0.2.1"

OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
)


class Lab:
    """The edge, the world around it, and the time."""

    def __init__(
        self,
        settings: EdgeSettings | None = None,
        users: tuple[str, ...] = ("1001", "1002", "1003"),
        guard: GuardSettings | None = None,
        recorder: Recorder | None = None,
        home: str = HOME,
        nodes: Nodes = ALONE,
        node: str = "",
    ) -> None:
        self.now = 1_000_000.0
        self.home = home
        #: other nodes by their addresses; connections to them by their numbers, with the flow at the other end
        self.neighbours: dict[str, Lab] = {}
        self.links: dict[int, tuple[Lab, Flow]] = {}
        self.wire: deque[tuple[Lab, Flow, bytes]] = deque()
        self._outgoing: dict[Target, Flow] = {}
        self._is_carrying = False
        self.ledger = Ledger()
        self.engine = MemoryEngine()
        self.bindings = Bindings()
        self.accounts = Accounts(*users)
        self.names: dict[str, list[Target]] = {}
        self.looked_up: list[str] = []
        #: no server of names answers; what stands in `names` is known all the same
        self.names_are_silent = False
        #: lookups that wait for `answer_names`, None where names are answered at once
        self.lookups: list[Callable[[], None]] | None = None
        self.closed: set[int] = set()
        #: what routers said of the ways to hosts
        self.mtus: dict[str, int] = {}
        #: connections that were asked for; where packets are dropped, and who waits for these
        self.tried: list[Target] = []
        self.unanswering: set[Target] = set()
        #: where every connection is refused
        self.refusing: set[Target] = set()
        self.unopened: list[Callable[[bool], None]] = []
        self.phones: list[Phone] = []
        self.lost: list[Send] = []
        self.media: dict[str, MediaSession] = {}
        #: with one, ICE and DTLS end here
        self.security: Security | None = None
        #: what another node knows of the calls: the bytes of a record, those of its ports, and what was seen
        self.copies: dict[Key, tuple[bytes, bytes, Trace]] = {}
        self._connections = count(1)
        settings = settings or EdgeSettings(
            own_hosts=frozenset({home, "localhost"}), listening=frozenset(PORT.items()), realm=REALM
        )
        #: whether the guard sees what is delivered, as it does where sockets are read
        self.is_guarded = guard is not None
        self._guarding = guard or GuardSettings()
        self.guard = Guard(self._guarding, settings.trusted, b"g" * 16, self.now)
        #: the networks and routers next to the edge
        self.around = NOTHING_AROUND
        self.settings, self._recorder = settings, recorder
        self._nodes, self._name = nodes, node
        self.edge = self._node(f"e{node}")

    def _node(self, prefix: str) -> Edge:
        """The edge of a process whose words begin with `prefix`."""
        world = World(
            self.accounts,
            self.bindings,
            self,
            self.resolve,
            self.open_media,
            self.close_media,
            self.resume_media,
            self.media_addresses,
            self.guard,
            lambda: self.around,
            recorder=self._recorder,
            nodes=self._nodes,
        )
        entropy = Entropy(b"t" * 32, b"n" * 32, prefix, b"k" * 32 if self._name else b"", self._name)
        edge = Edge(self.settings, world, self.ledger, entropy)
        edge.gateways.start(self.now)
        return edge

    # --- nodes

    def share(self) -> None:
        """Tell another node of the calls from now on."""
        self.edge.keeping.begin()

    def shared(self) -> list[Changed]:
        """What the other node learns now."""
        changed = self.edge.keeping.take_changed(self.now)
        for key, known in changed:
            if known is None:
                del self.copies[key]
            else:
                self.copies[key] = encoded(known.record), known.ports, known.seen.standing(self.now)
        return changed

    def die(self, *absent: str) -> None:
        """The node dies, with its connections; another has its addresses, but for those that are `absent`, and goes
        on with what it was told."""
        self._begin_anew()
        self.engine.absent = set(absent)
        for data, ports, seen in self.copies.values():
            self.edge.keeping.take_over(Known(decoded(data), ports, seen), "a", 0.6, self.now)
        self.pump()

    def be_replaced(self) -> list[str]:
        """Another process takes the place of this one, with what it says of its calls for the last time; gives the
        calls that could not go along."""
        while not self.edge.keeping.prepare(self.now) and self.edge.deadline() is not None:
            self.wait(0.1)
        left = [(encoded(known.record), known.ports, known.seen) for known in self.edge.keeping.bequeath(self.now)]
        lost = [call.call_id for call in self.edge.core.calls.values()]
        self._begin_anew()
        for data, ports, seen in left:
            self.edge.keeping.take_over(Known(decoded(data), ports, seen, is_last=True), "", 1.5, self.now)
        self.pump()
        return lost

    def die_for_good(self, home: str) -> None:
        """The node dies, and nobody gets its address; another, at `home`, rescues what it was told of."""
        self.home = home
        self.settings = dataclasses.replace(self.settings, own_hosts=frozenset({home, "localhost"}))
        self._begin_anew()
        for data, ports, seen in self.copies.values():
            self.edge.keeping.rescue(Known(decoded(data), ports, seen), "a", 3.4, self.now)
        self.pump()

    def _begin_anew(self) -> None:
        registrar = self.edge.core.registrar
        bindings = [one for user in registrar.users() for one in registrar.bindings(user, self.now)]
        self.closed |= {phone.flow.connection for phone in self.phones if phone.flow.connection}
        self.ledger = Ledger()
        self.engine = MemoryEngine()
        self.guard = Guard(self._guarding, self.settings.trusted, b"g" * 16, self.now)
        self.edge = self._node("f")
        self.edge.core.registrar.load(bindings, self.now)

    # --- the world

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        return Address("2001:db8::1" if ":" in remote else self.home, PORT[transport])

    def is_open(self, flow: Flow) -> bool:
        return flow.connection not in self.closed

    def path_mtu(self, remote: str) -> int | None:
        return self.mtus.get(remote)

    def open_stream(self, target: Target, done: Callable[[bool, float], None]) -> None:
        """Opened at once where a phone listens there; where nobody answers at all, `done` waits in `unopened`."""
        self.tried.append(target)
        if target in self.unanswering:
            self.unopened.append(lambda stands: done(stands, self.now))
        else:
            done(any(phone.is_at(target) for phone in self.phones), self.now)

    def resolve(self, uri: Uri, done: Callable[[Located, float], None]) -> None:
        self.looked_up.append(uri.host)
        targets = self.names.get(uri.host, [])
        if not targets and uri.host[:1].isdigit():
            targets = [Target(uri.transport or Transport.UDP, Address(uri.host, uri.port or 5060))]
        found = Located(targets, bool(targets) or not self.names_are_silent)
        if self.lookups is None:
            done(found, self.now)
        else:
            self.lookups.append(lambda: done(found, self.now))

    def answer_names(self) -> None:
        """Answer the lookups that wait."""
        waiting, self.lookups = self.lookups or [], []
        for answer in waiting:
            answer()
        self.pump()

    def open_media(self, call: RunningCall) -> MediaSession:
        session = self.media[call.call_id] = MediaSession(self.engine, MediaPolicy(), self.security)
        return session

    def resume_media(
        self,
        call: RunningCall,
        record: MediaRecord,
        state: bytes,
        heir: int,
        places: tuple[MediaAddress, ...],
        now: float,
    ) -> MediaSession:
        policy, hosts = MediaPolicy(), [place.host for place in places]
        ports = self.engine.adopt(state, heir=heir, hosts=hosts, low=policy.first_port, high=policy.last_port)
        session = MediaSession.resumed(record, ports, self.engine, policy, self.security, now, places)
        self.media[call.call_id] = session
        return session

    def close_media(self, call: RunningCall, now: float) -> None:
        if call.media is not None:
            call.media.close(now)

    def media_addresses(self, hop: Hop) -> tuple[MediaAddress, ...]:
        return (MediaAddress(self.home, self.home),)

    # --- the network

    def phone(self, user: str, host: str, port: int = 5060, transport: Transport = Transport.UDP) -> "Phone":
        """A phone on a flow of its own."""
        phone = Phone(self, user, host, port, transport)
        self.phones.append(phone)
        return phone

    def behind_nat(
        self, user: str, host: str = "203.0.113.7", port: int = 40001, nat_s: float = 8.0, params: str = ""
    ) -> "Phone":
        """A phone with a private address behind a NAT with the address `host`, registered."""
        phone = self.phone(user, host, port)
        phone.nat_s = nat_s
        phone.contact_params = params
        phone.via_host = "192.168.1.9:5062;rport"
        phone.contact = f"sip:{user}@192.168.1.9:5062"
        phone.register(3600)
        return phone

    def registered(self, user: str, host: str) -> "Phone":
        """A phone that can be called."""
        phone = self.phone(user, host)
        phone.register()
        return phone

    def connection(self) -> int:
        return next(self._connections)

    def deliver(self, flow: Flow, data: bytes) -> None:
        """Bytes reach the edge; what it sends reaches the phones at once."""
        for phone in self.phones:
            if phone.flow == flow:
                phone.heard_at = self.now
        if not self.is_guarded or self.guard.look(flow, data, self.now):
            self.edge.receive(Received(flow, data), self.now)
        self.pump()

    def pump(self) -> None:
        while sends := self.edge.drain():
            for send in sends:
                self._carry(send)
        for parcel in self.edge.drain_parcels():
            for phone in [one for one in self.phones if one.is_at(parcel.flow)]:
                phone.kept(parcel.data)

    def join(self, other: "Lab") -> None:
        """Both are nodes of one network."""
        self.neighbours[other.home], other.neighbours[self.home] = other, self
        other.wire = self.wire

    def _to_neighbour(self, other: "Lab", send: Send) -> None:
        """Over the connection that it names, or one to where it wants to go."""
        hop = send.hop
        if isinstance(hop, Flow) and hop.connection:
            mine = hop
        else:
            target = Target(hop.transport, hop.remote)
            if target not in self._outgoing:
                number = 1_000 + len(self.links) + 100 * len(self.home)
                while number in self.links:
                    number += 1
                mine = Flow(hop.transport, Address(self.home, PORT[hop.transport]), hop.remote, number)
                theirs = Flow(hop.transport, hop.remote, Address(self.home, 40_000 + number), number)
                self._outgoing[target] = mine
                self.links[number], other.links[number] = (other, theirs), (self, mine)
            mine = self._outgoing[target]
        self.ledger.written(self.now, mine, send.call_id, send.data)
        self.wire.append((other, self.links[mine.connection][1], send.data))
        if not self._is_carrying:
            self._is_carrying = True
            while self.wire:
                lab, flow, data = self.wire.popleft()
                lab.deliver(flow, data)
            self._is_carrying = False

    def _carry(self, send: Send) -> None:
        hop = send.hop
        if hop.remote.host in self.neighbours:
            self._to_neighbour(self.neighbours[hop.remote.host], send)
            return
        if (isinstance(hop, Flow) and hop.connection in self.closed) or hop in self.refusing:
            if send.on_failure is not None:
                send.on_failure(Unsent.REFUSED if isinstance(hop, Target) else Unsent.LOST, self.now)
            return
        for phone in self.phones:
            if phone.is_at(hop) and phone.is_reachable():
                self.ledger.written(self.now, phone.flow, send.call_id, send.data)
                phone.inbox.append(Message.parse(send.data))
                return
        self.lost.append(send)

    def close(self, phone: "Phone") -> None:
        """The phone's connection dies."""
        self.closed.add(phone.flow.connection)
        self.edge.receive(FlowClosed(phone.flow), self.now)
        self.pump()

    def wait(self, seconds: float) -> None:
        """Let time pass; timers fire when they are due."""
        until = self.now + seconds
        while (due := self.edge.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.edge.expire(self.now)
            self.pump()
        self.now = until

    def kinds(self, call_id: str) -> list[str]:
        """The kinds of moments that the ledger has of a call."""
        trace = self.ledger.trace(call_id)
        return [moment.kind for moment in trace.moments] if trace is not None else []


class Phone:
    """A user agent whose every message is written by the test."""

    _calls = count(1)

    def __init__(self, lab: Lab, user: str, host: str, port: int, transport: Transport) -> None:
        self.lab = lab
        #: what stands before its URI in From
        self.display = ""
        self.user = user
        self.transport = transport
        self.inbox: list[Message] = []
        self.cseq = 0
        self.contact_params = ""
        #: how long its NAT waits for the next packet, whichever way (None: no NAT); when the last one passed
        self.nat_s: float | None = None
        self.heard_at = lab.now
        #: whether it is switched on; whether it answers OPTIONS; what came to keep its flow open
        self.is_on = True
        self.answers_options = True
        self.pings: list[float] = []
        self.probes: list[Message] = []
        home = "2001:db8::1" if ":" in host else lab.home
        number = lab.connection() if transport.is_reliable else 0
        self.flow = Flow(transport, Address(home, PORT[transport]), Address(host, port), number)
        self.via_host = str(self.flow.remote)
        parameter = "" if transport is Transport.UDP else f";transport={transport.lower()}"
        self.contact = f"sip:{user}@{self.flow.remote}{parameter}"

    def reconnect(self, port: int) -> None:
        """A new connection from another port."""
        remote = self.flow.remote._replace(port=port)
        self.flow = self.flow._replace(remote=remote, connection=self.lab.connection())

    def is_at(self, hop: Hop) -> bool:
        if isinstance(hop, Flow):
            return hop.remote == self.flow.remote and hop.connection == self.flow.connection
        return hop.transport == self.transport and hop.remote == self.flow.remote

    def is_reachable(self) -> bool:
        """Whether a packet from outside comes in, which keeps the way open."""
        if not self.is_on or (self.nat_s is not None and self.lab.now - self.heard_at > self.nat_s):
            return False
        self.heard_at = self.lab.now
        return True

    def kept(self, data: bytes) -> None:
        """A keep-alive was sent to it."""
        if not self.is_reachable():
            return
        if not data.strip():
            self.pings.append(self.lab.now)
            return
        probe = Message.parse(data)
        self.probes.append(probe)
        if self.answers_options:
            self.answer(probe, 200, "OK")

    def send(self, text: str, body: bytes = b"") -> None:
        """Deliver a message; the lines of `text` get their line ends and the body its length."""
        kind = "Content-Type: application/sdp\r\n" if body and "Content-Type:" not in text else ""
        head = "\r\n".join(line.strip() for line in text.strip().splitlines())
        self.lab.deliver(
            self.flow,
            f"{head}\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode("utf-8", "surrogateescape") + body,
        )

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str = "",
        call_id: str = "",
        tag: str = "",
        cseq: int = 0,
        branch: str = "",
        extra: str = "",
        body: bytes = b"",
        max_forwards: str = "70",
        user: str = "",
        domain: str = "",
    ) -> str:
        """Send a request; gives its branch. Who has no account here comes from a domain elsewhere."""
        name = user or self.user
        domain = domain or (self.lab.home if name in self.lab.accounts.users else "example.org")
        self.cseq = cseq or self.cseq + 1
        branch = branch or f"z9hG4bK{method}{next(Phone._calls)}"
        call_id = call_id or f"call{next(Phone._calls)}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.via_host};branch={branch}",
            f"Max-Forwards: {max_forwards}" if max_forwards else "Subject: none",
            f"From: {self.display}<sip:{name}@{domain}>;tag={tag or 'tag' + self.user}",
            f"To: {to or '<' + uri + '>'}",
            f"Call-ID: {call_id}",
            f"CSeq: {self.cseq} {method}",
            f"Contact: <{self.contact}>{self.contact_params}",
            *([extra] if extra else []),
        ]
        self.send("\n".join(lines), body)
        return branch

    def last(self) -> Message:
        return self.inbox[-1]

    def take(self) -> Message:
        """The oldest message not taken yet."""
        return self.inbox.pop(0)

    def statuses(self) -> list[int]:
        return [message.status for message in self.inbox if not message.is_request]

    def methods(self) -> list[str]:
        return [message.method for message in self.inbox if message.is_request]

    def credentials(
        self, challenge: str, method: str, uri: str, password: str = "", user: str = "", count: int = 1
    ) -> str:
        """The value of an Authorization field for a challenge."""
        user = user or self.user
        _, params = parse_auth(challenge)
        algorithm = Algorithm(params["algorithm"])
        given = {"uri": uri, "nonce": params["nonce"], "qop": "auth", "nc": f"{count:08x}", "cnonce": "c"}
        secret = ha1(algorithm, user, params["realm"], password or user)
        proof = response(algorithm, secret, method, given)
        return (
            f'Digest username="{user}", realm="{params["realm"]}", nonce="{params["nonce"]}", uri="{uri}", '
            f'response="{proof}", algorithm={algorithm}, qop=auth, nc={count:08x}, cnonce="c"'
        )

    def register(self, expires: int = 600, algorithm: str = "MD5", password: str = "", extra: str = "") -> Message:
        """Register with credentials; gives the final answer."""
        uri = f"sip:{self.lab.home}"
        to = f"<sip:{self.user}@{self.lab.home}>"
        more = f"Expires: {expires}" + (f"\n{extra}" if extra else "")
        self.request("REGISTER", uri, to=to, call_id=f"reg-{self.user}-{self.flow.remote}", extra=more)
        challenge = next(value for value in self.last().all("WWW-Authenticate") if f"algorithm={algorithm}" in value)
        proof = self.credentials(challenge, "REGISTER", uri, password)
        more += f"\nAuthorization: {proof}"
        self.request("REGISTER", uri, to=to, call_id=f"reg-{self.user}-{self.flow.remote}", extra=more)
        answer = self.last()
        self.inbox.clear()
        return answer

    def invite(
        self, uri: str, *, call_id: str = "c1", body: bytes = b"", extra: str = "", proven: bool = True
    ) -> str:
        """Invite, with credentials when `proven`; gives the branch of the last INVITE."""
        branch = self.request("INVITE", uri, call_id=call_id, body=body, extra=extra)
        if not proven or self.last().status != 407:
            return branch
        proof = self.credentials(self.last().all("Proxy-Authenticate")[0], "INVITE", uri)
        self.ack(self.last(), uri, branch)
        self.inbox.clear()
        more = f"Proxy-Authorization: {proof}" + (f"\n{extra}" if extra else "")
        return self.request("INVITE", uri, call_id=call_id, body=body, extra=more)

    def ack(self, final: Message, uri: str, branch: str = "", body: bytes = b"") -> None:
        """Acknowledge a final response: hop by hop for a refusal, end to end for a 2xx."""
        routes = "".join(f"Route: {one}\n" for one in reversed(final.listed("Record-Route")))
        extra = routes.strip() if 200 <= final.status < 300 else ""
        self.request(
            "ACK",
            uri,
            to=final.first("To") or "",
            call_id=final.call_id,
            cseq=final.cseq.number,
            branch=branch if final.status >= 300 else "",
            extra=extra,
            body=body,
        )

    def answer(
        self, request: Message, status: int, reason: str = "X", *, tag: str = "", body: bytes = b"", extra: str = ""
    ) -> None:
        """Respond to a request that came in."""
        to = request.first("To") or ""
        if not request.to_tag and status > 100:
            to += f";tag={tag or 'tag' + self.user}"
        lines = [f"SIP/2.0 {status} {reason}"]
        lines += [f"Via: {value}" for value in request.all("Via")]
        lines += [f"Record-Route: {value}" for value in request.all("Record-Route")]
        lines += [f"From: {request.first('From')}", f"To: {to}", f"Call-ID: {request.call_id}"]
        lines += [f"CSeq: {request.first('CSeq')}", f"Contact: <{self.contact}>", *([extra] if extra else [])]
        self.send("\n".join(lines), body)

    def in_dialog(self, method: str, dialog: Message, *, body: bytes = b"", extra: str = "", cseq: int = 0) -> str:
        """A request within the dialog that `dialog` made: a 2xx that came, or the INVITE that came."""
        is_caller = not dialog.is_request
        records = dialog.listed("Record-Route")
        route = list(reversed(records)) if is_caller else records
        mine, other = ("From", "To") if is_caller else ("To", "From")
        own = dialog.first(mine) or ""
        if not is_caller and ";tag=" not in own:
            own += f";tag=tag{self.user}"
        uri = re.sub(r"[<>].*", "", (dialog.first("Contact") or "").lstrip("<"))
        tag = own.rpartition("tag=")[2]
        lines = "\n".join([*(f"Route: {one}" for one in route), *([extra] if extra else [])])
        user = re.search(r"sip:([^@]+)@", own)
        return self.request(
            method,
            uri,
            to=dialog.first(other) or "",
            call_id=dialog.call_id,
            tag=tag,
            cseq=cseq,
            extra=lines,
            body=body,
            user=user[1] if user else "",
        )


def call(caller: Phone, callee: Phone, *, body: bytes = b"", call_id: str = "c1") -> tuple[Message, Message]:
    """A whole call set-up; gives the INVITE as the callee got it and the 200 as the caller got it."""
    caller.invite(f"sip:{callee.user}@{HOME}", call_id=call_id, body=body)
    invite = next(message for message in callee.inbox if message.method == "INVITE" and message.is_request)
    callee.answer(invite, 180, "Ringing")
    callee.answer(invite, 200, "OK", body=body.replace(b"198.51.100.7", b"198.51.100.8"))
    ok = caller.last()
    caller.ack(ok, callee.contact)
    caller.inbox.clear()
    callee.inbox.clear()
    return invite, ok

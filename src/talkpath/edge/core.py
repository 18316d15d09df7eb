"""What every part of the edge shares: settings, tables, the way out, and the small verbs on them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol

from talkpath.base.address import Address, Flow, Hop, Located, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.base.leaving import Send
from talkpath.base.timers import Timers
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Value
from talkpath.edge.admission.authentication import Accounts, Authentication
from talkpath.edge.admission.guard import Guard
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.calls.recording import Recordings
from talkpath.edge.calls.tape import Recorder
from talkpath.edge.calls.transfers import Transfers
from talkpath.edge.calls.untold import Untold
from talkpath.edge.forking.tastes import Tastes
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.responses import response_to
from talkpath.edge.forwarding.token import Tokens
from talkpath.edge.nodes.nodes import ALONE, Nodes, Passes
from talkpath.edge.places.locality import Locality
from talkpath.edge.places.loops import LoopMarks
from talkpath.edge.places.names import Names
from talkpath.edge.places.neighbours import NOTHING_AROUND, Surroundings
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.keepalive import KeepAlive
from talkpath.edge.registrar.registrar import BindingStore, Registrar
from talkpath.edge.routing.inquiry import Router
from talkpath.edge.settings import EdgeSettings
from talkpath.media.policy import MediaAddress
from talkpath.media.record import MediaRecord
from talkpath.media.session import MediaSession
from talkpath.sip.message import Message
from talkpath.sip.transaction import MAGIC_COOKIE, ServerTransaction, Transactions
from talkpath.sip.uri import Uri

# Hosts of which it is remembered whether they are trusted, at some 150 bytes each; cleared when full.
_REMEMBERED_HOSTS = 8_192


class Reach(Protocol):
    """What only the driver knows of the network; answers at once."""

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        """Our listener that faces `remote`, with the local address packets to it leave from."""

    def is_open(self, flow: Flow) -> bool:
        """Whether a connection still stands (datagram flows always do)."""

    def path_mtu(self, remote: str) -> int | None:
        """The largest packet that is known to pass to `remote` whole, in bytes; None when that is not known."""

    def open_stream(self, target: Target, done: Callable[[bool, float], None]) -> None:
        """Have a connection stand to `target`; `done` hears, now or later, whether it does, and the time."""


@dataclass(frozen=True, slots=True)
class Entropy:
    """Secrets and names drawn once by whoever starts the edge."""

    #: Kept across restarts, and the same on all nodes: seals flow tokens and marks of loops.
    token_key: bytes
    #: Seals nonces.
    nonce_key: bytes
    #: Makes the branches and tags of this process unlike any other's.
    prefix: str
    #: Seals what nodes of a cluster ask of each other; b"" where there is one.
    node_key: bytes = b""
    #: The name of this node in its cluster.
    node: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What the edge is handed from outside."""

    accounts: Accounts
    bindings: BindingStore
    reach: Reach
    #: Asks for a name to be resolved (RFC 3263); the answer comes back to the callable.
    resolve: Callable[[Uri, Callable[[Located, float], None]], None]
    #: The media of a call; and its end.
    open_media: Callable[[RunningCall], MediaSession]
    close_media: Callable[[RunningCall, float], None]
    #: That of a call which another process began, with what its engine knew, as its heir of that number; with places
    #: for its ports where they cannot be those that it had. Raises Malformed and Unavailable.
    resume_media: Callable[[RunningCall, MediaRecord, bytes, int, tuple[MediaAddress, ...], float], MediaSession]
    #: Our media addresses for a party at the far end of a flow, the preferred family first.
    media_addresses: Callable[[Hop], tuple[MediaAddress, ...]]
    #: Who is heard.
    guard: Guard
    #: The networks and routers around this host; the same object while they do not change.
    around: Callable[[], Surroundings] = field(default=lambda: NOTHING_AROUND)
    #: Who is asked where requests go, None for nobody.
    router: Router | None = None
    #: Who records calls, None where nothing can be recorded.
    recorder: Recorder | None = None
    #: The other nodes of a cluster.
    nodes: Nodes = ALONE


class Core:
    """Shared state of the edge's parts."""

    def __init__(self, settings: EdgeSettings, world: World, ledger: Ledger, entropy: Entropy) -> None:
        self.settings = settings
        self.world = world
        self.ledger = ledger
        self.locality = Locality(settings, world.around, world.reach.local_for)
        self.names = Names(self.locality, world.resolve)
        self.tokens = Tokens(entropy.token_key, entropy.node)
        self.passes = Passes(entropy.node, entropy.node_key)
        self.loops = LoopMarks(entropy.token_key)
        self.authentication = Authentication(settings, world.accounts, entropy.nonce_key)
        self.guard = world.guard
        secret = blake2b(b"keep-alive", key=entropy.nonce_key, digest_size=6).hexdigest()
        self.keep_alive = KeepAlive(settings.keep_alive, self.locality, secret)
        self.registrar = Registrar(settings.registrar, world.bindings, self.keep_alive)
        self.timers = Timers()
        self.out: list[Send] = []
        self.transactions = Transactions(settings.timers, self.out, self.timers)
        #: by Call-ID and the caller's tag
        self.calls: dict[tuple[str, str], RunningCall] = {}
        #: those that began while another with their Call-ID and tag ran, by these
        self.twins: dict[tuple[str, str], list[RunningCall]] = {}
        #: the calls that may have changed since others were told of them; None where nobody wants to know
        self.touched: dict[RunningCall, None] | None = None
        #: those of which others should hear at once, and who is told that there are some
        self.urgent: dict[RunningCall, None] = {}
        self.hurry: Callable[[], None] = _nobody
        #: Ends of calls that could not be told.
        self.untold = Untold()
        #: Those of them whose caller has not acknowledged an answer yet.
        self.beginning: set[RunningCall] = set()
        self.tastes = Tastes()
        self.transfers = Transfers(ledger)
        self.recordings = Recordings(settings.recording, world.recorder, ledger, self.timers, self.touch)
        self.counters: Counter[str] = Counter()
        #: no new calls are taken, but at addresses that are `leaving` in the middle of them
        self.is_draining = False
        self.leaving: frozenset[str] = frozenset()
        #: tells flows of listeners that take nothing new; None where there are none
        self.is_left: Callable[[Flow], bool] | None = None
        #: Makes the words with which we answer challenges of others.
        self.cnonce_key = blake2b(b"cnonce", key=entropy.nonce_key).digest()
        #: Makes tags that nobody can guess.
        self.tag_key = blake2b(b"tags", key=entropy.nonce_key).digest()
        self._prefix = entropy.prefix
        self._trusted: dict[str, bool] = {}
        self._number = 0

    def adopt(self, settings: EdgeSettings, now: float) -> None:
        """Go by other settings from now on. What runs goes on: calls, registrations, transactions under way."""
        self.settings = settings
        self._trusted.clear()
        self.locality.adopt(settings)
        self.authentication.adopt(settings)
        self.registrar.adopt(settings.registrar)
        self.keep_alive.adopt(settings.keep_alive, self.registrar.held(), now)
        self.transactions.values = settings.timers
        self.recordings.adopt(settings.recording)

    # --- names

    def fresh(self) -> str:
        """A word that no other message of ours bears."""
        self._number += 1
        # Made with `hex`, which takes a third of a format.
        return self._prefix + hex(self._number)[2:]

    def branch(self, loop_mark: str = "") -> str:
        """A fresh branch; `loop_mark` lets us know the request again when it comes back (16.6 step 8)."""
        return f"{MAGIC_COOKIE}{self.fresh()}.{loop_mark}" if loop_mark else MAGIC_COOKIE + self.fresh()

    def facing(self, hop: Hop) -> Address | None:
        """What we call ourselves towards a hop; None when no listener of ours reaches it."""
        if isinstance(hop, Flow):
            return self.locality.named(hop)
        local = self.world.reach.local_for(hop.transport, hop.remote.host)
        return None if local is None else self.locality.named(Flow(hop.transport, local, hop.remote))

    def is_reachable(self, binding: Binding) -> bool:
        """Whether a phone can be sent to as it registered: its connection stands, as far as we know."""
        if binding.node:
            return self.world.nodes.way_to(binding.node) is not None or not self.world.nodes.is_heard()
        return self.world.reach.is_open(binding.flow)

    def media_addresses(self, hop: Hop) -> tuple[MediaAddress, ...]:
        """Our addresses for the media of a party."""
        return self.world.media_addresses(hop)

    # --- answers

    def reply(
        self,
        arrival: Arrival,
        server: ServerTransaction,
        status: int,
        now: float,
        *,
        reason: str = "",
        fields: str = "",
        body: bytes = b"",
        to_tag: str = "",
    ) -> None:
        """Answer a request in our own name."""
        tag = to_tag or (self.fresh() if status > 100 else "")
        data = response_to(arrival.message, arrival.via, status, to_tag=tag, reason=reason, fields=fields, body=body)
        self.counters[f"answered_{status}"] += 1
        server.respond(status, data, now)
        if status >= 300 and server.is_invite:
            self.ledger.refused(now, arrival.message.call_id)

    def send(self, hop: Hop, data: bytes, call_id: str) -> None:
        """Send something that belongs to no transaction (an ACK)."""
        self.out.append(Send(hop, data, call_id))

    def user_of(self, uri: Uri) -> str:
        """The user that a URI names: by its very name where there is such an account, else by the number that it is
        (RFC 3966 section 5). "" for none."""
        name = uri.username
        if not uri.is_number:
            return name
        number = uri.number
        return name if number == name or self.world.accounts.exists(name) else number

    def is_trusted(self, host: str) -> bool:
        """Whether the operator trusts what comes from there."""
        known = self._trusted.get(host)
        if known is None:
            if len(self._trusted) >= _REMEMBERED_HOSTS:
                self._trusted.clear()
            known = self._trusted[host] = _is_within(host, self.settings.trusted)
        return known

    def is_peer(self, arrival: Arrival) -> bool:
        """Whether a request comes from a gateway, or from where the operator trusts."""
        return arrival.gateway is not None or self.is_trusted(arrival.flow.remote.host)

    def domain_of(self, arrival: Arrival) -> str:
        """The domain of our users: what the sender calls it where that is surely ours, for we vouch for it."""
        try:
            uri = arrival.message.address("From").parsed_uri()
        except Malformed:
            uri = None
        if uri is not None and (uri.host in self.settings.domains or self.locality.is_ours(uri.host)):
            return uri.host
        return self.domain_at(self.locality.advertised(arrival.flow.transport, arrival.flow.local))

    def domain_at(self, here: Address) -> str:
        """The domain of our users, or what we are called by who meets us there."""
        return min(self.settings.domains) if self.settings.domains else here.host

    # --- the ledger

    def note(self, call_id: str, kind: str, now: float, **values: Value) -> None:
        """A decision about a call."""
        self.ledger.moment(now, call_id, kind, **values)

    def begin(self, call: RunningCall) -> bool:
        """A call runs from now on; whether another runs by the same Call-ID and tag."""
        name = (call.call_id, call.caller.tag)
        is_twin = name in self.calls
        call.key = name
        if is_twin:
            # No tag has a line end in it, so no message finds it by that.
            call.key = (call.call_id, f"{call.caller.tag}\n{self.fresh()}")
            self.twins.setdefault(name, []).append(call)
        self.calls[call.key] = call
        self.ledger.begun(call.call_id)
        return is_twin

    def forget(self, call: RunningCall) -> None:
        """A call runs no more. One that had its name with it takes its place."""
        self.calls.pop(call.key, None)
        if not self.twins:
            return
        name = (call.call_id, call.caller.tag)
        twins = self.twins.get(name, [])
        if call in twins:
            twins.remove(call)
        elif twins:
            heir = twins.pop(0)
            self.calls.pop(heir.key, None)
            heir.key, self.calls[name] = name, heir
        if not twins:
            self.twins.pop(name, None)

    def touch(self, call: RunningCall, *, is_urgent: bool = False) -> None:
        """The call may have changed; others should hear at once of what `is_urgent`."""
        if self.touched is None:
            return
        self.touched[call] = None
        if is_urgent:
            if not self.urgent:
                self.hurry()
            self.urgent[call] = None

    def call_of(self, request: Message) -> RunningCall | None:
        """The running call that an in-dialog request, or a response within it, belongs to."""
        call_id = request.call_id
        by_sender = self.calls.get((call_id, request.from_tag))
        by_receiver = self.calls.get((call_id, request.to_tag))
        if (by_sender is None or by_receiver is None) and not self.twins:
            return by_sender or by_receiver
        return self._among([one for one in (by_sender, by_receiver) if one is not None], request)

    def runs(self, request: Message) -> bool:
        """Whether an in-dialog request is of a call that runs here."""
        call = self.call_of(request)
        return call is not None and call.sides(request) is not None

    def _among(self, named: list[RunningCall], request: Message) -> RunningCall | None:
        """Whose dialog a request is of, where several calls have one of its tags; the first where none knows it."""
        for call in named:
            one: RunningCall
            for one in [call, *self.twins.get(call.key, [])]:
                if one.sides(request) is not None:
                    return one
        return named[0] if named else None


def _nobody() -> None:
    """Nobody waits to be told."""


def _is_within(host: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(ip_address(host) in network for network in networks)

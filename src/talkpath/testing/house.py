"""The real edge, and the world around it in memory: what `app/node/node.py` and `net/signalling.py` are outside."""

import asyncio
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count
from pathlib import Path

from talkpath.app.config.listeners import ANY
from talkpath.app.config.tree import Config
from talkpath.app.node import settings
from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.base.leaving import Send
from talkpath.base.unsent import Unsent
from talkpath.calls.ledger import Ledger
from talkpath.calls.trace import Trace
from talkpath.edge.admission.guard import Guard
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.core import Entropy, World
from talkpath.edge.edge import Edge, FlowClosed
from talkpath.edge.registrar.binding import Binding
from talkpath.media.keying import Security
from talkpath.media.memory import MemoryEngine
from talkpath.media.policy import MediaAddress
from talkpath.media.record import MediaRecord
from talkpath.media.session import MediaSession
from talkpath.net.dns import Resolver
from talkpath.net.facing import Facing
from talkpath.net.hosts import HostsFile
from talkpath.net.interfaces import Interfaces
from talkpath.net.records import Records
from talkpath.routing.loading import load
from talkpath.routing.router import RouterSettings, ScriptRouter
from talkpath.secure.certificate import Certificate
from talkpath.secure.identity import Identity
from talkpath.testing.accounts import Accounts
from talkpath.testing.clock import BEGINNING, Clock
from talkpath.testing.sound import Sound
from talkpath.testing.wire import Wire
from talkpath.testing.zone import Zone

#: The edge's addresses where the configuration names none (RFC 5737, RFC 3849).
HOME, HOME_6 = "192.0.2.1", "2001:db8::1"
# How long a connection that the edge opens may take to stand.
_CONNECT_TIMEOUT_S = 5.0
_FIRST_OWN_PORT = 49_152
_LOOKUPS = 100


class House:
    """See the module. Implements what the edge asks of its driver, and carries out what it wants done."""

    def __init__(
        self,
        config: Config,
        accounts: Accounts,
        zone: Zone,
        wire: Wire,
        loop: asyncio.AbstractEventLoop,
        script: Path | None,
    ) -> None:
        self.config = config
        self.wire = wire
        self.clock = Clock(loop)
        self.ledger = Ledger()
        self.engine = MemoryEngine()
        #: what could not be handled: a fault of talkpath, which fails the test
        self.faults: list[Exception] = []
        #: what routers say of the ways to hosts: the largest packet in bytes
        self.mtus: dict[str, int] = {}
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._ports = count(_FIRST_OWN_PORT)
        self._outgoing: dict[Target, Flow] = {}
        self._opening: dict[Target, list[Callable[[Flow | None], None]]] = {}
        self._past: list[Trace] = []
        wire.house = self
        self._interfaces = _Own(config)
        own = self._interfaces.addresses
        edge_settings = settings.edge_settings(config, own)
        seed = b"talkpath.testing".ljust(32, b"\0")
        self._guard = Guard(settings.guard_settings(config, own), edge_settings.trusted, seed[:16], BEGINNING)
        self._policy = settings.media_policy(config)
        self._security = Security(self.engine, _identity(), wire.random.randbytes)
        self._facing = Facing(settings.media_doors(config), self, self._interfaces, lambda: self.edge.core.locality)
        records = Records(zone, self.clock.now, _LOOKUPS, lambda name, is_known: None, _NoHostsFile())
        self._resolver = Resolver(records, self, self.pump, self.clock.now, lambda most: wire.random.randint(0, most))
        self.router = self._router_of(script) if script is not None else None
        world = World(
            accounts=accounts,
            bindings=_Forgetful(),
            reach=self,
            resolve=self._resolver.resolve,
            open_media=self._open_media,
            close_media=_close_media,
            resume_media=self._resume_media,
            media_addresses=self._facing.media_addresses,
            guard=self._guard,
            around=lambda: self._interfaces.around,
            router=self.router,
        )
        self.edge = Edge(edge_settings, world, self.ledger, Entropy(seed, seed, "e"))
        self.sound = Sound(self.engine, self._calls, self._told, self.clock, self._loop)

    def _router_of(self, script: Path) -> ScriptRouter:
        asked = RouterSettings(self.config.routing.deadline_s, self.config.routing.region)
        return ScriptRouter(load(script), asked, self._loop, self.clock.now, self.pump)

    def start(self) -> None:
        """Begin to serve."""
        self.edge.gateways.start(self.clock.now())
        self.pump()

    # --- up

    def arrive(self, flow: Flow, data: bytes) -> None:
        """One message, or a keep-alive, for the edge."""
        now = self.clock.now()
        if len(data) <= 4:
            return
        if self._guard.look(flow, data, now):
            self._safely(lambda: self.edge.message(flow, data, now))
        self.pump()

    def closed(self, flow: Flow) -> None:
        """A connection is gone."""
        self._outgoing = {target: one for target, one in self._outgoing.items() if one != flow}
        self._safely(lambda: self.edge.receive(FlowClosed(flow), self.clock.now()))
        self.pump()

    def _due(self) -> None:
        now = self.clock.reach(self._timer_at)
        self._timer, self._timer_at = None, float("inf")
        self._safely(lambda: self.edge.expire(now))
        if self._guard.deadline() <= now:
            self._guard.expire(now)
        self.pump()

    def _safely(self, do: Callable[[], None]) -> None:
        """As outside, a fault costs the message and not the node; here it is kept for the test to fail by."""
        try:
            do()
        except Exception as fault:  # noqa: BLE001 - the outermost driver
            self.faults.append(fault)

    # --- down

    def pump(self) -> None:
        """Send what the edge wants sent, and wake it at its deadline."""
        while sends := self.edge.drain():
            for send in sends:
                self._send(send)
        for parcel in self.edge.drain_parcels():
            self.wire.to_end(parcel.flow, parcel.data)
        self.sound.begin()
        self.sound.pump()
        soonest = min(one for one in (self.edge.deadline(), self._guard.deadline()) if one is not None)
        if soonest < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = soonest
            self._timer = self._loop.call_at(self.clock.until(soonest), self._due)

    def _send(self, send: Send) -> None:
        flow = self._flow_of(send.hop)
        if flow is None:
            assert isinstance(send.hop, Target)
            self._open(send.hop, lambda opened: self._send_on(send, opened if _is_wanted(send) else None))
        else:
            self._send_on(send, flow)

    def _send_on(self, send: Send, flow: Flow | None) -> None:
        now = self.clock.now()
        if flow is not None and flow.local.host and (flow.connection == 0 or self.wire.is_open(flow)):
            self.ledger.written(now, flow, send.call_id, send.data)
            self.wire.to_end(flow, send.data)
        elif send.on_failure is not None:
            on_failure = send.on_failure
            self._safely(lambda: on_failure(Unsent.REFUSED, now))

    def _flow_of(self, hop: Hop) -> Flow | None:
        """The flow to use; None for a connection that must be opened first."""
        if isinstance(hop, Flow):
            return hop
        if hop.transport is Transport.UDP:
            return Flow(hop.transport, self.local_for(hop.transport, hop.remote.host) or Address("", 0), hop.remote)
        known = self._outgoing.get(hop)
        if known is not None and self.wire.is_open(known):
            return known
        return self.wire.from_address(hop.transport, hop.remote)

    def _open(self, target: Target, then: Callable[[Flow | None], None]) -> None:
        waiting = self._opening.get(target)
        if waiting is not None:
            waiting.append(then)
            return
        self._opening[target] = [then]
        end = self.wire.listening(target.transport, target.remote)
        delay_s = _CONNECT_TIMEOUT_S if end is None else 2 * end.path.delay_s
        self._loop.call_later(delay_s, self._opened, target)

    def _opened(self, target: Target) -> None:
        source = self.source(target.remote.host)
        flow = None
        if source is not None and not target.transport.is_websocket:
            local = Address(source, next(self._ports))
            flow = self.wire.connect_out(target.transport, local, target.remote)
        if flow is not None:
            self._outgoing[target] = flow
        for then in self._opening.pop(target, ()):
            then(flow)
        self.pump()

    # --- what the edge asks at once

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        """Our listener that faces `remote`."""
        is_ipv6 = ":" in remote
        for door in self.config.doors:
            host = door.address if door.address != ANY else self.source(remote)
            if door.transport is transport and host is not None and (":" in host) == is_ipv6:
                return Address(host, door.listening_port)
        return None

    def listens(self, transport: Transport, is_ipv6: bool) -> bool:
        """Whether there is a listener of ours in that family."""
        return self.local_for(transport, HOME_6 if is_ipv6 else HOME) is not None

    def source(self, remote: str) -> str | None:
        """Our address from which packets to `remote` leave."""
        return next((host for host in self._interfaces.addresses if (":" in host) == (":" in remote)), None)

    def is_open(self, flow: Flow) -> bool:
        """Whether a connection still stands."""
        return flow.connection == 0 or self.wire.is_open(flow)

    def path_mtu(self, remote: str) -> int | None:
        """The largest packet that is known to pass to `remote` whole."""
        return self.mtus.get(remote)

    def open_stream(self, target: Target, done: Callable[[bool, float], None]) -> None:
        """Have a connection stand to `target`."""
        if self._flow_of(target) is not None:
            done(True, self.clock.now())
        else:
            self._open(target, lambda flow: done(flow is not None, self.clock.now()))

    def _open_media(self, call: RunningCall) -> MediaSession:
        return MediaSession(self.engine, self._policy, self._security)

    def _resume_media(
        self,
        call: RunningCall,
        record: MediaRecord,
        state: bytes,
        heir: int,
        places: tuple[MediaAddress, ...],
        now: float,
    ) -> MediaSession:
        policy, hosts = self._policy, [place.host for place in places]
        ports = self.engine.adopt(state, heir=heir, hosts=hosts, low=policy.first_port, high=policy.last_port)
        return MediaSession.resumed(record, ports, self.engine, policy, self._security, now, places)

    # --- what parties ask

    def door(self, transport: Transport, remote: str, named: Address | None = None) -> Address | None:
        """The listener that a party reaches: the one that it names, if that is ours, else the one that faces it."""
        if named is None:
            return self.local_for(transport, remote)
        for door in self.config.doors:
            if door.transport is not transport:
                continue
            host = door.address if door.address != ANY else self.source(remote)
            local = Address(host, door.listening_port) if host is not None else None
            if local is not None and named in (local, self.edge.core.locality.advertised(transport, local)):
                return local
        return None

    # --- calls

    def traces(self) -> list[Trace]:
        """Every call so far, the oldest first."""
        self._past += self.ledger.drain()
        return sorted({id(one): one for one in (*self._past, *self.ledger.running())}.values(), key=_number)

    def trace(self, call_id: str) -> Trace | None:
        """The last call with this Call-ID."""
        return next((one for one in reversed(self.traces()) if call_id in one.call_ids), None)

    def _calls(self) -> list[RunningCall]:
        return list(dict.fromkeys(self.edge.core.calls.values()))

    def _told(self, call: RunningCall) -> None:
        self._safely(partial(self.edge.check_media, call, self.clock.now()))
        self.pump()


class _Own(Interfaces):
    """The addresses of the edge's host: those that the configuration names, else one of each family."""

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__()

    def look(self) -> None:
        self.addresses = list(dict.fromkeys(self._named())) or [HOME, HOME_6]

    def _named(self) -> Iterator[str]:
        named = [door.address for door in self._config.doors]
        yield from (host for host in named if host not in (ANY, "0.0.0.0", "::"))
        if ANY in named or "0.0.0.0" in named:
            yield HOME
        if ANY in named or "::" in named:
            yield HOME_6
        yield from (one.address for one in self._config.media.addresses)


class _NoHostsFile(HostsFile):
    """The network of a test has no other names than its own."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))


class _Forgetful:
    """A store that nothing survives in."""

    def save_binding(self, binding: Binding) -> None:
        """See `BindingStore`."""

    def refresh_binding(self, binding: Binding) -> None:
        """See `BindingStore`."""

    def drop_binding(self, binding: Binding) -> None:
        """See `BindingStore`."""

    def forget_binding(self, binding: Binding) -> None:
        """See `BindingStore`."""


def _close_media(call: RunningCall, now: float) -> None:
    if call.media is not None:
        call.media.close(now)


def _number(trace: Trace) -> int:
    return trace.number


@cache
def _identity() -> Identity:
    return Identity(Certificate.make(BEGINNING), b"c" * 32)


def _is_wanted(send: Send) -> bool:
    return send.is_wanted is None or send.is_wanted()

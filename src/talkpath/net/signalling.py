"""Drives the edge over real sockets: bytes up, actions down, timers.

One task: whatever wakes us (a socket, a connection, a timer, an answer of DNS) feeds the edge and then pumps it: its
sends go out, the ledger hears of them, and one timer is set for its next deadline.
"""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from math import ceil

from talkpath._native import Datagrams, Sources, busy_answer
from talkpath.base import limits
from talkpath.base.address import Address, Flow, Hop, Parcel, Target, Transport
from talkpath.base.leaving import Send
from talkpath.base.unsent import Unsent
from talkpath.calls.ledger import Ledger
from talkpath.edge.edge import FlowClosed, Undelivered
from talkpath.ice.keepalive import answer_to
from talkpath.net.certificates import Certificates
from talkpath.net.clock import Clock
from talkpath.net.descriptors import Descriptors
from talkpath.net.doors import Door, Doors
from talkpath.net.icmp import failure_of
from talkpath.net.idle import IdleSweep
from talkpath.net.inherited import Inherited
from talkpath.net.listening import Endpoint, Probe
from talkpath.net.machine import Machine
from talkpath.net.overload import Overload
from talkpath.net.room import Room
from talkpath.net.stream import Connection, StreamConnection
from talkpath.net.unopened import why_not_open
from talkpath.net.websocket import Networks, Page, WebSocketConnection

_log = logging.getLogger(__name__)

# Batches of datagrams taken before other sockets get their turn.
_BATCHES_A_TURN = 8
# Where more waits than that, others get theirs after this time.
_TURN_S = 0.01
# Timers fire on this grid: those of many transactions in one go, instead of a wake-up each. The shortest that SIP has
# is T1, half a second.
_TICK_S = 0.02
# A timer that fires later than this shows that the process stood still, and that messages may be waiting.
_STALL_S = 0.05
# What begins with a smaller byte is STUN, or nothing (RFC 7983 section 7); SIP begins with a letter or a line end.
_NO_STUN = 4
# How long a connection that we open may take to stand.
_CONNECT_TIMEOUT_S = 5.0
# What we open where a datagram would do stays open until the other side closes it, and leaves room for who comes.
_SHARE_OF_OURS = 0.25
# Local addresses remembered for remote hosts, so that no probe socket is opened for each message.
_REMEMBERED_SOURCES = 4096
# Asking costs 20 us, and many calls of a second may lead to one gateway; what a router says counts for the next call.
_MTU_BELIEVED_S = 1.0


class Limits:
    """How many connections there may be. Where files are scarce they may take half of them, media the other."""

    def __init__(self, connections: int, per_address: int, descriptors: Descriptors | None = None) -> None:
        self.descriptors = descriptors or Descriptors.within(limits.DESCRIPTORS)
        self.connections = min(connections, self.descriptors.accepted // 2)
        self.per_address = per_address


class Signalling:
    """All sockets of SIP. Implements `Sink` for connections and `Reach` for the edge."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        bounds: Limits,
        tls: Callable[[], ssl.SSLContext | None],
        trusted_proxies: Networks,
        page: Page | None = None,
        guard: Sources | None = None,
        ping_s: float = 0.0,
        authority: Callable[[str], str] = lambda place: "",
    ) -> None:
        self._clock = clock
        self._certificates = Certificates(authority)
        self._ping_s = ping_s
        self._guard = guard
        self._doors = Doors(guard, self._readable, self._connection, self, tls)
        self._by_local = self._doors.by_local
        self._ledger = ledger
        self._limits = bounds
        self._trusted_proxies = trusted_proxies
        self._page = page
        self._edge: Machine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._connections: dict[int, Connection] = {}
        self._outgoing: dict[Target, Connection] = {}
        #: TCP and TLS: the last that was made with each remote address
        self._by_remote: dict[tuple[str, Address], Connection] = {}
        self._idle = IdleSweep(self._outgoing.values, self._needed)
        self._room = Room(self._connections.values, self._is_known, self._needed)
        #: who waits for connections that are being opened: they hear of the flow, or why there is none
        self._opening: dict[Target, list[Callable[[Flow | Unsent], None]]] = {}
        self._per_address: Counter[str] = Counter()
        #: connections that are counted, those in their handshake among them
        self._held = 0
        self._probe: Probe | None = None
        self._sources: dict[str, str | None] = {}
        self._mtus: dict[str, tuple[float, int | None]] = {}
        self._leaving: dict[Datagrams, list[tuple[Flow, Send]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._overload = Overload()
        self.counters: Counter[str] = Counter()

    # --- life

    def inherit(self, sockets: Inherited) -> None:
        """Listen on these where a listener is opened at their address, until `start`."""
        self._doors.inherit(sockets)

    def bequeath(self) -> list[int]:
        """Hear nothing more, and give descriptors of the listeners."""
        return self._doors.bequeath()

    async def open(self, endpoint: Endpoint) -> None:
        """Open a listener; it is served from `start` on. Raises CannotListen."""
        self._loop = asyncio.get_running_loop()
        self._probe = self._probe or Probe()
        self._doors.open(endpoint)

    def _connection(self, transport: Transport) -> Connection:
        """One that is to be accepted."""
        if transport.is_websocket:
            return WebSocketConnection(transport, self, self._trusted_proxies, self._page, self._ping_s)
        return StreamConnection(transport, self)

    def begin(self, endpoints: Sequence[Endpoint]) -> list[Door]:
        """Open what is new among the listeners that there shall be, for `take`. Raises CannotListen."""
        return self._doors.begin(endpoints)

    def take(self, opened: list[Door], endpoints: Sequence[Endpoint]) -> None:
        """Have these listeners from now on; others take nothing new, and close when nothing goes over them."""
        self._doors.take(opened, endpoints)

    @property
    def left(self) -> list[Endpoint]:
        """The listeners that take nothing new, while something still goes over them."""
        return self._doors.left

    def is_left(self, flow: Flow) -> bool:
        """Whether a flow came in by such a listener."""
        return self._doors.is_left(flow)

    def look_at_left(self, held: Collection[tuple[Transport, Address]]) -> list[Endpoint]:
        """Close what was left and nothing goes over any more; `held` are our ends of flows of calls and phones."""
        flows = (one.flow for one in self._connections.values() if one.flow is not None)
        return self._doors.look({*held, *((flow.transport, flow.local) for flow in flows)})

    async def start(self, edge: Machine) -> None:
        """Begin to serve."""
        self._edge = edge
        assert self._loop is not None
        self._certificates.load()
        self._doors.start(self._loop)
        self._idle.start(self._loop)
        self.pump()

    def standing(self) -> Counter[str]:
        """How many connections stand, by transport."""
        return Counter(one.flow.transport.value for one in list(self._connections.values()) if one.flow is not None)

    @property
    def listening(self) -> list[tuple[Transport, Address]]:
        """Where SIP is heard."""
        return self._doors.heard()

    def close(self) -> None:
        """Stop to listen and close every connection after what is written has left."""
        if self._timer is not None:
            self._timer.cancel()
        self._idle.stop()
        for connection in list(self._connections.values()):
            connection.close()
        self._doors.close()
        if self._probe is not None:
            self._probe.close()

    def adopt(self, bounds: Limits, trusted_proxies: Networks, ping_s: float) -> None:
        """Go by these from now on. Connections that stand stay."""
        self._limits, self._trusted_proxies, self._ping_s = bounds, trusted_proxies, ping_s

    # --- up: sockets to edge

    def _readable(self, datagrams: Datagrams) -> int:
        """Take what waits in a socket; gives how many datagrams that was."""
        clock = self._clock
        taken = 0
        began = now = clock.now()
        for _ in range(_BATCHES_A_TURN):
            batch = datagrams.receive(now)
            taken += datagrams.taken
            if datagrams.may_have_reports:
                self._hear_failures(datagrams, now)
            if not batch:
                break
            for data, flow in batch:
                # Keep-alives of phones behind NATs (RFC 5626 section 4.4.1) are line ends, or a zero.
                if len(data) <= 4:
                    self.counters["datagram_keepalives"] += 1
                    continue
                if data[0] < _NO_STUN:
                    self._keep_alive(flow, data)
                else:
                    self._take(flow, data, now)
            self.pump()
            now = clock.now()
            if datagrams.is_behind:
                if now - began >= _TURN_S:
                    break
            elif datagrams.taken < 32:
                break
        return taken

    def forget(self) -> None:
        """Forget who was not heard for a while. To be called now and then."""
        refused, dropped = self._overload.refused, 0
        for datagrams in self._doors.datagrams():
            datagrams.forget(self._clock.now())
            calls, others = datagrams.overload()
            refused, dropped = refused + calls, dropped + others
        counted = (("calls_refused_overloaded", refused), ("requests_dropped_overloaded", dropped))
        for name, times in counted:
            # A listener that is no more takes along what it counted.
            self.counters[name] = max(self.counters[name], times)

    def _hear_failures(self, datagrams: Datagrams, now: float) -> None:
        """Tell the edge which datagrams did not arrive, as ICMP says."""
        assert self._edge is not None
        reports = datagrams.reports()
        for sent, host, port, kind, code, by in reports:
            self.counters["icmp_errors"] += 1
            why = failure_of(kind, code, is_ipv6=":" in host)
            if why is None:
                continue
            try:
                self._edge.receive(Undelivered(Address(host, port), sent, why, by), now)
            except Exception:  # noqa: BLE001 - the outermost driver: one report must not stop the others
                self.counters["faults"] += 1
                _log.exception("a report about %s could not be handled; please report this", host)
        if reports:
            self.pump()

    def _keep_alive(self, flow: Flow, data: bytes) -> None:
        """Answer a STUN keep-alive (RFC 5626 section 4.4.2); drop what is none."""
        answer = answer_to(data, flow.remote)
        self.counters["stun_dropped" if answer is None else "stun_keepalives"] += 1
        datagrams = self._doors.of(flow)
        if answer is not None and datagrams is not None:
            datagrams.send([(answer, flow.local.host, flow.remote.host, flow.remote.port)], self._clock.now())

    def _take(self, flow: Flow, data: bytes, now: float) -> None:
        """Hand one message to the edge. A fault of ours costs this message and no other."""
        assert self._edge is not None
        try:
            self._edge.message(flow, data, now)
        except Exception:  # noqa: BLE001 - the outermost driver: one message must not stop the others
            self.counters["faults"] += 1
            _log.exception("a message from %s could not be handled; please report this", flow.remote)

    def arrived(self, flow: Flow, data: bytes) -> None:
        """One message of a connection."""
        if self._edge is None:
            return
        now = self._clock.now()
        if not self._is_heard(flow, data, now):
            self._turn_away(flow, data, now)
        elif not (data.startswith(b"INVITE ") and self._is_too_late(flow, data, now)):
            self._take(flow, data, now)
            self.pump()

    def _is_too_late(self, flow: Flow, data: bytes, now: float) -> bool:
        """Whether a new call is refused because it had to wait for too long, as all do; nothing is done for it."""
        assert self._loop is not None
        if not self._overload.is_refusing(now - self._clock.epoch - self._loop.time(), now):
            return False
        connection, answer = self._connection_of(flow), busy_answer(data)
        if connection is None or answer is None:
            return False
        self._overload.refused += 1
        connection.send(answer)
        return True

    def _is_heard(self, flow: Flow, data: bytes, now: float) -> bool:
        """What a source that is banned, or sends too much, says on a connection is not read."""
        return self._guard is None or self._guard.look(flow.remote.host, flow.remote.port, True, data, now)

    def _turn_away(self, flow: Flow, data: bytes, now: float) -> None:
        """Close the connection of who is not heard, with an answer where the operator wants one."""
        connection = self._connection_of(flow)
        if connection is None or self._guard is None:
            return
        answer = self._guard.refusal(flow.remote.host, flow.remote.port, True, data, now)
        if answer is not None and connection.send(answer):
            connection.close()
        else:
            connection.abort()

    def unframeable(self, connection: Connection, head: bytes, code: str) -> None:
        """A stream lost its framing: say why if it can be said, then it closes."""
        if self._edge is not None and connection.flow is not None:
            self._edge.unframeable(connection.flow, head, code)
            self.pump()

    def admit(self, host: str, descriptor: int) -> bool:
        """Count one more connection from `host`, before anything is read of it; False when it is one too many."""
        if self._guard is not None and not self._guard.look_at_connection(host, self._clock.now()):
            self.counters["connections_of_banned"] += 1
            return False
        bounds, now = self._limits, self._clock.now()
        is_full = self._held >= bounds.connections or descriptor >= bounds.descriptors.accepted
        if self._per_address[host] >= bounds.per_address or (
            is_full and not (descriptor < bounds.descriptors.opened and self._room.make(host, now))
        ):
            self.counters["connections_refused"] += 1
            return False
        self._hold(host)
        return True

    def _hold(self, host: str) -> None:
        self._held += 1
        self._per_address[host] += 1

    def dismiss(self, connection: Connection) -> None:
        """The connection counts no more."""
        host, connection.counted_host = connection.counted_host, ""
        if host:
            self._held -= 1
            self._per_address[host] -= 1
            if self._per_address[host] <= 0:
                del self._per_address[host]

    def opened(self, connection: Connection) -> bool:
        """A connection stands. One that we opened is counted now, unless there are too many."""
        assert connection.flow is not None
        if not connection.counted_host:
            host = connection.flow.remote.host
            bounds = self._limits
            if self._held >= bounds.connections or connection.descriptor >= bounds.descriptors.opened:
                self.counters["connections_refused"] += 1
                return False
            self._hold(host)
            connection.counted_host = host
        self._connections[connection.number] = connection
        if not connection.kind.is_websocket:
            self._by_remote[connection.kind.value, connection.flow.remote] = connection
        self.counters["connections_opened"] += 1
        return True

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.pop(connection.number, None)
        flow = connection.flow
        if flow is not None and self._by_remote.get((flow.transport.value, flow.remote)) is connection:
            del self._by_remote[flow.transport.value, flow.remote]
        if connection.target is not None:
            self._outgoing.pop(connection.target, None)
        self.dismiss(connection)
        if self._edge is not None and connection.flow is not None:
            self._edge.receive(FlowClosed(connection.flow), self._clock.now())
            self.pump()

    def _needed(self, flows: frozenset[Flow]) -> frozenset[Flow]:
        return self._edge.needed(flows) if self._edge is not None else flows

    def _is_known(self, flow: Flow) -> bool:
        remote = flow.remote
        return self._guard is not None and self._guard.is_known(remote.host, remote.port, True, self._clock.now())

    def count(self, event: str) -> None:
        """A connection saw something worth counting."""
        self.counters[event] += 1

    # --- what the edge asks at once

    def is_open(self, flow: Flow) -> bool:
        """Whether a connection still stands; datagram flows always do."""
        return flow.connection == 0 or self._connection_of(flow) is not None

    def _connection_of(self, flow: Flow) -> Connection | None:
        """The connection that a flow is; None where it is gone, or one of another process."""
        connection = self._connections.get(flow.connection)
        return connection if connection is not None and connection.flow == flow else None

    def rtt_s(self, flow: Flow) -> float:
        """How long the way there and back takes on an open connection, as its kernel measured; 0 where it did not."""
        connection = self._connection_of(flow)
        return connection.rtt_s() if connection is not None else 0.0

    def listens(self, transport: Transport, is_ipv6: bool) -> bool:
        """Whether there is a listener of ours in that family."""
        return any(address.is_ipv6 == is_ipv6 for address in self._doors.listening(transport))

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        """Our listener that faces `remote`: its own address, or the one packets to there leave from."""
        is_ipv6 = ":" in remote
        for address in self._doors.listening(transport):
            if address.is_ipv6 != is_ipv6:
                continue
            if address.host not in ("0.0.0.0", "::"):
                return address
            source = self.source(remote)
            return Address(source, address.port) if source is not None else None
        return None

    def source(self, remote: str) -> str | None:
        """The address of this host from which packets to `remote` leave; None when there is no way there."""
        if remote not in self._sources:
            if len(self._sources) >= _REMEMBERED_SOURCES:
                self._sources.clear()
            self._probe = self._probe or Probe()
            self._sources[remote] = self._probe.source_for(remote)
        return self._sources[remote]

    def path_mtu(self, remote: str) -> int | None:
        """The largest packet that passes to `remote` whole, as far as the kernel knows, in bytes."""
        now = self._clock.now()
        known = self._mtus.get(remote)
        if known is None or known[0] < now:
            self._probe = self._probe or Probe()
            if len(self._mtus) >= _REMEMBERED_SOURCES:
                self._mtus.clear()
            known = self._mtus[remote] = (now + _MTU_BELIEVED_S, self._probe.mtu_to(remote))
        return known[1]

    # --- down: edge to sockets

    def pump(self) -> None:
        """Send what the edge wants sent, and wake again at its deadline."""
        edge = self._edge
        if edge is None:
            return
        sends = edge.drain()
        while sends:
            now = self._clock.now()
            for send in sends:
                self._send(send, now)
            self._send_datagrams(now)
            sends = edge.drain()
        parcels = edge.drain_parcels()
        if parcels:
            self._send_parcels(parcels)
        self._set_timer(edge)

    def _send_parcels(self, parcels: list[Parcel]) -> None:
        batches: dict[Datagrams, list[Parcel]] = {}
        for parcel in parcels:
            flow = parcel.flow
            datagrams = self._by_local.get(flow.local) or self._doors.of(flow)
            if datagrams is not None:
                batches.setdefault(datagrams, []).append(parcel)
        for datagrams, batch in batches.items():
            self.counters["keepalives_unsendable"] += datagrams.send_parcels(batch)

    def _set_timer(self, edge: Machine) -> None:
        soonest = edge.deadline()
        if soonest is None or soonest >= self._timer_at:
            return
        deadline = ceil(soonest / _TICK_S) * _TICK_S
        if deadline >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        assert self._loop is not None
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - self._clock.now()), self._due)

    def _due(self) -> None:
        late_s = self._clock.now() - self._timer_at
        self._timer, self._timer_at = None, float("inf")
        if self._edge is None:
            return
        if late_s > _STALL_S:
            # What waits in the sockets came before the timers are due: they would retransmit what is answered.
            for datagrams in self._doors.datagrams():
                self._readable(datagrams)
        try:
            self._edge.expire(self._clock.now())
        except Exception:  # noqa: BLE001 - the outermost driver: one timer must not stop the others
            self.counters["faults"] += 1
            _log.exception("a timer could not be handled; please report this")
        self.pump()

    def _send(self, send: Send, now: float) -> None:
        flow = self._flow_of(send.hop)
        if flow is None:
            self._open_for(send)
        elif not flow.transport.is_reliable:
            datagrams = self._doors.of(flow)
            if datagrams is None:
                self._not_sent(send, Unsent.UNREACHABLE, now)
            else:
                self._leaving.setdefault(datagrams, []).append((flow, send))
        else:
            connection = self._connection_of(flow)
            if connection is not None and connection.send(send.data):
                self._ledger.written(now, flow, send.call_id, send.data)
            else:
                self._not_sent(send, Unsent.LOST, now)

    def _send_datagrams(self, now: float) -> None:
        """What was gathered since the last time leaves, each socket's together."""
        while self._leaving:
            datagrams, leaving = self._leaving.popitem()
            parcels = [(send.data, flow.local.host, flow.remote.host, flow.remote.port) for flow, send in leaving]
            failed = datagrams.send(parcels, now)
            for place, (flow, send) in enumerate(leaving):
                if failed and place in failed:
                    self.counters["datagrams_unsendable"] += 1
                    self._not_sent(send, Unsent.UNREACHABLE, now)
                else:
                    self._ledger.written(now, flow, send.call_id, send.data)

    def _not_sent(self, send: Send, why: Unsent, now: float) -> None:
        if send.on_failure is not None:
            self.counters["sends_failed"] += 1
            send.on_failure(why, now)

    def _flow_of(self, hop: Hop) -> Flow | None:
        """The flow to use; None for a connection that must be opened first."""
        if isinstance(hop, Flow):
            return hop
        if hop.transport is Transport.UDP:
            local = self.local_for(hop.transport, hop.remote.host)
            return Flow(hop.transport, local or Address("", 0), hop.remote)
        connection = self._outgoing.get(hop) or self._incoming_from(hop)
        return connection.flow if connection is not None else None

    def _incoming_from(self, target: Target) -> Connection | None:
        """A connection that the peer opened from the very address we want to reach (RFC 5923): not where it must show
        a certificate, of which nobody asked it."""
        if target.name and target.transport.is_secure:
            return None
        return self._by_remote.get((target.transport.value, target.remote))

    def _open_for(self, send: Send) -> None:
        def opened(made: Flow | Unsent) -> None:
            if isinstance(made, Flow) and (send.is_wanted is None or send.is_wanted()):
                self._send(send.over(made), self._clock.now())
            elif send.on_failure is not None:
                send.on_failure(made if isinstance(made, Unsent) else Unsent.NO_CONNECTION, self._clock.now())

        assert isinstance(send.hop, Target)  # flows are written at once
        self._open(send.hop, opened)

    def open_stream(self, target: Target, done: Callable[[bool, float], None]) -> None:
        """Have a connection stand to `target`; `done` hears, now or later, whether it does, and the time. Who asks
        can do without one."""
        if self._flow_of(target) is not None:
            done(True, self._clock.now())
        elif len(self._outgoing) + len(self._opening) >= self._limits.connections * _SHARE_OF_OURS:
            self.counters["connections_refused"] += 1
            done(False, self._clock.now())
        else:
            self._open(target, lambda made: done(isinstance(made, Flow), self._clock.now()))

    def _open(self, target: Target, then: Callable[[Flow | Unsent], None]) -> None:
        assert self._loop is not None
        waiting = self._opening.get(target)
        if waiting is not None:
            waiting.append(then)
            return
        self._opening[target] = [then]
        task = self._loop.create_task(self._connect(target))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, target: Target) -> None:
        assert self._loop is not None
        try:
            context = self._certificates.wanted(target) if target.transport.is_secure else None
        except OSError:  # a file that is not there, or holds no certificate
            self.counters["connects_failed"] += 1
            self._opened(target, Unsent.AUTHORITY)
            return
        name = (target.name or target.remote.host) if context is not None else None

        def connection() -> Connection:
            return StreamConnection(target.transport, self)

        try:
            if target.transport.is_websocket:
                raise OSError("a WebSocket is opened by the browser, never by us")
            opening = self._loop.create_connection(
                connection, target.remote.host, target.remote.port, ssl=context, server_hostname=name
            )
            _, made = await asyncio.wait_for(opening, _CONNECT_TIMEOUT_S)
        except OSError as error:  # a timeout and what TLS refuses among them
            self.counters["connects_failed"] += 1
            self._opened(target, why_not_open(error))
            return
        if made.flow is None or not self.is_open(made.flow):
            # We hold too many, or the peer closed it at once. Opening it again would go on for ever.
            self.counters["connects_closed"] += 1
            self._opened(target, Unsent.CLOSED if made.was_taken else Unsent.TOO_MANY)
            return
        made.has_spoken = True
        made.target = target
        self._outgoing[target] = made
        self._opened(target, made.flow)

    def _opened(self, target: Target, made: Flow | Unsent) -> None:
        for then in self._opening.pop(target, ()):
            then(made)
        self.pump()

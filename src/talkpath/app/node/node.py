"""The node: every room wired to its neighbours, started and stopped."""

import asyncio
import gc
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from talkpath.app import words
from talkpath.app.cluster.alive import Alive
from talkpath.app.cluster.giving_way import GivingWay
from talkpath.app.cluster.joining import Joined, joined
from talkpath.app.cluster.shared_history import shared_history
from talkpath.app.cluster.telling import Telling
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.gateways.by_hand import OwnGateways
from talkpath.app.gateways.rows import GatewayRow, gateway_rows
from talkpath.app.log.dns import tell_of_dns
from talkpath.app.log.gateways import GatewayLog
from talkpath.app.log.guard import GuardLog
from talkpath.app.log.log import CallLog
from talkpath.app.log.overload import OverloadLog
from talkpath.app.log.phones import PhoneLog
from talkpath.app.log.recordings import take_up
from talkpath.app.metrics.observers import Observers
from talkpath.app.metrics.watching import Rooms, Watching
from talkpath.app.node.chores import Chore, do_chores
from talkpath.app.node.control import ControlServer, Reloaded
from talkpath.app.node.following import Following, limits_of
from talkpath.app.node.settings import (
    edge_settings,
    guard_settings,
    guest_rules,
    media_doors,
    media_policy,
    networks,
    router_settings,
)
from talkpath.app.node.start import Prepared
from talkpath.app.process.heap import Heap
from talkpath.app.process.host import cannot_listen, endpoint_of
from talkpath.app.recordings.after_call import AfterCall
from talkpath.app.recordings.recorder import CallRecorder
from talkpath.app.registrations.news import RegistrationNews, ToldBindings
from talkpath.app.registrations.rows import PhoneRow, rows_of
from talkpath.app.reload.bequeathing import bequeath, certificate_of, go_on, may_begin_anew
from talkpath.app.reload.legacy import Legacy
from talkpath.app.reload.reload import Reload
from talkpath.app.routing.rehearsing import Trial, Wish, rehearsed
from talkpath.app.routing.running import OwnScript
from talkpath.app.routing.script import doubts
from talkpath.app.state.directory import recordings_directory, token_key
from talkpath.app.state.watch import StateWatch
from talkpath.app.users.accounts import Everybody
from talkpath.app.users.bans import OwnBans
from talkpath.base.address import Flow, Transport
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Moment
from talkpath.edge.admission.guard import Guard
from talkpath.edge.calls.call import RunningCall
from talkpath.edge.calls.recording import Verb
from talkpath.edge.core import Entropy, World
from talkpath.edge.edge import Edge
from talkpath.edge.nodes.nodes import ALONE
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.registrar import BindingStore
from talkpath.net.addresses import AddressWatch
from talkpath.net.clock import Clock
from talkpath.net.dns import Resolver
from talkpath.net.facing import Facing
from talkpath.net.inherited import Inherited, of_systemd
from talkpath.net.interfaces import Interfaces
from talkpath.net.listening import CannotListen
from talkpath.net.media import MediaDriver
from talkpath.net.recorder import RecordingDriver
from talkpath.net.records import Records, Servers
from talkpath.net.signalling import Signalling
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import Retention
from talkpath.store.recordings.keeper import Keeper
from talkpath.web.guests import Guests
from talkpath.web.progress import Progress, progress_of
from talkpath.web.site import About, Site

# How often changed accounts are looked for, ended calls written, and old ones swept.
_CHORES_S = 1.0
_SWEEP_EVERY_S = 600.0
# Between two portions of what would take too long at once.
_PORTIONS_S = 0.02
# Running calls of a portion that is kept: to write one down as it stands takes some ten microseconds.
_KEPT_AT_ONCE = 300
# How long BYEs and the last responses may take to leave when the node stops.
_PARTING_S = 0.3
# How long an answer takes to who asked for another process to come.
_HEARD_S = 0.1
# How much longer carriers are waited for, to answer that we are registered there no more: a repetition of what was
# lost, and another proof. Who has not answered then lets the registration run out.
_LEAVING_S = 1.7


async def make(prepared: Prepared) -> "Node":
    """A node, when it has joined its cluster, if it is of one. Raises `Trouble`."""
    clock = Clock()
    return Node(prepared, clock, await joined(prepared, clock))


class Node:
    """One edge on one machine."""

    #: gives the place of this process to another
    upgrade: Callable[[], None]
    _legacy: Legacy | None = None

    def __init__(self, prepared: Prepared, clock: Clock | None = None, cluster: Joined | None = None) -> None:
        config = prepared.config
        self._cluster = cluster
        self._config = config
        self._users = prepared.users
        self._prepared = prepared
        self._language = prepared.language
        self._clock = clock or Clock()
        loop = asyncio.get_running_loop()
        self._script = OwnScript(config, prepared.language, loop, self._clock.now, self._pump, doubts)
        self._trial = Trial(router_settings(config), self._clock.now, self._script.hold_ups)
        self._ledger = Ledger()
        retention = Retention(config.history.keep_days, config.history.keep_calls)
        self._store: EmbeddedStore[Binding] = EmbeddedStore(
            prepared.database, Binding, retention, is_history_shared=bool(config.history.url)
        )
        self._shared_history = shared_history(prepared, self._store.writer, retention)
        self._entropy = _entropy(prepared.state, cluster, prepared.legacy)
        self._interfaces = Interfaces()
        self._address_watch = AddressWatch(self._look_at_interfaces)
        self._guests = self._make_guests()
        own, trusted = self._interfaces.addresses, networks(config.authentication.trusted)
        self._guard = Guard(guard_settings(config, own), trusted, secrets.token_bytes(16), self._clock.now())
        descriptors = self._descriptors = prepared.descriptors
        certificate = certificate_of(prepared.legacy) if cluster is None else cluster.certificate
        self._media = MediaDriver(
            self._clock,
            self._ledger,
            media_policy(config),
            1,
            descriptors,
            certificate,
            kernel=config.media.kernel == "auto",
        )
        self._recording = RecordingDriver(self._clock, descriptors)
        self._keeper = Keeper(recordings_directory(config, prepared.state))
        self._after_call = AfterCall(config.recording, self._keeper.layout, prepared.language)
        self._keeper.finished = self._after_call.finished
        self._recorder = CallRecorder(
            self._recording, self._keeper, self._ledger, config.recording.link_type, self._clock.now
        )
        self._signalling = Signalling(
            self._clock,
            self._ledger,
            limits_of(config, descriptors),
            lambda: prepared.presented.context,
            networks(config.websocket.trusted_proxies),
            self._site() if config.page.enabled else None,
            self._guard.sources if config.guard.enabled else None,
            config.websocket.ping_s,
            self._authority,
        )
        doors = media_doors(config)
        self._facing = Facing(doors, self._signalling, self._interfaces, lambda: self._edge.core.locality)
        tell = partial(tell_of_dns, prepared.language)
        self._records = Records(Servers(), self._clock.now, descriptors.lookups, tell)
        self._resolver = Resolver(self._records, self._signalling, self._signalling.pump, self._clock.now)
        self._edge: Edge = Edge(
            edge_settings(config, self._interfaces.addresses), self._world(), self._ledger, self._entropy
        )
        self._own_gateways = OwnGateways(prepared.state, prepared.language)
        self._watching = Watching(
            Rooms(
                prepared=prepared,
                clock=self._clock,
                edge=self._edge,
                guard=self._guard,
                guests=self._guests,
                signalling=self._signalling,
                media=self._media,
                records=self._records,
                store=self._store,
                recording=self._recording,
                keeper=self._keeper,
                after_call=self._after_call,
                cluster=cluster,
                shared_history=self._shared_history,
                observers=Observers(config, self._ledger, prepared.language),
            )
        )
        self._reload = Reload(
            prepared.read, config, prepared.language, loop, self._following(prepared), self._script, self._clock.now
        )
        self._giving_way = GivingWay(self._edge.core, cluster, lambda: self._interfaces.addresses, self._beat)
        self._control = ControlServer(
            self._ledger,
            prepared.state,
            self._phones,
            self._guard,
            self._clock.now,
            self._gateways,
            self._rehearse,
            self._reload.asked,
            self._record,
            None if cluster is None else cluster.row,
            self._order,
            lambda: RegistrationNews(self._told_bindings, self._guard),
            self._watching.status,
            self._upgrade,
        )
        self._guard_log = GuardLog(self._guard, prepared.language)
        self._own_bans = OwnBans(prepared.state)
        self._gateway_log = GatewayLog(self._edge.gateways, prepared.language)
        self._phone_log, self._overload_log = (
            PhoneLog(self._edge.core.registrar, prepared.language),
            OverloadLog(self._signalling.counters, prepared.language),
        )
        self._call_log = CallLog(self._ledger, prepared.language, self._guard_log.count_turned_away)
        self._chores: asyncio.Task[None] | None = None
        self._sweep_at = 0.0
        self._telling = None if cluster is None else Telling(cluster, self._clock.now, self._pump)
        self._heap = Heap()
        self._alive = Alive(prepared.state) if config.cluster.addresses else None

    def _following(self, prepared: Prepared) -> Following:
        return Following(
            edge=self._edge,
            guard=self._guard,
            users=self._users,
            guests=self._guests,
            media=self._media,
            facing=self._facing,
            signalling=self._signalling,
            interfaces=self._interfaces,
            descriptors=prepared.descriptors,
            gateways=self._own_gateways,
            trial=self._trial,
            presented=prepared.presented,
            watching=self._watching,
            state=self._prepared.state,
        )

    def _world(self) -> World:
        return World(
            accounts=Everybody(self._users, self._guests),
            bindings=self._bindings(),
            reach=self._signalling,
            resolve=self._resolver.resolve,
            open_media=self._media.open,
            close_media=self._media.end,
            resume_media=self._media.resume,
            media_addresses=self._facing.media_addresses,
            guard=self._guard,
            router=self._script.router,
            recorder=self._recorder,
            around=lambda: self._interfaces.around,
            nodes=ALONE if self._cluster is None else self._cluster.membership.nodes,
        )

    def _bindings(self) -> BindingStore:
        kept = self._store.bindings
        known = kept if self._cluster is None else self._cluster.membership.registrations.store_in(kept)
        self._told_bindings = ToldBindings(known, self._clock.now)
        return self._told_bindings

    def _authority(self, place: str) -> str:
        return self._edge.gateways.authority(place)

    def _pump(self) -> None:
        self._signalling.pump()

    def _phones(self, user: str, only_failing: bool) -> Iterator[PhoneRow | None]:
        now = self._clock.now()
        return rows_of(self._edge.core, self._signalling.rtt_s, now, user, only_failing=only_failing)

    async def _rehearse(self, wish: Wish) -> list[Moment]:
        return await rehearsed(self._edge, wish, self._trial, self._clock.now)

    def _record(self, call_id: str, verb: Verb) -> str:
        """What the operator wants of a running call; "" or why not."""
        core = self._edge.core
        call = next((call for call in core.calls.values() if call.call_id == call_id), None)
        return "no-media" if call is None else core.recordings.command(call, verb, "operator", self._clock.now())

    def _order(self, node: str, gives_way: bool) -> str:
        """What a node is told to do; "" or why it is not."""
        now = self._clock.now()
        return "alone" if self._cluster is None else self._cluster.order(node, gives_way, now)

    def _gateways(self) -> Iterator[GatewayRow]:
        return gateway_rows(self._edge.gateways, self._clock.now())

    @property
    def media_by_sockets(self) -> str:
        """Why media cannot pass in the kernel, though it may; empty where it does, or may not."""
        return self._media.by_sockets

    def _make_guests(self) -> Guests:
        def is_registered(user: str, now: float) -> bool:
            return bool(self._edge.core.registrar.bindings(user, now))

        def draw(first: int, last: int) -> int:
            return first + secrets.randbelow(last - first + 1)

        rules = guest_rules(self._config, self._interfaces.addresses)
        return Guests(rules, self._entropy.token_key, draw, self._users.exists, is_registered)

    def _site(self) -> Site:
        secure = next((door for door in self._config.doors if door.transport is Transport.WSS), None)
        about = About(self._domain, secure.listening_port if secure else 0)
        try:
            return Site(about, self._guests, self._story, self._clock.now)
        except FileNotFoundError as error:
            raise Trouble("page-missing", phrase(words.PAGE_NOT_BUILT, path=error.filename)) from error

    def _domain(self, flow: Flow) -> str:
        """What users of the page call their domain: the configured one, else what we are called at this listener."""
        if domains := self._reload.config.domains:
            return domains[0]
        named = self._edge.core.locality.named(flow).host
        host = self._facing.address(flow) if named == flow.local.host else named
        return f"[{host}]" if host and ":" in host else host or named

    def _story(self, call_id: str, host: str) -> Progress | None:
        trace = self._ledger.trace(call_id)
        return progress_of(trace, host) if trace is not None else None

    # --- life

    async def open(self) -> None:
        """Open every listener and begin to serve. Raises `Trouble`."""
        _tame_collector()
        now = self._clock.now()
        known = list(self._store.bindings.load(now))
        self._edge.core.registrar.load(known, now)
        if self._cluster is not None:
            self._cluster.edge = self._edge
            self._cluster.membership.registrations.attach(self._edge.core.registrar, now)
        for binding in known:
            self._guard.proved(binding.user, binding.flow, binding.expires_at, now)
        # Phones that are known stay; to look through a hundred thousand of them takes most of a second.
        gc.freeze()
        self._signalling.inherit(Inherited((*of_systemd(), *self._prepared.legacy.sockets)))
        for listener in self._config.doors:
            try:
                await self._signalling.open(endpoint_of(listener))
            except CannotListen as error:
                raise cannot_listen(listener, error.address, error.cause) from error
        self._media.start(self._media_told)
        self._recording.start()
        await take_up(self._recorder, self._language)
        self._after_call.start()
        self._edge.gateways.start(now)
        if self._cluster is not None:
            self._cluster.gateways.attach(self._edge.gateways, now)
            self._cluster.bans.attach(self._own_bans, self._own_bans.read(now))
        self._own_gateways.follow(self._edge.gateways, now)
        await self._signalling.start(self._edge)
        go_on(self._prepared.legacy, self._edge, now)
        self._address_watch.start()
        if self._cluster is not None and self._telling is not None:
            self._edge.keeping.begin(self._telling.hurry)
            self._cluster.orders.obey = self._giving_way.order
            self._cluster.calls.attach(self._edge.keeping, self._interfaces.addresses, now)
            self._cluster.addresses_are(self._interfaces.addresses, now)
            self._telling.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload.soon)
        await self._control.start()
        self._watching.open()
        self._beat()
        self._chores = asyncio.get_running_loop().create_task(do_chores(self._all_chores(), _CHORES_S))

    async def close(self) -> None:
        """End what still runs and close everything."""
        if self._chores is not None:
            self._chores.cancel()
        if self._chores is not None and self._legacy is None:
            self._edge.stop_calls(self._clock.now())
            left = asyncio.Event()
            self._edge.gateways.leave(left.set, self._clock.now())
            self._signalling.pump()
            await asyncio.sleep(_PARTING_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), _LEAVING_S)
        if self._cluster is not None:
            if self._telling is not None:
                self._telling.close()
            await self._cluster.membership.close()
        await self._control.stop()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        self._reload.close()
        self._script.close()
        self._address_watch.close()
        self._signalling.close()
        self._media.close()
        self._recording.close()
        self._keeper.close()
        self._recorder.close()
        self._after_call.close()
        self._ledger.close_all(self._clock.now())
        self._save_ended()
        self._watching.close()
        if self._shared_history is not None:
            self._store.writer.flush()
            self._shared_history.close()
        self._store.close()

    def reload(self) -> None:
        """Take up the configuration anew, soon."""
        self._reload.soon()

    @property
    def drain_timeout_s(self) -> float:
        """How long running calls get to end when it stops."""
        return self._reload.config.drain_timeout_s

    async def _upgrade(self, language: Language) -> Reloaded:
        """Give the place to the program as it is installed now, if that can begin."""
        alone = self._cluster is None
        told = await may_begin_anew(alone, partial(self._prepared.read, True), asyncio.get_running_loop())
        if told.is_taken:
            # Once who asked has heard of it.
            asyncio.get_running_loop().call_later(_HEARD_S, self.upgrade)
        return Reloaded(told.is_taken, tuple(one.say(language) for one in told.said))

    async def bequeath(self) -> Legacy:
        """Hear nothing more; what the process is left that takes the place of this one. Calls that cannot go along
        are ended."""
        if self._chores is not None:
            self._chores.cancel()
        self._store.bindings.keep_refreshed(whole=True)
        self._legacy = await bequeath(self._edge, self._signalling, self._media, self._entropy, self._clock.now)
        return self._legacy

    def refuse_calls(self) -> None:
        """From now on answer new calls with 503; registrations and running calls go on."""
        self._giving_way.order(True, self._clock.now())

    def running_calls(self) -> int:
        """Calls that have not ended."""
        return len(self._edge.core.calls)

    def _all_chores(self) -> tuple[Chore, ...]:
        state = StateWatch(self._prepared.state, self._language)
        return (
            self._refresh_users,
            self._look_at_interfaces,
            lambda: self._guests.sweep(self._clock.now()),
            self._look_at_the_door,
            lambda: self._reload.following.look(self._clock.now()),
            self._reload.following.presented.look,
            self._look_at_gateways,
            self._look_at_the_cluster,
            self._script.look,
            lambda: state.look(self._clock.now()),
            self._call_log.tell,
            self._keep_calls,
            self._store.bindings.keep_refreshed,
            self._sweep_history,
            self._look_at_history,
            lambda: self._heap.look(self._clock.now()),
            lambda: self._giving_way.look(self._clock.now()),
            self._beat,
        )

    def _beat(self) -> None:
        if self._alive is not None:
            refused = () if self._cluster is None else self._cluster.claims.refused
            self._alive.beat({*self._giving_way.unwanted, *refused})

    def _refresh_users(self) -> None:
        """A portion at a time: who adds thousands of users keeps no call waiting."""
        if self._users.refresh():
            asyncio.get_running_loop().call_later(_PORTIONS_S, self._refresh_users)
        for user in self._users.take_removed():
            self._edge.core.registrar.forget(user)

    def _look_at_interfaces(self) -> None:
        self._interfaces.look()
        self._facing.forget()
        if self._cluster is not None:
            self._cluster.addresses_are(self._interfaces.addresses, self._clock.now())
            self._signalling.pump()

    def _look_at_the_door(self) -> None:
        now = self._clock.now()
        self._own_bans.follow(self._guard, now)
        if self._cluster is not None:
            self._cluster.bans.tell(self._own_bans.known, now)
        self._guard.expire(now)
        self._guard_log.tell(now)
        self._phone_log.tell(now)
        self._signalling.forget()
        self._overload_log.tell(now)

    def _look_at_gateways(self) -> None:
        self._own_gateways.follow(self._edge.gateways, self._clock.now())
        self._gateway_log.tell()
        self._signalling.pump()

    def _look_at_the_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster.look(self._guard, self._clock.now())
            self._signalling.pump()

    def _keep_calls(self) -> None:
        """A portion at a time: however many run, no message waits for all of them."""
        now = self._clock.now()
        self._ledger.expire(now)
        self._store.history.keep(self._ledger.to_keep(_KEPT_AT_ONCE), now)
        self._save_ended()
        if self._ledger.is_keeping:
            asyncio.get_running_loop().call_later(_PORTIONS_S, self._keep_calls)

    def _sweep_history(self) -> None:
        now = self._clock.now()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_EVERY_S
            self._store.history.sweep(now)

    def _look_at_history(self) -> None:
        if self._shared_history is not None:
            self._shared_history.tell()

    def _save_ended(self) -> None:
        ended = self._ledger.drain()
        for trace in ended:
            self._store.history.save(trace)
        self._watching.ended(ended)

    # --- between the rooms

    def _media_told(self, call: RunningCall, now: float) -> None:
        self._edge.check_media(call, now)
        self._signalling.pump()


def _tame_collector() -> None:
    """Transactions live for half a minute and then go by counting; looking through all of them for cycles as often as
    a script does costs a tenth of a call."""
    gc.collect()
    gc.set_threshold(50_000, 20, 50)


def _entropy(state: Path, cluster: Joined | None, legacy: Legacy) -> Entropy:
    """What is drawn for this process, and what it has in common with the one before and with other nodes."""
    prefix = secrets.token_hex(4)
    if cluster is None:
        return Entropy(token_key(state), legacy.nonce_key or secrets.token_bytes(32), prefix)
    shared, membership = cluster.shared, cluster.membership
    node_key = membership.seal.derived(b"passes of nodes")
    return Entropy(shared.token_key, shared.nonce_key, prefix, node_key, membership.about.node)

"""The node: every room wired to its neighbours, started and stopped."""

import asyncio
import gc
import os
import secrets
import ssl
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from talkpath.app import words
from talkpath.app.accounts import Everybody
from talkpath.app.bans import OwnBans
from talkpath.app.chores import Chore, do_chores
from talkpath.app.config.checks import parse_address_and_port, parse_endpoint
from talkpath.app.config.listeners import ANY, INTERFACES, Listener
from talkpath.app.config.tree import Config
from talkpath.app.control import ControlServer
from talkpath.app.dns_log import tell_of_dns
from talkpath.app.guard_log import GuardLog
from talkpath.app.host import cannot_listen
from talkpath.app.log import CallLog
from talkpath.app.metrics import Metrics, MetricsPage
from talkpath.app.phone_rows import PhoneRow, rows_of
from talkpath.app.phrase import Trouble, phrase
from talkpath.app.start import Prepared
from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.ledger import Ledger
from talkpath.edge.binding import Binding
from talkpath.edge.call import RunningCall
from talkpath.edge.core import Entropy, World
from talkpath.edge.edge import Edge
from talkpath.edge.guard import Guard
from talkpath.edge.neighbours import Local
from talkpath.edge.settings import (
    Allowance,
    CallerProof,
    EdgeSettings,
    GuardSettings,
    KeepAliveSettings,
    RegistrarSettings,
    TollSettings,
)
from talkpath.media.policy import MediaPolicy
from talkpath.net.clock import Clock
from talkpath.net.dns import Resolver
from talkpath.net.facing import Facing, MediaDoor
from talkpath.net.interfaces import Interfaces
from talkpath.net.listening import CannotListen, Endpoint
from talkpath.net.media import MediaDriver
from talkpath.net.records import Records, Servers
from talkpath.net.signalling import Limits, Signalling
from talkpath.net.websocket import Networks
from talkpath.sip.transaction import TimerValues
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import Retention
from talkpath.web.guests import GuestRules, Guests
from talkpath.web.progress import Progress, progress_of
from talkpath.web.site import About, Site

_KEY_FILE = "flow-token.key"
_KEY_BYTES = 32
# How often changed accounts are looked for, ended calls written, and old ones swept.
_CHORES_S = 1.0
_SWEEP_EVERY_S = 600.0
# How long BYEs and the last responses may take to leave when the node stops.
_PARTING_S = 0.3


class Node:
    """One edge on one machine."""

    def __init__(self, prepared: Prepared) -> None:
        config = prepared.config
        self._config = config
        self._users = prepared.users
        self._state = prepared.state
        self._clock = Clock()
        self._ledger = Ledger()
        retention = Retention(config.history.keep_days, config.history.keep_calls)
        self._store: EmbeddedStore[Binding] = EmbeddedStore(prepared.database, Binding, retention)
        self._entropy = _entropy(prepared.state)
        self._interfaces = Interfaces()
        self._guests = self._make_guests()
        own, trusted = self._interfaces.addresses, _networks(config.authentication.trusted)
        self._guard = Guard(_guard_settings(config, own), trusted, secrets.token_bytes(16), self._clock.now())
        descriptors = self._descriptors = prepared.descriptors
        self._media = MediaDriver(self._clock, self._ledger, _media_policy(config), 1, descriptors)
        self._signalling = Signalling(
            self._clock,
            self._ledger,
            Limits(config.limits.connections, config.limits.connections_per_address, descriptors),
            _server_context(prepared),
            _networks(config.websocket.trusted_proxies),
            self._site() if config.page.enabled else None,
            self._guard.sources if config.guard.enabled else None,
        )
        doors = media_doors(config)
        self._facing = Facing(doors, self._signalling, self._interfaces, lambda: self._edge.core.locality)
        tell = partial(tell_of_dns, prepared.language)
        self._records = Records(Servers(), self._clock.now, descriptors.lookups, tell)
        self._resolver = Resolver(self._records, self._signalling, self._signalling.pump, self._clock.now)
        self._edge: Edge = Edge(
            _edge_settings(config, self._interfaces.addresses), self._world(), self._ledger, self._entropy
        )
        self._control = ControlServer(self._ledger, prepared.state, self._phones, self._guard, self._clock.now)
        self._guard_log = GuardLog(self._guard, prepared.language)
        self._own_bans = OwnBans(prepared.state)
        self._call_log = CallLog(self._ledger, prepared.language, self._guard_log.count_turned_away)
        self._metrics: MetricsPage | None = None
        self._chores: asyncio.Task[None] | None = None
        self._sweep_at = 0.0

    def _world(self) -> World:
        return World(
            accounts=Everybody(self._users, self._guests),
            bindings=self._store.bindings,
            reach=self._signalling,
            resolve=self._resolver.resolve,
            open_media=self._media.open,
            close_media=self._media.end,
            media_addresses=self._facing.media_addresses,
            guard=self._guard,
            around=lambda: self._interfaces.around,
        )

    def _phones(self) -> Iterator[PhoneRow]:
        return rows_of(self._edge.core, self._signalling.rtt_s, self._clock.now())

    def _make_guests(self) -> Guests:
        page = self._config.page
        rules = GuestRules(
            guest_networks(page.guests_from, self._interfaces.addresses),
            page.guests if page.enabled else 0,
            page.guest_lifetime_s,
            self._config.authentication.realm,
        )

        def is_registered(user: str, now: float) -> bool:
            return bool(self._edge.core.registrar.bindings(user, now))

        def draw(first: int, last: int) -> int:
            return first + secrets.randbelow(last - first + 1)

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
        if self._config.domains:
            return self._config.domains[0]
        named = self._edge.core.locality.named(flow).host
        host = self._facing.address(flow) if named == flow.local.host else named
        return f"[{host}]" if host and ":" in host else host or named

    def _story(self, call_id: str, host: str) -> Progress | None:
        trace = self._ledger.trace(call_id)
        return progress_of(trace, host) if trace is not None else None

    # --- life

    async def open(self) -> None:
        """Open every listener and begin to serve. Raises `Trouble`."""
        now = self._clock.now()
        known = list(self._store.bindings.load(now))
        self._edge.core.registrar.load(known, now)
        for binding in known:
            self._guard.proved(binding.user, binding.flow, binding.expires_at, now)
        for listener in self._config.doors:
            endpoint = Endpoint(listener.transport, _host(listener), listener.listening_port)
            try:
                await self._signalling.open(endpoint)
            except CannotListen as error:
                raise cannot_listen(listener, error.address, error.cause) from error
        self._media.start(self._media_told)
        await self._signalling.start(self._edge)
        await self._control.start()
        self._open_metrics()
        self._chores = asyncio.get_running_loop().create_task(do_chores(self._all_chores(), _CHORES_S))
        _tame_collector()

    async def close(self) -> None:
        """End what still runs and close everything."""
        if self._chores is not None:
            self._chores.cancel()
            self._edge.stop_calls(self._clock.now())
            self._signalling.pump()
            await asyncio.sleep(_PARTING_S)
        await self._control.stop()
        if self._metrics is not None:
            self._metrics.close()
        self._signalling.close()
        self._media.close()
        self._ledger.close_all(self._clock.now())
        self._save_ended()
        self._store.close()

    def _open_metrics(self) -> None:
        listen = parse_address_and_port(self._config.metrics.listen)
        if listen is None:
            return
        counters = {
            "edge": lambda: self._edge.core.counters,
            "net": lambda: self._signalling.counters,
            "store": self._store.counters,
            "dns": lambda: self._records.counters,
            "keepalive": self._edge.core.keep_alive.counted,
            "guard": self._guard.counts,
        }
        registrations, keep_alive = self._edge.core.registrar, self._edge.core.keep_alive
        metrics = Metrics(
            counters,
            {
                "running_calls": self.running_calls,
                "registrations": lambda: len(registrations),
                "flows_kept_open": lambda: len(keep_alive),
                "phones_gone": lambda: len(keep_alive.gone),
                "guests": lambda: len(self._guests),
                "sources": lambda: len(self._guard.sources),
                "bans": lambda: len(self._guard.bans(self._clock.now())),
            },
        )
        try:
            self._metrics = MetricsPage(listen, metrics, self._descriptors.opened)
        except OSError as error:
            page = Listener(transport=Transport.TCP, address=listen.host, port=listen.port)
            raise cannot_listen(page, listen, error) from error

    def refuse_calls(self) -> None:
        """From now on answer new calls with 503; registrations and running calls go on."""
        self._edge.core.is_draining = True

    def running_calls(self) -> int:
        """Calls that have not ended."""
        return len(self._edge.core.calls)

    def _all_chores(self) -> tuple[Chore, ...]:
        return (
            self._refresh_users,
            self._look_at_interfaces,
            lambda: self._guests.sweep(self._clock.now()),
            self._look_at_the_door,
            self._call_log.tell,
            self._keep_calls,
            self._store.bindings.keep_refreshed,
            self._sweep_history,
        )

    def _refresh_users(self) -> None:
        self._users.refresh()
        for user in self._users.take_removed():
            self._edge.core.registrar.forget(user)

    def _look_at_interfaces(self) -> None:
        self._interfaces.look()
        self._facing.forget()

    def _look_at_the_door(self) -> None:
        now = self._clock.now()
        self._own_bans.follow(self._guard, now)
        self._guard.expire(now)
        self._guard_log.tell(now)

    def _keep_calls(self) -> None:
        now = self._clock.now()
        self._ledger.expire(now)
        self._store.history.keep(self._ledger.to_keep(), now)
        self._save_ended()

    def _sweep_history(self) -> None:
        now = self._clock.now()
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP_EVERY_S
            self._store.history.sweep(now)

    def _save_ended(self) -> None:
        for trace in self._ledger.drain():
            self._store.history.save(trace)

    # --- between the rooms

    def _media_told(self, call: RunningCall, now: float) -> None:
        self._edge.check_media(call, now)
        self._signalling.pump()


def _tame_collector() -> None:
    """Transactions live for half a minute and then go by counting; looking through all of them for cycles as often as
    a script does costs a tenth of a call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _networks(texts: Sequence[str]) -> Networks:
    return tuple(ip_network(text, strict=False) for text in texts)


def guest_networks(texts: Sequence[str], own: Sequence[str]) -> Networks:
    """Whose visitors may be guests. Loopback stands for this host: a browser on it that opens the page at any address
    of ours comes from that address, and is as much at home."""
    networks = _networks(texts)
    is_home = any(network.is_loopback for network in networks)
    return (*networks, *_networks(own)) if is_home else networks


def _host(listener: Listener) -> str:
    return "" if listener.address == ANY else listener.address


def _media_policy(config: Config) -> MediaPolicy:
    media = config.media
    return MediaPolicy(
        media.first_port, media.last_port, media.timeout_s, media.hold_timeout_s, tuple(media.transcoding)
    )


def _edge_settings(config: Config, own: Sequence[str]) -> EdgeSettings:
    registrar, timers = config.registrar, config.transactions
    return EdgeSettings(
        realm=config.authentication.realm,
        domains=frozenset(domain.lower() for domain in config.domains),
        own_hosts=frozenset(own) | {"localhost"},
        listening=frozenset((door.transport, door.listening_port) for door in config.doors),
        advertised=_advertised(config),
        local=_local(config.local_networks),
        local_of={
            (door.transport, door.address, door.listening_port): _local(door.local_networks)
            for door in config.doors
            if door.local_networks is not None
        },
        web_proxies=_networks(config.websocket.trusted_proxies),
        trusted=_networks(config.authentication.trusted),
        caller_proof=CallerProof(config.authentication.callers),
        nonce_lifetime_s=config.authentication.nonce_lifetime_s,
        registrar=RegistrarSettings(
            registrar.min_expires_s, registrar.max_expires_s, registrar.default_expires_s, registrar.max_contacts
        ),
        keep_alive=KeepAliveSettings(config.keepalive.interval_s, config.keepalive.missed_answers),
        diet=config.size.diet,
        timers=TimerValues(timers.t1_s, timers.t2_s, timers.t4_s),
        ring_timeout_s=timers.ring_timeout_s,
        group_ring_s=timers.preferred_ring_s,
        max_calls=config.limits.calls,
        idle_call_s=config.limits.idle_call_s,
    )


def _guard_settings(config: Config, own: Iterable[str]) -> GuardSettings:
    guard = config.guard
    return GuardSettings(
        is_on=guard.enabled,
        invites_per_s=guard.invites_per_s,
        options_per_s=guard.options_per_s,
        registers_per_s=guard.registers_per_s,
        others_per_s=guard.others_per_s,
        wrong_passwords_per_min=guard.wrong_passwords_per_min,
        strangers_per_s=guard.strangers_per_s,
        ban_s=guard.ban_s,
        ban_most_s=guard.ban_most_s,
        own_hosts=frozenset(own),
        toll=_toll_settings(config),
    )


def _toll_settings(config: Config) -> TollSettings:
    toll = config.toll
    return TollSettings(
        is_on=toll.enabled,
        everywhere=Allowance(toll.calls_at_once, toll.calls_per_h, toll.minutes_per_h, toll.requests_per_h),
        abroad=Allowance(
            toll.abroad_calls_at_once, toll.abroad_calls_per_h, toll.abroad_minutes_per_h, toll.abroad_requests_per_h
        ),
        home=toll.home,
        prefixes=toll.abroad_prefixes,
        times={one.user: one.times for one in toll.accounts},
    )


def _local(texts: Sequence[str]) -> Local:
    return Local(_networks([text for text in texts if text != INTERFACES]), INTERFACES in texts)


def media_doors(config: Config) -> list[MediaDoor]:
    """The configured addresses for media."""
    return [
        MediaDoor(
            one.address,
            one.advertised,
            _networks(one.networks),
            None if one.local_networks is None else _local(one.local_networks),
        )
        for one in config.media.addresses
    ]


def _advertised(config: Config) -> dict[tuple[Transport, str, int], Address]:
    """What each listener calls itself, where that is not its address."""
    named: dict[tuple[Transport, str, int], Address] = {}
    for door in config.doors:
        endpoint = parse_endpoint(door.advertised) if door.advertised else None
        if endpoint is not None:
            host, port = endpoint
            named[(door.transport, door.address, door.listening_port)] = Address(host, port or door.listening_port)
    return named


def _server_context(prepared: Prepared) -> ssl.SSLContext | None:
    if prepared.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(prepared.certificate.certificate, prepared.certificate.key)
    return context


def _entropy(state: Path) -> Entropy:
    """The key that seals routes lives as long as the state directory, so that calls survive a restart."""
    path = state / _KEY_FILE
    # A file that was cut short (a full disk, a lost power) would make a key that can be guessed.
    if not path.exists() or path.stat().st_size < _KEY_BYTES:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
    return Entropy(path.read_bytes(), secrets.token_bytes(32), secrets.token_hex(4))

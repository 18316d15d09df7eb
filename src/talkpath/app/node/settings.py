"""What the configuration says, as each room is told it."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.listeners import INTERFACES
from talkpath.app.config.tree import Config
from talkpath.app.gateways.settings import gateway_settings, group_settings, routing_settings
from talkpath.app.recordings.announcement import announcement_of, beep_of, told_of
from talkpath.base.address import Address, Transport
from talkpath.edge.places.neighbours import Local, Networks
from talkpath.edge.settings import (
    Allowance,
    CallerProof,
    EdgeSettings,
    GuardSettings,
    KeepAliveSettings,
    RecordingSettings,
    RegistrarSettings,
    TollSettings,
    Which,
)
from talkpath.media.policy import MediaPolicy
from talkpath.net.facing import MediaDoor
from talkpath.routing.router import RouterSettings
from talkpath.sip.transaction import TimerValues
from talkpath.web.guests import GuestRules


def networks(texts: Sequence[str]) -> Networks:
    """Networks as they are written; an address is a network of one."""
    return tuple(ip_network(text, strict=False) for text in texts)


def guest_networks(texts: Sequence[str], own: Sequence[str]) -> Networks:
    """Whose visitors may be guests. Loopback stands for this host: a browser on it that opens the page at any address
    of ours comes from that address, and is as much at home."""
    told = networks(texts)
    is_home = any(network.is_loopback for network in told)
    return (*told, *networks(own)) if is_home else told


def guest_rules(config: Config, own: Sequence[str]) -> GuestRules:
    """Who may be a guest of the page."""
    page = config.page
    return GuestRules(
        guest_networks(page.guests_from, own),
        page.guests if page.enabled else 0,
        page.guest_lifetime_s,
        config.authentication.realm,
    )


def router_settings(config: Config) -> RouterSettings:
    """How a script is asked."""
    return RouterSettings(config.routing.deadline_s, config.routing.region)


def media_policy(config: Config) -> MediaPolicy:
    """The operator's wishes for media."""
    media = config.media
    return MediaPolicy(
        media.first_port, media.last_port, media.timeout_s, media.hold_timeout_s, tuple(media.transcoding)
    )


def edge_settings(config: Config, own: Sequence[str]) -> EdgeSettings:
    """The policy of the edge; `own` are the addresses of this host."""
    registrar, timers = config.registrar, config.transactions
    return EdgeSettings(
        realm=config.authentication.realm,
        domains=frozenset(domain.lower() for domain in config.domains),
        own_hosts=frozenset((*own, *config.cluster.addresses, "localhost")),
        listening=frozenset((door.transport, door.listening_port) for door in config.doors),
        advertised=_advertised(config),
        local=_local(config.local_networks),
        local_of={
            (door.transport, door.address, door.listening_port): _local(door.local_networks)
            for door in config.doors
            if door.local_networks is not None
        },
        web_proxies=networks(config.websocket.trusted_proxies),
        trusted=networks(config.authentication.trusted),
        caller_proof=CallerProof(config.authentication.callers),
        nonce_lifetime_s=config.authentication.nonce_lifetime_s,
        registrar=RegistrarSettings(
            registrar.min_expires_s, registrar.max_expires_s, registrar.default_expires_s, registrar.max_contacts
        ),
        keep_alive=KeepAliveSettings(config.keepalive.interval_s, config.keepalive.missed_answers),
        diet=config.size.diet,
        gateways=tuple(map(gateway_settings, config.gateways)),
        gateway_groups=tuple(map(group_settings, config.gateway_groups)),
        routing=routing_settings(config),
        recording=RecordingSettings(
            Which(config.recording.calls),
            frozenset(one.user for one in config.accounts if one.record),
            config.recording.by_phones,
            frozenset(one.user for one in config.accounts if one.may_record),
            announcement_of(config.recording.announcement),
            {one.user: clip for one in config.accounts if (clip := announcement_of(one.announcement)) is not None},
            beep_of(config.recording),
            config.recording.beep_every_s,
            told_of(config.recording),
        ),
        timers=TimerValues(timers.t1_s, timers.t2_s, timers.t4_s),
        ring_timeout_s=timers.ring_timeout_s,
        group_ring_s=timers.preferred_ring_s,
        max_calls=config.limits.calls,
        idle_call_s=config.limits.idle_call_s,
    )


def guard_settings(config: Config, own: Iterable[str]) -> GuardSettings:
    """Who is heard; `own` are the addresses of this host."""
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
        refusal=0 if guard.answer == "silence" else int(guard.answer),
        web_proxies=networks(config.websocket.trusted_proxies),
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
    return Local(networks([text for text in texts if text != INTERFACES]), INTERFACES in texts)


def media_doors(config: Config) -> list[MediaDoor]:
    """The configured addresses for media."""
    return [
        MediaDoor(
            one.address,
            one.advertised,
            networks(one.networks),
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

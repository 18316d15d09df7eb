"""Gateways as the edge wants them, from the configuration."""

from collections.abc import Iterator
from ipaddress import ip_network

from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.gateways import Gateway, GatewayGroup
from talkpath.app.config.tree import Config
from talkpath.app.recordings.announcement import announcement_of
from talkpath.base.address import Transport
from talkpath.base.redact import Secret
from talkpath.edge.gateways.settings import (
    BreakerSettings,
    Choosing,
    GatewaySettings,
    GroupSettings,
    Numbers,
    ProbeSettings,
)
from talkpath.edge.settings import RoutingSettings


def gateway_settings(one: Gateway) -> GatewaySettings:
    """One gateway; its values were checked. Raises as `announcement_of` where its announcement is gone since."""
    host, port = parse_endpoint(one.address) or (one.address, None)
    return GatewaySettings(
        name=one.name,
        group=one.group,
        address=host.lower(),
        port=port,
        transport=None if one.transport is None else Transport(one.transport),
        ca=one.ca,
        priority=one.priority,
        weight=one.weight,
        username=one.username or "",
        password=one.password or Secret(""),
        realm=one.realm,
        domain=one.domain.lower(),
        registers=one.register,
        register_s=one.register_s,
        numbers=Numbers(one.numbers),
        codecs=one.codecs,
        channels=one.channels,
        calls_per_s=one.calls_per_s,
        calls_in=one.calls_in,
        records=one.record,
        announcement=announcement_of(one.announcement),
        networks=tuple(ip_network(text) for text in one.networks),
        probe=ProbeSettings(
            one.probe_s, one.probe_timeout_s, one.probe_failures, one.probe_successes, frozenset(one.probe_dead)
        ),
        breaker=BreakerSettings(one.broken_after, one.broken_s),
    )


def group_settings(one: GatewayGroup) -> GroupSettings:
    """One group."""
    return GroupSettings(one.name, Choosing(one.choose), one.no_answer_ms / 1000)


def routing_settings(config: Config) -> RoutingSettings:
    """Between users and gateways."""
    inbound = {one: user for number, user in config.routing.inbound.items() for one in _forms(number)}
    return RoutingSettings(config.routing.outbound, inbound)


def _forms(number: str) -> Iterator[str]:
    """The ways in which carriers write a number that bears its country code."""
    yield number
    if number.startswith("+"):
        yield number[1:]
        yield f"00{number[1:]}"

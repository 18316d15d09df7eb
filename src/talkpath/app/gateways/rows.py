"""The gateways of a running edge, as rows that travel to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from talkpath.edge.gateways.gateway import Gateway
    from talkpath.edge.gateways.table import Gateways


class GatewayRow(msgspec.Struct, frozen=True):
    """One gateway. Times in seconds since the epoch, 0 for never; None where there is nothing to say.

    `state`: `new` (not heard of yet), `up`, `down`, `broken` (its last calls failed), `trial`, `paused`, `disabled`,
    for watchers `removed`; `why` and `last_failure` are reasons in a word. `asr` and `ner` are shares of the
    calls of the last five minutes: answered, and not lost at the gateway. `attempts`, `answers` and `failures` count
    since the start. `registration`: "" where there shall be none, else `trying`, `registered` or `refused`.
    """

    name: str
    group: str
    priority: int
    weight: int
    address: str
    reached_at: tuple[str, ...]
    state: str
    since: float
    why: str
    latency_s: float | None
    channels: int
    most_channels: int
    calls: int
    asr: float | None
    ner: float | None
    attempts: int
    answers: int
    failures: int
    last_failure: str
    last_failure_at: float
    registration: str
    registration_why: str
    registered_until: float
    #: calls that other nodes run over it, which `channels` counts too; the node that found its state, "" for this one
    elsewhere: int = 0
    heard_from: str = ""


def gateway_rows(gateways: Gateways, now: float) -> Iterator[GatewayRow]:
    """All of them, in the order in which they were added."""
    return (_row(gateway, now) for gateway in list(gateways.all()))


def _row(gateway: Gateway, now: float) -> GatewayRow:
    settings, lately = gateway.settings, gateway.outcomes(now)
    port = "" if settings.port is None else f":{settings.port}"
    host = f"[{settings.address}]" if ":" in settings.address and port else settings.address
    return GatewayRow(
        name=settings.name,
        group=settings.group,
        priority=settings.priority,
        weight=settings.weight,
        address=host + port,
        reached_at=tuple(f"{target.transport} {target.remote}" for target in gateway.targets),
        state=str(gateway.state),
        since=gateway.since,
        why=gateway.why,
        latency_s=gateway.latency_s,
        channels=gateway.channels,
        most_channels=settings.channels,
        calls=lately.calls,
        asr=lately.asr,
        ner=lately.ner,
        attempts=gateway.attempts,
        answers=gateway.answers,
        failures=gateway.failures,
        last_failure=gateway.last_failure,
        last_failure_at=gateway.last_failure_at,
        registration=gateway.registration,
        registration_why=gateway.registration_why,
        registered_until=gateway.registered_until,
        elsewhere=gateway.elsewhere,
        heard_from=gateway.heard_from,
    )

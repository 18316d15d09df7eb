"""The registered phones of a running edge, as rows that travel to whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from talkpath.base.address import Flow
    from talkpath.edge.binding import Binding
    from talkpath.edge.core import Core


class PhoneRow(msgspec.Struct, frozen=True):
    """One registration. Times in seconds since the epoch, 0 for never; `rtt_s` 0 where it was not measured.

    `health`: of datagrams `new`, `answers`, `silent` (never answered OPTIONS, and may be well), `gone`, or `unasked`
    (no NAT shows); of connections `open` or `closed`. Of a phone whose flow another node holds, `node`, `elsewhere`,
    or `lost` where that node is gone.
    """

    user: str
    contact: str
    transport: str
    address: str
    is_behind_nat: bool
    health: str
    rtt_s: float
    answered_at: float
    registered_at: float
    expires_at: float
    user_agent: str
    node: str = ""


def rows_of(core: Core, rtt_s: Callable[[Flow], float], now: float) -> Iterator[PhoneRow]:
    """The live registrations of an edge, by user. `rtt_s` tells of an open connection what its kernel measured."""
    for binding in sorted(core.registrar.live(now), key=lambda one: (one.user, -one.registered_at)):
        health, measured, answered_at = _state(core, binding, rtt_s)
        yield PhoneRow(
            binding.user,
            binding.contact,
            str(binding.flow.transport),
            str(binding.flow.remote),
            binding.behind_nat,
            health,
            measured,
            answered_at,
            binding.registered_at,
            binding.expires_at,
            binding.user_agent,
            binding.node,
        )


def _state(core: Core, binding: Binding, rtt_s: Callable[[Flow], float]) -> tuple[str, float, float]:
    flow = binding.flow
    if binding.node:
        return ("elsewhere" if core.is_reachable(binding) else "lost"), 0.0, 0.0
    if flow.transport.is_reliable:
        is_open = core.world.reach.is_open(flow)
        return ("open", rtt_s(flow), 0.0) if is_open else ("closed", 0.0, 0.0)
    known = core.keep_alive.state(flow)
    return (known.health, known.rtt_s, known.answered_at) if known is not None else ("unasked", 0.0, 0.0)

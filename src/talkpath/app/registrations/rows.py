"""The registered phones of a running edge, and who tries in vain, as rows that travel to whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from typing import TYPE_CHECKING

import msgspec

from talkpath.base.address import Address

if TYPE_CHECKING:
    from talkpath.base.address import Flow
    from talkpath.calls.guarded import Refused
    from talkpath.edge.core import Core
    from talkpath.edge.registrar.binding import Binding

# Users put in order at once: sorting a hundred thousand takes so long that a call would notice.
_SORTED_AT_ONCE = 1_000


class PhoneRow(msgspec.Struct, frozen=True):
    """One registration. Times in seconds since the epoch, 0 for never; `rtt_s` 0 where it was not measured.

    `health`: of datagrams `new`, `answers`, `silent` (never answered OPTIONS, and may be well), `gone`, or `unasked`
    (no NAT shows); of connections `open` or `closed`. Of a phone whose flow another node holds, `node`, `elsewhere`,
    or `lost` where that node is gone. `refused` is a user who is not let in from there, and has no contact.

    `failed_at`, `failure` (`Refused.why`) and `failures` are of the last time that this user was refused at that
    place; of a phone that is registered, also elsewhere, `failed_from` says where.
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
    failed_at: float = 0.0
    failure: str = ""
    failures: int = 0
    failed_from: str = ""


def rows_of(
    core: Core, rtt_s: Callable[[Flow], float], now: float, user: str = "", *, only_failing: bool = False
) -> Iterator[PhoneRow | None]:
    """The live registrations of an edge, by user, and then who is not let in, the least recent first; all, or those
    of one user. `rtt_s` tells of an open connection what its kernel measured. None now and then is a pause, for
    whoever has other things to do.
    """
    refused = [one for one in core.guard.refused() if one.method == "REGISTER" and user in ("", one.user)]
    last = {one.user: one for one in refused}
    if not only_failing:
        for name in [user] if user else _in_order(core.registrar.users()):
            if name is None:
                yield None
                continue
            for binding in core.registrar.bindings(name, now):
                yield _registered(core, binding, rtt_s, last.get(name))
    yield from (_failing(one) for one in refused if not one.mended)


def _in_order(names: list[str]) -> Iterator[str | None]:
    """The names sorted, with pauses in between."""
    runs = []
    for at in range(0, len(names), _SORTED_AT_ONCE):
        runs.append(sorted(names[at : at + _SORTED_AT_ONCE]))
        yield None
    yield from merge(*runs)


def _registered(core: Core, binding: Binding, rtt_s: Callable[[Flow], float], failed: Refused | None) -> PhoneRow:
    health, measured, answered_at = _state(core, binding, rtt_s)
    flow = binding.flow
    return PhoneRow(
        binding.user,
        binding.contact,
        flow.transport.value,
        str(flow.remote),
        binding.behind_nat,
        health,
        measured,
        answered_at,
        binding.registered_at,
        binding.expires_at,
        binding.user_agent,
        binding.node,
        *(() if failed is None else (failed.last, failed.why, failed.times, failed.source)),
    )


def _failing(one: Refused) -> PhoneRow:
    address = str(Address(one.source, one.port))
    return PhoneRow(
        one.user,
        "",
        one.transport,
        address,
        False,
        "refused",
        0.0,
        0.0,
        0.0,
        0.0,
        one.agent,
        "",
        one.last,
        one.why,
        one.times,
        one.source,
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

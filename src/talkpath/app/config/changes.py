"""What is different between two configurations, and which of that a running edge takes up.

What is not named here needs a restart: that is said of a new key until somebody has taught the edge to follow it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from talkpath.app.config.listeners import Listener
from talkpath.app.config.tree import Config

#: The keys that a running edge follows, by their sections; "" is the top of the tree.
FOLLOWED: dict[str, frozenset[str]] = {
    "": frozenset(
        (
            "domains",
            "advertised",
            "local_networks",
            "drain_timeout_s",
            "listeners",
            "accounts",
            "gateways",
            "gateway_groups",
            "hep",
        )
    ),
    "routing": frozenset(("script", "deadline_s", "region", "outbound", "inbound")),
    "registrar": frozenset(("min_expires_s", "max_expires_s", "default_expires_s", "max_contacts")),
    "keepalive": frozenset(("interval_s", "missed_answers")),
    "size": frozenset(("diet",)),
    "authentication": frozenset(("trusted", "callers", "nonce_lifetime_s")),
    "media": frozenset(("addresses", "first_port", "last_port", "timeout_s", "hold_timeout_s", "transcoding")),
    "recording": frozenset(("calls", "by_phones", "announcement", "announcement_to", "beep_every_s")),
    "tls": frozenset(("certificate", "key", "others")),
    "websocket": frozenset(("trusted_proxies", "ping_s")),
    "page": frozenset(("guests", "guests_from", "guest_lifetime_s")),
    "transactions": frozenset(("t1_s", "t2_s", "t4_s", "ring_timeout_s", "preferred_ring_s")),
    "limits": frozenset(("calls", "idle_call_s", "connections", "connections_per_address")),
    "guard": frozenset(
        (
            "answer",
            "invites_per_s",
            "options_per_s",
            "registers_per_s",
            "others_per_s",
            "wrong_passwords_per_min",
            "strangers_per_s",
            "ban_s",
            "ban_most_s",
        )
    ),
    "toll": frozenset(
        (
            "enabled",
            "calls_at_once",
            "calls_per_h",
            "minutes_per_h",
            "requests_per_h",
            "home",
            "abroad_prefixes",
            "abroad_calls_at_once",
            "abroad_calls_per_h",
            "abroad_minutes_per_h",
            "abroad_requests_per_h",
            "accounts",
        )
    ),
    "metrics": frozenset(("listen",)),
    "tracing": frozenset(("endpoint",)),
    "log": frozenset(("level", "format")),
}


class Change(NamedTuple):
    """A key whose value is another one. Of a list of tables the names of those that came, went, or are another."""

    key: str
    before: object
    after: object
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        return bool(self.added or self.removed or self.altered)


class Plan(NamedTuple):
    """What becomes of a running edge: the configuration that it can have without a restart, what that changes, and
    the keys that wait for a restart."""

    config: Config
    followed: tuple[Change, ...]
    waiting: tuple[str, ...]


def plan_of(running: Config, wanted: Config) -> Plan:
    """How to come from one configuration to the other."""
    config, followed, waiting = wanted, list[Change](), list[str]()
    for name in Config.__struct_fields__:
        before, after = getattr(running, name), getattr(wanted, name)
        if before == after:
            continue
        if name == "listeners":
            # None at all stands for some.
            before, after = running.doors, wanted.doors
        if isinstance(after, msgspec.Struct):
            stays = {}
            for key in _different(before, after):
                old, new = getattr(before, key), getattr(after, key)
                if key in FOLLOWED.get(name, ()) and _can_follow(f"{name}.{key}", old, new):
                    followed.append(_change(f"{name}.{key}", old, new))
                else:
                    stays[key] = old
                    waiting.append(f"{name}.{key}")
            config = msgspec.structs.replace(config, **{name: msgspec.structs.replace(after, **stays)})
        elif name in FOLLOWED[""] and _can_follow(name, before, after):
            followed.append(_change(name, before, after))
        else:
            config = msgspec.structs.replace(config, **{name: before})
            waiting.append(name)
    return Plan(config, tuple(followed), tuple(waiting))


def _different(before: msgspec.Struct, after: msgspec.Struct) -> Iterator[str]:
    return (key for key in after.__struct_fields__ if getattr(before, key) != getattr(after, key))


def _can_follow(key: str, before: Any, after: Any) -> bool:
    """A script can give way to another, and neither to none nor come where there was none."""
    return key != "routing.script" or (bool(before) and bool(after))


def _change(key: str, before: Any, after: Any) -> Change:
    if not (isinstance(after, tuple) and any(isinstance(one, msgspec.Struct) for one in (*before, *after))):
        return Change(key, before, after)
    old, new = ({_name(one): one for one in some} for some in (before, after))
    return Change(
        key,
        before,
        after,
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        altered=tuple(name for name in new if name in old and old[name] != new[name]),
    )


def _name(one: msgspec.Struct) -> str:
    """What an operator calls one table of a list."""
    if isinstance(one, Listener):
        return f"{one.transport} {one.address}:{one.listening_port}"
    return str(next(getattr(one, key) for key in ("name", "user", "address", "certificate") if hasattr(one, key)))

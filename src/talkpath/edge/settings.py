"""What the edge is told once: where it listens, whom it serves, and the timers of its policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from talkpath.base.address import Address, Transport
from talkpath.edge.gateways.settings import GatewaySettings, GroupSettings
from talkpath.edge.places.neighbours import Local, Networks
from talkpath.media.engine import Clip
from talkpath.sip.transaction import TimerValues


class CallerProof(StrEnum):
    """Which callers must prove who they are.

    `ACCOUNTS`: whoever names a user in a domain of ours in From; strangers may call registered users and services,
    and nothing else. Whether a user exists that is not registered, they are not told.
    """

    ACCOUNTS = "accounts"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """Times in seconds (RFC 3261 section 10.3)."""

    min_expires_s: int = 60
    max_expires_s: int = 7200
    default_expires_s: int = 3600
    max_contacts: int = 10


@dataclass(frozen=True, slots=True)
class KeepAliveSettings:
    """How flows through NATs are kept open: the wished silence in seconds, 0 to keep none open; answers that a phone
    must miss to count as gone."""

    interval_s: float = 6.0
    missed: int = 4


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls at once; calls, minutes of talk, and requests that begin no call within an hour."""

    at_once: int
    calls_per_h: int
    minutes_per_h: int
    requests_per_h: int = 3_000


@dataclass(frozen=True, slots=True)
class TollSettings:
    """What an account may call elsewhere. A number is abroad when it begins with + or one of `prefixes`, and what
    follows with none of `home` ("+86"); without any of these, none is. `times` is how much more some accounts may.
    """

    is_on: bool = True
    everywhere: Allowance = field(default_factory=lambda: Allowance(100, 3_000, 6_000))
    abroad: Allowance = field(default_factory=lambda: Allowance(10, 60, 300, 300))
    home: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ("00",)
    times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What one source may send before somebody there has proven who he is; ten seconds' worth at once.

    `own_hosts` and `web_proxies` are never banned as a whole: web servers in front of us speak from there. `refusal`
    is the status that who is not heard is answered with, 0 for silence.
    """

    is_on: bool = True
    invites_per_s: float = 5.0
    options_per_s: float = 5.0
    registers_per_s: float = 50.0
    others_per_s: float = 10.0
    wrong_passwords_per_min: float = 6.0
    strangers_per_s: float = 2_000.0
    ban_s: float = 60.0
    ban_most_s: float = 86_400.0
    refusal: int = 0
    own_hosts: frozenset[str] = frozenset()
    web_proxies: Networks = ()
    toll: TollSettings = field(default_factory=TollSettings)


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """Where calls go without a script: numbers that are no users here to the gateways of the group `outbound`, for
    the accounts that may (`Accounts.may_dial_out`); numbers that gateways bring to the users that `inbound` names."""

    outbound: str = ""
    inbound: Mapping[str, str] = field(default_factory=dict)


class Which(StrEnum):
    """Calls that are recorded whoever takes part: none, all, those that a gateway brings, those that leave here."""

    NONE = "none"
    ALL = "all"
    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """`users` are those all of whose calls are recorded. Gateways say it for themselves (`GatewaySettings`). By the
    record keys of their phones may record `key_users`, or all accounts (`by_phones`). Of a recorded call
    `told` ("caller", "callee") hear the `announcement` once and the `beep` every so often; calls of a user
    (`of_users`), or through a gateway (`GatewaySettings`), may have an announcement of their own."""

    calls: Which = Which.NONE
    users: frozenset[str] = frozenset()
    by_phones: bool = False
    key_users: frozenset[str] = frozenset()
    announcement: Clip | None = None
    of_users: Mapping[str, Clip] = field(default_factory=dict)
    beep: Clip | None = None
    beep_every_s: float = 0.0
    told: tuple[str, ...] = ("caller", "callee")


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """The policy of one edge.

    `advertised` maps a listener, by transport, address and port, to what others must use to reach it, unless they are
    `local` (or `local_of` this listener); `web_proxies` are web servers before us. Empty `domains`
    mean that any host in a Request-URI that resolves to nobody else is ours.
    """

    realm: str = "talkpath"
    domains: frozenset[str] = frozenset()
    own_hosts: frozenset[str] = frozenset()
    listening: frozenset[tuple[Transport, int]] = frozenset()
    advertised: Mapping[tuple[Transport, str, int], Address] = field(default_factory=dict)
    local: Local = field(default_factory=Local)
    local_of: Mapping[tuple[Transport, str, int], Local] = field(default_factory=dict)
    web_proxies: Networks = ()
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    caller_proof: CallerProof = CallerProof.ACCOUNTS
    nonce_lifetime_s: float = 300
    registrar: RegistrarSettings = field(default_factory=RegistrarSettings)
    keep_alive: KeepAliveSettings = field(default_factory=KeepAliveSettings)
    #: What a description that is too large for a datagram can do without, in the order in which it goes.
    diet: tuple[str, ...] = ()
    gateways: tuple[GatewaySettings, ...] = ()
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    gateway_groups: tuple[GroupSettings, ...] = ()
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    timers: TimerValues = field(default_factory=TimerValues)
    ring_timeout_s: float = 181.0
    #: How long phones with a higher q ring alone.
    group_ring_s: float = 20.0
    max_calls: int = 10_000
    idle_call_s: float = 43_200.0
    server: str = "talkpath"

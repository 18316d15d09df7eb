"""What the edge is told of gateways and of the groups that they stand in."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from talkpath.base.address import Transport
from talkpath.base.redact import Secret
from talkpath.media.engine import Clip


class Choosing(StrEnum):
    """How a call chooses among the gateways of one priority.

    `WEIGHT`: each takes the share that its weight gives it. `ROUND_ROBIN`: one after another. `LEAST_CHANNELS`: the
    one with the fewest calls for its weight. `CALLER`: the same caller meets the same gateway while that is there.
    `SUCCESS`: the one that lately carried the largest share of its calls.
    """

    WEIGHT = "weight"
    ROUND_ROBIN = "round-robin"
    LEAST_CHANNELS = "least-channels"
    CALLER = "caller"
    SUCCESS = "success"


class Numbers(StrEnum):
    """How a gateway wants numbers: as they are dialled, or of another country's form as +49..., 49... or 0049..."""

    AS_DIALLED = "as-dialled"
    PLUS = "plus"
    DIGITS = "digits"
    ZEROS = "zeros"


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """OPTIONS now and then: every so many seconds (0: none), how long an answer may take, how many in a row must fail
    or succeed, and the statuses that say that what stands behind is not there."""

    interval_s: float = 15.0
    timeout_s: float = 4.0
    failures: int = 2
    successes: int = 2
    dead_statuses: frozenset[int] = frozenset((408, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """Calls that must fail in a row until no more are sent, and for how many seconds at first."""

    failures: int = 3
    open_s: float = 5.0


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway. 0 `channels` and `calls_per_s` mean no limit; a lower `priority` is tried first.

    `realm` "" answers challenges of any; `domain` "" is the address. `networks` are sources besides the addresses to
    which its name leads. `ca` is a file with those who may sign its certificate, "" for whom the system trusts. The
    sides of its recorded calls hear its `announcement`, None for that of all.
    """

    name: str
    group: str
    address: str
    port: int | None = None
    transport: Transport | None = None
    ca: str = ""
    priority: int = 1
    weight: int = 1
    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    realm: str = ""
    domain: str = ""
    registers: bool = False
    register_s: int = 600
    numbers: Numbers = Numbers.AS_DIALLED
    codecs: tuple[str, ...] = ()
    channels: int = 0
    calls_per_s: float = 0.0
    calls_in: bool = True
    records: bool = False
    announcement: Clip | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """One group: how its gateways are chosen, and how long one of them may give no word before the next is tried."""

    name: str
    choosing: Choosing = Choosing.WEIGHT
    no_answer_s: float = 1.5

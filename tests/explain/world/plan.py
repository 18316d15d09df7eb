"""What may go on in a world: calls in which nothing is wrong (`healthy.py`), and one thing that is wrong with a host
or a link (`faulty.py`).

A plan changes a world before it runs and says what an engineer who was told of the fault would call it: any of its
codes is right on that call, and nothing else is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .network import Network
from .phones import Dialog, Habits, Phone
from .proxies import Manners, Proxy

CALLER, CALLEE = "10.1.0.11", "10.2.0.12"


@dataclass
class World:
    """A caller, a callee and what is between them; `calls` are the Call-IDs of the call that the plan is about."""

    net: Network
    caller: Habits = field(default_factory=Habits)
    callee: Habits = field(default_factory=Habits)
    manners: Manners = field(default_factory=Manners)
    caller_public: str = ""
    callee_public: str = ""
    talk_s: float = 12.0
    gives_up_s: float = 0.0
    callee_hangs_up_s: float = 0.0
    before: list[Callable[["World"], None]] = field(default_factory=list)
    #: what is done in the call, and how many seconds after the INVITE
    during: list[tuple[float, Callable[["World", Dialog], None]]] = field(default_factory=list)
    #: set when the world is built
    phones: tuple[Phone, Phone] | None = None
    proxy: Proxy | None = None
    number: str = "1002"


Change = Callable[[World], None]


@dataclass(frozen=True)
class Plan:
    """`codes` are empty where nothing is wrong. `everywhere`: the other calls of the world have it too. `beyond` is
    whose packets suffer on their way: beside that phone a capture does not show it."""

    name: str
    codes: frozenset[str]
    change: Change
    everywhere: bool = False
    beyond: str = ""


PLANS: list[Plan] = []


def plan(*codes: str, everywhere: bool = False, beyond: str = "") -> Callable[[Change], Change]:
    def register(change: Change) -> Change:
        PLANS.append(Plan(change.__name__, frozenset(codes), change, everywhere, beyond))
        return change

    return register


def is_media(data: bytes) -> bool:
    return bool(data) and data[0] >> 6 == 2


def is_sip(data: bytes, start: bytes) -> bool:
    return not is_media(data) and data.startswith(start)

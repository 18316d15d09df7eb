"""Where a request is to go: groups of targets, tried one group after another.

Whoever chooses (the registrar, the configuration, a script) gives a `Plan` and says nothing of how it is carried out.
`trying.py` carries it out on a fork, and asks for no group before it needs it.
"""

from collections.abc import Iterable

from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.routing.heading import Heading
from talkpath.media.service import Service

#: Final answers that say "not here" rather than "no": somebody else may do better.
FAILOVER = frozenset((408, 430, 480, 500, 501, 502, 503, 504, 580))


class ToPhone:
    """A registered phone, by its flows in their order: it is rung on one at a time (RFC 5626 section 5.3)."""

    __slots__ = ("flows",)

    def __init__(self, flows: list[Binding]) -> None:
        self.flows = flows


class ToUser:
    """Whatever phones a user has when it is rung, those with a higher q before the others."""

    __slots__ = ("user",)

    def __init__(self, user: str) -> None:
        self.user = user


class ToPlace:
    """Where a URI leads: the topmost route of `heading`, or its Request-URI (RFC 3263)."""

    __slots__ = ("heading",)

    def __init__(self, heading: Heading) -> None:
        self.heading = heading


class ToGateways:
    """The gateways of a group, one after another as the group chooses them, or all `at_once`; `number` is dialled
    there, "" for the one that the caller dialled."""

    __slots__ = ("at_once", "group", "number")

    def __init__(self, group: str, number: str = "", *, at_once: bool = False) -> None:
        self.group = group
        self.number = number
        self.at_once = at_once


class ToService:
    """A service of our own, which answers at once."""

    __slots__ = ("service",)

    def __init__(self, service: Service) -> None:
        self.service = service


Way = ToPhone | ToUser | ToPlace | ToGateways | ToService


class Group:
    """Targets that are rung at once, and when somebody else is tried.

    `wait_s`: after so many seconds without a final answer, None for as long as a call may ring. `no_word_s`: a target
    that gives no answer at all, not even 100, is given up after so many seconds; None for as long as its transaction
    lasts. `leads_on`: the final answers after which the next group is tried, None for all but 6xx. `follows`: a
    redirection (3xx) is followed, so many times, instead of being an answer.
    """

    __slots__ = ("follows", "leads_on", "no_word_s", "wait_s", "ways")

    def __init__(
        self,
        ways: Iterable[Way],
        wait_s: float | None = None,
        no_word_s: float | None = None,
        leads_on: frozenset[int] | None = None,
        follows: int = 0,
    ) -> None:
        self.ways = list(ways)
        self.wait_s = wait_s
        self.no_word_s = no_word_s
        self.leads_on = leads_on
        self.follows = follows


class Plan:
    """Groups in their order; those of a long list are made when they are needed. `changes` hold for all of them.

    `leaves_house` says that it names others than users and services here; `for_strangers`, that even those may go
    there who have not said who they are.
    """

    __slots__ = ("_groups", "changes", "for_strangers", "leaves_house")

    def __init__(
        self,
        groups: Iterable[Group],
        changes: Changes | None = None,
        *,
        leaves_house: bool = False,
        for_strangers: bool = False,
    ) -> None:
        self._groups = iter(groups)
        self.changes = changes
        self.leaves_house = leaves_house
        self.for_strangers = for_strangers

    def next(self) -> Group | None:
        """The group to try now; None when all were."""
        return next(self._groups, None)

"""The gateways that one call tries, each found when it is needed: few calls need a second."""

from itertools import islice
from typing import NamedTuple

from talkpath.base import limits
from talkpath.edge.gateways.gateway import Gateway, State
from talkpath.edge.gateways.group import Group, Tier
from talkpath.edge.gateways.settings import Choosing

# Gateways of a tier that are not there of which a call is told; of others it hears how many there are.
_TOLD = 8
# Gateways that are down or broken and are tried all the same where nobody else is left. Each costs the caller a
# second or two; a group that only seems to be gone costs every call.
_LAST_RESORTS = 2


class Picked(NamedTuple):
    """A gateway to try, and why this one: a reason word."""

    gateway: Gateway
    why: str


class PassedOver(NamedTuple):
    """A gateway that is not tried, and why: a reason word. "" `name` stands for `others` more that are missing."""

    name: str
    why: str
    others: int = 0


class Choice:
    """What `Gateways.choose` gives. Ask `next` until it gives None; `take_passed_over` tells what it left out."""

    __slots__ = (
        "_asked",
        "_at",
        "_caller",
        "_given",
        "_is_dry",
        "_last",
        "_left",
        "_passed",
        "_tiers",
        "_tried",
        "_turn",
        "group",
    )

    def __init__(self, group: Group, caller: str, is_dry: bool) -> None:
        self.group = group.settings
        self._tiers = group.tiers()
        self._caller = caller
        self._is_dry = is_dry
        self._at = -1
        self._given = 0
        self._turn = 0
        self._tried: set[int] = set()
        #: names of those that this call was given
        self._asked: list[str] = []
        #: who was missing when its turn came, and when that was over
        self._left: list[Gateway] = []
        self._last: list[Gateway] | None = None
        self._passed: list[PassedOver] = []

    def next(self) -> Picked | None:
        """The next gateway to try, None where none is left."""
        if self._given >= limits.GATEWAY_TRIES:
            return None
        while self._at < len(self._tiers):
            gateway = self._of_tier(self._tiers[self._at]) if self._at >= 0 else None
            if gateway is not None:
                self._given += 1
                self._asked.append(gateway.settings.name)
                return Picked(gateway, self._reason(self._tiers[self._at]))
            if self._at >= 0:
                self._left += islice(self._tiers[self._at].missing, _TOLD)
            self._enter(self._at + 1)
        return self._last_resort()

    def take_passed_over(self) -> list[PassedOver]:
        """Who was passed over since this was last asked."""
        passed, self._passed = self._passed, []
        return passed

    def _enter(self, at: int) -> None:
        self._at = at
        self._tried = set()
        if at >= len(self._tiers):
            return
        tier = self._tiers[at]
        self._turn = tier.turn
        if not self._is_dry and tier.choosing is Choosing.WEIGHT:
            tier.turn += 1
        for number, gateway in enumerate(tier.missing):
            if number == _TOLD:
                self._passed.append(PassedOver("", "missing", len(tier.missing) - _TOLD))
                break
            self._passed.append(PassedOver(gateway.settings.name, gateway.barred))
            self._left.append(gateway)

    def _of_tier(self, tier: Tier) -> Gateway | None:
        is_first_here = not self._tried
        place = tier.next(self._caller, self._turn, self._tried)
        if place is None:
            return None
        self._tried.add(place)
        if tier.choosing is Choosing.ROUND_ROBIN:
            # The next call begins behind this one, and so does the next try of this call.
            self._turn = place + 1
            if is_first_here and not self._is_dry:
                tier.turn = place + 1
        return tier.members[place]

    def _reason(self, tier: Tier) -> str:
        if self._given > 1:
            return "next-gateway"
        return "by-priority" if len(tier.members) == 1 else f"by-{tier.choosing}"

    def _last_resort(self) -> Picked | None:
        """Nobody is left that should work: one that may. Who broke by this very call may not."""
        if self._last is None:
            missing = [gateway for tier in self._tiers for gateway in islice(tier.missing, _TOLD)]
            others = dict.fromkeys((*self._left, *missing))
            usable = [one for one in others if _may_work(one) and one.settings.name not in self._asked]
            # Who came back meanwhile is there, who is on trial may be; who left last may not have been gone at all.
            usable.sort(key=lambda one: (not one.barred, one.state is State.TRIAL, one.since))
            self._last = usable[-_LAST_RESORTS:]
        return Picked(self._last.pop(), "last-resort") if self._last else None


def _may_work(gateway: Gateway) -> bool:
    """Whether it is there, or only thought to be gone: a call on trial there keeps others away, but not those that
    have nobody else. A pause that it asked for, its limits and the operator's word hold."""
    barred = gateway.barred
    return not barred or barred == "on-trial" or gateway.state in (State.DOWN, State.BROKEN)

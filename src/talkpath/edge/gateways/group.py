"""The gateways of one group: which of them a call tries first, and which then.

Gateways of one priority are a `Tier`. Whether a gateway may get a call, and how many it carries, is kept in trees, so
that the next one is found among a thousand as fast as among ten, and whoever is gone or full costs nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b

from talkpath.base import limits
from talkpath.edge.gateways.gateway import Gateway
from talkpath.edge.gateways.settings import Choosing, GroupSettings
from talkpath.edge.gateways.trees import Tournament, Weights

# 2^64 over the golden ratio: its multiples fall evenly into any number of shares, without a draw of chance.
_GOLDEN = 0x9E3779B97F4A7C15
_WHOLE = 1 << 64
# Drawings that meet a gateway which was tried already, before the next in the list is taken.
_DRAWS = 8
# Points of a gateway of average weight on the circle of callers: enough for shares that differ by a tenth.
_POINTS = 64
# Shares of calls carried are compared in steps of a twentieth; a gateway with few calls counts as a good one.
_STEPS = 20
_GOOD_CALLS = 10


class Tier:
    """The gateways of one priority in a group."""

    def __init__(self, priority: int, members: list[Gateway], choosing: Choosing) -> None:
        self.priority = priority
        self.members = members
        self.choosing = choosing
        #: Those that get no call now, in the order in which they left.
        self.missing: dict[Gateway, None] = {}
        self._weights = Weights(len(members))
        self._keys = Tournament(len(members))
        self._circle: list[tuple[int, int]] = []
        if choosing is Choosing.CALLER:
            self._circle = _circle(members)
        #: Where the last call began: a number of drawings, or a place.
        self.turn = 0
        for place, gateway in enumerate(members):
            gateway.place, gateway.changed = place, self.changed
            self.changed(gateway, 0.0)

    def changed(self, gateway: Gateway, now: float) -> None:
        """A gateway may get calls or may not, or has another number of them."""
        is_there = not gateway.barred
        if is_there:
            self.missing.pop(gateway, None)
        elif gateway not in self.missing:
            self.missing[gateway] = None
        weight = 1 if self.choosing is Choosing.ROUND_ROBIN else gateway.settings.weight
        self._weights.put(gateway.place, weight if is_there else 0)
        if self.choosing is Choosing.LEAST_CHANNELS:
            share = gateway.channels / gateway.settings.weight
            self._keys.put(gateway.place, (share, gateway.last_used) if is_there else None)
        elif self.choosing is Choosing.SUCCESS:
            self._keys.put(gateway.place, (-_success(gateway, now), gateway.last_used) if is_there else None)

    def next(self, caller: str, turn: int, tried: set[int]) -> int | None:
        """The place of the gateway that is next for a call that tried some; None where there is none."""
        total = self._weights.total
        if not total:
            return None
        if self.choosing in (Choosing.LEAST_CHANNELS, Choosing.SUCCESS):
            return self._keys.lowest(tried)
        if self.choosing is Choosing.CALLER:
            return self._clockwise(caller, tried)
        if self.choosing is Choosing.WEIGHT:
            for again in range(_DRAWS):
                place = self._weights.find((turn + again * again * _DRAWS) * _GOLDEN % _WHOLE * total // _WHOLE)
                if place not in tried:
                    return place
            return self._untried(place, tried)
        return self._untried(turn % len(self.members) - 1, tried)

    def _untried(self, place: int, tried: set[int]) -> int | None:
        """The first behind a place that was not tried."""
        for _ in range(len(tried) + 1):
            place = self._weights.following(place)
            if place not in tried:
                return place
        return None

    def _clockwise(self, caller: str, tried: set[int]) -> int | None:
        """Where the circle meets the caller, and on from there."""
        circle = self._circle
        at = bisect_right(circle, (_point(caller), 0))
        for step in range(len(circle)):
            place = circle[(at + step) % len(circle)][1]
            if place not in tried and self.members[place] not in self.missing:
                return place
        return None


class Group:
    """One group; its tiers are made when they are needed after gateways came or went."""

    def __init__(self, settings: GroupSettings) -> None:
        self.settings = settings
        self._members: dict[str, Gateway] = {}
        self._tiers: list[Tier] | None = None

    def __len__(self) -> int:
        return len(self._members)

    def adopt(self, settings: GroupSettings) -> None:
        """Choose by these settings from now on."""
        self.settings = settings
        self._tiers = None

    def members(self) -> Iterable[Gateway]:
        return self._members.values()

    def add(self, gateway: Gateway) -> None:
        self._members[gateway.settings.name] = gateway
        self._tiers = None

    def remove(self, gateway: Gateway) -> None:
        self._members.pop(gateway.settings.name, None)
        self._tiers = None

    def tiers(self) -> list[Tier]:
        """By priority, the first to try first."""
        if self._tiers is None:
            by_priority: dict[int, list[Gateway]] = {}
            for gateway in self._members.values():
                by_priority.setdefault(gateway.settings.priority, []).append(gateway)
            choosing = self.settings.choosing
            self._tiers = [Tier(one, by_priority[one], choosing) for one in sorted(by_priority)]
        return self._tiers

    def move(self, now: float) -> None:
        """Calls of long ago count no more."""
        for tier in self.tiers():
            for gateway in tier.members:
                if gateway.window.total.calls:
                    gateway.window.move(now)
                    tier.changed(gateway, now)


def _success(gateway: Gateway, now: float) -> float:
    """The share of its calls that it did not lose, in steps; that of few calls is taken for better than it looks."""
    if now:
        gateway.window.move(now)
    total = gateway.window.total
    return round((total.calls - total.failed + _GOOD_CALLS) / (total.calls + _GOOD_CALLS) * _STEPS)


def _circle(members: list[Gateway]) -> list[tuple[int, int]]:
    """Points of all gateways on a circle, by weight: where one leaves, only its own callers go elsewhere."""
    mean = sum(gateway.settings.weight for gateway in members) / len(members)
    points = min(_POINTS, max(1, limits.GATEWAY_POINTS // len(members)))
    found = []
    for place, gateway in enumerate(members):
        for number in range(max(1, round(points * gateway.settings.weight / mean))):
            found.append((_point(f"{gateway.settings.name} {number}"), place))
    return sorted(found)


def _point(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")

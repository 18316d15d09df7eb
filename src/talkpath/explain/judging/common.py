"""What the calls with one kind of fault share, and the others do not.

For each fault class on its own, every attribute (then every pair of attributes of one phone) splits the calls in two;
the split that tells the bad calls best is kept if chance cannot explain it (Fisher's exact test, corrected for the
number of splits tried). Its calls are set aside and the search starts again, so a second cause is not hidden by the
first. Calls are bits of integers here: a fleet of thousands is counted in milliseconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp, lgamma, log
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

# A shared attribute is reported only below this corrected probability of chance.
SIGNIFICANCE = 0.01
# ... when at least this many bad calls share it: with fewer there is a call to look at, not a pattern.
LEAST_BAD = 4
# ... and when they are at least this many times as frequent as elsewhere.
LEAST_LIFT = 2.0
# How much better (in log-likelihood) a longer description must tell the bad calls than a shorter one.
LONGER_MUST_GAIN = 6.0
# Single attributes that are combined into pairs; more would only find subsets of those.
PAIRED = 60
# Attributes that only a call with audio has: they tell answered calls from others, and nothing about these.
_OF_AUDIO = frozenset({"codec"})
# Causes named for one fault class. A longer list is no explanation.
MOST_CAUSES = 6


class Subject(Struct, frozen=True):
    """One call as the statistics see it: who took part, and which faults it had.

    `had_audio` says whether it came so far that a fault of the audio could show.
    """

    id: str
    caller: Mapping[str, str]
    callee: Mapping[str, str]
    faults: frozenset[str]
    had_audio: bool = True


class Shared(Struct, frozen=True):
    """What the calls with fault `code` have in common.

    `side` is "caller", "callee" or "" (either). `bad` of the `group` calls with these attributes have the fault,
    `bad_elsewhere` of the `total_elsewhere` others. `p` is corrected; `lift` is the ratio of both rates (the rate
    elsewhere taken as half a call where there is none). `same_as` lists other attributes of exactly these calls,
    `also` other codes that these calls share in the same way; `exceptions` are the ids of the group's calls without
    the fault.
    """

    code: str
    attributes: Mapping[str, str]
    side: str
    bad: int
    group: int
    bad_elsewhere: int
    total_elsewhere: int
    p: float
    lift: float
    same_as: tuple[Mapping[str, str], ...]
    also: tuple[str, ...]
    exceptions: tuple[str, ...]

    @property
    def excess(self) -> float:
        """How many bad calls there are beyond what the rate elsewhere would give: the effect it is ranked by."""
        elsewhere = self.bad_elsewhere / self.total_elsewhere if self.total_elsewhere else 0.0
        return self.bad - self.group * elsewhere


def shared(
    subjects: Sequence[Subject], preferred: Sequence[str] = (), audible: Sequence[str] = (), order: Sequence[str] = ()
) -> list[Shared]:
    """The causes behind the faults of a fleet, those that explain most bad calls first.

    `preferred` names attributes in the order in which they make the better description (a site before a subnet).
    `audible` are the codes that only a call with audio can have: they are compared among those calls alone. `order`
    says which of two codes stands for both where one group has both.
    """
    codes = sorted({code for subject in subjects for code in subject.faults})
    if not codes:
        return []
    fleet = _Fleet(subjects, preferred)
    found = [cause for code in codes for cause in fleet.causes(code, len(codes), code in audible)]
    rank = {code: number for number, code in enumerate(order)}
    found.sort(key=lambda cause: (-cause.excess, rank.get(cause.code, len(rank)), cause.p))
    return _merged(found)


def _merged(found: Sequence[Shared]) -> list[Shared]:
    """One entry for one group: what else it shares is told with it."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Shared]] = {}
    for cause in found:
        groups.setdefault((cause.side, tuple(cause.attributes.items())), []).append(cause)
    return [replace(first, also=tuple(other.code for other in others)) for first, *others in groups.values()]


def fisher(bad: int, group: int, bad_elsewhere: int, total_elsewhere: int) -> float:
    """Fisher's exact test, one-sided: the probability of at least `bad` in the group if it made no difference."""
    all_bad = bad + bad_elsewhere
    whole = group + total_elsewhere
    denominator = _log_choose(whole, all_bad)
    terms = (
        exp(_log_choose(group, x) + _log_choose(total_elsewhere, all_bad - x) - denominator)
        for x in range(bad, min(group, all_bad) + 1)
        if all_bad - x <= total_elsewhere
    )
    return min(1.0, sum(terms))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


class _Item(NamedTuple):
    """One attribute of one side; side "" is either."""

    side: str
    key: str
    value: str


class _Split(NamedTuple):
    """A description and the calls it fits, with how well it tells the bad ones."""

    gain: float
    items: tuple[_Item, ...]
    calls: int


class _Fleet:
    def __init__(self, subjects: Sequence[Subject], preferred: Sequence[str]) -> None:
        self._subjects = subjects
        self._order = {key: rank for rank, key in enumerate(preferred)}
        self._everyone = (1 << len(subjects)) - 1
        self._audible = sum(1 << index for index, subject in enumerate(subjects) if subject.had_audio)
        self._hidden: frozenset[str] = frozenset()
        self._calls = dict(_calls_of_items(subjects))

    def causes(self, code: str, codes: int, audible: bool) -> Iterator[Shared]:
        """The causes of one fault class, by repeated search."""
        bad = sum(1 << index for index, subject in enumerate(self._subjects) if code in subject.faults)
        left = self._audible if audible else self._everyone
        self._hidden = frozenset() if audible else _OF_AUDIO
        for _ in range(MOST_CAUSES):
            if (bad & left).bit_count() < LEAST_BAD:
                return
            cause, calls = self._best(code, bad & left, left, codes)
            if cause is None:
                return
            yield cause
            left &= ~calls

    def _best(self, code: str, bad: int, left: int, codes: int) -> tuple[Shared | None, int]:
        items = ((item, calls) for item, calls in self._calls.items() if item.key not in self._hidden)
        singles = [split for item, calls in items if (split := _split((item,), calls & left, bad, left))]
        pairs = list(self._pairs(singles, bad, left))
        tested = (len(singles) + len(pairs)) * codes
        best = self._shortest(singles, pairs)
        if best is None:
            return None, 0
        cause = self._shared(code, best, splits=[*singles, *pairs], bad=bad, left=left, tested=tested)
        return (cause, best.calls) if cause.p < SIGNIFICANCE and cause.lift >= LEAST_LIFT else (None, 0)

    def _pairs(self, singles: Sequence[_Split], bad: int, left: int) -> Iterator[_Split]:
        """Two attributes of the same phone, of those that many bad calls have."""
        widest = sorted(singles, key=lambda split: -(split.calls & bad).bit_count())[:PAIRED]
        for index, one in enumerate(widest):
            for two in widest[:index]:
                (first,), (second,) = one.items, two.items
                if first.side != second.side or first.key == second.key:
                    continue
                calls = self._of_both(first, second) & left
                if calls in (one.calls, two.calls):
                    continue
                if split := _split((first, second), calls, bad, left):
                    yield split

    def _of_both(self, first: _Item, second: _Item) -> int:
        """The calls in which one and the same phone has both attributes."""
        if first.side:
            return self._calls[first] & self._calls[second]
        sides = ("caller", "callee")
        both = (
            self._calls.get(first._replace(side=s), 0) & self._calls.get(second._replace(side=s), 0) for s in sides
        )
        return next(both) | next(both)

    def _shortest(self, singles: Sequence[_Split], pairs: Sequence[_Split]) -> _Split | None:
        """The best description; a longer or narrower one only if it tells the bad calls clearly better."""
        either = [split for split in singles if not split.items[0].side]
        one_side = [split for split in singles if split.items[0].side]
        best: _Split | None = None
        for candidates in (either, one_side, pairs):
            rival = min(candidates, key=self._rank, default=None)
            if rival and (best is None or rival.gain > best.gain + LONGER_MUST_GAIN):
                best = rival
        return best

    def _rank(self, split: _Split) -> tuple[float, list[tuple[int, str]]]:
        last = len(self._order)
        return -round(split.gain, 6), [(self._order.get(item.key, last), item.value) for item in split.items]

    def _shared(
        self, code: str, best: _Split, *, splits: Iterable[_Split], bad: int, left: int, tested: int
    ) -> Shared:
        inside, group = (best.calls & bad).bit_count(), best.calls.bit_count()
        outside, others = (bad & ~best.calls).bit_count(), (left & ~best.calls).bit_count()
        rate = max(outside, 0.5) / max(others, 1)
        same = {split.items for split in splits if split.calls == best.calls and len(split.items) == len(best.items)}
        same_as = {frozenset((item.key, item.value) for item in items) for items in same - {best.items}}
        named = {item.key: item.value for item in best.items}
        return Shared(
            code,
            named,
            best.items[0].side,
            inside,
            group,
            outside,
            others,
            min(1.0, fisher(inside, group, outside, others) * max(tested, 1)),
            round(inside / group / rate, 2),
            tuple(dict(sorted(items)) for items in sorted(same_as, key=sorted) if dict(items) != named),
            (),
            tuple(subject.id for i, subject in enumerate(self._subjects) if (best.calls & ~bad) >> i & 1),
        )


def _calls_of_items(subjects: Sequence[Subject]) -> Iterator[tuple[_Item, int]]:
    """The calls with each attribute that enough of them have; most of a fleet's addresses and users occur once."""
    found: dict[tuple[str, str], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for index, subject in enumerate(subjects):
        for attribute in subject.caller.items():
            found[attribute][0].append(index)
        for attribute in subject.callee.items():
            found[attribute][1].append(index)
    for (key, value), (calling, called) in found.items():
        if len(calling) + len(called) < LEAST_BAD:
            continue
        sides = [(calling, "caller"), (called, "callee")]
        for indices, side in sorted((side for side in sides if side[0]), key=lambda side: side[0][0]):
            yield _Item(side, key, value), _bits(indices)
        yield _Item("", key, value), _bits(calling) | _bits(called)


def _bits(indices: Sequence[int]) -> int:
    """The integer with these bits set. `indices` rise."""
    packed = bytearray(indices[-1] // 8 + 1 if indices else 0)
    for index in indices:
        packed[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(packed, "little")


def _split(items: tuple[_Item, ...], calls: int, bad: int, left: int) -> _Split | None:
    """The split by `calls`, or None where it cannot be a cause: too few bad calls, or no more than elsewhere."""
    inside, group = (calls & bad).bit_count(), calls.bit_count()
    if inside < LEAST_BAD:
        return None
    outside, others = (bad & ~calls).bit_count(), (left & ~calls).bit_count()
    if not others or inside * others <= outside * group:
        return None
    whole = _likelihood(inside + outside, group + others)
    return _Split(_likelihood(inside, group) + _likelihood(outside, others) - whole, items, calls)


def _likelihood(bad: int, total: int) -> float:
    """Log-likelihood of `bad` of `total` at their own rate."""
    good = total - bad
    return (bad * log(bad / total) if bad else 0.0) + (good * log(good / total) if good else 0.0)

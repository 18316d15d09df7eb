"""Choosing one of many at a cost that hardly grows with their number: two trees over the places of a list."""

from talkpath.base.errors import Misuse

#: What a place is compared by: the smallest wins.
Key = tuple[float, float, int]

_NEVER: Key = (float("inf"), float("inf"), 0)


class Weights:
    """A weight for each of `size` places. All verbs cost the logarithm of their number (a Fenwick tree)."""

    __slots__ = ("_sums", "_top", "_weights", "total")

    def __init__(self, size: int) -> None:
        self._weights = [0] * size
        self._sums = [0] * (size + 1)
        self._top = 1
        while 2 * self._top <= size:
            self._top *= 2
        #: The sum of all weights.
        self.total = 0

    def __len__(self) -> int:
        return len(self._weights)

    def put(self, place: int, weight: int) -> None:
        """Give a place its weight; 0 takes it out of every choice."""
        change = weight - self._weights[place]
        if change == 0:
            return
        self._weights[place] = weight
        self.total += change
        at = place + 1
        while at < len(self._sums):
            self._sums[at] += change
            at += at & -at

    def before(self, place: int) -> int:
        """The sum of the weights before a place."""
        total = 0
        while place > 0:
            total += self._sums[place]
            place -= place & -place
        return total

    def find(self, position: int) -> int:
        """The place at which the sum of the weights first exceeds `position`. Raises Misuse where none does."""
        if not 0 <= position < self.total:
            raise Misuse("no-place", f"{position} is not below {self.total}")
        at, step = 0, self._top
        while step:
            if at + step < len(self._sums) and self._sums[at + step] <= position:
                at += step
                position -= self._sums[at]
            step //= 2
        return at

    def following(self, place: int) -> int:
        """The next place with a weight behind this one, round the end; this one again where there is no other."""
        behind = self.before(place + 1)
        return self.find(behind if behind < self.total else 0)


class Tournament:
    """A key for each of `size` places; the place with the smallest is known at once."""

    __slots__ = ("_keys", "_leaves")

    def __init__(self, size: int) -> None:
        self._leaves = 1
        while self._leaves < size:
            self._leaves *= 2
        self._keys: list[Key] = [_NEVER] * (2 * self._leaves)

    def put(self, place: int, key: tuple[float, float] | None) -> None:
        """Give a place its key; None takes it out of every choice."""
        at = self._leaves + place
        self._keys[at] = _NEVER if key is None else (key[0], key[1], place)
        while at > 1:
            at //= 2
            left, right = self._keys[2 * at], self._keys[2 * at + 1]
            self._keys[at] = left if left <= right else right

    def lowest(self, without: set[int]) -> int | None:
        """The place with the smallest key that is not in `without`; None where there is none."""
        best, place = _NEVER, None
        waiting = [1]
        while waiting:
            at = waiting.pop()
            key = self._keys[at]
            if key >= best:
                continue
            if key[2] not in without:
                best, place = key, key[2]
            elif at < self._leaves:
                waiting += (2 * at, 2 * at + 1)
        return place

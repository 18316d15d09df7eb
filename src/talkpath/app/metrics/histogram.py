"""Histograms whose buckets name the call that fell into them last (OpenMetrics exemplars)."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from prometheus_client.core import Exemplar, HistogramMetricFamily


class Histogram:
    """Counts values by the least of `bounds` that is not below them. Told by one thread, read by another."""

    __slots__ = ("_bounds", "_counts", "_examples", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._examples: list[Exemplar | None] = [None] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, call: str = "", at: float = 0.0) -> None:
        """One more value; `call` is the id of the call that it is of, and `at` when."""
        slot = bisect_left(self._bounds, value)
        self._counts[slot] += 1
        self._sum += value
        if call:
            self._examples[slot] = Exemplar({"call": call}, value, at)

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Write it into a family."""
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        total = 0
        names = [*map(repr, map(float, self._bounds)), "+Inf"]
        for name, count, example in zip(names, list(self._counts), list(self._examples), strict=True):
            total += count
            buckets.append((name, total) if example is None else (name, total, example))
        family.add_metric(labels, buckets, self._sum)


def family_of(name: str, help_text: str, label: str, histograms: Mapping[str, Histogram]) -> HistogramMetricFamily:
    """A family of histograms, by the value of one label; without a label where that is ""."""
    family = HistogramMetricFamily(name, help_text, labels=[label] if label else [])
    for value, histogram in histograms.items():
        histogram.add_to(family, [value] if label else [])
    return family

"""Findings on the calls of this node, counted by code while it runs.

To explain a call takes about a millisecond, and calls come first: what does not fit into a few milliseconds a second
is counted as not looked at. Those that did not end by a BYE are looked at before others.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, Exemplar, Metric

from talkpath.calls.ids import id_of
from talkpath.calls.trace import Trace

# What may be spent in a turn, of which there is one a second.
_TURN_S = 0.005


class Judge:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], Exemplar] = {}
        self._looked_at = self._left = 0

    def take(self, traces: Sequence[Trace]) -> None:
        """Calls whose story is over."""
        if not traces:
            return
        # Imported when there is something to judge: the rules are many, and a node may be up long before.
        from talkpath.explain.judging.own import explain_own
        from talkpath.explain.reading.sites import Sites

        until, left = time.perf_counter() + _TURN_S, len(traces)
        for trace in sorted(traces, key=_is_ordinary):
            (one,) = explain_own([trace], Sites(), trace.ended_at or trace.touched).calls
            left -= 1
            for finding in one.findings:
                key = finding.code, finding.severity.value
                self._found[key] += 1
                self._examples[key] = Exemplar({"call": id_of(trace.call_ids[0], trace.start)}, 1.0, trace.ended_at)
            if time.perf_counter() >= until:
                break
        self._looked_at += len(traces) - left
        self._left += left

    def families(self) -> Iterator[Metric]:
        """All of it, for a page."""
        found = CounterMetricFamily(
            "talkpath_findings", "What `explain` found on calls that ended.", labels=["code", "severity"]
        )
        for key, count in sorted(self._found.copy().items()):
            found.add_metric(list(key), count, exemplar=self._examples.get(key))
        yield found
        looked = CounterMetricFamily("talkpath_calls_explained", "Calls that were looked at.", labels=["looked_at"])
        looked.add_metric(["yes"], self._looked_at)
        looked.add_metric(["no"], self._left)
        yield looked


def _is_ordinary(trace: Trace) -> bool:
    return trace.ended_how == "bye"

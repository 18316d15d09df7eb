"""The edge's own calls, explained by the same rules as those of a capture."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from talkpath.calls.build import call_of
from talkpath.calls.trace import Trace
from talkpath.explain.judging.barred import host_of
from talkpath.explain.judging.explanation import Explanation, common_of, judged, subject_of
from talkpath.explain.judging.finding import Finding
from talkpath.explain.judging.rules import capture_incomplete
from talkpath.explain.judging.verdict import judge_scene
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.sites import Sites


def explain_own(traces: Sequence[Trace], sites: Sites, now: float, others: tuple[Finding, ...] = ()) -> Explanation:
    """Calls of the running edge and of its history. `now` is when those that go on were read; `others` are findings
    that belong to no call (`barred.py`)."""
    scene = Scene(_Heard(traces))
    scene.calls = [call_of(trace) for trace in traces]
    scene.span(min((call.start for call in scene.calls), default=now), now)
    for call in scene.calls:
        for stream in call.streams:
            scene.other(stream.rtp)
    explained = judged(scene.calls, sites, scene)
    common = common_of([subject_of(one) for one in explained], sites)
    return Explanation((), explained, (*_not_told(judge_scene(scene, is_own=True), others), *others), common, scene)


def _not_told(found: Iterable[Finding], others: Sequence[Finding]) -> Iterator[Finding]:
    """What the guard did not tell already of the same source, and with more to say. Nothing of the capture: there is
    none, and a call that began before a restart is no sign that more is missing."""
    told = {(one.code, host_of(str(one.found.values.get("src", "")))) for one in others}
    told_of = ((one, (one.code, one.found.values.get("src"))) for one in found)
    return (one for one, what in told_of if what not in told and one.code != capture_incomplete.RULE.code)


class _Heard:
    """Who sent SIP, and when: of others what came to us, of ourselves what left."""

    def __init__(self, traces: Iterable[Trace]) -> None:
        self._times: dict[str, list[float]] = defaultdict(list)
        for trace in traces:
            for time, flow, _, sent in trace.live:
                self._times[(flow.local if sent else flow.remote).host].append(time)
        for times in self._times.values():
            times.sort()

    @property
    def first(self) -> float:
        return min((times[0] for times in self._times.values()), default=0.0)

    @property
    def last(self) -> float:
        return max((times[-1] for times in self._times.values()), default=0.0)

    def spoke(self, host: str, start: float, end: float) -> int:
        times = self._times.get(host, [])
        return bisect_left(times, end) - bisect_left(times, start)

    def has_heard(self, host: str) -> bool:
        return host in self._times

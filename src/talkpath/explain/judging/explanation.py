"""The whole way from records to what is said: calls, findings, and what bad calls have in common."""

from collections import deque
from collections.abc import Mapping, Sequence

from msgspec import Struct

from talkpath.calls.model import Call
from talkpath.capture.reader import FileSummary
from talkpath.capture.records import Record, RtpStream
from talkpath.explain.judging.common import Shared, Subject, shared
from talkpath.explain.judging.finding import Finding, Severity, Symptom
from talkpath.explain.judging.rules import RULES, capture_unread
from talkpath.explain.judging.verdict import judge, judge_scene
from talkpath.explain.reading.attributes import PREFERRED, Attributes, Attributor
from talkpath.explain.reading.gather import Gatherer, Settle
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.sites import Sites

# Codes that only a call with audio can have.
AUDIBLE = tuple(
    rule.code for rule in RULES if rule.symptom in (Symptom.NO_AUDIO, Symptom.ONE_WAY_AUDIO, Symptom.BAD_QUALITY)
)
# Calls below which nothing can be said about what they share.
LEAST_CALLS = 12
# Calls of a feed that its closing report still shows (some 20 KB each), and of which the statistics know (1 KB).
TOLD_CALLS = 1_000
TOLD_SUBJECTS = 20_000


class Explained(Struct, frozen=True):
    """A call, what was found on it, and what is known of its ends."""

    call: Call
    findings: tuple[Finding, ...]
    caller: Attributes
    callee: Attributes

    @property
    def worst(self) -> Severity | None:
        return self.findings[0].severity if self.findings else None


class Explanation(Struct, frozen=True):
    """Everything that is said of one or several captures. `findings` are those that belong to no single call.

    `strays` are streams that no call announced.
    """

    captures: tuple[FileSummary, ...]
    calls: tuple[Explained, ...]
    findings: tuple[Finding, ...]
    common: tuple[Shared, ...]
    scene: Scene
    strays: tuple[RtpStream, ...] = ()

    @property
    def has_errors(self) -> bool:
        every = [*self.findings, *(finding for one in self.calls for finding in one.findings)]
        return any(finding.severity is Severity.ERROR for finding in every)

    @property
    def has_unread(self) -> bool:
        """Whether more than a trifle was not read, so that silence says nothing of it."""
        return any(finding.code == capture_unread.RULE.code for finding in self.findings)


class Explainer:
    """Takes records while a capture is read, and explains at the end."""

    def __init__(self, sites: Sites | None = None) -> None:
        self._sites = sites or Sites()
        self._gatherer = Gatherer()
        #: of a feed: the latest calls that were told, and what the statistics need of many more
        self._told: deque[Explained] = deque(maxlen=TOLD_CALLS)
        self._subjects: deque[Subject] = deque(maxlen=TOLD_SUBJECTS)

    def receive(self, records: list[Record]) -> None:
        """The next records, in the order in which they became known."""
        self._gatherer.receive(records)

    def unread(self, packets: int, reasons: Mapping[str, int]) -> None:
        """For a feed: how many packets there were, and what of them was not read."""
        self._gatherer.scene.take_unread(packets, reasons)

    def ended(self, now: float, settle: Settle) -> list[Explained]:
        """For a feed: the calls that ended a while ago, each told once. What they share is said by `finish`.

        `settle` ends the streams to and from the addresses it is given, and gives their records (`Feed.settle`).
        """
        scene = self._gatherer.scene
        scene.is_live = True
        told = self._explained(self._gatherer.ended(now, settle))
        self._told.extend(told)
        self._subjects.extend(map(subject_of, told))
        return list(told)

    def finish(self, captures: Sequence[FileSummary] = ()) -> Explanation:
        """Judge every call, then the capture, then look for what the bad calls share. Of a feed: its latest calls."""
        scene = self._gatherer.scene
        scene.is_live = False
        covered = [one for one in captures if one.packets]
        if covered:
            for one in covered:
                scene.take_unread(one.packets, one.undecoded)
            scene.span(min(one.first for one in covered), max(one.last for one in covered))
        explained = self._explained(self._gatherer.finish(captures))
        subjects = [*self._subjects, *map(subject_of, explained)]
        return Explanation(
            tuple(captures),
            (*self._told, *explained),
            tuple(judge_scene(scene)),
            common_of(subjects, self._sites),
            scene,
            tuple(self._gatherer.strays),
        )

    def _explained(self, calls: Sequence[Call]) -> tuple[Explained, ...]:
        return judged(calls, self._sites, self._gatherer.scene)


def judged(calls: Sequence[Call], sites: Sites, scene: Scene) -> tuple[Explained, ...]:
    """Each call with what was found on it."""
    attributor = Attributor(calls, sites, scene)
    return tuple(Explained(call, tuple(judge(call, scene)), *attributor.of(call)) for call in calls)


def common_of(subjects: Sequence[Subject], sites: Sites) -> tuple[Shared, ...]:
    """What bad calls share: per fault class, never on "bad" in general."""
    if len(subjects) < LEAST_CALLS:
        return ()
    return tuple(shared(subjects, (*sites.columns, *PREFERRED), AUDIBLE, tuple(rule.code for rule in RULES)))


def subject_of(one: Explained) -> Subject:
    """What the statistics need of a call. Notes are no faults, but for those that add up over many calls."""
    faults = frozenset(
        finding.code for finding in one.findings if finding.severity is not Severity.NOTE or finding.found.adds_up
    )
    return Subject(one.call.id, one.caller, one.callee, faults, one.call.answered_at is not None)

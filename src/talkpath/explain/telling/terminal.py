"""The report for a terminal: overview, findings, what bad calls share, the worst calls, a call with its ladder."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls.drawing import Line, Style, draw_call
from talkpath.calls.ladder import Note, ladder_of
from talkpath.calls.model import Call
from talkpath.capture.reader import FileSummary
from talkpath.explain.judging.common import Shared
from talkpath.explain.judging.explanation import Explained, Explanation
from talkpath.explain.judging.finding import Finding, Severity
from talkpath.explain.judging.rules import capture_unread
from talkpath.explain.reading.places import Comparison
from talkpath.explain.telling import words

# Rows of the list of the worst calls; a page of a terminal.
WORST_CALLS = 20
# Frames named for one piece of evidence; who wants all takes --json.
FRAMES_SHOWN = 8
# Clocks nearer than this are told as one.
CLOCK_S = 0.001
# With so few bad calls each is shown whole.
SHOWN_WHOLE = 2

_STYLES = {Severity.ERROR: Style.BAD, Severity.WARNING: Style.NOTE, Severity.NOTE: Style.DETAIL}
_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}


def draw_report(explanation: Explanation, language: Language, width: int = 100) -> Iterator[Line]:
    """The whole report, the worst first."""
    yield from overview(explanation, language)
    yield from _codes(explanation, language)
    for finding in explanation.findings:
        yield Line("")
        yield from draw_finding(finding, language)
    yield from _common(explanation.common, language)
    bad = sorted((one for one in explanation.calls if _rank(one) < 2), key=lambda one: (_rank(one), one.call.start))
    if 0 < len(bad) <= SHOWN_WHOLE:
        for one in bad:
            yield Line("")
            yield from draw_explained(one, language, width)
        return
    yield from _worst(bad, language)


def draw_explained(one: Explained, language: Language, width: int = 100) -> Iterator[Line]:
    """A call: facts, ladder with its findings pinned to the arrows, streams, then every finding in full."""
    yield from draw_call(one.call, language, width, pinned=pins(one.call, one.findings, language))
    for finding in one.findings:
        yield Line("")
        yield from draw_finding(finding, language)


def draw_finding(finding: Finding, language: Language) -> Iterator[Line]:
    severity = words.SEVERITIES[finding.severity].say(language)
    symptom = words.SYMPTOMS[finding.symptom].say(language)
    head = f"{_MARKS[finding.severity]} {finding.title.say(language)}"
    yield Line(printable(head), _STYLES[finding.severity])
    yield Line(f"  {severity} · {finding.code} · {symptom} · {finding.found.confidence:.0%}", Style.DETAIL)
    for because in finding.found.because:
        frames = words.FRAMES.say(language, list=_frames(because.frames)) if because.frames else ""
        yield Line(printable(f"  {words.BECAUSE.say(language)}: {because.said.say(language)}{frames}"))
    yield Line(printable(f"  {words.FIX.say(language)}: {finding.fix.say(language)}"), Style.GOOD)


def pins(call: Call, findings: Sequence[Finding], language: Language) -> Mapping[int, Sequence[str]]:
    """For each step of the ladder the findings whose evidence is in its frames, each where it first shows.

    The messages and moments of an own call have no frames; they are known by their times.
    """
    places: dict[float, int] = {}
    for number, step in enumerate(ladder_of(call).steps):
        if isinstance(step, Note):
            places.setdefault(step.moment.time, number)
            continue
        for place in (step.seen.time,) if call.is_own else step.seen.frames:
            places.setdefault(place, number)
    pinned: dict[int, list[str]] = defaultdict(list)
    for finding in findings:
        evidence = (one.time for one in finding.found.because) if call.is_own else finding.frames
        at = next((places[place] for place in evidence if place in places), None)
        if at is not None:
            text = f"▲ {finding.code}: {finding.title.say(language)}"
            pinned[at].append(printable(text))
    return pinned


# --- parts of the report


def overview(explanation: Explanation, language: Language) -> Iterator[Line]:
    """The captures, and how many calls there are with how many faults."""
    for file in explanation.captures:
        yield from _capture(file, language)
    yield from _between(explanation, language)
    if explanation.scene.has_copies:
        yield Line(words.COPIES.say(language, count=explanation.scene.copies), Style.DETAIL)
    calls = explanation.calls
    if not calls:
        yield Line(words.NO_CALLS.say(language))
    else:
        yield Line(
            words.CALLS.say(
                language,
                total=len(calls),
                answered=sum(1 for one in calls if one.call.answered_at is not None),
                errors=sum(1 for one in calls if one.worst is Severity.ERROR),
                warnings=sum(1 for one in calls if one.worst is Severity.WARNING),
            ),
            Style.TITLE,
        )
    if any(_rank(one) < 2 for one in calls):
        return
    if not explanation.findings:
        yield Line(words.NOTHING.say(language), Style.GOOD)
    elif all(finding.code == capture_unread.RULE.code for finding in explanation.findings):
        yield Line(words.NOTHING_READ.say(language), Style.NOTE)


def _between(explanation: Explanation, language: Language) -> Iterator[Line]:
    """Where between the places packets were lost."""
    ways: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for one in explanation.scene.places.comparisons:
        ways[one.first, one.second].append(one)
    for (first, second), seen in ways.items():
        lost, expected = sum(one.lost for one in seen), sum(one.common - one.before for one in seen)
        values = {"first": first, "second": second, "streams": len(seen), "lost": lost, "expected": expected}
        yield Line(printable(words.BETWEEN.say(language, **values)), Style.NOTE if lost else Style.DETAIL)


def _capture(file: FileSummary, language: Language) -> Iterator[Line]:
    if not file.packets:
        yield Line(printable(words.EMPTY.say(language, file=file.path)))
    else:
        start = datetime.fromtimestamp(file.first).astimezone().isoformat(" ", "seconds")
        values = {"packets": file.packets, "seconds": file.last - file.first, "start": start}
        yield Line(printable(words.CAPTURE.say(language, file=file.path, **values)))
        if abs(file.ahead_s) >= CLOCK_S:
            text = words.AHEAD if file.ahead_s > 0 else words.BEHIND
            yield Line(text.say(language, seconds=abs(file.ahead_s)), Style.DETAIL)
    if file.undecoded:
        listed = ", ".join(f"{reason} {count}" for reason, count in sorted(file.undecoded.items()))
        yield Line(words.UNDECODED.say(language, list=listed), Style.DETAIL)


def _codes(explanation: Explanation, language: Language) -> Iterator[Line]:
    """Each code with how many calls have it."""
    seen: Counter[str] = Counter()
    worst: dict[str, Finding] = {}
    for one in explanation.calls:
        for finding in {finding.code: finding for finding in reversed(one.findings)}.values():
            seen[finding.code] += 1
            if finding.severity.rank < worst.setdefault(finding.code, finding).severity.rank:
                worst[finding.code] = finding
    if not seen:
        return
    yield Line("")
    yield Line(words.BY_CODE.say(language), Style.TITLE)
    for code, finding in sorted(worst.items(), key=lambda item: (item[1].severity.rank, -seen[item[0]])):
        count = words.IN_CALLS.say(language, count=seen[code], total=len(explanation.calls))
        symptom = words.SYMPTOMS[finding.symptom].say(language)
        text = f"{_MARKS[finding.severity]} {code:<27} {count}  ({symptom})"
        yield Line(text, _STYLES[finding.severity])


def _common(common: Sequence[Shared], language: Language) -> Iterator[Line]:
    if not common:
        return
    yield Line("")
    yield Line(words.COMMON.say(language), Style.TITLE)
    for cause in common:
        yield Line(printable(_share(cause, language)), Style.BAD)
        if cause.also:
            yield Line(words.ALSO.say(language, codes=", ".join(cause.also)), Style.DETAIL)
        if cause.same_as:
            listed = "; ".join(pairs(other, language) for other in cause.same_as[:4])
            yield Line(printable(words.SAME_AS.say(language, what=listed)), Style.DETAIL)
        if cause.exceptions:
            ids = ", ".join(cause.exceptions[:5]) + (" ..." if len(cause.exceptions) > 5 else "")
            yield Line(words.EXCEPTIONS.say(language, ids=ids), Style.DETAIL)


def _share(cause: Shared, language: Language) -> str:
    """What bad calls share, as a sentence."""
    return words.SHARE.say(
        language,
        code=cause.code,
        what=shared_by(cause, language),
        bad=cause.bad,
        group=cause.group,
        bad_elsewhere=cause.bad_elsewhere,
        total_elsewhere=cause.total_elsewhere,
        lift=cause.lift,
        p=cause.p,
    )


def shared_by(cause: Shared, language: Language) -> str:
    """The attributes that they share, and whose."""
    what = pairs(cause.attributes, language)
    return words.SIDES[cause.side].say(language, what=what) if cause.side else what


def pairs(attributes: Mapping[str, str], language: Language) -> str:
    """Attributes as text."""
    return ", ".join(attribute(name, value, language) for name, value in attributes.items())


def attribute(name: str, value: str, language: Language) -> str:
    """One attribute of an end of a call."""
    known = words.ATTRIBUTES.get(name)
    return f"{known.say(language) if known else name} {value}"


def _worst(bad: Sequence[Explained], language: Language) -> Iterator[Line]:
    if not bad:
        return
    yield Line("")
    yield Line(words.WORST.say(language), Style.TITLE)
    for one in bad[:WORST_CALLS]:
        call, finding = one.call, one.findings[0]
        start = datetime.fromtimestamp(call.start).astimezone().strftime("%H:%M:%S")
        way = f"{call.caller.user or call.caller.host} → {call.callee.user or call.callee.host}"
        text = f"{_MARKS[finding.severity]} {call.id}  {start}  {way:<28} {finding.title.say(language)}"
        yield Line(printable(text), _STYLES[finding.severity])
    if len(bad) > WORST_CALLS:
        yield Line(words.MORE_CALLS.say(language, count=len(bad) - WORST_CALLS), Style.DETAIL)


def _rank(one: Explained) -> int:
    return one.worst.rank if one.worst is not None else 3


def _frames(frames: Sequence[int]) -> str:
    shown = ", ".join(str(frame) for frame in frames[:FRAMES_SHOWN])
    return shown + (" ..." if len(frames) > FRAMES_SHOWN else "")

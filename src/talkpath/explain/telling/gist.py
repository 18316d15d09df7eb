"""What the page says first: every fault once, the worst first, with what to do and the calls that have it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from talkpath.base.readable import printable, readable
from talkpath.base.texts import Language
from talkpath.explain.judging.explanation import Explained, Explanation
from talkpath.explain.judging.finding import Finding
from talkpath.explain.telling import words
from talkpath.explain.telling.acts import act_of
from talkpath.explain.telling.as_json import Json

# Ways to mend one fault that are told: with more places than these the list of calls tells more.
WAYS_TOLD = 5
# Calls that are named for one way; the page's list has all.
CALLS_TOLD = 8


def shown(text: str) -> str:
    """Text of peers as a page shows it: in one line, with a mark for what is no text."""
    return printable(readable(text))


class Case(Struct, frozen=True):
    """One finding of a call, and the number of the call in the explanation; None where it belongs to no call."""

    finding: Finding
    one: Explained | None
    number: int | None


def gist(explanation: Explanation, language: Language) -> list[Json]:
    """The groups, ready for JSON: those that more calls have come first among those of one severity."""
    groups = [_group(cases, language) for cases in _cases(explanation)]
    return [group for _, group in sorted(groups, key=lambda pair: pair[0])]


def _cases(explanation: Explanation) -> Iterator[list[Case]]:
    """The cases of every code within calls, then each finding outside of calls."""
    by_code: dict[str, list[Case]] = {}
    for number, one in enumerate(explanation.calls):
        for finding in one.findings:
            by_code.setdefault(finding.code, []).append(Case(finding, one, number))
    yield from by_code.values()
    for finding in explanation.findings:
        yield [Case(finding, None, None)]


def _group(cases: list[Case], language: Language) -> tuple[tuple[int, int], Json]:
    calls = {case.number for case in cases if case.number is not None}
    worst = min(cases, key=lambda case: (case.finding.severity.rank, -case.finding.found.confidence))
    finding = worst.finding
    ways = _ways(cases, language)
    return (finding.severity.rank, -len(calls)), {
        "code": finding.code,
        "severity": finding.severity.value,
        "severity_text": words.SEVERITIES[finding.severity].say(language),
        "symptom_text": words.SYMPTOMS[finding.symptom].say(language),
        "title": shown(finding.title.say(language)),
        "calls": len(calls),
        "ways": ways[:WAYS_TOLD],
        "ways_left": len(ways) - len(ways[:WAYS_TOLD]),
        "example": worst.number,
        "because": because(finding, language),
    }


def _ways(cases: Sequence[Case], language: Language) -> list[Json]:
    """What to do, each way once, those that mend most calls first."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        key = (act_of(case.finding, language), case.finding.fix.say(language))
        found.setdefault(key, []).append(case)
    return [
        {
            "act": shown(_placed_act(act, of_it, language)),
            "fix": shown(fix),
            "calls": list(dict.fromkeys(case.number for case in of_it if case.number is not None))[:CALLS_TOLD],
            "count": len({case.number for case in of_it}),
        }
        for (act, fix), of_it in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _placed_act(act: str, cases: Sequence[Case], language: Language) -> str:
    """With number and address of the end it concerns, where that is the same one in all cases."""
    placed = Counter(act_of(case.finding, language, case.one.call if case.one else None) for case in cases)
    return next(iter(placed)) if len(placed) == 1 else act


def because(finding: Finding, language: Language) -> list[tuple[str, tuple[int, ...]]]:
    """The reasons, each with its frames."""
    return [(shown(one.said.say(language)), one.frames) for one in finding.found.because]

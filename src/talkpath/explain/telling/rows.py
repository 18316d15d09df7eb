"""The calls as the page has them: a short row of each, which it lists, searches and counts at once, and the details,
which it unpacks a few calls at a time when somebody opens one.

Ten thousand calls have a hundred megabytes of details, and a browser that read them all would not open for a minute.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from math import ceil

from talkpath.base.readable import readable
from talkpath.base.texts import Language
from talkpath.calls import words as call_words
from talkpath.calls.ladder import Arrow, ladder_of
from talkpath.calls.model import Stream
from talkpath.capture.records import Second
from talkpath.explain.judging.explanation import Explained
from talkpath.explain.judging.finding import Finding
from talkpath.explain.reading.attributes import Attributes
from talkpath.explain.telling import words
from talkpath.explain.telling.acts import act_of
from talkpath.explain.telling.as_json import Json, call, stream
from talkpath.explain.telling.gist import because, shown
from talkpath.explain.telling.terminal import attribute, pins

#: Calls whose details are packed together: more pack better, and take longer to unpack for one of them.
PACKED = 40
# Seconds of a stream that are drawn: two hours, in so many steps at most.
SECONDS_DRAWN = 7200
POINTS_DRAWN = 400


class Words:
    """Texts that many calls have in common, each once."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """The number of a text."""
        return self._places.setdefault(text, len(self._places))

    @property
    def texts(self) -> list[str]:
        return list(self._places)


def rows(calls: Sequence[Explained], language: Language) -> Json:
    """`rows`, each [id, Call-IDs, from, to, start, result, status, talk in s, findings, attributes of both ends], and
    the `names` that its numbers mean. A finding is [severity, code, title]."""
    names = Words()
    told = [_row(one, names, language) for one in calls]
    return {"rows": told, "names": names.texts}


def _row(one: Explained, names: Words, language: Language) -> list[object]:
    seen = one.call
    result = call_words.RESULTS[seen.result].say(language)
    return [
        seen.id,
        list(seen.call_ids),
        shown(seen.caller.user or seen.caller.host),
        shown(seen.callee.user or seen.callee.host),
        seen.start,
        names.place(result),
        seen.status or None,
        None if seen.talk_s is None else round(seen.talk_s, 1),
        [
            [each.severity.rank, names.place(each.code), names.place(shown(each.title.say(language)))]
            for each in one.findings
        ],
        *([names.place(text) for text in _attributes(end, language)] for end in (one.caller, one.callee)),
    ]


def packed(calls: Sequence[Explained], language: Language) -> Iterator[str]:
    """The details of `PACKED` calls after another: JSON, deflated, in base64."""
    for first in range(0, len(calls), PACKED):
        told = [details(one, language) for one in calls[first : first + PACKED]]
        text = readable(json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
        yield b64encode(zlib.compress(text.encode(), 6)).decode()


def details(one: Explained, language: Language) -> Json:
    """What the page shows of an open call."""
    plain = call(one, language)
    kept = ("ring_s", "answer_s", "talk_s")
    return {
        **{name: plain[name] for name in kept},
        "caller": _attributes(one.caller, language),
        "callee": _attributes(one.callee, language),
        "ended": call_words.SIDES[one.call.ended_by].say(language) if one.call.ended_by.value else None,
        "findings": [_finding(each, one, language) for each in one.findings],
        "ladder": _ladder(one, language),
        "streams": [{**stream(each), **_seconds(each)} for each in one.call.streams],
    }


def _attributes(end: Attributes, language: Language) -> list[str]:
    return [shown(attribute(name, value, language)) for name, value in end.items()]


def _finding(finding: Finding, one: Explained, language: Language) -> Json:
    return {
        "severity": finding.severity.value,
        "severity_text": words.SEVERITIES[finding.severity].say(language),
        "code": finding.code,
        "symptom_text": words.SYMPTOMS[finding.symptom].say(language),
        "title": shown(finding.title.say(language)),
        "act": shown(act_of(finding, language, one.call)),
        "fix": shown(finding.fix.say(language)),
        "because": because(finding, language),
        "confidence": finding.found.confidence,
    }


def _ladder(one: Explained, language: Language) -> Json:
    """`columns`, and `steps`: [time in s, text, findings pinned to it, tail, head], the last two for arrows only."""
    ladder = ladder_of(one.call)
    pinned = pins(one.call, one.findings, language)
    steps: list[list[object]] = []
    for number, step in enumerate(ladder.steps):
        if isinstance(step, Arrow):
            text, ends = step.text, [step.tail, step.head]
        else:
            text, ends = call_words.said(step.moment, language), []
        said = [text.removeprefix("▲ ") for text in pinned.get(number, ())]
        steps.append([round(step.offset_s, 3), shown(text), said, *ends])
    names = [column.name or ", ".join(str(a) for a in column.addresses[:2]) for column in ladder.columns]
    return {"columns": names, "steps": steps}


def _seconds(one: Stream) -> Json:
    """`points`: (packets lost of a hundred, jitter in ms, level in dBov or null) of every `step` seconds, the worst
    where they are several; empty ones included. A screen shows no more, and digits take most of the room."""
    seconds = {int(second.time - one.rtp.start): second for second in one.rtp.seconds()}
    many = min(max(seconds, default=-1), SECONDS_DRAWN) + 1
    step = max(1, ceil(many / POINTS_DRAWN))
    parts = ([seconds[at] for at in range(first, first + step) if at in seconds] for first in range(0, many, step))
    return {"step": step, "points": [_point(part) for part in parts]}


def _point(seconds: Sequence[Second]) -> tuple[int, int, int | None]:
    lost, packets = sum(each.lost for each in seconds), sum(each.packets for each in seconds)
    levels = [each.level_dbov for each in seconds if each.level_dbov == each.level_dbov]
    return (
        ceil(100 * lost / (lost + packets)) if lost > 0 else 0,
        round(max((each.jitter_ms for each in seconds), default=0.0)),
        round(max(levels)) if levels else None,
    )

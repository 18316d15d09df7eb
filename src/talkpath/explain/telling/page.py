"""The self-contained page: the data of `--json` with ladders, time lines and sound, inside one HTML file.

Everything that comes from the network is data in a script block of type JSON and is put on the page as text only.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files

from talkpath.base.readable import printable, readable
from talkpath.base.texts import Language
from talkpath.calls import words as call_words
from talkpath.calls.ladder import Arrow, Ladder, ladder_of
from talkpath.calls.model import Stream
from talkpath.explain.judging.explanation import Explained, Explanation
from talkpath.explain.judging.finding import Finding
from talkpath.explain.telling import words
from talkpath.explain.telling.as_json import as_json, stream
from talkpath.explain.telling.terminal import overview, pins, share

#: Gives the sound of a call in both directions, in mu-law at 8 kHz, or None where there is none in the clear.
Sound = Callable[[Explained], tuple[bytes, bytes] | None]

# What the sound of all calls may add to the page: with more, mail servers refuse it as an attachment.
SOUND_BYTES = 6_000_000
# Captures of so few calls have the sound of all of them.
FEW_CALLS = 3
# Both directions at 8,000 bytes a second, in base64.
SOUND_BYTES_PER_S = 8_000 * 2 * 4 / 3


def write_page(explanation: Explanation, language: Language, sound: Sound | None = None) -> Iterable[str]:
    """The page in parts. `sound` is asked for calls with findings, one of every kind first, while there is room."""
    template = files("talkpath.explain.telling").joinpath("page.html").read_text(encoding="utf-8")
    before, after = template.replace("@LANG@", language.value).split("@DATA@")
    wanted = _worth_hearing(explanation) if sound else []
    data = _data(explanation, language, _sounds(wanted, sound), wanted)
    text = readable(json.dumps(data, ensure_ascii=False, allow_nan=False))
    return (before, text.replace("<", "\\u003c"), after)


def _data(
    explanation: Explanation, language: Language, sounds: dict[str, dict[str, str]], wanted: Sequence[Explained]
) -> dict[str, object]:
    plain = dict(as_json(explanation, language))
    calls = plain.pop("calls")
    assert isinstance(calls, list)
    plain["calls"] = [
        {**row, **_more(one, language), "audio": sounds.get(one.call.id)}
        for row, one in zip(calls, explanation.calls, strict=True)
    ]
    plain["findings"] = [_finding(row, one, language) for row, one in _pairs(plain["findings"], explanation.findings)]
    plain["overview"] = [line.text for line in overview(explanation, language)] + _silent(wanted, sounds, language)
    plain["shares"] = [share(cause, language) for cause in explanation.common]
    plain["words"] = {name: text.say(language) for name, text in words.PAGE.items()}
    plain["words"]["head"] = [text.say(language) for text in words.PAGE_HEAD]  # type: ignore[index]
    return plain


def _more(one: Explained, language: Language) -> dict[str, object]:
    """What the page shows beyond the contract: words, the ladder, seconds."""
    plain = [_finding(row, each, language) for row, each in _pairs(_findings(one, language), one.findings)]
    return {
        "findings": plain,
        "result_text": call_words.RESULTS[one.call.result].say(language),
        "ladder": _ladder(one, language),
        "streams": [{**stream(each), "seconds": _seconds(each)} for each in one.call.streams],
    }


def _findings(one: Explained, language: Language) -> list[object]:
    from talkpath.explain.telling.as_json import finding

    return [finding(each, language) for each in one.findings]


def _pairs(rows: object, found: Iterable[Finding]) -> list[tuple[dict[str, object], Finding]]:
    assert isinstance(rows, list)
    return list(zip(rows, found, strict=True))


def _finding(row: dict[str, object], one: Finding, language: Language) -> dict[str, object]:
    return {
        **row,
        "severity_text": words.SEVERITIES[one.severity].say(language),
        "symptom_text": words.SYMPTOMS[one.symptom].say(language),
    }


def _ladder(one: Explained, language: Language) -> dict[str, object]:
    ladder: Ladder = ladder_of(one.call)
    pinned = pins(one.call, one.findings, language)
    steps: list[dict[str, object]] = []
    for number, step in enumerate(ladder.steps):
        said = [text.removeprefix("▲ ") for text in pinned.get(number, ())]
        if isinstance(step, Arrow):
            row = {"tail": step.tail, "head": step.head, "text": printable(step.text)}
        else:
            row = {"text": printable(call_words.said(step.moment, language))}
        steps.append({"at": round(step.offset_s, 3), "pins": said, **row})
    names = [column.name or ", ".join(str(a) for a in column.addresses[:2]) for column in ladder.columns]
    return {"columns": names, "steps": steps}


def _seconds(one: Stream) -> list[tuple[int, float, float | None, int]]:
    """(lost, jitter in ms, level in dBov or null, packets) of every second, empty ones included."""
    rows: list[tuple[int, float, float | None, int]] = []
    for second in one.rtp.seconds():
        number = int(second.time - one.rtp.start)
        while len(rows) < min(number, 7200):
            rows.append((0, 0.0, None, 0))
        level = None if second.level_dbov != second.level_dbov else round(second.level_dbov, 1)
        rows.append((second.lost, round(second.jitter_ms, 1), level, second.packets))
    return rows


def _worth_hearing(explanation: Explanation) -> list[Explained]:
    """Calls with findings, of few calls all: an example of every finding first, then the worst."""
    if len(explanation.calls) <= FEW_CALLS:
        return [one for one in explanation.calls if one.call.streams]
    bad = [one for one in explanation.calls if one.findings and one.call.streams]
    bad.sort(key=lambda one: one.findings[0].severity.rank)
    examples = {one.findings[0].code: one.call.id for one in reversed(bad)}
    return sorted(bad, key=lambda one: examples[one.findings[0].code] != one.call.id)


def _sounds(wanted: Sequence[Explained], sound: Sound | None) -> dict[str, dict[str, str]]:
    """The sound of those calls for which there is room, as base64 of mu-law."""
    found: dict[str, dict[str, str]] = {}
    room: float = SOUND_BYTES
    for one in wanted if sound else ():
        if _sound_bytes(one) > room:
            continue
        tracks = sound(one) if sound else None
        if tracks is not None:
            left, right = (b64encode(track).decode() for track in tracks)
            room -= len(left) + len(right)
            found[one.call.id] = {"left": left, "right": right}
    return found


def _sound_bytes(one: Explained) -> float:
    """How much room the sound of a call takes."""
    rtps = [stream.rtp for stream in one.call.streams]
    return (max(rtp.end for rtp in rtps) - min(rtp.start for rtp in rtps)) * SOUND_BYTES_PER_S


def _silent(wanted: Sequence[Explained], sounds: Mapping[str, object], language: Language) -> list[str]:
    """That calls are without their sound for want of room, and how to hear them."""
    if not sounds or len(sounds) == len(wanted):
        return []
    return [words.SOUND_LEFT_OUT.say(language, heard=len(sounds), count=len(wanted))]

"""The self-contained page: what was found, the calls with their ladders and time lines, and sound, in one HTML file.

Everything that comes from the network is data in a script block of type JSON and is put on the page as text only.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from string import Formatter

from talkpath.base.readable import readable
from talkpath.base.texts import Language, Text
from talkpath.explain.judging.common import Shared
from talkpath.explain.judging.explanation import Explained, Explanation
from talkpath.explain.telling import words
from talkpath.explain.telling.as_json import common
from talkpath.explain.telling.gist import gist, shown
from talkpath.explain.telling.rows import PACKED, packed, rows
from talkpath.explain.telling.terminal import overview, pairs, shared_by

#: Gives the sound of calls by their ids: both directions in mu-law at 8 kHz, of those that have some in the clear.
Sound = Callable[[Sequence[Explained]], Mapping[str, tuple[bytes, bytes]]]

# What the sound of all calls may add to the page: with more, mail servers refuse it as an attachment.
SOUND_BYTES = 6_000_000
# Captures of so few calls have the sound of all of them.
FEW_CALLS = 3
# Both directions at 8,000 bytes a second, in base64.
SOUND_BYTES_PER_S = 8_000 * 2 * 4 / 3
# Calls named as exceptions of what bad calls share.
EXCEPTIONS_TOLD = 5


def write_page(explanation: Explanation, language: Language, sound: Sound | None = None) -> Iterable[str]:
    """The page in parts. `sound` is asked for calls with findings, one of every kind first, while there is room."""
    wanted = _worth_hearing(explanation) if sound else []
    sounds = _sounds(wanted, sound)
    told = {**_told(explanation, language), **rows(explanation.calls, language)}
    told["overview"] = [line.text for line in overview(explanation, language)] + _silent(wanted, sounds, language)
    return _laid_out(
        {
            "LANG": [language.value],
            "STYLE": [_part("page.css")],
            "DATA": [_as_text(told)],
            "DETAILS": (line + "\n" for line in packed(explanation.calls, language)),
            "SOUND": [_as_text(sounds)],
            "NO-SCRIPT": [words.PAGE["no_script"].say(language)],
            "SCRIPT": [_part("page.js")],
        }
    )


def _told(explanation: Explanation, language: Language) -> dict[str, object]:
    """What the page says of all calls."""
    said = {name: text.say(language, **_kept(text)) for name, text in words.PAGE.items()}
    return {
        "words": {**said, "head": [text.say(language) for text in words.PAGE_HEAD]},
        "packed": PACKED,
        "groups": gist(explanation, language),
        "common": [_cause(cause, explanation, language) for cause in explanation.common],
    }


def _kept(text: Text) -> dict[str, object]:
    """Placeholders that the page fills itself stand as they are."""
    return {name: f"{{{name}}}" for _, name, _, _ in Formatter().parse(text.en) if name}


def _cause(cause: Shared, explanation: Explanation, language: Language) -> dict[str, object]:
    """A row of the table of what bad calls share, with the numbers of the calls."""
    places = {one.call.id: number for number, one in enumerate(explanation.calls)}
    return {
        **common(cause),
        "what": shown(shared_by(cause, language)),
        "same": [shown(pairs(other, language)) for other in cause.same_as[:4]],
        "exceptions": [places[name] for name in cause.exceptions[:EXCEPTIONS_TOLD] if name in places],
        "exceptions_left": max(0, len(cause.exceptions) - EXCEPTIONS_TOLD),
    }


def _as_text(value: object) -> str:
    text = readable(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    return text.replace("<", "\\u003c")


def _part(name: str) -> str:
    return files("talkpath.explain.telling").joinpath(name).read_text(encoding="utf-8")


def _laid_out(parts: Mapping[str, Iterable[str]]) -> list[str]:
    """The page with each `@NAME@` in its place."""
    page: list[str] = []
    for piece in re.split(r"(@[A-Z-]+@)", _part("page.html")):
        page.extend(parts[piece[1:-1]] if piece.startswith("@") else (piece,))
    return page


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
    chosen: list[Explained] = []
    room: float = SOUND_BYTES
    for one in wanted:
        if (size := _sound_bytes(one)) <= room:
            room -= size
            chosen.append(one)
    found = sound(chosen) if sound and chosen else {}
    return {
        name: {"left": b64encode(left).decode(), "right": b64encode(right).decode()}
        for name, (left, right) in found.items()
    }


def _sound_bytes(one: Explained) -> float:
    """How much room the sound of a call takes."""
    rtps = [stream.rtp for stream in one.call.streams]
    return (max(rtp.end for rtp in rtps) - min(rtp.start for rtp in rtps)) * SOUND_BYTES_PER_S


def _silent(wanted: Sequence[Explained], sounds: Mapping[str, object], language: Language) -> list[str]:
    """That calls are without their sound for want of room, and how to hear them."""
    if not sounds or len(sounds) == len(wanted):
        return []
    return [words.SOUND_LEFT_OUT.say(language, heard=len(sounds), count=len(wanted))]

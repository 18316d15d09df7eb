"""The explanation as data: the contract of `--json`, version 1. Times are seconds since the epoch."""

from collections.abc import Iterator, Mapping
from math import floor, isfinite

from msgspec.structs import replace

from talkpath.base.readable import json_bytes
from talkpath.base.texts import Language
from talkpath.calls.model import Stream
from talkpath.capture.reader import FileSummary
from talkpath.explain.judging.common import Shared
from talkpath.explain.judging.explanation import Explained, Explanation
from talkpath.explain.judging.finding import Because, Finding

VERSION = 1
# Of a decimal place. Up to so many of them the error of a product is far below a thousandth.
_UNITS = {2: 100.0, 3: 1000.0}
MAX_UNITS = 1e9

Json = Mapping[str, object]


def as_json(explanation: Explanation, language: Language = Language.EN) -> Json:
    """Everything, ready for `json.dumps`."""
    return {
        "version": VERSION,
        "captures": [capture(one) for one in explanation.captures],
        "calls": [call(one, language) for one in explanation.calls],
        "findings": [finding(one, language) for one in explanation.findings],
        "common": [common(one) for one in explanation.common],
        "copies": explanation.scene.copies,
    }


def encoded(explanation: Explanation, language: Language = Language.EN) -> Iterator[bytes]:
    """The same as JSON text in UTF-8, in pieces of a call each: of many calls the whole would be large."""
    rest = as_json(replace(explanation, calls=()), language)
    head = {name: rest[name] for name in ("version", "captures")}
    yield json_bytes(head)[:-1] + b',"calls":['
    between = b""
    for one in explanation.calls:
        yield between + json_bytes(call(one, language))
        between = b","
    tail = {name: rest[name] for name in ("findings", "common", "copies")}
    yield b"]," + json_bytes(tail)[1:]


def capture(file: FileSummary) -> Json:
    return {
        "file": file.path,
        "packets": file.packets,
        "bytes": file.size_bytes,
        "first": file.first if file.packets else None,
        "last": file.last if file.packets else None,
        "undecoded": dict(file.undecoded),
    }


def call(one: Explained, language: Language) -> Json:
    seen = one.call
    return {
        "id": seen.id,
        "call_ids": list(seen.call_ids),
        "from": seen.caller.user or seen.caller.host,
        "to": seen.callee.user or seen.callee.host,
        "start": seen.start,
        "result": seen.result.value,
        "status": seen.status or None,
        "ring_s": _rounded(seen.ring_s),
        "answer_s": _rounded(seen.answer_s),
        "talk_s": _rounded(seen.talk_s),
        "ended_by": seen.ended_by.value or None,
        "findings": [finding(each, language) for each in one.findings],
        "streams": [stream(each) for each in seen.streams],
        "attributes": {"caller": dict(one.caller), "callee": dict(one.callee)},
    }


def stream(one: Stream) -> Json:
    rtp = one.rtp
    return {
        "src": str(rtp.src),
        "dst": str(rtp.dst),
        "ssrc": rtp.ssrc,
        "codec": rtp.encoding or None,
        "ptime_ms": _rounded(rtp.ptime_ms),
        "packets": rtp.packets,
        "lost": rtp.lost,
        "jitter_ms": _rounded(rtp.jitter_ms, 2),
        "mos": one.mos,
        "speech_s": _rounded(one.speech_s),
        "silent_s": _rounded(one.silent_s),
        "start": rtp.start,
        "end": rtp.end,
    }


def finding(one: Finding, language: Language) -> Json:
    return {
        "code": one.code,
        "severity": one.severity.value,
        "symptom": one.symptom.value,
        "leg": one.found.leg,
        "direction": one.found.direction.value or None,
        "title": one.title.say(language),
        "because": [because(each, language) for each in one.found.because],
        "fix": one.fix.say(language),
        "confidence": one.found.confidence,
    }


def because(one: Because, language: Language) -> Json:
    return {"text": one.said.say(language), "frames": list(one.frames), "time": one.time}


def common(one: Shared) -> Json:
    """`side` ("caller", "callee" or null), `same_as`, `also` and `exceptions` are beyond the contract's keys."""
    return {
        "code": one.code,
        "attributes": dict(one.attributes),
        "bad": one.bad,
        "group": one.group,
        "bad_elsewhere": one.bad_elsewhere,
        "total_elsewhere": one.total_elsewhere,
        "p": one.p,
        "lift": one.lift,
        "side": one.side or None,
        "same_as": [dict(other) for other in one.same_as],
        "also": list(one.also),
        "exceptions": list(one.exceptions),
    }


def _rounded(value: float | None, digits: int = 3) -> float | None:
    """What `round` gives, which works with decimal digits and takes ten times as long: as long as nothing is near the
    middle of two numbers, the nearest whole number of units is right, and its division rounds correctly."""
    if value is None or not isfinite(value):
        return None
    units = value * _UNITS[digits]
    nearest = floor(units + 0.5)
    if abs(units - nearest) > 0.499 or not 0.0 < units < MAX_UNITS:
        return round(value, digits)
    return nearest / _UNITS[digits]

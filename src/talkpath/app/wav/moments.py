"""The moments of a call that stand on its waveform, in few words; the picture has no room for sentences."""

from collections.abc import Iterator

from talkpath.audio.picture import Mark
from talkpath.audio.recorded import Recorded
from talkpath.audio.sides import Sides
from talkpath.calls.model import Call

# Keys of one number that are told by one word.
_DIALLED_S = 4.0


def moments_of(call: Call | None, recorded: Recorded | None, sides: Sides) -> list[Mark]:
    """What is known: of the call, of its recording, and keys that were pressed."""
    return [*_of_call(call), *_of_recording(recorded, sides), *_keys(sides)]


def _of_call(call: Call | None) -> Iterator[Mark]:
    if call is None:
        return
    for time, text in ((call.start, "INVITE"), (call.ringing_at, "ringing"), (call.answered_at, "answered")):
        if time is not None:
            yield Mark(time, text)
    if call.ended_at is not None:
        yield Mark(call.ended_at, f"ended by {call.ended_by.value}" if call.ended_by.value else "ended")


def _of_recording(recorded: Recorded | None, sides: Sides) -> Iterator[Mark]:
    for pause in recorded.pauses if recorded else ():
        yield Mark(pause.start, "paused", pause.end if pause.end is not None else _end(sides))


def _end(sides: Sides) -> float:
    return max(stream.end for stream in sides.streams)


def _keys(sides: Sides) -> Iterator[Mark]:
    """Those that follow each other are one word."""
    for name, streams in (("caller", sides.caller), ("callee", sides.callee)):
        digits = sorted((digit.time, digit.digit) for stream in streams for digit in stream.digits)
        start, last, text = 0.0, 0.0, ""
        for time, digit in digits:
            if text and time - last > _DIALLED_S:
                yield Mark(start, f"{name}: {text}")
                text = ""
            start, last, text = (start if text else time), time, text + digit
        if text:
            yield Mark(start, f"{name}: {text}")

"""What `talkpath wav` does: one call's audio as a stereo WAV, the caller left, the callee right."""

import array
import sys
import wave
from collections.abc import Sequence
from pathlib import Path

from talkpath.app import explain_words as texts
from talkpath.app.explain import NOTHING, Unread, explain_files, named_call
from talkpath.app.phrase import phrase
from talkpath.app.private import begin_output
from talkpath.app.sound import Directions, both_tracks, heard_in_the_clear, two_sides
from talkpath.base.texts import Language
from talkpath.capture.reader import STDIN
from talkpath.capture.records import RtpStream
from talkpath.explain.audio import RATE_HZ, NeedsPyAV, is_clear, little_endian
from talkpath.explain.explanation import Explanation


def make_wav(file: str, name: str, out: Path | None, language: Language) -> int:
    """Write the WAV and give the exit code. Raises `Unread`."""
    if file == STDIN:
        raise Unread("not-twice", phrase(texts.NOT_TWICE))
    explanation = explain_files([file], None, None, language)
    left, right = _directions(explanation, name)
    target = out or Path(file).with_suffix(".wav")
    try:
        seconds = _write(target, [file], left, right)
    except NeedsPyAV as error:
        raise Unread("needs-pyav", phrase(texts.NEEDS_PYAV, codec=error.encoding)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-write", phrase(texts.CANNOT_WRITE, file=target, reason=reason)) from None
    print(texts.WAV_WRITTEN.say(language, seconds=seconds, file=target), file=sys.stderr)
    return NOTHING


def _directions(explanation: Explanation, name: str) -> Directions:
    """The caller's and the callee's streams: of the call named, of the only call, or of a capture without SIP."""
    if name:
        return heard_in_the_clear(named_call(explanation, name).call)
    found = [(one, heard_in_the_clear(one.call)) for one in explanation.calls]
    audible = [(one, both) for one, both in found if any(both)]
    if len(audible) == 1:
        return audible[0][1]
    if audible:
        ids = ", ".join(one.call.id for one, _ in audible[:10])
        raise Unread("several-calls", phrase(texts.SEVERAL_CALLS, count=len(audible), ids=ids))
    strays = [stream for stream in explanation.strays if is_clear(stream)]
    if not strays:
        codecs = {s.rtp.encoding or "?" for one in explanation.calls for s in one.call.streams}
        codecs |= {stream.encoding or "?" for stream in explanation.strays}
        raise Unread("no-audio", phrase(texts.NO_AUDIO, codecs=", ".join(sorted(codecs)) or "-"))
    return two_sides(strays)


def _write(target: Path, files: Sequence[str], left: list[RtpStream], right: list[RtpStream]) -> float:
    """Decode both directions on one time line and interleave them; gives the length in seconds."""
    if not left and not right:
        raise Unread("no-audio", phrase(texts.NO_AUDIO, codecs="-"))
    tracks = both_tracks(files, left, right)
    begin_output(target, files)
    with wave.open(str(target), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        stereo = array.array("h", bytes(4 * len(tracks[0].samples)))
        stereo[0::2] = tracks[0].samples
        stereo[1::2] = tracks[1].samples
        out.writeframes(little_endian(stereo))
    return tracks[0].seconds

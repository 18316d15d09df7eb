"""What `talkpath wav` does: one call's audio as a stereo WAV, the caller left, the callee right."""

import array
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

from talkpath.app import explain_words as texts
from talkpath.app.explain import NOTHING, Unread, explain_files, named_call
from talkpath.app.phrase import phrase
from talkpath.base.texts import Language
from talkpath.calls.model import Call
from talkpath.capture.export import StreamKey, rtp_packets
from talkpath.capture.reader import STDIN
from talkpath.capture.records import RtpStream
from talkpath.explain.audio import RATE_HZ, NeedsPyAV, Track, is_clear, little_endian, track
from talkpath.explain.explanation import Explained, Explanation


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


Directions = tuple[list[RtpStream], list[RtpStream]]


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
    return _two_sides(strays)


def heard_in_the_clear(call: Call) -> Directions:
    """Each direction once: where a relay makes two of it, the side nearer to who speaks."""
    sides: Directions = ([], [])
    for from_caller, side in ((True, sides[0]), (False, sides[1])):
        streams = [s for s in call.streams if s.from_caller is from_caller and is_clear(s.rtp)]
        legs = sorted({s.leg for s in streams if s.leg is not None}, reverse=not from_caller)
        side.extend(s.rtp for s in streams if legs and s.leg == legs[0])
    if not any(sides) and call.streams:
        return _two_sides([s.rtp for s in call.streams if is_clear(s.rtp)])
    return sides


def _two_sides(streams: Sequence[RtpStream]) -> Directions:
    """Streams that nobody announced: one flow against all others."""
    if not streams:
        return [], []
    first = streams[0]
    left = [s for s in streams if (s.src.host, s.dst.host) == (first.src.host, first.dst.host) and s.src == first.src]
    return left, [stream for stream in streams if stream not in left]


def _write(target: Path, files: Sequence[str], left: list[RtpStream], right: list[RtpStream]) -> float:
    """Decode both directions on one time line and interleave them; gives the length in seconds."""
    tracks = both_tracks(files, left, right)
    with wave.open(str(target), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        stereo = array.array("h", bytes(4 * len(tracks[0].samples)))
        stereo[0::2] = tracks[0].samples
        stereo[1::2] = tracks[1].samples
        out.writeframes(little_endian(stereo))
    return tracks[0].seconds


def sound_of(files: Sequence[str]) -> Callable[[Explained], tuple[Track, Track] | None]:
    """For a page: the sound of a call, None where there is none in the clear or nothing here decodes it."""

    def sound(one: Explained) -> tuple[Track, Track] | None:
        left, right = heard_in_the_clear(one.call)
        if not left and not right:
            return None
        try:
            return both_tracks(files, left, right)
        except NeedsPyAV:
            return None

    return sound


def both_tracks(files: Sequence[str], left: list[RtpStream], right: list[RtpStream]) -> tuple[Track, Track]:
    """Both directions, aligned and of one length."""
    every = [*left, *right]
    if not every:
        raise Unread("no-audio", phrase(texts.NO_AUDIO, codecs="-"))
    start, end = min(s.start for s in every), max(s.end + s.ptime_ms / 1000 for s in every)
    one, two = {StreamKey.of(s) for s in left}, {StreamKey.of(s) for s in right}
    packets = list(rtp_packets(files, [StreamKey.of(s) for s in every]))
    mine = (p for p in packets if StreamKey(p.src, p.dst, p.ssrc) in one)
    theirs = (p for p in packets if StreamKey(p.src, p.dst, p.ssrc) in two)
    return track(left, mine, start, end), track(right, theirs, start, end)

"""A sound file as the parties of a call hear it: one channel at the rates of our codecs; and a beep without a file.

PyAV reads whatever FFmpeg does. Nothing of it runs while calls do.
"""

from array import array
from importlib import import_module
from importlib.util import find_spec
from math import pi, sin
from pathlib import Path
from typing import Any

from talkpath import _native
from talkpath.audio.codecs import NeedsPyAV
from talkpath.base.errors import Malformed, Unavailable
from talkpath.base.limits import ANNOUNCEMENT_S

_NARROW, _WIDE = 8000, 16_000

# What regulators that ask for a beep ask for: 47 CFR 64.501 has 1400 Hz, for 0.2 s, every 15 s. As loud as speech.
_BEEP_HZ, _BEEP_S, _BEEP_PEAK = 1400, 0.2, 6000


def read_clip(path: Path) -> _native.Clip:
    """Raises `NeedsPyAV`, `Unavailable` where the file cannot be read, and `Malformed` for what is no sound
    ("no-sound") or lasts longer than `ANNOUNCEMENT_S` ("too-long")."""
    if find_spec("av") is None:
        raise NeedsPyAV(path.suffix.removeprefix(".").upper() or "a sound file")
    av = import_module("av")
    try:
        with path.open("rb") as file:
            narrow = _samples(av, file, _NARROW)
            file.seek(0)
            wide = _samples(av, file, _WIDE)
    except OSError as error:
        raise Unavailable("no-file", error.strerror or str(error), str(path)) from error
    if not narrow:
        raise Malformed("no-sound", "there is no sound in it", str(path))
    return _native.Clip(narrow, _fitted(wide, 2 * len(narrow)))


def beep() -> _native.Clip:
    """What is heard every so often while a call is recorded."""
    return _native.Clip(_beep_at(_NARROW), _beep_at(_WIDE))


def _samples(av: Any, file: Any, rate: int) -> "array[int]":
    """One channel at this rate. The file is read for each: a frame that a resampler had nothing to do with is refused
    by the next one."""
    samples = array("h")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    try:
        with av.open(file) as opened:
            for frame in opened.decode(opened.streams.audio[0]) if opened.streams.audio else ():
                _take(samples, resampler.resample(frame))
                if len(samples) > ANNOUNCEMENT_S * rate:
                    raise Malformed("too-long", f"it lasts longer than {ANNOUNCEMENT_S} s")
        if samples:
            _take(samples, resampler.resample(None))
    except av.FFmpegError as error:
        raise Malformed("no-sound", "it is no sound file that FFmpeg knows") from error
    return samples


def _take(samples: "array[int]", frames: Any) -> None:
    for frame in frames:
        samples.frombytes(bytes(frame.planes[0])[: 2 * frame.samples])


def _fitted(samples: "array[int]", count: int) -> "array[int]":
    """Rates are converted apart, and may differ by a sample or two at the end."""
    return samples[:count] + array("h", bytes(2 * max(0, count - len(samples))))


def _beep_at(rate: int) -> list[int]:
    count = int(_BEEP_S * rate)
    edge = rate / 200  # 5 ms, so that it does not click
    return [
        round(_BEEP_PEAK * min(1.0, at / edge, (count - at) / edge) * sin(2 * pi * _BEEP_HZ * at / rate))
        for at in range(count)
    ]

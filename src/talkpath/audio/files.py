"""Files of sound: WAV by hand, since that is all that a hearing needs, and FLAC, MP3 and Opus by PyAV."""

import struct
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO

from talkpath.audio.codecs import NeedsPyAV
from talkpath.audio.sound import Sound

_SAMPLE_BYTES = 2
# From this size on a WAV is written as RF64 (EBU Tech 3306): its sizes have 32 bits. Calls can turn out longer than
# their first and last packets say by what a sender is ahead of its time: two minutes, some 23 MB.
_LARGE_BYTES = 2**32 - 2**26
_UNKNOWN = 0xFFFFFFFF


class Form(StrEnum):
    """What kind of file."""

    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    OPUS = "opus"


def write(sound: Sound, form: Form, out: BinaryIO, told: Callable[[], None]) -> float:
    """Write the sound; `told` is called now and then. Gives its length in seconds.

    `out` can be sought in. Raises OSError of the file, NeedsPyAV, and what `Sound.blocks` raises.
    """
    if form is Form.WAV:
        return _wav(sound, out, told)
    return _encoded(sound, form, out, told)


def _wav(sound: Sound, out: BinaryIO, told: Callable[[], None]) -> float:
    frame = _SAMPLE_BYTES * sound.layout.channels
    is_large = sound.seconds * sound.rate * frame > _LARGE_BYTES
    out.write(_header(sound, 0, is_large))
    size = 0
    for block in sound.blocks():
        out.write(block)
        size += len(block)
        told()
    out.seek(0)
    out.write(_header(sound, size, is_large))
    return size / frame / sound.rate


def _header(sound: Sound, size: int, is_large: bool) -> bytes:
    """RIFF with PCM (RFC 2361 and the format of 1991), or RF64 whose ds64 chunk has the sizes."""
    channels, rate = sound.layout.channels, sound.rate
    frame = _SAMPLE_BYTES * channels
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * frame, frame, 8 * _SAMPLE_BYTES)
    if not is_large:
        return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 72 + size, size, size // frame, 0)
    head = struct.pack("<4sI4s", b"RF64", _UNKNOWN, b"WAVE")
    return head + sizes + form + struct.pack("<4sI", b"data", _UNKNOWN)


# Encoder, container, and bits a second for each channel (None: without loss). Speech at 32 kbit/s is transparent in
# Opus; MP3 needs twice that. Each takes all the rates that a call is written in.
_ENCODERS: dict[Form, tuple[str, str, int | None]] = {
    Form.FLAC: ("flac", "flac", None),
    Form.MP3: ("libmp3lame", "mp3", 64_000),
    Form.OPUS: ("libopus", "ogg", 32_000),
}


def _encoded(sound: Sound, form: Form, out: BinaryIO, told: Callable[[], None]) -> float:
    if find_spec("av") is None:
        raise NeedsPyAV(form.upper())
    av: Any = import_module("av")
    encoder, container, bits = _ENCODERS[form]
    layout = "stereo" if sound.layout.channels == 2 else "mono"
    samples = 0
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(encoder, rate=sound.rate, layout=layout)
        if bits is not None:
            stream.bit_rate = bits * sound.layout.channels
        for block in sound.blocks():
            frame = _frame(av, block, layout, sound.rate, samples)
            samples += frame.samples
            for packet in _packets(stream, frame):
                file.mux(packet)
            told()
        for packet in stream.encode(None):
            file.mux(packet)
    return samples / sound.rate


def _packets(stream: Any, frame: Any) -> Iterable[Any]:
    packets: Iterable[Any] = stream.encode(frame)
    return packets


def _frame(av: Any, block: bytes, layout: str, rate: int, at: int) -> Any:
    channels = 2 if layout == "stereo" else 1
    frame = av.AudioFrame(format="s16", layout=layout, samples=len(block) // (_SAMPLE_BYTES * channels))
    frame.planes[0].update(block)
    frame.sample_rate, frame.pts = rate, at
    return frame

"""What decodes the payloads of each encoding, and how its frames lie in them.

    native: G.711 (RFC 3551 4.5.14), G.722 (4.5.2), L16 (4.5.11), Opus (RFC 7587), and RFC 2198 around any of them
    PyAV:   G.729 (RFC 3551 4.5.6), G.723.1 (4.5.3), GSM (4.5.8), AMR and AMR-WB (RFC 4867), iLBC (RFC 3952), Speex
            (RFC 5574)

FFmpeg's own decoders of AMR and AMR-WB give tones some dB too quiet (findings/pyav_amr_tone_too_quiet.sh); PyAV has
those of OpenCORE too.
Comfort noise and telephone-events are no sound: their time stays silent.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from talkpath.base.errors import Unavailable

#: From a payload to signed samples of 16 bits, in the order of this machine's bytes; none where it says that the
#: sender is silent, None where it cannot be decoded.
Decode = Callable[[bytes], bytes | None]

#: Samples a second of what our own decoders give at most; None: as many as its RTP clock has.
_OURS: dict[str, int | None] = {"PCMU": 8000, "PCMA": 8000, "G722": 16_000, "OPUS": 48_000, "L16": None}
#: No sound, though they are part of it.
SILENT = frozenset({"CN", "TELEPHONE-EVENT"})
#: Packets that hold packets of other payload types.
REDUNDANT = "RED"
_GSM_BYTES, _G729_BYTES, _G729_SID_BYTES = 33, 10, 2
_ILBC_20_MS, _ILBC_30_MS = 38, 50
#: G.723.1 frames by the lowest two bits of their first byte: 6.3 and 5.3 kbit/s, SID, and one that repeats it.
_G723_BYTES = (24, 20, 4, 1)


class NeedsPyAV(Unavailable):
    """A codec that only PyAV decodes, and it is not installed."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        super().__init__("needs-pyav", f"decoding {encoding} needs PyAV; install talkpath[audio]")


class _Foreign(NamedTuple):
    """A codec of PyAV: its name there, samples a second (None: those of the RTP clock), and how a payload is cut."""

    name: str
    rate: int | None
    cut: Callable[[bytes], Iterator[bytes | None]]
    #: samples of a frame, for those that are told to be silent
    samples: int = 0
    bit_rate: int = 0


def _pieces(size: int, silent: int = 0) -> Callable[[bytes], Iterator[bytes | None]]:
    """Frames of one size; what is left over, of the size of a `silent` one (SID of G.729 annex B: 2 bytes), is no
    speech."""

    def cut(payload: bytes) -> Iterator[bytes | None]:
        for at in range(0, len(payload) - size + 1, size):
            yield payload[at : at + size]
        if silent and len(payload) % size == silent:
            yield None

    return cut


def _whole(payload: bytes) -> Iterator[bytes | None]:
    yield payload


def _g723(payload: bytes) -> Iterator[bytes | None]:
    at = 0
    while at < len(payload):
        size = _G723_BYTES[payload[at] & 3]
        yield payload[at : at + size] if size > 4 and at + size <= len(payload) else None
        at += size


def _ilbc(payload: bytes) -> Iterator[bytes | None]:
    size = _ILBC_30_MS if len(payload) % _ILBC_30_MS == 0 else _ILBC_20_MS
    yield from _pieces(size)(payload)


#: Bits of the speech frames and of the SID of each frame type (3GPP TS 26.101 and 26.201, annexes A).
_AMR_BITS = (95, 103, 118, 134, 148, 159, 204, 244, 39)
_AMR_WB_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)


def _amr(bits: Sequence[int]) -> Callable[[bytes], Iterator[bytes | None]]:
    """Frames as files have them (RFC 4867 section 5): one byte of header and the bits, the rest of the last byte
    zero.

    The form of the payload is not in the packet and often in no SDP that is at hand; only one of the two fits.
    """

    def cut(payload: bytes) -> Iterator[bytes | None]:
        yield from _octet_aligned(payload, bits) or _bandwidth_efficient(payload, bits) or ()

    return cut


def _octet_aligned(payload: bytes, bits: Sequence[int]) -> list[bytes | None] | None:
    """RFC 4867 section 4.4: a byte with the CMR, a table of contents in bytes, frames in bytes."""
    at, kinds = 1, []
    while at < len(payload):
        kinds.append(payload[at])
        at += 1
        if not kinds[-1] & 0x80:
            break
    is_padded = not payload or payload[0] & 0x0F or any(kind & 3 for kind in kinds)
    sizes = [(_bits_of(kind >> 3 & 15, bits) + 7) // 8 for kind in kinds]
    if is_padded or not kinds or at + sum(sizes) != len(payload):
        return None
    found: list[bytes | None] = []
    for kind, size in zip(kinds, sizes, strict=True):
        found.append(_frame(kind >> 3 & 15, kind >> 2 & 1, payload[at : at + size], bits))
        at += size
    return found


def _bandwidth_efficient(payload: bytes, bits: Sequence[int]) -> list[bytes | None] | None:
    """RFC 4867 section 4.3: the same without padding in between."""
    length, number = 8 * len(payload), int.from_bytes(payload)

    def word(at: int, size: int) -> int:
        return number >> (length - at - size) & ((1 << size) - 1)

    at, kinds = 4, []
    while at + 6 <= length:
        kinds.append(word(at, 6))
        at += 6
        if not kinds[-1] & 0x20:
            break
    sizes = [_bits_of(kind >> 1 & 15, bits) for kind in kinds]
    if not kinds or not 0 <= length - at - sum(sizes) < 8:
        return None
    found: list[bytes | None] = []
    for kind, size in zip(kinds, sizes, strict=True):
        data = (word(at, size) << (-size % 8)).to_bytes((size + 7) // 8)
        found.append(_frame(kind >> 1 & 15, kind & 1, data, bits))
        at += size
    return found


def _bits_of(kind: int, bits: Sequence[int]) -> int:
    return bits[kind] if kind < len(bits) else 0


def _frame(kind: int, quality: int, data: bytes, bits: Sequence[int]) -> bytes | None:
    """A frame of speech; None for one that was damaged, for SID and for no data: they last as long and are silent."""
    is_speech = kind < len(bits) - 1 and quality == 1
    return bytes([kind << 3 | quality << 2]) + data if is_speech else None


_FOREIGN = {
    "G729": _Foreign("g729", 8000, _pieces(_G729_BYTES, _G729_SID_BYTES)),
    "G723": _Foreign("g723_1", 8000, _g723, 240),
    "GSM": _Foreign("gsm", 8000, _pieces(_GSM_BYTES)),
    "AMR": _Foreign("libopencore_amrnb", 8000, _amr(_AMR_BITS), 160),
    "AMR-WB": _Foreign("libopencore_amrwb", 16_000, _amr(_AMR_WB_BITS), 320),
    "ILBC": _Foreign("ilbc", 8000, _ilbc),
    "SPEEX": _Foreign("speex", None, _whole),
}

#: Every encoding that is decoded here, in capitals.
KNOWN = frozenset(_OURS) | frozenset(_FOREIGN)


def is_sound(encoding: str) -> bool:
    """Whether it holds sound that is decoded here."""
    return encoding.upper() in KNOWN


def rate_of(encoding: str, clock_hz: int) -> int:
    """Samples a second of what it gives; of Opus as many as it can have."""
    name = encoding.upper()
    rate = _OURS[name] if name in _OURS else _FOREIGN[name].rate
    return rate or clock_hz


def decoder_of(encoding: str, clock_hz: int) -> Decode | None:
    """A new decoder for one stream; None where the decoder is ours. Raises NeedsPyAV."""
    name = encoding.upper()
    if name in _OURS or name == REDUNDANT:
        return None
    if find_spec("av") is None:
        raise NeedsPyAV(encoding)
    return _decoder(_FOREIGN[name], clock_hz)


def _decoder(codec: _Foreign, clock_hz: int) -> Decode:
    """It keeps its state from one payload to the next."""
    av: Any = import_module("av")
    rate = codec.rate or clock_hz
    silence = bytes(2 * codec.samples)
    contexts: dict[int, Any] = {}
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)

    def context_for(frame: bytes) -> Any:
        # The two modes of iLBC are decoders of their own, and their frames tell them apart.
        kind = len(frame) if codec.name == "ilbc" else 0
        if kind not in contexts:
            context = av.CodecContext.create(codec.name, "r")
            context.sample_rate, context.layout = rate, "mono"
            if kind:
                context.bit_rate = 15_200 if kind == _ILBC_20_MS else 13_333
            contexts[kind] = context
        return contexts[kind]

    def decode(payload: bytes) -> bytes | None:
        made, is_refused = [], False
        for frame in codec.cut(payload):
            if frame is None:
                made.append(silence)
                continue
            try:
                for sound in context_for(frame).decode(av.Packet(frame)):
                    made.extend(bytes(one.planes[0])[: 2 * one.samples] for one in resampler.resample(sound))
            except av.error.FFmpegError:
                made.append(silence)
                is_refused = True
        if not made or (is_refused and not any(piece.strip(b"\0") for piece in made)):
            return None
        return b"".join(made)

    return decode

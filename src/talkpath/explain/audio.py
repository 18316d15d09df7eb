"""Sound out of captured packets: decoded, placed on one time line, gaps kept as silence.

G.711 is decoded here; other codecs by PyAV where it is installed. Samples are signed 16 bit at 8 kHz.
"""

import array
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from msgspec import Struct

from talkpath.base.errors import Unavailable
from talkpath.capture.records import RtpPacket, RtpStream

RATE_HZ = 8000
# What one call's audio may take in memory: two hours in both directions.
MOST_SAMPLES = 2 * 3600 * RATE_HZ
# Two packets further apart than this are placed by their arrival, nearer ones by their timestamps.
TRUST_TIMESTAMPS_S = 2.0

PYAV_CODECS = {"OPUS": "opus", "G722": "g722", "G729": "g729", "GSM": "gsm", "ILBC": "ilbc", "SPEEX": "speex"}


class Track(Struct):
    """One direction of a call's sound. `start` is the time of its first sample, in seconds since the epoch."""

    start: float
    samples: "array.array[int]"

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE_HZ

    def ulaw(self) -> bytes:
        """The samples in G.711 mu-law: half the size, and enough for an ear."""
        return bytes(_ENCODED[(sample >> 2) & 0x3FFF] for sample in self.samples)


class NeedsPyAV(Unavailable):
    """A codec that only PyAV decodes, and it is not installed."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        super().__init__("needs-pyav", f"decoding {encoding} needs PyAV; install talkpath[audio]")


def is_clear(stream: RtpStream) -> bool:
    """Whether there is something that can be decoded: audio in the clear in a codec that is known here."""
    known = stream.encoding.upper() in PYAV_CODECS or stream.encoding.upper() in ("PCMU", "PCMA")
    return known and not stream.is_encrypted


def track(streams: Sequence[RtpStream], packets: Iterable[RtpPacket], start: float, end: float) -> Track:
    """The packets of one direction on a time line from `start` to `end`. Raises NeedsPyAV."""
    length = min(max(0, round((end - start) * RATE_HZ)), MOST_SAMPLES)
    line = array.array("h", bytes(2 * length))
    placers = {stream.ssrc: _Placer(stream, start) for stream in streams}
    for packet in packets:
        placer = placers.get(packet.ssrc)
        if placer is not None:
            placer.put(packet, line)
    return Track(start, line)


class _Placer:
    """Decodes the packets of one stream and puts each where its timestamp says."""

    def __init__(self, stream: RtpStream, start: float) -> None:
        self._stream = stream
        self._start = start
        self._clock_hz = stream.clock_hz or RATE_HZ
        self._encodings = {use.number: use.encoding.upper() for use in stream.payload_types}
        self._decoders: dict[str, Callable[[bytes], array.array[int]]] = {}
        self._anchor: tuple[float, int] | None = None

    def put(self, packet: RtpPacket, line: "array.array[int]") -> None:
        encoding = self._encodings.get(packet.payload_type, "")
        if encoding in ("", "CN", "TELEPHONE-EVENT") or not packet.payload:
            return
        if encoding not in self._decoders:
            self._decoders[encoding] = decoder(encoding)
        samples = self._decoders[encoding](packet.payload)
        at = round((self._time_of(packet) - self._start) * RATE_HZ)
        if at < 0:
            samples, at = samples[-at:], 0
        samples = samples[: max(0, len(line) - at)]
        line[at : at + len(samples)] = samples

    def _time_of(self, packet: RtpPacket) -> float:
        """The play time: the first arrival plus the timestamps since, anew after a jump or a long pause."""
        if self._anchor is not None:
            time, timestamp = self._anchor
            ticks = (packet.timestamp - timestamp + 2**31) % 2**32 - 2**31
            played = time + ticks / self._clock_hz
            if abs(played - packet.time) < TRUST_TIMESTAMPS_S:
                return played
        self._anchor = (packet.time, packet.timestamp)
        return packet.time


# --- decoding


def decoder(encoding: str) -> Callable[[bytes], "array.array[int]"]:
    """From payload to samples at 8 kHz. Raises NeedsPyAV."""
    if encoding == "PCMU":
        return lambda payload: _looked_up(payload, ULAW)
    if encoding == "PCMA":
        return lambda payload: _looked_up(payload, ALAW)
    if encoding not in PYAV_CODECS or find_spec("av") is None:
        raise NeedsPyAV(encoding)
    return _pyav(PYAV_CODECS[encoding])


def _looked_up(payload: bytes, table: Sequence[int]) -> "array.array[int]":
    return array.array("h", [table[byte] for byte in payload])


def _ulaw(byte: int) -> int:
    """ITU-T G.711 table 2a."""
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84) << ((byte & 0x70) >> 4)
    return 0x84 - magnitude if byte & 0x80 else magnitude - 0x84


def _alaw(byte: int) -> int:
    """ITU-T G.711 table 1a."""
    byte ^= 0x55
    exponent, mantissa = (byte & 0x70) >> 4, (byte & 0x0F) << 4
    magnitude = mantissa + 8 if exponent == 0 else (mantissa + 0x108) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude


ULAW = tuple(_ulaw(byte) for byte in range(256))
ALAW = tuple(_alaw(byte) for byte in range(256))


def _nearest() -> bytes:
    """The mu-law byte of every 14-bit sample (two's complement as index)."""
    table = bytearray(1 << 14)
    for index in range(1 << 14):
        sample = (index if index < 1 << 13 else index - (1 << 14)) << 2
        magnitude = min(abs(sample), 32_635) + 0x84
        exponent = magnitude.bit_length() - 8
        byte = (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)
        table[index] = ~(byte | (0x80 if sample < 0 else 0)) & 0xFF
    return bytes(table)


_ENCODED = _nearest()


def _pyav(name: str) -> Callable[[bytes], "array.array[int]"]:
    """A decoder that keeps its state over the packets of a stream, and a resampler to 8 kHz mono."""
    av: Any = import_module("av")
    context = av.CodecContext.create(name, "r")
    if name in ("g722", "g729", "gsm", "ilbc"):
        context.sample_rate, context.layout = (16_000 if name == "g722" else RATE_HZ), "mono"
    if name == "opus":
        context.sample_rate = 48_000
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)

    def decode(payload: bytes) -> "array.array[int]":
        samples = array.array("h")
        try:
            for frame in context.decode(av.Packet(payload)):
                for piece in resampler.resample(frame):
                    samples.frombytes(bytes(piece.planes[0])[: 2 * piece.samples])
        except av.error.FFmpegError:
            return array.array("h")
        return samples

    return decode


def little_endian(samples: "array.array[int]") -> bytes:
    """Samples as WAV wants them."""
    if sys.byteorder == "little":
        return samples.tobytes()
    swapped = array.array("h", samples)
    swapped.byteswap()
    return swapped.tobytes()

"""Sounds and media packets: G.711 with true levels, RTP, SRTP-like bytes, RTCP."""

import struct
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from talkpath._native import Srtp

from .wire import At, Wire

RATE = 8000


def _ulaw(samples: "np.ndarray") -> bytes:
    """ITU-T G.711 mu-law of 16-bit samples."""
    sign = np.where(samples < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(samples), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))


def _alaw(samples: "np.ndarray") -> bytes:
    """ITU-T G.711 A-law of 16-bit samples."""
    sign = np.where(samples >= 0, 0x80, 0)
    magnitude = np.where(samples >= 0, samples, -samples - 1) >> 3
    magnitude = np.minimum(magnitude, 4095)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 0)
    shift = np.maximum(exponent, 1)
    mantissa = (magnitude >> shift) & 0x0F
    return bytes(((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8))


def _noise(seconds: int, amplitude: float) -> "np.ndarray":
    return np.random.default_rng(7).normal(0, amplitude, seconds * RATE).astype(int)


def _spurts(samples: "np.ndarray") -> "np.ndarray":
    """1.2 s of talk, 0.8 s of pause with a little room noise."""
    gate = (np.arange(len(samples)) % (2 * RATE)) < 1.2 * RATE
    return np.where(gate, samples, samples // 100)


SOUNDS: dict[str, Callable[[], "np.ndarray"]] = {
    "speech": lambda: _spurts(_noise(4, 2600)),
    "room": lambda: _noise(4, 90),
    "near": lambda: _noise(4, 6),
    "silence": lambda: np.zeros(4 * RATE, dtype=int),
    "tone": lambda: (8000 * np.sin(np.arange(4 * RATE) * 2 * np.pi * 425 / RATE)).astype(int),
}


@lru_cache(maxsize=32)
def sound(name: str, payload_type: int) -> bytes:
    """Four seconds of a sound, to be looped, in PCMU (0) or PCMA (8)."""
    samples = SOUNDS[name]()
    if payload_type != 8:
        return _ulaw(samples)
    return b"\xd5" * len(samples) if name == "silence" else _alaw(samples)


@dataclass
class Sender:
    """One RTP stream. Callables take the packet's number; `delay` gives seconds on top of a perfect clock."""

    src: At
    dst: At
    ssrc: int
    payload_type: int = 0
    ptime_ms: int = 20
    sound: str = "speech"
    lost: Callable[[int], bool] = lambda _: False
    delay: Callable[[int], float] = lambda _: 0.0
    skew_ppm: float = 0.0
    srtp: bool = False
    srtp_key: str = ""
    payload: bytes | None = None
    ticks_per_ms: int = 8
    first_seq: int = 100
    dst_after: tuple[int, At] | None = None
    level_dbov: int | None = None

    def play(self, wire: Wire, start: float, seconds: float) -> None:
        """Put `seconds` of the stream on the wire from `start` on."""
        step = self.ptime_ms / 1000
        samples = self.ptime_ms * self.ticks_per_ms
        seal = sealer(self.srtp_key) if self.srtp_key else bytes
        tape = sound(self.sound, self.payload_type) if self.payload is None else b""
        for number in range(round(seconds / step)):
            if self.lost(number):
                continue
            body = self.payload
            if body is None:
                offset = number * samples % (len(tape) - samples)
                body = tape[offset : offset + samples]
            if self.srtp:
                body = scrambled(number, len(body)) + b"\x5a" * 10
            at = start + number * step * (1 + self.skew_ppm / 1e6) + self.delay(number)
            head = struct.pack(
                "!BBHII",
                0x90 if self.level_dbov is not None else 0x80,
                self.payload_type | (0x80 if number == 0 else 0),
                (self.first_seq + number) & 0xFFFF,
                (number * samples + self.ssrc) & 0xFFFFFFFF,
                self.ssrc,
            )
            if self.level_dbov is not None:
                head += struct.pack("!HHBBH", 0xBEDE, 1, 0x10, -self.level_dbov & 0x7F, 0)
            dst = self.dst
            if self.dst_after and number >= self.dst_after[0]:
                dst = self.dst_after[1]
            wire.udp(at, self.src, dst, seal(head + body))


def sealer(key: str) -> Callable[[bytes], bytes]:
    """SRTP under a master key and salt as they stand in a=crypto (RFC 4568 section 6.1)."""
    both = b64decode(key)
    return Srtp("AES_CM_128_HMAC_SHA1_80", both[:16], both[16:]).protect


@lru_cache(maxsize=4096)
def scrambled(number: int, size: int) -> bytes:
    """Bytes that look encrypted, the same on every run."""
    return np.random.default_rng(number).integers(0, 256, size, dtype=np.uint8).tobytes()


def digits(wire: Wire, src: At, dst: At, ssrc: int, start: float, payload_type: int = 101) -> None:
    """One RFC 4733 key press: three updates and three ends."""
    for number in range(6):
        end = 0x80 if number >= 3 else 0
        body = struct.pack("!BBH", 5, end | 10, 160 * min(number + 1, 4))
        head = struct.pack("!BBHII", 0x80, payload_type, 60_000 + number, 99, ssrc)
        wire.udp(start + 0.02 * number, src, dst, head + body)


def receiver_report(
    wire: Wire, at: float, src: At, dst: At, reporter: int, about: int, lost_share: float, lost: int, jitter: int
) -> None:
    """An RTCP RR (RFC 3550 section 6.4.2) with an SDES CNAME."""
    block = struct.pack("!IIIIII", about, int(lost_share * 256) << 24 | lost & 0xFFFFFF, 1000, jitter, 0, 0)
    report = struct.pack("!BBHI", 0x81, 201, 7, reporter) + block
    sdes = struct.pack("!BBHIBB", 0x81, 202, 3, reporter, 1, 4) + b"test" + b"\0\0"
    wire.udp(at, src, dst, report + sdes)


def sender_report(wire: Wire, at: float, src: At, dst: At, ssrc: int, packets: int) -> None:
    """An RTCP SR (RFC 3550 section 6.4.1) without report blocks."""
    ntp = int((at + 2_208_988_800) * 65536) << 16
    body = struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp & (2**64 - 1), 0, packets, packets * 160)
    sdes = struct.pack("!BBHIBB", 0x81, 202, 3, ssrc, 1, 4) + b"test" + b"\0\0"
    wire.udp(at, src, dst, body + sdes)

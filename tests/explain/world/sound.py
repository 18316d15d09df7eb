"""Voices, rooms and broken microphones: minutes of 8 kHz sound in G.711 mu-law, made once for each seed."""

from functools import lru_cache

import numpy as np

RATE = 8000
MINUTE = 60 * RATE


@lru_cache(maxsize=64)
def tape(kind: str, seed: int, payload_type: int) -> bytes:
    """A minute to be looped: "voice", "listener" (says a word now and then), "room", "faint" or "dead", in mu-law (0)
    or A-law (8)."""
    dice = np.random.default_rng(seed)
    hiss = _coloured(dice, MINUTE) * {"faint": 4.0, "dead": 0.0}.get(kind, 40.0)
    if kind in ("voice", "listener"):
        hiss = hiss + _speech(dice, talks=(1.0, 4.0), rests=(0.4, 2.5) if kind == "voice" else (6.0, 12.0))
    return _a_law(hiss) if payload_type == 8 else _mu_law(hiss)


def _coloured(dice: "np.random.Generator", samples: int) -> "np.ndarray":
    """Noise with more low than high, of about unit power."""
    white = dice.normal(0, 1, samples + 8)
    return np.convolve(white, np.ones(8) / np.sqrt(8), "valid")[:samples]


def _speech(dice: "np.random.Generator", talks: tuple[float, float], rests: tuple[float, float]) -> "np.ndarray":
    """Syllables of 150 to 300 ms at several pitches, in sentences and pauses."""
    out = np.zeros(MINUTE)
    at = int(dice.uniform(0, 0.5) * RATE)
    while at < MINUTE:
        until = min(MINUTE, at + int(dice.uniform(*talks) * RATE))
        pitch = dice.uniform(110, 220)
        while at < until:
            length = int(dice.uniform(0.15, 0.3) * RATE)
            time = np.arange(min(length, MINUTE - at)) / RATE
            tone = sum(np.sin(2 * np.pi * pitch * k * time + k) / k for k in range(1, 9))
            shape = np.sin(np.pi * np.arange(len(time)) / max(1, len(time)))
            out[at : at + len(time)] += dice.uniform(1200, 3500) * tone * shape
            at += length
        at = until + int(dice.uniform(*rests) * RATE)
    return out


def _mu_law(sound: "np.ndarray") -> bytes:
    """ITU-T G.711 by its formula (mu = 255), quantised to eight bits."""
    scaled = np.clip(sound / 32_635, -1, 1)
    magnitude = np.log1p(255 * np.abs(scaled)) / np.log(256)
    code = np.minimum((magnitude * 128).astype(int), 127)
    return bytes((~(np.where(scaled < 0, 0x80, 0) | code) & 0xFF).astype(np.uint8))


def _a_law(sound: "np.ndarray") -> bytes:
    """ITU-T G.711 by its formula (A = 87.6), quantised to eight bits; even bits are inverted."""
    scaled = np.clip(sound / 32_635, -1, 1)
    size, least = np.abs(scaled), 1 / 87.6
    bent = np.where(size < least, 87.6 * size, 1 + np.log(np.maximum(87.6 * size, 1))) / (1 + np.log(87.6))
    code = np.minimum((bent * 128).astype(int), 127)
    return bytes(((np.where(scaled >= 0, 0x80, 0) | code) ^ 0x55).astype(np.uint8))

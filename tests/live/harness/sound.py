"""What was played and what was heard: made, read and compared, whatever the delay between them."""

import functools
import itertools
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
# Three packets: what a jitter buffer drops or repeats spoils little more than itself.
_WINDOW_S = 0.06
_ALIKE = 0.8
_SILENCE = 0.002

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much of a recording is the original: shares of 0 to 1, lengths in seconds."""

    heard_s: float
    alike: float
    in_order: float

    @property
    def is_good(self) -> bool:
        """Three in four windows that hold sound are the original, and of these nine in ten follow each other.

        The rest is what jitter buffers do on a busy machine; another voice, noise or silence scores near zero.
        """
        return self.heard_s >= 1 and self.alike >= 0.75 and self.in_order >= 0.9


@functools.cache
def voice(seed: int, seconds: float = 30.0) -> Samples:
    """Sound like nothing else: band-limited noise in syllables, different for each `seed`. Not to be written to."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(random.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum[(hertz < 300) | (hertz > 3000)] = 0
    noise = np.fft.irfft(spectrum, count)
    beats = np.arange(0, count + RATE_HZ // 8, RATE_HZ // 8)
    syllables = np.interp(np.arange(count), beats, random.uniform(0.5, 1.0, len(beats)))
    made: Samples = 0.25 * noise * syllables / np.std(noise)
    made.flags.writeable = False
    return made


def tone(hertz: float, seconds: float = 30.0) -> Samples:
    """A tone: what codecs for speech and jitter buffers that stretch time leave of it is still that tone."""
    made: Samples = 0.4 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    return made


def write_voice(path: Path, seed: int, hertz: float = 0.0, rate: int = RATE_HZ) -> Path:
    """The voice of `seed` as a wav, or a tone where `hertz` is given."""
    write(path, resampled(tone(hertz) if hertz else voice(seed), RATE_HZ, rate), rate)
    return path


def write(path: Path, samples: Samples, rate: int = RATE_HZ) -> None:
    """Mono, 16 bits; `samples` from -1 to 1 (what is louder is clipped)."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def read(path: Path) -> Samples:
    """The first channel at 8 kHz, from -1 to 1; also of a wav whose writer was killed before it wrote lengths."""
    data = path.read_bytes()
    at = data.find(b"data")
    form = data.find(b"fmt ")
    if at < 0 or form < 0:
        return np.zeros(0)
    channels = int.from_bytes(data[form + 10 : form + 12], "little")
    rate = int.from_bytes(data[form + 12 : form + 16], "little")
    body = data[at + 8 :]
    samples = np.frombuffer(body[: len(body) // (2 * channels) * 2 * channels], "<i2")[::channels] / 32768
    return resampled(samples, rate)


def length_s(path: Path) -> float:
    """How long a wav of one channel is that may still be growing."""
    with path.open("rb") as file:
        header = file.read(44)
    rate = int.from_bytes(header[24:28], "little")
    return (path.stat().st_size - 44) / (2 * (rate or RATE_HZ))


def compare(original: Samples, recording: Samples) -> Likeness:
    """Cut `recording` into windows and look for each in `original` (normalised cross-correlation).

    A jitter buffer may drop or repeat some milliseconds anywhere, so each window may have its own delay; they must
    follow each other in time. Windows without sound do not count.
    """
    size = int(_WINDOW_S * RATE_HZ)
    windows = [recording[at : at + size] for at in range(0, len(recording) - size, size)]
    loud = [(number, window) for number, window in enumerate(windows) if np.std(window) > _SILENCE]
    if not loud:
        return Likeness(0.0, 0.0, 0.0)
    finder = _Finder(original, size)
    found = [(number, *finder.find(number, window)) for number, window in loud]
    alike = [(number, at) for number, score, at in found if score >= _ALIKE]
    delays = [at - number * size for number, at in alike]
    steady = sum(abs(b - a) < RATE_HZ // 5 for a, b in itertools.pairwise(delays))
    return Likeness(
        heard_s=len(loud) * _WINDOW_S,
        alike=len(alike) / len(loud),
        in_order=steady / (len(delays) - 1) if len(delays) > 1 else float(bool(delays)),
    )


def tone_share(samples: Samples, hertz: float) -> float:
    """The share of the power of `samples` that lies within 20 Hz of `hertz`."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    total = float(power[frequency > 50].sum())
    return float(power[np.abs(frequency - hertz) <= 20].sum()) / total if total else 0.0


def assert_tone(hertz: float, recording: Samples) -> None:
    """What was heard is that tone and nothing else, for more than half a second."""
    heard = trimmed(recording)
    share = tone_share(heard, hertz) if len(heard) else 0.0
    heard_s = len(heard) / RATE_HZ
    assert (heard_s > 0.5, share > 0.85) == (True, True), (heard_s, share)


# The rows and columns of a keypad (Q.23), in Hz.
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")


def keys_in(samples: Samples) -> str:
    """The keys that are heard, each for 40 ms at least (Q.24)."""
    found = [_key_at(samples[at : at + RATE_HZ // 50]) for at in range(0, len(samples), RATE_HZ // 50)]
    runs = [(key, len(list(run))) for key, run in itertools.groupby(found)]
    return "".join(key for key, count in runs if count >= 2)


def _key_at(window: Samples) -> str:
    """The key of 20 ms; empty where the two loudest tones are not nearly all that is heard."""
    times = np.arange(len(window)) / RATE_HZ
    power = {hertz: abs(window @ np.exp(2j * np.pi * hertz * times)) ** 2 for hertz in (*_ROWS, *_COLUMNS)}
    row, column = max(_ROWS, key=power.__getitem__), max(_COLUMNS, key=power.__getitem__)
    share = 2 * (power[row] + power[column]) / (len(window) * (window @ window) + 1e-9)
    both = min(power[row], power[column]) > max(power[row], power[column]) / 10
    return _KEYS[_ROWS.index(row)][_COLUMNS.index(column)] if both and share > 0.8 else ""


def trimmed(samples: Samples) -> Samples:
    """Without the silence at both ends."""
    loud = np.flatnonzero(np.abs(samples) > _SILENCE)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def assert_alike(original: Samples, recording: Samples) -> None:
    """What was heard is what was played."""
    likeness = compare(original, recording)
    assert likeness.is_good, likeness


def join(parts: list[Samples]) -> Samples:
    """One after the other."""
    return np.concatenate(parts) if parts else np.zeros(0)


class _Finder:
    """Looks for windows of one size in one original, first where the one before says that the next should be.

    What is alike there is not looked for elsewhere: a voice is like nothing else, nor like itself at another time.
    """

    def __init__(self, original: Samples, size: int) -> None:
        self._original = original
        self._size = size
        self._length = _power_of_two(len(original) + size)
        self._spectrum = np.fft.rfft(original, self._length)
        sums = np.concatenate(([0.0], np.cumsum(original**2)))
        self._norms = np.sqrt(np.maximum(sums[size:] - sums[:-size], 1e-9))
        self._delay: int | None = None

    def find(self, number: int, window: Samples) -> tuple[float, int]:
        """The best correlation of the `number`th window (1 is equal) and where in the original it begins."""
        score, at = self._nearby(number, window)
        if score < _ALIKE:
            score, at = self._anywhere(window)
        if score >= _ALIKE:
            self._delay = at - number * self._size
        return score, at

    def _nearby(self, number: int, window: Samples) -> tuple[float, int]:
        if self._delay is None:
            return 0.0, 0
        first = max(0, number * self._size + self._delay - self._size)
        part = self._original[first : first + 3 * self._size]
        length = _power_of_two(len(part) + self._size)
        score, at = self._best(window, np.fft.rfft(part, length), length, self._norms[first : first + 2 * self._size])
        return score, first + at

    def _anywhere(self, window: Samples) -> tuple[float, int]:
        return self._best(window, self._spectrum, self._length, self._norms)

    @staticmethod
    def _best(window: Samples, spectrum: NDArray[np.complex128], length: int, norms: Samples) -> tuple[float, int]:
        """The best place among those whose `norms` are given."""
        if not len(norms):
            return 0.0, 0
        product = np.fft.irfft(spectrum * np.conj(np.fft.rfft(window, length)), length)
        scores = product[: len(norms)] / (norms * np.linalg.norm(window))
        best = int(np.argmax(scores))
        return float(scores[best]), best


def _power_of_two(count: int) -> int:
    return 1 << count.bit_length()


def resampled(samples: Samples, rate: int, wanted: int = RATE_HZ) -> Samples:
    """Through the spectrum: exact for what a telephone carries."""
    count = int(len(samples) * wanted / rate)
    if rate == wanted or not count:
        return samples[:count]
    spectrum = np.fft.rfft(samples)[: count // 2 + 1]
    return np.fft.irfft(spectrum, count) * (count / len(samples))

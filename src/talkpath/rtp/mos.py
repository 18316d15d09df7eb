"""What a listener would say of a stream: the E-model (ITU-T G.107) with its defaults, on its narrowband scale.

Loss counts as the jitter buffer hands it on (lost on the way plus too late), with its burstiness; delay is what the
buffer adds to the path. Impairment factors are those of ITU-T G.113 Appendix I. A codec that is not on the narrowband
scale (Opus, G.722, AMR-WB) has no score here: a wideband voice beside a telephone's 4.4 would be a wrong comparison.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import log2
from typing import NamedTuple


class Impairment(NamedTuple):
    """A codec's equipment impairment factor `ie` and its robustness against random loss `bpl` (in percent)."""

    ie: float
    bpl: float


# G.113 Table I.4 (bpl: with the concealment that every receiver has today; GSM and G.726 by their nearest kin).
IMPAIRMENTS = {
    "PCMU": Impairment(0, 25.1),
    "PCMA": Impairment(0, 25.1),
    "G729": Impairment(10, 19.0),
    "G723": Impairment(15, 16.1),
    "GSM": Impairment(20, 10.0),
    "GSM-EFR": Impairment(5, 10.0),
    "AMR": Impairment(5, 10.0),
    "ILBC": Impairment(11, 32.0),
    "G726-32": Impairment(7, 25.1),
    "G726-40": Impairment(2, 25.1),
    "G726-24": Impairment(25, 25.1),
    "G726-16": Impairment(50, 25.1),
}

# Ro - Is with every parameter of G.107 at its default (Table 3): what a call without loss or delay reaches.
CLEAN_R = 93.2
# Below this many packets (two seconds at 20 ms) a percentage of loss says nothing about a conversation.
LEAST_PACKETS = 100


def mos(encoding: str, expected: int, runs: Iterable[tuple[int, int]], delay_ms: float) -> float | None:
    """The mean opinion score, 1.0 to 4.41, or None where the scale or the sample does not allow one.

    `expected` counts packets, `runs` gives (length, how many) of consecutive packets that did not reach the ear, and
    `delay_ms` is mouth to ear.
    """
    impairment = IMPAIRMENTS.get(encoding.upper())
    if impairment is None or expected < LEAST_PACKETS:
        return None
    missing, bursts = _sum(runs)
    if not missing:
        return _without_loss(impairment, delay_ms)
    rating = CLEAN_R - delay_impairment(delay_ms) - loss_impairment(impairment, expected, missing, bursts)
    return round(score(rating), 2)


# Most streams lose nothing, and have one of a few codecs and delays.
@lru_cache(256)
def _without_loss(impairment: Impairment, delay_ms: float) -> float:
    return round(score(CLEAN_R - delay_impairment(delay_ms) - impairment.ie), 2)


def _sum(runs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    missing = bursts = 0
    for length, count in runs:
        missing += length * count
        bursts += count
    return missing, bursts


def loss_impairment(codec: Impairment, expected: int, missing: int, bursts: int) -> float:
    """Ie,eff of G.107 clause 7.5 (equation 7-29), from how much was missing (something) and in how many runs."""
    share = min(missing / expected, 1.0)
    percent = 100 * share
    random_run = 1 / (1 - share) if share < 1 else float(missing)
    burst_ratio = max(missing / bursts / random_run, 1.0)
    return codec.ie + (95 - codec.ie) * percent / (percent / burst_ratio + codec.bpl)


def delay_impairment(delay_ms: float) -> float:
    """Idd of G.107 clause 7.4 (equations 7-27 and 7-28); echo is taken as cancelled."""
    if delay_ms <= 100:
        return 0.0
    x = log2(delay_ms / 100)
    return float(25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2))


def score(rating: float) -> float:
    """MOS of a rating R, G.107 Annex B (equation B-4)."""
    if rating <= 6.5:
        return 1.0
    if rating >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)

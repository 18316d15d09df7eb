"""The sound that an explanation's page has of a call."""

import numpy as np

from talkpath._native import mu_law


def test_mu_law_comes_back_close() -> None:
    samples = (12_000 * np.sin(np.arange(8000) * 0.05)).astype("<i2")
    codes = np.frombuffer(mu_law(samples.tobytes()), np.uint8)
    again = np.array([_decoded(int(code)) for code in range(256)])[codes]
    assert np.max(np.abs(again - samples) / (np.abs(samples) + 64.0)) < 0.1


def _decoded(code: int) -> int:
    """ITU-T G.711 table 2a."""
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude

"""What is written on a waveform."""

import pytest
from PIL import ImageFont

from talkpath.audio.picture import _font_for, _lettered


def test_a_picture_has_the_letters_that_some_font_here_has() -> None:
    plain = _font_for("call-1")
    assert _lettered("call-1 \u00fc", plain) == "call-1 ?"
    try:
        ImageFont.truetype("DejaVuSans.ttf", 15)
    except OSError:
        pytest.skip("no other font here")
    other = _font_for("\u00fcber \u0436 \U0010fffd")
    assert _lettered("\u00fcber \u0436 \U0010fffd", other) == "\u00fcber \u0436 ?"

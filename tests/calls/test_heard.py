"""How long a stream is heard: whole seconds, but for the parts of the first and the last in which it did not run."""

import pytest

from talkpath._native import heard
from talkpath.capture.records import NO_LEVEL, SECOND

SPEECH, SILENCE = -45.0, -60.0


def rows(*levels: int) -> bytes:
    """Seconds from 100 on with these levels in 0.1 dBov."""
    return b"".join(SECOND.pack(100.0 + n, 50, 0, 0, 0, 20, levels[n], 0, 0, 0, 0, 8000) for n in range(len(levels)))


def test_speech_and_silence_are_counted_apart() -> None:
    assert heard(rows(-300, -450, -451, -600, -601), 100.0, 105.0, 0.0, SPEECH, SILENCE) == (2.0, 1.0)


def test_a_second_counts_for_the_part_in_which_the_stream_ran() -> None:
    speech, silent = heard(rows(-300, -300, -900), 100.25, 102.48, 20.0, SPEECH, SILENCE) or (0.0, 0.0)
    assert (speech, silent) == (pytest.approx(1.75), pytest.approx(0.5))


def test_without_levels_nothing_is_known() -> None:
    assert heard(b"", 0.0, 0.0, 20.0, SPEECH, SILENCE) is None
    assert heard(rows(NO_LEVEL, NO_LEVEL), 100.0, 102.0, 20.0, SPEECH, SILENCE) is None
    assert heard(rows(NO_LEVEL, -500), 100.0, 102.0, 20.0, SPEECH, SILENCE) == (0.0, 0.0)


def test_times_that_make_no_sense_give_no_negative_seconds() -> None:
    assert heard(rows(-300)[:-1], 100.0, 101.0, 20.0, SPEECH, SILENCE) is None
    assert heard(rows(-300), 1e300, -1e300, float("nan"), SPEECH, SILENCE) == (0.0, 0.0)

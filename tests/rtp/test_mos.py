"""The E-model against ITU-T G.107's own figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.rtp.mos import delay_impairment, mos, score


@pytest.mark.parametrize(
    ("rating", "expected"), [(93.2, 4.41), (90, 4.34), (80, 4.02), (70, 3.60), (60, 3.10), (50, 2.58)]
)
def test_rating_to_score_matches_the_table_of_annex_b(rating: float, expected: float) -> None:
    assert score(rating) == pytest.approx(expected, abs=0.006)


def test_clean_g711_reaches_the_ceiling_of_the_scale() -> None:
    assert mos("PCMA", 3000, (), 40) == 4.41


def test_bursts_hurt_more_than_the_same_loss_spread_out() -> None:
    spread = mos("PCMU", 5000, [(1, 250)], 60)
    burst = mos("PCMU", 5000, [(10, 25)], 60)
    assert spread is not None
    assert burst is not None
    assert burst < spread < 4.41


@pytest.mark.parametrize("encoding", ["opus", "G722", "AMR-WB", "", "VP8", "telephone-event"])
def test_what_is_not_on_the_narrowband_scale_has_no_score(encoding: str) -> None:
    assert mos(encoding, 3000, (), 40) is None


def test_two_seconds_are_too_short_to_judge() -> None:
    assert mos("PCMU", 99, (), 40) is None


def test_delay_is_free_up_to_a_tenth_of_a_second_and_then_grows() -> None:
    assert delay_impairment(100) == 0
    assert 10 < delay_impairment(300) < 25 < delay_impairment(600)


@given(st.integers(100, 10_000), st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50))), st.floats(0, 5000))
def test_any_measurement_gives_a_score_on_the_scale(expected: int, runs: list[tuple[int, int]], delay: float) -> None:
    value = mos("PCMU", expected, runs, delay)
    assert value is not None
    assert 1.0 <= value <= 4.41

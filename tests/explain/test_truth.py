"""What is said of worlds that know nothing of the rules: nothing of healthy calls, and of faults what is true."""

from pathlib import Path

import pytest

from talkpath.explain.judging.finding import Severity
from talkpath.explain.telling.measured import BANDS, MEASURED

from .world.judged import judged
from .world.plan import Plan
from .world.plans import PLANS

SEEDS = range(2)


@pytest.mark.parametrize("plan", [one for one in PLANS if not one.codes], ids=lambda one: one.name)
def test_no_error_where_nothing_is_wrong(plan: Plan, tmp_path: Path) -> None:
    for seed in SEEDS:
        said, _ = judged(plan, seed, tmp_path)
        assert not [one.finding.code for one in said if one.finding.severity is Severity.ERROR]


@pytest.mark.parametrize("plan", [one for one in PLANS if one.codes], ids=lambda one: one.name)
def test_a_fault_is_named_and_nothing_else_is_said_for_sure(plan: Plan, tmp_path: Path) -> None:
    named = []
    for seed in SEEDS:
        said, is_named = judged(plan, seed, tmp_path)
        named.append(is_named)
        errors = [one for one in said if one.finding.severity is Severity.ERROR]
        assert not [one.finding.code for one in errors if not one.is_right and one.finding.found.confidence >= 0.9]
    assert any(named)


def test_confidence_means_something() -> None:
    assert [one.least for one in MEASURED] == list(BANDS)
    for one in MEASURED:
        assert one.right >= one.least * one.said

"""Captured twice (a mirror of both ways, every interface of a router): the same is said as of the capture once."""

from pathlib import Path

import pytest

from talkpath.base.texts import Language
from talkpath.explain.judging.explanation import Explanation
from talkpath.explain.reading.scene import LEAST_COPIES
from talkpath.explain.telling.as_json import as_json
from talkpath.explain.telling.terminal import overview

from .generator.wire import Wire
from .scenarios import Scenario, load
from .test_rules import explained, findings

# Not those whose fault is what passes once where all else passes twice, nor those told by counts of packets.
SCENARIOS = [one for one in load() if not one.name.startswith("a_router_") and one.code != "capture-unread"]


def doubled(scenario: Scenario) -> Scenario:
    """Every packet comes again 20 us later."""

    def compose(wire: Wire) -> None:
        scenario.build(wire)
        wire.packets += [(at + 2e-5, frame) for at, frame in wire.packets]

    return Scenario(scenario.name, scenario.code, scenario.fires, compose)


def told(explanation: Explanation) -> list[tuple[str, str, tuple[str, ...]]]:
    """Codes, severities and sentences, without frames and without what a doubled file says of itself."""
    return [
        (one.code, one.severity.value, tuple(because.said.say(Language.EN) for because in one.found.because))
        for one in findings(explanation)
    ]


@pytest.mark.parametrize("scenario", SCENARIOS[::3], ids=lambda scenario: scenario.name)
def test_doubles_change_nothing(scenario: Scenario, tmp_path: Path) -> None:
    twice = explained(doubled(scenario), tmp_path)
    once = explained(scenario, tmp_path)
    assert told(twice) == told(once)
    counts = [[(s["packets"], s["lost"]) for s in call["streams"]] for call in as_json(once)["calls"]]  # type: ignore[attr-defined]
    assert counts == [[(s["packets"], s["lost"]) for s in call["streams"]] for call in as_json(twice)["calls"]]  # type: ignore[attr-defined]
    lines = [line.text for line in overview(twice, Language.EN) if "captured twice" in line.text]
    assert len(lines) == (1 if twice.scene.copies >= LEAST_COPIES else 0)

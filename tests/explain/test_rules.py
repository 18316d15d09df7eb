"""Every rule on its captures: the fault named and nothing else, the look-alike without an error."""

from pathlib import Path

import pytest

from talkpath.base.texts import Language
from talkpath.capture.reader import Capture
from talkpath.explain.judging.explanation import Explainer, Explanation
from talkpath.explain.judging.finding import Finding, Severity
from talkpath.explain.judging.rules import RULES

from .scenarios import Scenario, load

SCENARIOS = load()


def explained(scenario: Scenario, folder: Path) -> Explanation:
    paths = []
    for number, data in enumerate(scenario.pcaps()):
        paths.append(folder / f"scenario-{number}.pcap")
        paths[-1].write_bytes(data)
    capture = Capture([str(path) for path in paths])
    explainer = Explainer()
    for batch in capture.batches():
        explainer.receive(batch)
    return explainer.finish(capture.files)


def findings(explanation: Explanation) -> list[Finding]:
    return [*explanation.findings, *(finding for one in explanation.calls for finding in one.findings)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_fault_is_named_and_the_look_alike_is_not(scenario: Scenario, tmp_path: Path) -> None:
    found = findings(explained(scenario, tmp_path))
    errors = {finding.code for finding in found if finding.severity is Severity.ERROR}
    if scenario.fires:
        assert scenario.code in {finding.code for finding in found}
        assert errors <= {scenario.code}
    else:
        assert errors == set()


@pytest.mark.parametrize("language", list(Language))
def test_every_finding_can_be_said_in_every_language(language: Language, tmp_path: Path) -> None:
    for scenario in SCENARIOS[::3]:
        for finding in findings(explained(scenario, tmp_path)):
            said = [finding.title, finding.fix, *(because.said for because in finding.found.because)]
            for one in said:
                text = one.say(language)
                assert "{" not in text
                assert text


def test_every_rule_has_a_capture_that_fires_and_one_that_does_not() -> None:
    codes = {rule.code for rule in RULES}
    assert {scenario.code for scenario in SCENARIOS if scenario.fires} == codes
    assert {scenario.code for scenario in SCENARIOS if not scenario.fires} == codes


def test_the_catalogue_is_that_of_the_cases() -> None:
    assert len(RULES) == 43
    assert len({rule.code for rule in RULES}) == 43
    assert all(code in {rule.code for rule in RULES} for rule in RULES for code in rule.explains)

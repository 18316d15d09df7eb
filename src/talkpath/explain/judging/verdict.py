"""Runs the rules: those that a call's traits ask for, and of several observations with one cause only the cause."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from talkpath.calls.model import Call
from talkpath.explain.judging.finding import Finding
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.rules import RULES
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

_OF_SCENE = tuple(rule for rule in RULES if rule.of_scene is not None)


def judge(call: Call, scene: Scene) -> list[Finding]:
    """The findings on one call, the worst first."""
    story = Story(call, scene)
    found = [finding for rule in _wanted(story.traits) for finding in _of_call(rule, story)]
    return _ranked(_without_consequences(found)) if found else []


def judge_scene(scene: Scene, *, is_own: bool = False) -> list[Finding]:
    """The findings that belong to no single call, the worst first; `is_own` as in `Finding`."""
    found = [Finding(rule, one, is_own) for rule in _OF_SCENE if rule.of_scene for one in rule.of_scene(scene)]
    return _ranked(found)


@lru_cache(maxsize=1024)
def _wanted(traits: frozenset[Trait]) -> Sequence[Rule]:
    """The rules that any of these traits sets going, in the order of the catalogue."""
    return [rule for rule in RULES if rule.of_call and not traits.isdisjoint(rule.traits)]


def _of_call(rule: Rule, story: Story) -> Iterable[Finding]:
    is_own = story.call.is_own
    return (Finding(rule, found, is_own) for found in rule.of_call(story)) if rule.of_call else ()


def _without_consequences(found: list[Finding]) -> list[Finding]:
    """Drop what another finding explains. Notes explain nothing: they are no cause of what a person felt."""
    explained = {code for finding in found if finding.severity.rank < 2 for code in finding.rule.explains}
    return [finding for finding in found if finding.code not in explained]


def _ranked(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: (finding.severity.rank, -finding.found.confidence))

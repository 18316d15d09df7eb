"""What an explanation says: findings, the evidence under them, and the words they share.

A finding holds texts and values, never finished sentences, so that it can be said in any language of the catalogue.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from talkpath.base.texts import Language, Text

if TYPE_CHECKING:
    from talkpath.explain.judging.rule import Rule


class Severity(StrEnum):
    """An error is what a person felt; a warning may become one; a note is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANK[self]


_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class Symptom(StrEnum):
    """What the user feels."""

    CANNOT_HANG_UP = "cannot-hang-up"
    NO_RING = "no-ring"
    NO_AUDIO = "no-audio"
    ONE_WAY_AUDIO = "one-way-audio"
    DROPS = "drops"
    FAILS = "fails"
    BAD_QUALITY = "bad-quality"
    SECURITY = "security"
    NONE = "none"


class Direction(StrEnum):
    """Which way of the call a finding concerns."""

    TO_CALLEE = "caller-to-callee"
    TO_CALLER = "callee-to-caller"
    BOTH = "both"
    NONE = ""

    @classmethod
    def of(cls, from_caller: bool) -> "Direction":
        return cls.TO_CALLEE if from_caller else cls.TO_CALLER


class Said(Struct, frozen=True):
    """A sentence with its values; a value may itself be a text of the catalogue."""

    text: Text
    values: Mapping[str, object] = field(default_factory=dict)

    def say(self, language: Language) -> str:
        values = {name: _plain(value, language) for name, value in self.values.items()}
        return self.text.say(language, **values)


def _plain(value: object, language: Language) -> object:
    if isinstance(value, Text | Said):
        return value.say(language)
    return value


def said(text: Text, /, **values: object) -> Said:
    """A sentence of the catalogue with its values filled in later."""
    return Said(text, values)


class Sentence(Protocol):
    """Says itself in any language of the catalogue."""

    def say(self, language: Language) -> str: ...


class Because(Struct, frozen=True):
    """One piece of evidence: what was seen, in which frames (from 1), and when."""

    said: Sentence
    frames: tuple[int, ...]
    time: float


def because(text: Text, frames: Iterable[int], time: float, **values: object) -> Because:
    """One piece of evidence in the words of the catalogue. Frame 0 (the running edge) is left out."""
    return Because(Said(text, values), tuple(frame for frame in frames if frame), time)


class Found(Struct, frozen=True):
    """What a rule's check gives: the evidence and what is particular to this case.

    `values` fill the placeholders of the rule's title and fix. `severity`, `symptom` and `fix` replace the rule's own
    where the case differs. `leg` is the index of the call's leg, None for all of it. `adds_up`: too little to be
    counted on one call, and something where many calls show it.
    """

    because: tuple[Because, ...]
    values: Mapping[str, object] = field(default_factory=dict)
    leg: int | None = None
    direction: Direction = Direction.NONE
    severity: Severity | None = None
    symptom: Symptom | None = None
    fix: Said | None = None
    confidence: float = 0.9
    adds_up: bool = False


class Finding(Struct, frozen=True):
    """A rule that fired, and on what; `is_own` says of whom: of calls or visitors of this very edge."""

    rule: "Rule"
    found: Found
    is_own: bool = False

    @property
    def code(self) -> str:
        return self.rule.code

    @property
    def severity(self) -> Severity:
        return self.found.severity or self.rule.severity

    @property
    def symptom(self) -> Symptom:
        return self.found.symptom or self.rule.symptom

    @property
    def title(self) -> Said:
        return Said(self.rule.title, self.found.values)

    @property
    def fix(self) -> Said:
        of_rule = (self.rule.own_fix if self.is_own else None) or self.rule.fix
        return self.found.fix or Said(of_rule, self.found.values)

    @property
    def frames(self) -> tuple[int, ...]:
        """Every frame named by the evidence, in order."""
        return tuple(sorted({frame for because in self.found.because for frame in because.frames}))


CALLER = Text("the caller", "主叫")
CALLEE = Text("the callee", "被叫")


def party(is_caller: bool) -> Text:
    """The word for one end of a call."""
    return CALLER if is_caller else CALLEE

"""What is wrong in an operator's script: where, what, and the nearest right name."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from talkpath.base.errors import Misuse
from talkpath.base.texts import Language, Text


class Place(NamedTuple):
    """A line of a script; line 0 is the file as a whole."""

    file: str
    line: int = 0

    @property
    def brief(self) -> str:
        """`routing.py:12`, as the story of a call names it."""
        return f"{self.file.rpartition('/')[2]}:{self.line}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong. A `hint` is a thing to look at that keeps no script from being used."""

    place: Place
    text: Text
    values: Mapping[str, object] = field(default_factory=dict)
    is_hint: bool = False

    def say(self, language: Language) -> str:
        """`FILE:LINE: what is wrong and what to do`."""
        values = {
            name: value.say(language) if isinstance(value, Text) else value for name, value in self.values.items()
        }
        return f"{self.place}: {self.text.say(language, **values)}"


class BadScript(Misuse):
    """A script that can not be used; `mistakes` are in the order of its lines."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.place)
        super().__init__("bad-script", "\n".join(mistake.say(Language.EN) for mistake in self.mistakes))

    def say(self, language: Language) -> str:
        """All of them, one a line."""
        return "\n".join(mistake.say(language) for mistake in self.mistakes)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant; "" where none is near."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""

"""What is wrong in a configuration file, and where."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from talkpath.app.console.phrase import Phrase
from talkpath.base.errors import Misuse
from talkpath.base.texts import Language

if TYPE_CHECKING:
    from talkpath.app.config.places import Place


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a configuration file."""

    file: str
    place: "Place | None"
    what: Phrase

    def say(self, language: Language) -> str:
        """`FILE:LINE:COLUMN: what is wrong and what to do`."""
        where = f"{self.file}:{self.place.line}:{self.place.column}" if self.place else self.file
        return f"{where}: {self.what.say(language)}"


class BadConfig(Misuse):
    """A configuration file that cannot be used; `mistakes` are in the order of the file."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("bad-config", "\n".join(mistake.say(Language.EN) for mistake in mistakes))
        self.mistakes = mistakes

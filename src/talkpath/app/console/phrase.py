"""A text together with its values: a sentence that is not yet said in any language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkpath.base import limits
from talkpath.base.errors import Unavailable
from talkpath.base.readable import brief
from talkpath.base.texts import Language, Text


@dataclass(frozen=True, slots=True)
class Phrase:
    """What to say. A value may be a phrase or a text itself, and is then said in the same language."""

    text: Text
    values: Mapping[str, object] = field(default_factory=dict)

    def say(self, language: Language) -> str:
        return self.text.say(language, **{name: _said(value, language) for name, value in self.values.items()})

    def say_briefly(self, language: Language) -> str:
        """For lines of a log: what peers wrote takes no more than `limits.LOGGED_VALUE` characters a value."""
        return self.text.say(language, **{name: _in_brief(value, language) for name, value in self.values.items()})


def phrase(text: Text, **values: object) -> Phrase:
    """`Phrase` with its values as keyword arguments."""
    return Phrase(text, values)


def _said(value: object, language: Language) -> object:
    if isinstance(value, Phrase):
        return value.say(language)
    return value.say(language) if isinstance(value, Text) else value


def _in_brief(value: object, language: Language) -> object:
    if isinstance(value, Phrase):
        return value.say_briefly(language)
    return brief(value, limits.LOGGED_VALUE) if isinstance(value, str) else _said(value, language)


class Trouble(Unavailable):
    """The world failed; `what` says how, and what to do, in either language."""

    def __init__(self, code: str, what: Phrase) -> None:
        super().__init__(code, what.say(Language.EN))
        self.what = what


class Misuse(Trouble):
    """The command was given something that it cannot mean."""

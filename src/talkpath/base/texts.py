"""The message catalogue: a text is written once in every language that operators read.

Each room keeps its texts as constants in its own `words.py`; a test checks that the languages of a text name the
same placeholders. Data carries the text's values, never a finished sentence, so it can be said in another language
later.
"""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language that operators read."""

    EN = "en"
    ZH = "zh"

    @classmethod
    def of_locale(cls, name: str | None) -> "Language":
        """The language of a POSIX locale name such as `zh_CN.UTF-8`; English where it names none of ours."""
        return cls.ZH if (name or "").lower().startswith("zh") else cls.EN


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence, with `{placeholders}` that are the same in each language."""

    en: str
    zh: str

    def say(self, language: Language, /, **values: object) -> str:
        """The sentence in `language` with its placeholders filled."""
        return (self.zh if language is Language.ZH else self.en).format(**values)

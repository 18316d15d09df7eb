"""What one look of `talkpath doctor` gives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from talkpath.app.console.phrase import Phrase
from talkpath.base.texts import Text


class Health(StrEnum):
    """`NOTE`: it works, and may not be what is meant. `PROBLEM`: something does not work, or soon will not."""

    GOOD = "good"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Look:
    """What was looked at, how it is, and what was seen."""

    subject: Text
    health: Health
    seen: Phrase


def problems(subject: Text, seen: Iterable[Phrase]) -> Iterator[Look]:
    """Each of these as a problem of a subject."""
    return (Look(subject, Health.PROBLEM, one) for one in seen)

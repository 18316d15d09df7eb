"""What is wrong with a sound file that is to be announced."""

from talkpath.app.config import words
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.recordings.announcement import announcement_of
from talkpath.base.errors import Malformed, Unavailable
from talkpath.base.limits import ANNOUNCEMENT_S

_TEXTS = {
    "needs-pyav": words.ANNOUNCEMENT_NEEDS_PYAV,
    "too-long": words.ANNOUNCEMENT_TOO_LONG,
    "no-sound": words.ANNOUNCEMENT_NO_SOUND,
}


def mistake_in_announcement(file: str) -> Phrase | None:
    """What is wrong with it; None where it can be played, or none is named."""
    try:
        announcement_of(file)
    except (Malformed, Unavailable) as error:
        text = _TEXTS.get(error.code, words.NO_ANNOUNCEMENT)
        return phrase(text, file=file, why=error.reason, most=ANNOUNCEMENT_S)
    return None

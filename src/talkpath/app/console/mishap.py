"""What the command line says when the disk, the database or another room failed."""

import errno

from talkpath.app import words
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.state.words import FILE_TROUBLE, STORE
from talkpath.base.errors import TalkpathError
from talkpath.base.texts import Language


def said_of(error: TalkpathError, language: Language) -> str:
    """The sentence of a known failure, in the language where it has words in it."""
    if isinstance(error, Trouble):
        return error.what.say(language)
    text = STORE.get(error.code)
    return str(error) if text is None else text.say(language, path=error.place, reason=error)


def trouble_with_a_file(error: OSError) -> Phrase | None:
    """What the disk refused, as a sentence; None where it is no file of which we know the name."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return phrase(words.DISK_FULL_AT, path=error.filename) if error.filename else phrase(words.DISK_FULL)
    if error.filename is None:
        return None
    return phrase(FILE_TROUBLE, path=error.filename, reason=error.strerror)

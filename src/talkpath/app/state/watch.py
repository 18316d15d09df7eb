"""Whether a running edge still has its state directory: one whose file system went away takes what is written into
files that nobody finds again, and says nothing."""

import logging
import os
from pathlib import Path

from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.state import words as texts
from talkpath.app.state.directory import DATABASE
from talkpath.base.texts import Language

_AGAIN_S = 60.0
_LEAST_FREE_BYTES = 16 * 1024 * 1024

_log = logging.getLogger("talkpath.state")


class StateWatch:
    """Says once a minute what is wrong, from when it is."""

    def __init__(self, state: Path, language: Language) -> None:
        self._path = state
        self._language = language
        self._database = _identity(state / DATABASE)
        self._say_again_at = 0.0

    def look(self, now: float) -> None:
        """Look, and say what is wrong where that was not said a moment ago."""
        what = self._amiss()
        if what is None:
            self._say_again_at = 0.0
        elif now >= self._say_again_at:
            self._say_again_at = now + _AGAIN_S
            _log.error(what.say(self._language))

    def _amiss(self) -> Phrase | None:
        if self._database is None or _identity(self._path / DATABASE) != self._database:
            return phrase(texts.STATE_VANISHED, path=self._path)
        try:
            room = os.statvfs(self._path)
        except OSError:
            return phrase(texts.STATE_VANISHED, path=self._path)
        if room.f_flag & os.ST_RDONLY:
            return phrase(texts.STATE_READ_ONLY, path=self._path)
        free = room.f_bavail * room.f_frsize
        # A file system that counts no blocks (some network ones) tells nothing.
        if room.f_blocks and free < _LEAST_FREE_BYTES:
            return phrase(texts.STATE_FULL, path=self._path, free=free // (1024 * 1024))
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

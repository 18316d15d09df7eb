"""What the log says of phones: users for whom a contact came that was one too many."""

import logging

from talkpath.app.console.phrase import phrase
from talkpath.app.log.formats import tell
from talkpath.app.registrations import words
from talkpath.base.texts import Language
from talkpath.edge.registrar.registrar import Registrar

_log = logging.getLogger("talkpath.phones")

# A phone that comes again each second needs one line, and so do a hundred of them.
_PAUSE_S = 60.0
_LINES = 10


class PhoneLog:
    """Looks once a second, and tells once a minute."""

    def __init__(self, registrar: Registrar, language: Language) -> None:
        self._registrar = registrar
        self._language = language
        self._told_at = 0.0

    def tell(self, now: float) -> None:
        """Look once."""
        if now - self._told_at < _PAUSE_S or not (told := self._registrar.crowds.take()):
            return
        self._told_at = now
        for one in told[:_LINES]:
            text = words.TOO_MANY if one.refused else words.MADE_ROOM
            values = {"agent": one.agent or "?", "made_room": one.made_room, "refused": one.refused}
            what = phrase(text, user=one.user, source=one.source, **values)
            tell(_log, logging.WARNING, "too-many-phones", what, self._language)
        if len(told) > _LINES:
            _log.warning("%s", phrase(words.MORE_CROWDED, count=len(told) - _LINES).say_briefly(self._language))

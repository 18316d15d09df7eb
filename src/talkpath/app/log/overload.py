"""What the log says of overload: how many new calls were refused, once a minute while it lasts."""

import logging
from collections.abc import Mapping

from talkpath.app import words
from talkpath.app.console.phrase import phrase
from talkpath.app.log.formats import tell
from talkpath.base.texts import Language

_log = logging.getLogger("talkpath.load")

_PAUSE_S = 60.0


class OverloadLog:
    """Looks at the counters of `net` (docs/decisions/overload.md)."""

    def __init__(self, counters: Mapping[str, int], language: Language) -> None:
        self._counters = counters
        self._language = language
        self._told = (0, 0)
        self._told_at = 0.0

    def tell(self, now: float) -> None:
        """Look once; to be called every second."""
        calls = self._counters.get("calls_refused_overloaded", 0)
        others = self._counters.get("requests_dropped_overloaded", 0)
        if (calls, others) == self._told or now - self._told_at < _PAUSE_S:
            return
        more = phrase(words.OVERLOADED, calls=calls - self._told[0], others=others - self._told[1])
        tell(_log, logging.WARNING, "overload", more, self._language)
        self._told, self._told_at = (calls, others), now

"""What the guard tells the log: each ban, credentials that are refused, accounts that call too much, and one line a
minute about a flood."""

import logging

from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.log.formats import tell
from talkpath.app.users import bans_words as words
from talkpath.base.texts import Language
from talkpath.calls.guarded import Ban, Refused, Tolled
from talkpath.calls.guarded_words import WHY
from talkpath.calls.words import MOMENTS
from talkpath.edge.admission.guard import Guard

_log = logging.getLogger("talkpath.guard")

_MINUTE_S = 60.0
# Lines of one kind in a minute; what is more is counted.
_LINES = 10
_EVENTS = {"bans": "banned", "refused": "refused", "again": "refused"}


def banned(ban: Ban) -> Phrase:
    """A ban in one sentence."""
    methods = ", ".join(f"{count} {method}" for method, count in ban.methods.items()) or "-"
    values = {"methods": methods, "users": ", ".join(ban.users) or "-"}
    seconds = (ban.until or ban.since) - ban.since
    return phrase(words.BANNED, source=ban.source, seconds=seconds, code=ban.code, kind=ban.kind, **values)


def refused(one: Refused) -> Phrase:
    """A user who was not let in, in one sentence."""
    values = {"method": one.method, "user": one.user or "?", "source": one.source, "times": one.times}
    more = {"reason": one.why, "transport": one.transport, "user_agent": one.agent}
    return phrase(words.REFUSED, why=WHY[one.why], **values, **more)


class GuardLog:
    """Looks once a second."""

    def __init__(self, guard: Guard, language: Language) -> None:
        self._guard = guard
        self._language = language
        self._minute = 0.0
        self._lines: dict[str, int] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._dropped = 0
        self._turned_away = 0
        self._tolled_at = 0.0

    def count_turned_away(self) -> None:
        """A call of a stranger came to nothing, and has no lines of its own."""
        self._turned_away += 1

    def tell(self, now: float) -> None:
        """Look once."""
        for ban in self._guard.take_told():
            self._line("bans", banned(ban))
        for one in self._guard.refused():
            key = (one.user, one.source)
            if key not in self._seen:
                self._seen[key] = one.times
                self._line("refused", refused(one))
        if now - self._tolled_at >= _MINUTE_S and (told := self._guard.toll.take_told()):
            self._tolled_at = now
            _log.warning(self._tolled(told).say_briefly(self._language))
        if now - self._minute >= _MINUTE_S:
            self._end_minute()
            self._minute = now

    def _tolled(self, told: list[Tolled]) -> Phrase:
        """One sentence: who was refused most, why, and how many others there are."""
        most = max(told, key=lambda one: one.times)
        why = phrase(MOMENTS[most.kind], user=most.user, limit=most.limit)
        values = {"times": most.times, "source": most.source, "number": most.number, "others": len(told) - 1}
        return phrase(words.TOLLED, user=most.user, why=why, **values)

    def _line(self, kind: str, what: Phrase) -> None:
        self._lines[kind] = self._lines.get(kind, 0) + 1
        if self._lines[kind] <= _LINES:
            tell(_log, logging.WARNING, _EVENTS[kind], what, self._language)

    def _end_minute(self) -> None:
        """Those that went on, and what was left out."""
        lines, self._lines = self._lines, {}
        for kind, text in (("bans", words.MORE_BANNED), ("refused", words.MORE_REFUSED)):
            if lines.get(kind, 0) > _LINES:
                _log.warning(phrase(text, count=lines[kind] - _LINES).say_briefly(self._language))
        known = {(one.user, one.source): one for one in self._guard.refused()}
        for key, one in known.items():
            if self._seen.get(key, one.times) != one.times:
                self._line("again", refused(one))
        self._seen = {key: one.times for key, one in known.items()}
        dropped = sum(count for name, count in self._guard.sources.counts() if name.startswith("dropped"))
        if self._turned_away or dropped != self._dropped:
            values = {"calls": self._turned_away, "dropped": dropped - self._dropped}
            _log.warning(phrase(words.TURNED_AWAY, **values).say_briefly(self._language))
        self._turned_away, self._dropped = 0, dropped

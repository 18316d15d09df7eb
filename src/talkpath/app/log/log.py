"""What a running node says on standard error: one line when a call begins and one when it ends, and its troubles."""

import logging
from collections.abc import Callable

from talkpath.app import words
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.log.formats import HANDLER, Format, handler_of, tell
from talkpath.base.texts import Language
from talkpath.calls.build import summary_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Summary
from talkpath.calls.trace import Trace
from talkpath.calls.words import ENDINGS, RESULTS, SIDES

_log = logging.getLogger("talkpath.calls")

_TURNED_AWAY = ("auth.challenged", "auth.refused")


def start_logging(level: str, wanted: Format = "text") -> None:
    """Have everything of ours at `level` ("info" ...) and above written, of others warnings."""
    logging.basicConfig(level=logging.WARNING, handlers=[handler_of(wanted)])
    logging.getLogger("talkpath").setLevel(level.upper())


def follow_logging(level: str, wanted: Format = "text") -> None:
    """The same from now on, where it was begun."""
    logging.getLogger("talkpath").setLevel(level.upper())
    root = logging.getLogger()
    for before in [one for one in root.handlers if one.name == HANDLER]:
        root.addHandler(handler_of(wanted))
        root.removeHandler(before)
        before.close()


class CallLog:
    """Tells of calls that began or ended since it last looked, so the calls themselves pay nothing for it.

    `turned_away` hears of those of strangers who got nowhere, which have no lines of their own.
    """

    def __init__(self, ledger: Ledger, language: Language, turned_away: Callable[[], None] = lambda: None) -> None:
        self._ledger = ledger
        self._turned_away = turned_away
        self._language = language
        self._last_begun = 0
        #: by number: those that nothing was said of yet, and those whose beginning was told
        self._untold: dict[int, Trace] = {}
        self._running: dict[int, Trace] = {}

    def tell(self) -> None:
        """Look once. Cheap, and silent, when nobody would read it."""
        if not _log.isEnabledFor(logging.INFO):
            return
        is_open = set()
        for trace in self._ledger.running():
            is_open.add(trace.number)
            if trace.number > self._last_begun and trace.messages:
                self._last_begun = trace.number
                if _is_over_a_limit(trace):
                    continue
                if _is_of_a_stranger(trace):
                    self._turned_away()
                    continue
                self._untold[trace.number] = trace
        for number, trace in list(self._untold.items()):
            if not _is_asked_for_credentials(trace):
                self._running[number] = self._untold.pop(number)
                self._say("call.begun", _begun(summary_of(trace)))
            elif number not in is_open:
                del self._untold[number]
        for number, trace in list(self._running.items()):
            if trace.ended_at is not None:
                del self._running[number]
                self._say("call.ended", _ended(summary_of(trace)))

    def _say(self, event: str, what: Phrase) -> None:
        tell(_log, logging.INFO, event, what, self._language)


def _is_asked_for_credentials(trace: Trace) -> bool:
    """A call that was challenged is none yet: most callers come back with credentials, strangers do not."""
    answers = (raw for _, _, raw, sent in reversed(trace.live) if sent and raw.startswith(b"SIP/2.0 "))
    return trace.ended_at is not None and next(answers, b"")[8:11] in (b"401", b"407")


def _is_of_a_stranger(trace: Trace) -> bool:
    """A call that was asked for proof and came to nothing. A flood of them is worth no line each."""
    return trace.ended_how == "refused" and bool(trace.moments) and trace.moments[-1].kind in _TURNED_AWAY


def _is_over_a_limit(trace: Trace) -> bool:
    """A call that its account may not make now; the guard tells of all of them once a minute."""
    return trace.ended_how == "refused" and any(moment.kind.startswith("toll.") for moment in trace.moments[-2:])


def _begun(row: Summary) -> Phrase:
    return phrase(words.CALL_BEGAN, caller=row.caller, callee=row.callee, source=row.source, id=row.id)


def _ended(row: Summary) -> Phrase:
    values = {"caller": row.caller, "callee": row.callee, "id": row.id}
    if row.talk_s is not None:
        ending = phrase(ENDINGS.get(row.ended_how, ENDINGS[""]), by=SIDES[row.ended_by.value])
        return Phrase(words.CALL_ENDED, values | {"talk_s": row.talk_s, "ending": ending})
    return Phrase(words.CALL_FAILED, values | {"result": RESULTS[row.result], "status": row.status})

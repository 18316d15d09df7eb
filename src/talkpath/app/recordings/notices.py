"""Who is told of recordings, as the configuration says, and what the log says of that."""

import logging
from contextlib import suppress
from urllib.parse import urlsplit

from talkpath.app.config.recording import Recording
from talkpath.app.console.phrase import phrase
from talkpath.app.recordings import notice_words as words
from talkpath.base.texts import Language
from talkpath.store.notices.notifier import Event, Heard, Notifier, Receiver, Told, Untold
from talkpath.store.notices.outbox import Outbox
from talkpath.store.notices.signing import key_of
from talkpath.store.recordings.layout import Layout

_log = logging.getLogger("talkpath.recordings")


def notifier_of(recording: Recording, layout: Layout, language: Language) -> Notifier | None:
    """What tells of recordings; None where nobody is to be told."""
    if not recording.notice_url or recording.notice_secret is None:
        with suppress(OSError):
            Outbox(layout).close()
        return None
    key = key_of(recording.notice_secret.reveal())
    receiver = Receiver(recording.notice_url, key, is_after_storing=bool(recording.store))
    return Notifier(layout, receiver, NoticeLog(recording.notice_url, language).told)


class NoticeLog:
    """Says when notices begin not to be taken, each time that one failed twice as often, and when they are again."""

    def __init__(self, url: str, language: Language) -> None:
        # What follows a question mark is often a password.
        self._url = urlsplit(url)._replace(query="").geturl()
        self._language = language

    def told(self, event: Event) -> None:
        """The thread that tells of recordings speaks of each try."""
        match event:
            case Untold(failures=failures) if failures & (failures - 1):
                return
            case Untold():
                text = words.FAILURES.get(event.code, words.FAILURES["fault"])
                values = {"url": self._url, "name": event.name, "why": event.reason, "pause": round(event.pause_s)}
                _log.warning("%s", phrase(text, **values).say_briefly(self._language))
            case Heard():
                said = phrase(words.HEARD, url=self._url, waiting=event.waiting)
                _log.warning("%s", said.say_briefly(self._language))
            case Told():
                _log.debug("%s", phrase(words.TOLD, url=self._url, name=event.name).say_briefly(self._language))

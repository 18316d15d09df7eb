"""The certificates that secure listeners show, and that they are taken up when their files change.

Who renews them (certbot, acme.sh) replaces the files, or the links that lead to them, one after the other. A pair
that does not belong together, or has ended, is said, and the one before it is shown on.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.listening.certificate import CertificateFiles, mistakes_in_pair, server_context
from talkpath.app.process.beside import beside
from talkpath.app.reload import words as texts
from talkpath.base.texts import Language
from talkpath.routing.watching import Watch

_log = logging.getLogger("talkpath.tls")


class Presented:
    """See the module's docstring. `context` is what is shown to who connects now."""

    def __init__(self, files: Sequence[CertificateFiles], language: Language) -> None:
        """Raises OSError where they cannot be served."""
        self.files = tuple(files)
        self.context = server_context(files)
        self._language = language
        self._watch = Watch(_paths(files))
        self._task: asyncio.Task[None] | None = None

    def take(self, files: Sequence[CertificateFiles], context: ssl.SSLContext | None) -> None:
        """Show these from now on."""
        if tuple(files) != self.files:
            self.files = tuple(files)
            self._watch = Watch(_paths(files))
        self.context = context

    def look(self) -> None:
        """Take up files that changed. To be called every second."""
        if self._watch.is_changed() and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._take_up(self.files))

    async def _take_up(self, files: tuple[CertificateFiles, ...]) -> None:
        loop = asyncio.get_running_loop()
        try:
            context, mistakes = await beside(loop, lambda: _tried(files), "talkpath-certificates")
        except OSError as error:
            context, mistakes = None, [phrase(texts.REASON, reason=error.strerror or str(error))]
        if files != self.files:
            return  # a reload was faster
        if context is None:
            for what in mistakes:
                _log.warning("%s", phrase(texts.CERTIFICATE_KEPT, what=what).say(self._language))
            return
        self.take(files, context)
        for pair in files:
            _log.info("%s", phrase(texts.CERTIFICATE_TAKEN, path=pair.certificate).say(self._language))


def _tried(files: Iterable[CertificateFiles]) -> tuple[ssl.SSLContext | None, list[Phrase]]:
    pairs = tuple(files)
    mistakes = [what for pair in pairs for _, what in mistakes_in_pair(pair.certificate, pair.key)]
    return (None, mistakes) if mistakes else (server_context(pairs), [])


def _paths(files: Iterable[CertificateFiles]) -> Iterator[Path]:
    for pair in files:
        yield from (pair.certificate, pair.key)

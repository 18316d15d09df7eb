"""The history that several nodes share, as the configuration names it: who writes there, who reads, what is said."""

import logging
import socket
import time
from collections.abc import Callable

from talkpath.app.cluster import history_words as words
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.node.start import Prepared
from talkpath.base.texts import Language, Text
from talkpath.store.history import History, Retention
from talkpath.store.shared.forwarding import CannotShare, Forwarder, Why
from talkpath.store.writer import Writer

# How long the database may take for what waits until that is said.
_PATIENCE_S = 15.0

_log = logging.getLogger("talkpath.history")


class SharedHistory:
    """What the node sees of it: who brings its calls there, and what is to be said of that."""

    def __init__(self, forwarder: Forwarder, language: Language) -> None:
        self._forwarder = forwarder
        self._language = language
        self._why: Why | None = None
        self._refused = 0

    def tell(self) -> None:
        """Say when it is away, and when it is back: to be called every second."""
        health, why, said = self._forwarder.health, None, phrase(words.BACK)
        lasting_s = 0.0 if health.turn_at is None else time.monotonic() - health.turn_at
        if lasting_s > _PATIENCE_S:
            why, said = Why.SILENT, phrase(words.WHY[Why.SILENT], seconds=lasting_s)
        elif health.trouble is not None:
            why, said = health.trouble.why, why_not(health.trouble)
        elif health.turn_at is not None:
            return
        if why is not self._why:
            self._why = why
            if why is None:
                self._line(logging.INFO, words.BACK, waiting=health.waiting)
            else:
                self._line(logging.WARNING, words.WAITS, why=said, waiting=health.waiting)
        if health.refused > 2 * self._refused:
            self._refused = health.refused
            self._line(logging.WARNING, words.REFUSED, count=health.refused)

    def counters(self) -> dict[str, int]:
        """For the metrics."""
        return self._forwarder.counters()

    @property
    def gauges(self) -> dict[str, Callable[[], float]]:
        """For the metrics."""
        return self._forwarder.gauges

    def close(self) -> None:
        """Hand over what was written, as far as that can be done now."""
        self._forwarder.close()

    def _line(self, level: int, text: Text, **values: object) -> None:
        _log.log(level, "%s", phrase(text, **values).say_briefly(self._language))


def shared_history(prepared: Prepared, writer: Writer, retention: Retention) -> SharedHistory | None:
    """The history that this node shares, None where its calls are its own. Raises `Trouble`."""
    config = prepared.config
    if not config.history.url:
        return None
    try:
        from talkpath.store.shared.postgres import PostgresWriter
    except ImportError as error:
        raise _not_installed(error) from error
    node = config.cluster.node or socket.gethostname()
    destination = PostgresWriter(config.history.url, node)
    return SharedHistory(Forwarder(prepared.database, writer, destination, retention), prepared.language)


def read_shared(config: Config, own: int | None, *, is_edge_running: bool, is_own_only: bool) -> History | None:
    """The calls of all nodes, or only what this one, `own`, wrote there; None where nothing is shared. Raises
    CannotShare, `Trouble`."""
    if not config.history.url:
        return None
    try:
        from talkpath.store.shared.postgres import PostgresHistory
    except ImportError as error:
        raise _not_installed(error) from error
    return PostgresHistory(config.history.url, own, is_edge_running=is_edge_running, is_own_only=is_own_only)


def why_not(trouble: CannotShare) -> Phrase:
    """What hinders."""
    return phrase(words.WHY[trouble.why], said=trouble.said)


def _not_installed(error: ImportError) -> Trouble:
    return Trouble("not-installed", phrase(words.NOT_INSTALLED, module=error.name or "psycopg"))

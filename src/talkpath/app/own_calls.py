"""The calls of one edge: those that run, asked of it, and those of the past, from its history."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from talkpath.app import calls_words as texts
from talkpath.app.config.tree import Config
from talkpath.app.control import Change, ControlClient
from talkpath.app.phrase import Trouble, phrase
from talkpath.app.state import DATABASE, state_directory
from talkpath.base.readable import printable, readable
from talkpath.calls.guarded import Ban, Refused
from talkpath.calls.ids import id_of
from talkpath.calls.model import Summary
from talkpath.calls.trace import Trace
from talkpath.store.history import HistoryReader, Wanted

# Callers of `trace` name one call; two are enough to see that a name is ambiguous.
_NAMED = 5


class OwnCalls:
    """See the module's docstring. The edge need not run."""

    def __init__(self, config: Config) -> None:
        state = state_directory(config)
        self._edge = ControlClient(state)
        self._database = state / DATABASE

    def rows(self, wanted: Wanted) -> tuple[list[Summary], bool]:
        """The calls wanted, the oldest first; whether an edge runs."""
        running = self._edge.rows(wanted)
        with self._history(is_edge_running=running is not None) as history:
            past = history.find(wanted) if history else []
        rows = {(row.id, row.call_id): row for row in [*past, *(running or ())]}
        return sorted(rows.values(), key=lambda row: row.start)[-wanted.limit :], running is not None

    def guarded(self) -> tuple[list[Ban], list[Refused]]:
        """What the guard of the running edge tells; nothing when none runs here."""
        return self._edge.bans() or [], self._edge.refused()

    def changes(self, wanted: Wanted) -> Iterator[Change] | None:
        """The calls that run, then each as it begins, is answered and ends, and what the guard tells; None when no
        edge runs here."""
        changes = self._edge.follow(wanted)
        if changes is None:
            return None
        running = [row for row in self._edge.rows(wanted) or () if row.ended_at is None]
        return chain(reversed(running), changes)

    def trace(self, name: str) -> Trace:
        """The one call of this id, of one that begins so, or of this Call-ID. Raises `Trouble`."""
        found = self._edge.named(name)
        if not found:
            with self._history() as history:
                found = history.named(name, _NAMED) if history else []
        if not found:
            raise Trouble("no-such-call", phrase(texts.NO_SUCH_CALL, name=printable(name)))
        if len(found) > 1 and readable(name) not in map(readable, found[0].call_ids):
            ids = ", ".join(id_of(trace.call_ids[0], trace.start) for trace in found)
            raise Trouble("several-calls", phrase(texts.SEVERAL_CALLS, name=printable(name), ids=ids))
        return found[0]

    def traces(self, wanted: Wanted) -> list[Trace]:
        """The calls wanted, whole, the oldest first."""
        running = self._edge.traces(wanted)
        with self._history(is_edge_running=running is not None) as history:
            past = history.traces(wanted) if history else []
        found = {(trace.call_ids[0], trace.start): trace for trace in [*past, *(running or ())]}
        return sorted(found.values(), key=lambda trace: trace.start)[-wanted.limit :]

    @contextmanager
    def _history(self, is_edge_running: bool = False) -> Iterator[HistoryReader | None]:
        """The history, or None where there is no file yet."""
        known = self._database.exists()
        reader = HistoryReader(self._database, is_edge_running=is_edge_running) if known else None
        try:
            yield reader
        finally:
            if reader is not None:
                reader.close()

"""The calls of one edge: those that run, asked of it, and those of the past, from its history."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from heapq import merge
from itertools import chain, islice

from talkpath.app.calls import words as texts
from talkpath.app.cluster import history_words
from talkpath.app.cluster.shared_history import read_shared, why_not
from talkpath.app.config.tree import Config
from talkpath.app.console import options
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.node.control import Change, ControlClient
from talkpath.app.state.directory import DATABASE, state_directory
from talkpath.base.readable import printable, readable
from talkpath.calls.guarded import Ban, Refused
from talkpath.calls.ids import id_of
from talkpath.calls.model import Summary
from talkpath.calls.trace import Trace
from talkpath.store.history import History, HistoryReader, Wanted
from talkpath.store.shared.forwarding import CannotShare

# Callers of `trace` name one call; two are enough to see that a name is ambiguous.
_NAMED = 5


class OwnCalls:
    """See the module's docstring. The edge need not run."""

    def __init__(self, config: Config) -> None:
        self._config = config
        state = state_directory(config)
        self._edge = ControlClient(state)
        self._database = state / DATABASE

    @contextmanager
    def rows(self, wanted: Wanted) -> Iterator[tuple[Iterator[Summary], bool]]:
        """The calls wanted, the oldest first, as they are read; whether an edge runs."""
        running = self._edge.rows(wanted)
        with self._histories(is_edge_running=running is not None) as histories:
            yield _oldest_first(histories, running or [], wanted), running is not None

    def media_by_sockets(self) -> str:
        """Why media of the running edge does not pass in the kernel, though it may; empty where it does."""
        status = self._edge.status()
        return "" if status is None else status.media_by_sockets

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
            with self._histories() as histories:
                named = (history.named(name, _NAMED) for history in histories)
                found = list({(one.call_ids[0], one.start): one for traces in named for one in traces}.values())
        if not found:
            raise Trouble("no-such-call", phrase(texts.NO_SUCH_CALL, name=printable(name)))
        if len(found) > 1 and readable(name) not in map(readable, found[0].call_ids):
            ids = ", ".join(id_of(trace.call_ids[0], trace.start) for trace in found)
            raise Trouble("several-calls", phrase(texts.SEVERAL_CALLS, name=printable(name), ids=ids))
        return found[0]

    def traces(self, wanted: Wanted, *, is_own_only: bool = False) -> list[Trace]:
        """The calls wanted, whole, the oldest first; `is_own_only`: without those of other nodes."""
        running = self._edge.traces(wanted)
        with self._histories(is_edge_running=running is not None, is_own_only=is_own_only) as histories:
            past = [trace for history in histories for trace in history.traces(wanted)]
        found = {(trace.call_ids[0], trace.start): trace for trace in [*past, *(running or ())]}
        return sorted(found.values(), key=lambda trace: trace.start)[-wanted.limit :]

    @contextmanager
    def _histories(self, *, is_edge_running: bool = False, is_own_only: bool = False) -> Iterator[list[History]]:
        """What is shared, and what this node alone has, which may be newer; without what there is not."""
        with ExitStack() as stack:
            own: HistoryReader | None = None
            if self._database.exists():
                own = stack.enter_context(closing(HistoryReader(self._database, is_edge_running=is_edge_running)))
            shared: History | None = None
            try:
                writer = None if own is None else own.writer()
                shared = read_shared(self._config, writer, is_edge_running=is_edge_running, is_own_only=is_own_only)
            except CannotShare as trouble:
                said = phrase(history_words.LOCAL_ONLY, why=why_not(trouble))
                print(said.say(options.LANGUAGE), file=sys.stderr)
            if shared is not None:
                stack.enter_context(closing(shared))
            try:
                yield [history for history in (shared, own) if history is not None]
            except CannotShare as trouble:
                raise Trouble(f"history-{trouble.why}", why_not(trouble)) from trouble


def _oldest_first(histories: list[History], running: list[Summary], wanted: Wanted) -> Iterator[Summary]:
    """The latest calls wanted in the order of time. Histories are read twice, so that nobody holds them all: first
    to see where these begin."""
    found, since, too_many = 0, 0.0, 0
    for row in _merged([history.find(wanted) for history in histories], running, oldest_first=False):
        if found == wanted.limit and row.start < since:
            break
        too_many += found == wanted.limit
        found += found < wanted.limit
        since = row.start
    latest = replace(wanted, since=since)
    past = [history.find(latest, oldest_first=True) for history in histories]
    rows = _merged(past, [row for row in running if row.start >= since], oldest_first=True)
    return islice(rows, too_many, too_many + found)


def _merged(past: list[Iterator[Summary]], running: list[Summary], *, oldest_first: bool) -> Iterator[Summary]:
    """All of them in the order of time, each once: the edge knows its calls best."""
    running = sorted(running, key=_start, reverse=not oldest_first)
    known: set[tuple[str, str]] = set()
    start: float | None = None
    for row in merge(running, *past, key=_start, reverse=not oldest_first):
        if row.start != start:
            start = row.start
            known.clear()
        if (row.id, row.call_id) not in known:
            known.add((row.id, row.call_id))
            yield row


def _start(row: Summary) -> float:
    return row.start

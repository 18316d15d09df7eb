"""The calls of a node on their way into a history that several share: nothing is lost, doubled or out of order."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from talkpath.calls.model import Side
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import HistoryReader, Retention, Wanted
from talkpath.store.shared import forwarding
from talkpath.store.shared.forwarding import Batch, CannotShare, Forwarder, Row, Why

from .kept import Registered, Running, trace


class Shared:
    """A shared history in memory. `trouble`: what every question ends in."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.batches: list[Batch] = []
        self.heard: list[int] = []
        self.trouble: CannotShare | None = None
        self.refused: set[object] = set()
        self.asked = 0

    def put(self, writer: int, batch: Batch) -> set[int]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        assert {row.page for row in batch.rows} == set(batch.pages)
        self.batches.append(batch)
        refused = {row.number for row in batch.rows if row.values[1] in self.refused}
        self.rows += [row for row in batch.rows if row.number not in refused]
        return refused

    def alive(self, writer: int, alive_ms: int) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.heard.append(alive_ms)

    def sweep(self, retention: Retention) -> None: ...

    def close(self) -> None: ...

    @property
    def names(self) -> list[object]:
        return [row.values[1] for row in self.rows]


class Node:
    """A store and what brings its calls away."""

    def __init__(self, file: Path, shared: Shared, retention: Retention | None = None) -> None:
        self.file = file
        self.store: EmbeddedStore[Registered] = EmbeddedStore(file, Registered, retention, is_history_shared=True)
        self.history = self.store.history
        self.forwarder = Forwarder(file, self.store.writer, shared, Retention())

    def writes(self) -> None:
        assert self.store.writer.flush()

    def kept(self) -> list[str]:
        reader = HistoryReader(self.file)
        names = [row.call_id for row in reader.find(Wanted())]
        reader.close()
        return names

    def close(self) -> None:
        self.forwarder.close()
        self.store.close()


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
def node(tmp_path: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    for name in ("_PAUSE_S", "_AGAIN_S", "_AGAIN_AT_MOST_S"):
        monkeypatch.setattr(forwarding, name, 0.01)
    made = Node(tmp_path / "talkpath.sqlite", shared)
    yield made
    made.close()


def _until(is_so: Callable[[], bool]) -> bool:
    """Threads do it; there is nothing to wait for but the time."""
    tick, limit = threading.Event(), time.monotonic() + 20
    while not is_so() and time.monotonic() < limit:
        tick.wait(0.005)
    return is_so()


def test_calls_go_in_their_order_and_leave_the_file_empty(node: Node, shared: Shared) -> None:
    for number in range(250):
        node.history.save(trace(number))
    node.writes()
    assert _until(lambda: len(shared.rows) == 250 and not node.kept())
    assert shared.names == [f"{number}@x" for number in range(250)]
    assert max(len(batch.rows) for batch in shared.batches) <= 100
    with sqlite3.connect(node.file) as database:
        assert database.execute("SELECT count(*) FROM pages").fetchone() == (0,)
    database.close()


def test_while_it_is_away_they_wait_also_through_a_restart(node: Node, shared: Shared) -> None:
    shared.trouble = CannotShare(Why.AWAY, "connection refused")
    for number in range(3):
        node.history.save(trace(number))
    node.writes()
    assert _until(lambda: node.forwarder.health.waiting == 3)
    assert node.forwarder.health.trouble is shared.trouble
    assert sorted(node.kept()) == ["0@x", "1@x", "2@x"]
    node.close()
    node.__init__(node.file, shared)  # type: ignore[misc]
    assert _until(lambda: node.forwarder.health.waiting == 3)
    shared.trouble = None
    assert _until(lambda: shared.names == ["0@x", "1@x", "2@x"] and not node.kept())
    assert _until(lambda: node.forwarder.health.trouble is None)


def test_what_cannot_be_had_stays_here_and_is_not_asked_again(node: Node, shared: Shared) -> None:
    shared.refused.add("1@x")
    for number in range(3):
        node.history.save(trace(number))
    node.writes()
    assert _until(lambda: node.kept() == ["1@x"])
    asked = shared.asked
    node.history.save(trace(3))
    node.writes()
    assert _until(lambda: shared.asked > asked and node.kept() == ["1@x"])
    assert (node.forwarder.health.refused, shared.names) == (1, ["0@x", "2@x", "3@x"])


def test_a_call_that_goes_on_is_told_as_it_stands_and_stays_until_it_ended(node: Node, shared: Shared) -> None:
    running = Running()
    node.history.keep(running.ledger.to_keep(), 1001.0)
    assert _until(lambda: len(shared.rows) == 1 and 1_001_000 in shared.heard)
    assert (shared.rows[0].is_open, node.kept()) == (True, ["1@x"])
    running.says(1002.0, running.talk.answer(200))
    node.history.keep(running.ledger.to_keep(), 1003.0)
    assert _until(lambda: len(shared.rows) == 2 and 1_003_000 in shared.heard)
    node.history.save(running.ends(1009.0))
    assert _until(lambda: len(shared.rows) == 3 and not node.kept())
    assert [row.is_open for row in shared.rows] == [True, True, False]


def test_what_is_said_anew_while_it_is_on_its_way_goes_too(node: Node, shared: Shared) -> None:
    running = Running()
    is_on_its_way, may_arrive = threading.Event(), threading.Event()
    put = shared.put

    def slow(writer: int, batch: Batch) -> set[int]:
        is_on_its_way.set()
        may_arrive.wait(10)
        return put(writer, batch)

    shared.put = slow  # type: ignore[method-assign]
    node.history.keep(running.ledger.to_keep(), 1001.0)
    assert is_on_its_way.wait(10)
    running.ledger.ended(1002.0, running.talk.call_id, Side.CALLER, "bye")
    node.history.keep(running.ledger.to_keep(), 1003.0)
    node.writes()
    may_arrive.set()
    assert _until(lambda: [row.is_open for row in shared.rows] == [True, False] and not node.kept())


def test_a_call_that_a_kill_left_open_is_closed_there_too(node: Node, shared: Shared) -> None:
    node.history.keep(Running().ledger.to_keep(), 1001.0)
    assert _until(lambda: len(shared.rows) == 1)
    node.close()
    node.__init__(node.file, shared)  # type: ignore[misc]
    assert _until(lambda: [row.is_open for row in shared.rows] == [True, False] and not node.kept())


def test_what_waits_is_bounded_by_what_is_kept_and_what_goes_is_counted(tmp_path: Path, shared: Shared) -> None:
    shared.trouble = CannotShare(Why.AWAY)
    node = Node(tmp_path / "talkpath.sqlite", shared, Retention(days=10_000, calls=2))
    for number in range(5):
        node.history.save(trace(number))
        node.writes()
    node.history.sweep(2000.0)
    node.writes()
    assert node.kept() == ["4@x", "3@x"] or node.kept() == ["3@x", "4@x"]
    assert node.history.dropped == 3
    node.close()


def test_a_node_that_is_alone_owes_nothing_to_anybody(tmp_path: Path) -> None:
    store: EmbeddedStore[Registered] = EmbeddedStore(tmp_path / "a.sqlite", Registered)
    store.history.save(trace(1))
    assert store.writer.flush()
    with sqlite3.connect(store.path) as database:
        assert database.execute("SELECT count(*) FROM calls WHERE NOT is_sent").fetchone() == (0,)
    database.close()
    store.close()

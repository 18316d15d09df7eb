"""One history for several nodes in a real PostgreSQL, whatever becomes of it."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.store.kept import Registered, Running, trace

from harness.agent import connect, hang_up
from harness.edge import Edge
from harness.postgres import Postgres
from harness.process import wait_until
from talkpath.calls.build import call_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Result, Side
from talkpath.store.embedded import EmbeddedStore
from talkpath.store.history import HistoryReader, Retention, Wanted
from talkpath.store.shared import forwarding
from talkpath.store.shared.forwarding import Forwarder, Why
from talkpath.store.shared.postgres import PostgresHistory, PostgresWriter

pytestmark = pytest.mark.live

KEPT = Retention(days=36_500)
NUMBERS = iter(range(1_000_000))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture
def url(server: Postgres) -> str:
    """A database that is new."""
    name = f"calls{next(NUMBERS)}"
    server.ask(f"CREATE DATABASE {name}", "postgres")
    return server.url(database=name)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_PAUSE_S", "_AGAIN_S", "_AGAIN_AT_MOST_S"):
        monkeypatch.setattr(forwarding, name, 0.1)


class Node:
    """A node as far as its history goes."""

    def __init__(self, place: Path, name: str, url: str, retention: Retention = KEPT) -> None:
        self.file = place / f"{name}.sqlite"
        self.store: EmbeddedStore[Registered] = EmbeddedStore(
            self.file, Registered, retention, is_history_shared=True
        )
        self.history = self.store.history
        self.forwarder = Forwarder(self.file, self.store.writer, PostgresWriter(url, name), retention)

    @property
    def health(self) -> forwarding.Health:
        return self.forwarder.health

    def writes(self) -> None:
        assert self.store.writer.flush()

    def sent(self) -> None:
        """All that was written is there."""
        self.writes()
        assert wait_until(lambda: _waiting(self.file) == 0, 10), self.health

    def hindered(self, why: Why) -> str:
        assert wait_until(lambda: self.health.trouble is not None, 15)
        assert self.health.trouble is not None
        assert self.health.trouble.why is why, self.health.trouble
        return self.health.trouble.said

    def own(self) -> int | None:
        reader = HistoryReader(self.file)
        writer = reader.writer()
        reader.close()
        return writer

    def close(self) -> None:
        self.forwarder.close()
        self.store.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[object]:
    """Makes nodes."""
    made: list[Node] = []

    def make(name: str, url: str, retention: Retention = KEPT) -> Node:
        made.append(Node(tmp_path, name, url, retention))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _waiting(file: Path) -> int:
    database = sqlite3.connect(file)
    (count,) = database.execute("SELECT count(*) FROM calls WHERE NOT is_sent").fetchone()
    database.close()
    return int(count)


class Reader(PostgresHistory):
    """Whoever is at no node."""

    def __init__(self, url: str) -> None:
        super().__init__(url, None, is_edge_running=False, is_own_only=False)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _names(url: str) -> list[str]:
    with Reader(url) as reader:
        return [row.call_id for row in reader.find(Wanted())]


def test_calls_of_all_nodes_are_found_and_read_as_those_of_one(url, node) -> None:
    a, b = node("a", url), node("b", url)
    traces = [trace(1, 1000.0), trace(2, 2000.0, caller="1_0%1"), trace(3, 3000.0, status=486)]
    for one, of in zip(traces, (a, b, a), strict=True):
        of.history.save(one)
    for number in range(40, 80):
        b.history.save(trace(number, number))
    a.sent()
    b.sent()
    with Reader(url) as reader:
        assert [row.call_id for row in reader.find(Wanted(since=900.0))] == ["3@x", "2@x", "1@x"]
        assert [row.call_id for row in reader.find(Wanted(since=1500.0, until=2500.0))] == ["2@x"]
        assert [row.call_id for row in reader.find(Wanted(result=Result.BUSY))] == ["3@x"]
        assert [row.call_id for row in reader.find(Wanted(number="_0%"))] == ["2@x"]
        assert [row.call_id for row in reader.find(Wanted(limit=1))] == ["3@x"]
        assert len(list(reader.find(Wanted()))) == 43
        (row,) = reader.find(Wanted(number="1001", since=900.0, until=1500.0))
        assert (row.result, row.ended_by, row.talk_s) == (Result.ANSWERED, Side.CALLER, 7.0)
        (again,) = reader.named(row.id)
        for part in ("live", "moments", "seconds", "payload_types", "ended_at", "ended_by", "ended_how", "call_ids"):
            assert getattr(again, part) == getattr(traces[0], part)
        assert call_of(again).streams == call_of(traces[0]).streams
        assert [reader.named(f"{number}@x")[0].call_ids for number in (40, 79)] == [["40@x"], ["79@x"]]
        assert reader.named("nobody@x") == []
        assert [one.call_ids[0] for one in reader.traces(Wanted(limit=2))] == ["3@x", "2@x"]
    # What is there needs no room at the node.
    reader = HistoryReader(a.file)
    assert reader.count() == 0
    reader.close()


def test_while_the_database_is_away_calls_wait_in_order_also_through_a_restart(server, url, node, tmp_path) -> None:
    a = node("a", url)
    a.history.save(trace(1, 1000.0))
    a.sent()
    server.away()
    try:
        for number in (2, 3):
            a.history.save(trace(number, number * 1000.0))
            a.writes()
        assert a.hindered(Why.AWAY)
        assert wait_until(lambda: a.health.waiting == 2, 5)
        a.close()
        again = node("a", url)
        again.history.save(trace(4, 4000.0))
        assert again.hindered(Why.AWAY)
    finally:
        server.back()
    again.sent()
    assert wait_until(lambda: again.health.trouble is None, 5)
    assert _names(url) == ["4@x", "3@x", "2@x", "1@x"]


def test_a_database_that_does_not_answer_holds_nobody_up(server, url, node) -> None:
    a = node("a", url)
    a.history.save(trace(1, 1000.0))
    a.sent()
    server.stands_still(still=True)
    try:
        begun = time.monotonic()
        a.history.save(trace(2, 2000.0))
        a.writes()
        assert wait_until(lambda: a.health.turn_at is not None, 5)
        assert time.monotonic() - begun < 5
    finally:
        server.stands_still(still=False)
    a.sent()
    assert _names(url) == ["2@x", "1@x"]


@pytest.mark.parametrize(
    ("values", "said"),
    [({"password": "wrong"}, "password"), ({"database": "nothing"}, "nothing"), ({"user": "nobody"}, "nobody")],
)
def test_who_is_not_let_in_is_told_so(server, node, values, said) -> None:
    a = node("a", server.url(**values))
    a.history.save(trace(1))
    assert said in a.hindered(Why.LOGIN)
    a.writes()
    assert _waiting(a.file) == 1


def test_tables_of_somebody_else_and_of_a_newer_talkpath_are_left_alone(server, url, node) -> None:
    name = url.rpartition("/")[2]
    server.ask("CREATE TABLE talkpath_calls (something integer)", name)
    a = node("a", url)
    a.hindered(Why.FOREIGN)
    assert server.ask("SELECT count(*) FROM talkpath_calls", name) == "0"
    server.ask("DROP TABLE talkpath_calls", name)
    a.history.save(trace(1))
    a.sent()
    server.ask("UPDATE talkpath_version SET version = 99", name)
    assert node("b", url).hindered(Why.NEWER) == "99"


def test_who_may_not_make_tables_is_told_so(server, url, node) -> None:
    name = url.rpartition("/")[2]
    server.ask("CREATE ROLE weak LOGIN PASSWORD 'weak'", name)
    a = node("a", server.url(user="weak", password="weak", database=name))
    assert "permission denied" in a.hindered(Why.PERMISSION)


def test_a_disk_that_is_full_there_keeps_the_calls_here(server, node) -> None:
    server.disk("small", "200k")
    server.ask("CREATE DATABASE filled", "postgres")
    server.ask("ALTER DATABASE filled SET default_tablespace = small")
    a = node("a", server.url(database="filled"))
    for number in range(1_000):
        a.history.save(trace(number, 1000.0 + number))
    a.writes()
    assert "No space left" in a.hindered(Why.FULL)
    reader = HistoryReader(a.file)
    with Reader(server.url(database="filled")) as shared:
        there = {row.call_id for row in shared.find(Wanted(limit=5_000))}
        here = {row.call_id for row in reader.find(Wanted(limit=5_000))}
    reader.close()
    assert len(there | here) == 1_000


def test_a_call_that_the_database_cannot_have_costs_only_itself(url, tmp_path) -> None:
    file = tmp_path / "a.sqlite"
    store: EmbeddedStore[Registered] = EmbeddedStore(file, Registered, KEPT, is_history_shared=True)
    for one in (trace(1, 1000.0), trace(2, 2000.0), trace(3, 3000.0, caller="10\x0001")):
        store.history.save(one)
    store.writer.write(lambda database: database.execute("UPDATE calls SET status = 1 << 40 WHERE call_id = '2@x'"))
    assert store.writer.flush()
    forwarder = Forwarder(file, store.writer, PostgresWriter(url, "a"), KEPT)
    assert wait_until(lambda: forwarder.health.refused == 1, 10)
    forwarder.close()
    assert forwarder.health.trouble is None
    assert _names(url) == ["3@x", "1@x"]
    with Reader(url) as shared:
        assert next(shared.find(Wanted(number="\x00"))).caller == "10\ufffd01"
    reader = HistoryReader(file)
    assert [row.call_id for row in reader.find(Wanted())] == ["2@x"]
    reader.close()
    store.close()


def test_a_call_of_a_node_that_died_is_one_with_what_its_heir_made_of_it(url, node, tmp_path) -> None:
    now = time.time()
    a, b = node("a", url), node("b", url)
    running = Running(now - 20)
    running.says(now - 19, running.talk.answer(200))
    a.history.keep(running.ledger.to_keep(), now)
    a.sent()
    # It runs: its node was heard of a moment ago.
    assert wait_until(lambda: _state(url) == (Result.ANSWERED, None, ""), 5), _state(url)
    (seen,) = running.ledger.to_keep()
    heir = Ledger()
    heir.resumed(now + 1, seen.standing(now))
    heir.begun(seen.call_ids[0])
    b.history.keep(heir.to_keep(), now + 2)
    b.sent()
    heir.ended(now + 9, seen.call_ids[0], Side.CALLER, "bye")
    b.history.keep(heir.to_keep(), now + 10)
    b.sent()
    # The first, which let it go, says so late.
    running.ledger.ended(now + 1, seen.call_ids[0], Side.SERVER, "went-over")
    a.history.save(seen)
    a.sent()
    assert wait_until(lambda: HistoryReader(a.file).count() == 0, 5)
    assert _state(url) == (Result.ANSWERED, now + 9, "bye")
    # It comes back, and says how far it knew.
    a.close()
    again = node("a", url)
    again.sent()
    assert wait_until(lambda: HistoryReader(again.file).count() == 0, 5)
    assert _state(url) == (Result.ANSWERED, now + 9, "bye")
    with psycopg.connect(url) as database:
        assert database.execute("SELECT count(*) FROM talkpath_pages").fetchone() == (1,)


def test_a_call_of_a_node_that_never_came_back_ended_when_it_was_last_alive(url, node) -> None:
    a = node("a", url)
    running = Running(1000.0)
    running.says(1001.0, running.talk.answer(200))
    a.history.keep(running.ledger.to_keep(), 1002.0)
    a.history.keep(running.ledger.to_keep(), 1007.0)
    a.sent()
    with psycopg.connect(url) as database:
        assert wait_until(lambda: _alive(database) == 1_007_000, 5)
        database.execute("UPDATE talkpath_writers SET seen_at = now() - interval '1 minute'")
    assert _state(url) == (Result.ANSWERED, 1007.0, "node-died")


def _alive(database: psycopg.Connection) -> int:
    row = database.execute("SELECT max(alive_ms) FROM talkpath_writers").fetchone()
    database.commit()
    return int(row[0] or 0) if row else 0


def _state(url: str) -> tuple[Result, float | None, str]:
    with Reader(url) as reader:
        (row,) = reader.find(Wanted())
        (same,) = reader.traces(Wanted())
    assert (same.ended_at, same.ended_how) == (row.ended_at, row.ended_how)
    return row.result, row.ended_at, row.ended_how


def test_what_is_too_old_or_too_much_goes(url, node) -> None:
    a = node("a", url)
    now = time.time()
    for number in range(5):
        a.history.save(trace(number, now - 86_400 * 10 * number))
    a.sent()
    sweeper = PostgresWriter(url, "b")
    sweeper.sweep(Retention(days=35, calls=10))
    assert _names(url) == ["0@x", "1@x", "2@x", "3@x"]
    sweeper.sweep(Retention(days=35, calls=2))
    sweeper.close()
    assert _names(url) == ["0@x", "1@x"]


def test_an_edge_shows_the_calls_of_all_nodes_and_those_it_has_when_the_database_is_away(
    server, url, tmp_path, agents_of
) -> None:
    settings = f'[history]\ndatabase = "{url}"\n'
    with Edge(tmp_path / "a", settings=settings) as a, Edge(tmp_path / "b", settings=settings) as b:
        agents = agents_of(a)
        call, incoming = connect(
            agents.agent("udp"), agents.agent("udp"), agents.talker().offer(), agents.talker().offer()
        )
        assert wait_until(lambda: _listed(b) == ["talking"], 20), b.process.text
        hang_up(call.dialog, incoming.dialog)
        assert wait_until(lambda: _listed(b) == ["ended"], 20), b.process.text
        assert "BYE" in b.command("calls", b.calls()[0]["id"], "--messages")
        server.away()
        try:
            assert wait_until(lambda: "The shared call history is away" in a.process.text, 20)
            # A call that has just ended is known to its node a little longer.
            assert wait_until(lambda: _listed(a) == _listed(b) == [], 30)
        finally:
            server.back()
        assert wait_until(lambda: "The shared call history is there" in a.process.text, 30)


def _listed(edge: Edge) -> list[str]:
    """What the calls do that an edge lists."""
    return [row["state"] for row in edge.calls()]

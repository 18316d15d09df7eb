"""A node joins its cluster, or says why it cannot."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from tests.cluster.rig import SECRET

from talkpath.cluster import membership as joining
from talkpath.cluster.copy import State
from talkpath.cluster.engine import Missing
from talkpath.cluster.envelope import Place
from talkpath.cluster.membership import About, CannotJoin, Hindrance, Membership
from talkpath.cluster.memory import Hub, MemoryEngine
from talkpath.cluster.nodes import NodeRecord
from talkpath.cluster.shared import Shared, decoded, encoded

A = About("tests", "a", SECRET, b"a" * 16)
B = About("tests", "b", SECRET, b"b" * 16)


def shared(letter: bytes) -> Shared:
    return Shared(letter * 32, letter * 32, letter, letter, 1.0)


class Table:
    """Nodes on one engine."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.joined: list[Membership] = []

    def node(self, about: About, engine: MemoryEngine | None = None) -> Membership:
        started_at = time.time()

        def record() -> NodeRecord:
            return NodeRecord(about.node, "1", started_at, "TCP", "192.0.2.1", 5060)

        made = Membership(about, engine or MemoryEngine(self.hub), record, time.time)
        self.joined.append(made)
        return made

    async def join(self, about: About, stored: Shared | None = None, offered: bytes = b"o") -> Shared:
        return await self.node(about).join(stored, lambda: shared(offered))


@pytest_asyncio.fixture
async def table(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Table]:
    for name in ("_PATIENCE_S", "_FIRST_PATIENCE_S", "_PARTING_S"):
        monkeypatch.setattr(joining, name, 0.1)
    monkeypatch.setattr(joining, "_LISTEN_S", 0.2)
    made = Table()
    yield made
    for one in made.joined:
        await one.close()


async def test_the_first_gives_its_keys_and_the_others_take_them(table: Table) -> None:
    assert await table.join(A, offered=b"1") == shared(b"1")
    assert await table.join(B, offered=b"2") == shared(b"1")
    # Also who had others before.
    assert await table.join(replace(B, node="c", mark=b"c" * 16), stored=shared(b"3")) == shared(b"1")


async def test_of_two_that_begin_at_once_the_first_is_taken(table: Table) -> None:
    first, second = await asyncio.gather(table.join(A, offered=b"1"), table.join(B, offered=b"2"))
    assert first == second


async def test_without_the_engine_who_was_there_before_starts(table: Table) -> None:
    engine = MemoryEngine(table.hub)
    table.hub.cut(engine)
    node = table.node(A, engine)
    assert await node.join(shared(b"s"), lambda: shared(b"o")) == shared(b"s")
    assert node.copy.state is State.AWAY
    # And gives the keys when there is one.
    table.hub.mend(engine)
    await node._until(lambda: any(place.kind == "shared" for place in table.hub.records), 5)
    assert await table.join(B) == shared(b"s")


async def test_without_the_engine_nobody_starts_for_the_first_time(table: Table) -> None:
    engine = MemoryEngine(table.hub)
    table.hub.cut(engine)
    with pytest.raises(CannotJoin) as told:
        await table.node(A, engine).join(None, lambda: shared(b"o"))
    assert told.value.why is Hindrance.UNREACHED


async def test_what_is_much_is_waited_for_as_long_as_it_comes(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_FIRST_PATIENCE_S", 1.0)

    class Slow(MemoryEngine):
        """It brings all in more time than a node waits, and each record in a fifth of that."""

        def watch(self, after: int) -> None:
            self.bringing = asyncio.ensure_future(self._bring())

        async def _bring(self) -> None:
            assert self.told is not None
            for place, (sequence, data) in list(self.hub.records.items()):
                await asyncio.sleep(0.2)
                self.told.delivered(place, data, sequence)
            self.told.read_whole()

    await table.join(A)
    for number in range(8):
        table.joined[0].copy.put(Place("value", f"k{number}"), b"x", time.time() + 100, time.time())
    table.joined[0].member.wake()
    await table.joined[0]._until(lambda: table.joined[0].copy.is_settled, 3)
    assert await table.node(B, Slow(table.hub)).join(None, lambda: shared(b"2")) == shared(b"o")


@pytest.mark.parametrize("stored", [None, shared(b"s")])
async def test_another_secret(table: Table, stored: Shared | None) -> None:
    await table.join(A)
    with pytest.raises(CannotJoin) as told:
        await table.join(replace(B, secret="another secret altogether"), stored)
    assert told.value.why is Hindrance.SECRET
    assert table.joined[0].copy.counters["unreadable"] == 0


async def test_another_secret_that_shows_later(table: Table) -> None:
    engine = MemoryEngine(table.hub)
    table.hub.cut(engine)
    stranger = table.node(replace(B, secret="another secret altogether"), engine)
    await stranger.join(shared(b"s"), lambda: shared(b"o"))
    await table.join(A)
    table.hub.mend(engine)
    await stranger._until(lambda: stranger.is_foreign, 2)
    assert stranger.is_foreign
    assert stranger.copy.is_fenced


async def test_a_name_that_is_taken(table: Table) -> None:
    await table.join(A)
    await asyncio.sleep(0.01)
    beating = asyncio.ensure_future(_beat(table.joined[0]))
    with pytest.raises(CannotJoin) as told:
        await table.join(replace(A, mark=b"x" * 16))
    beating.cancel()
    assert (told.value.why, told.value.address) == (Hindrance.NAME, "192.0.2.1:5060")


async def _beat(one: Membership) -> None:
    """More often than once a second, that the test needs not wait."""
    while True:
        await asyncio.sleep(0.02)
        one.copy._beat_at = 0.0
        one.member._pump()


async def test_the_name_of_a_node_that_was_killed_is_free(table: Table) -> None:
    await table.join(A)
    dead = table.joined[0]
    dead.member._timer.cancel()  # type: ignore[union-attr]
    dead.member._is_closed = True
    table.hub.members.clear()
    assert await table.join(replace(A, mark=b"x" * 16)) == shared(b"o")


async def test_an_engine_that_keeps_nothing(table: Table) -> None:
    class Storeless(MemoryEngine):
        def watch(self, after: int) -> None:
            assert self.told is not None
            self.told.missing(Missing.STORAGE)

    with pytest.raises(CannotJoin) as told:
        await table.node(A, Storeless(table.hub)).join(shared(b"s"), lambda: shared(b"o"))
    assert told.value.why is Hindrance.STORAGE


def test_what_is_shared_is_read_back_or_refused() -> None:
    assert decoded(encoded(shared(b"s"))) == shared(b"s")
    for data in (b"", b"\x80", encoded(shared(b"s"))[:40], encoded(Shared(b"short", b"s" * 32, b"", b""))):
        with pytest.raises(ValueError, match=r".+"):
            decoded(data)

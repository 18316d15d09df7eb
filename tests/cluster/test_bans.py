"""A ban by hand at one node holds at all of them, and so does its end."""

import pytest
from tests.cluster.rig import START, Node, Rig

from talkpath.calls.guarded import Ban
from talkpath.cluster.bans import SharedBans


class Kept:
    """A node and its file of bans."""

    def __init__(self, rig: Rig, node: Node, *bans: Ban) -> None:
        self.rig = rig
        self.bans = {ban.source: ban for ban in bans}
        self.shared = SharedBans(node.copy, node.copy._seal, node.pump)
        self.shared.attach(self, bans)

    def add(self, ban: Ban) -> None:
        self.bans[ban.source] = ban

    def remove(self, source: str) -> None:
        self.bans.pop(source, None)

    def tell(self) -> None:
        now = self.rig.clock.now
        self.shared.tell([ban for ban in self.bans.values() if ban.until is None or ban.until > now], now)

    @property
    def sources(self) -> list[str]:
        return sorted(self.bans)


class Houses:
    """Two nodes."""

    def __init__(self) -> None:
        self.rig = Rig("a", "b")
        self.all = [Kept(self.rig, node) for node in self.rig.nodes]
        self.a, self.b = self.all

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.rig.wait(1)
            for one in self.all:
                one.tell()


@pytest.fixture
def houses() -> Houses:
    return Houses()


def ban(source: str = "203.0.113.7", until: float | None = None) -> Ban:
    return Ban(0, source, START, until, note="by the test")


def test_a_ban_at_one_holds_at_all_and_so_does_its_end(houses: Houses) -> None:
    houses.a.add(ban())
    houses.a.add(ban("198.51.100.0/24"))
    houses.wait(2)
    assert houses.b.sources == ["198.51.100.0/24", "203.0.113.7"]
    assert {one.node for one in houses.b.bans.values()} == {"a"}
    written = [one.copy.counters["written"] for one in houses.rig.nodes]
    houses.wait(60)
    assert [one.copy.counters["written"] for one in houses.rig.nodes] == written
    houses.b.remove("203.0.113.7")
    houses.wait(2)
    assert houses.a.sources == ["198.51.100.0/24"]


def test_one_that_ends_by_itself_ends_at_all_without_a_word(houses: Houses) -> None:
    houses.a.add(ban(until=houses.rig.clock.now + 10))
    houses.wait(2)
    written = [one.copy.counters["written"] for one in houses.rig.nodes]
    houses.wait(20)
    assert [one.copy.counters["written"] for one in houses.rig.nodes] == written
    houses.b.tell()
    assert list(houses.b.shared.own()) == []


def test_who_was_away_hears_of_what_was_banned_and_lifted(houses: Houses) -> None:
    houses.a.add(ban())
    houses.wait(2)
    node = houses.rig.nodes[1]
    houses.rig.stop(node)
    houses.all.remove(houses.b)
    houses.a.remove("203.0.113.7")
    houses.a.add(ban("203.0.113.8"))
    houses.wait(2)
    again = houses.rig.add("b", is_connected=False)
    shared = SharedBans(again.copy, again.copy._seal, again.pump)
    again.connected()
    houses.rig.wait(2)
    kept = Kept.__new__(Kept)
    kept.rig, kept.bans, kept.shared = houses.rig, dict(houses.b.bans), shared
    shared.attach(kept, list(kept.bans.values()))
    houses.all.append(kept)
    houses.wait(2)
    assert kept.sources == houses.a.sources == ["203.0.113.8"]


def test_a_ban_that_stands_is_told_again_before_the_engine_forgets_it(houses: Houses) -> None:
    houses.a.add(ban())
    houses.wait(2)
    before = houses.rig.hub.last
    houses.rig.clock.now += 50_000
    houses.wait(2)
    assert houses.rig.hub.last > before
    assert houses.b.sources == ["203.0.113.7"]

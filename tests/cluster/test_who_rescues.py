"""Calls of a node that died, whose addresses nobody gets: one of those that are left goes on with each of them."""

from collections.abc import Callable

import pytest
from tests.cluster.rig import Node, Rig
from tests.cluster.test_calls_that_go_on import House
from tests.edge.lab import HOME, OFFER, call

from talkpath.app.cluster.shared_calls import CallCodec
from talkpath.base.address import Target
from talkpath.cluster.calls import Calls
from talkpath.edge.nodes.keeping import Changed, Key, Known


class Survivor:
    """A node that goes on with calls, and what it did."""

    def __init__(self, node: Node, *, answers: bool = False, shared: tuple[str, ...] = ()) -> None:
        self.node = node
        self.answers = answers
        self.asked: list[Target] = []
        self.rescued: list[Key] = []
        self.calls = Calls(node.copy, node.copy._seal, node.pump, CallCodec(), shared, node.nodes)
        self.calls.attach(self, (), node.clock.now)

    def look(self) -> None:
        self.calls.rescue(self.node.clock.now)

    def take_urgent(self, now: float) -> list[Changed]:
        return []

    def take_changed(self, now: float) -> list[Changed]:
        return []

    def take_over(self, known: Known, frm: str, silent_s: float, now: float) -> None: ...

    def hand_over(self, key: Key, now: float) -> Known | None: ...

    def take_back(self, key: Key, known: Known, now: float) -> None: ...

    def let_go(self, key: Key, to: str, now: float) -> None: ...

    def rescue(self, known: Known, frm: str, silent_s: float, now: float) -> None:
        assert frm == "a"
        assert silent_s > 0
        self.rescued.append(known.record.key)

    def ask(self, there: Target, done: Callable[[bool, float], None], now: float) -> None:
        self.asked.append(there)
        done(self.answers, now)


@pytest.fixture
def rig() -> Rig:
    return Rig("a", "b", "c")


def talk(rig: Rig, calls: int = 1) -> None:
    """Calls at the first node."""
    house = House(rig.nodes[0], HOME, shared=()).attach()
    phones = house.lab.registered("1001", "198.51.100.1"), house.lab.registered("1002", "198.51.100.2")
    for number in range(calls):
        call(*phones, body=OFFER, call_id=f"c{number}")
    house.lab.now += 0.2
    house.tell()
    rig.wait(0.2)


def test_each_call_is_rescued_by_one_of_those_that_are_left(rig: Rig) -> None:
    left = [Survivor(node) for node in rig.nodes[1:]]
    talk(rig, 20)
    rig.stop(rig.nodes[0])
    rig.wait(2.5)
    for one in left:
        one.look()
        assert one.asked == [], "it is silent for too short"
    rig.wait(1.5)
    for one in left:
        one.look()
        one.look()
        assert len(one.asked) == 1
    done = [key for one in left for key in one.rescued]
    assert sorted(done) == sorted((f"c{number}", "tag1001") for number in range(20))
    assert all(one.rescued for one in left), "they share them"
    assert sum(one.calls.counters["calls_rescued"] for one in left) == 20


def test_a_node_that_answers_and_cannot_reach_the_engine_keeps_its_calls(rig: Rig) -> None:
    left = Survivor(rig.nodes[1], answers=True)
    talk(rig)
    rig.stop(rig.nodes[0])
    rig.wait(4)
    left.look()
    left.look()
    assert left.rescued == []
    # It is asked again as long as it is silent.
    assert len(left.asked) == 2


def test_who_cannot_reach_the_engine_itself_rescues_nothing(rig: Rig) -> None:
    left = Survivor(rig.nodes[1])
    talk(rig)
    left.node.disconnected()
    rig.wait(5)
    left.look()
    assert left.asked == []
    assert left.rescued == []


def test_calls_at_an_address_that_moves_wait_for_it(rig: Rig) -> None:
    left = [Survivor(node, shared=(HOME,)) for node in rig.nodes[1:]]
    talk(rig)
    rig.stop(rig.nodes[0])
    rig.wait(4)
    for one in left:
        one.look()
        assert one.rescued == []


def test_who_was_gone_long_before_is_not_asked(rig: Rig) -> None:
    left = Survivor(rig.nodes[1])
    talk(rig)
    rig.stop(rig.nodes[0])
    rig.wait(40)
    left.look()
    assert left.asked == []


def test_which_node_runs_a_call_is_known(rig: Rig) -> None:
    left = Survivor(rig.nodes[1])
    talk(rig)
    assert left.calls.runner_of("c0", "tag1001") == "a"
    assert left.calls.runner_of("c0", "other") == ""

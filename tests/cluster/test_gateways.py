"""A gateway that one node finds dead is known to all, and its limits hold for all nodes together."""

import pytest
from tests.cluster.rig import Node, Rig
from tests.edge.carrier import Carrier, gateway, house, named
from tests.edge.lab import Lab

from talkpath.cluster.gateways import SharedGateways
from talkpath.edge.gateways.gateway import Gateway, How, State
from talkpath.edge.gateways.settings import ProbeSettings

PLACE = "198.51.100.50"
PROBED = ProbeSettings(interval_s=10.0, timeout_s=2.0)
UNPROBED = ProbeSettings(interval_s=0.0)


class House:
    """A node with its edge."""

    def __init__(self, rig: Rig, node: Node, **values: object) -> None:
        self.rig = rig
        self.node = node
        self.lab: Lab = house(gateway("carrier", PLACE, **values))
        self.carrier = Carrier(self.lab, PLACE)
        self.lab.now = rig.clock.now
        self.shared = SharedGateways(node.copy, node.copy._seal, node.pump, node.nodes)
        self.shared.attach(self.lab.edge.gateways, rig.clock.now)

    @property
    def gateway(self) -> Gateway:
        return named(self.lab, "carrier")

    def call(self, number: int) -> tuple[str, ...]:
        key = (f"{self.node.name}{number}", "tag")
        self.gateway.begun(key, self.rig.clock.now)
        return key

    def fail(self, number: int) -> None:
        key = self.call(number)
        self.gateway.failed(key, How.STATUS, "status 500", self.rig.clock.now)


class Houses:
    """Two nodes with the same gateway."""

    def __init__(self, **values: object) -> None:
        self.rig = Rig("a", "b")
        self.values = values
        self.all = [House(self.rig, node, **values) for node in self.rig.nodes]
        self.a, self.b = self.all

    def add(self) -> House:
        node = self.rig.add("c", is_connected=False)
        self.all.append(House(self.rig, node, **self.values))
        node.connected()
        return self.all[-1]

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.rig.wait(0.1)
            for one in self.all:
                if one.node in self.rig.nodes:
                    one.shared.tell(self.rig.clock.now)
                    one.lab.wait(self.rig.clock.now - one.lab.now)


@pytest.fixture
def probed() -> Houses:
    houses = Houses(probe=PROBED)
    houses.wait(1)
    assert [one.gateway.state for one in houses.all] == [State.UP, State.UP]
    return houses


def test_one_that_a_node_finds_dead_is_dead_for_all_at_once(probed: Houses) -> None:
    for one in probed.all:
        one.carrier.says = lambda request: None
    probed.a.gateway.doubt(probed.rig.clock.now)
    asked = len(probed.b.carrier.asked("OPTIONS"))
    for _ in range(80):
        probed.wait(0.1)
        if probed.a.gateway.state is State.DOWN:
            break
    probed.wait(0.4)
    assert (probed.b.gateway.state, probed.b.gateway.heard_from) == (State.DOWN, "a")
    assert len(probed.b.carrier.asked("OPTIONS")) == asked + 1
    assert [one.node for one in probed.b.lab.edge.gateways.take_told() if one.kind == "down"] == ["a"]
    # Who comes later knows it too.
    c = probed.add()
    c.carrier.says = lambda request: None
    probed.wait(0.5)
    assert c.gateway.state is State.DOWN
    # And when it is back for one, the others look at once.
    for one in probed.all:
        one.carrier.says = lambda request: (200, "OK", "")
    probed.wait(13)
    assert [one.gateway.state for one in probed.all] == [State.UP] * 3


def test_one_that_answers_here_is_there_whatever_another_node_sees(probed: Houses) -> None:
    probed.a.carrier.says = lambda request: None
    probed.a.gateway.doubt(probed.rig.clock.now)
    probed.wait(8)
    assert probed.a.gateway.state is State.DOWN
    assert (probed.b.gateway.state, probed.b.gateway.heard_from) == (State.UP, "")
    assert "down" in [one.kind for one in probed.b.lab.edge.gateways.take_told()]


def test_a_circuit_that_opens_at_one_is_open_at_all_and_one_call_closes_it() -> None:
    houses = Houses(probe=UNPROBED)
    houses.wait(1)
    for number in range(houses.a.gateway.settings.breaker.failures):
        houses.a.fail(number)
    houses.wait(0.4)
    assert (houses.b.gateway.state, houses.b.gateway.barred) == (State.BROKEN, "broken")
    assert houses.b.gateway.heard_from == "a"
    houses.wait(houses.a.gateway.settings.breaker.open_s)
    assert [one.gateway.state for one in houses.all] == [State.TRIAL, State.TRIAL]
    houses.wait(0.4)
    houses.a.gateway.heard(houses.a.call(100), houses.rig.clock.now)
    houses.wait(0.4)
    assert [one.gateway.barred for one in houses.all] == ["", ""]


def test_a_pause_that_it_asked_one_node_for_holds_for_all() -> None:
    houses = Houses(probe=UNPROBED)
    houses.wait(1)
    key = houses.a.call(1)
    houses.a.gateway.failed(key, How.STATUS, "status 503", houses.rig.clock.now, retry_after_s=20)
    houses.wait(0.4)
    assert houses.b.gateway.barred == "paused"
    houses.wait(20)
    assert houses.b.gateway.barred == ""


def test_channels_are_counted_over_all_nodes_that_are_there() -> None:
    houses = Houses(probe=UNPROBED, channels=3)
    houses.wait(1)
    keys = [houses.a.call(1), houses.a.call(2)]
    houses.wait(0.4)
    assert (houses.b.gateway.channels, houses.b.gateway.barred) == (2, "")
    houses.b.call(3)
    houses.wait(0.4)
    assert [one.gateway.barred for one in houses.all] == ["full", "full"]
    houses.a.gateway.over(keys[0], houses.rig.clock.now)
    houses.wait(0.4)
    assert houses.b.gateway.barred == ""
    # A node that dies takes none, and one that begins learns what the others take.
    houses.rig.stop(houses.a.node)
    houses.wait(4)
    assert (houses.b.gateway.channels, houses.b.gateway.barred) == (1, "")
    c = houses.add()
    houses.wait(1.5)
    assert c.gateway.channels == 1


def test_without_the_engine_each_node_counts_its_own() -> None:
    houses = Houses(probe=UNPROBED, channels=1)
    houses.wait(1)
    houses.a.call(1)
    houses.wait(0.4)
    assert houses.b.gateway.barred == "full"
    houses.rig.hub.cut(houses.b.node.engine)
    houses.wait(0.4)
    assert houses.b.gateway.barred == ""
    houses.rig.hub.mend(houses.b.node.engine)
    houses.wait(2.5)
    assert houses.b.gateway.barred == "full"


def test_calls_a_second_are_those_of_all_nodes() -> None:
    houses = Houses(probe=UNPROBED, calls_per_s=4.0)
    houses.wait(2)
    begun = 0
    for tick in range(200):
        houses.wait(0.1)
        one = houses.all[tick % 2]
        if not one.gateway.barred:
            key = one.call(tick)
            one.gateway.over(key, houses.rig.clock.now)
            begun += 1
    # Four a second for twenty seconds, and what both had in hand.
    assert 60 < begun <= 4 * 20 + 8


def test_one_of_the_same_name_at_another_address_is_another() -> None:
    rig = Rig("a", "b")
    a, b = (House(rig, node, probe=UNPROBED, channels=1) for node in rig.nodes)
    b.lab.edge.gateways.add(gateway("carrier", "198.51.100.51", probe=UNPROBED, channels=1), rig.clock.now)
    a.call(1)
    a.shared.tell(rig.clock.now + 1)
    rig.wait(0.5)
    b.shared.tell(rig.clock.now)
    assert a.gateway.barred == "full"
    assert (b.gateway.channels, b.gateway.barred) == (0, "")

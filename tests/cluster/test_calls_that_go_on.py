"""Calls of a node that died go on where its address comes to, or where it is begun again."""

import msgspec
import pytest
from tests.cluster.rig import Node, Rig, Skewed, binding
from tests.edge.lab import HOME, OFFER, Lab, Phone, call

from talkpath.app.cluster.shared_calls import CallCodec
from talkpath.base.address import Address, Flow, Transport
from talkpath.cluster.calls import Calls
from talkpath.cluster.claims import Claims
from talkpath.cluster.orders import Order, Orders
from talkpath.edge.nodes.keeping import Known


class House:
    """A node with its edge."""

    def __init__(self, node: Node, *here: str, shared: tuple[str, ...] = (HOME,)) -> None:
        self.node = node
        self.lab = Lab()
        self.calls = Calls(node.copy, node.copy._seal, node.pump, CallCodec(), shared, node.nodes)
        self.claims = Claims(node.nodes, node.name, shared)
        node.says = lambda: {"addresses": dict(self.claims.held)}
        self.lab.edge.keeping.begin()
        self.here = set(here)

    def attach(self) -> "House":
        self.claims.look(self.here, self.now)
        self.calls.attach(self.lab.edge.keeping, self.here, self.now)
        self.lab.pump()
        return self

    @property
    def now(self) -> float:
        self.lab.now = self.node.clock.now
        return self.lab.now

    def talk(self) -> tuple[Phone, Phone]:
        """A call between two phones."""
        a, b = self.lab.registered("1001", "198.51.100.1"), self.lab.registered("1002", "198.51.100.2")
        call(a, b, body=OFFER)
        self.tell()
        self.node.clock.now += 0.1
        return a, b

    def tell(self) -> None:
        self.calls.tell(self.now)
        self.node.pump()

    def gets(self, *addresses: str) -> None:
        self.here |= set(addresses)
        self.look()

    def loses(self, address: str) -> None:
        self.here.remove(address)
        self.look()

    def look(self) -> None:
        """As a node does each second, and when it hears that its addresses changed."""
        if self.claims.look(self.here, self.now):
            self.node.copy.beat_now(self.now)
        self.calls.look(self.here, self.now)
        self.node.pump()
        self.lab.pump()

    @property
    def running(self) -> int:
        return len(self.lab.edge.core.calls)


@pytest.fixture
def rig() -> Rig:
    return Rig("a", "b")


@pytest.fixture
def a(rig: Rig) -> House:
    return House(rig.nodes[0], HOME).attach()


@pytest.fixture
def b(rig: Rig) -> House:
    return House(rig.nodes[1]).attach()


def test_who_gets_the_address_of_a_node_that_died_goes_on_with_its_calls(rig: Rig, a: House, b: House) -> None:
    a.talk()
    assert b.running == 0
    rig.stop(a.node)
    b.gets(HOME)
    assert b.running == 1
    assert [port.rtp for port in b.lab.engine.open_ports] == [port.rtp for port in a.lab.engine.open_ports]
    assert "node.taken-over" in b.lab.kinds("c1")
    assert b.calls.counters["calls_taken_over"] == 1


def test_who_does_not_have_the_address_has_no_call(rig: Rig, a: House, b: House) -> None:
    a.talk()
    rig.stop(a.node)
    b.gets("192.0.2.200")
    assert b.running == 0


def test_what_a_call_needs_is_read_once(rig: Rig, a: House, monkeypatch: pytest.MonkeyPatch) -> None:
    b = House(rig.nodes[1], shared=(HOME, "192.0.2.200")).attach()
    a.talk()
    bodies: list[bytes] = []
    read = CallCodec.read

    def counting(self: CallCodec, data: bytes) -> Known:
        bodies.append(data)
        return read(self, data)

    monkeypatch.setattr(CallCodec, "read", counting)
    for _ in range(5):
        b.gets("192.0.2.200")
    assert len(bodies) == 1
    b.gets(HOME)
    assert b.running == 1


def test_an_address_that_is_not_shared_brings_no_calls(rig: Rig, a: House) -> None:
    b = House(rig.nodes[1], shared=()).attach()
    a.talk()
    rig.stop(a.node)
    b.gets(HOME)
    assert b.running == 0


def test_a_call_that_ended_is_not_taken_over(rig: Rig, a: House, b: House) -> None:
    a.talk()
    a.lab.edge.stop_calls(a.now)
    a.tell()
    b.gets(HOME)
    assert b.running == 0


def test_a_record_that_comes_after_the_address_and_was_written_before_is_taken_over(rig: Rig, a: House) -> None:
    b = House(rig.nodes[1])
    rig.hub.members.remove(rig.nodes[1].engine)
    a.talk()
    rig.wait(0.2)
    b.attach()
    b.gets(HOME)
    assert b.running == 0
    rig.hub.members.append(rig.nodes[1].engine)
    b.node.connected()
    rig.wait(0.2)
    b.gets()
    assert b.running == 1


def test_who_still_stands_lets_go_without_a_word_and_takes_nothing_back(rig: Rig, a: House, b: House) -> None:
    phone, other = a.talk()
    rig.wait(0.2)
    b.gets(HOME)
    b.node.pump()
    rig.wait(0.2)
    assert (a.running, b.running) == (0, 1)
    assert phone.inbox == other.inbox == []
    assert a.lab.engine.open_ports == []
    assert "node.went-over" in a.lab.kinds("c1")
    a.gets()
    rig.wait(0.2)
    assert (a.running, b.running) == (0, 1)


def test_a_call_goes_back_with_the_address(rig: Rig, a: House, b: House) -> None:
    a.talk()
    rig.wait(0.2)
    a.loses(HOME)
    b.gets(HOME)
    rig.wait(0.2)
    b.loses(HOME)
    a.gets(HOME)
    rig.wait(0.2)
    assert (a.running, b.running) == (1, 0)


def test_a_node_that_is_begun_again_goes_on_with_its_own_calls_at_any_address(rig: Rig) -> None:
    first = House(rig.nodes[0], HOME, shared=()).attach()
    first.talk()
    rig.stop(first.node)
    rig.wait(0.2)
    again = House(rig.add("a", is_connected=False), HOME, shared=())
    again.node.connected()
    rig.wait(0.2)
    again.attach()
    assert again.running == 1


def test_what_cannot_be_read_is_counted_and_costs_nothing_else(rig: Rig, a: House, b: House) -> None:
    a.talk()
    name = next(iter(b.calls._theirs))
    b.calls._theirs["mangled"] = b.calls._theirs[name]._replace(body=b"\xc1")
    b.gets(HOME)
    assert b.running == 1
    assert b.calls.counters["calls_unreadable"] == 1


# --- a planned change


def test_who_loses_the_address_stands_still_and_says_its_calls_for_the_last_time(
    rig: Rig, a: House, b: House
) -> None:
    phone, other = a.talk()
    rig.wait(0.2)
    a.loses(HOME)
    a.node.pump()
    assert a.lab.engine.open_ports == []
    assert phone.inbox == other.inbox == []
    b.gets(HOME)
    rig.wait(0.2)
    assert (a.running, b.running) == (0, 1)
    assert len(b.lab.engine.open_ports) == 2
    assert {"node.handed-over", "node.went-over"} <= set(a.lab.kinds("c1"))
    assert a.calls.went_to == {"b": 1}


def test_a_call_that_rings_goes_over_with_the_address_and_nobody_hears_of_it(rig: Rig, a: House, b: House) -> None:
    phone, other = (a.lab.registered(f"100{n}", f"198.51.100.{n}") for n in (1, 2))
    phone.invite(f"sip:1002@{HOME}", body=OFFER)
    other.answer(other.last(), 180, "Ringing")
    rig.wait(0.2)
    a.tell()
    rig.wait(0.2)
    phone.inbox.clear()
    other.inbox.clear()
    a.loses(HOME)
    b.gets(HOME)
    rig.wait(0.2)
    assert (a.running, b.running) == (0, 1)
    assert len(b.lab.engine.open_ports) == 2
    assert b.lab.edge.core.transactions.clients.keys()
    a.lab.wait(200.0)
    assert phone.inbox == other.inbox == []
    assert not a.lab.edge.core.transactions.clients


def test_the_last_word_of_a_node_that_gives_way_is_awaited(rig: Rig, a: House, b: House) -> None:
    a.talk()
    a.node.record = msgspec.structs.replace(a.node.record, gives_way=True)
    rig.wait(1.1)
    b.gets(HOME)
    assert b.running == 0
    b.calls.tell(b.now)
    assert b.running == 0
    rig.wait(0.1)
    a.loses(HOME)
    a.node.pump()
    b.calls.tell(b.now)
    assert b.running == 1


def test_one_that_gives_way_and_says_no_last_word_is_taken_over_all_the_same(rig: Rig, a: House, b: House) -> None:
    a.talk()
    a.node.record = msgspec.structs.replace(a.node.record, gives_way=True)
    rig.wait(1.1)
    b.gets(HOME)
    rig.wait(0.4)
    b.calls.tell(b.now)
    assert b.running == 1


def test_an_address_that_comes_back_before_anybody_had_it_brings_its_calls(rig: Rig, a: House, b: House) -> None:
    a.talk()
    rig.wait(0.2)
    ports = [port.rtp for port in a.lab.engine.open_ports]
    a.loses(HOME)
    a.gets(HOME)
    rig.wait(0.2)
    assert (a.running, b.running) == (1, 0)
    assert [port.rtp for port in a.lab.engine.open_ports] == ports
    assert "node.taken-back" in a.lab.kinds("c1")
    assert not b.calls._theirs[next(iter(b.calls._theirs))].is_last


def test_a_call_that_nobody_takes_is_ended_here(rig: Rig, a: House, b: House) -> None:
    phone, other = a.talk()
    rig.wait(0.2)
    a.lab.engine.absent = {HOME}
    a.loses(HOME)
    rig.wait(11)
    a.calls.look(a.here, a.now)
    a.lab.pump()
    assert a.running == 0
    assert phone.inbox != []
    assert other.inbox != []


def test_a_call_with_an_address_that_does_not_move_is_not_handed_over(rig: Rig, b: House) -> None:
    a = House(rig.nodes[0], HOME, "192.0.2.200", shared=("192.0.2.200",)).attach()
    a.talk()
    a.loses("192.0.2.200")
    assert len(a.lab.engine.open_ports) == 2
    assert a.calls.counters["calls_handed_over"] == 0


def test_of_three_nodes_no_two_heirs_have_one_number(rig: Rig) -> None:
    rig.add("c")
    rig.wait(2.5)
    numbers = {name: {one.name: one.nodes.heir(name) for one in rig.nodes} for name in "abc"}
    assert numbers == {"a": {"a": 3, "b": 1, "c": 2}, "b": {"a": 1, "b": 3, "c": 2}, "c": {"a": 1, "b": 2, "c": 3}}


def test_a_record_of_an_older_node_and_one_of_a_newer_are_taken_over(rig: Rig, a: House, b: House) -> None:
    a.talk()
    (name,) = b.calls._theirs
    body = msgspec.msgpack.decode(b.calls._theirs[name].body)
    older, newer = {**body}, {**body, "weather": "fine"}
    del older["last"]
    record = msgspec.msgpack.decode(body["record"])
    newer["record"] = msgspec.msgpack.encode({**record, "mood": {"good": 1}})
    for changed in (older, newer):
        known = CallCodec().read(msgspec.msgpack.encode(changed))
        assert (known.is_last, known.record) == (False, CallCodec().read(b.calls._theirs[name].body).record)


# --- an address at two nodes, at none, and nodes that stood still


def pass_(rig: Rig, seconds: float, *houses: House) -> None:
    for _ in range(round(seconds)):
        rig.wait(1)
        for house in houses:
            house.look()


def test_a_node_that_stood_still_writes_nothing_of_calls_that_went_over(rig: Rig, a: House, b: House) -> None:
    """It is stopped with something to say, its keepalived takes the address off, and it wakes before it is stale."""
    phone, _ = a.talk()
    rig.hub.members.remove(a.node.engine)
    for running in a.lab.edge.core.calls.values():
        a.lab.edge.core.touch(running)
        running.heard_at += 1
    a.calls.tell(a.now)
    rig.wait(0.5)
    b.gets(HOME)
    rig.wait(0.5)
    a.loses(HOME)
    rig.hub.members.append(a.node.engine)
    a.node.connected()
    pass_(rig, 15, a, b)
    assert (a.running, b.running) == (0, 1)
    assert phone.inbox == []
    # What it saved for the last time would take the heir back to numbers that it used.
    assert "node.went-over" not in b.lab.kinds("c1")
    assert b.calls.counters["calls_taken_over"] == 1


def test_who_hears_nobody_ends_no_call_that_he_gave_away(rig: Rig, a: House, b: House) -> None:
    """The engine is on one side: whether another node goes on cannot be known."""
    phone, _ = a.talk()
    rig.wait(0.2)
    rig.hub.members.remove(a.node.engine)
    a.node.disconnected()
    a.lab.engine.absent = {HOME}
    a.loses(HOME)
    b.gets(HOME)
    pass_(rig, 20, a, b)
    assert phone.inbox == []
    assert (a.running, b.running) == (1, 1)
    rig.hub.members.append(a.node.engine)
    a.node.connected()
    pass_(rig, 5, a, b)
    assert phone.inbox == []
    assert (a.running, b.running) == (0, 1)


def test_of_two_that_have_an_address_the_first_lets_go(rig: Rig, a: House, b: House) -> None:
    """Its keepalived was killed and left the address behind."""
    a.talk()
    pass_(rig, 2, a, b)
    b.gets(HOME)
    rig.wait(0.5)
    assert (a.running, b.running) == (0, 1)
    pass_(rig, 1, a, b)
    assert not a.claims.refused, "a handover takes a moment"
    pass_(rig, 3, a, b)
    assert [one.to for one in a.claims.refused.values()] == ["b"]
    assert not b.claims.refused
    pass_(rig, 5, a, b)
    assert a.claims.overdue(a.now), "keepalived had the time to take it off"
    a.loses(HOME)
    assert not a.claims.overdue(a.now)
    # It does not take it back while the other one has it, nor wins by coming again.
    a.gets(HOME)
    pass_(rig, 4, a, b)
    assert a.claims.refused
    assert not b.claims.refused
    b.loses(HOME)
    pass_(rig, 2, a, b)
    assert not a.claims.refused


def test_a_handover_refuses_nothing(rig: Rig, a: House, b: House) -> None:
    b.gets(HOME)
    rig.wait(0.3)
    a.loses(HOME)
    pass_(rig, 5, a, b)
    assert not a.claims.refused
    assert not b.claims.refused


def test_the_one_that_had_the_address_first_goes_on_when_the_later_one_dies(rig: Rig, a: House, b: House) -> None:
    a.talk()
    b.gets(HOME)
    rig.wait(0.5)
    assert (a.running, b.running) == (0, 1)
    rig.stop(b.node)
    pass_(rig, 5, a)
    assert a.running == 1
    assert not a.claims.refused


def test_the_one_that_had_the_address_first_goes_on_when_the_later_one_loses_it(rig: Rig, a: House, b: House) -> None:
    """The partition heals, and VRRP decides otherwise."""
    a.talk()
    b.gets(HOME)
    rig.wait(0.5)
    b.loses(HOME)
    pass_(rig, 1, a, b)
    assert (a.running, b.running) == (1, 0)


def test_what_is_not_heard_refuses_nothing(rig: Rig, a: House, b: House) -> None:
    """The engine is on one side and the address on the other: who cannot hear does not judge."""
    a.talk()
    rig.hub.members.remove(a.node.engine)
    a.node.disconnected()
    b.gets(HOME)
    pass_(rig, 10, a, b)
    assert not a.claims.refused
    assert (a.running, b.running) == (1, 1)
    rig.hub.members.append(a.node.engine)
    a.node.connected()
    pass_(rig, 6, a, b)
    assert (a.running, b.running) == (0, 1)
    assert a.claims.refused


@pytest.mark.parametrize("wrong_s", [-300.0, 300.0])
def test_clocks_that_are_minutes_apart_lose_no_call(rig: Rig, wrong_s: float) -> None:
    a = House(rig.add("c", clock=Skewed(rig.clock, wrong_s)), HOME).attach()
    b = House(rig.nodes[1]).attach()
    rig.wait(2.5)
    a.talk()
    rig.wait(0.2)
    rig.stop(a.node)
    b.gets(HOME)
    assert b.running == 1
    told = next(one for one in b.lab.ledger.trace("c1").moments if one.kind == "node.taken-over")
    assert float(str(told.values["silent_s"])) < 2


def test_phones_without_a_connection_are_reached_from_where_their_address_went(rig: Rig, b: House) -> None:
    registrar = b.lab.edge.core.registrar
    udp, tcp = (
        Flow(one, Address(HOME, 5060), Address("203.0.113.7", 40_001)) for one in (Transport.UDP, Transport.TCP)
    )
    for user, flow in (("1001", udp), ("1002", tcp), ("1003", udp._replace(local=Address("192.0.2.200", 5060)))):
        registrar.learn(binding(user, flow=flow, node="a"), b.now)
    b.here.add(HOME)
    b.calls.look(b.here, b.now)
    registrar.inherit(b.calls.take_new())
    registrar.inherit_more(b.here, b.now)
    assert {user: registrar.bindings(user, b.now)[0].node for user in registrar.users()} == {
        "1001": "",
        "1002": "a",
        "1003": "a",
    }
    b.calls.look(b.here, b.now)
    assert not b.calls.take_new()


def test_a_node_obeys_an_order_for_the_process_that_it_is(rig: Rig) -> None:
    a, b = (Orders(node.copy, node.pump, node.record.started_at) for node in rig.nodes)
    obeyed: list[bool] = []
    a.obey = lambda gives_way, now: obeyed.append(gives_way)
    for started_at, gives_way in ((1.0, True), (rig.nodes[0].record.started_at, True)):
        b.give("a", Order(started_at, gives_way), rig.clock.now)
    b.give("b", Order(rig.nodes[0].record.started_at, True), rig.clock.now)
    rig.wait(0.2)
    assert obeyed == [True]


# --- what would be lost


def risks(house: House) -> list[tuple[str, str]]:
    untold = [*house.lab.edge.keeping.untold(), *house.calls.stranded(house.now)]
    return [(one.why, one.side) for one in untold]


def test_a_call_that_others_know_of_is_not_at_risk_and_one_that_begins_is(rig: Rig, a: House, b: House) -> None:
    phone, _ = a.talk()
    rig.wait(0.2)
    assert risks(a) == []
    phone.invite(f"sip:1002@{HOME}", call_id="c2")
    assert risks(a) == [("begins", "")]


def test_a_call_whose_address_does_not_move_is_at_risk(rig: Rig, b: House) -> None:
    a = House(rig.nodes[0], HOME, shared=()).attach()
    a.talk()
    assert risks(a) == [("address", HOME)]


def test_without_another_node_every_call_is_at_risk(rig: Rig, a: House) -> None:
    a.talk()
    rig.stop(rig.nodes[1])
    rig.wait(4)
    assert risks(a) == [("alone", "")]


def test_what_the_engine_does_not_take_is_at_risk(rig: Rig, a: House, b: House) -> None:
    rig.hub.members.remove(a.node.engine)
    a.node.disconnected()
    a.talk()
    assert risks(a) == []
    rig.clock.now += 1
    assert risks(a) == [("unwritten", "")]

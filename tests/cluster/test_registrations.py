"""Registrations of one node as the registrar of another learns them."""

import pytest
from tests.cluster.rig import START, Node, Rig, binding
from tests.edge.lab import Bindings

from talkpath.base.address import Transport
from talkpath.cluster.registrations import Registrations, read, written
from talkpath.edge.places.locality import Locality
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.keepalive import KeepAlive
from talkpath.edge.registrar.registrar import Registrar
from talkpath.edge.settings import EdgeSettings, KeepAliveSettings, RegistrarSettings


class House:
    """A node with its registrar and its store."""

    def __init__(self, node: Node, *, is_attached: bool = True) -> None:
        self.node = node
        self.store = Bindings()
        self.records = Registrations(node.copy, node.copy._seal, node.pump, lambda: node.clock.now)
        keep_alive = KeepAlive(KeepAliveSettings(), Locality(EdgeSettings()), "s")
        self.registrar = Registrar(RegistrarSettings(), self.records.store_in(self.store), keep_alive)
        self.keep_alive = keep_alive
        if is_attached:
            self.records.attach(self.registrar, node.clock.now)

    def register(self, one: Binding) -> None:
        """As the registrar does with a REGISTER."""
        self.registrar._keep(one, self.registrar.find(one.user, one.identity))
        self.node.pump()

    def users(self) -> list[tuple[str, str]]:
        now = self.node.clock.now
        return sorted(
            (one.user, one.node) for user in self.registrar.users() for one in self.registrar.bindings(user, now)
        )


@pytest.fixture
def rig() -> Rig:
    return Rig("a", "b")


@pytest.fixture
def houses(rig: Rig) -> tuple[House, House]:
    return House(rig.nodes[0]), House(rig.nodes[1])


def test_who_registers_at_one_node_is_known_at_the_other(houses: tuple[House, House]) -> None:
    a, b = houses
    a.register(binding())
    assert b.users() == [("1001", "a")]
    assert b.store.saved == []
    a.registrar.forget("1001")
    a.node.pump()
    assert b.users() == []
    assert len(a.store.dropped) == 1


def test_who_unregisters_elsewhere_is_forgotten_by_who_held_it(houses: tuple[House, House]) -> None:
    a, b = houses
    a.register(binding(behind_nat=True))
    assert len(a.keep_alive) == 1
    b.registrar.forget("1001")
    b.node.pump()
    assert a.users() == b.users() == []
    assert len(a.keep_alive) == 0
    assert len(a.store.dropped) == 1


def test_a_phone_that_moves_is_kept_by_the_node_it_came_to(houses: tuple[House, House]) -> None:
    a, b = houses
    a.register(binding(behind_nat=True))
    b.register(binding(behind_nat=True, registered_at=START + 5))
    assert a.users() == [("1001", "b")]
    assert b.users() == [("1001", "")]
    assert [len(one.keep_alive) for one in houses] == [0, 1]
    a.register(binding(behind_nat=True, registered_at=START + 9))
    assert a.users() == [("1001", "")]
    assert b.users() == [("1001", "a")]
    assert [len(one.keep_alive) for one in houses] == [1, 0]


def test_what_runs_out_needs_no_word(rig: Rig, houses: tuple[House, House]) -> None:
    a, b = houses
    a.register(binding(expires_at=START + 60))
    written_before = rig.hub.last
    rig.clock.now = START + 80
    a.registrar.expire(rig.clock.now)
    b.registrar.expire(rig.clock.now)
    assert a.users() == b.users() == []
    assert rig.hub.last == written_before


def test_what_was_read_before_there_was_a_registrar_is_learnt_when_there_is_one(rig: Rig) -> None:
    a = House(rig.nodes[0])
    late = House(rig.nodes[1], is_attached=False)
    a.register(binding("1001"))
    a.register(binding("1002"))
    a.registrar.forget("1002")
    a.node.pump()
    assert late.users() == []
    late.records.attach(late.registrar, rig.clock.now)
    assert late.users() == [("1001", "a")]


def test_a_node_that_lost_its_disk_gets_its_datagram_phones_back(rig: Rig) -> None:
    a = House(rig.nodes[0])
    tcp = binding("1002", flow=binding().flow._replace(transport=Transport.TCP, connection=77))
    a.register(binding("1001"))
    a.register(tcp)
    rig.stop(rig.nodes[0])
    again = House(rig.add("a", is_connected=False), is_attached=False)
    again.node.connected()
    again.records.attach(again.registrar, rig.clock.now)
    assert again.users() == [("1001", ""), ("1002", "")]
    # Its connections ended with it.
    assert again.registrar.find("1002", tcp.identity).flow.connection == -1  # type: ignore[union-attr]
    assert len(again.store.refreshed) == 2


def test_what_the_engine_lost_is_said_again(rig: Rig, houses: tuple[House, House]) -> None:
    a, b = houses
    a.register(binding())
    for node in rig.nodes:
        rig.hub.cut(node.engine)
    rig.hub.records.clear()
    rig.hub.last = 0
    for node in rig.nodes:
        rig.hub.mend(node.engine)
    rig.wait(3)
    late = House(rig.add("c", is_connected=False))
    late.node.connected()
    assert late.users() == b.users() == [("1001", "a")]


@pytest.mark.parametrize(
    "contact", ["sip:1001@192.168.1.9:5062", "sip:1001@[2001:db8::7]", "sip:\udcff@192.168.1.9", "sip:工@例"]
)
def test_a_binding_comes_back_as_it_was(contact: str) -> None:
    one = binding(contact=contact, identity=("", contact), path=("<sip:p;lr>",), q=0.5, ice=True, params=";x=y")
    assert read(written(one)) == one


def test_a_binding_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    import msgspec

    told = msgspec.to_builtins(binding())
    del told["ice"]
    assert read(msgspec.msgpack.encode(told | {"later": 1})) == binding()
    with pytest.raises(ValueError, match="user"):
        read(msgspec.msgpack.encode({"contact": "x"}))


def test_nobody_reads_who_registered_without_the_secret(rig: Rig, houses: tuple[House, House]) -> None:
    a, _ = houses
    a.register(binding("secretary"))
    told = b"".join(str(place).encode() + data for place, (_, data) in rig.hub.records.items())
    assert b"secretary" not in told
    assert b"203.0.113.7" not in told
    # No record is larger than it must be.
    assert max(len(data) for _, data in rig.hub.records.values()) < 700


def _refreshed(house: House, at: float, lasts_s: float) -> None:
    house.register(binding(registered_at=at, expires_at=at + lasts_s))


def test_a_phone_that_refreshes_often_is_not_told_of_as_often_and_never_runs_out(rig: Rig, houses) -> None:
    a, b = houses
    lasts_s, every_s, lived_s = 600.0, 30.0, 3_000.0
    written_before = a.node.copy.counters["written"]
    for number in range(round(lived_s / every_s)):
        _refreshed(a, rig.clock.now, lasts_s)
        rig.wait(every_s)
        assert b.users() == [("1001", "a")], number
    assert a.node.copy.counters["written"] - written_before <= lived_s / (lasts_s / 3) + 2


@pytest.mark.parametrize("pauses", [(0.9,), (0.5,), (0.2, 0.95), (0.3, 0.3, 0.95)])
def test_whatever_a_phone_s_pace_it_is_known_elsewhere_as_long_as_here(rig: Rig, houses, pauses) -> None:
    a, b = houses
    lasts_s = 100.0
    for number in range(8):
        _refreshed(a, rig.clock.now, lasts_s)
        end = rig.clock.now + lasts_s * pauses[number % len(pauses)]
        while rig.clock.now < end:
            rig.wait(1)
            a.records.expire(rig.clock.now)
            a.node.pump()
            assert b.users() == [("1001", "a")], number


def test_what_was_owed_of_a_phone_that_went_elsewhere_is_owed_no_more(rig: Rig, houses) -> None:
    a, b = houses
    _refreshed(a, rig.clock.now, 100.0)
    rig.wait(5)
    _refreshed(a, rig.clock.now, 100.0)
    b.register(binding(registered_at=rig.clock.now, expires_at=rig.clock.now + 300))
    for _ in range(100):
        rig.wait(1)
        a.records.expire(rig.clock.now)
        a.node.pump()
    assert (a.users(), b.users()) == ([("1001", "b")], [("1001", "")])

"""Whether a gateway is there: OPTIONS, which answers count, how many it takes, and names that lead elsewhere."""

from ipaddress import ip_network

import pytest
from tests.edge.carrier import Carrier, gateway, house, named
from tests.edge.lab import Lab

from talkpath.base.address import Address, Target, Transport
from talkpath.edge.gateways.gateway import State
from talkpath.edge.gateways.settings import ProbeSettings
from talkpath.edge.settings import EdgeSettings

EVERY_10_S = ProbeSettings(interval_s=10.0, timeout_s=2.0)
PLACE = "198.51.100.50"


def told(lab: Lab) -> list[tuple[str, str]]:
    return [(one.kind, one.why) for one in lab.edge.gateways.take_told()]


def test_a_gateway_that_answers_is_up_and_its_latency_known() -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    carrier = Carrier(lab, PLACE)
    assert named(lab, "a").state is State.NEW
    lab.wait(1)
    assert named(lab, "a").state is State.UP
    assert named(lab, "a").latency_s == 0.0
    probe = carrier.asked("OPTIONS")[0]
    assert probe.uri == f"sip:{PLACE}"
    assert told(lab) == [("up", "")]


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 483, 500, 501])
def test_a_machine_that_refuses_options_is_there(status: int) -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    Carrier(lab, PLACE).says = lambda request: (status, "X", "")
    lab.wait(60)
    assert named(lab, "a").state is State.UP


@pytest.mark.parametrize("status", [408, 502, 503, 504])
def test_one_that_says_that_nothing_stands_behind_it_is_down(status: int) -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    Carrier(lab, PLACE).says = lambda request: (status, "X", "")
    lab.wait(5)
    assert named(lab, "a").state is State.DOWN
    assert named(lab, "a").why == f"status {status}"


def test_one_lost_probe_changes_nothing_two_do_and_two_answers_bring_it_back() -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    carrier = Carrier(lab, PLACE)
    lab.wait(1)
    silent = {"left": 1}

    def says(request: object) -> tuple[int, str, str] | None:
        silent["left"] -= 1
        return None if silent["left"] >= 0 else (200, "OK", "")

    carrier.says = says
    silent["left"] = 4  # one probe and its retransmissions within two seconds
    lab.wait(30)
    assert named(lab, "a").state is State.UP
    silent["left"] = 10_000
    lab.wait(30)
    assert named(lab, "a").state is State.DOWN
    assert named(lab, "a").last_failure == "no-answer"
    silent["left"] = 0
    lab.wait(12)
    assert named(lab, "a").state is State.UP
    assert told(lab) == [("up", ""), ("down", "no-answer"), ("back", "probe")]


def test_a_probe_that_failed_is_followed_by_the_next_at_once_so_that_it_is_soon_known() -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    carrier = Carrier(lab, PLACE)
    lab.wait(1)
    carrier.says = lambda request: None
    asked_at = lab.now
    while named(lab, "a").state is not State.DOWN:
        lab.wait(0.1)
    # At most one interval, two waits for an answer and the second between them.
    assert lab.now - asked_at < 10 * 1.5 + 2 * 2 + 1.2


def test_ten_thousand_gateways_are_probed_evenly() -> None:
    lab = house(*(gateway(f"g{n}", f"198.18.{n // 200}.{n % 200}", probe=EVERY_10_S) for n in range(10_000)))
    sent: dict[int, int] = {}
    lab._carry = lambda send: sent.__setitem__(int(lab.now), sent.get(int(lab.now), 0) + 1)  # type: ignore[method-assign]
    lab.wait(3)
    # 500 first sendings a second, and what the silent ones get again.
    assert max(sent.values()) < 2_600
    until = len({one.settings.name for one in lab.edge.gateways.all() if one.last_failure})
    assert until > 0


def test_where_nothing_is_probed_nothing_is_sent() -> None:
    lab = house(gateway("a", PLACE, probe=ProbeSettings(interval_s=0)))
    carrier = Carrier(lab, PLACE)
    lab.wait(300)
    assert carrier.inbox == []
    assert named(lab, "a").state is State.NEW


def test_a_name_that_does_not_resolve_is_said_and_asked_again() -> None:
    lab = house(gateway("a", "sip.carrier.example", probe=EVERY_10_S))
    Carrier(lab, PLACE)
    lab.wait(30)
    assert named(lab, "a").state is State.DOWN
    assert told(lab) == [("unresolved", "sip.carrier.example"), ("down", "unresolved")]
    lab.names["sip.carrier.example"] = [Target(Transport.UDP, Address(PLACE, 5060))]
    lab.wait(30)
    assert named(lab, "a").state is State.UP
    assert ("resolved", "sip.carrier.example") in told(lab)


def test_a_resolver_that_is_away_takes_no_gateway_with_it() -> None:
    lab = house(gateway("a", "sip.carrier.example", probe=EVERY_10_S))
    Carrier(lab, PLACE)
    lab.names["sip.carrier.example"] = [Target(Transport.UDP, Address(PLACE, 5060))]
    lab.wait(5)
    del lab.names["sip.carrier.example"]
    lab.wait(60)
    assert named(lab, "a").state is State.UP
    assert lab.edge.gateways.of_source(lab.phones[0].flow) is named(lab, "a")


def test_the_second_address_of_a_name_is_probed_before_it_is_down() -> None:
    lab = house(gateway("a", "sip.carrier.example", probe=EVERY_10_S))
    other = Carrier(lab, "198.51.100.51")
    lab.names["sip.carrier.example"] = [
        Target(Transport.UDP, Address(PLACE, 5060)),
        Target(Transport.UDP, Address("198.51.100.51", 5060)),
    ]
    lab.wait(60)
    assert named(lab, "a").state is State.UP
    assert len(other.asked("OPTIONS")) > 3


def test_who_was_removed_is_asked_nothing_more() -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    carrier = Carrier(lab, PLACE)
    lab.wait(1)
    assert lab.edge.gateways.remove("a", lab.now)
    carrier.inbox.clear()
    lab.wait(100)
    assert carrier.inbox == []
    assert lab.edge.gateways.of_source(carrier.flow) is None


def test_the_far_end_of_a_flow_is_known_by_its_address_and_by_networks() -> None:
    lab = house(
        gateway("a", PLACE),
        gateway("b", PLACE, port=5070),
        gateway("c", "c.example", networks=(ip_network("203.0.113.0/29"),)),
    )
    first, second = Carrier(lab, PLACE), Carrier(lab, PLACE, 5070)
    within, outside = Carrier(lab, "203.0.113.5"), Carrier(lab, "203.0.113.9")
    lab.wait(1)
    of = lab.edge.gateways.of_source
    assert of(first.flow) is named(lab, "a")
    assert of(second.flow) is named(lab, "b")
    assert of(within.flow) is named(lab, "c")
    assert of(outside.flow) is None


def test_a_phone_behind_the_address_of_a_gateway_is_not_the_gateway() -> None:
    lab = house(gateway("a", PLACE, transport=Transport.UDP), gateway("b", "198.51.100.51", transport=Transport.TCP))
    lab.wait(1)
    of = lab.edge.gateways.of_source
    assert of(lab.phone("1001", PLACE, 40001).flow) is None
    assert of(lab.phone("1001", PLACE, 40001, Transport.TCP).flow) is None
    # A connection that it opens comes from any port.
    assert of(lab.phone("carrier", "198.51.100.51", 40001, Transport.TCP).flow) is named(lab, "b")
    assert of(lab.phone("1001", "198.51.100.51", 5060).flow) is None


def is_heard(lab: Lab, carrier: Carrier, times: int) -> bool:
    """Whether the guard hears so many INVITEs from there at once."""
    return all(lab.guard.look(carrier.flow, b"INVITE sip:1001@x SIP/2.0\r\n", lab.now) for _ in range(times))


def test_the_guard_hears_whatever_a_gateway_brings_until_it_is_one_no_more() -> None:
    lab = house(gateway("a", PLACE, networks=(ip_network("203.0.113.0/29"), ip_network(PLACE))))
    carrier, within, stranger = Carrier(lab, PLACE), Carrier(lab, "203.0.113.5"), Carrier(lab, "203.0.113.9")
    lab.wait(1)
    assert is_heard(lab, carrier, 2_000)
    assert is_heard(lab, within, 2_000)
    assert not is_heard(lab, stranger, 2_000)
    lab.edge.gateways.remove("a", lab.now)
    assert not is_heard(lab, carrier, 2_000)
    assert not is_heard(lab, within, 2_000)


def test_who_moves_is_heard_at_its_new_address_alone() -> None:
    lab = house(gateway("a", "sip.carrier.example", probe=EVERY_10_S))
    old, new = Carrier(lab, PLACE), Carrier(lab, "198.51.100.51")
    lab.names["sip.carrier.example"] = [Target(Transport.UDP, Address(PLACE, 5060))]
    lab.wait(1)
    assert is_heard(lab, old, 2_000)
    lab.names["sip.carrier.example"] = [Target(Transport.UDP, Address("198.51.100.51", 5060))]
    lab.wait(30)
    assert is_heard(lab, new, 2_000)
    assert not is_heard(lab, old, 2_000)


def test_what_the_operator_trusts_anyway_stays_trusted() -> None:
    lab = Lab(EdgeSettings(trusted=(ip_network(PLACE),), gateways=(gateway("a", PLACE),)))
    carrier = Carrier(lab, PLACE)
    lab.wait(1)
    lab.edge.gateways.remove("a", lab.now)
    assert is_heard(lab, carrier, 2_000)


@pytest.mark.parametrize("interval_s", [0.0, 10.0])
@pytest.mark.parametrize("address", [PLACE, "2001:db8::5"])
def test_an_address_is_looked_up_once_and_a_name_again_and_again(interval_s: float, address: str) -> None:
    probe = ProbeSettings(interval_s=interval_s)
    lab = house(gateway("a", address, port=5060, probe=probe), gateway("b", "gw.example", probe=probe))
    lab.names[address] = [Target(Transport.UDP, Address(address, 5060))]
    lab.names["gw.example"] = [Target(Transport.UDP, Address("198.51.100.51", 5060), "gw.example")]
    lab.wait(600)
    assert lab.looked_up.count(address) == 1
    assert lab.looked_up.count("gw.example") >= 9


def test_an_address_that_no_listener_faces_yet_is_tried_until_one_does() -> None:
    lab = house(gateway("a", PLACE, probe=EVERY_10_S))
    lab.local_for = lambda transport, remote: None  # type: ignore[method-assign]
    lab.wait(60)
    assert (named(lab, "a").state, named(lab, "a").why) == (State.DOWN, "no-listener")
    del lab.local_for
    Carrier(lab, PLACE)
    lab.wait(60)
    assert named(lab, "a").state is State.UP


def test_of_many_gateways_at_one_address_each_is_known_by_its_port_and_connections_by_the_first_that_is_left() -> (
    None
):
    lab = house(
        gateway("a", PLACE, port=5060),
        gateway("b", PLACE, port=5070),
        gateway("c", PLACE, port=5080, transport=Transport.TCP),
        gateway("d", PLACE, port=5090, transport=Transport.TCP),
    )
    lab.wait(1)
    of = lab.edge.gateways.of_source
    assert [of(lab.phone("x", PLACE, port).flow) for port in (5060, 5070, 5080)] == [
        named(lab, "a"),
        named(lab, "b"),
        None,
    ]
    stream = lab.phone("x", PLACE, 41_000, Transport.TCP).flow
    assert of(stream) is named(lab, "c")
    lab.edge.gateways.remove("c", lab.now)
    assert of(stream) is named(lab, "d")
    lab.edge.gateways.remove("d", lab.now)
    assert of(stream) is None
    assert of(lab.phone("x", PLACE, 5070).flow) is named(lab, "b")

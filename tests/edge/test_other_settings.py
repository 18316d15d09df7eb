"""The edge goes by other settings in the middle of its work; calls and registrations do not notice."""

from dataclasses import replace
from ipaddress import ip_network

from tests.edge.carrier import gateway, house, named
from tests.edge.lab import HOME, OFFER, Lab, call

from talkpath.base.address import Address, Transport
from talkpath.edge.gateways.settings import Choosing, GatewaySettings, GroupSettings, ProbeSettings
from talkpath.edge.settings import GuardSettings, KeepAliveSettings, RegistrarSettings

QUIET = ProbeSettings(interval_s=0)


def adopt(lab: Lab, **values: object) -> set[str]:
    """Other settings from now on, as a configuration that was read again brings them."""
    lab.settings = replace(lab.settings, **values)  # type: ignore[arg-type]
    changed = lab.edge.adopt(lab.settings, lab.now)
    lab.pump()
    return changed


def quiet(name: str, **values: object) -> GatewaySettings:
    return replace(gateway(name, f"{name}.example"), probe=QUIET, **values)  # type: ignore[arg-type]


def test_a_call_that_runs_ends_as_it_began_when_all_around_it_is_another() -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    invite, ok = call(anna, bob, body=OFFER)
    adopt(
        lab,
        domains=frozenset({"elsewhere.example"}),
        advertised={(Transport.UDP, "*", 5060): Address("203.0.113.5", 5070)},
        max_calls=1,
        registrar=RegistrarSettings(max_contacts=1),
    )
    anna.in_dialog("INVITE", ok, body=OFFER)
    again = next(one for one in bob.inbox if one.method == "INVITE")
    bob.answer(again, 200, "OK", body=OFFER)
    assert anna.last().status == 200
    bob.in_dialog("BYE", invite)
    anna.answer(next(one for one in anna.inbox if one.method == "BYE"), 200, "OK")
    assert bob.last().status == 200
    assert not lab.edge.core.calls


def test_limits_hold_for_what_begins_afterwards() -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    call(anna, bob)
    adopt(lab, max_calls=1)
    anna.invite(f"sip:1002@{HOME}", call_id="c2")
    assert anna.last().status == 503
    assert len(lab.edge.core.calls) == 1
    adopt(lab, max_calls=2)
    anna.inbox.clear()
    anna.invite(f"sip:1002@{HOME}", call_id="c3")
    assert 503 not in anna.statuses()


def test_phones_are_told_the_advertised_address_from_the_next_message_on() -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    adopt(lab, advertised={(Transport.UDP, "*", 5060): Address("203.0.113.5", 5060)})
    anna.invite(f"sip:1002@{HOME}", body=OFFER)
    assert "203.0.113.5" in next(one for one in bob.inbox if one.method == "INVITE").all("Record-Route")[0]


def test_a_registration_that_stands_is_neither_shortened_nor_lost() -> None:
    lab = Lab()
    anna = lab.phone("1001", "198.51.100.7")
    anna.register(3000)
    adopt(lab, registrar=RegistrarSettings(max_expires_s=60))
    lab.wait(2000)
    assert lab.edge.core.registrar.bindings("1001", lab.now)
    assert "expires=60" in str(anna.register(3000).first("Contact"))


def test_whom_the_operator_trusts_changes_for_the_edge_and_for_the_guard() -> None:
    lab = Lab()
    trusted = (ip_network("198.51.100.0/24"),)
    anna = lab.phone("1001", "198.51.100.7")
    anna.request("REGISTER", f"sip:{HOME}", to=f"<sip:1001@{HOME}>", call_id="r")
    assert anna.last().status == 401
    adopt(lab, trusted=trusted)
    lab.guard.adopt(GuardSettings(), trusted)
    anna.request("REGISTER", f"sip:{HOME}", to=f"<sip:1001@{HOME}>", call_id="r2")
    assert anna.last().status == 200
    adopt(lab, trusted=())
    lab.guard.adopt(GuardSettings(), ())
    anna.request("REGISTER", f"sip:{HOME}", to=f"<sip:1001@{HOME}>", call_id="r3")
    assert anna.last().status == 401


def test_the_guard_counts_by_the_rates_of_now_and_lifts_no_ban() -> None:
    lab = Lab(guard=GuardSettings())
    one, other = lab.phone("1001", "203.0.113.5"), lab.phone("1001", "203.0.113.6")
    lab.guard.adopt(GuardSettings(options_per_s=0.1), ())
    for phone in (one, other):
        for at in range(3):
            phone.request("OPTIONS", f"sip:{HOME}", call_id=f"o{phone.flow}{at}")
    assert len(one.inbox) == len(other.inbox) == 1
    lab.guard.adopt(GuardSettings(options_per_s=100), ())
    one.request("OPTIONS", f"sip:{HOME}", call_id="later")
    assert len(one.inbox) == 1, "a ban goes on"
    fresh = lab.phone("1001", "203.0.113.7")
    for at in range(100):
        fresh.request("OPTIONS", f"sip:{HOME}", call_id=f"f{at}")
    assert len(fresh.inbox) == 100


def test_what_gateways_send_is_never_too_much_also_where_the_operator_trusted_them_once() -> None:
    lab = Lab(guard=GuardSettings())
    place = ip_network("203.0.113.9/32")
    lab.guard.adopt(GuardSettings(), (place,))
    lab.guard.trust(place, True)
    lab.guard.adopt(GuardSettings(), ())
    carrier = lab.phone("1001", "203.0.113.9")
    for at in range(100):
        carrier.request("OPTIONS", f"sip:{HOME}", call_id=f"o{at}")
    assert len(carrier.inbox) == 100
    lab.guard.trust(place, False)
    for at in range(100):
        carrier.request("OPTIONS", f"sip:{HOME}", call_id=f"p{at}")
    assert len(carrier.inbox) < 200


def test_flows_are_kept_open_where_they_were_not_and_no_more_where_they_were() -> None:
    lab = Lab()
    adopt(lab, keep_alive=KeepAliveSettings(interval_s=0))
    phone = lab.behind_nat("1001", nat_s=600.0)
    lab.wait(30)
    assert phone.pings == []
    adopt(lab, keep_alive=KeepAliveSettings(interval_s=5))
    lab.wait(1)
    lab.wait(30)
    assert 4 <= len(phone.pings) + len(phone.probes) <= 8
    seen = len(phone.pings) + len(phone.probes)
    adopt(lab, keep_alive=KeepAliveSettings(interval_s=0))
    lab.wait(30)
    assert len(phone.pings) + len(phone.probes) == seen
    phone.register(0)


def test_a_gateway_that_stays_as_it_was_does_not_notice() -> None:
    lab = house(quiet("a"), quiet("b"))
    a, b = named(lab, "a"), named(lab, "b")
    assert adopt(lab, gateways=(quiet("a"), quiet("b", weight=2), quiet("c"))) == {"b", "c"}
    assert named(lab, "a") is a
    assert named(lab, "b") is not b
    assert adopt(lab, gateways=(quiet("a"),)) == {"b", "c"}
    assert [one.settings.name for one in lab.edge.gateways.all()] == ["a"]


def test_calls_hold_their_channels_of_a_gateway_that_became_another() -> None:
    lab = house(quiet("a", channels=2))
    old = named(lab, "a")
    old.begun(("c1", "t"), lab.now)
    old.begun(("c2", "t"), lab.now)
    old.disable(True, lab.now)
    adopt(lab, gateways=(quiet("a", channels=2, weight=3),))
    new = named(lab, "a")
    assert (new.channels, new.is_disabled) == (2, True)
    new.disable(False, lab.now)
    choice = lab.edge.gateways.choose("carriers", "1001")
    assert choice is not None
    assert choice.next() is None
    old.over(("c1", "t"), lab.now)
    assert new.channels == 1
    choice = lab.edge.gateways.choose("carriers", "1001")
    assert choice is not None
    assert choice.next() is not None


def test_a_group_chooses_otherwise_from_now_on() -> None:
    lab = house(quiet("a"), quiet("b"), groups=(GroupSettings("carriers", Choosing.WEIGHT),))
    adopt(lab, gateway_groups=(GroupSettings("carriers", Choosing.ROUND_ROBIN, no_answer_s=9.0),))
    firsts = set()
    for _ in range(2):
        choice = lab.edge.gateways.choose("carriers", "1001")
        assert choice is not None
        assert choice.group.no_answer_s == 9.0
        picked = choice.next()
        assert picked is not None
        firsts.add(picked.gateway.settings.name)
    assert firsts == {"a", "b"}
    adopt(lab, gateway_groups=())
    choice = lab.edge.gateways.choose("carriers", "1001")
    assert choice is not None
    assert choice.group == GroupSettings("carriers")


def test_a_listener_that_is_left_takes_nothing_new_and_its_calls_go_on() -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    _, ok = call(anna, bob, body=OFFER)
    lab.edge.core.is_left = lambda flow: flow.local.port == 5060
    assert (Transport.UDP, Address(HOME, 5060)) in lab.edge.places()
    for method in ("INVITE", "REGISTER", "OPTIONS", "MESSAGE"):
        anna.request(method, f"sip:1002@{HOME}", call_id=f"new{method}")
        assert anna.last().status == 503
    anna.in_dialog("BYE", ok)
    bob.answer(next(one for one in bob.inbox if one.method == "BYE"), 200, "OK")
    assert anna.last().status == 200

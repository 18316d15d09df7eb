"""Behind a 1:1 NAT: who is in our LAN meets our real address, everybody else the advertised one."""

from ipaddress import ip_network

import pytest

from talkpath.base.address import Address, Transport
from talkpath.edge.places.neighbours import Local, Surroundings
from talkpath.edge.settings import EdgeSettings

from .lab import HOME, PORT, REALM, Lab, Phone, call

PUBLIC = "203.0.113.5"
NEAR, NEAR_TOO, ROUTER, FAR = "192.0.2.20", "192.0.2.21", "192.0.2.254", "198.51.100.7"


def _lab(**settings: object) -> Lab:
    lab = Lab(
        EdgeSettings(
            own_hosts=frozenset({HOME, "localhost"}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            advertised={(one, "*", port): Address(PUBLIC, port) for one, port in PORT.items()},
            **settings,  # type: ignore[arg-type]
        )
    )
    lab.around = Surroundings((ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")), frozenset({ROUTER}))
    return lab


def _hosts(values: list[str]) -> list[str]:
    """The host of each Record-Route, without its token."""
    return [value.partition("@")[2].partition(":")[0].partition(";")[0] for value in values]


def _named_to(phone: Phone) -> str:
    """What we call ourselves in the Via of a request to the phone."""
    invite = next(one for one in phone.inbox if one.is_request)
    return invite.top_via.host


@pytest.mark.parametrize(
    ("caller", "callee", "routes"),
    [
        (NEAR, NEAR_TOO, [HOME]),
        (NEAR, FAR, [PUBLIC, HOME]),
        (FAR, NEAR, [HOME, PUBLIC]),
        (FAR, "198.51.100.8", [PUBLIC]),
    ],
)
def test_each_side_is_given_the_address_that_it_can_reach(caller: str, callee: str, routes: list[str]) -> None:
    lab = _lab()
    one, other = lab.registered("1001", caller), lab.registered("1002", callee)
    invite, ok = call(one, other)
    assert _hosts(invite.listed("Record-Route")) == routes
    assert _hosts(ok.listed("Record-Route")) == routes
    assert invite.top_via.host == (HOME if callee.startswith("192.0.2.") else PUBLIC)

    # Whatever follows within the dialog finds its way through both addresses.
    one.in_dialog("BYE", ok)
    assert other.methods() == ["BYE"]
    other.answer(other.take(), 200)
    assert one.statuses() == [200]


def test_a_phone_that_goes_out_and_comes_home_is_told_the_address_of_the_place_where_it_is() -> None:
    lab = _lab()
    caller = lab.registered("1001", FAR)
    phone = lab.registered("1002", NEAR)
    seen = []
    for number, host in enumerate((NEAR, "198.51.100.8", NEAR_TOO)):
        if number:
            phone.register(0)
            phone = lab.registered("1002", host)
        invite, ok = call(caller, phone, call_id=f"c{number}")
        seen.append((invite.top_via.host, _hosts(invite.listed("Record-Route"))[0]))
        caller.in_dialog("BYE", ok)
    assert seen == [(HOME, HOME), (PUBLIC, PUBLIC), (HOME, HOME)]


def test_behind_the_router_may_be_anybody() -> None:
    """It turns packets to the public address round, or hides who comes from outside behind its own address: only the
    advertised address is reached by both."""
    lab = _lab()
    turned_round = lab.behind_nat("1002", ROUTER, 40_002)
    lab.registered("1001", NEAR).invite("sip:1002@" + HOME, call_id="c1")
    assert _named_to(turned_round) == PUBLIC
    invite = next(one for one in turned_round.inbox if one.is_request)
    assert _hosts(invite.listed("Record-Route")) == [PUBLIC, HOME]


@pytest.mark.parametrize(
    ("local", "host", "named"),
    [
        (Local(), NEAR, HOME),
        (Local((), False), NEAR, PUBLIC),
        (Local((ip_network("198.51.100.0/24"),)), FAR, HOME),
        (Local((ip_network("198.51.100.0/24"),), False), NEAR, PUBLIC),
        (Local((ip_network(ROUTER),)), ROUTER, HOME),
        (Local((ip_network("192.0.2.0/24"),)), ROUTER, PUBLIC),
    ],
)
def test_the_operator_says_who_is_local(local: Local, host: str, named: str) -> None:
    lab = _lab(local=local)
    phone = lab.registered("1002", host)
    lab.registered("1001", "198.51.100.99").invite("sip:1002@" + HOME)
    assert _named_to(phone) == named


def test_each_listener_may_have_networks_of_its_own() -> None:
    lab = _lab(local_of={(Transport.TCP, "*", PORT[Transport.TCP]): Local((), False)})
    phones = [lab.phone("1002", NEAR, 5060, transport) for transport in (Transport.UDP, Transport.TCP)]
    for phone in phones:
        phone.register()
    lab.registered("1001", FAR).invite("sip:1002@" + HOME)
    assert [_named_to(phone) for phone in phones] == [HOME, PUBLIC]


def test_a_browser_whose_web_server_does_not_say_where_it_is_may_be_anywhere() -> None:
    lab = _lab(web_proxies=(ip_network("192.0.2.20/32"),))
    behind, beside = lab.phone("1002", NEAR, 5001, Transport.WSS), lab.phone("1002", NEAR_TOO, 5001, Transport.WSS)
    for browser in (behind, beside):
        browser.register()
    lab.registered("1001", FAR).invite("sip:1002@" + HOME)
    assert [_named_to(browser) for browser in (behind, beside)] == [PUBLIC, HOME]


def test_an_advertised_ipv4_address_is_not_told_to_who_speaks_ipv6() -> None:
    lab = _lab()
    phone = lab.registered("1002", "2001:db8:7::2")
    lab.registered("1001", FAR).invite("sip:1002@" + HOME)
    assert _named_to(phone) == "2001:db8::1"


def test_a_service_names_the_address_that_its_caller_can_reach() -> None:
    from .lab import OFFER

    lab = _lab()
    contacts = []
    for user, host in (("1001", NEAR), ("1003", FAR)):
        phone = lab.registered(user, host)
        phone.invite(f"sip:echo@{HOME}", call_id=user, body=OFFER)
        contacts.append(phone.last().address("Contact").parsed_uri().host)
    assert contacts == [HOME, PUBLIC]

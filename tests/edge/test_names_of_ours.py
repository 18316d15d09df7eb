"""A phone's outbound proxy is us by whatever name it was told (RFC 3261 section 16.4)."""

from dataclasses import replace

import pytest
from tests.edge.lab import HOME, PORT, REALM, Lab, Phone

from talkpath.base import limits
from talkpath.base.address import Address, Target, Transport
from talkpath.edge.settings import EdgeSettings

NAME = "edge.example.net"
ELSEWHERE = Target(Transport.UDP, Address("203.0.113.9", 5060))
SETTINGS = EdgeSettings(
    own_hosts=frozenset({HOME, "localhost"}),
    listening=frozenset(PORT.items()),
    realm=REALM,
    domains=frozenset({"example.com"}),
)


@pytest.fixture(params=[frozenset(), frozenset({"example.com"})], ids=["any-domain", "one-domain"])
def lab(request: pytest.FixtureRequest) -> Lab:
    lab = Lab(replace(SETTINGS, domains=request.param))
    lab.names[NAME] = [Target(Transport.UDP, Address(HOME, 5060))]
    lab.names["other.example.net"] = [ELSEWHERE]
    return lab


def asked_to_register(phone: Phone, uri: str = f"sip:{HOME}", route: str = "", call_id: str = "r") -> int:
    """The status of the answer, 0 while there is none."""
    extra = f"Route: <{route}>" if route else ""
    phone.inbox.clear()
    phone.request("REGISTER", uri, to=f"<sip:{phone.user}@{HOME}>", call_id=call_id, extra=extra)
    return phone.last().status if phone.inbox else 0


OURS = [
    f"sip:{NAME};lr",
    f"sip:{NAME}:5060;lr",
    f"sip:{NAME};transport=udp;lr",
    f"sip:1001@{NAME};lr",
    f"sip:1001@{HOME};lr",
    f"sip:{HOME}",
    "sip:localhost;lr",
]


@pytest.mark.parametrize("route", OURS)
def test_a_register_whose_route_names_us_is_challenged_by_the_registrar(lab: Lab, route: str) -> None:
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), route=route) == 401


@pytest.mark.parametrize("route", OURS)
def test_a_call_whose_route_names_us_reaches_the_user(lab: Lab, route: str) -> None:
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    caller.invite(f"sip:1002@{HOME}", extra=f"Route: <{route}>")
    assert callee.methods() == ["INVITE"]
    assert callee.last().all("Route") == []


@pytest.mark.parametrize("uri", [f"sip:{NAME}", f"sip:{NAME}:5060", f"sip:{NAME};transport=udp"])
def test_a_register_to_a_name_that_leads_to_us_is_challenged_by_the_registrar(lab: Lab, uri: str) -> None:
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), uri) == 401


def test_a_configured_domain_is_us_in_a_route() -> None:
    lab = Lab(SETTINGS)
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), route="sip:example.com;lr") == 401
    assert lab.looked_up == []


def test_the_name_that_debian_gives_a_host_is_the_host(lab: Lab) -> None:
    """Debian's hosts file gives the name of a host 127.0.1.1."""
    lab.names["box"] = [Target(Transport.UDP, Address("127.0.1.1", 5060))]
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), route="sip:box;lr") == 401
    lab.names["neighbour"] = [Target(Transport.UDP, Address("127.0.0.2", 5060))]
    assert asked_to_register(lab.phone("1002", "198.51.100.8"), route="sip:neighbour;lr") == 407


def test_one_of_several_nodes_behind_a_name_is_that_name(lab: Lab) -> None:
    lab.names["cluster"] = [ELSEWHERE, Target(Transport.UDP, Address(HOME, 5060))]
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), route="sip:cluster;lr") == 401


def test_another_server_on_our_host_is_not_us(lab: Lab) -> None:
    lab.names["neighbour"] = [Target(Transport.UDP, Address(HOME, 5099))]
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), route="sip:neighbour:5099;lr") == 407


def test_a_request_for_another_proxy_goes_there_with_its_route(lab: Lab) -> None:
    caller = lab.registered("1001", "198.51.100.7")
    other = lab.phone("other", ELSEWHERE.remote.host)
    caller.invite("sip:bob@example.org", extra="Route: <sip:other.example.net;lr>")
    assert other.methods() == ["INVITE"]
    assert other.last().all("Route") == ["<sip:other.example.net;lr>"]


def test_a_register_for_another_proxy_is_none_for_our_registrar(lab: Lab) -> None:
    assert asked_to_register(lab.phone("1001", "198.51.100.7"), route="sip:other.example.net;lr") == 407


def test_a_user_in_our_route_opens_no_dialog(lab: Lab) -> None:
    """A To tag proves nothing, and a user part that is no token of ours neither."""
    lab.registered("1002", "198.51.100.8")
    stranger = lab.phone("x", "203.0.113.7")
    stranger.request("BYE", f"sip:1002@{HOME}", to=f"<sip:1002@{HOME}>;tag=a", extra=f"Route: <sip:x@{NAME};lr>")
    assert stranger.statuses() == [481]


def test_a_name_is_looked_up_once(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    for number in range(5):
        asked_to_register(phone, route=f"sip:{NAME};lr", call_id=f"r{number}")
    assert lab.looked_up == [NAME]


def test_a_name_of_ours_stays_ours_while_it_is_looked_up_again(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    asked_to_register(phone, route=f"sip:{NAME};lr")
    lab.lookups = []
    lab.edge.expire(lab.now + 3600)
    assert asked_to_register(phone, route=f"sip:{NAME};lr", call_id="later") == 401
    lab.names[NAME] = []  # the server of names is away
    lab.answer_names()
    assert asked_to_register(phone, route=f"sip:{NAME};lr", call_id="later still") == 401
    assert lab.looked_up == [NAME, NAME]


def test_a_name_that_moved_away_is_not_ours_any_more(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    asked_to_register(phone, route=f"sip:{NAME};lr")
    lab.names[NAME] = [ELSEWHERE]
    lab.edge.expire(lab.now + 3600)
    assert asked_to_register(phone, route=f"sip:{NAME};lr", call_id="later still") == 407


def test_a_call_waits_for_its_name_and_may_be_given_up_meanwhile(lab: Lab) -> None:
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    lab.lookups = []
    uri, route = f"sip:1002@{HOME}", f"Route: <sip:{NAME};lr>"
    branch = caller.request("INVITE", uri, call_id="c1", extra=route)
    assert caller.statuses() == [100]
    caller.request("CANCEL", uri, call_id="c1", cseq=caller.cseq, branch=branch, extra=route)
    assert caller.statuses() == [100, 200, 487]
    lab.answer_names()
    assert callee.inbox == []


def test_an_ack_waits_for_its_name_too(lab: Lab) -> None:
    """Some phones put their outbound proxy before the route of the dialog."""
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    caller.invite(f"sip:1002@{HOME}")
    callee.answer(callee.take(), 200, "OK")
    ok = caller.last()
    routes = "".join(f"\nRoute: {one}" for one in ok.listed("Record-Route"))
    lab.lookups = []
    cseq = ok.cseq.number
    caller.request("ACK", callee.contact, to=ok.first("To") or "", call_id="c1", cseq=cseq,
                   extra=f"Route: <sip:{NAME};lr>{routes}")  # fmt: skip
    assert callee.methods() == []
    lab.answer_names()
    assert callee.methods() == ["ACK"]


def test_strangers_with_many_names_ask_little_and_push_none_of_ours_out(lab: Lab) -> None:
    phone = lab.phone("1001", "198.51.100.7")
    assert asked_to_register(phone, route=f"sip:{NAME};lr") == 401
    lab.lookups = []
    stranger = lab.phone("x", "203.0.113.7")
    for number in range(2 * limits.NAMES):
        asked_to_register(stranger, route=f"sip:n{number}.example;lr", call_id=f"s{number}")
    assert len(lab.lookups) == limits.NAMES_ASKED_BY_ONE
    assert stranger.last().status == 503
    assert asked_to_register(phone, route=f"sip:{NAME};lr", call_id="again") == 401
    newcomer = lab.phone("1002", "198.51.100.9")
    lab.names["sip.other.example"] = lab.names[NAME]
    newcomer.request("REGISTER", f"sip:{HOME}", to=f"<sip:1002@{HOME}>", extra="Route: <sip:sip.other.example;lr>")
    lab.answer_names()
    assert newcomer.statuses() == [401]


def test_strangers_in_many_places_ask_no_more_than_all_may(lab: Lab) -> None:
    lab.lookups = []
    for number in range(2 * limits.NAMES_ASKED):
        stranger = lab.phone("x", f"203.0.113.{number}")
        asked_to_register(stranger, route=f"sip:n{number}.example;lr", call_id=f"s{number}")
    assert len(lab.lookups) == limits.NAMES_ASKED

"""A name that leads to several addresses: a dead one costs a moment and no call (RFC 3263 section 4.3)."""

import pytest
from tests.edge.lab import HOME, OFFER, PORT, REALM, Lab, Phone

from talkpath.base.address import Address, Target, Transport
from talkpath.edge.settings import EdgeSettings

NAME = "carrier.example.net"
URI = f"sip:12345@{NAME}"


@pytest.fixture
def lab() -> Lab:
    """With a domain of its own: other names lead elsewhere."""
    hosts = frozenset({HOME, "home.example"})
    settings = EdgeSettings(
        own_hosts=hosts, domains=frozenset({"home.example"}), listening=frozenset(PORT.items()), realm=REALM
    )
    return Lab(settings)


@pytest.fixture
def first(lab: Lab) -> Phone:
    return lab.phone("gw1", "203.0.113.1")


@pytest.fixture
def second(lab: Lab) -> Phone:
    return lab.phone("gw2", "203.0.113.2")


@pytest.fixture(autouse=True)
def _two_addresses(lab: Lab, first: Phone, second: Phone) -> None:
    lab.names[NAME] = [Target(Transport.UDP, phone.flow.remote, NAME) for phone in (first, second)]


def test_one_that_says_nothing_is_passed_over(lab: Lab, caller: Phone, first: Phone, second: Phone) -> None:
    caller.invite(URI, body=OFFER)
    at_first = first.take()
    lab.wait(1.4)
    assert second.inbox == []
    lab.wait(0.2)
    at_second = second.take()
    second.answer(at_second, 200, body=OFFER)
    assert caller.statuses() == [100, 200]
    assert "fork.next-tried" in lab.kinds("c1")
    # It heard the INVITE all the same, and picks up: it is acknowledged and hung up on.
    first.inbox.clear()
    first.answer(at_first, 200, tag="late", body=OFFER)
    assert first.methods() == ["ACK", "BYE"]
    assert caller.statuses() == [100, 200]
    assert "fork.answered-late" in lab.kinds("c1")


def test_one_that_rings_late_is_cancelled(lab: Lab, caller: Phone, first: Phone, second: Phone) -> None:
    caller.invite(URI)
    at_first = first.take()
    lab.wait(1.6)
    first.inbox.clear()
    first.answer(at_first, 180)
    cancel = first.take()
    assert (cancel.method, str(cancel.top_via)) == ("CANCEL", str(at_first.top_via))
    first.answer(cancel, 200)
    first.answer(at_first, 487)
    assert first.take().method == "ACK"
    second.answer(second.take(), 486)
    assert caller.statuses() == [100, 486]
    lab.wait(300)
    assert not lab.edge.core.transactions.clients
    assert not lab.edge.core.calls


def test_what_was_dead_is_asked_last_for_a_while(lab: Lab, caller: Phone, first: Phone, second: Phone) -> None:
    caller.invite(URI)
    lab.wait(1.6)
    second.answer(second.take(), 486)
    first.inbox.clear()
    caller.invite(URI, call_id="c2")
    assert (len(first.inbox), len(second.inbox)) == (0, 2)  # the ACK, and the new INVITE
    second.answer(second.last(), 486)
    lab.wait(90)
    caller.invite(URI, call_id="c3")
    assert first.methods() == ["INVITE"]


def test_one_that_refuses_the_connection_is_passed_over_at_once(
    lab: Lab, caller: Phone, first: Phone, second: Phone
) -> None:
    dead = Target(Transport.TCP, Address("203.0.113.9", 5060), NAME)
    lab.names[NAME].insert(0, dead)
    lab.refusing.add(dead)
    caller.invite(URI)
    assert first.methods() == ["INVITE"]
    assert second.inbox == []


@pytest.mark.parametrize(("status", "goes_on"), [(503, True), (500, False), (486, False), (404, False)])
def test_503_leads_to_the_next_address_and_other_answers_to_the_caller(
    lab: Lab, caller: Phone, first: Phone, second: Phone, status: int, goes_on: bool
) -> None:
    caller.invite(URI)
    first.answer(first.take(), status)
    assert bool(second.inbox) is goes_on
    if goes_on:
        second.answer(second.take(), 486)
    assert caller.statuses()[-1] == (486 if goes_on else status)


def test_when_all_are_silent_the_caller_hears_so(lab: Lab, caller: Phone) -> None:
    caller.invite(URI)
    lab.wait(40)
    assert caller.statuses()[:2] == [100, 408]
    assert not lab.edge.core.calls


def test_who_gives_up_meanwhile_makes_nobody_else_ring(lab: Lab, caller: Phone, second: Phone) -> None:
    branch = caller.invite(URI)
    caller.request("CANCEL", URI, call_id="c1", cseq=caller.cseq, branch=branch)
    lab.wait(40)
    assert second.inbox == []
    assert 487 in caller.statuses()


def test_who_gives_up_while_the_name_is_asked_hears_487_at_once(lab: Lab, caller: Phone, first: Phone) -> None:
    lab.lookups = []
    branch = caller.invite(URI)
    caller.request("CANCEL", URI, call_id="c1", cseq=caller.cseq, branch=branch)
    assert 487 in caller.statuses()
    lab.answer_names()
    assert first.inbox == []


def test_other_requests_go_on_to_the_next_address_too(lab: Lab, caller: Phone, first: Phone, second: Phone) -> None:
    uri = f"sip:12345@{NAME}"
    caller.request("MESSAGE", uri, call_id="m1")
    proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "MESSAGE", uri)
    caller.request("MESSAGE", uri, call_id="m1", extra=f"Proxy-Authorization: {proof}")
    lab.wait(1.6)
    second.answer(second.take(), 200)
    assert caller.statuses()[-1] == 200
    first.answer(first.take(), 200)
    assert caller.statuses().count(200) == 1

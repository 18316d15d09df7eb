"""A phone with several flows (RFC 5626) is asked on one at a time: the newest, then the next (section 5.3)."""

import pytest
from tests.edge.lab import HOME, Lab, Phone

from talkpath.base.address import Transport

URI = f"sip:1002@{HOME}"


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.registered("1001", "198.51.100.7")


def flow(lab: Lab, number: int, instance: str = "a", transport: Transport = Transport.UDP) -> Phone:
    """A phone of 1002 on one of its flows; those with a higher number are newer."""
    phone = lab.phone("1002", "198.51.100.8", 5060 + number, transport)
    phone.contact_params = f';+sip.instance="<urn:uuid:{instance}>";reg-id={number}'
    phone.register()
    lab.wait(1)
    return phone


@pytest.fixture
def older(lab: Lab) -> Phone:
    return flow(lab, 1)


@pytest.fixture
def newer(lab: Lab, older: Phone) -> Phone:
    return flow(lab, 2)


def test_a_phone_is_asked_on_the_newest_of_its_flows(lab: Lab, caller: Phone, older: Phone, newer: Phone) -> None:
    caller.invite(URI)
    newer.answer(newer.last(), 180)
    lab.wait(10)
    assert (older.methods(), newer.methods()) == ([], ["INVITE"])
    newer.answer(newer.last(), 486)
    assert caller.statuses()[-1] == 486
    assert older.methods() == [], "the phone has refused, not the flow"


def test_phones_of_one_user_are_asked_each_on_a_flow(lab: Lab, caller: Phone, older: Phone, newer: Phone) -> None:
    other = flow(lab, 3, "b")
    caller.invite(URI)
    assert (older.methods(), newer.methods(), other.methods()) == ([], ["INVITE"], ["INVITE"])


def test_a_silent_flow_makes_room_for_the_next_within_two_seconds(
    lab: Lab, caller: Phone, older: Phone, newer: Phone
) -> None:
    newer.is_on = False
    caller.invite(URI)
    lab.wait(1.9)
    assert older.methods() == []
    lab.wait(0.2)
    assert older.methods() == ["INVITE"]
    invite = older.last()
    older.answer(invite, 180)
    lab.wait(40)  # the silent flow is over, and the call is not
    older.answer(invite, 200)
    assert caller.statuses() == [100, 180, 200]
    assert invite.cseq.number == caller.cseq + 1, "who read it on the silent flow takes it for a loop otherwise"


def test_a_phone_that_refuses_on_the_next_flow_is_heard_at_once(
    lab: Lab, caller: Phone, older: Phone, newer: Phone
) -> None:
    newer.is_on = False
    caller.invite(URI)
    lab.wait(3)
    older.answer(older.last(), 486)
    assert caller.statuses()[-1] == 486


def test_a_flow_that_wakes_up_late_may_take_the_call(lab: Lab, caller: Phone, older: Phone, newer: Phone) -> None:
    caller.invite(URI)
    invite = newer.last()
    lab.wait(2.1)
    on_next = older.last()
    older.answer(on_next, 180)
    newer.answer(invite, 200)
    assert caller.statuses() == [100, 180, 200]
    assert older.methods() == ["INVITE", "CANCEL"]


def test_a_flow_that_wakes_up_late_does_not_ring_on(lab: Lab, caller: Phone, older: Phone, newer: Phone) -> None:
    caller.invite(URI)
    invite = newer.last()
    lab.wait(3)
    newer.answer(invite, 180)
    assert newer.last().method == "CANCEL"
    newer.answer(invite, 487)
    older.answer(older.last(), 200)
    assert caller.statuses()[-1] == 200


def test_a_connection_that_is_gone_is_passed_at_once(lab: Lab, caller: Phone) -> None:
    older = flow(lab, 1, transport=Transport.TCP)
    newer = flow(lab, 2, transport=Transport.TCP)
    caller.invite(URI)
    assert (older.methods(), newer.methods()) == ([], ["INVITE"])
    lab.close(newer)
    assert older.methods() == ["INVITE"]
    assert older.last().cseq.number == caller.cseq


@pytest.mark.parametrize("status", [430, 408])
def test_a_flow_that_failed_further_on_makes_room_for_the_next(
    caller: Phone, older: Phone, newer: Phone, status: int
) -> None:
    caller.invite(URI)
    newer.answer(newer.last(), status)
    assert older.methods() == ["INVITE"]
    older.answer(older.last(), 200)
    assert caller.statuses()[-1] == 200


def test_the_caller_hears_480_when_no_flow_leads_to_the_phone(
    lab: Lab, caller: Phone, older: Phone, newer: Phone
) -> None:
    older.is_on = newer.is_on = False
    caller.invite(URI)
    lab.wait(40)
    assert caller.statuses()[-1] == 480


def test_nobody_asks_on_another_flow_after_a_cancel(lab: Lab, caller: Phone, older: Phone, newer: Phone) -> None:
    newer.is_on = False
    branch = caller.invite(URI)
    lab.wait(1)
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    lab.wait(40)
    assert older.methods() == []
    assert caller.statuses()[-1] == 487


def test_a_message_goes_over_the_next_flow_too(lab: Lab, caller: Phone, older: Phone, newer: Phone) -> None:
    newer.is_on = False
    caller.request("MESSAGE", URI, call_id="m")
    proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "MESSAGE", URI)
    caller.request("MESSAGE", URI, call_id="m", extra=f"Proxy-Authorization: {proof}")
    lab.wait(2.1)
    assert older.methods() == ["MESSAGE"]
    older.answer(older.last(), 200)
    assert caller.statuses()[-1] == 200

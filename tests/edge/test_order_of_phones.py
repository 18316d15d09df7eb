"""Phones of a user with different q ring one group after the other, those with the highest first (RFC 3261 16.6)."""

import pytest
from tests.edge.lab import HOME, Lab, Phone

from talkpath.sip.message import Message


def phone(lab: Lab, host: str, q: str) -> Phone:
    made = lab.phone("1002", host)
    made.contact_params = f";q={q}"
    made.register(3600)
    return made


@pytest.fixture
def desk(lab: Lab) -> Phone:
    return phone(lab, "198.51.100.8", "1.0")


@pytest.fixture
def mobile(lab: Lab) -> Phone:
    return phone(lab, "198.51.100.9", "0.5")


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.registered("1001", "198.51.100.7")


def asked(phone: Phone) -> list[str]:
    """What came to it, without repetitions."""
    return list(dict.fromkeys(phone.methods()))


def invite_of(phone: Phone) -> Message:
    return next(one for one in phone.inbox if one.is_request and one.method != "CANCEL")


def ring(caller: Phone, *ringing: Phone) -> None:
    caller.invite(f"sip:1002@{HOME}")
    for one in ringing:
        one.answer(invite_of(one), 180, "Ringing")


def test_the_preferred_phone_rings_alone(caller: Phone, desk: Phone, mobile: Phone) -> None:
    ring(caller)
    assert (asked(desk), asked(mobile)) == (["INVITE"], [])


def test_phones_that_are_wanted_alike_ring_together(lab: Lab, caller: Phone, desk: Phone) -> None:
    other = phone(lab, "198.51.100.10", "1")
    ring(caller)
    assert (asked(desk), asked(other)) == (["INVITE"], ["INVITE"])


def test_the_next_rings_when_the_preferred_one_refuses(caller: Phone, desk: Phone, mobile: Phone) -> None:
    ring(caller, desk)
    desk.answer(invite_of(desk), 486, "Busy")
    assert asked(mobile) == ["INVITE"]
    mobile.answer(invite_of(mobile), 200, "OK")
    assert caller.statuses() == [100, 180, 200]


def test_the_next_rings_when_the_preferred_one_rang_long_enough(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    ring(caller, desk)
    invite = desk.last()
    lab.wait(19)
    assert asked(mobile) == []
    lab.wait(2)
    assert (asked(desk), asked(mobile)) == (["INVITE", "CANCEL"], ["INVITE"])
    desk.answer(invite, 487, "Terminated")
    assert caller.statuses() == [100, 180]
    mobile.answer(invite_of(mobile), 200, "OK")
    assert caller.statuses() == [100, 180, 200]


def test_the_next_rings_though_the_preferred_one_is_silent(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    desk.is_on = False
    ring(caller)
    lab.wait(21)
    assert asked(mobile) == ["INVITE"]
    mobile.answer(invite_of(mobile), 180, "Ringing")
    lab.wait(20)  # the silent one is over, and the call is not
    mobile.answer(invite_of(mobile), 200, "OK")
    assert caller.statuses() == [100, 180, 200]


def test_who_takes_up_while_others_are_tried_has_the_call(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    ring(caller, desk)
    invite = desk.last()
    lab.wait(21)
    mobile.answer(invite_of(mobile), 180, "Ringing")
    desk.answer(invite, 200, "OK")
    assert caller.statuses()[-1] == 200
    assert asked(mobile) == ["INVITE", "CANCEL"]


def test_the_answer_is_what_the_phones_said_and_not_that_we_passed_on(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    ring(caller, desk)
    invite = desk.last()
    lab.wait(21)
    desk.answer(invite, 487, "Terminated")
    mobile.answer(invite_of(mobile), 486, "Busy")
    assert caller.statuses()[-1] == 486


def test_nobody_comes_next_after_a_decline(caller: Phone, desk: Phone, mobile: Phone) -> None:
    ring(caller, desk)
    desk.answer(invite_of(desk), 603, "Decline")
    assert caller.statuses()[-1] == 603
    assert asked(mobile) == []


@pytest.mark.parametrize("wait_s", [1, 21])
def test_nobody_comes_next_after_a_cancel(lab: Lab, caller: Phone, desk: Phone, mobile: Phone, wait_s: float) -> None:
    caller.invite(f"sip:1002@{HOME}")
    invite = desk.last()
    desk.answer(invite, 180, "Ringing")
    branch = caller.last().top_via.branch
    lab.wait(wait_s)
    if wait_s > 20:
        desk.answer(invite, 487, "Terminated")
        mobile.answer(invite_of(mobile), 180, "Ringing")
    caller.request("CANCEL", f"sip:1002@{HOME}", call_id="c1", cseq=caller.cseq, branch=branch)
    last = mobile if wait_s > 20 else desk
    last.answer(invite_of(last), 487, "Terminated")
    assert caller.statuses()[-1] == 487
    lab.wait(60)
    assert asked(mobile) == (["INVITE", "CANCEL", "ACK"] if wait_s > 20 else [])


def test_who_gives_up_is_not_told_what_another_phone_refused(caller: Phone, desk: Phone, mobile: Phone) -> None:
    branch = caller.invite(f"sip:1002@{HOME}")
    desk.answer(invite_of(desk), 486, "Busy")
    mobile.answer(invite_of(mobile), 180, "Ringing")
    caller.request("CANCEL", f"sip:1002@{HOME}", call_id="c1", cseq=caller.cseq, branch=branch)
    mobile.answer(invite_of(mobile), 487, "Terminated")
    assert caller.statuses()[-1] == 487


@pytest.mark.parametrize("is_answering", [False, True])
def test_a_cancel_waits_for_no_phone_that_was_passed_over_without_a_word(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone, is_answering: bool
) -> None:
    caller.invite(f"sip:1002@{HOME}")
    invite, branch = desk.last(), caller.last().top_via.branch
    lab.wait(21)
    mobile.answer(invite_of(mobile), 180, "Ringing")
    caller.request("CANCEL", f"sip:1002@{HOME}", call_id="c1", cseq=caller.cseq, branch=branch)
    mobile.answer(invite_of(mobile), 487, "Terminated")
    assert caller.statuses()[-2:] == [200, 487]
    caller.ack(caller.last(), f"sip:1002@{HOME}", branch)
    lab.wait(7)  # the call is over, and its request forgotten
    if is_answering:
        desk.answer(invite, 180, "Ringing")
        assert asked(desk) == ["INVITE", "CANCEL"], "a phone that wakes up late does not ring on"
        desk.answer(invite, 200, "OK")
        assert asked(desk) == ["INVITE", "CANCEL", "ACK", "BYE"]
        desk.answer(desk.last(), 200)
        desk.answer(next(one for one in desk.inbox if one.method == "CANCEL"), 200)
    lab.wait(64)
    core = lab.edge.core
    assert (core.transactions.servers, core.transactions.clients, core.calls) == ({}, {}, {})


def test_a_refusal_waits_for_no_phone_that_was_passed_over_without_a_word(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    desk.is_on = False
    ring(caller)
    lab.wait(21)
    mobile.answer(invite_of(mobile), 486, "Busy")
    assert caller.statuses()[-1] == 486


def test_a_phone_that_can_not_be_reached_is_passed_at_once(lab: Lab, caller: Phone, mobile: Phone) -> None:
    gone = lab.behind_nat("1002", params=";q=1.0")
    lab.wait(30)
    gone.is_on = False
    lab.wait(60)
    ring(caller)
    assert asked(mobile) == ["INVITE"]


def test_a_message_goes_to_the_next_after_some_seconds(lab: Lab, caller: Phone, desk: Phone, mobile: Phone) -> None:
    desk.is_on = False
    caller.request("MESSAGE", f"sip:1002@{HOME}", call_id="m")
    if caller.last().status == 407:
        proof = caller.credentials(caller.last().all("Proxy-Authenticate")[0], "MESSAGE", f"sip:1002@{HOME}")
        caller.request("MESSAGE", f"sip:1002@{HOME}", call_id="m", extra=f"Proxy-Authorization: {proof}")
    lab.wait(6)
    assert asked(mobile) == ["MESSAGE"]
    mobile.answer(invite_of(mobile), 200, "OK")
    assert caller.statuses()[-1] == 200

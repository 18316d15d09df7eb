"""One INVITE, several phones, lost messages and late ones (RFC 3261 sections 9, 16 and 17; RFC 6026)."""

import pytest
from tests.edge.lab import HOME, Lab, Phone

from talkpath.base.address import Transport

URI = f"sip:1002@{HOME}"


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.phone("visitor", "198.51.100.7")


@pytest.fixture
def desk(lab: Lab) -> Phone:
    phone = lab.phone("1002", "198.51.100.8")
    phone.register()
    return phone


@pytest.fixture
def mobile(lab: Lab) -> Phone:
    phone = lab.phone("1002", "198.51.100.9")
    phone.register()
    return phone


def test_the_phone_that_answers_wins_and_the_other_stops_ringing(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    caller.invite(URI)
    at_desk, at_mobile = desk.take(), mobile.take()
    desk.answer(at_desk, 180, tag="d")
    mobile.answer(at_mobile, 180, tag="m")
    desk.answer(at_desk, 200, tag="d")
    cancel = mobile.take()
    assert cancel.method == "CANCEL"
    assert str(cancel.top_via) == str(at_mobile.top_via)
    assert "answered elsewhere" not in (cancel.first("Reason") or "")
    assert "Call completed elsewhere" in (cancel.first("Reason") or "")
    mobile.answer(cancel, 200, tag="m")
    mobile.answer(at_mobile, 487, tag="m")
    assert mobile.take().method == "ACK"
    assert caller.statuses() == [100, 180, 180, 200]


def test_two_answers_at_once_both_reach_the_caller(lab: Lab, caller: Phone, desk: Phone, mobile: Phone) -> None:
    caller.invite(URI)
    at_desk, at_mobile = desk.take(), mobile.take()
    desk.answer(at_desk, 200, tag="d")
    mobile.answer(at_mobile, 200, tag="m")
    assert [message.to_tag for message in caller.inbox if message.status == 200] == ["d", "m"]


@pytest.mark.parametrize(
    ("first", "second", "best"), [(486, 404, 486), (486, 480, 486), (408, 486, 486), (401, 486, 401), (503, 503, 500)]
)
def test_when_nobody_answers_the_best_refusal_goes_back(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone, first: int, second: int, best: int
) -> None:
    caller.invite(URI)
    desk.answer(desk.take(), first)
    assert caller.statuses() == [100]
    mobile.answer(mobile.take(), second)
    assert caller.statuses() == [100, best]


def test_a_decline_everywhere_ends_the_ringing(lab: Lab, caller: Phone, desk: Phone, mobile: Phone) -> None:
    caller.invite(URI)
    at_mobile = mobile.take()
    mobile.answer(at_mobile, 180)
    desk.answer(desk.take(), 603)
    assert mobile.take().method == "CANCEL"
    mobile.answer(at_mobile, 487)
    assert caller.statuses()[-1] == 603


def test_a_cancel_waits_for_the_first_word_of_the_phone(lab: Lab, caller: Phone, desk: Phone) -> None:
    branch = caller.invite(URI)
    invite = desk.take()
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    assert caller.last().status == 200
    assert desk.inbox == []
    desk.answer(invite, 180)
    assert desk.take().method == "CANCEL"
    desk.answer(invite, 487)
    assert caller.statuses()[-1] == 487
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_how == "cancel"


def test_an_answer_that_crosses_the_cancel_still_reaches_the_caller(lab: Lab, caller: Phone, desk: Phone) -> None:
    branch = caller.invite(URI)
    invite = desk.take()
    desk.answer(invite, 180)
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    desk.answer(invite, 200)
    assert caller.statuses()[-1] == 200
    caller.ack(caller.last(), desk.contact)
    assert desk.last().method == "ACK"


def test_a_cancel_for_nothing_is_told_so(lab: Lab, caller: Phone) -> None:
    caller.request("CANCEL", URI, call_id="c9", branch="z9hG4bKnone")
    assert caller.statuses() == [481]


def test_a_lost_invite_is_sent_again_and_a_silent_phone_counts_as_timeout(
    lab: Lab, caller: Phone, desk: Phone
) -> None:
    caller.invite(URI)
    lab.wait(31.6)
    assert desk.methods() == ["INVITE"] * 7
    lab.wait(2)
    assert caller.statuses()[-1] == 408


def test_a_repeated_invite_is_answered_with_the_last_word_and_not_forwarded(
    lab: Lab, caller: Phone, desk: Phone
) -> None:
    branch = caller.invite(URI)
    desk.answer(desk.take(), 180)
    caller.request("INVITE", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    assert desk.inbox == []
    assert caller.statuses() == [100, 180, 180]


def test_a_lost_refusal_is_repeated_until_it_is_acknowledged(lab: Lab, caller: Phone, desk: Phone) -> None:
    branch = caller.invite(URI)
    desk.answer(desk.take(), 486)
    lab.wait(2)
    repeated = caller.statuses().count(486)
    assert repeated == 3
    caller.ack(caller.last(), URI, branch)
    lab.wait(20)
    assert caller.statuses().count(486) == repeated


def test_a_repeated_answer_passes_again(lab: Lab, caller: Phone, desk: Phone) -> None:
    caller.invite(URI)
    invite = desk.take()
    desk.answer(invite, 200)
    desk.answer(invite, 200)
    assert caller.statuses() == [100, 200, 200]


def test_a_phone_that_rings_for_ever_is_given_up(lab: Lab, caller: Phone, desk: Phone) -> None:
    caller.invite(URI)
    invite = desk.take()
    desk.answer(invite, 180)
    lab.wait(182)
    assert desk.take().method == "CANCEL"
    desk.answer(invite, 487)
    assert caller.statuses()[-1] in (408, 487)


def test_a_phone_that_ignores_the_cancel_does_not_hold_the_caller(lab: Lab, caller: Phone, desk: Phone) -> None:
    branch = caller.invite(URI)
    desk.answer(desk.take(), 180)
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    lab.wait(33)
    assert caller.statuses()[-1] == 487


def test_a_contact_whose_connection_is_gone_is_passed_over(lab: Lab, caller: Phone, desk: Phone) -> None:
    browser = lab.phone("1002", "198.51.100.20", 42000, Transport.WSS)
    browser.contact, browser.via_host = "sip:z@x.invalid;transport=ws", "x.invalid"
    browser.register()
    lab.close(browser)
    caller.invite(URI)
    assert desk.methods() == ["INVITE"]
    desk.answer(desk.take(), 486)
    assert caller.statuses()[-1] == 486
    assert "flow.gone" in lab.kinds("c1")


def test_nothing_is_left_behind_when_all_is_over(lab: Lab, caller: Phone, desk: Phone, mobile: Phone) -> None:
    branch = caller.invite(URI)
    desk.answer(desk.take(), 486)
    mobile.answer(mobile.take(), 486)
    caller.ack(caller.last(), URI, branch)
    lab.wait(64)
    core = lab.edge.core
    assert (core.transactions.servers, core.transactions.clients, core.calls) == ({}, {}, {})
    assert core.ringing == set()
    assert len(core.timers) == 0


def test_a_phone_that_is_off_is_not_rung_for_a_call_that_is_over(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    caller.invite(URI)
    desk.answer(desk.take(), 200)
    rung = len(mobile.inbox)
    lab.wait(33)
    assert len(mobile.inbox) == rung
    assert [trace.call_ids for trace in lab.ledger.running()] == [["c1"]]


def test_what_was_asked_for_over_tls_goes_to_no_phone_in_clear(lab: Lab, caller: Phone, desk: Phone) -> None:
    caller.invite(URI.replace("sip:", "sips:"))
    assert desk.inbox == []
    assert caller.last().status == 480


def test_a_caller_that_vanished_stops_the_ringing(lab: Lab, desk: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7", 41000, Transport.TCP)
    caller.invite(URI)
    desk.answer(desk.take(), 180)
    lab.close(caller)
    lab.wait(7)
    assert desk.inbox == []
    lab.wait(2)
    assert set(desk.methods()) == {"CANCEL"}

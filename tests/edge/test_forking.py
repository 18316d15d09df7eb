"""One INVITE, several phones, lost messages and late ones (RFC 3261 sections 9, 16 and 17; RFC 6026)."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Address, Target, Transport
from talkpath.calls.build import call_of, summary_of
from talkpath.calls.model import Result, Side, Summary

URI = f"sip:1002@{HOME}"


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.phone("visitor", "198.51.100.7")


@pytest.fixture
def desk(lab: Lab) -> Phone:
    return lab.registered("1002", "198.51.100.8")


@pytest.fixture
def mobile(lab: Lab) -> Phone:
    return lab.registered("1002", "198.51.100.9")


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


def test_a_cancel_waits_for_the_first_word_of_the_phone_and_the_caller_does_not(
    lab: Lab, caller: Phone, desk: Phone
) -> None:
    branch = caller.invite(URI)
    invite = desk.take()
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    assert caller.statuses() == [100, 200, 487]
    assert desk.inbox == []
    caller.ack(caller.last(), URI, branch)
    lab.wait(20)
    desk.answer(invite, 180)
    assert desk.take().method == "CANCEL"
    desk.answer(invite, 487)
    assert desk.last().method == "ACK"
    assert caller.statuses() == [100, 200, 487]
    assert lab.engine.open_ports == []
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_how == "cancel"


def test_a_phone_that_says_its_first_word_after_the_caller_gave_up_is_hung_up_on(
    lab: Lab, caller: Phone, desk: Phone
) -> None:
    branch = caller.invite(URI, body=OFFER)
    invite = desk.take()
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    caller.ack(caller.last(), URI, branch)
    desk.answer(invite, 200, body=OFFER)
    assert desk.methods()[-2:] == ["ACK", "BYE"]
    desk.answer(desk.last(), 200)
    assert caller.statuses() == [100, 200, 487]
    assert lab.edge.core.calls == {}
    assert lab.engine.open_ports == []


def test_a_refusal_for_everywhere_waits_for_no_phone_that_never_said_a_word(
    lab: Lab, caller: Phone, desk: Phone, mobile: Phone
) -> None:
    caller.invite(URI)
    mobile.answer(mobile.take(), 603)
    assert caller.statuses()[-1] == 603
    lab.wait(1)
    assert desk.methods() == ["INVITE"], "nobody repeats to it what nobody wants"


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
    assert "flow.not-rung" in lab.kinds("c1")


def test_nothing_is_left_behind_when_all_is_over(lab: Lab, caller: Phone, desk: Phone, mobile: Phone) -> None:
    branch = caller.invite(URI)
    desk.answer(desk.take(), 486)
    mobile.answer(mobile.take(), 486)
    caller.ack(caller.last(), URI, branch)
    lab.wait(64)
    core = lab.edge.core
    assert (core.transactions.servers, core.transactions.clients, core.calls) == ({}, {}, {})
    assert core.beginning == set()
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


def _vanishing(lab: Lab, transport: Transport = Transport.WSS) -> Phone:
    caller = lab.phone("visitor", "198.51.100.7", 41000, transport)
    caller.via_host = "a1.invalid"
    caller.invite(URI)
    return caller


def _row(lab: Lab) -> Summary:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    row, built = summary_of(trace), call_of(trace)
    assert (built.result, built.ended_at) == (row.result, row.ended_at)
    return row


def test_an_answer_for_a_caller_that_vanished_is_acknowledged_and_ended(lab: Lab, desk: Phone) -> None:
    caller = _vanishing(lab)
    invite = desk.take()
    desk.answer(invite, 180)
    lab.close(caller)
    lab.wait(2)
    desk.answer(invite, 200)
    assert desk.inbox == []
    lab.wait(6)
    ack, bye = desk.take(), desk.take()
    assert (ack.method, ack.cseq.number, ack.to_tag, ack.uri) == ("ACK", invite.cseq.number, "tag1002", desk.contact)
    assert (bye.method, bye.cseq.number) == ("BYE", invite.cseq.number + 1)
    assert "The caller is gone" in (bye.first("Reason") or "")
    row = _row(lab)
    assert (row.result, row.ended_by, row.ended_how) == (Result.FAILED, Side.SERVER, "flow-gone")
    desk.answer(invite, 200)
    desk.answer(bye, 200)
    assert desk.methods() == ["ACK"]
    assert lab.edge.core.calls == {}
    assert not lab.edge.core.beginning


def test_an_answer_that_crosses_the_giving_up_is_acknowledged_and_ended_at_once(lab: Lab, desk: Phone) -> None:
    caller = _vanishing(lab)
    invite = desk.take()
    desk.answer(invite, 180)
    lab.close(caller)
    lab.wait(8)
    desk.answer(desk.take(), 200)
    desk.answer(invite, 200)
    desk.answer(invite, 200)
    assert desk.methods() == ["ACK", "BYE", "ACK"]
    assert (_row(lab).result, _row(lab).ended_how) == (Result.FAILED, "flow-gone")


def test_ringing_for_a_caller_that_vanished_is_told_as_that_and_not_as_a_refusal(lab: Lab, desk: Phone) -> None:
    caller = _vanishing(lab)
    invite = desk.take()
    desk.answer(invite, 180)
    lab.close(caller)
    lab.wait(9)
    desk.answer(desk.take(), 200)
    desk.answer(invite, 487)
    row = _row(lab)
    assert (row.result, row.ended_by, row.ended_how) == (Result.FAILED, Side.SERVER, "flow-gone")


def test_every_phone_that_answers_a_caller_who_vanished_is_told(lab: Lab, desk: Phone, mobile: Phone) -> None:
    caller = _vanishing(lab)
    first, second = desk.take(), mobile.take()
    lab.close(caller)
    desk.answer(first, 200)
    mobile.answer(second, 200)
    assert mobile.methods() == ["ACK", "BYE"]
    lab.wait(8)
    assert desk.methods() == ["ACK", "BYE"]


def test_the_answer_follows_a_caller_to_its_new_connection(lab: Lab, desk: Phone) -> None:
    caller = lab.phone("1001", "198.51.100.7", 41000, Transport.TCP)
    caller.contact_params = ';+sip.instance="<urn:uuid:1>"'
    caller.register()
    caller.invite(URI)
    invite = desk.take()
    lab.close(caller)
    caller.reconnect(41001)
    caller.register()
    desk.answer(invite, 200)
    ok = caller.take()
    assert ok.status == 200
    caller.ack(ok, desk.contact)
    assert desk.take().method == "ACK"
    lab.wait(60)
    assert desk.inbox == []


def test_a_server_that_closed_an_idle_connection_is_answered_where_it_listens(lab: Lab, desk: Phone) -> None:
    caller = lab.phone("visitor", "198.51.100.7", 41000, Transport.TCP)
    caller.via_host = "198.51.100.7:5060"
    caller.invite(URI)
    invite = desk.take()
    lab.close(caller)
    desk.answer(invite, 200)
    (answer,) = [send for send in lab.lost if b"INVITE" in send.data]
    assert answer.hop == Target(Transport.TCP, Address("198.51.100.7", 5060))
    assert answer.data.startswith(b"SIP/2.0 200")


def test_a_caller_whose_connection_dies_before_its_ack_is_ended(lab: Lab, desk: Phone) -> None:
    caller = _vanishing(lab)
    desk.answer(desk.take(), 200)
    assert caller.last().status == 200
    lab.close(caller)
    lab.wait(8)
    assert desk.methods() == ["ACK", "BYE"]
    assert (_row(lab).result, _row(lab).ended_how) == (Result.ANSWERED, "flow-gone")


def test_a_connection_that_dies_after_the_ack_ends_no_call(lab: Lab, desk: Phone) -> None:
    caller = _vanishing(lab)
    desk.answer(desk.take(), 200)
    caller.ack(caller.last(), desk.contact)
    lab.close(caller)
    lab.wait(30)
    assert desk.methods() == ["ACK"]
    assert len(lab.edge.core.calls) == 1

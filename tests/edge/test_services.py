"""The numbers `echo` and `tone`: a user agent of our own."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.phone("visitor", "198.51.100.7")


@pytest.mark.parametrize("service", ["echo", "tone"])
def test_a_service_answers_and_takes_a_bye(lab: Lab, caller: Phone, service: str) -> None:
    caller.invite(f"sip:{service}@{HOME}", body=OFFER)
    ok = caller.last()
    assert ok.status == 200
    assert f"c=IN IP4 {HOME}".encode() in ok.body
    caller.ack(ok, f"sip:{service}@{HOME}")
    lab.wait(5)
    assert caller.statuses().count(200) == 1
    caller.in_dialog("BYE", ok)
    assert caller.last().status == 200
    assert lab.engine.open_ports == []
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_how == "bye"


def test_a_caller_that_never_acknowledges_is_hung_up(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:echo@{HOME}", body=OFFER)
    lab.wait(40)
    assert caller.statuses().count(200) > 5
    assert set(caller.methods()) == {"BYE"}
    assert lab.edge.core.calls == {}


def test_hold_and_resume_are_answered(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:echo@{HOME}", body=OFFER)
    ok = caller.last()
    caller.ack(ok, f"sip:echo@{HOME}")
    caller.in_dialog("INVITE", ok, body=OFFER + b"a=sendonly\r\n", cseq=7)
    assert caller.last().status == 200
    assert b"recvonly" in caller.last().body


def test_an_offer_that_nobody_here_can_play_is_refused(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:tone@{HOME}", body=OFFER.replace(b"0 8", b"18").replace(b"PCMU", b"X").replace(b"PCMA", b"Y"))
    assert caller.last().status == 488
    assert lab.engine.open_ports == []


def test_a_call_without_an_offer_is_answered_with_one(lab: Lab, caller: Phone) -> None:
    caller.invite(f"sip:echo@{HOME}")
    ok = caller.last()
    assert b"m=audio" in ok.body
    caller.ack(ok, f"sip:echo@{HOME}", body=OFFER)
    lab.wait(3)
    assert caller.statuses().count(200) == 1
    assert any(verb == "reflect" for verb, _ in lab.engine.told)

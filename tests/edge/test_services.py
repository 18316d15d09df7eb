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


def test_a_stranger_gets_no_tone_before_an_ack_that_only_a_reader_of_our_answer_can_write(lab: Lab) -> None:
    stranger = lab.phone("visitor", "198.51.100.7")
    tags = []
    for number in range(3):
        stranger.invite(f"sip:tone@{HOME}", call_id=f"t{number}", body=OFFER)
        tags.append(stranger.last().to_tag)
        (port,) = [one for one in lab.engine.open_ports if one.expected["rtp"] == ("198.51.100.7", 4000)]
        assert port.plays == ""
        stranger.ack(stranger.last(), f"sip:tone@{HOME}")
        assert port.plays == "0 PCMU"
        stranger.in_dialog("BYE", stranger.inbox[-1])
        stranger.inbox.clear()
    # 64 bits of each are no count of calls.
    assert len({tag[-16:] for tag in tags}) == 3


def test_who_has_proven_himself_hears_the_tone_at_once(lab: Lab) -> None:
    lab.registered("1001", "198.51.100.9").invite(f"sip:tone@{HOME}", body=OFFER)
    assert [port.plays for port in lab.engine.open_ports] == ["0 PCMU"]

"""What the edge asked in the caller's name, a second time and with another profile, is never told as the caller's."""

import os

import pytest

from talkpath.base.texts import Language
from talkpath.calls.build import call_of
from talkpath.explain.judging.finding import Finding
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites
from talkpath.media.keying import Security
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.media.browser import OURS

G729 = OFFER.replace(b"RTP/AVP 0 8", b"RTP/AVP 18").replace(
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n", b"a=rtpmap:18 G729/8000\r\n"
)


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.security = Security(made.engine, OURS, os.urandom)
    return made


@pytest.fixture
def phones(lab: Lab) -> tuple[Phone, Phone]:
    return lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")


def invites(phone: Phone) -> list[str]:
    return [message.method for message in phone.inbox if message.method == "INVITE"]


def found(lab: Lab) -> list[Finding]:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    (one,) = explain_own([trace], Sites(), lab.now + 60).calls
    return list(one.findings)


def test_a_call_without_a_common_codec_is_told_as_the_caller_made_it(lab: Lab, phones: tuple[Phone, Phone]) -> None:
    caller, callee = phones
    caller.invite(f"sip:1002@{HOME}", body=G729)
    while invites(callee):
        invite = next(message for message in callee.inbox if message.method == "INVITE")
        callee.inbox.clear()
        lab.wait(0.02)
        callee.answer(invite, 488, "Not Acceptable Here")
    (one,) = found(lab)
    said = [because.said.say(Language.EN) for because in one.found.because]
    assert one.code == "codec-refused"
    assert "G729" in one.title.say(Language.EN)
    assert "Offered: G729 (RTP/AVP)." in said
    assert any("RTP/SAVP" in text and "in the caller's name" in text for text in said)


def test_all_askings_of_one_phone_are_one_hop(lab: Lab, phones: tuple[Phone, Phone]) -> None:
    caller, callee = phones
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    for _ in range(2):
        lab.wait(0.02)
        callee.answer(callee.last(), 488, "Not Acceptable Here")
    callee.answer(callee.last(), 180, "Ringing")
    trace = lab.ledger.trace("c1")
    assert trace is not None
    _, leg = call_of(trace).legs
    assert (leg.status, leg.ringing_at) == (180, lab.now)


def test_a_call_that_was_asked_for_twice_is_a_healthy_one(lab: Lab, phones: tuple[Phone, Phone]) -> None:
    """The messages of one dialog have two numberings, and belong together all the same."""
    caller, callee = phones
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    lab.wait(0.02)
    callee.answer(callee.take(), 488, "Not Acceptable Here")
    lab.wait(0.02)
    callee.answer(callee.last(), 200, body=OFFER.replace(b"198.51.100.7", b"198.51.100.8"))
    ok = caller.last()
    caller.in_dialog("ACK", ok, cseq=ok.cseq.number)
    lab.wait(5)
    caller.in_dialog("BYE", ok)
    callee.answer(callee.last(), 200)
    lab.wait(10)
    assert [one.code for one in found(lab) if one.code != "no-rtp"] == []

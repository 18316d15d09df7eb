"""A description that can never give media is refused when it is offered, and ends the call when it is the answer."""

import os

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.media.browser import OURS, Browser

from talkpath.base.address import Transport
from talkpath.calls.model import Side
from talkpath.media.keying import Security
from talkpath.sip.message import Message


def unproven(browser: Browser) -> bytes:
    """DTLS with a fingerprint that is none."""
    return browser.describe("8").replace(b"a=fingerprint:sha-256 ", b"a=fingerprint:sha-256 XX")


@pytest.fixture
def page(lab: Lab) -> Phone:
    """A browser of user 1003."""
    lab.security = Security(lab.engine, OURS, os.urandom)
    page = lab.phone("1003", "198.51.100.9", 41000, Transport.WSS)
    page.register()
    return page


def hung_up(phone: Phone) -> list[str]:
    """What we told the phone: methods, the BYE with its Reason."""
    told = [message for message in phone.inbox if message.is_request]
    return [f"{one.method} {one.first('Reason') or ''}".strip() for one in told]


REASON = 'BYE SIP;cause=488;text="The answer can not be used"'


def test_an_offer_is_refused_before_anybody_rings(lab: Lab, page: Phone, callee: Phone) -> None:
    page.invite(f"sip:1002@{HOME}", body=unproven(Browser(offers=True)))
    assert page.last().status == 488
    assert callee.inbox == []
    assert "media.refused" in lab.kinds("c1")
    assert lab.edge.core.calls == {}
    assert not lab.engine.open_ports


def rung(caller: Phone, page: Phone, body: bytes = OFFER) -> Message:
    """The INVITE as the page got it."""
    caller.invite(f"sip:1003@{HOME}", body=body)
    invite = page.take()
    page.answer(invite, 180)
    caller.inbox.clear()
    return invite


def test_an_answer_is_acknowledged_and_hung_up_and_the_caller_is_told(lab: Lab, page: Phone, caller: Phone) -> None:
    invite = rung(caller, page)
    page.answer(invite, 200, body=unproven(Browser(offers=False)))
    assert hung_up(page) == ["ACK", REASON]
    assert page.inbox[0].cseq.number == invite.cseq.number
    assert caller.statuses() == [502]
    assert "media.refused" in lab.kinds("c1")
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_by, trace.ended_how) == (Side.SERVER, "refused")
    assert not lab.engine.open_ports
    page.inbox.clear()
    page.answer(invite, 200, body=unproven(Browser(offers=False)))
    assert hung_up(page) == ["ACK"], "it had not heard the first"
    assert caller.statuses() == [502]


def test_the_other_phones_of_a_user_go_on_ringing(lab: Lab, page: Phone, caller: Phone) -> None:
    desk = lab.registered("1003", "198.51.100.10")
    invite = rung(caller, page)
    page.answer(invite, 200, body=unproven(Browser(offers=False)))
    assert hung_up(page) == ["ACK", REASON]
    assert caller.statuses() == []
    assert desk.methods() == ["INVITE"]
    desk.answer(desk.take(), 200, body=OFFER)
    assert caller.statuses() == [200]
    page.answer(invite, 200, body=unproven(Browser(offers=False)))
    assert caller.statuses() == [200]


def test_an_early_answer_goes_on_without_its_description(lab: Lab, page: Phone, caller: Phone) -> None:
    invite = rung(caller, page)
    page.answer(invite, 183, body=unproven(Browser(offers=False)))
    assert caller.last().status == 183
    assert caller.last().body == b""
    page.answer(invite, 200, body=Browser(offers=False).describe("8"))
    assert caller.last().status == 200
    assert b"RTP/AVP 8" in caller.last().body


def talking(caller: Phone, page: Phone) -> tuple[Message, Message, Browser]:
    """The INVITE and the 200 of a call that stands."""
    invite, browser = rung(caller, page), Browser(offers=False)
    page.answer(invite, 200, body=browser.describe("8"))
    answer = caller.last()
    caller.ack(answer, page.contact)
    for phone in (caller, page):
        phone.inbox.clear()
    return invite, answer, browser


def test_an_answer_within_a_call_ends_it_on_both_sides(lab: Lab, page: Phone, caller: Phone) -> None:
    _, answer, browser = talking(caller, page)
    caller.in_dialog("INVITE", answer, body=OFFER.replace(b"1 1 IN", b"1 2 IN"))
    reinvite = page.take()
    page.answer(reinvite, 200, body=unproven(browser))
    assert hung_up(page) == ["ACK", REASON]
    assert (page.inbox[0].cseq.number, page.inbox[0].to_tag) == (reinvite.cseq.number, "tag1003")
    assert hung_up(caller) == [REASON]
    assert caller.statuses() == [100, 502]
    assert lab.edge.core.calls == {}
    assert not lab.engine.open_ports


def test_an_offer_within_a_call_is_refused_and_the_call_goes_on(lab: Lab, page: Phone, caller: Phone) -> None:
    invite, _, browser = talking(caller, page)
    page.in_dialog("INVITE", invite, body=unproven(browser))
    assert page.last().status == 488
    assert caller.inbox == []
    assert len(lab.edge.core.calls) == 1


def test_an_answer_that_comes_in_the_ack_ends_the_call_too(lab: Lab, page: Phone, callee: Phone) -> None:
    page.invite(f"sip:1002@{HOME}")
    callee.answer(callee.take(), 200, body=OFFER)
    answer = page.last()
    page.inbox.clear()
    page.ack(answer, callee.contact, body=unproven(Browser(offers=False)))
    assert hung_up(callee) == ["ACK", REASON]
    assert callee.inbox[0].body == b""
    assert hung_up(page) == [REASON]
    assert lab.edge.core.calls == {}


def test_what_can_not_be_read_at_all_ends_the_call_as_well(lab: Lab, page: Phone, caller: Phone) -> None:
    invite = rung(caller, page)
    page.answer(invite, 200, body=b"v=0\r\nm=audio nonsense\r\n")
    assert hung_up(page) == ["ACK", REASON]
    assert caller.statuses() == [502]

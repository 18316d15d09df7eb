"""Pages throw messages away whose From or To they cannot read, phones answer 400 (`edge/forwarding/legible.py`)."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Transport
from talkpath.edge.forwarding.legible import legible

CALLER = "<tel:+86-138-0013-8000>;tag=far"
CALLED = "<tel:1002;phone-context=+8610>"
SHOWN, SHOWN_CALLED = f"<sip:+8613800138000@{HOME};user=phone>", f"<sip:1002@{HOME};user=phone>"


@pytest.mark.parametrize(
    "value",
    [
        "<sip:a@b.example>;tag=1",
        "sip:a@b.example;tag=1",
        '"李雷"<sip:a@b.example>;tag=1',
        '"a \\" b" <sips:a@b.example:5061;transport=tcp>;tag=1;x="q r"',
        "Anna Maria <sip:a@192.0.2.1>;tag=a.b-~1",
        "<sip:+1;phone-context=x@[2001:db8::1]:5060;user=phone>",
        "<sip:gateway>;tag=1",
        "J. Smith <sip:%61@b.example>",
    ],
)
def test_what_a_page_reads_stays_as_it_is(value: str) -> None:
    assert legible(value, "pbx.example", is_page=True) == ""


@pytest.mark.parametrize("value", ["<tel:+86-138>;tag=1", "tel:+1;tag=2", "A <urn:service:sos>", "<http://x/y?z=1>"])
def test_phones_read_whatever_uri_the_grammar_has(value: str) -> None:
    assert legible(value, "pbx.example", is_page=False) == ""
    assert legible(value, "pbx.example", is_page=True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<tel:+86-138-0013-8000>;tag=1", "<sip:+8613800138000@pbx.example;user=phone>;tag=1"),
        ("tel:1001;phone-context=example.com;tag=2", "<sip:1001@pbx.example;user=phone>;tag=2"),
        ('"A" <urn:service:sos>;tag=1', '"A" <sip:service%3Asos@pbx.example>;tag=1'),
        ("<sip:*21#@b.example>;tag=1", "<sip:*21%23@b.example>;tag=1"),
        ("<sip:李@b.example>", "<sip:%E6%9D%8E@b.example>"),
        ("<sip:\udcff@b.example>", "<sip:%FF@b.example>"),
        ("<sip:a@host.1>;tag=1", "<sip:a@pbx.example>;tag=1"),
        ("<sip:a@a_b.example:5070>;tag=1", "<sip:a@pbx.example>;tag=1"),
        ("<sip:a@999.0.2.1>;tag=1", "<sip:a@pbx.example>;tag=1"),
        ("<sip:a@b.example.>;tag=1", "<sip:a@b.example>;tag=1"),
        ("<sip:a@b.example;x=y=z;lr>;tag=1", "<sip:a@b.example;lr>;tag=1"),
        ("李雷 <sip:a@b.example>;tag=1", '"李雷" <sip:a@b.example>;tag=1'),
        ("Smith, J <sip:a@b.example>;tag=1;epid=", '"Smith, J" <sip:a@b.example>;tag=1'),
        ("<sip:@b.example>;tag=1", "<sip:b.example>;tag=1"),
    ],
)
def test_what_it_cannot_read_is_spelt_by_the_letter(value: str, shown: str) -> None:
    assert legible(value, "pbx.example", is_page=True) == shown
    assert legible(shown, "pbx.example", is_page=True) == ""


def calling(lab: Lab, contact: str = "") -> Phone:
    """A carrier that calls the page."""
    carrier = lab.phone("1001", "192.0.2.77")
    contact = contact or carrier.contact
    carrier.send(
        f"INVITE sip:1002@{HOME} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKtel\r\nMax-Forwards: 70\r\n"
        f"From: {CALLER}\r\nTo: {CALLED}\r\nCall-ID: tel\r\nCSeq: 1 INVITE\r\nContact: {contact}\r\n"
        "Content-Type: application/sdp\r\n",
        OFFER,
    )
    return carrier


@pytest.fixture
def page(lab: Lab) -> Phone:
    page = lab.phone("1002", "198.51.100.2", transport=Transport.WSS)
    page.register()
    return page


def test_a_page_rings_whatever_the_carrier_calls_the_caller(lab: Lab, page: Phone) -> None:
    carrier = calling(lab)
    invite = page.take()
    assert (invite.first("From"), invite.first("To")) == (f"{SHOWN};tag=far", SHOWN_CALLED)
    page.answer(invite, 180)
    page.answer(invite, 200, body=OFFER)
    answer = carrier.last()
    tag = answer.to_tag
    assert (answer.first("From"), answer.first("To")) == (CALLER, f"{CALLED};tag={tag}")
    assert lab.kinds("tel").count("name.spelt") == 2
    # Both hang up, each by the names that it knows.
    page.in_dialog("BYE", invite)
    bye = carrier.last()
    assert (bye.first("From"), bye.first("To")) == (f"{CALLED};tag={tag}", CALLER)
    carrier.answer(bye, 200)
    done = page.last()
    assert (done.status, done.first("From"), done.first("To")) == (
        200,
        f"<sip:1002@{HOME}>;tag={tag}",
        f"{SHOWN};tag=far",
    )


def test_our_own_bye_reaches_the_page_by_names_that_it_reads(lab: Lab, page: Phone) -> None:
    carrier = calling(lab)
    page.answer(page.take(), 200, body=OFFER)
    carrier.ack(carrier.last(), page.contact)
    tag = carrier.last().to_tag
    lab.edge.stop_calls(lab.now)
    lab.pump()
    bye = page.last()
    assert (bye.method, bye.first("From"), bye.first("To")) == (
        "BYE",
        f"{SHOWN};tag=far",
        f"{SHOWN_CALLED};tag={tag}",
    )
    bye = carrier.last()
    assert (bye.method, bye.first("From"), bye.first("To")) == ("BYE", f"{CALLED};tag={tag}", CALLER)


def test_a_phone_rings_whose_caller_is_named_against_the_grammar_and_hears_all_of_the_dialog(lab: Lab) -> None:
    caller, callee = lab.registered("1001", "198.51.100.1"), lab.registered("1002", "198.51.100.2")
    named = "李雷 <sip:1001@192.0.2.1>;tag=tag1001"
    shown = '"李雷" <sip:1001@192.0.2.1>;tag=tag1001'
    caller.display = "李雷 "
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = callee.take()
    assert invite.first("From") == shown
    callee.answer(invite, 200, body=OFFER)
    ok = caller.last()
    assert ok.first("From") == named
    caller.ack(ok, callee.contact)
    assert callee.take().first("From") == shown
    callee.in_dialog("BYE", invite)
    assert caller.last().first("To") == named


def test_a_page_is_sent_on_to_a_number_that_it_can_read(lab: Lab, page: Phone) -> None:
    carrier = calling(lab)
    page.answer(page.take(), 200, body=OFFER)
    ok = carrier.last()
    carrier.ack(ok, page.contact)
    carrier.in_dialog("REFER", ok, extra="Refer-To: <tel:+4930>\r\n")
    assert page.last().first("Refer-To") == f"<sip:+4930@{HOME};user=phone>"


ODD_CONTACT = "<sip:+4930@carrier_1.example:5070;did=ab==>"


def test_a_page_that_is_called_answers_a_contact_that_it_cannot_read(lab: Lab, page: Phone) -> None:
    carrier = calling(lab, ODD_CONTACT)
    invite = page.take()
    assert invite.first("Contact") == f"<sip:+4930@{HOME}>"
    page.answer(invite, 200, body=OFFER)
    carrier.ack(carrier.last(), page.contact)
    page.in_dialog("BYE", invite)
    assert carrier.last().uri == ODD_CONTACT.strip("<>")


def test_a_page_that_calls_hangs_up_whose_contact_it_cannot_read(lab: Lab, page: Phone) -> None:
    callee = lab.registered("1003", "198.51.100.3")
    page.invite(f"sip:1003@{HOME}", body=OFFER)
    callee.contact = ODD_CONTACT.strip("<>")
    callee.answer(callee.take(), 200, body=OFFER)
    ok = page.last()
    assert (ok.status, ok.first("Contact")) == (200, f"<sip:+4930@{HOME}>")
    page.ack(ok, f"sip:+4930@{HOME}")
    page.in_dialog("BYE", ok)
    assert [message.uri for message in callee.inbox] == [ODD_CONTACT.strip("<>")] * 2


def test_phones_are_shown_a_contact_by_the_letter_too(lab: Lab) -> None:
    caller, callee = lab.registered("1001", "198.51.100.1"), lab.registered("1003", "198.51.100.3")
    caller.contact = "sip:#1@198.51.100.1:5060"
    caller.invite(f"sip:1003@{HOME}", body=OFFER)
    invite = callee.take()
    assert invite.first("Contact") == "<sip:%231@198.51.100.1:5060>"
    callee.answer(invite, 200, body=OFFER)
    caller.ack(caller.last(), callee.contact)
    callee.in_dialog("BYE", invite)
    assert caller.last().uri == caller.contact


def test_a_page_that_called_reads_the_contact_of_who_offers_again(lab: Lab, page: Phone) -> None:
    callee = lab.registered("1003", "198.51.100.3")
    page.invite(f"sip:1003@{HOME}", body=OFFER)
    invite = callee.take()
    callee.answer(invite, 200, body=OFFER)
    page.ack(page.last(), callee.contact)
    callee.contact = ODD_CONTACT.strip("<>")
    callee.in_dialog("INVITE", invite, body=OFFER)
    assert page.last().first("Contact") == f"<sip:+4930@{HOME}>"

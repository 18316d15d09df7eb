"""A page whose connection breaks within a call: what is for it waits, and what it missed is told when it is back."""

from tests.edge.lab import OFFER, Lab, Phone, call

from talkpath.base.address import Transport
from talkpath.sip.message import Message


def page(lab: Lab, instance: str = ';+sip.instance="<urn:uuid:7>"') -> Phone:
    made = lab.phone("1001", "198.51.100.7", 41000, Transport.WSS)
    made.contact, made.via_host = "sip:xyz@abc.invalid;transport=ws", "abc.invalid"
    made.contact_params = instance
    made.register()
    return made


def away(lab: Lab, callee: Phone, instance: str = ';+sip.instance="<urn:uuid:7>"') -> tuple[Phone, Message, Message]:
    """A page in a call whose connection broke; the INVITE that its callee has, and the 200 that it has itself."""
    browser = page(lab, instance)
    invite, ok = call(browser, callee)
    lab.close(browser)
    return browser, invite, ok


def back(lab: Lab, browser: Phone, port: int = 41001) -> None:
    browser.reconnect(port)
    browser.register()


def test_a_bye_waits_for_the_page_that_is_away_for_three_seconds(lab: Lab, callee: Phone) -> None:
    browser, invite, _ = away(lab, callee)
    hung_up_at = lab.now
    callee.in_dialog("BYE", invite)
    lab.wait(3)
    assert callee.statuses() == []
    back(lab, browser)
    lab.wait(0.5)
    bye = browser.take()
    assert (bye.method, bye.uri) == ("BYE", browser.contact)
    browser.answer(bye, 200)
    assert callee.statuses() == [200]
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_at, trace.ended_by, trace.ended_how) == (hung_up_at, "callee", "bye")
    assert lab.edge.core.calls == {}


def test_a_bye_for_a_page_that_stays_away_is_answered_in_time_and_told_when_it_is_back(
    lab: Lab, callee: Phone
) -> None:
    browser, invite, _ = away(lab, callee)
    hung_up_at = lab.now
    callee.in_dialog("BYE", invite)
    lab.wait(9)
    assert callee.statuses() == [408]
    assert lab.edge.core.calls == {}
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_at, trace.ended_by, trace.ended_how) == (hung_up_at, "callee", "bye")
    assert "flow.end-untold" in lab.kinds("c1")
    lab.wait(600)
    browser.reconnect(41001)
    browser.request("REGISTER", "sip:192.0.2.1", to="<sip:1001@192.0.2.1>", call_id="forged", extra="Expires: 60")
    assert browser.methods() == [], "only who proves that it is the phone is told"
    browser.inbox.clear()
    register(browser)
    bye = browser.last()
    assert (bye.method, bye.call_id, bye.from_tag, bye.uri) == ("BYE", "c1", "tag1002", browser.contact)
    assert "hung up" in (bye.first("Reason") or "")
    browser.answer(bye, 200)
    browser.inbox.clear()
    register(browser)
    assert browser.methods() == [], "it is told once"


def register(phone: Phone) -> None:
    """As `Phone.register`, and what came besides the answers stays in the inbox."""
    uri, to = "sip:192.0.2.1", "<sip:1001@192.0.2.1>"
    phone.request("REGISTER", uri, to=to, call_id="reg", extra="Expires: 600")
    challenge = next(value for value in phone.last().all("WWW-Authenticate") if "algorithm=MD5" in value)
    proof = f"Expires: 600\nAuthorization: {phone.credentials(challenge, 'REGISTER', uri)}"
    phone.request("REGISTER", uri, to=to, call_id="reg", extra=proof)


def test_another_page_of_the_same_user_is_told_nothing(lab: Lab, callee: Phone) -> None:
    _, invite, _ = away(lab, callee)
    callee.in_dialog("BYE", invite)
    lab.wait(9)
    other = page(lab, ';+sip.instance="<urn:uuid:8>"')
    register(other)
    assert other.methods() == []


def test_a_page_that_returns_to_a_dead_dialog_is_told_481(lab: Lab, callee: Phone) -> None:
    browser, invite, ok = away(lab, callee)
    callee.in_dialog("BYE", invite)
    lab.wait(9)
    browser.reconnect(41001)
    for method in ("INVITE", "UPDATE", "BYE"):
        browser.in_dialog(method, ok, body=OFFER if method != "BYE" else b"")
        assert browser.last().status == 481
    assert callee.methods() == []


def test_a_page_without_a_registration_is_not_waited_for(lab: Lab, callee: Phone) -> None:
    stranger = lab.phone("visitor", "198.51.100.7", 41000, Transport.WSS)
    stranger.contact, stranger.via_host = "sip:xyz@abc.invalid;transport=ws", "abc.invalid"
    invite, _ = call(stranger, callee)
    lab.close(stranger)
    callee.in_dialog("BYE", invite)
    assert callee.last().status == 430
    assert lab.edge.core.calls == {}


def test_a_connection_that_breaks_under_the_bye_leaves_the_page_to_be_told(lab: Lab, callee: Phone) -> None:
    browser = page(lab)
    invite, _ = call(browser, callee)
    callee.in_dialog("BYE", invite)
    lab.close(browser)
    assert callee.last().status == 408
    browser.inbox.clear()
    browser.reconnect(41001)
    register(browser)
    assert browser.methods() == ["BYE"]


def test_a_page_that_comes_back_by_a_request_gets_what_waits(lab: Lab, callee: Phone) -> None:
    """It has not registered again, and speaks within the call first."""
    browser, invite, ok = away(lab, callee)
    callee.in_dialog("INFO", invite)
    lab.wait(1)
    browser.reconnect(41001)
    browser.in_dialog("UPDATE", ok)
    lab.wait(0.5)
    assert "INFO" in browser.methods()


def test_what_pages_missed_is_remembered_within_bounds(lab: Lab, callee: Phone) -> None:
    untold, browser = lab.edge.core.untold, page(lab)
    for number in range(3):
        call(browser, callee, call_id=f"m{number}")
    running = list(lab.edge.core.calls.values())
    for number in range(2000):
        for one in running:
            one.caller.user = f"u{number}"
            untold.remember(one.call_id, one.caller, one.caller, "")
            untold.bury(one)
    assert untold.take(("u0", running[0].caller.identity or ("", ""))) == []
    assert len(untold.take(("u1999", running[0].caller.identity or ("", "")))) == 3


def lost(lab: Lab, callee: Phone) -> Phone:
    """A page whose connection broke and is back, and that has not registered again, as SIP.js does."""
    browser = page(lab, instance="")
    lab.close(browser)
    browser.reconnect(41001)
    callee.invite("sip:1001@192.0.2.1", call_id="early", body=OFFER)
    assert callee.statuses()[-1] == 480, "at once"
    assert "flow.not-rung" in lab.kinds("early")
    assert browser.inbox == []
    callee.inbox.clear()
    return browser


def rings(lab: Lab, callee: Phone, browser: Phone, call_id: str) -> bool:
    browser.inbox.clear()
    callee.invite("sip:1001@192.0.2.1", call_id=call_id, body=OFFER)
    return browser.methods() == ["INVITE"]


def test_a_page_that_believes_itself_registered_is_reached_again_once_it_has_proven_itself(
    lab: Lab, callee: Phone
) -> None:
    browser = lost(lab, callee)
    browser.invite("sip:1002@192.0.2.1", call_id="c9", body=OFFER)
    assert "flow.taken-up" in lab.kinds("c9")
    assert rings(lab, callee, browser, "later")


def test_a_request_without_a_contact_is_known_by_the_name_that_the_page_made_up(lab: Lab, callee: Phone) -> None:
    browser = lost(lab, callee)
    uri = "sip:1002@192.0.2.1"
    browser.request("MESSAGE", uri, call_id="m1")
    proof = browser.credentials(browser.last().all("Proxy-Authenticate")[0], "MESSAGE", uri)
    assert not rings(lab, callee, browser, "challenged"), "who was asked for a proof has given none"
    browser.request("MESSAGE", uri, call_id="m1", extra=f"Proxy-Authorization: {proof}")
    assert rings(lab, callee, browser, "later")


def test_nobody_else_takes_up_a_binding(lab: Lab, callee: Phone) -> None:
    """Not another page of the same user, nor another user by the same Contact."""
    browser = lost(lab, callee)
    other = lab.phone("1001", "198.51.100.8", 42000, Transport.WSS)
    other.contact, other.via_host = "sip:other@other.invalid;transport=ws", "other.invalid"
    other.invite("sip:1002@192.0.2.1", call_id="c8", body=OFFER)
    thief = lab.phone("1003", "198.51.100.9", 43000, Transport.WSS)
    thief.contact, thief.via_host = browser.contact, browser.via_host
    thief.invite("sip:1002@192.0.2.1", call_id="c7", body=OFFER)
    callee.inbox.clear()
    assert not rings(lab, callee, browser, "later")
    assert "flow.taken-up" not in [*lab.kinds("c8"), *lab.kinds("c7")]


def test_a_binding_whose_connection_stands_stays_where_it_is(lab: Lab, callee: Phone) -> None:
    browser = page(lab)
    first = browser.flow
    browser.reconnect(41001)
    browser.invite("sip:1002@192.0.2.1", call_id="c9", body=OFFER)
    (binding,) = lab.edge.core.registrar.bindings("1001", lab.now)
    assert binding.flow == first

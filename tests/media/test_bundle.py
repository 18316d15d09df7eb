"""BUNDLE towards browsers: one section stays in it, each has a transport of its own."""

from tests.media.browser import Browser, WebCall
from tests.media.in_memory import sdp

PHONE = "audio 5000 RTP/AVP 8"


def test_the_first_section_stays_in_the_bundle() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    offered = call.offer(browser.describe("8"))
    assert offered.bundle == ()
    assert call.answer(sdp("192.0.2.21", PHONE)).bundle == ("0",)


def test_a_browser_that_does_not_bundle_gets_none() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8").replace(b"a=group:BUNDLE 0\r\n", b""))
    assert call.answer(sdp("192.0.2.21", PHONE)).bundle == ()


def test_a_rejected_section_is_in_no_bundle() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8"))
    assert call.answer(sdp("192.0.2.21", "audio 0 RTP/AVP 8")).bundle == ()

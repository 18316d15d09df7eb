"""A page that is closed or loaded again: its consent is lost (RFC 7675), and what may come of that."""

from tests.media.browser import Browser, WebCall
from tests.media.in_memory import sdp

from talkpath.base.address import Address
from talkpath.media import Climbed, Exchange
from talkpath.sdp import SessionDescription

PHONE = "audio 5000 RTP/AVP 8"


def talking() -> tuple[WebCall, Browser]:
    """A page and a phone that have talked for seven seconds, with consent checks."""
    call = WebCall(web=[0])
    page = Browser(offers=True)
    call.offer(page.describe("8"))
    page.learn(call.answer(sdp("192.0.2.21", PHONE)).media[0], call.now)
    call.chosen()
    live(call, page, 7)
    assert call.port(0).keys is not None
    call.hear(call.port(0))
    return call, page


def live(call: WebCall, page: Browser, seconds: float) -> None:
    """Both sides act, on a wire without loss."""
    port, end = call.port(0), call.now + seconds
    ours = Address("203.0.113.1", port.rtp)
    while call.now < end:
        for data, _ in page.drain(call.now):
            call.session.receive(Climbed(port.id, call.now, page.address, data), call.now)
        sent, port.datagrams = port.datagrams, []
        for data, _ in sent:
            page.take(data, ours, call.now)
        call.now += 0.02
        page.agent.expire(call.now)
        page.endpoint.expire(call.now)
        call.session.expire(call.now)
    call.drain()


def wait(call: WebCall, seconds: float) -> None:
    """The page is gone, and our timers fire when they say so."""
    end = call.now + seconds
    while (due := call.session.deadline()) is not None and due <= end:
        assert due >= call.now - 60, "a deadline that does not move"
        call.now = max(call.now, due)
        call.session.expire(call.now)
        call.drain()
    call.now = end


def restart(call: WebCall, page: Browser) -> tuple[Browser, SessionDescription]:
    """The page restarts ICE from another port, and the phone agrees: it as it is from then on, and our answer."""
    again = Browser(offers=True, port=41000)
    again.identity = page.identity
    call.say(0, 1, Exchange("INVITE", 2), again.describe("8"))
    return again, call.say(1, 0, Exchange("INVITE", 2, 200), sdp("192.0.2.21", PHONE))


def test_a_page_that_vanished_ends_the_call_when_its_grace_is_over() -> None:
    call, _ = talking()
    began = call.now
    wait(call, 32)
    assert "ice.consent-lost" in call.kinds()
    assert call.deaths == []
    wait(call, 10)
    ((at, reason, side),) = [(one.time, one.reason, one.side) for one in call.deaths]
    assert (reason, side) == ("media-timeout", "caller")
    assert 30 <= at - began <= 40
    assert call.kinds()[-1] == "media.gone"


def test_a_page_that_restarts_ice_in_time_goes_on() -> None:
    call, page = talking()
    wait(call, 35)
    again, answer = restart(call, page)
    wait(call, 6)
    assert call.deaths == [], "the grace begins anew"
    again.endpoint = page.endpoint
    again.learn(answer.audio, call.now)
    again.client = False
    live(call, again, 3)
    wait(call, 20)
    assert "ice.consent-regained" in call.kinds()
    assert call.deaths == []


def test_a_restart_that_comes_to_nothing_ends_the_call_too() -> None:
    call, page = talking()
    wait(call, 35)
    restart(call, page)
    wait(call, 10)
    assert len(call.deaths) == 1


def test_who_confirms_nothing_but_is_heard_all_the_time_is_left_alone() -> None:
    call, _ = talking()
    for _ in range(40):
        wait(call, 1)
        call.hear(call.port(0))
    assert "ice.consent-lost" in call.kinds()
    assert call.deaths == []

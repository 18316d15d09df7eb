"""Firefox has ICE, DTLS and SDP of its own: the same phones in its pages, and the page that we serve."""

import time
from collections.abc import Iterator

import pytest

from conftest import AnyEdge, WebPhones
from harness.firefox import Firefox
from harness.sound import assert_tone
from harness.talk import begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

LIBRARIES = ("jssip", "sipjs")
# What phones play; pages have tones of their own.
HERTZ = 620.0
PCMU = ("PCMU/8000",)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One Firefox for all tests of the module."""
    with Firefox(tmp_path_factory.mktemp("firefox")) as made:
        yield made


@pytest.fixture(name="pages")
def phones_that_are_pages(edge: AnyEdge, firefox: Firefox, tmp_path_factory) -> Iterator[WebPhones]:
    made = WebPhones(edge, firefox, tmp_path_factory.mktemp("pages"))
    yield made
    made.stop()


def test_a_visitor_hears_the_echo(firefox, edge) -> None:
    page = firefox.page(f"http://localhost:{edge.doors.ws}/")
    page.click("#primary:enabled")
    page.until("document.querySelectorAll('#steps .done').length == 6")
    page.close()
    assert page.complaints == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_and_a_phone_call_each_other_and_either_side_hangs_up(phones, pages, library) -> None:
    page, phone = pages.of(library), phones.baresip(hertz=HERTZ)
    for caller, callee in ((page, phone), (phone, page)):
        begin(caller, callee)
        listen(caller, callee, 1.5)
        end(callee, caller)
    assert_tone(HERTZ, page.heard())
    assert_tone(page.hertz, phone.heard())


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_page_in_firefox_and_one_in_chromium_hear_each_other(pages, webphones, transport) -> None:
    one, other = pages.jssip(transport), webphones.sipjs()
    begin(one, other)
    listen(one, other, 1.5)
    end(other, one)
    assert_tone(one.hertz, other.heard())
    assert_tone(other.hertz, one.heard())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_holds_and_takes_up_again(phones, pages, library) -> None:
    page, phone = pages.of(library), phones.linphone("tls", hertz=HERTZ, codecs=PCMU)
    begin(phone, page)
    listen(page, phone, 1)
    page.hold()
    phone.wait("PausedByRemote")
    page.resume()
    phone.wait("StreamsRunning")
    listen(page, phone, 1)
    end(phone, page)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_restarts_ice_in_mid_call(phones, pages, library) -> None:
    page, phone = pages.of(library), phones.linphone("udp", hertz=HERTZ, codecs=PCMU)
    begin(page, phone)
    listen(page, phone, 1)
    page.do("restart")
    page.wait("restarted")
    listen(page, phone, 1)
    end(phone, page)


def test_a_page_that_is_away_for_three_seconds_hears_that_it_was_hung_up(nginx, pages, phones) -> None:
    page, phone = pages.jssip(url=nginx.url), phones.baresip(hertz=HERTZ)
    begin(page, phone)
    listen(page, phone, 0.5)
    nginx.stop()
    page.wait("disconnected")
    left = time.monotonic()
    phone.hang_up()
    phone.closed()
    time.sleep(max(0.0, 3 - (time.monotonic() - left)))
    nginx.start()
    page.wait("registered")
    page.closed()
    # Firefox says of each try that nobody was there.
    page.page.complaints[:] = [one for one in page.page.complaints if "establish a connection" not in one]

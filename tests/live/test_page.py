"""The page that `talkpath run` serves, as visitors use it, in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import AnyEdge, Phones
from harness.browser import Browser, ChromiumPage
from harness.edge import Edge
from harness.network import HOME
from harness.nginx import Nginx
from harness.page import PATIENCE_S
from harness.process import wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def guests() -> list[str]:
    """Guests of the shared edge whose visitor has left. One address may have only so many, and all visitors here come
    from one: who visits next is one of them again."""
    return []


@pytest.fixture(name="pages")
def some_pages(browser: Browser, edge: AnyEdge, guests: list[str]) -> Iterator["Pages"]:
    made = Pages(browser, edge, guests)
    yield made
    made.close()


class Pages:
    """Visitors of the page, each in a window of its own; they must leave without an error in any script."""

    def __init__(self, browser: Browser, edge: AnyEdge, guests: list[str] | None = None) -> None:
        self._browser = browser
        self._edge = edge
        self._guests = [] if guests is None else guests
        self._made: list[ChromiumPage] = []

    def open(self, path: str = "", host: str = "localhost", language: str = "en-US") -> ChromiumPage:
        page = self._browser.page()
        page.command("Emulation.setUserAgentOverride", userAgent="tests", acceptLanguage=language)
        if self._guests:
            kept = f"sessionStorage['talkpath.guest'] ??= {json.dumps(self._guests.pop())}"
            page.command("Page.addScriptToEvaluateOnNewDocument", source=kept)
        page.open(f"http://{host}:{self._edge.doors.ws}/{path}")
        self._made.append(page)
        return page

    def visit(self, path: str = "", language: str = "en-US") -> ChromiumPage:
        """Open the page and wait until it is registered."""
        page = self.open(path, language=language)
        is_online(page)
        return page

    def close(self) -> None:
        for page in self._made:
            if guest := page.run("sessionStorage['talkpath.guest']"):
                self._guests.append(guest)
            page.close()
        assert [page.complaints for page in self._made if page.complaints] == []


def is_online(page: ChromiumPage) -> None:
    reached = wait_until(lambda: bool(page.run("!document.querySelector('#primary').disabled")), PATIENCE_S)
    assert reached, page.text("body")


def ended(page: ChromiumPage, how: str) -> None:
    reached = wait_until(lambda: page.text("#outcome") == how)
    assert reached, page.text("main")


def notice(page: ChromiumPage, text: str) -> None:
    page.until("document.querySelector('#notice').innerText.startsWith(%s)", text)


def without_microphone(page: ChromiumPage, error: str) -> None:
    page.run("navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', %s))", error)


def steps_done(page: ChromiumPage) -> bool:
    """All steps of the call that goes on; those of the one before stand there until it begins."""
    talks = "!document.querySelector('#talk').hidden"
    done = wait_until(lambda: bool(page.run(f"{talks} && document.querySelectorAll('#steps .done').length == 6")))
    assert done, page.text("main")
    return done


def number_of(page: ChromiumPage) -> str:
    return page.text("#number").replace(" ", "")


def dial(page: ChromiumPage, target: str) -> None:
    page.run("document.querySelector('#target').value = %s", target)
    page.click("#dial button")


def test_a_visitor_clicks_once_and_hears_the_echo(pages: Pages) -> None:
    page = pages.visit()
    page.click("#primary")
    assert steps_done(page)
    page.click("#end")
    ended(page, "You hung up.")


def test_two_visitors_talk_by_the_link_that_one_of_them_shares(pages: Pages) -> None:
    one = pages.visit()
    other = pages.visit(f"#{number_of(one)}")
    other.click("#primary")
    one.click("#answer")
    assert steps_done(one)
    assert steps_done(other)
    one.click("#end")
    ended(other, "The other side hung up.")


def test_a_visitor_calls_a_desk_phone_and_is_called_by_it(pages: Pages, phones: Phones) -> None:
    page, phone = pages.visit(), phones.baresip()
    dial(page, phone.identity.user)
    phone.accept()
    assert steps_done(page)
    phone.hang_up()
    ended(page, "The other side hung up.")
    phone.dial(number_of(page))
    page.click("#answer")
    phone.established()
    assert steps_done(page)
    page.click("#end")
    phone.closed()


def test_the_page_speaks_the_language_of_the_browser_and_another_on_request(pages: Pages) -> None:
    page = pages.visit(language="zh-CN")
    assert page.text("#primary") == "听听回声"
    page.click("#language")
    assert page.text("#primary") == "Hear the echo"
    page.reload()
    page.until("document.querySelector('#primary').innerText == 'Hear the echo'")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("NotFoundError", "No microphone was found."),
        ("NotAllowedError", "The browser keeps the microphone from this page."),
        ("NotReadableError", "The microphone can not be opened;"),
    ],
)
def test_without_a_microphone_a_visitor_is_told_so_and_may_listen(pages: Pages, error: str, said: str) -> None:
    page = pages.visit("#tone")
    without_microphone(page, error)
    page.click("#primary")
    notice(page, said)
    page.click("#notice button")
    page.until("[...document.querySelectorAll('#steps li')].at(-1).innerText.startsWith('You hear the other side')")
    assert "No microphone: you only listen" in page.text("#steps")
    page.click("#end")
    ended(page, "You hung up.")


def test_a_call_that_comes_while_the_microphone_is_asked_for_is_not_answered_unasked(
    pages: Pages, phones: Phones
) -> None:
    page, phone = pages.visit(), phones.baresip()
    asks_for_the_microphone(page)
    page.click("#primary")
    phone.dial(number_of(page))
    page.until("!document.querySelector('#incoming').hidden")
    permit(page)
    page.until("given.length == 1 && !isOpen(given[0])")
    page.click("#answer")
    phone.established()
    assert steps_done(page)
    page.click("#end")
    phone.closed()
    page.until("!given.some(isOpen)")


def test_who_rang_when_it_was_clicked_is_answered_and_nobody_else(pages: Pages, phones: Phones) -> None:
    page, first, second = pages.visit(), phones.baresip(), phones.baresip()
    asks_for_the_microphone(page)
    first.dial(number_of(page))
    page.click("#answer")
    first.hang_up()
    page.until("document.querySelector('#incoming').hidden")
    second.dial(number_of(page))
    page.until("!document.querySelector('#incoming').hidden")
    permit(page)
    page.until("given.length == 1 && !isOpen(given[0])")
    assert page.text("#caller") == second.identity.user
    page.click("#decline")
    page.until("!document.querySelector('#start').hidden")


def test_two_clicks_make_one_call_and_leave_no_microphone_open(pages: Pages) -> None:
    page = pages.visit()
    asks_for_the_microphone(page)
    page.click("#primary")
    page.click("#primary")
    permit(page)
    page.until("given.length == 2")
    assert steps_done(page)
    assert page.run("given.filter(isOpen).length") == 1
    page.click("#end")
    ended(page, "You hung up.")
    assert not page.run("given.some(isOpen)")


@pytest.mark.parametrize("target", ['"', "sip:", "a@b@c", "1001@["])
def test_what_is_no_address_is_told_at_once(pages: Pages, target: str) -> None:
    page = pages.visit()
    dial(page, target)
    notice(page, "Nobody here has that number.")
    page.click("#primary")
    assert steps_done(page)


def asks_for_the_microphone(page: ChromiumPage) -> None:
    """The browser asks the visitor, who does not answer before `permit`."""
    page.run("""(() => {
        const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
        const permitted = new Promise(go => { window.permit = go; });
        window.given = [];
        window.isOpen = stream => stream.getTracks().some(track => track.readyState == 'live');
        devices.getUserMedia = async what => {
            await permitted;
            const stream = await open(what);
            given.push(stream);
            return stream;
        };
    })()""")


def permit(page: ChromiumPage) -> None:
    page.run("permit()")


def test_keys_and_mute_work_in_a_call(pages: Pages, phones: Phones) -> None:
    page, phone = pages.visit(), phones.baresip()
    dial(page, phone.identity.user)
    phone.accept()
    assert steps_done(page)
    page.click("#keys")
    page.click("#pad button:nth-child(5)")
    assert phone.wait("CALL_DTMF_START").param == "5"
    page.click("#mute")
    page.until("document.querySelector('#mute').innerText == 'Muted'")
    page.click("#end")
    phone.closed()


def test_numbers_that_nobody_has_or_answers_at_are_told_apart(pages: Pages, edge: AnyEdge) -> None:
    page = pages.visit()
    for target, how in (
        ("987654321", "Nobody here has that number."),
        (edge.identity().user, "That number is not online at the moment."),
        ("x@192.0.2.99", "You may not call that number from here."),
    ):
        dial(page, target)
        ended(page, how)
    dial(page, number_of(page))
    notice(page, "That is your own number.")


HOLD_STORY = """(() => {
    const fetched = fetch, held = new Promise(go => { window.tell = go; });
    window.waiting = 0;
    window.fetch = async (...asked) => {
        const response = await fetched(...asked);
        if (!String(asked[0]).startsWith('call?')) return response;
        waiting += 1;
        await held;
        const told = response.ok ? await response.json() : null;
        return { ok: response.ok, json: async () => { waiting -= 1; return told; } };
    };
})()"""
HOLD_OFFER = """(() => {
    const offered = RTCPeerConnection.prototype.createOffer;
    const held = new Promise(go => { window.offer = go; });
    RTCPeerConnection.prototype.createOffer = async function (...wanted) {
        await held;
        return offered.apply(this, wanted);
    };
})()"""


def test_what_the_server_tells_late_of_one_call_is_not_told_of_the_next(pages: Pages) -> None:
    page = pages.visit()
    page.run(HOLD_STORY)
    page.click("#primary")
    page.until("document.querySelectorAll('#steps .done').length == 5 && waiting > 0")
    page.click("#end")
    ended(page, "You hung up.")
    page.run(HOLD_OFFER)
    page.click("#primary")
    page.until("document.querySelectorAll('#steps .done').length == 1")
    page.run("tell()")
    page.until("waiting == 0")
    assert page.run("document.querySelectorAll('#steps .done').length") == 1
    page.run("offer()")
    assert steps_done(page)


def test_a_page_loaded_again_in_mid_call_hangs_up_keeps_its_number_and_offers_to_call_again(pages: Pages) -> None:
    one, other = pages.visit(), pages.visit()
    number = number_of(other)
    dial(other, number_of(one))
    one.click("#answer")
    assert steps_done(other)
    other.reload()
    ended(one, "The other side hung up.")
    is_online(other)
    assert number_of(other) == number
    notice(other, "You were talking with")
    other.click("#notice button")
    one.click("#answer")
    assert steps_done(other)


def test_a_page_from_elsewhere_without_tls_is_shown_the_way_to_a_safe_one(pages: Pages, edge: AnyEdge) -> None:
    page = pages.open("#1001", host=HOME)
    notice(page, "Browsers give the microphone to safe pages only.")
    assert page.run("document.querySelector('#notice a').href") == f"https://{HOME}:{edge.doors.wss}/#1001"


def test_a_call_of_two_visitors_outlives_the_proxy_before_the_server(
    browser: Browser, edge: AnyEdge, tmp_path: Path
) -> None:
    """Both sockets break at once, and come back one after the other; the sound never stops."""
    with Nginx(tmp_path / "nginx", edge.host, edge.doors.ws, edge.place / "state") as nginx:
        one, other = (browser.page(nginx.url.replace("wss", "https")) for _ in range(2))
        for page in (one, other):
            is_online(page)
        dial(one, number_of(other))
        other.click("#answer")
        assert steps_done(one)
        nginx.stop()
        for page in (one, other):
            page.until("document.querySelector('#notice').dataset.connection == 'true'")
        nginx.start()
        for page in (one, other):
            page.until("document.querySelector('#notice').hidden")
        page.until("document.querySelector('#level-in').value > 0.3")
        one.click("#end")
        ended(other, "The other side hung up.")
        for page in (one, other):
            assert page.complaints == []
            page.close()


def test_after_a_restart_of_the_server_a_page_is_there_again_with_its_number(
    browser: Browser, tmp_path: Path
) -> None:
    with Edge(tmp_path) as edge:
        pages = Pages(browser, edge)
        page = pages.visit()
        number = number_of(page)
        page.click("#primary")
        assert steps_done(page)
        edge.kill()
        notice(page, "The connection to the server is lost. The call goes on")
        edge.start()
        ended(page, "The connection was away too long; the server no longer knows this call.")
        is_online(page)
        assert number_of(page) == number
        page.click("#primary")
        assert steps_done(page)
        pages.close()


def test_where_visitors_are_no_guests_they_sign_in(browser: Browser, tmp_path: Path) -> None:
    with Edge(tmp_path, settings="[page]\nguests_from = []") as edge:
        pages, who = Pages(browser, edge), edge.identity()
        page = pages.open()
        notice(page, "Visitors from your network need an account here.")
        for password, comes_in in (("wrong", False), (who.password, True)):
            _sign_in(page, who.user, password)
            if comes_in:
                is_online(page)
            else:
                notice(page, "User or password is wrong.")
        assert number_of(page) == who.user
        page.click("#primary")
        assert steps_done(page)
        pages.close()


def test_a_guest_signs_in_with_an_account_and_goes_on(pages: Pages, edge: AnyEdge) -> None:
    page, who = pages.open(), edge.identity()
    is_online(page)
    number = number_of(page)
    _sign_in(page, who.user, "wrong")
    notice(page, "User or password is wrong.")
    is_online(page)
    assert number_of(page) == number
    notice(page, "User or password is wrong.")
    _sign_in(page, who.user, who.password)
    page.until("document.querySelector('#notice').hidden")
    is_online(page)
    assert number_of(page) == who.user
    page.click("#primary")
    assert steps_done(page)


def test_who_signs_in_while_the_server_still_makes_a_guest_stays_signed_in(pages: Pages, edge: AnyEdge) -> None:
    page, who = pages.visit(), edge.identity()
    page.run("""(() => {
        const fetched = fetch, held = new Promise(go => { window.release = go; });
        window.fetch = async (...asked) => {
            const response = await fetched(...asked);
            await held;
            setTimeout(() => { window.isAnswered = true; }, 200);
            return response;
        };
    })()""")
    _sign_in(page, who.user, "wrong")
    notice(page, "User or password is wrong.")
    _sign_in(page, who.user, who.password)
    is_online(page)
    page.run("release()")
    page.until("window.isAnswered")
    is_online(page)
    assert number_of(page) == who.user


def _sign_in(page: ChromiumPage, user: str, password: str) -> None:
    page.run("document.querySelector('#account').open = true")
    page.run("document.querySelector('#user').value = %s", user)
    page.run("document.querySelector('#password').value = %s", password)
    page.click("#signin button")


def test_the_page_can_be_taken_away(browser: Browser, tmp_path: Path) -> None:
    with Edge(tmp_path, settings="[page]\nenabled = false") as edge:
        page = browser.page(f"http://localhost:{edge.doors.ws}/")
        assert page.text("body").startswith("This is a SIP over WebSocket listener.")
        page.close()

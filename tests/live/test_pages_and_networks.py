"""Pages behind nginx and NATs, and pages whose connection dies in the middle of a call."""

import time

import pytest

from conftest import WebPhones
from harness.agent import Agent
from harness.browser import Browser
from harness.edge import Edge
from harness.network import HOME, Nat, site
from harness.nginx import Nginx
from harness.process import wait_until
from harness.sound import assert_tone
from harness.talk import begin, end, listen
from harness.websocket import WebEndpoint

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

HERTZ = 620.0
LIBRARIES = ("jssip", "sipjs")


def cut(nginx: Nginx, page) -> None:
    """The connection of a page dies, and the page makes a new one and registers."""
    nginx.stop()
    page.wait("disconnected")
    nginx.start()
    if page.library == "sipjs":  # which leaves that to the page
        page.do("comeBack")
    page.wait("registered")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_behind_nginx_calls_and_is_called_and_hung_up(nginx, edge, webphones, phones, library) -> None:
    """`Contact: <sip:xyz@abc.invalid;transport=ws>` over WSS to nginx, over WS to us: BYE comes all the way back."""
    page, phone = webphones.of(library, url=nginx.url), phones.baresip(hertz=HERTZ)
    for caller, callee in ((page, phone), (phone, page)):
        begin(caller, callee)
        listen(caller, callee, 1)
        end(phone, page)
    assert_tone(HERTZ, page.heard())
    assert_tone(page.hertz, phone.heard())
    sources = {row["source"].rpartition(":")[0] for row in edge.calls() if page.identity.user in row["from"]}
    assert sources == {HOME}, "the browser's address, not nginx's"


def test_a_strangers_x_forwarded_for_is_not_believed(edge, nginx) -> None:
    spoofed = {"X-Forwarded-For": "203.0.113.9"}
    direct = WebEndpoint(HOME, edge.doors.ws, headers=spoofed)
    through = WebEndpoint(HOME, nginx.port, secure=True, headers=spoofed)
    for endpoint in (direct, through):
        agent = Agent(edge.identity("ws"), endpoint)
        assert f"received={HOME}" in agent.ask(agent.request("OPTIONS", f"sip:{HOME}")).first("via")
        agent.stop()


@pytest.mark.parametrize("library", LIBRARIES)
def test_hang_up_reaches_a_page_whose_connection_was_replaced(nginx, webphones, phones, library) -> None:
    page, phone = webphones.of(library, url=nginx.url), phones.baresip()
    begin(page, phone)
    cut(nginx, page)
    end(phone, page)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_call_goes_on_after_its_page_came_back_and_offers_again(nginx, webphones, phones, library) -> None:
    page, phone = webphones.of(library, url=nginx.url), phones.linphone(hertz=HERTZ, codecs=("PCMU/8000",))
    begin(phone, page)
    listen(phone, page, 0.5)
    cut(nginx, page)
    page.do("restart")
    page.wait("restarted")
    before = page.heard_s()
    listen(phone, page, 1)
    assert_tone(HERTZ, page.heard(before))
    end(page, phone)


def test_a_call_that_was_hung_up_meanwhile_ends_when_the_page_offers_again(nginx, webphones, phones) -> None:
    page, phone = webphones.jssip(url=nginx.url), phones.baresip()
    begin(page, phone)
    nginx.stop()
    page.wait("disconnected")
    phone.hang_up()
    phone.closed()
    nginx.start()
    page.wait("registered")
    page.do("restart")
    page.closed()


def test_a_page_that_is_away_for_three_seconds_hears_that_it_was_hung_up(nginx, webphones, phones) -> None:
    page, phone = webphones.jssip(url=nginx.url), phones.baresip()
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


def test_a_quiet_page_behind_an_impatient_nginx_stays_and_one_that_died_goes(webphones, tmp_path) -> None:
    """nginx closes what is quiet for 3 s; the edge pings each second, and who answers no ping is gone."""
    with (
        Edge(tmp_path / "edge", settings="[websocket]\nping_s = 1") as edge,
        Nginx(tmp_path / "nginx", HOME, edge.doors.ws, edge.place / "state", "3s") as nginx,
    ):
        page = webphones.jssip(url=nginx.url, identity=edge.identity("ws"))
        died = WebEndpoint(HOME, nginx.port, secure=True)  # it reads nothing, so that it answers nothing
        time.sleep(8)
        died.socket.settimeout(10)
        while died.socket.recv(4096):
            pass
        died.socket.close()
        page.dial("echo")
        page.established()
        page.hang_up()
        assert not any(word.startswith("disconnected") for word in page.log())


def test_a_page_behind_a_symmetric_nat_calls_and_is_called(edge, phones, tmp_path) -> None:
    with site(Nat.SYMMETRIC) as home, Browser(tmp_path, namespace=home.namespace) as browser:
        webphones = WebPhones(edge, browser, tmp_path)
        page, phone = webphones.jssip(), phones.baresip(hertz=HERTZ)
        for caller, callee in ((page, phone), (phone, page)):
            begin(caller, callee)
            listen(caller, callee, 1)
            end(callee, caller)
        assert_tone(HERTZ, page.heard())
        assert_tone(page.hertz, phone.heard())
        webphones.stop()


def test_a_page_that_does_not_register_again_is_found_by_its_next_call(nginx, webphones) -> None:
    """SIP.js believes itself registered after it has connected again."""
    page, other = webphones.sipjs(url=nginx.url), webphones.jssip()
    nginx.stop()
    page.wait("disconnected")
    nginx.start()
    page.page.run(
        "(async () => { while (!phone.agent.isConnected()) await phone.agent.reconnect().catch(() => {}); })()"
    )
    assert page.page.run("phone.registerer.state") == "Registered"
    begin(page, other)
    listen(page, other, 0.5)
    end(page, other)
    begin(other, page)
    listen(page, other, 0.5)
    end(other, page)


def test_a_visitor_who_changes_networks_is_told_of_the_silence_and_hears_again(edge, tmp_path) -> None:
    """The address is taken away under the call: no socket says so, and no packet comes any more."""
    with site(Nat.CONE) as home, Browser(tmp_path, namespace=home.namespace) as browser:
        page = browser.page(f"https://{home.edge}:{edge.doors.wss}/")
        page.click("#primary:enabled")
        page.until("document.querySelectorAll('#steps .done').length == 6")
        changed = time.monotonic()
        home.move("192.168.7.99")
        page.until("document.querySelector('#steps li:last-child').className == 'bad'")
        told = time.monotonic() - changed
        assert page.text("#steps li:last-child span") == "Nothing comes from the other side at the moment"
        assert told < 7, told
        heard = wait_until(lambda: page.text("#steps li:last-child span").startswith("You hear"), 25)
        assert heard, page.text("main")
        page.close()

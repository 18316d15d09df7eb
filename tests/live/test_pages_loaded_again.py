"""Pages that are loaded again or closed in the middle of a call: it is taken up again, or it ends for everybody."""

import pytest

from harness.agent import hang_up
from harness.edge import Edge
from harness.sound import assert_tone, write_voice
from harness.talk import begin, end, listen
from harness.webphone import load_kit

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", name="edge")
def an_impatient_edge(tmp_path_factory):
    """Media that dies is noticed after three seconds."""
    with Edge(tmp_path_factory.mktemp("impatient"), media="timeout_s = 3") as running:
        yield running
        assert not running.complaints()


HERTZ, PAGE_HERTZ = 620.0, 980.0


def test_a_page_loaded_again_takes_its_call_up_with_a_fresh_offer(browser, agents, tmp_path) -> None:
    """What a page can do that kept its dialog: another connection, other ICE, another certificate, the same call."""
    web, phone, talker = agents.agent("wss"), agents.agent(), agents.talker(hertz=HERTZ)
    page, voice = browser.page(browser.secure_url), write_voice(tmp_path / "voice.wav", 0, PAGE_HERTZ)
    load_kit(page, voice)
    call = web.dial(phone.identity.user, page.run("kit.peer()").encode())
    incoming = phone.incoming()
    talker.start(incoming.invite.body)
    incoming.accept(talker.offer())
    page.run("phone.take(%s)", call.established().decode())
    incoming.wait_ack()
    page.until("phone.ear.loud > 5")

    page.reload()
    load_kit(page, voice)
    again = agents.agent("wss", web.identity)
    web.stop()
    call.dialog.agent = again
    before = len(talker.received)
    offer = page.run("kit.peer()").encode()
    _, accepted = call.dialog.renegotiate(incoming.dialog, offer, talker.offer(version=2))
    page.run("phone.take(%s)", accepted.body.decode())
    page.until("phone.ear.loud > 10")
    talker.wait_received(before + 100)
    hang_up(incoming.dialog, call.dialog)
    assert_tone(PAGE_HERTZ, talker.heard(talker.received[-1].ssrc))


@pytest.mark.parametrize("library", ["jssip", "sipjs"])
def test_a_page_that_is_loaded_again_leaves_no_call_behind(edge, webphones, phones, library) -> None:
    page, phone = webphones.of(library), phones.baresip()
    begin(page, phone)
    listen(page, phone, 0.5)
    page.page.reload()
    page.start()
    page.registered()
    phone.closed()
    (call,) = [row for row in edge.calls() if phone.identity.user in row["to"]]
    assert call["ended_how"] == "media-timeout"
    begin(phone, page)
    listen(phone, page, 0.5)
    end(phone, page)


def test_a_page_that_is_closed_leaves_no_call_behind(webphones, phones) -> None:
    page, phone = webphones.jssip(), phones.baresip()
    begin(phone, page)
    listen(phone, page, 0.5)
    page.page.open("about:blank")
    phone.closed()

"""What phones offer that browsers do not bear, to JsSIP in Chromium and in Firefox; the phone is an agent of ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Agents, AnyEdge, WebPhones
from harness.agent import Agent, Call
from harness.firefox import Firefox
from harness.rtp import Talker
from harness.sound import assert_tone
from harness.webphone import WebPhone

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

HERTZ = 620.0
# As a phone writes it that has everything: fax, text, and numbers that only it knows.
ODD = (
    "text 4100 RTP/AVP 98\na=rtpmap:98 t140/1000",
    "audio 0 RTP/SAVP 8",
    "audio {port} RTP/AVP 72 97\na=rtpmap:72 opus/48000/2\na=rtpmap:97 PCMA/8000\n"
    "a=extmap:20 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=extmap:300 urn:example:x",
    "image 0 udptl t38",
    "application 4104 TCP/BFCP *",
)
TWO = ("audio {port} RTP/AVP 8", "audio {other} RTP/AVP 8 0")


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One Firefox for all tests of the module."""
    with Firefox(tmp_path_factory.mktemp("firefox")) as made:
        yield made


@pytest.fixture(params=["chromium", "firefox"])
def page(request: pytest.FixtureRequest, edge: AnyEdge, tmp_path: Path) -> Iterator[WebPhone]:
    browser = request.getfixturevalue("browser" if request.param == "chromium" else "firefox")
    made = WebPhones(edge, browser, tmp_path)
    yield made.jssip()
    made.stop()


def offer_of(talker: Talker, *sections: str, version: int = 1) -> bytes:
    host = talker.socket.getsockname()[0]
    head = f"v=0\no=- 4711 {version} IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\n"
    body = head + "".join(f"m={section.format(port=talker.port, other=talker.port + 7)}\n" for section in sections)
    return body.replace("\n", "\r\n").encode()


def answered(phone: Agent, page: WebPhone, offer: bytes) -> tuple[Call, bytes]:
    call = phone.dial(page.identity.user, offer)
    page.accept()
    answer = call.established()
    page.established()
    return call, answer


def media_lines(description: bytes) -> list[str]:
    return [line for line in description.decode().split("\r\n") if line.startswith("m=")]


def test_a_page_talks_with_phones_that_offer_what_it_does_not_bear(page: WebPhone, agents: Agents) -> None:
    """Unknown sections, payload types like RTCP, header extensions above 14; then two audio sections alike."""
    phone, talker = agents.agent(), agents.talker(hertz=HERTZ)
    call, answer = answered(phone, page, offer_of(talker, *ODD))
    kinds = [line.split()[:2] for line in media_lines(answer)]
    assert [kind for kind, _ in kinds] == ["m=text", "m=audio", "m=audio", "m=image", "m=application"]
    assert [port == "0" for _, port in kinds] == [True, True, False, True, True]
    talker.payload_type = 97
    talker.start(answer[answer.rindex(b"m=audio") :] + b"c=" + answer.split(b"c=")[1])
    page.wait_heard(1.5)
    talker.wait_received(50)
    assert {packet.payload_type for packet in talker.received} <= {72, 97}
    assert_tone(HERTZ, page.heard())
    call.bye()
    page.closed()


def test_a_page_hears_a_phone_with_two_audio_sections(page: WebPhone, agents: Agents) -> None:
    phone, talker = agents.agent(), agents.talker(hertz=HERTZ)
    call, answer = answered(phone, page, offer_of(talker, *TWO))
    assert len(media_lines(answer)) == 2
    talker.start(answer)
    talker.wait_received(50)
    page.wait_heard(1.5)
    call.bye()
    page.closed()
    assert_tone(page.hertz, talker.heard())


@pytest.mark.parametrize("direction", ["inactive", "sendonly"])
def test_a_call_that_begins_on_hold_is_taken_up(page: WebPhone, agents: Agents, direction: str) -> None:
    phone, talker = agents.agent(), agents.talker(hertz=HERTZ)
    call, answer = answered(phone, page, talker.offer(direction))
    assert {"inactive": b"a=inactive", "sendonly": b"a=recvonly"}[direction] in answer
    talker.start(answer)
    if direction == "sendonly":
        page.wait_heard(1)
    page.page.until("phone.stats().then(stats => stats['outbound-rtp-audio'].packetsSent > 50)")
    assert talker.received == []
    assert call.dialog is not None
    assert b"a=sendrecv" in call.dialog.offer_to_phone(talker.offer(version=2))
    talker.wait_received(50)
    page.wait_heard(1)
    call.bye()
    page.closed()
    assert_tone(page.hertz, talker.heard())


def test_a_page_holds_a_phone_whose_answers_it_does_not_bear(page: WebPhone, agents: Agents) -> None:
    """Header extensions that nobody offered, with numbers that browsers throw at."""
    phone, talker = agents.agent(), agents.talker(hertz=HERTZ)
    odd = b"a=extmap:20 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:300 urn:example:x\r\n"
    call, answer = answered(phone, page, offer_of(talker, *ODD))
    assert call.dialog is not None
    talker.payload_type = 97
    talker.start(answer[answer.rindex(b"m=audio") :] + b"c=" + answer.split(b"c=")[1])
    page.wait_heard(1)
    for verb, direction in (("hold", "recvonly"), ("resume", "sendrecv")):
        page.do("hold" if verb == "hold" else "unhold")
        asked = call.dialog.wait("INVITE")
        told = asked.body.decode().split("\r\n")
        assert {"hold": "a=sendonly", "resume": "a=sendrecv"}[verb] in told
        body = _answer_to(asked.body, talker, direction) + odd
        contact = phone.endpoint.contact(phone.identity.user)
        phone.endpoint.reply(asked, "200 OK", [contact, "Content-Type: application/sdp"], body)
        call.dialog.wait("ACK")
        page.wait("held:local" if verb == "hold" else "unheld:local")
    heard = len(talker.received)
    talker.wait_received(heard + 50)
    page.wait_heard(1)
    call.bye()
    page.closed()


def _answer_to(offer: bytes, talker: Talker, direction: str) -> bytes:
    """The phone's: its one voice among what it had offered itself."""
    host = talker.socket.getsockname()[0]
    lines = ["v=0", f"o=- 4711 5 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    for line in media_lines(offer):
        kind, port, profile, *formats = line.removeprefix("m=").split()
        if kind == "audio" and port != "0":
            lines += [f"m=audio {talker.port} {profile} 97", "a=rtpmap:97 PCMA/8000", f"a={direction}"]
        else:
            lines += [f"m={kind} 0 {profile} {' '.join(formats)}"]
    audio = next(at for at, line in enumerate(lines) if line.startswith("m=audio") and " 0 " not in line)
    # What is added stands in the section that is live.
    return "\r\n".join([*lines[:audio], *lines[audio:], ""]).encode()

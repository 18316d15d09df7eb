"""JsSIP and SIP.js change calls that stand: video comes and goes, ICE restarts while somebody holds."""

import pytest

from harness.sound import assert_tone
from harness.talk import begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

LIBRARIES = ("jssip", "sipjs")
HERTZ = 620.0
PCMU = ("PCMU/8000",)
# What each library calls an offer with a restart of ICE while it holds.
RESTART_ON_HOLD = {
    "jssip": "void phone.restart()",
    "sipjs": "void phone.again({ hold: true, offerOptions: { iceRestart: true } }, 'restarted')",
}
ADD_VIDEO = """(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    phone.sender = phone.connection.addTrack(stream.getVideoTracks()[0], stream);
    phone.session.renegotiate({}, () => phone.note('changed'));
})()"""
REMOVE_VIDEO = """(() => {
    phone.connection.removeTrack(phone.sender);
    phone.session.renegotiate({}, () => phone.note('changed'));
})()"""


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_restarts_ice_while_it_holds(webphones, phones, library) -> None:
    page, phone = webphones.of(library), phones.linphone("udp", hertz=HERTZ, codecs=PCMU)
    begin(page, phone)
    listen(page, phone, 1)
    page.hold()
    page.page.run(RESTART_ON_HOLD[library])
    page.wait("restarted")
    page.resume()
    listen(page, phone, 1.5)
    end(phone, page)
    assert_tone(HERTZ, page.heard())
    assert_tone(page.hertz, phone.heard())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_restarts_ice_while_a_phone_holds(webphones, phones, library) -> None:
    page, phone = webphones.of(library), phones.linphone("udp", hertz=HERTZ, codecs=PCMU)
    begin(phone, page)
    listen(page, phone, 1)
    phone.hold()
    page.do("restart")
    page.wait("restarted")
    phone.resume()
    listen(page, phone, 1.5)
    end(page, phone)
    assert_tone(HERTZ, page.heard())


def test_video_comes_and_goes_between_pages(webphones) -> None:
    caller, callee = webphones.jssip(), webphones.jssip()
    begin(caller, callee)
    listen(caller, callee, 1)
    for _ in range(2):
        caller.page.run(ADD_VIDEO)
        caller.wait("changed")
        callee.sees()
        caller.page.run(REMOVE_VIDEO)
        caller.wait("changed")
        listen(caller, callee, 1)
    end(callee, caller)
    assert_tone(caller.hertz, callee.heard())
    assert_tone(callee.hertz, caller.heard())


def test_video_that_a_phone_has_not_changes_nothing(webphones, phones) -> None:
    page, phone = webphones.jssip(), phones.baresip(hertz=HERTZ)
    begin(phone, page)
    listen(page, phone, 1)
    page.page.run(ADD_VIDEO)
    page.wait("changed")
    page.wait_heard(1)
    end(page, phone)
    assert_tone(HERTZ, page.heard())
    assert_tone(page.hertz, phone.heard())


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_calls_a_page_without_an_offer_changes_the_call_so_too(webphones, agents, library) -> None:
    """Third-party call control (RFC 3725): every INVITE is bare, within the call as well."""
    page, caller, talker = webphones.of(library), agents.agent(), agents.talker(hertz=HERTZ)
    call = caller.dial(page.identity.user, b"")
    page.accept()
    talker.start(call.final(answer_in_ack=talker.offer()).body)
    page.established()
    page.wait_heard(1)
    assert call.dialog is not None
    again = call.dialog.request("INVITE", [caller.endpoint.contact(caller.identity.user)])
    caller.endpoint.send(again)
    answer = caller.endpoint.final(again, 10)
    assert answer.status == 200
    assert b"m=audio" in answer.body
    ack = call.dialog.request("ACK", ["Content-Type: application/sdp"], talker.offer(version=2))
    ack.number = again.number
    caller.endpoint.send(ack)
    count = len(talker.received)
    talker.wait_received(count + 50)
    page.wait_heard(1.5)
    call.bye()
    page.closed()
    assert_tone(page.hertz, talker.heard())
    assert_tone(HERTZ, page.heard())

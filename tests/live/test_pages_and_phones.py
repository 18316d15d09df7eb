"""JsSIP and SIP.js, as they come from npm and with the settings they have by default, call phones and each other."""

import pytest

from harness.sipp import Sipp
from harness.sound import assert_tone
from harness.talk import begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

LIBRARIES = ("jssip", "sipjs")
# What phones play; pages have tones of their own.
HERTZ = 620.0
PCMU = ("PCMU/8000",)


def assert_both_hear(page, phone, hertz: float = HERTZ) -> None:
    assert_tone(hertz, page.heard())
    assert_tone(page.hertz, phone.heard())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_page_and_a_phone_call_each_other_and_either_side_hangs_up(phones, webphones, library, transport) -> None:
    page, phone = webphones.of(library, transport), phones.baresip(hertz=HERTZ)
    for caller, callee in ((page, phone), (phone, page)):
        begin(caller, callee)
        listen(caller, callee, 1.5)
        end(callee, caller)
    assert_both_hear(page, phone)


@pytest.mark.parametrize(("first", "second"), [("jssip", "sipjs"), ("sipjs", "jssip")])
def test_pages_call_each_other(webphones, first, second) -> None:
    caller, callee = webphones.of(first, "ws"), webphones.of(second, "wss")
    begin(caller, callee)
    listen(caller, callee, 1.5)
    end(callee, caller)
    assert_tone(caller.hertz, callee.heard())
    assert_tone(callee.hertz, caller.heard())


def test_pages_see_each_other(webphones) -> None:
    """JsSIP asks for video where nobody says otherwise."""
    caller, callee = webphones.jssip(video=True), webphones.jssip(video=True)
    begin(caller, callee)
    for page in (caller, callee):
        page.sees()
    listen(caller, callee, 1)
    end(caller, callee)


def test_a_page_that_offers_video_talks_with_a_phone_that_has_none(webphones, phones) -> None:
    page, phone = webphones.jssip(video=True), phones.baresip(hertz=HERTZ)
    begin(page, phone)
    listen(page, phone, 1.5)
    end(phone, page)
    assert_both_hear(page, phone)


def test_a_page_with_a_stun_server_that_is_not_there(webphones, phones) -> None:
    """SIP.js as it comes: five seconds later than the others, and no worse."""
    page, phone = webphones.sipjs(stun=True), phones.baresip(hertz=HERTZ)
    begin(page, phone)
    listen(page, phone, 1)
    end(page, phone)


@pytest.mark.parametrize("library", LIBRARIES)
def test_linphone_and_a_page_hold_and_go_on(webphones, phones, library) -> None:
    page, phone = webphones.of(library), phones.linphone("tls", hertz=HERTZ, codecs=PCMU)
    begin(phone, page)
    listen(phone, page, 1)
    page.hold()
    phone.wait("PausedByRemote")
    page.resume()
    phone.wait("StreamsRunning")
    listen(phone, page, 1)
    phone.hold()
    phone.resume()
    listen(phone, page, 1)
    end(phone, page)
    assert_tone(HERTZ, page.heard())


def test_linphone_and_a_page_share_opus(webphones, phones) -> None:
    page, phone = webphones.jssip(), phones.linphone("tcp", hertz=HERTZ, codecs=("opus/48000",))
    begin(page, phone)
    listen(page, phone, 1.5)
    end(page, phone)
    assert_both_hear(page, phone)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_calls_sipp_and_hears_its_own_voice(edge, webphones, agents, tmp_path, library) -> None:
    page, who = webphones.of(library), edge.identity()
    # SIPp answers on the very address from which its user was registered.
    binding = agents.agent(identity=who)
    _, port = binding.endpoint.local
    binding.stop()
    with Sipp("uas_routed", tmp_path, "-rtp_echo", port=port) as sipp:
        sipp.listening()
        page.dial(who.user)
        page.established()
        page.wait_heard(1.5)
        page.hang_up()
        page.closed()
        assert_tone(page.hertz, page.heard())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_hears_what_is_played_before_the_answer(webphones, agents, library) -> None:
    page, announcer, talker = webphones.of(library), agents.agent(), agents.talker(hertz=HERTZ)
    page.dial(announcer.identity.user)
    incoming = announcer.incoming()
    talker.start(incoming.invite.body)
    incoming.progress(talker.offer())
    page.wait("progress")
    if library == "jssip":  # SIP.js takes an early description only with an option
        page.wait_heard(1.5)
        assert_tone(HERTZ, page.heard())
    incoming.accept(talker.offer())
    page.established()
    page.wait_heard(1)
    incoming.wait_ack()
    page.hang_up()
    incoming.dialog.wait_bye()


@pytest.mark.parametrize("how", ["rfc4733", "info"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_keys_pressed_on_a_page_reach_phones(webphones, phones, library, how) -> None:
    page, phone = webphones.of(library), phones.baresip(hertz=HERTZ)
    begin(page, phone)
    listen(page, phone, 0.5)
    for key in "5#":
        page.do("press", key, how)
        phone.wait("CALL_DTMF_START")
    assert [event.param for event in phone.events("CALL_DTMF_START")] == ["5", "#"]
    end(page, phone)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_restarts_ice_in_mid_call(webphones, phones, library) -> None:
    page, phone = webphones.of(library), phones.linphone("udp", hertz=HERTZ, codecs=PCMU)
    begin(page, phone)
    listen(page, phone, 1)
    before = page.page.run("phone.connection.localDescription.sdp.match(/ice-ufrag:(.*)/)[1]")
    page.do("restart")
    page.wait("restarted")
    assert page.page.run("phone.connection.localDescription.sdp.match(/ice-ufrag:(.*)/)[1]") != before
    listen(page, phone, 1)
    end(phone, page)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_transfers_a_phone_to_another_page(webphones, phones, library) -> None:
    """Blindly: the phone calls whom the page names, and the page is out of it."""
    page, other = webphones.of(library), webphones.jssip()
    phone = phones.baresip(hertz=HERTZ)
    begin(phone, page)
    listen(phone, page, 0.5)
    page.do("referTo", other.identity.user)
    other.accept()
    other.established()
    other.wait_heard(1)
    end(other, phone)
    assert_tone(HERTZ, other.heard())


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_phone_transfers_a_page_to_another_phone(webphones, phones, library) -> None:
    page, operator = webphones.of(library), phones.baresip()
    expert = phones.baresip(hertz=HERTZ)
    begin(page, operator)
    listen(page, operator, 0.5)
    operator.command("transfer", expert.identity.aor)
    expert.accept()
    expert.established()
    page.established()
    if library == "sipjs":  # which tells nobody that it has done so (RFC 3515 section 2.4.4)
        operator.hang_up()
    page.page.until("phone.log.some(word => word.startsWith('ended'))")
    before = page.heard_s()
    listen(page, expert, 1)
    end(expert, page)
    assert_tone(HERTZ, page.heard(before))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_consults_before_it_transfers(webphones, library) -> None:
    """Attended: the new call replaces the one with which the page consulted (RFC 3891)."""
    operator, guest, expert = webphones.of(library), webphones.jssip(), webphones.jssip()
    begin(guest, operator)
    listen(guest, operator, 0.5)
    operator.hold()
    begin(operator, expert)
    operator.do("joinCalls")
    operator.wait("refer:accepted")
    expert.wait("replaces")
    expert.accept()
    guest.established()
    expert.page.until("['ended', 'established'].every(word => phone.log.slice(-3).join().includes(word))")
    operator.wait("refer:done")
    operator.hang_up()
    guest.page.until("phone.log.some(word => word.startsWith('ended'))")
    before = expert.heard_s(), guest.heard_s()
    listen(guest, expert, 1)
    assert_tone(guest.hertz, expert.heard(before[0]))
    assert_tone(expert.hertz, guest.heard(before[1]))
    end(guest, expert)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_page_that_is_called_without_an_offer_is_made_one(webphones, agents, library) -> None:
    """As call control by a third party begins (RFC 3725); the caller answers in its ACK."""
    page, caller, talker = webphones.of(library), agents.agent(), agents.talker(hertz=HERTZ)
    call = caller.dial(page.identity.user, b"")
    page.accept()
    offer = call.final(answer_in_ack=talker.offer()).body
    page.established()
    talker.start(offer)
    talker.wait_received(50)
    page.wait_heard(1.5)
    assert call.dialog is not None
    call.bye()
    page.closed()
    assert_tone(page.hertz, talker.heard())
    assert_tone(HERTZ, page.heard())

"""Real phones without a common codec talk; what is played into one is compared with what the other hears."""

import pytest

from harness.process import wait_until
from harness.sound import assert_tone, keys_in
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

OPUS, G722, PCMA, PCMU = "opus/48000/2", "G722/16000/1", "PCMA/8000/1", "PCMU/8000/1"
HERTZ = 620.0


@pytest.mark.parametrize(
    ("caller", "callee"),
    [(OPUS, PCMA), (PCMA, OPUS), (G722, PCMU), (PCMU, G722), (OPUS, G722), (PCMA, PCMU)],
    ids=lambda codec: codec.split("/")[0],
)
def test_baresips_without_a_common_codec_hear_each_other(phones, caller, callee) -> None:
    first, second = phones.baresip("udp", codec=caller), phones.baresip("tcp", codec=callee)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


def opus_only(page):
    """A page whose browser has no other codec."""
    page.page.run("""(() => {
        const kept = ["audio/opus", "audio/telephone-event"];
        const codecs = RTCRtpSender.getCapabilities("audio").codecs
            .filter(codec => kept.includes(codec.mimeType) && codec.clockRate == 48000);
        for (const verb of ["createOffer", "createAnswer"]) {
            const made = RTCPeerConnection.prototype[verb];
            RTCPeerConnection.prototype[verb] = function (...options) {
                this.getTransceivers().forEach(one => one.setCodecPreferences(codecs));
                return made.apply(this, options);
            };
        }
    })()""")
    return page


@pytest.mark.parametrize("codec", [PCMA, G722])
@pytest.mark.parametrize("library", ["jssip", "sipjs"])
def test_a_page_with_opus_and_a_phone_without_call_each_other(webphones, phones, library, codec) -> None:
    page, phone = opus_only(webphones.of(library)), phones.baresip(codec=codec, hertz=HERTZ)
    for caller, callee in ((page, phone), (phone, page)):
        begin(caller, callee)
        listen(caller, callee, 1.5)
        end(callee, caller)
    assert_tone(HERTZ, page.heard())
    assert_tone(page.hertz, phone.heard())


def test_a_page_with_opus_and_linphone_with_pcmu_hold_and_go_on(webphones, phones) -> None:
    page, phone = opus_only(webphones.jssip()), phones.linphone("tls", hertz=HERTZ, codecs=("PCMU/8000",))
    begin(phone, page)
    listen(page, phone, 1.5)
    phone.hold()
    phone.resume()
    listen(phone, page, 1.5)
    end(phone, page)
    assert_tone(HERTZ, page.heard())


def test_keys_pressed_on_a_page_with_opus_reach_a_phone_with_pcma(webphones, phones) -> None:
    page, phone = opus_only(webphones.jssip()), phones.baresip(codec=PCMA, hertz=HERTZ)
    begin(page, phone)
    listen(page, phone, 0.5)
    for key in "5#":
        page.do("press", key, "rfc4733")
        phone.wait("CALL_DTMF_START")
    assert [event.param for event in phone.events("CALL_DTMF_START")] == ["5", "#"]
    end(page, phone)


@pytest.mark.parametrize("codecs", ["all", "opus"])
@pytest.mark.parametrize("library", ["jssip", "sipjs"])
def test_keys_pressed_on_a_page_are_tones_for_who_takes_no_events(webphones, agents, library, codecs) -> None:
    """The voice of the page passes as it is, or is converted; the keys are heard in its place."""
    page, ivr, talker = webphones.of(library), agents.agent(), agents.talker(hertz=HERTZ)
    if codecs == "opus":
        opus_only(page)
    page.dial(ivr.identity.user)
    incoming = ivr.incoming()
    talker.start(incoming.invite.body)
    incoming.accept(talker.offer())
    page.established()
    incoming.wait_ack()
    talker.wait_received(20)
    for count, key in enumerate("5#1", 1):
        page.do("press", key, "rfc4733")
        assert wait_until(lambda count=count: len(keys_in(talker.heard())) == count, 10), keys_in(talker.heard())
    assert keys_in(talker.heard()) == "5#1"
    page.wait_heard(0.5)
    page.hang_up()
    incoming.dialog.wait_bye()
    assert_tone(HERTZ, page.heard())

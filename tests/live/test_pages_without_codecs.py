"""Pages that offer less than every codec we know: between them streams are rebuilt, and are heard all the same."""

import pytest

from harness.sound import assert_tone
from harness.talk import begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

# A page whose descriptions name these codecs, in this order; the rest of it is as the browser made it.
ONLY = """(() => {
    const wanted = %s;
    for (const verb of ['createOffer', 'createAnswer']) {
        const made = RTCPeerConnection.prototype[verb];
        RTCPeerConnection.prototype[verb] = function (...options) {
            const codecs = RTCRtpReceiver.getCapabilities('audio').codecs;
            const named = name => codecs.filter(one => one.mimeType.toLowerCase() === 'audio/' + name.toLowerCase());
            for (const one of this.getTransceivers()) {
                if (one.receiver.track.kind === 'audio') one.setCodecPreferences(wanted.flatMap(named));
            }
            return made.apply(this, options);
        };
    }
})()"""
ALL = ("opus", "G722", "PCMU", "PCMA", "telephone-event")


def without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name not in names)


def talk(caller, callee, seconds: float = 1.5) -> None:
    begin(caller, callee)
    listen(caller, callee, seconds)
    end(caller, callee)
    assert_tone(caller.hertz, callee.heard())
    assert_tone(callee.hertz, caller.heard())


@pytest.mark.parametrize("missing", ALL)
def test_pages_hear_each_other_whatever_the_caller_lacks(webphones, missing) -> None:
    caller, callee = webphones.jssip(), webphones.jssip()
    caller.page.run(ONLY, without(missing))
    talk(caller, callee)


def test_pages_hear_each_other_when_the_callee_lacks_codecs(webphones) -> None:
    caller, callee = webphones.jssip(), webphones.sipjs()
    callee.page.run(ONLY, ("PCMA",))
    talk(caller, callee)


def test_pages_without_a_common_codec_are_joined(webphones) -> None:
    caller, callee = webphones.jssip(), webphones.jssip()
    caller.page.run(ONLY, ("opus", "telephone-event"))
    callee.page.run(ONLY, ("PCMU", "telephone-event"))
    talk(caller, callee)


@pytest.mark.parametrize("other", [ALL, ("red", "opus"), ("PCMA",)])
def test_redundancy_is_heard_through_a_converter(webphones, other) -> None:
    caller, callee = webphones.jssip(), webphones.jssip()
    caller.page.run(ONLY, ("red", "opus", "telephone-event"))
    callee.page.run(ONLY, other)
    talk(caller, callee)


def test_a_call_that_is_changed_is_heard_on(webphones) -> None:
    """The converter comes in mid-call: who called offers less than before."""
    caller, callee = webphones.jssip(), webphones.jssip()
    begin(caller, callee)
    listen(caller, callee, 1)
    caller.page.run(ONLY, ("opus", "telephone-event"))
    for who in (caller, callee):
        who.do("restart")
        who.wait("restarted")
        listen(caller, callee, 1)
    end(callee, caller)
    assert_tone(caller.hertz, callee.heard())
    assert_tone(callee.hertz, caller.heard())


def test_video_beside_a_converted_voice(webphones) -> None:
    caller, callee = webphones.jssip(video=True), webphones.jssip(video=True)
    caller.page.run(ONLY, ("opus", "telephone-event"))
    begin(caller, callee)
    for one in (caller, callee):
        one.sees()
    listen(caller, callee, 1)
    end(caller, callee)
    assert_tone(caller.hertz, callee.heard())
    assert_tone(callee.hertz, caller.heard())

"""Phones with SDES, and phones and browsers without: the keys end here, or go from end to end."""

import random
from base64 import b64encode
from collections.abc import Callable

import pytest
from tests.media.browser import OURS, Browser, WebCall, as_firefox, converse
from tests.media.in_memory import Call, sdp

from talkpath.media import Exchange, LegId, MediaRefused
from talkpath.media.policy import Profile
from talkpath.sdp import SessionDescription
from talkpath.secure import sdes
from talkpath.secure.sdes import Crypto
from talkpath.secure.suites import Suite

LINES = sdes.offer(random.Random(1).randbytes, [Suite.AES_CM_128_HMAC_SHA1_80, Suite.AEAD_AES_128_GCM])
SAVP = "audio 4000 RTP/SAVP 8 101\n" + "\n".join(f"a=crypto:{line}" for line in LINES)
AVP = "audio 5000 RTP/AVP 8 101"


def call(secure: bool = False) -> Call:
    made = Call(identity=OURS)
    made.origins[1] = made.origin(1)._replace(secure=secure)
    return made


def keyed_call() -> tuple[Call, SessionDescription]:
    """The caller speaks SDES, the callee does not."""
    made = call()
    made.offer(sdp("192.0.2.10", SAVP))
    return made, made.answer(sdp("192.0.2.21", AVP))


def crypto(description: SessionDescription) -> list[Crypto]:
    return [Crypto.parse(value) for value in description.audio.attributes.all("crypto")]


def test_over_clear_signalling_an_unknown_phone_is_offered_plain_rtp() -> None:
    offered = call().offer(sdp("192.0.2.10", SAVP))
    assert offered.audio.protocol == "RTP/AVP"
    assert crypto(offered) == []


def test_the_caller_is_answered_with_its_best_suite_and_the_engine_has_both_keys() -> None:
    made, answer = keyed_call()
    assert answer.audio.protocol == "RTP/SAVP"
    (ours,) = crypto(answer)
    assert (ours.tag, ours.suite) == (2, Suite.AEAD_AES_128_GCM)
    assert ours.master is not None
    theirs = LINES[1].master
    assert theirs is not None
    assert made.port(0).keys == (
        "AEAD_AES_128_GCM",
        (ours.master.key, ours.master.salt),
        (theirs.key, theirs.salt),
    )
    assert made.port(1).keys is None
    assert ("shut", made.port(1).id) not in made.engine.told
    assert made.port(0).expected["formats"][0] == (8, 8000, "PCMA"), "its level can be measured"
    assert "srtp.keyed" in made.kinds()
    assert "media.opaque" not in made.kinds()


def test_over_encrypted_signalling_keys_go_from_end_to_end() -> None:
    made = call(secure=True)
    offered = made.offer(sdp("192.0.2.10", SAVP))
    assert [str(line) for line in crypto(offered)] == [str(line) for line in LINES]
    answer = made.answer(sdp("192.0.2.21", SAVP))
    assert [str(line) for line in crypto(answer)] == [str(line) for line in LINES]
    assert made.port(0).keys is None
    assert "media.opaque" in made.kinds()


def test_a_reinvite_either_way_keeps_the_key_in_use() -> None:
    made, first = keyed_call()
    again = made.offer(sdp("192.0.2.10", SAVP + "\na=sendonly"), cseq=2)
    assert again.audio.protocol == "RTP/AVP"
    second = made.answer(sdp("192.0.2.21", AVP + "\na=recvonly"), cseq=2)
    assert [str(line) for line in crypto(second)] == [str(line) for line in crypto(first)]
    keys = made.port(0).keys
    from_callee = made.answer(sdp("192.0.2.21", AVP), cseq=7, status=0)
    (line,) = crypto(from_callee)
    assert line.master is not None
    assert keys is not None
    assert (line.master.key, line.master.salt) == keys[1]
    answered = sdp("192.0.2.10", f"audio 4000 RTP/SAVP 8 101\na=crypto:{line.tag} {line.name} inline:" + "A" * 38)
    back = made.say(0, 1, Exchange("INVITE", 7, 200), answered)
    assert back.audio.protocol == "RTP/AVP"
    assert made.port(0).keys is not None
    assert made.port(0).keys[1] == keys[1]


def test_a_caller_that_returns_to_plain_rtp_is_heard_plain() -> None:
    made, _ = keyed_call()
    made.offer(sdp("192.0.2.10", AVP), cseq=2)
    answer = made.answer(sdp("192.0.2.21", AVP), cseq=2)
    assert answer.audio.protocol == "RTP/AVP"
    assert crypto(answer) == []
    assert made.port(0).keys is None
    assert made.engine.told[-1] != ("shut", made.port(0).id)


F8 = "audio 4000 RTP/SAVP 8\na=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA"


def test_an_offer_with_no_usable_key_is_refused_before_anybody_is_rung() -> None:
    made = call()
    with pytest.raises(MediaRefused):
        made.offer(sdp("192.0.2.10", F8))


def test_a_reinvite_with_no_usable_key_is_refused_and_the_call_goes_on() -> None:
    made, _ = keyed_call()
    keys = made.port(0).keys
    with pytest.raises(MediaRefused):
        made.offer(sdp("192.0.2.10", F8), cseq=2)
    assert made.port(0).keys == keys
    again = made.offer(sdp("192.0.2.10", SAVP), cseq=3)
    assert again.audio.protocol == "RTP/AVP"
    assert crypto(made.answer(sdp("192.0.2.21", AVP), cseq=3))
    assert made.port(0).keys == keys


def test_of_several_sections_one_without_a_usable_key_is_rejected() -> None:
    made = call()
    offered = made.offer(sdp("192.0.2.10", SAVP, F8.replace("audio 4000", "video 4002")))
    assert offered.audio.port
    assert not offered.video.port
    answer = made.answer(sdp("192.0.2.21", AVP, "video 0 RTP/AVP 8"))
    assert crypto(answer)
    assert not answer.video.port


def test_a_suite_that_only_the_ends_know_goes_from_end_to_end() -> None:
    made = call(secure=True)
    assert "F8_128" in made.offer(sdp("192.0.2.10", F8)).encode().decode()


WRITERS = pytest.mark.parametrize("written", [bytes, as_firefox], ids=["chromium", "firefox"])


@WRITERS
def test_a_phone_with_sdes_calls_a_browser(written: Callable[[bytes], bytes]) -> None:
    made = WebCall(web=[1])
    made.offer(sdp("192.0.2.10", SAVP))
    assert made.last.audio.protocol == "UDP/TLS/RTP/SAVPF"
    assert crypto(made.last) == []
    browser = Browser(offers=False)
    browser.learn(made.last.audio, made.now)
    answer = made.answer(written(browser.describe("8 101")))
    assert answer.audio.protocol == "RTP/SAVP"
    assert answer.fingerprints == []
    assert len(crypto(answer)) == 1
    converse(made, browser, made.port(1))
    assert made.port(0).keys is not None
    assert made.port(1).keys is not None
    assert made.port(0).keys != made.port(1).keys


@WRITERS
def test_a_browser_calls_back_a_phone_that_speaks_sdes(written: Callable[[bytes], bytes]) -> None:
    made = WebCall(web=[0])
    browser = Browser(offers=True)
    made.offer(written(browser.describe("8")))
    made.answer(sdp("192.0.2.21", AVP))
    made.say(1, 0, Exchange("INVITE", 9), sdp("192.0.2.21", SAVP))
    browser.learn(made.last.audio, made.now)
    answered = made.say(0, 1, Exchange("INVITE", 9, 200), written(browser.describe("8")))
    assert answered.audio.protocol == "RTP/SAVP"
    assert len(crypto(answered)) == 1
    assert made.port(1).keys is not None


def test_a_service_answers_with_a_key_of_its_own() -> None:
    made = call()
    offer = sdp("192.0.2.10", SAVP)
    answered = made.session.answer_locally(offer, "echo", made.origin(0), made.now)
    answer = SessionDescription.parse(answered)
    assert answer.audio.protocol == "RTP/SAVP"
    assert len(crypto(answer)) == 1
    assert made.port(0).keys is not None
    assert made.port(0).plays == "echo"
    assert made.session.answer_locally(offer, "echo", made.origin(0), made.now) == answered


def test_each_of_several_who_answer_one_offer_is_heard_with_its_own_key() -> None:
    made = Call(identity=OURS)
    made.origins[1] = made.origins[2] = made.origin(1)._replace(profile=Profile.SDES)
    offered = crypto(made.offer(sdp("192.0.2.10", AVP)))
    line = next(one for one in offered if one.suite is Suite.AES_CM_128_HMAC_SHA1_80)
    keys = {leg: random.Random(leg).randbytes(30) for leg in (1, 2)}

    def answer(leg: int) -> None:
        key = b64encode(keys[leg]).decode()
        text = f"audio 500{leg} RTP/SAVP 8 101\na=crypto:{line.tag} {line.name} inline:{key}"
        answered = made.answer(sdp(f"192.0.2.2{leg}", text), branch=leg)
        assert (answered.audio.protocol, crypto(answered)) == ("RTP/AVP", [])
        made.chosen(leg)

    answer(1)
    made.session.forked(LegId(2), of=LegId(1), cseq=1)
    answer(2)
    assert made.port(1).keys is not None
    assert made.port(1).keys[2] == (keys[1][:16], keys[1][16:])
    made.released(1)
    assert made.port(2).keys is not None
    assert made.port(2).keys[2] == (keys[2][:16], keys[2][16:])

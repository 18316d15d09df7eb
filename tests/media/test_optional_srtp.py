"""Optional SRTP (RFC 8643): keys beside the profile of plain RTP. Nothing that may be sealed is taken for plain."""

import random

import pytest
from tests.media.browser import NOW, OURS
from tests.media.in_memory import Call, sdp

from talkpath.media import MediaPolicy
from talkpath.media.policy import Profile
from talkpath.sdp import SessionDescription
from talkpath.secure import sdes
from talkpath.secure.suites import Suite

CALLER, CALLEE = "192.0.2.10", "192.0.2.21"
SUITE = Suite.AES_CM_128_HMAC_SHA1_80
PROFILES = pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/AVPF"])


def line(seed: int, suite: Suite = SUITE) -> sdes.Crypto:
    return sdes.offer(random.Random(seed).randbytes, [suite])[0]


def audio(profile: str, codecs: str, *keys: object) -> str:
    return "\n".join([f"audio 4000 {profile} {codecs}", *(f"a=crypto:{key}" for key in keys)])


def a_call(*, secure: bool = False) -> Call:
    call = Call(MediaPolicy(), identity=OURS)
    call.now = NOW
    call.origins[1] = call.origin(1)._replace(secure=secure)
    return call


def keys(description: SessionDescription) -> list[sdes.Crypto]:
    return [sdes.Crypto.parse(value) for value in description.media[0].attributes.all("crypto")]


@PROFILES
@pytest.mark.parametrize("codec", ["8", "0"])
def test_the_keys_are_taken_and_the_other_side_is_plain(profile: str, codec: str) -> None:
    call, theirs = a_call(), line(1)
    asked = call.offer(sdp(CALLER, audio(profile, "8", theirs)))
    assert asked.media[0].protocol == "RTP/AVP"
    assert keys(asked) == []
    assert "opus" in [codec.name for codec in asked.media[0].codecs]
    told = call.answer(sdp(CALLEE, audio("RTP/AVP", codec)))
    call.chosen()
    (ours,) = keys(told)
    assert told.media[0].protocol == profile
    assert theirs.master is not None
    assert ours.master is not None
    expected = (SUITE.sdes_name, (ours.master.key, ours.master.salt), (theirs.master.key, theirs.master.salt))
    assert call.port(0).keys == expected
    assert call.port(1).keys is None
    assert (call.port(0).converts is not None) == (codec == "0"), "what is converted was opened before"


@PROFILES
@pytest.mark.parametrize("takes", [True, False])
def test_who_signals_in_secret_is_offered_them_as_well(profile: str, takes: bool) -> None:
    call = a_call(secure=True)
    asked = call.offer(sdp(CALLER, audio(profile, "8", line(1))))
    assert asked.media[0].protocol == profile
    offered = next(key for key in keys(asked) if key.suite is SUITE)
    assert offered.master != line(1).master
    chosen = [f"{offered.tag} {str(line(2)).partition(' ')[2]}"] if takes else []
    told = call.answer(sdp(CALLEE, audio(profile, "8", *chosen)))
    call.chosen()
    assert len(keys(told)) == 1
    assert (call.port(1).keys is not None) == takes
    assert ("unsecure", call.port(1).id) in call.engine.told or takes


def test_a_phone_that_wants_secrets_only_is_asked_so() -> None:
    """Its profile is known by its registration: optional keys would be refused."""
    call = a_call()
    call.origins[1] = call.origin(1)._replace(profile=Profile.SDES)
    asked = call.offer(sdp(CALLER, audio("RTP/AVP", "8", line(1))))
    assert asked.media[0].protocol == "RTP/SAVP"
    assert all(key.master != line(1).master for key in keys(asked))


@pytest.mark.parametrize(
    "key", ["1 F8_128_HMAC_SHA1_80 inline:AAAA", "1 nothing", "2 AES_CM_128_HMAC_SHA1_80 inline:A"]
)
def test_keys_that_cannot_be_used_leave_it_plain(key: str) -> None:
    call = a_call()
    asked = call.offer(sdp(CALLER, audio("RTP/AVP", "8", key)))
    told = call.answer(sdp(CALLEE, audio("RTP/AVP", "8")))
    call.chosen()
    assert b"a=crypto" not in asked.encode() + told.encode()
    assert call.port(0).keys is None


def test_keys_that_an_answer_brings_unasked_mean_nothing() -> None:
    call = a_call()
    call.offer(sdp(CALLER, audio("RTP/AVP", "8")))
    told = call.answer(
        sdp(CALLEE, audio("RTP/AVP", "8", line(2)) + f"\na=fingerprint:{OURS.fingerprint}\na=setup:active")
    )
    call.chosen()
    assert b"a=crypto" not in told.encode()
    assert b"a=fingerprint" not in told.encode()
    assert call.port(0).keys is None
    assert call.port(1).keys is None
    assert call.port(1).expected["climb"] is False


def test_where_no_keys_end_here_nothing_is_added() -> None:
    """They pass from end to end; what is sealed by them is not for a converter."""
    call = Call(MediaPolicy())
    offer = sdp(CALLER, audio("RTP/AVP", "8", line(1)))
    asked = call.offer(offer)
    assert asked.media[0].formats == ["8"]
    call.answer(sdp(CALLEE, audio("RTP/AVP", "8", line(2))))
    call.chosen()
    assert call.port(0).expected["opaque"] is True
    assert call.port(0).converts is None


@pytest.mark.parametrize("suite", [Suite.AES_256_CM_HMAC_SHA1_80, Suite.AES_192_CM_HMAC_SHA1_32])
def test_long_keys_of_rfc_6188_are_taken(suite: Suite) -> None:
    call, theirs = a_call(), line(1, suite)
    call.offer(sdp(CALLER, audio("RTP/SAVP", "8", theirs)))
    told = call.answer(sdp(CALLEE, audio("RTP/AVP", "8")))
    (ours,) = keys(told)
    assert ours.suite is suite
    assert call.port(0).keys is not None
    assert call.port(0).keys[0] == suite.sdes_name


def test_a_suite_is_answered_by_the_name_it_was_offered_by() -> None:
    call = a_call()
    name = str(line(1, Suite.AES_256_CM_HMAC_SHA1_80)).replace("AES_256_CM", "AES_CM_256")
    call.offer(sdp(CALLER, audio("RTP/SAVP", "8", name)))
    told = call.answer(sdp(CALLEE, audio("RTP/AVP", "8")))
    (ours,) = keys(told)
    assert (ours.name, ours.suite) == ("AES_CM_256_HMAC_SHA1_80", Suite.AES_256_CM_HMAC_SHA1_80)

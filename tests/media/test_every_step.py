"""Every step towards media is a moment of the call, and the first broken link of the chain is named at its end."""

import dataclasses

import pytest
from tests.media.browser import Browser, WebCall, converse
from tests.media.in_memory import Call, sdp

from talkpath.base.address import Address
from talkpath.base.limits import MOMENTS_OF_A_KIND
from talkpath.media import Climbed, Exchange
from talkpath.secure.certificate import Certificate
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity

PHONE = "audio 5000 RTP/AVP 8"
ALERT = b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28"


@dataclasses.dataclass
class Second:
    """A second of the engine's meter."""

    at: float
    payload_type: int = 8
    packets: int = 50
    bytes: int = 8600
    level_dbov: float | None = None


def browser_call(formats: str = "8") -> tuple[WebCall, Browser]:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe(formats))
    answer = call.answer(sdp("192.0.2.21", PHONE if formats == "8" else PHONE + " 111\na=rtpmap:111 opus/48000/2"))
    call.chosen()
    browser.learn(answer.audio, call.now)
    return call, browser


def values(call: Call, kind: str) -> list[dict[str, object]]:
    return [dict(moment.values) for moment in call.moments if moment.kind == kind]


def meter(call: Call, leg: int, second: Second) -> None:
    call.session.metered(call.port(leg).id, second)
    call.drain()


def test_the_steps_come_in_their_order() -> None:
    call, browser = browser_call()
    converse(call, browser, call.port(0))
    call.hear(call.port(1), 200)
    meter(call, 1, Second(call.now, level_dbov=-20.0))
    call.session.close(call.now + 10)
    call.drain()
    story = [
        "ice.own-candidate",
        "ice.candidate",
        "ice.checked",
        "ice.check-received",
        "ice.selected",
        "dtls.client-hello",
        "dtls.fingerprint-right",
        "srtp.keyed",
        "media.first-packet",
        "media.first-sound",
        "ice.checks",
    ]
    assert [kind for kind in dict.fromkeys(call.kinds()) if kind in story] == story
    (hello,) = values(call, "dtls.client-hello")
    assert hello["versions"] == "1.2"
    assert "first" in str(hello["ciphers"])
    assert "AEAD_AES_256_GCM" in str(hello["profiles"])
    assert values(call, "media.first-sound") == [{"side": "callee", "codec": "PCMA"}]
    (sums,) = values(call, "ice.checks")
    assert isinstance(sums["received"], int)
    assert sums["received"] > 0
    assert sums["dropped"] == 0


def test_towards_a_private_address_our_own_checks_are_told_with_their_round_trip() -> None:
    call = WebCall(web=[0])
    call.origins[0] = call.origin(0)._replace(media=(call.origin(0).media[0]._replace(advertised="10.9.9.9"),))
    browser = Browser(offers=True)
    call.offer(browser.describe("8"))
    answer = call.answer(sdp("192.0.2.21", PHONE))
    browser.learn(answer.audio, call.now)
    ours = Address("10.9.9.9", call.port(0).rtp)
    for _ in range(20):
        for data, _ in browser.drain(call.now):
            call.session.receive(Climbed(call.port(0).id, call.now, browser.address, data), call.now)
        for data, _ in call.port(0).datagrams:
            browser.take(data, ours, call.now)
        call.port(0).datagrams = []
        call.now += 0.02
        browser.agent.expire(call.now)
        call.session.expire(call.now)
    call.drain()
    assert values(call, "ice.check-sent")
    assert values(call, "ice.check-answered")[0]["remote"] == str(browser.address)


def test_what_repeats_is_counted_and_told_once_at_the_end() -> None:
    call, browser = browser_call()
    converse(call, browser, call.port(0))
    for _ in range(500):
        call.session.receive(Climbed(call.port(0).id, call.now, browser.address, ALERT), call.now)
    call.session.close(call.now)
    call.drain()
    alerts = values(call, "dtls.alert-ignored")
    assert len(alerts) == MOMENTS_OF_A_KIND
    assert (alerts[0]["level"], alerts[0]["description"]) == (2, 40)
    assert values(call, "media.left-out") == [
        {"side": "caller", "what": "dtls.alert-ignored", "count": 500 - MOMENTS_OF_A_KIND}
    ]


def test_a_restart_from_another_network_is_told() -> None:
    call, browser = browser_call()
    converse(call, browser, call.port(0))
    again = Browser(offers=True, port=41000)
    again.identity = browser.identity
    call.say(0, 1, Exchange("INVITE", 2), again.describe("8"))
    answer = call.say(1, 0, Exchange("INVITE", 2, 200), sdp("192.0.2.21", PHONE))
    again.endpoint = browser.endpoint
    again.learn(answer.audio, call.now)
    again.client = False
    converse(call, again, call.port(0))
    assert "ice.restarted" in call.kinds()
    assert values(call, "ice.pair-changed")[0]["remote"] == str(again.address)
    assert call.kinds().count("ice.selected") == 1


def ended(call: Call) -> list[tuple[str, object]]:
    """The broken links that the end of the call tells."""
    call.session.close(call.now + 10)
    call.drain()
    return [(one.kind, one.values["side"]) for one in call.moments if one.kind.startswith("chain.")]


def test_no_check_ever_came() -> None:
    call, _ = browser_call()
    assert ended(call) == [("chain.no-check", "caller"), ("chain.no-packet", "callee")]


def test_checks_came_but_no_handshake() -> None:
    call, browser = browser_call()
    browser.client = False  # it waits for a hello, and so do we
    converse(call, browser, call.port(0))
    call.hear(call.port(1))
    assert ended(call) == [("chain.no-hello", "caller")]


def test_the_certificate_was_another() -> None:
    call, browser = browser_call()
    browser.endpoint = DtlsEndpoint(Identity(Certificate.make(call.now), b"x" * 32))
    browser.learn(call.last.audio, call.now)
    converse(call, browser, call.port(0))
    call.hear(call.port(1))
    assert ended(call) == [("chain.wrong-certificate", "caller")]


def test_keys_stand_but_no_packet_came() -> None:
    call, browser = browser_call()
    converse(call, browser, call.port(0))
    call.hear(call.port(1))
    assert ended(call) == [("chain.no-packet", "caller")]


@pytest.mark.parametrize(("level", "links"), [(None, 0), (-90.0, 1), (-30.0, 0)])
def test_packets_came_with_silence_in_them(level: float | None, links: int) -> None:
    call = Call()
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", PHONE))
    call.chosen()
    for leg in (0, 1):
        call.session.receive(call.engine.hear(call.port(leg), call.now, 500), call.now)  # type: ignore[arg-type]
        for second in range(2):
            meter(call, leg, Second(call.now + second, level_dbov=-20.0 if leg else level))
    assert ended(call) == [("chain.no-sound", "caller")] * links


@pytest.mark.parametrize(("size", "sounds"), [(30, 0), (95, 1)])
def test_speech_in_opus_shows_by_its_size(size: int, sounds: int) -> None:
    call, browser = browser_call("111 8")
    converse(call, browser, call.port(0))
    call.hear(call.port(0))
    meter(call, 0, Second(call.now, payload_type=111, bytes=50 * size))
    assert len(values(call, "media.first-sound")) == sounds


def test_a_chain_that_is_not_built_in_time_is_told_of_while_the_call_goes_on_and_once() -> None:
    call, _ = browser_call()
    call.hear(call.port(1))
    deadline = call.session.deadline()
    assert deadline is not None
    for later in (9, 11, 12):
        call.session.expire(call.now + later)
        call.drain()
        assert call.kinds().count("chain.no-check") == (1 if later > 10 else 0)
    assert ended(call) == [("chain.no-check", "caller")]


@pytest.mark.parametrize(("level", "sounds"), [(None, 0), (-90.0, 0), (-30.0, 1)])
def test_sound_is_told_of_what_is_encrypted_end_to_end(level: float | None, sounds: int) -> None:
    """Where its packets say how loud they are (RFC 6464)."""
    keys = "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    levels = "\r\na=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    call = Call()
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/SAVP 8" + keys + levels))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/SAVP 8" + keys + levels))
    call.chosen()
    assert call.port(0).expected["levels"] == 3
    call.hear(call.port(0))
    meter(call, 0, Second(call.now, level_dbov=level))
    assert values(call, "media.first-sound") == [{"side": "caller", "codec": "RTP/SAVP"}] * sounds


def test_a_call_that_ended_at_once_is_not_blamed() -> None:
    call, _ = browser_call()
    call.session.close(call.now + 1)
    call.drain()
    assert not [kind for kind in call.kinds() if kind.startswith("chain.")]


def test_who_holds_is_not_missed() -> None:
    call = Call()
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8\na=recvonly"))
    call.answer(sdp("192.0.2.21", PHONE + "\na=sendonly"))
    call.chosen()
    call.session.receive(call.engine.hear(call.port(1), call.now), call.now)  # type: ignore[arg-type]
    assert ended(call) == []


def test_candidates_that_a_re_invite_repeats_are_told_once() -> None:
    call, browser = browser_call()
    again = browser.describe("8", "a=candidate:7 1 tcp 1518280447 192.0.2.77 9 typ host tcptype active\r\n")
    for cseq in (2, 3):
        call.offer(again, cseq=cseq)
        call.answer(sdp("192.0.2.21", PHONE), cseq=cseq)
    assert call.kinds().count("ice.candidate") == 2
    assert call.kinds().count("ice.candidate-ignored") == 1


def test_an_address_that_was_named_is_not_said_to_be_found() -> None:
    call, browser = browser_call()
    converse(call, browser, call.port(0))
    assert "ice.checked" in call.kinds()
    assert "ice.learnt" not in call.kinds()


def test_what_was_dropped_is_counted_at_the_end_of_the_side_that_it_came_to() -> None:
    call, browser = browser_call()
    converse(call, browser, call.port(0))
    call.port(0).strangers, call.port(0).unauthentic = 700, 3
    call.session.close(call.now + 1)
    call.drain()
    (dropped,) = values(call, "media.dropped")
    assert dropped == {"side": "caller", "strangers": 700, "unauthentic": 3, "replayed": 0}


def test_silence_is_not_claimed_of_a_codec_that_nobody_measured() -> None:
    call = Call()
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 97 8\na=rtpmap:97 speex/16000"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 97\na=rtpmap:97 speex/16000"))
    call.chosen()
    for leg in (0, 1):
        call.session.receive(call.engine.hear(call.port(leg), call.now, 500), call.now)  # type: ignore[arg-type]
        meter(call, leg, Second(call.now, payload_type=97, packets=500))
    assert ended(call) == []

"""The numbers we answer ourselves."""

import pytest
from tests.media.in_memory import Call, sdp

from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.media import Latched, MediaRefused
from talkpath.sdp import SessionDescription

OFFER = "audio 4000 RTP/AVP 9 8 0 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20"


def ask(call: Call, service: str, body: bytes) -> SessionDescription:
    sent = call.session.answer_locally(body, service, call.origin(0), call.now)
    call.drain()
    return SessionDescription.parse(sent)


def test_echo_sends_back_any_codec(call: Call) -> None:
    answer = ask(
        call, "echo", sdp("192.0.2.10", OFFER + "\na=rtcp-mux", "video 4002 RTP/AVP 99\na=rtpmap:99 VP8/90000")
    )
    assert answer.audio.formats == ["9", "101"]
    assert answer.audio.rtcp_mux
    assert answer.audio.ptime_ms == 20
    assert answer.audio.codecs["telephone-event"].fmtp == "0-15"
    assert answer.video.formats == ["99"]
    assert [port.plays for port in call.engine.open_ports] == ["echo", "echo"]
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)
    assert call.port(0).expected["mux"] is True
    assert call.port(0).timeout_s == 60
    assert answer.origin.version == "1"


def test_tone_speaks_what_costs_least(call: Call) -> None:
    answer = ask(call, "tone", sdp("192.0.2.10", OFFER, "video 4002 RTP/AVP 31"))
    assert answer.audio.formats == ["8", "101"]
    assert answer.video.port == 0
    assert call.port(0).plays == "8 PCMA"


@pytest.mark.parametrize(
    ("section", "playing"),
    [
        ("audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2", "96 OPUS"),
        ("audio 4000 RTP/AVP 96 9\na=rtpmap:96 opus/48000/2", "9 G722"),
        ("audio 4000 RTP/AVP 97 0\na=rtpmap:97 speex/8000", "0 PCMU"),
    ],
)
def test_tone_speaks_what_the_caller_has(call: Call, section: str, playing: str) -> None:
    ask(call, "tone", sdp("192.0.2.10", section))
    assert call.port(0).plays == playing


@pytest.mark.parametrize(
    ("service", "section"),
    [
        ("tone", "audio 4000 RTP/AVP 97\na=rtpmap:97 speex/8000"),
        ("tone", "video 4000 RTP/AVP 31"),
        ("echo", "audio 0 RTP/AVP 0"),
        ("echo", "audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000"),
        ("echo", "audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"),
        ("echo", "message 4000 TCP/MSRP *"),
    ],
)
def test_what_cannot_be_served_is_refused(call: Call, service: str, section: str) -> None:
    with pytest.raises(MediaRefused) as caught:
        ask(call, service, sdp("192.0.2.10", section))
    assert caught.value.status == 488
    assert not call.engine.open_ports


def test_garbage_is_malformed(call: Call) -> None:
    with pytest.raises(Malformed):
        ask(call, "echo", b"hello")


@pytest.mark.parametrize("service", ["echo", "tone"])
def test_a_service_goes_quiet_on_hold(call: Call, service: str) -> None:
    ask(call, service, sdp("192.0.2.10", OFFER))
    playing = call.port(0).plays
    held = ask(call, service, sdp("192.0.2.10", OFFER + "\na=sendonly"))
    assert held.audio.direction == "recvonly"
    assert held.origin.version == "2"
    assert call.port(0).plays == ""
    ask(call, service, sdp("192.0.2.10", OFFER))
    assert call.port(0).plays == playing


def test_a_session_refresh_disturbs_nothing(call: Call) -> None:
    first = ask(call, "echo", sdp("192.0.2.10", OFFER))
    told = len(call.engine.told)
    assert ask(call, "echo", sdp("192.0.2.10", OFFER)).encode() == first.encode()
    assert len(call.engine.told) == told


def test_a_caller_without_an_offer_is_made_one(call: Call) -> None:
    offer = ask(call, "tone", b"")
    assert offer.audio.formats == ["0", "8", "9", "96", "101", "102"]
    assert offer.audio.port == call.port(0).rtp
    call.session.answered_locally(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"), call.origin(0), call.now)
    assert call.port(0).plays == "8 PCMA"
    assert call.port(0).expected["rtp"] == ("192.0.2.10", 4000)


def test_a_phone_that_dies_in_the_echo_ends_the_call(call: Call) -> None:
    ask(call, "echo", sdp("192.0.2.10", OFFER))
    call.hear(call.port(0))
    call.now += 60
    call.fall_silent(call.port(0))
    assert call.deaths


# Whose INVITE came from 192.0.2.10, and has proven nothing.
PCMA = "audio 4000 RTP/AVP 8"


def ask_in_doubt(call: Call, host: str, section: str = PCMA, service: str = "tone") -> None:
    call.session.answer_locally(sdp(host, section), service, call.origin(0), call.now, doubted=True)
    call.drain()


def latch(call: Call, host: str) -> None:
    call.session.receive(Latched(call.port(0).id, call.now, Address(host, 4000), rtcp=False, rebound=False), call.now)
    call.drain()


def test_a_stranger_hears_the_tone_when_an_ack_shows_that_he_is_there(call: Call) -> None:
    ask_in_doubt(call, "192.0.2.10")
    assert call.port(0).plays == ""
    call.session.acknowledged_locally(call.now)
    assert call.port(0).plays == "8 PCMA"


def test_nobody_is_sent_a_tone_in_the_name_of_another(call: Call) -> None:
    """Fifty packets a second for one datagram, to whatever address a stranger wrote into it."""
    ask_in_doubt(call, "198.51.100.99")
    call.session.acknowledged_locally(call.now)
    assert call.port(0).plays == ""
    latch(call, "192.0.2.10")
    (withheld,) = [one for one in call.moments if one.kind == "service.withheld"]
    assert withheld.values["remote"] == "198.51.100.99"
    assert call.port(0).plays == "8 PCMA"
    latch(call, "198.51.100.99")
    assert call.port(0).plays == ""


def test_a_change_within_the_call_leads_a_tone_to_nobody_else(call: Call) -> None:
    ask_in_doubt(call, "192.0.2.10")
    call.session.acknowledged_locally(call.now)
    ask_in_doubt(call, "198.51.100.99")
    assert call.port(0).plays == ""
    ask_in_doubt(call, "192.0.2.10", f"{PCMA}\na=ptime:20")
    assert call.port(0).plays == "8 PCMA"


def test_behind_a_nat_the_tone_goes_on_over_a_change_that_moves_nothing(call: Call) -> None:
    ask_in_doubt(call, "10.0.0.9")
    call.session.acknowledged_locally(call.now)
    latch(call, "192.0.2.10")
    ask_in_doubt(call, "10.0.0.9", f"{PCMA}\na=ptime:20")
    assert call.port(0).plays == "8 PCMA"


def test_what_a_stranger_says_comes_back_to_him_as_before(call: Call) -> None:
    ask_in_doubt(call, "192.0.2.10", service="echo")
    assert call.port(0).plays == "echo"

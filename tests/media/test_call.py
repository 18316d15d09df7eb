"""A call between two phones: addresses, ports, routes, watches, release."""

import pytest
from tests.media.in_memory import Call, sdp

from talkpath.base.errors import Malformed
from talkpath.media import MediaAddress, MediaMoment, Origin


def test_each_side_is_told_our_address_and_nothing_else_changes(call: Call) -> None:
    offer = sdp("192.0.2.10", "audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=x-odd:1 \na=ptime:20")
    forwarded = call.offer(offer)
    back = call.port(1)
    expected = offer.replace(b"IN IP4 192.0.2.10", b"IN IP4 203.0.113.1").replace(b" 4000 ", f" {back.rtp} ".encode())
    assert forwarded.encode() == expected
    answer = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8 101"))
    front = call.port(0)
    assert answer.audio.port == front.rtp != back.rtp
    assert answer.audio.connection.host == "203.0.113.1"
    assert front.expected["rtp"] == ("192.0.2.10", 4000)
    assert back.expected["rtp"] == ("192.0.2.21", 5000)
    assert front.target is back
    assert back.target is front
    assert front.expected["latch"] is None
    assert (8, 8000, "PCMA") in front.expected["formats"]
    assert front.timeout_s is None
    call.chosen()
    assert (front.timeout_s, back.timeout_s) == (60.0, 60.0)
    call.hear(front, 3)
    totals = call.session.close(call.now)
    assert [(one.side, one.totals.heard_packets, one.totals.sent_packets) for one in totals] == [
        ("caller", 3, 0),
        ("callee", 0, 3),
    ]
    assert not call.engine.open_ports
    call.drain()
    assert call.kinds() == [
        "media.leased",
        "media.leased",
        "media.offered",
        "media.answered",
        "codec.chosen",
        "media.first-packet",
        "media.ended",
    ]
    assert call.moments[3] == MediaMoment(1000.0, "media.answered", {"side": "callee", "media": "audio (PCMA)"})


def test_nothing_is_heard_before_the_answer(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    assert call.port(0).expected == {}
    assert call.port(1).target is None


def test_a_malformed_description_changes_nothing(call: Call) -> None:
    with pytest.raises(Malformed):
        call.offer(b"v=0\r\nm=audio\r\n")
    assert not call.engine.open_ports


def test_our_own_address_behind_a_nat_is_the_advertised_one(call: Call) -> None:
    call.origins[1] = Origin("192.0.2.21", False, (MediaAddress("10.0.0.5", "198.51.100.5"),))
    forwarded = call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    assert call.port(1).host == "10.0.0.5"
    assert forwarded.audio.connection.host == "198.51.100.5"

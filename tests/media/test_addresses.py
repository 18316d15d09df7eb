"""Whose address is believed, which family is used, and what is written into descriptions."""

import pytest
from tests.media.in_memory import Call, sdp

from talkpath.base.address import Address
from talkpath.media import Exchange, Latched, MediaAddress, Origin
from talkpath.media.engine import Elsewhere, Received

V4 = MediaAddress("10.9.9.9", "203.0.113.1")
V6 = MediaAddress("2001:db8::9", "2001:db8::9")
EVENTS = "\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15"


def test_case_8_an_unknown_fmtp_never_removes_a_codec(call: Call) -> None:
    offer = (
        "audio 2000 RTP/AVP 0 8 101\na=rtpmap:0 PCMU/8000\na=fmtp:0 abc=no\na=rtpmap:8 PCMA/8000\na=fmtp:8 abc=no"
        + EVENTS
    )
    forwarded = call.offer(sdp("192.0.2.10", offer))
    assert forwarded.encode() == sdp("203.0.113.1", offer.replace("2000", str(call.port(1).rtp)))
    answer = "audio 2002 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000" + EVENTS
    backward = call.answer(sdp("192.0.2.21", answer))
    assert backward.audio.formats == ["0", "101"]
    assert [codec.name for codec in backward.audio.codecs] == ["PCMU", "telephone-event"]
    assert (0, 8000, "PCMU") in call.port(0).expected["formats"]


@pytest.mark.parametrize(
    ("signalling", "behind_nat", "media", "latch"),
    [
        ("198.51.100.7", False, "198.51.100.7", None),
        ("198.51.100.7", True, "192.168.1.20", "198.51.100.7"),
        ("198.51.100.7", True, "100.64.1.1", "198.51.100.7"),
        ("198.51.100.7", True, "198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", False, "192.168.1.20", "198.51.100.7"),
        ("192.168.1.1", False, "192.168.1.20", None),
        ("192.168.1.1", True, "192.168.1.20", "192.168.1.1"),
        ("198.51.100.7", True, "198.51.100.99", None),
        ("198.51.100.7", False, "198.51.100.99", None),
        ("198.51.100.7", False, "phone.example.com", "198.51.100.7"),
        ("127.0.0.1", False, "198.51.100.9", "127.0.0.1"),
        ("127.0.0.1", False, "127.0.0.2", None),
    ],
    ids=[
        "plain",
        "private",
        "carrier-nat",
        "mapped",
        "alg",
        "multihomed",
        "nat-in-lan",
        "gateway-nat",
        "gateway",
        "name",
        "this-host",
        "this-host-plain",
    ],
)
def test_only_a_phone_behind_a_nat_is_latched(call: Call, signalling, behind_nat, media, latch) -> None:
    call.origins[0] = Origin(signalling, behind_nat, (V4,))
    call.offer(sdp(media, "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    assert call.port(0).expected["latch"] == latch
    assert call.port(0).expected["rtp"] == (None if media.startswith("phone") else (media, 4000))


def test_a_phone_that_announces_itself_may_speak_from_where_it_signals(call: Call) -> None:
    call.origins[0] = Origin("192.0.2.77", False, (V4,))
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    assert (call.port(0).expected["latch"], call.port(0).expected["kin"]) == (None, "192.0.2.77")
    call.session.receive(Elsewhere(call.port(0).id, 1001.0, Address("192.0.2.77", 4444)), 1001.0)
    call.drain()
    assert call.moments[-1].kind == "media.elsewhere"
    assert call.moments[-1].values == {
        "side": "caller", "remote": "192.0.2.77:4444", "announced": "192.0.2.10:4000",
    }  # fmt: skip
    anchor = call.session.anchor(call.port(0).id)
    assert anchor is not None
    assert (anchor.remote, anchor.local) == (
        Address("192.0.2.77", 4444),
        Address("203.0.113.1", call.port(0).rtp),
    )


def test_what_a_hearer_reports_is_told(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    for packets in (0, 500):
        call.session.receive(Received(call.port(1).id, 1001.0, packets), 1001.0)
    call.drain()
    assert call.kinds()[-2:] == ["media.confirmed", "media.unheard"]
    assert call.moments[-1].values == {"side": "callee", "media": "audio", "packets": 500, "web": False}


def test_who_sent_what_was_dropped_is_named(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    port = call.port(0)
    port.strangers, port.forgiven = 217, 2
    port.dropped = [("198.51.100.7", 4000, 200), ("2001:db8::7", 4002, 15)]
    call.session.close(1005.0)
    call.drain()
    (told,) = (one for one in call.moments if one.kind == "media.dropped")
    assert told.values["strangers"] == 215
    (source,) = (one for one in call.moments if one.kind == "media.dropped-from")
    assert source.values["sources"] == "198.51.100.7:4000 ×200, [2001:db8::7]:4002 ×15"


def test_a_phone_that_sends_before_its_answer_is_no_stranger(call: Call) -> None:
    """baresip sends a packet of RTP and one of RTCP ahead of its 200, to have its NAT open."""
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    port = call.port(1)
    port.strangers = 2
    port.dropped = [("192.0.2.21", 5000, 1), ("192.0.2.21", 5001, 1)]
    call.session.close(1005.0)
    call.drain()
    assert not [one for one in call.kinds() if one.startswith("media.dropped")]


def test_a_latched_address_of_rtcp_is_told_as_such(call: Call) -> None:
    call.origins[0] = Origin("198.51.100.7", True, (V4,))
    call.offer(sdp("192.168.1.20", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    call.session.receive(Latched(call.port(0).id, 1001.0, Address("198.51.100.7", 61001), rtcp=True), 1001.0)
    call.drain()
    assert call.moments[-1].kind == "media.latched-rtcp"
    assert call.moments[-1].values == {"side": "caller", "remote": "198.51.100.7:61001"}


def test_a_latched_address_is_told(call: Call) -> None:
    call.origins[0] = Origin("198.51.100.7", True, (V4,))
    call.offer(sdp("192.168.1.20", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    call.session.receive(Latched(call.port(0).id, 1001.0, Address("198.51.100.7", 61000)), 1001.0)
    call.drain()
    assert call.moments[-1].kind == "media.latched"
    assert call.moments[-1].values == {
        "side": "caller", "remote": "198.51.100.7:61000", "announced": "192.168.1.20:4000",
    }  # fmt: skip


def test_ipv6_talks_to_ipv4(call: Call) -> None:
    call.origins[0] = Origin("2001:db8::10", False, (V6, V4))
    call.origins[1] = Origin("192.0.2.21", False, (V4, V6))
    forwarded = call.offer(sdp("2001:db8::10", "audio 4000 RTP/AVP 8\na=rtcp:4001 IN IP6 2001:db8::10"))
    assert str(forwarded.connection) == "IN IP4 203.0.113.1"
    assert forwarded.audio.attributes.first("rtcp") == f"{call.port(1).rtcp} IN IP4 203.0.113.1"
    backward = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    assert str(backward.connection) == "IN IP6 2001:db8::9"
    assert call.port(0).host == "2001:db8::9"
    assert call.port(0).expected["rtp"] == ("2001:db8::10", 4000)
    held = call.offer(sdp("::", "audio 4000 RTP/AVP 8"), cseq=2)
    assert str(held.connection) == "IN IP4 0.0.0.0"


def test_media_in_another_family_than_signalling_gets_a_port_of_its_own(call: Call) -> None:
    call.origins[0] = Origin("192.0.2.10", False, (V4, V6))
    call.offer(sdp("2001:db8::10", "audio 4000 RTP/AVP 8"))
    assert call.port(0).host == V6.host


def test_an_answer_in_a_family_we_did_not_offer_is_told(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("2001:db8::21", "audio 5000 RTP/AVP 8"))
    assert call.port(1).expected["rtp"] is None
    assert "media.family-mismatch" in call.kinds()


def test_each_side_has_its_own_rtcp(call: Call) -> None:
    muxed = call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8\na=rtcp:4000\na=rtcp-mux"))
    assert muxed.audio.rtcp_mux
    assert muxed.audio.rtcp.port == call.port(1).rtcp
    answer = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8\na=rtcp:5555"))
    assert answer.audio.rtcp_mux
    assert answer.audio.rtcp.port == answer.audio.port
    assert call.port(0).expected["mux"] is True
    assert call.port(1).expected["mux"] is False
    assert call.port(1).expected["rtcp"] == ("192.0.2.21", 5555)


def test_rtcp_mux_nobody_offered_is_not_answered(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    answer = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8\na=rtcp-mux"))
    assert not answer.audio.rtcp_mux
    assert call.port(1).expected["mux"] is False


def test_payload_types_of_both_sides_are_expected(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 107\na=rtpmap:107 opus/48000/2"))
    assert call.port(0).expected["formats"] == ((96, 48000, "opus"), (107, 48000, "opus"))


def test_ice_of_one_side_does_not_reach_the_other(call: Call) -> None:
    ice = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=candidate:1 1 udp 1 192.0.2.10 4000 typ host\n"
    lines = "a=ice-lite\na=group:BUNDLE 0\na=group:LS 0\n"
    offer = sdp("192.0.2.10", "audio 4000 RTP/AVP 8\na=mid:0\n" + ice, lines=lines)
    text = call.offer(offer).encode()
    assert b"ice-" not in text
    assert b"candidate" not in text
    assert b"BUNDLE" not in text
    assert b"a=group:LS 0\r\n" in text
    assert b"a=mid:0\r\n" in text
    removed = next(moment for moment in call.moments if moment.kind == "media.ice-removed")
    assert removed.values == {"side": "caller", "candidates": 1}


def test_sdes_passes_end_to_end_unread(call: Call) -> None:
    crypto = "audio {} RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    forwarded = call.offer(sdp("192.0.2.10", crypto.format(4000)))
    assert forwarded.audio.crypto[0].suite == "AES_CM_128_HMAC_SHA1_80"
    call.answer(sdp("192.0.2.21", crypto.format(5000)))
    assert call.port(0).expected["raw"] is False
    assert call.port(0).expected["formats"] == ((8, 8000, ""),)
    assert "media.opaque" in call.kinds()
    assert not any("inline" in str(moment.values) for moment in call.moments)


def test_dtls_without_ice_passes_end_to_end(call: Call) -> None:
    dtls = "audio {} UDP/TLS/RTP/SAVP 8\na=setup:actpass\na=fingerprint:sha-256 AA:BB"
    call.offer(sdp("192.0.2.10", dtls.format(4000)))
    call.answer(sdp("192.0.2.21", dtls.format(5000)))
    assert call.port(0).expected["raw"] is True


def test_video_joins_a_running_call(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    call.chosen()
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8", "video 4002 RTP/AVP 31"), cseq=2)
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8", "video 5002 RTP/AVP 31"), cseq=2)
    assert call.port(0, 1).target is call.port(1, 1)
    call.say(1, 0, Exchange("INVITE", 1), sdp("192.0.2.21", "audio 5000 RTP/AVP 8", "video 0 RTP/AVP 31"))
    call.say(0, 1, Exchange("INVITE", 1, 200), sdp("192.0.2.10", "audio 4000 RTP/AVP 8", "video 0 RTP/AVP 31"))
    assert len(call.engine.open_ports) == 2


def test_a_fax_switches_to_t38(call: Call) -> None:
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))
    call.chosen()
    port = call.port(0).rtp
    fax = "image {} udptl t38\na=T38FaxVersion:0\na=T38FaxUdpEC:t38UDPRedundancy"
    call.say(1, 0, Exchange("INVITE", 1), sdp("192.0.2.21", fax.format(5000)))
    answer = call.say(0, 1, Exchange("INVITE", 1, 200), sdp("192.0.2.10", fax.format(4000)))
    assert answer.media[0].protocol == "udptl"
    assert call.port(0).rtp == port
    assert call.port(0).expected["raw"] is True
    assert call.port(0).timeout_s is None


def test_what_does_not_flow_over_udp_passes_by_with_its_own_address(call: Call) -> None:
    msrp = "message 7654 TCP/MSRP *\na=path:msrp://192.0.2.10:7654/x;tcp"
    offer = call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8", msrp))
    assert offer.media[1].port == 7654
    assert offer.media[1].connection.host == "192.0.2.10"
    assert offer.media[0].connection.host == "203.0.113.1"
    assert next(m for m in call.moments if m.kind == "media.unanchored").values["what"] == "message TCP/MSRP"
    only = sdp("192.0.2.10", msrp)
    ours = only.replace(b"o=- 1 1 IN IP4 192.0.2.10", b"o=- 1 1 IN IP4 203.0.113.1")
    assert call.offer(only, cseq=2).encode() == ours


def test_several_connection_lines_are_all_ours(call: Call) -> None:
    offer = (
        b"v=0\r\no=x 1 1 IN IP4 10.1.1.1\r\ns=-\r\nc=IN IP4 10.1.1.1\r\nt=0 0\r\nm=audio 4000/1 RTP/AVP 8\r\n"
        b"c=IN IP4 192.0.2.10\r\nm=audio 4002 RTP/AVP 8\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4 192.0.2.11\r\n"
    )
    forwarded = call.offer(offer)
    assert forwarded.encode().count(b"c=IN IP4 203.0.113.1\r\n") == 2
    call.answer(offer)
    assert call.port(0, 0).expected["rtp"] == ("192.0.2.10", 4000)
    assert call.port(0, 1).expected["rtp"] == ("10.1.1.1", 4002)


def test_a_description_without_any_connection_gets_ours(call: Call) -> None:
    forwarded = call.offer(
        b"v=0\r\no=x 1 1 IN IP4 10.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n"
    )
    assert b"RTP/AVP 8\r\nc=IN IP4 203.0.113.1\r\na=sendrecv\r\n" in forwarded.encode()


def test_a_party_that_moved_is_told_our_address_where_it_is_now() -> None:
    """Into our LAN, or out of it: the ports stay, and its next description is answered with what it can reach."""
    near, call = MediaAddress(V4.host, V4.host), Call()
    told = []
    for cseq, ours in enumerate((V4, near, V4), 1):
        call.origins[0] = Origin("192.0.2.10", False, (ours,))
        call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"), cseq=cseq)
        heard = call.answer(sdp("192.0.2.21", "audio 4000 RTP/AVP 8"), cseq=cseq)
        call.chosen()
        told.append(heard.connection.host if heard.connection else "")
    assert told == [V4.advertised, V4.host, V4.advertised]
    assert len(call.engine.ports) == 2


@pytest.mark.parametrize(("behind_nat", "latch"), [(True, "192.168.50.1"), (False, None)])
def test_a_public_address_announced_from_a_private_one_is_looked_for_where_signalling_comes_from(
    behind_nat: bool, latch: str | None
) -> None:
    """A phone in our LAN that asked a STUN server, or one outside that the router before us hides."""
    call = Call()
    call.origins[0] = Origin("192.168.50.1", behind_nat, (V4,))
    call.offer(sdp("203.0.113.9", "audio 4000 RTP/AVP 8"))
    call.answer(sdp("192.0.2.21", "audio 4000 RTP/AVP 8"))
    assert call.port(0).expected["latch"] == latch


def test_nobody_learns_from_the_origin_where_the_other_party_is(call: Call) -> None:
    """The name, id and version of the session stay, the address is ours, and it stays the same (RFC 8866 5.2)."""
    offer = sdp("10.20.30.40", "audio 4000 RTP/AVP 8").replace(b"o=- 1 1", b"o=alice 77 1")
    answer = sdp("192.168.7.9", "audio 5000 RTP/AVP 8").replace(b"o=- 1 1", b"o=bob 88 5")
    told = [call.offer(offer).field("o"), call.answer(answer).field("o")]
    assert told == ["alice 77 1 IN IP4 203.0.113.1", "bob 88 5 IN IP4 203.0.113.1"]
    again = call.offer(offer.replace(b"alice 77 1", b"alice 77 2"), cseq=2)
    assert again.field("o") == "alice 77 2 IN IP4 203.0.113.1"


def test_a_refused_description_tells_no_address_either(call: Call) -> None:
    call.offer(sdp("10.20.30.40", "audio 4000 RTP/AVP 8"))
    refused = call.answer(sdp("192.168.7.9", "audio 0 RTP/AVP 8"))
    assert refused.field("o") == "- 1 1 IN IP4 203.0.113.1"

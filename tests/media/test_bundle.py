"""BUNDLE (RFC 9143): sections of a browser on one transport of ours, and a phone's on a port each."""

import pytest
from tests.media.browser import Browser, WebCall, converse
from tests.media.in_memory import sdp

from talkpath.media import Exchange
from talkpath.sdp import SessionDescription

PHONE = "audio 5000 RTP/AVP 8"
PHONES_VIDEO = "video 5002 RTP/AVP 96\na=rtpmap:96 VP8/90000"
PROFILE = "UDP/TLS/RTP/SAVPF"
MID = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n"
VIDEO = f"video 9 {PROFILE} 96\n{MID}a=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack pli\na=ssrc:77 cname:x"
ONLY = VIDEO.replace("video 9", "video 0") + "\na=bundle-only"
DATA = "application 9 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000"


def video_call(section: str = ONLY, *more: str) -> tuple[WebCall, Browser, SessionDescription]:
    """A browser offers audio and video on one transport; gives what the phone reads."""
    call, browser = WebCall(web=[0]), Browser(offers=True)
    return call, browser, call.offer(browser.describe("8", MID, bundled=(section, *more)))


def called_browser(*sections: str) -> tuple[WebCall, Browser, SessionDescription]:
    """A phone offers these sections to a browser; gives what the browser reads."""
    call, browser = WebCall(web=[1]), Browser(offers=False)
    return call, browser, call.offer(sdp("192.0.2.10", *sections))


@pytest.mark.parametrize("section", [VIDEO, ONLY], ids=["balanced", "max-bundle"])
def test_audio_and_video_of_a_browser_share_one_transport(section: str) -> None:
    call, browser, offered = video_call(section)
    assert offered.bundle == ()
    assert (offered.audio.port, offered.video.port) == (call.port(1).rtp, call.port(1, 1).rtp)
    assert offered.audio.port != offered.video.port
    assert "bundle-only" not in offered.video.attributes
    answer = call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO))
    call.chosen()
    assert answer.bundle == ("0", "1")
    assert answer.audio.port == answer.video.port == call.port(0).rtp
    assert answer.audio.ice_ufrag
    for name in ("ice-ufrag", "ice-pwd", "fingerprint", "setup"):
        assert answer.video.attributes.all(name) == answer.audio.attributes.all(name) != [], "as browsers repeat it"
    assert answer.video.attributes.all("candidate") == []
    assert answer.audio.rtcp_mux
    assert answer.video.rtcp_mux
    assert call.port(0, 1).carrier is call.port(0)
    assert call.port(0, 1).target is call.port(1, 1)
    assert call.port(1, 1).target is call.port(0, 1)
    assert call.port(0, 1).identity == {"mid": "1", "extension": 4, "ssrcs": (77,), "stamp": False}
    browser.learn(answer.audio, call.now)
    converse(call, browser, call.port(0))
    assert call.port(0).keys is not None
    assert call.kinds().count("srtp.keyed") == 1


def test_everything_of_a_bundle_goes_back() -> None:
    call, _, _ = video_call()
    call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO))
    call.chosen()
    totals = call.session.close(call.now)
    assert [(one.leg, one.section) for one in totals] == [(1, 0), (0, 1), (0, 0), (1, 1)]
    assert not call.engine.open_ports


@pytest.mark.parametrize(("audio", "video", "bundle"), [(0, 5002, ("1",)), (5000, 0, ("0",)), (0, 0, ())])
def test_a_rejected_section_leaves_the_bundle(audio: int, video: int, bundle: tuple[str, ...]) -> None:
    call, browser, _ = video_call()
    phone = (PHONE.replace("5000", str(audio)), PHONES_VIDEO.replace("5002", str(video)))
    answer = call.answer(sdp("192.0.2.21", *phone))
    call.chosen()
    assert answer.bundle == bundle
    assert [section.is_rejected for section in answer] == [not audio, not video]
    if bundle:
        tagged = next(section for section in answer if section.port)
        assert tagged.ice_ufrag
        browser.learn(tagged, call.now)
        carrier = call.port(0, 0 if audio else 1)
        converse(call, browser, carrier.carrier or carrier)
        assert browser.keys is not None


def test_the_transport_stays_when_the_first_section_ends() -> None:
    call, browser, _ = video_call()
    answer = call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO))
    call.chosen()
    browser.learn(answer.audio, call.now)
    transport = call.port(0)
    converse(call, browser, transport)
    ended = (
        browser.describe("8", bundled=(VIDEO,))
        .replace(b"m=audio 9", b"m=audio 0")
        .replace(b"BUNDLE 0 1", b"BUNDLE 1")
    )
    call.offer(ended, cseq=2)
    answer = call.answer(sdp("192.0.2.21", PHONE.replace("5000", "0"), PHONES_VIDEO), cseq=2)
    assert answer.bundle == ("1",)
    assert not transport.closed
    assert transport.keys is not None
    assert transport.target is None
    assert call.port(0, 1).target is call.port(1, 1)
    # The place of the first section is taken again (RFC 9429 section 5.2.2): its new section joins the transport.
    call.offer(browser.describe("8", bundled=(VIDEO,)).replace(b"a=mid:0", b"a=mid:2"), cseq=3)
    call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO), cseq=3)
    assert call.port(0).rtp == transport.rtp
    call.session.close(call.now)
    assert not call.engine.open_ports


def test_a_browser_adds_video_to_a_call() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8"))
    assert call.answer(sdp("192.0.2.21", PHONE)).bundle == ("0",)
    call.chosen()
    call.offer(browser.describe("8", MID, bundled=(VIDEO,)), cseq=2)
    answer = call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO), cseq=2)
    assert answer.bundle == ("0", "1")
    assert call.port(0, 1).carrier is call.port(0)
    assert call.port(0).identity["mid"] == "0"


def test_a_phone_adds_video_to_a_call_with_a_browser() -> None:
    call, browser, _ = called_browser("audio 4000 RTP/AVP 8")
    call.answer(browser.describe("8"))
    call.chosen()
    offer = call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8", PHONES_VIDEO), cseq=2)
    assert offer.bundle == ("0", "1")
    assert offer.video.port == offer.audio.port
    call.answer(browser.describe("8", bundled=(VIDEO,)), cseq=2)
    assert call.port(1, 1).carrier is call.port(1)


def test_a_browser_that_bundles_what_we_offer_gives_the_other_ports_back() -> None:
    call, browser, offer = called_browser("audio 4000 RTP/AVP 8", PHONES_VIDEO)
    assert offer.bundle == ("0", "1")
    assert offer.audio.port != offer.video.port
    assert offer.audio.ice_ufrag != offer.video.ice_ufrag
    browser.learn(offer.audio, call.now)
    answer = call.answer(browser.describe("8", bundled=(VIDEO,)))
    call.chosen()
    assert answer.bundle == ()
    assert call.port(1, 1).carrier is call.port(1)
    assert len({port.rtp for port in call.engine.open_ports}) == 3
    assert call.port(0, 1).target is call.port(1, 1)
    converse(call, browser, call.port(1))
    assert browser.keys is not None


def test_a_browser_that_does_not_bundle_has_a_transport_for_each_section() -> None:
    call, browser, offer = called_browser("audio 4000 RTP/AVP 8", PHONES_VIDEO)
    apart = browser.describe(
        "8",
        bundled=(
            VIDEO + "\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
            f"a=fingerprint:{browser.identity.fingerprint}\na=setup:active",
        ),
    )
    call.answer(apart.replace(b"a=group:BUNDLE 0 1\r\n", b""))
    call.chosen()
    assert call.port(1, 1).carrier is None
    assert call.port(1, 1).rtp == offer.video.port
    assert len({port.rtp for port in call.engine.open_ports}) == 4


def test_a_browser_whose_offer_has_no_bundle_gets_none() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8").replace(b"a=group:BUNDLE 0\r\n", b""))
    assert call.answer(sdp("192.0.2.21", PHONE)).bundle == ()


def test_payload_types_that_mean_two_things_get_two_numbers_in_one_bundle() -> None:
    h264 = "video 5002 RTP/AVP 96\na=rtpmap:96 H264/90000\na=rtcp-fb:96 nack pli\na=fmtp:96 packetization-mode=1"
    call, browser, offer = called_browser("audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2", h264)
    assert offer.bundle == ("0", "1")
    assert offer.video.formats == ["97"]
    values = [offer.video.attributes.all(name) for name in ("rtpmap", "rtcp-fb", "fmtp")]
    assert values == [["97 H264/90000"], ["97 nack pli"], ["97 packetization-mode=1"]]
    video = VIDEO.replace("96", "97").replace("VP8", "H264")
    answer = call.answer(browser.describe("96", bundled=(video,)).replace(b"rtpmap:111", b"rtpmap:96"))
    assert answer.video.formats == ["96"]
    assert call.port(1, 1).numbers == ((97, 96),)
    assert call.port(1).numbers == ()


def test_two_videos_of_one_payload_type_are_told_apart_by_mid() -> None:
    call, _, _ = video_call(ONLY, ONLY.replace("ssrc:77", "ssrc:78"))
    answer = call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO, PHONES_VIDEO.replace("5002", "5004")))
    assert answer.bundle == ("0", "1", "2")
    assert [len(section.attributes.all("extmap")) for section in answer] == [1, 1, 1]
    assert call.port(0, 2).identity == {"mid": "2", "extension": 4, "ssrcs": (78,), "stamp": True}


def test_two_browsers_bundle_each_on_its_side() -> None:
    call = WebCall(web=[0, 1])
    alice, bob = Browser(offers=True), Browser(offers=False, host="198.51.100.77")
    layers = "\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    layers += "\na=rid:h send\na=rid:l send\na=simulcast:send h;l"
    offer = call.offer(alice.describe("8", MID, bundled=(ONLY + layers,)))
    assert offer.bundle == ("0", "1")
    assert "simulcast" in offer.video.attributes
    assert offer.video.attributes.all("extmap")[0] == "4 urn:ietf:params:rtp-hdrext:sdes:mid"
    bob.learn(offer.audio, call.now)
    answer = call.answer(bob.describe("8", MID, bundled=(VIDEO,)))
    call.chosen()
    alice.learn(answer.audio, call.now)
    assert answer.bundle == ("0", "1")
    assert call.port(0, 1).target is call.port(1, 1)
    assert call.port(1, 1).carrier is call.port(1)
    for browser, leg in ((alice, 0), (bob, 1)):
        converse(call, browser, call.port(leg))
        assert browser.keys is not None


def test_two_bundles_are_two_transports() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    offer = browser.describe("8", bundled=(VIDEO, VIDEO.replace("96", "97")))
    call.offer(offer.replace(b"BUNDLE 0 1 2", b"BUNDLE 0\r\na=group:BUNDLE 1 2"))
    answer = call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO, PHONES_VIDEO.replace("5002", "5004")))
    assert [group.mids for group in answer.groups] == [("0",), ("1", "2")]
    assert call.port(0, 2).carrier is call.port(0, 1)
    assert call.port(0, 1).rtp != call.port(0).rtp


@pytest.mark.parametrize("web", [[0], [0, 1]])
def test_a_data_channel_is_rejected(web: list[int]) -> None:
    call, browser = WebCall(web=web), Browser(offers=True)
    offer = call.offer(browser.describe("8", bundled=(DATA,)))
    # Another page need not know of it.
    assert [section.port == 0 for section in offer] == ([False] if 1 in web else [False, True])
    other = Browser(offers=False).describe("8") if 1 in web else sdp("192.0.2.21", PHONE, DATA)
    answer = call.answer(other)
    assert [section.port == 0 for section in answer] == [False, True]
    assert answer.bundle == ("0",)
    assert "media.not-relayed" in call.kinds()


def test_the_echo_service_answers_a_bundle() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    offer = browser.describe("8", MID, bundled=(ONLY, DATA))
    answer = SessionDescription.parse(call.session.answer_locally(offer, "echo", call.origin(0), call.now))
    assert answer.bundle == ("0", "1")
    assert answer.media[2].is_rejected
    browser.learn(answer.audio, call.now)
    converse(call, browser, call.port(0))
    assert browser.keys is not None
    assert call.port(0, 1).plays == "echo"


def test_a_section_that_is_refused_goes_and_the_bundle_stays() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8"))
    call.answer(sdp("192.0.2.21", PHONE))
    call.chosen()
    before = len(call.engine.open_ports)
    call.offer(browser.describe("8", bundled=(VIDEO,)), cseq=2)
    call.session.rejected(frm=1, to=0, exchange=Exchange("INVITE", 2), now=call.now)  # type: ignore[arg-type]
    assert len(call.engine.open_ports) == before


def test_a_rejected_section_of_a_browser_is_bare_towards_a_phone() -> None:
    call, _, _ = video_call()
    call.answer(sdp("192.0.2.21", PHONE, "video 0 RTP/AVP 96"))
    call.chosen()
    offered = call.offer(
        Browser(offers=True).describe("111 8", bundled=(VIDEO.replace("video 9", "video 0"),)), cseq=2
    )
    assert offered.video.port == 0
    assert len(offered.video.formats) == 1
    assert offered.video.attributes.all("rtpmap") == []
    assert offered.audio.attributes.all("rtpmap")


def muxed(description: SessionDescription) -> list[bool]:
    return [section.rtcp_mux for section in description.media]


def test_what_is_bundle_only_may_leave_rtcp_mux_to_the_first_section() -> None:
    """As RFC 9429 section 5.2.1 writes it; an answer has it only where its offer had (RFC 5761 section 5.1.1)."""
    call, browser = WebCall(web=[0]), Browser(offers=True)
    body = browser.describe("8", MID, bundled=(ONLY,))
    call.offer(body[: body.rindex(b"a=rtcp-mux")])
    answer = call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO))
    call.chosen()
    assert answer.bundle == ("0", "1")
    assert muxed(answer) == [True, False]
    assert call.port(0).expected["mux"]
    assert call.port(0, 1).expected["mux"]
    browser.learn(answer.audio, call.now)
    converse(call, browser, call.port(0))
    assert call.port(0).keys is not None


@pytest.mark.parametrize("attributes", ["a=rtcp-mux-only", "a=rtcp-mux\r\na=rtcp-mux-only"])
def test_who_can_do_nothing_else_is_answered_with_rtcp_mux(attributes: str) -> None:
    """RFC 8858 section 4.3."""
    call, browser = WebCall(web=[0]), Browser(offers=True)
    offer = call.offer(browser.describe("8").replace(b"a=rtcp-mux\r\n", f"{attributes}\r\n".encode()))
    assert muxed(offer) == [False]
    assert b"mux" not in offer.encode()
    answer = call.answer(sdp("192.0.2.21", PHONE))
    assert muxed(answer) == [True]
    assert "rtcp-mux-only" not in answer.audio.attributes
    assert call.port(0).expected["mux"]


@pytest.mark.parametrize("by_phone", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_a_bundle_without_rtcp_mux_is_not_answered_with_it(later: bool, by_phone: bool) -> None:
    """From who calls and from who is called; the offer that we make of it to a phone never has it."""
    call = WebCall(web=[1 if by_phone else 0])
    browser = Browser(offers=not by_phone)
    if by_phone:
        browser.learn(call.offer(sdp("192.0.2.10", PHONE, PHONES_VIDEO)).audio, call.now)
        call.answer(browser.describe("8", MID, bundled=(VIDEO,)))
        call.chosen()
    elif later:
        call.offer(browser.describe("8", MID, bundled=(VIDEO,)))
        assert muxed(call.answer(sdp("192.0.2.21", PHONE, PHONES_VIDEO))) == [True, True]
        call.chosen()
    apart = browser.describe("8", MID, bundled=(VIDEO,)).replace(b"a=rtcp-mux\r\n", b"")
    leg, other = (1, 0) if by_phone else (0, 1)
    offered = call.say(leg, other, Exchange("INVITE", 9), apart)
    assert muxed(offered) == [False, False]
    answer = call.say(other, leg, Exchange("INVITE", 9, 200), sdp("192.0.2.21", PHONE, PHONES_VIDEO))
    assert muxed(answer) == [False, False]
    assert not call.port(leg).expected["mux"]
    again = call.say(leg, other, Exchange("INVITE", 10), browser.describe("8", MID, bundled=(VIDEO,)))
    assert muxed(again) == [False, False]
    answer = call.say(other, leg, Exchange("INVITE", 10, 200), sdp("192.0.2.21", PHONE, PHONES_VIDEO))
    assert muxed(answer) == [True, True]
    assert call.port(leg).expected["mux"]


@pytest.mark.parametrize("has_mux", [False, True])
def test_a_service_answers_with_rtcp_mux_what_has_it(has_mux: bool) -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    offer = browser.describe("8", MID, bundled=(VIDEO,))
    offer = offer if has_mux else offer.replace(b"a=rtcp-mux\r\n", b"")
    body = call.session.answer_locally(offer, "echo", call.origin(0), call.now)
    assert muxed(SessionDescription.parse(body)) == [has_mux, has_mux]

"""What browsers do not bear of a phone's descriptions is spared them, and put back into what they say."""

import pytest
from tests.media.browser import Browser, WebCall
from tests.media.in_memory import sdp

from talkpath.media import Exchange, MediaPolicy, MediaRefused
from talkpath.sdp import SessionDescription

AUDIO = "audio 4000 RTP/AVP 8"
PROFILE = "UDP/TLS/RTP/SAVPF"
MID = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"
SECOND = f"audio 9 {PROFILE} 8\n{MID}"
VIDEO = f"video 9 {PROFILE} 96\na=rtpmap:96 VP8/90000"
STRANGE = {
    "text": "text 4100 RTP/AVP 98\na=rtpmap:98 t140/1000",
    "fax": "image 4100 udptl t38",
    "MSRP": "message 4100 TCP/MSRP *",
    "BFCP": "application 4100 TCP/BFCP *",
    "camera": "application 4100 RTP/AVP 100\na=rtpmap:100 H224/4800",
    "rejected text": "text 0 RTP/AVP 98",
    "rejected audio": "audio 0 RTP/SAVP 0",
    "rejected video": "video 0 RTP/AVP 31",
    "rejected data": "application 0 UDP/DTLS/SCTP webrtc-datachannel",
}


def called(*sections: str) -> tuple[WebCall, Browser, SessionDescription]:
    """A phone offers these sections to a page; gives what the page reads."""
    call, browser = WebCall(web=[1]), Browser(offers=False)
    return call, browser, call.offer(sdp("192.0.2.10", *sections))


def shape(description: SessionDescription) -> list[tuple[str, bool]]:
    """Kind of each section, and whether it is live."""
    return [(section.kind, bool(section.port)) for section in description.media]


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("first", [False, True])
def test_a_section_that_no_browser_knows_is_taken_out_and_put_back_rejected(strange: str, first: bool) -> None:
    sections = (strange, AUDIO) if first else (AUDIO, strange)
    call, browser, offer = called(*sections)
    assert shape(offer) == [("audio", True)]
    assert offer.bundle == (offer.audio.mid,)
    answer = call.answer(browser.describe("8"))
    kind = strange.split(" ", maxsplit=1)[0]
    assert shape(answer) == ([(kind, False), ("audio", True)] if first else [("audio", True), (kind, False)])
    gone = answer.media[0 if first else 1]
    assert (gone.protocol, gone.formats) == (strange.split()[2], [strange.split("\n", maxsplit=1)[0].split()[3]])
    assert str(gone.connection) == "IN IP4 203.0.113.1", "ours, and not the page's"
    call.chosen()
    assert [port.rtp for port in call.engine.open_ports] == [
        call.port(0, int(first)).rtp,
        call.port(1, int(first)).rtp,
    ]


def test_a_page_is_not_rung_for_nothing_that_it_knows() -> None:
    with pytest.raises(MediaRefused, match="image"):
        called(STRANGE["fax"])


def test_a_phone_that_goes_over_to_fax_is_refused_and_the_call_stands() -> None:
    call, browser, _ = called(AUDIO)
    call.answer(browser.describe("8"))
    call.chosen()
    with pytest.raises(MediaRefused):
        call.offer(sdp("192.0.2.10", STRANGE["fax"]), cseq=2)
    assert call.port(1).target is call.port(0)


def test_who_changes_a_call_later_finds_each_section_in_its_place() -> None:
    """RFC 3264 section 8: sections never go and keep their order, on both sides."""
    call, browser, _ = called(AUDIO, STRANGE["text"])
    call.answer(browser.describe("8"))
    call.chosen()
    added = call.say(1, 0, Exchange("INVITE", 7), browser.describe("8", bundled=(VIDEO,)))
    assert shape(added) == [("audio", True), ("text", False), ("video", True)]
    body = sdp("192.0.2.10", AUDIO, "text 0 RTP/AVP 98", "video 4200 RTP/AVP 96\na=rtpmap:96 VP8/90000")
    answer = call.say(0, 1, Exchange("INVITE", 7, 200), body)
    assert shape(answer) == [("audio", True), ("video", True)]
    assert [section.mid for section in answer.media] == ["0", "1"]
    assert call.port(1, 2).target is call.port(0, 2)
    again = call.offer(body, cseq=2)
    assert shape(again) == [("audio", True), ("video", True)]
    assert [section.mid for section in again.media] == ["0", "1"]
    answer = call.answer(browser.describe("8", bundled=(VIDEO,)), cseq=2)
    assert shape(answer) == [("audio", True), ("text", False), ("video", True)]
    ended = call.offer(sdp("192.0.2.10", STRANGE["fax"], "text 0 RTP/AVP 98", body.decode().split("m=")[3]), cseq=3)
    assert shape(ended) == [("audio", False), ("video", True)]


def test_what_a_page_went_back_on_leaves_no_trace() -> None:
    call, browser, _ = called(AUDIO)
    call.answer(browser.describe("8"))
    call.chosen()
    call.say(1, 0, Exchange("INVITE", 7), browser.describe("8", bundled=(VIDEO,)))
    call.session.rejected(frm=0, to=1, exchange=Exchange("INVITE", 7), now=call.now)  # type: ignore[arg-type]
    again = call.say(1, 0, Exchange("INVITE", 8), browser.describe("8"))
    assert shape(again)[0] == ("audio", True)
    assert not any(live for _, live in shape(again)[1:])
    answer = call.say(0, 1, Exchange("INVITE", 8, 200), sdp("192.0.2.10", AUDIO, "video 0 RTP/AVP 96"))
    assert shape(answer) == [("audio", True)]


def test_a_mid_that_two_sections_have_or_that_is_too_long_is_none_for_a_page() -> None:
    _, _, offer = called(f"{AUDIO}\na=mid:same", "video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=mid:same")
    assert [section.mid for section in offer.media] == ["same", "1"]
    for unbearable in ("m" * 17, "a b", "ä", ""):
        _, _, offer = called(f"{AUDIO}\na=mid:{unbearable}")
        assert offer.audio.mid == "0"


def test_payload_types_that_look_like_rtcp_get_others() -> None:
    """RFC 5761 section 4: both browsers refuse 64 to 95 beside rtcp-mux."""
    call, browser, offer = called(
        "audio 4000 RTP/AVP 72 8 73\na=rtpmap:72 opus/48000/2\na=rtpmap:73 telephone-event/8000"
    )
    assert offer.audio.formats == ["96", "8", "97"]
    assert offer.audio.attributes.all("rtpmap") == ["96 opus/48000/2", "97 telephone-event/8000"]
    answer = call.answer(browser.describe("96 97").replace(b"rtpmap:111", b"rtpmap:96"))
    assert answer.audio.formats == ["72", "73"]
    assert "72 opus/48000/2" in answer.audio.attributes.all("rtpmap")
    assert call.port(1).numbers == ((96, 72), (97, 73))
    assert {one[0] for one in call.port(1).expected["formats"]} == {72, 8, 73}  # type: ignore[attr-defined]
    assert call.port(0).numbers == ()
    call.chosen()
    # Numbers keep their meaning for as long as the call lasts, whoever offers (RFC 3264 section 8.3.2).
    again = call.say(1, 0, Exchange("INVITE", 7), browser.describe("96 111 97"))
    assert again.audio.formats == ["72", "111", "73"]
    assert "media.renumbered" in call.kinds()


def test_codecs_with_a_number_of_their_own_have_it_towards_a_page() -> None:
    """Chromium rejects PCMA under 97, and throws at anything else under 9."""
    call, browser, offer = called("audio 4000 RTP/AVP 97 9\na=rtpmap:97 PCMA/8000\na=rtpmap:9 opus/48000/2")
    assert offer.audio.formats == ["8", "96"]
    answer = call.answer(browser.describe("8"))
    assert answer.audio.formats == ["97"]
    assert call.port(1).numbers == ((8, 97), (96, 9))


def test_a_number_that_both_sides_use_for_something_of_their_own_is_two() -> None:
    call, browser, _ = called("audio 4000 RTP/AVP 72\na=rtpmap:72 opus/48000/2")
    call.answer(browser.describe("96").replace(b"rtpmap:111", b"rtpmap:96"))
    call.chosen()
    again = call.offer(
        sdp("192.0.2.10", "audio 4000 RTP/AVP 72 96\na=rtpmap:72 opus/48000/2\na=rtpmap:96 L16/8000"), cseq=2
    )
    assert again.audio.attributes.all("rtpmap") == ["96 opus/48000/2", "97 L16/8000"]


def test_what_names_payload_types_inside_its_packets_is_left_out_where_they_change() -> None:
    _, _, offer = called(
        "video 4000 RTP/AVP 72 73 74\na=rtpmap:72 VP8/90000\na=rtpmap:73 rtx/90000\na=fmtp:73 apt=72\n"
        "a=rtpmap:74 red/90000"
    )
    assert offer.video.formats == ["96", "97"]
    assert offer.video.attributes.all("fmtp") == ["97 apt=96"]


def test_header_extensions_that_browsers_throw_at_are_left_out() -> None:
    level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    lines = [f"a=extmap:{number} {uri}" for number, uri in ((1, level), (15, "urn:x"), (300, "urn:y"), (1, "urn:z"))]
    call, _, offer = called(
        "\n".join([AUDIO, *lines]), "video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=extmap:1 urn:w"
    )
    assert offer.audio.attributes.all("extmap") == [f"1 {level}"]
    assert offer.video.attributes.all("extmap") == []
    assert call.kinds().count("media.extensions-left-out") == 1


@pytest.mark.parametrize("direction", ["inactive", "sendonly"])
def test_a_call_that_begins_on_hold_is_open_to_the_page_and_shut_for_its_media(direction: str) -> None:
    call, browser, offer = called(f"{AUDIO}\na={direction}")
    assert str(offer.audio.direction) == "sendrecv"
    answer = call.answer(browser.describe("8"))
    assert str(answer.audio.direction) == {"inactive": "inactive", "sendonly": "recvonly"}[direction]
    call.chosen()
    assert call.port(1).target is None
    assert (call.port(0).target is call.port(1)) is (direction == "sendonly")
    assert not call.port(1).timeout_s or call.port(1).timeout_s > 60
    # A refused change leaves it as it is; the next offer is the page's business as usual.
    call.offer(sdp("192.0.2.10", AUDIO), cseq=2)
    call.rejected(cseq=2)
    assert call.port(1).target is None
    offer = call.offer(sdp("192.0.2.10", AUDIO), cseq=3)
    assert str(offer.audio.direction) == "sendrecv"
    call.answer(browser.describe("8"), cseq=3)
    assert call.port(1).target is call.port(0)
    assert call.port(0).target is call.port(1)
    offer = call.offer(sdp("192.0.2.10", f"{AUDIO}\na={direction}"), cseq=4)
    assert str(offer.audio.direction) == direction


def test_a_hold_by_address_that_begins_a_call_is_one_too() -> None:
    """RFC 2543."""
    call, browser, offer = called(f"{AUDIO}\nc=IN IP4 0.0.0.0")
    assert str(offer.audio.direction) == "sendrecv"
    call.answer(browser.describe("8"))
    call.chosen()
    assert call.port(1).target is None


def test_a_door_that_only_shows_asks_no_page_for_its_camera() -> None:
    _, _, offer = called(AUDIO, "video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=sendonly")
    assert [str(section.direction) for section in offer.media] == ["sendrecv", "sendonly"]


def test_two_audio_sections_of_a_phone_are_told_apart_by_mid() -> None:
    call, browser, offer = called(AUDIO, "audio 4002 RTP/AVP 8")
    assert offer.bundle == ("0", "1")
    assert [section.attributes.all("extmap") for section in offer.media] == [["1 " + MID.split(" ")[1]]] * 2
    accepted = MID.replace("extmap:4", "extmap:1").encode()
    body = browser.describe("8", bundled=(SECOND,)).replace(
        b"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", accepted
    )
    answer = call.answer(body.replace(MID.encode(), accepted))
    call.chosen()
    assert [section.attributes.all("extmap") for section in answer.media] == [[], []]
    assert [call.port(1, index).identity["mid"] for index in (0, 1)] == ["0", "1"]
    assert all(call.port(1, index).identity["stamp"] for index in (0, 1))
    assert all(call.port(1, index).identity["extension"] == 1 for index in (0, 1))


def test_a_page_that_takes_one_of_two_still_hears_a_mid() -> None:
    """Chromium drops what has none once it is agreed."""
    call, browser, _ = called(AUDIO, "audio 4002 RTP/AVP 8")
    call.answer(browser.describe("8", MID, bundled=(SECOND.replace("audio 9", "audio 0"),)))
    call.chosen()
    assert call.port(1).identity["stamp"]
    assert call.port(1).identity["extension"] == 4


def test_what_is_added_to_two_sections_means_one_thing_in_both() -> None:
    call = WebCall(web=[1], policy=MediaPolicy())
    offer = call.offer(
        sdp("192.0.2.10", "audio 4000 RTP/AVP 8", "audio 4002 RTP/AVP 96 0\na=rtpmap:96 telephone-event/8000")
    )
    meanings: dict[int, set[str]] = {}
    for section in offer.media:
        for codec in section.codecs:
            meanings.setdefault(codec.payload_type, set()).add(str(codec.format))
    assert all(len(one) == 1 for one in meanings.values()), meanings
    assert offer.bundle == ("0", "1")


def test_an_answer_with_extensions_that_nobody_offered_is_borne_too() -> None:
    call, browser = WebCall(web=[0]), Browser(offers=True)
    call.offer(browser.describe("8"))
    answer = call.answer(sdp("192.0.2.21", f"{AUDIO}\na=extmap:20 urn:x\na=extmap:300 urn:y"))
    assert answer.audio.attributes.all("extmap") == []


@pytest.mark.parametrize(
    ("offered", "answered", "read"),
    [
        ("sendonly", "sendrecv", "recvonly"),
        ("sendonly", "inactive", "inactive"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendrecv", "sendrecv"),
    ],
)
def test_a_page_reads_no_answer_that_its_offer_does_not_allow(offered: str, answered: str, read: str) -> None:
    """A phone answers a hold with sendrecv (RFC 3264 section 6.1); browsers throw at it."""
    call, page = WebCall(web=[1]), Browser(offers=False)
    call.offer(sdp("192.0.2.10", "audio 4000 RTP/AVP 8"))
    call.answer(page.describe("8"))
    call.chosen()
    call.say(1, 0, Exchange("INVITE", 5), page.describe("8").replace(b"a=sendrecv", f"a={offered}".encode()))
    answer = sdp("192.0.2.10", f"audio 4000 RTP/AVP 8\na={answered}")
    assert call.say(0, 1, Exchange("INVITE", 5, 200), answer).audio.direction == read


def test_a_page_that_was_renumbered_is_offered_no_redundancy_and_offers_none_itself() -> None:
    """RED (RFC 2198) names the payload types of what it holds within its packets, which nobody rewrites."""
    red = "a=rtpmap:63 red/48000/2\na=fmtp:63 111/111"
    call, browser, offer = called(f"audio 4000 RTP/AVP 72 63\na=rtpmap:72 opus/48000/2\n{red.replace('111', '72')}")
    assert offer.audio.formats == ["96"]
    assert not any("63" in line for line in offer.audio.lines if line.startswith(("a=rtpmap", "a=fmtp")))
    call.answer(browser.describe("96").replace(b"rtpmap:111", b"rtpmap:96"))
    call.chosen()
    page = browser.describe("96 63", red.replace("111", "96")).replace(b"rtpmap:111", b"rtpmap:96")
    again = call.say(1, 0, Exchange("INVITE", 7), page)
    assert again.audio.formats == ["72"]


def test_a_page_is_told_of_an_odd_phone_in_lines_that_browsers_read() -> None:
    """Lines out of their order, parameters of a codec that is not offered, an empty line at the end."""
    odd = sdp("192.0.2.10", f"{AUDIO}\na=fmtp:18 annexb=no\na=fmtp:8", "video 4002 RTP/AVP 34").replace(
        b"t=0 0", b"t=0 0\r\nb=AS:80"
    )
    call, browser = WebCall(web=[1]), Browser(offers=False)
    offer = call.offer(odd + b"\r\n")
    assert offer.encode().index(b"b=AS:80") < offer.encode().index(b"t=0 0")
    assert offer.encode().endswith(b"a=rtpmap:34 H263/90000\r\n")
    assert offer.audio.attributes.all("fmtp") == []
    (told,) = (moment for moment in call.moments if moment.kind == "media.lines-left-out")
    assert told.values == {"side": "callee", "lines": "a=fmtp:18 annexb=no · a=fmtp:8"}
    assert shape(call.answer(browser.describe("8"))) == [("audio", True), ("video", False)]


def test_an_answer_has_no_header_extension_under_a_number_that_the_page_gave_to_another() -> None:
    """RFC 8285 section 6: who answers takes of what was offered. Both browsers throw at one that means another."""
    call, browser = WebCall(web=[0]), Browser(offers=True)
    level = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    call.offer(browser.describe("8", f"{level}\n{MID}"))
    odd = "a=extmap:1 urn:example:x\na=extmap:2 urn:example:y"
    answer = call.answer(sdp("192.0.2.21", f"audio 5000 RTP/AVP 8\n{odd}\n{MID}"))
    assert answer.audio.attributes.all("extmap") == [MID.removeprefix("a=extmap:")]
    assert call.moments[-1].kind != "media.refused"
    assert "media.extensions-left-out" in call.kinds()

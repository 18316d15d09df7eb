"""What the relay converts is a stream of its own: the hearer must still know it for what its description promised."""

import pytest
from tests.media.browser import NOW, OURS, Browser
from tests.media.in_memory import Call, sdp

from talkpath.media import Exchange, MediaPolicy
from talkpath.sdp import SessionDescription

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
EVENTS = "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000"
FEW = f"a=extmap:4 {MID_URI}\r\n{EVENTS}"
MANY = f"a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n{FEW}"
RED = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
Marks = tuple[int | None, int, str]


def page(formats: str, extra: str, ssrc: int, *, offers: bool) -> bytes:
    written = Browser(offers=offers, host=f"198.51.100.{ssrc}").describe(formats, extra)
    return written.replace(b"a=ssrc:1 ", b"a=ssrc:%d " % ssrc)


CALLER = page("111 8 110 126", FEW, 77, offers=True)
CALLEE = page("111 9 0 8 110 126", MANY, 78, offers=False)


def two_pages() -> Call:
    call = Call(MediaPolicy(), identity=OURS)
    call.now = NOW
    for leg in (0, 1):
        call.origins[leg] = call.origin(leg)._replace(webrtc=True)
    return call


def marks(call: Call, leg: int) -> Marks:
    """How what this leg says is marked for the other."""
    converts = call.port(leg).converts
    assert converts is not None
    return converts[5]  # type: ignore[return-value]


def extensions(description: SessionDescription) -> list[str]:
    return [value for value in description.media[0].attributes.all("extmap") if MID_URI in value]


def test_pages_of_which_one_lacks_codecs_know_each_others_packets() -> None:
    """Chromium plays nothing of an unknown source without a MID once that is negotiated (RFC 9143 section 9.2)."""
    call = two_pages()
    asked = call.offer(CALLER)
    told = call.answer(CALLEE)
    call.chosen()
    assert extensions(asked) == extensions(told) == [f"4 {MID_URI}"]
    assert (asked.media[0].ssrcs, told.media[0].ssrcs) == ([77], [78])
    assert (marks(call, 0), marks(call, 1)) == ((77, 4, "0"), (78, 4, "0"))


def test_a_page_that_agrees_to_no_mid_gets_none() -> None:
    call = two_pages()
    call.offer(CALLER)
    told = call.answer(page("111 9 0 8 110 126", MANY.replace(f"a=extmap:4 {MID_URI}\r\n", ""), 78, offers=False))
    assert extensions(told) == []
    assert (marks(call, 0), marks(call, 1)) == ((77, 0, "0"), (78, 0, "0"))


def test_who_holds_keeps_its_source() -> None:
    """Chromium names no source while it sends nothing."""
    call = two_pages()
    call.offer(CALLER)
    call.answer(CALLEE)
    held = CALLER.replace(b"a=sendrecv", b"a=recvonly").replace(b"a=ssrc:77 cname:x\r\n", b"")
    call.offer(held, cseq=2)
    call.answer(CALLEE, cseq=2)
    assert marks(call, 0) == (None, 4, "0"), "the relay keeps what was promised before"


def test_a_phone_that_agreed_to_the_mid_of_another_gets_it() -> None:
    """A phone may speak of MID as well, and its answer comes from a page."""
    call = two_pages()
    call.origins[0] = call.origin(0)._replace(webrtc=False)
    offered = f"audio 2000 RTP/AVP 8\na=mid:a\na=extmap:3 {MID_URI}"
    call.offer(sdp("192.0.2.10", offered))
    answered = page(
        "9 0 8", f"a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=extmap:3 {MID_URI}", 78, offers=False
    )
    told = call.answer(answered.replace(b"a=mid:0", b"a=mid:a"))
    assert extensions(told) == []
    assert marks(call, 0) == (None, 3, "a"), "the page knows the phone's packets by it"
    assert marks(call, 1) == (None, 0, "a"), "the phone was told nothing of it"


@pytest.mark.parametrize("by_caller", [True, False])
def test_redundancy_is_undone_where_packets_are_opened(by_caller: bool) -> None:
    """Its blocks name payload types of the speaker: they mean nothing, or something else, to the hearer."""
    call = two_pages()
    asked = call.offer(page("63 111 8 110 126", RED + FEW, 77, offers=True))
    assert "red" in [codec.name for codec in asked.media[0].codecs]
    call.answer(page("63 111 9 0 8 110 126", RED + MANY, 78, offers=False))
    converts = call.port(0 if by_caller else 1).converts
    assert converts is not None
    heard = converts[0]
    assert isinstance(heard, tuple)
    assert [one for one in heard if one[2] == "red"] == [(63, 48000, "red", None)]
    assert (111, 48000, "opus", (111, 48000)) in heard


def test_what_passes_as_it_is_keeps_the_words_of_its_sender() -> None:
    call = two_pages()
    asked = call.offer(page("111 9 0 8 110 126", MANY, 77, offers=True))
    told = call.answer(CALLEE)
    assert (asked.media[0].ssrcs, told.media[0].ssrcs) == ([77], [78])
    assert call.port(0).converts is None
    again = call.say(1, 0, Exchange("INVITE", 7), CALLEE)
    assert again.media[0].ssrcs == [78]

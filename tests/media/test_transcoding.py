"""Sides without a common codec: what is added to an offer, how the answer goes back, and what the engine is told."""

import pytest
from tests.media.browser import NOW, OURS, Browser
from tests.media.in_memory import Call, sdp

from talkpath.media import Exchange, MediaPolicy
from talkpath.sdp import SessionDescription

EVENTS = "\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16"
PCMA = "audio 2000 RTP/AVP 8 101" + EVENTS
PCMU = "audio 3000 RTP/AVP 0 101" + EVENTS
G722 = "audio 3000 RTP/AVP 9"
OPUS = (
    "audio 4000 RTP/AVP 111 110\na=rtpmap:111 opus/48000/2"
    "\na=fmtp:111 minptime=10;useinbandfec=1;maxaveragebitrate=24000"
    "\na=rtpmap:110 telephone-event/48000"
)
MIXED = "audio 2000 RTP/AVP 97 9 8\na=rtpmap:97 speex/16000"


def a_call(*codecs: str) -> Call:
    return Call(MediaPolicy(transcoding=codecs or ("opus", "G722", "PCMA", "PCMU")))


def names(description: SessionDescription) -> list[str]:
    return [f"{codec.payload_type} {codec.format}" for codec in description.media[0].codecs]


def converts(call: Call, leg: int) -> tuple[object, ...] | None:
    return call.port(leg).converts


@pytest.mark.parametrize(
    ("section", "voices"),
    [
        (PCMA, ["8 PCMA/8000", "0 PCMU/8000", "9 G722/8000", "96 opus/48000/2"]),
        (PCMU, ["0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "96 opus/48000/2"]),
        (G722, ["9 G722/8000", "96 opus/48000/2", "8 PCMA/8000", "0 PCMU/8000"]),
        (OPUS, ["111 opus/48000/2", "9 G722/8000", "8 PCMA/8000", "0 PCMU/8000"]),
    ],
)
def test_the_codecs_of_the_offer_come_first_and_the_widest_at_least_cost_next(
    section: str, voices: list[str]
) -> None:
    forwarded = a_call().offer(sdp("192.0.2.10", section))
    assert [name for name in names(forwarded) if "telephone" not in name] == voices


def test_events_are_offered_on_the_clock_of_what_is_added() -> None:
    assert "97 telephone-event/48000" in names(a_call().offer(sdp("192.0.2.10", PCMA)))
    assert "96 telephone-event/8000" in names(a_call().offer(sdp("192.0.2.10", OPUS)))
    assert not [name for name in names(a_call().offer(sdp("192.0.2.10", G722))) if "telephone" in name]


@pytest.mark.parametrize(
    "section",
    [
        "audio 2000 RTP/AVP 97\na=rtpmap:97 speex/16000",
        "audio 2000 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40,
        "video 2000 RTP/AVP 97\na=rtpmap:97 VP8/90000",
        "image 2000 udptl t38",
        "audio 0 RTP/AVP 8",
    ],
    ids=["nothing to convert from", "encrypted from end to end", "video", "fax", "rejected"],
)
def test_nothing_is_added_to_what_cannot_be_converted(section: str) -> None:
    call, plain = a_call(), Call()
    assert call.offer(sdp("192.0.2.10", section)).encode() == plain.offer(sdp("192.0.2.10", section)).encode()


def test_only_what_the_operator_allows_is_added() -> None:
    assert names(a_call("PCMU").offer(sdp("192.0.2.10", PCMA))) == [
        "8 PCMA/8000",
        "101 telephone-event/8000",
        "0 PCMU/8000",
    ]
    call = Call(MediaPolicy(transcoding=()))
    assert names(call.offer(sdp("192.0.2.10", PCMA))) == ["8 PCMA/8000", "101 telephone-event/8000"]


def test_payload_types_all_taken_leave_only_the_static_ones() -> None:
    taken = " ".join(map(str, range(96, 128)))
    offer = f"audio 2000 RTP/AVP 8 {taken}" + "".join(f"\na=rtpmap:{n} x-{n}/8000" for n in range(96, 128))
    assert names(a_call().offer(sdp("192.0.2.10", offer)))[-2:] == ["0 PCMU/8000", "9 G722/8000"]


def test_payload_types_of_a_section_beside_it_are_not_used() -> None:
    video = "video 2002 RTP/AVP 96 97\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96"
    assert "98 opus/48000/2" in names(a_call().offer(sdp("192.0.2.10", PCMA, video)))


def test_a_shared_codec_passes_as_it_is() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", PCMA))
    answer = sdp("192.0.2.21", "audio 3000 RTP/AVP 8 101" + EVENTS)
    assert names(call.answer(answer)) == ["8 PCMA/8000", "101 telephone-event/8000"]
    call.chosen()
    assert not [verb for verb, _ in call.engine.told if "transcode" in verb]
    assert "codec.transcoding" not in call.kinds()


def test_case_8_an_unknown_fmtp_leaves_the_codec_shared() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", "audio 2000 RTP/AVP 0 101\na=fmtp:0 abc=no" + EVENTS))
    answer = sdp("192.0.2.21", PCMU)
    assert names(call.answer(answer)) == ["0 PCMU/8000", "101 telephone-event/8000"]
    assert converts(call, 0) is None


def test_an_added_codec_goes_back_as_the_one_of_the_offer() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", OPUS))
    answer = "audio 3000 RTP/AVP 8 96\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\na=ptime:30\na=sendrecv"
    told = call.answer(sdp("192.0.2.21", answer))
    assert names(told) == ["111 opus/48000/2", "110 telephone-event/48000"]
    assert told.media[0].codecs["opus"].fmtp == "useinbandfec=1"
    call.chosen()
    caller, callee = converts(call, 0), converts(call, 1)
    assert caller is not None
    assert caller[:4] == (
        ((111, 48000, "opus", None), (110, 48000, "telephone-event", (96, 8000))),
        8,
        "PCMA",
        30,
    )
    assert callee is not None
    assert callee[1:4] == (111, "opus", 20)
    assert callee[4] == {"bitrate": 24000, "fec": True, "dtx": False, "constant": False, "playback_rate": 0}
    heard = callee[0]
    assert (8, 8000, "PCMA", None) in heard
    assert (96, 8000, "telephone-event", (110, 48000)) in heard
    moment = next(one for one in call.moments if one.kind == "codec.transcoding")
    assert moment.values == {"side": "callee", "offered": "PCMA, telephone-event", "own": "opus", "other": "PCMA"}
    assert (111, 48000, "opus") in call.port(0).expected["formats"]
    assert (8, 8000, "PCMA") in call.port(1).expected["formats"]


def test_the_best_codec_of_the_offer_is_told_back() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", MIXED))
    told = call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 96\na=rtpmap:96 opus/48000/2"))
    assert names(told) == ["9 G722/8000"]
    call = a_call()
    call.offer(sdp("192.0.2.10", MIXED))
    assert names(call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 0"))) == ["8 PCMA/8000"]


def test_what_is_answered_besides_a_shared_codec_is_converted_when_it_comes() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", PCMA))
    told = call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 96 8\na=rtpmap:96 opus/48000/2"))
    assert names(told) == ["8 PCMA/8000"]
    call.chosen()
    callee, caller = converts(call, 1), converts(call, 0)
    assert callee is not None
    assert {(96, 48000, "opus", None), (8, 8000, "PCMA", (8, 8000))} <= set(callee[0])
    assert callee[1:3] == (8, "PCMA")
    assert caller is not None
    assert (8, 8000, "PCMA", (8, 8000)) in caller[0]


def test_a_shared_codec_is_not_said_to_be_converted_into_itself() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", PCMU))
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 0 9"))
    moments = {one.kind: dict(one.values) for one in call.moments}
    assert "codec.transcoding" not in moments
    assert moments["codec.transcoding-ready"] == {"side": "callee", "codec": "PCMU", "offered": "PCMU, G722"}


def test_events_of_another_clock_are_converted_beside_a_shared_voice() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", OPUS))
    answer = "audio 3000 RTP/AVP 111 96\na=rtpmap:111 opus/48000/2\na=rtpmap:96 telephone-event/8000"
    assert names(call.answer(sdp("192.0.2.21", answer))) == ["111 opus/48000/2", "110 telephone-event/48000"]
    call.chosen()
    caller, callee = converts(call, 0), converts(call, 1)
    assert caller is not None
    assert caller[0] == ((111, 48000, "opus", (111, 48000)), (110, 48000, "telephone-event", (96, 8000)))
    assert callee is not None
    assert {(111, 48000, "opus", (111, 48000)), (96, 8000, "telephone-event", (110, 48000))} <= set(callee[0])
    assert "codec.transcoding" not in call.kinds()


def test_comfort_noise_passes_only_where_both_know_it() -> None:
    noisy = "audio 2000 RTP/AVP 8 13"
    call = a_call()
    call.offer(sdp("192.0.2.10", noisy))
    assert names(call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 0 13"))) == ["8 PCMA/8000", "13 CN/8000"]
    call.chosen()
    assert (13, 8000, "CN", (13, 8000)) in (converts(call, 1) or ((),))[0]
    call = a_call()
    call.offer(sdp("192.0.2.10", noisy))
    assert names(call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 0"))) == ["8 PCMA/8000"]
    call.chosen()
    assert (13, 8000, "CN", None) in (converts(call, 1) or ((),))[0]


def test_an_answer_that_shares_nothing_we_may_convert_goes_back_as_it_is() -> None:
    call = a_call("PCMU")
    call.offer(sdp("192.0.2.10", PCMA))
    assert names(call.answer(sdp("192.0.2.21", G722))) == ["9 G722/8000"]
    assert converts(call, 0) is None


def test_an_offer_in_the_response_is_answered_in_the_ack() -> None:
    call = a_call()
    forwarded = call.answer(sdp("192.0.2.21", G722))
    assert names(forwarded)[:2] == ["9 G722/8000", "96 opus/48000/2"]
    told = call.offer(sdp("192.0.2.10", "audio 2000 RTP/AVP 8"), method="ACK")
    assert names(told) == ["9 G722/8000"]
    call.chosen()
    callee, caller = converts(call, 1), converts(call, 0)
    assert callee is not None
    assert callee[1:3] == (8, "PCMA")
    assert caller is not None
    assert caller[1:3] == (9, "G722")


def test_a_reinvite_from_converted_to_shared_and_back() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", OPUS))
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"))
    call.chosen()
    call.offer(sdp("192.0.2.10", PCMA), cseq=2)
    assert names(call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"), cseq=2)) == ["8 PCMA/8000"]
    assert converts(call, 0) is None
    assert converts(call, 1) is None
    assert "codec.transcoding-ended" in call.kinds()
    call.offer(sdp("192.0.2.10", OPUS), cseq=3)
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"), cseq=3)
    assert converts(call, 0) is not None


def test_a_refused_reinvite_goes_on_as_before() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", OPUS))
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"))
    call.chosen()
    before = converts(call, 0)
    call.offer(sdp("192.0.2.10", PCMA), cseq=2)
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"), cseq=2, status=183)
    assert converts(call, 0) is None
    call.rejected(cseq=2)
    assert converts(call, 0) == before


def test_an_offer_of_the_callee_uses_the_numbers_that_the_caller_knows() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", OPUS))
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"))
    call.chosen()
    again = call.say(1, 0, Exchange("INVITE", 7), sdp("192.0.2.21", "audio 3000 RTP/AVP 8\na=sendonly"))
    assert "111 opus/48000/2" in names(again)


def test_each_branch_is_converted_by_itself() -> None:
    call = a_call()
    call.offer(sdp("192.0.2.10", OPUS), branch=1)
    call.offer(sdp("192.0.2.10", OPUS), branch=2)
    call.answer(sdp("192.0.2.21", "audio 3000 RTP/AVP 8"), branch=1, status=183)
    assert converts(call, 0) is not None
    call.answer(sdp("192.0.2.22", "audio 3000 RTP/AVP 111\na=rtpmap:111 opus/48000/2"), branch=2)
    call.chosen(2)
    assert converts(call, 0) is None


class WebTones(Call):
    """A call in which one leg is a browser, whose codecs are all converted."""

    def __init__(self, web: int) -> None:
        super().__init__(MediaPolicy(), identity=OURS)
        self.now = NOW
        self.origins[web] = self.origin(web)._replace(webrtc=True)


BROWSERS_EVENTS = "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000"
KEYLESS = "audio 5000 RTP/AVP 8 0"


def test_a_browser_may_tell_keys_to_a_phone_that_takes_no_events() -> None:
    call = WebTones(web=0)
    call.offer(Browser(offers=True).describe("111 8 110 126", BROWSERS_EVENTS))
    told = call.answer(sdp("192.0.2.21", KEYLESS))
    call.chosen()
    assert names(told) == ["8 PCMA/8000", "126 telephone-event/8000"]
    browser = converts(call, 0)
    assert browser is not None
    assert (126, 8000, "telephone-event", None) in browser[0]
    assert (8, 8000, "PCMA", (8, 8000)) in browser[0], "the voice passes"
    assert browser[1:3] == (8, "PCMA")
    moments = [one for one in call.moments if one.kind == "codec.keys-as-tones"]
    assert [one.values["side"] for one in moments] == ["callee"]
    call.offer(Browser(offers=True).describe("111 8 110 126", BROWSERS_EVENTS), cseq=2)
    call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8 101" + EVENTS), cseq=2)
    browser = converts(call, 0)
    assert browser is not None, "the source of what it hears stays the same"
    assert (126, 8000, "telephone-event", (101, 8000)) in browser[0], "the phone takes them now"


def test_what_a_browser_hears_keeps_its_source_whoever_offers() -> None:
    """It answers more codecs than it shares with the phone, which answers only those: hold from both sides."""
    call = WebTones(web=1)
    phone = sdp("192.0.2.10", "audio 4000 RTP/AVP 8 101" + EVENTS)
    page = Browser(offers=False).describe("8 0 101", EVENTS.strip().replace("\n", "\r\n"))
    call.offer(phone)
    call.answer(page)
    call.chosen()
    plan = converts(call, 0)
    assert plan is not None
    call.say(1, 0, Exchange("INVITE", 5), page)
    call.say(0, 1, Exchange("INVITE", 5, 200), phone)
    assert converts(call, 0) is not None
    assert converts(call, 1) is not None
    call.offer(phone, cseq=2)
    call.answer(page, cseq=2)
    assert converts(call, 0) == plan


def test_a_browser_that_is_called_by_a_phone_without_events_may_tell_keys() -> None:
    call = WebTones(web=1)
    offered = call.offer(sdp("192.0.2.10", KEYLESS.replace("5000", "4000")))
    events = [name for name in names(offered) if "telephone-event" in name]
    assert [name.split()[1] for name in events] == ["telephone-event/8000", "telephone-event/48000"]
    number = events[0].split()[0]
    extra = f"a=rtpmap:{number} telephone-event/8000"
    told = call.answer(Browser(offers=False).describe(f"8 {number}", extra))
    call.chosen()
    assert names(told) == ["8 PCMA/8000"]
    browser = converts(call, 1)
    assert browser is not None
    assert (int(number), 8000, "telephone-event", None) in browser[0]
    assert [one.values["side"] for one in call.moments if one.kind == "codec.keys-as-tones"] == ["caller"]


def test_a_phone_is_not_told_that_events_are_taken_where_nobody_does() -> None:
    """It plays tones itself then."""
    call = a_call()
    call.offer(sdp("192.0.2.10", PCMA))
    assert names(call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 8"))) == ["8 PCMA/8000"]
    call.chosen()
    assert converts(call, 0) is None
    offered = a_call().offer(sdp("192.0.2.10", KEYLESS))
    assert not [name for name in names(offered) if "telephone" in name]


def test_keys_for_a_codec_that_we_can_not_write_are_not_promised() -> None:
    call = WebTones(web=0)
    speex = "a=rtpmap:97 speex/16000\r\n" + BROWSERS_EVENTS
    call.offer(Browser(offers=True).describe("97 8 110 126", speex))
    told = call.answer(sdp("192.0.2.21", "audio 5000 RTP/AVP 97\na=rtpmap:97 speex/16000"))
    assert names(told) == ["97 speex/16000"]
    assert converts(call, 0) is None


def test_two_browsers_tell_each_other_keys_as_they_are() -> None:
    call = WebTones(web=0)
    call.origins[1] = call.origin(1)._replace(webrtc=True)
    call.offer(Browser(offers=True).describe("111 8 110 126", BROWSERS_EVENTS))
    told = call.answer(Browser(offers=False, host="198.51.100.77").describe("111 110", BROWSERS_EVENTS))
    assert names(told) == ["111 opus/48000/2", "110 telephone-event/48000"]
    assert converts(call, 0) is None

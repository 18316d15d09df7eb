"""Codecs of an answer find theirs in the offer, whatever the parameters say."""

from talkpath.sdp import MediaSection, SessionDescription
from talkpath.sdp.offer_answer import chosen_codec, fmtp_parameters, match_codecs


def section(text: str) -> MediaSection:
    return SessionDescription.parse(f"v=0\n{text}".encode()).media[0]


CASE_8_OFFER = """m=audio 2000 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=fmtp:0 abc=no
a=rtpmap:8 PCMA/8000
a=fmtp:8 abc=no
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""
CASE_8_ANSWER = """m=audio 2002 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""


def test_case_8_a_codec_without_the_offered_parameter_was_chosen() -> None:
    offer, answer = section(CASE_8_OFFER), section(CASE_8_ANSWER)
    assert [(one.offered.payload_type, one.answered.payload_type) for one in match_codecs(offer, answer)] == [
        (0, 0),
        (101, 101),
    ]
    assert chosen_codec(offer, answer).name == "PCMU"


def test_names_ignore_case_and_payload_types_may_differ() -> None:
    offer = section("m=audio 4 RTP/AVP 96\na=rtpmap:96 OPUS/48000/2")
    answer = section("m=audio 5 RTP/AVP 107\na=rtpmap:107 opus/48000/2\na=fmtp:107 useinbandfec=1")
    assert match_codecs(offer, answer)[0].offered.payload_type == 96


def test_clock_and_channels_tell_codecs_apart() -> None:
    offer = section("m=audio 4 RTP/AVP 96 97\na=rtpmap:96 speex/8000\na=rtpmap:97 L16/48000")
    answer = section("m=audio 5 RTP/AVP 96 97\na=rtpmap:96 speex/16000\na=rtpmap:97 L16/48000/2")
    assert [one.offered for one in match_codecs(offer, answer)] == [None, None]
    assert chosen_codec(offer, answer) is None


def test_parameters_tell_duplicates_apart() -> None:
    offer = section(
        "m=video 4 RTP/AVP 96 97 98\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=0;profile-level-id=42e01f\n"
        "a=rtpmap:97 H264/90000\na=fmtp:97 packetization-mode=1; profile-level-id=42e01f\na=rtpmap:98 rtx/90000"
    )
    answer = section("m=video 5 RTP/AVP 120\na=rtpmap:120 H264/90000\na=fmtp:120 Packetization-Mode=1")
    assert match_codecs(offer, answer)[0].offered.payload_type == 97


def test_an_offered_codec_is_chosen_once() -> None:
    offer = section("m=audio 4 RTP/AVP 8")
    answer = section("m=audio 5 RTP/AVP 8 96\na=rtpmap:96 PCMA/8000")
    assert [one.offered is None for one in match_codecs(offer, answer)] == [False, True]


def test_events_alone_choose_no_codec() -> None:
    offer = section(CASE_8_OFFER)
    assert chosen_codec(offer, section("m=audio 5 RTP/AVP 101\na=rtpmap:101 telephone-event/8000")) is None


def test_parameters_are_read_by_name() -> None:
    codecs = section(
        "m=audio 4 RTP/AVP 96 101\na=rtpmap:96 opus/48000/2\na=fmtp:96 minptime=10; X=Y;;\na=fmtp:101 0-15"
    )
    assert [fmtp_parameters(codec) for codec in codecs.codecs] == [{"minptime": "10", "x": "Y"}, {"": "0-15"}]

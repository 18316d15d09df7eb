"""A description is written back byte for byte, and what is edited shows at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.errors import Malformed, Misuse
from talkpath.base.limits import SDP_LINES, SDP_MEDIA_SECTIONS
from talkpath.sdp import Candidate, Connection, Crypto, Direction, Fingerprint, RtcpPort, SessionDescription

PHONE = (
    b"v=0\r\no=- 3848 2 IN IP4 192.168.1.20\r\ns=call\r\nc=IN IP4 192.168.1.20\r\nt=0 0\r\n"
    b"m=audio 20000 RTP/AVP 96 110 8 0 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1\r\n"
    b"a=rtpmap:110 speex/16000\r\na=fmtp:110 vbr=on\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\na=rtcp:20001\r\na=sendrecv\r\na=ptime:20\r\n"
)


def parse(text: bytes) -> SessionDescription:
    return SessionDescription.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        PHONE.replace(b"\r\n", b"\n"),
        PHONE[:-2],
        PHONE + b"\r\n\r\n",
        PHONE.replace(b"s=call\r\n", b"s=call\n"),
        PHONE.replace(b"s=call", b"s=caf\xe9 \xff"),
        PHONE.replace(b"s=call", "s=客服".encode()),
        PHONE.replace(b"s=call\r\n", b"").replace(b"t=0 0\r\n", b""),
        PHONE.replace(b"a=ptime:20\r\n", b"a=ptime:20 \r\ny=what is this\r\nX=1\r\n"),
        PHONE.replace(b"t=0 0\r\n", b"a=sendrecv\r\nt=0 0\r\n"),
        b"v=0",
    ],
    ids=["crlf", "lf", "cut", "blank-end", "mixed", "latin1", "utf8", "no-s-t", "unknown", "odd-order", "least"],
)
def test_what_was_not_changed_is_written_back_byte_for_byte(text: bytes) -> None:
    assert parse(text).encode() == text


LINE = st.sampled_from(
    [
        *PHONE.decode().splitlines()[1:],
        "",
        "a=",
        "m=x 1 y",
        "m=audio 0 RTP/AVP 0",
        "c=IN IP6 ::1",
        "a=rtpmap:",
        "z=\t",
    ]
)


@given(st.lists(LINE, max_size=30), st.sampled_from(["\r\n", "\n"]), st.booleans())
def test_any_sound_lines_in_any_order_survive(lines: list[str], line_end: str, ended: bool) -> None:
    text = (line_end.join(["v=0", *lines]) + (line_end if ended else "")).encode()
    description = parse(text)
    assert description.encode() == text
    for section in description.media:
        read_everything(section)


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_garbage_is_malformed_or_survives(body: bytes, attribute: bytes) -> None:
    for text in (body, b"v=0\r\n" + body, PHONE + b"a=" + attribute, PHONE + b"m=" + attribute):
        try:
            description = parse(text)
        except Malformed:
            continue
        assert description.encode() == text
        for section in description.media:
            read_everything(section)


def read_everything(section: object) -> None:
    """Every public value can be read without an exception."""
    for name in dir(type(section)):
        if isinstance(getattr(type(section), name), property):
            value = getattr(section, name)
            if name == "codecs":
                for codec in value:
                    _ = codec.fmtp, codec.feedback, codec.name, codec.clock_hz, codec.channels


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "sdp-version"),
        (b"s=x\r\n", "sdp-version"),
        (b"v=0\r\nhello\r\n", "sdp-line"),
        (b"v=0\r\nm=audio\r\n", "sdp-media"),
        (b"v=0\r\nm=audio x RTP/AVP 0\r\n", "sdp-number"),
        (b"v=0\r\nm=audio 65536 RTP/AVP 0\r\n", "sdp-port"),
        (b"v=0\r\nc=IN IP4\r\n", "sdp-connection"),
        (b"v=0\r\n" + b"a=x\r\n" * SDP_LINES, "sdp-too-many-lines"),
        (b"v=0\r\n" + b"m=audio 0 RTP/AVP 0\r\n" * (SDP_MEDIA_SECTIONS + 1), "sdp-too-many-media"),
        (b"v=0\r\ns=" + b"x" * 70_000, "sdp-too-long"),
    ],
)
def test_nonsense_is_malformed_with_a_code(text: bytes, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.code == code


def test_a_script_prefers_and_drops_codecs() -> None:
    offer = parse(PHONE)
    offer.audio.codecs.prefer("PCMA", "opus").drop("speex")
    text = offer.encode()
    assert b"m=audio 20000 RTP/AVP 8 96 0 101\r\n" in text
    assert b"110" not in text
    assert len(text) == len(PHONE) - len(b" 110a=rtpmap:110 speex/16000\r\na=fmtp:110 vbr=on\r\n")
    assert [codec.name for codec in offer.audio.codecs] == ["PCMA", "opus", "PCMU", "telephone-event"]
    assert "speex" not in offer.audio.codecs
    assert "OPUS/48000/2" in offer.audio.codecs


def test_keeping_codecs_keeps_telephone_events() -> None:
    offer = parse(PHONE)
    offer.audio.codecs.keep("pcmu")
    assert offer.audio.formats == ["0", "101"]


def test_dropping_every_codec_rejects_the_section() -> None:
    offer = parse(PHONE)
    offer.audio.codecs.drop("opus", "speex", "PCMA", "PCMU", "telephone-event")
    assert offer.audio.is_rejected


def test_dropping_a_codec_takes_its_retransmission_along() -> None:
    offer = parse(
        b"v=0\r\nm=video 9 RTP/AVPF 96 97 98 99 100\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n"
        b"a=fmtp:97 apt=96\r\n"
        b"a=rtpmap:98 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:98 nack pli\r\na=rtcp-fb:98 ccm fir\r\n"
        b"a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=rtpmap:100 red/90000\r\na=fmtp:100 96/96\r\n"
    )
    assert offer.video.codecs["H264"].feedback == ["nack pli", "ccm fir"]
    offer.video.codecs.drop("VP8")
    assert offer.video.formats == ["98", "99"]
    assert b":96" not in offer.encode()


def test_codec_parameters_are_written_in_place() -> None:
    offer = parse(PHONE)
    offer.audio.codecs["opus"].fmtp = "useinbandfec=1"
    assert b"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:110" in offer.encode()
    offer.audio.codecs["PCMU"].fmtp = "abc=no"
    assert offer.audio.codecs["pcmu"].fmtp == "abc=no"
    offer.audio.codecs["PCMU"].fmtp = None
    offer.audio.codecs["opus"].fmtp = "stereo=1"
    assert offer.encode() == PHONE


def test_a_codec_is_added_with_a_free_payload_type() -> None:
    offer = parse(PHONE)
    assert offer.audio.codecs.add("G722/8000").payload_type == 9
    assert offer.audio.codecs.add("opus/48000/2", fmtp="x=1").payload_type == 97
    assert offer.audio.formats[-2:] == ["9", "97"]


def test_static_payload_types_need_no_rtpmap() -> None:
    pcma = parse(PHONE).audio.codecs["PCMA"]
    assert (pcma.payload_type, pcma.clock_hz, pcma.channels) == (8, 8000, 1)


def test_lines_of_two_audio_sections_do_not_mix() -> None:
    offer = parse(PHONE + b"m=audio 30000 RTP/AVP 0 8\r\na=recvonly\r\n")
    first, second = offer.of_kind("audio")
    second.codecs.drop("PCMU")
    second.direction = Direction.INACTIVE
    assert first.formats == ["96", "110", "8", "0", "101"]
    assert first.direction is Direction.SENDRECV
    assert offer.encode() == PHONE + b"m=audio 30000 RTP/AVP 8\r\na=inactive\r\n"


def test_direction_and_addresses_fall_back_to_the_session() -> None:
    text = (
        b"v=0\r\no=- 1 1 IN IP4 h\r\nc=IN IP6 2001:DB8::1\r\na=sendonly\r\na=setup:active\r\nm=audio 4 RTP/AVP 0\r\n"
    )
    description = parse(text)
    audio = description.audio
    assert audio.direction is Direction.SENDONLY
    assert audio.direction.reversed is Direction.RECVONLY
    assert audio.inherited("setup") == "active"
    assert audio.connection is not None
    assert audio.connection.ip == "2001:db8::1"
    audio.direction = Direction.SENDRECV
    audio.connection = Connection.of_host("10.0.0.1")
    assert description.encode() == text + b"a=sendrecv\r\n".replace(b"a=", b"c=IN IP4 10.0.0.1\r\na=")


def test_single_values_are_edited_as_objects() -> None:
    offer = parse(PHONE)
    audio = offer.audio
    assert audio.rtcp == RtcpPort(20001)
    audio.rtcp = RtcpPort(4001, "2001:db8::2")
    audio.rtcp_mux, audio.ptime_ms, audio.mid, audio.port = True, 30, "0", 4000
    audio.candidates = [Candidate.parse("1 1 udp 2130706431 192.0.2.1 4000 typ srflx raddr 10.0.0.1 rport 9 gen 0")]
    audio.crypto = [Crypto.parse("1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:4 KDR=1")]
    audio.fingerprints = [Fingerprint.parse("SHA-256 ab:cd")]
    text = offer.encode()
    for line in (
        b"a=rtcp:4001 IN IP6 2001:db8::2",
        b"a=rtcp-mux",
        b"a=ptime:30",
        b"a=mid:0",
        b"m=audio 4000 RTP/AVP 96 110 8 0 101",
        b"a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ srflx raddr 10.0.0.1 rport 9 gen 0",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20|1:4 KDR=1",
        b"a=fingerprint:sha-256 AB:CD",
    ):
        assert line + b"\r\n" in text
    assert "inline" not in repr(audio.crypto)
    audio.rtcp_mux, audio.ptime_ms, audio.mid, audio.rtcp = False, None, None, None
    assert not {"rtcp-mux", "ptime", "mid", "rtcp"} & {name for name, _ in audio.attributes}


def test_attributes_are_a_collection() -> None:
    audio = parse(PHONE + b"a=ssrc:1 cname:x\r\na=ssrc:1 msid:y\r\na=ssrc:22 cname:x\r\na=rtcp-mux-only\r\n").audio
    assert audio.attributes.all("ssrc") == ["1 cname:x", "1 msid:y", "22 cname:x"]
    assert audio.ssrcs == [1, 22]
    assert "rtcp-mux" not in audio.attributes
    audio.attributes.set("ssrc", "3 cname:z")
    assert audio.attributes.drop("ssrc", "ptime") == 2
    assert audio.attributes.first("ptime") is None


def test_a_value_with_a_line_break_is_refused() -> None:
    offer = parse(PHONE)
    with pytest.raises(Misuse):
        offer.audio.attributes.add("x", "1\r\nm=audio 6 RTP/AVP 0")
    with pytest.raises(Misuse):
        offer.audio.protocol = "RTP/AVP\n"


def test_groups_and_origin_are_edited() -> None:
    text = b"v=0\r\no=two words 1 2 IN IP4 h\r\ns=-\r\na=group:BUNDLE 0 1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    description = parse(text)
    assert description.bundle == ("0", "1")
    assert description.origin is not None
    assert description.origin.username == "two words"
    description.origin = description.origin._replace(version="3")
    description.groups = []
    assert description.encode() == text.replace(b"1 2 IN", b"1 3 IN").replace(b"a=group:BUNDLE 0 1\r\n", b"")


def test_asking_for_absent_media_says_what_to_do() -> None:
    with pytest.raises(Misuse, match="of_kind"):
        _ = parse(PHONE).video

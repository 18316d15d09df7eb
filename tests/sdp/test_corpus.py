"""Descriptions as phones, gateways, browsers and carriers write them."""

from pathlib import Path

import pytest

from talkpath.sdp import Direction, SessionDescription

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.sdp"))
# Dynamic payload types that their writer forgot to explain.
UNNAMED = {"lync_multiple_audio_caps", "t38_with_audio_rejected"}
BY_NAME = {path.stem: path for path in CORPUS}


def load(name: str) -> SessionDescription:
    return SessionDescription.parse(BY_NAME[name].read_bytes())


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_is_written_back_equal(path: Path) -> None:
    data = path.read_bytes()
    description = SessionDescription.parse(data)
    assert description.encode() == data
    assert description.media
    for section in description:
        assert section.connection is not None
        assert section.kind in ("audio", "video", "image", "message", "text", "application")
        unnamed = [codec.payload_type for codec in section.codecs if not codec.name]
        assert path.stem in UNNAMED or not unnamed
    assert description.encode() == data


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_an_edit_and_its_reverse_leave_no_trace(path: Path) -> None:
    description = SessionDescription.parse(path.read_bytes())
    for section in description:
        section.port, port = section.port + 2, section.port
        section.port = port
    once = description.encode()
    again = SessionDescription.parse(once)
    assert again.encode() == once
    for section in again:
        section.attributes.add("x-test", "1")
        section.attributes.drop("x-test")
        section.codecs.prefer("nothing of this name").keep(*(codec.name for codec in section.codecs))
    assert [section.formats for section in again] == [section.formats for section in description]


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("baresip_offer", ["opus", "G7221", "G722", "PCMA", "PCMU", "L16", "telephone-event"]),
        ("case8_answer", ["PCMU", "telephone-event"]),
        ("ilbc_odd_spacing", ["PCMU", "PCMA", "telephone-event"]),
        (
            "xlite_alt",
            ["BV32", "BV32-FEC", "SPEEX", "SPEEX-FEC", "PCMU", "SPEEX-FEC", "iLBC", "PCMA", "telephone-event"],
        ),
        ("ims_volte_evs", ["EVS", "AMR-WB", "AMR-WB", "AMR", "AMR", "telephone-event", "telephone-event"]),
    ],
)
def test_codecs_are_known_by_name(name: str, codecs: list[str]) -> None:
    assert [codec.name for codec in load(name).audio.codecs] == codecs


def test_a_browsers_offer_is_read_to_the_last_part() -> None:
    offer = load("chrome_offer")
    assert offer.bundle == ("0", "1")
    assert offer.audio.is_dtls
    assert offer.audio.rtcp_mux
    assert offer.audio.fingerprints[0].algorithm == "sha-256"
    assert offer.audio.setup == "actpass"
    assert offer.audio.ice_ufrag == "sXJ3"
    assert offer.video.ssrcs == [2231627014, 632943048]
    assert offer.video.codecs["VP8"].feedback == ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]
    offer.audio.codecs.drop("opus")
    assert "red" not in offer.audio.codecs
    candidates = load("chrome_with_candidates").audio.candidates
    assert [candidate.kind for candidate in candidates] == ["srflx", "host", "host"]
    assert candidates[1].host.endswith(".local")
    assert candidates[2].extensions == "tcptype active generation 0"


def test_session_level_values_reach_the_sections() -> None:
    assert load("firefox_offer").audio.inherited("fingerprint") is not None
    assert load("polycom_vvx").video.direction is Direction.SENDRECV
    assert load("multicast_layers").video.direction is Direction.RECVONLY
    assert load("multicast_layers").video.port_count == 2
    assert load("yealink_hold").audio.is_held_by_address
    bundled = load("safari_offer_bundle_only").video
    assert bundled.port == 0
    assert not bundled.is_rejected
    assert load("carrier_several_c").audio.connection.host == "198.18.0.129"
    assert load("linphone_offer").ice_ufrag == "73ad8f0e"
    assert load("lync_multiple_audio_caps").audio.candidates[0].port == 50032

"""A HEP feed has no RTP: what relays mirror of RTCP, as JSON, says what was heard."""

import json
from collections.abc import Iterator

import pytest

from talkpath.base.address import Address
from talkpath.capture.records import HepOrigin, HepSeen, Record
from talkpath.capture.rtcp_json import rtcp_of
from talkpath.explain.judging.explanation import Explainer
from talkpath.explain.judging.finding import Finding

from ..calls.talk import Caught, Talk, sdp
from ..calls.test_captured import MEDIA_A, MEDIA_B, A, B

RELAY = Address("10.0.9.9", 30_001)
START = 100.0


def mirrored(at: float, src: Address, payload: bytes, kind: int = 5) -> HepSeen:
    return HepSeen(99, at, src, RELAY, kind, payload, HepOrigin(2001, "", "a@x"))


def report(packets: int, lost: int, about: int) -> bytes:
    """What rtpengine 10.5 sends."""
    sender = {
        "ntp_timestamp_sec": 4_004_367_356,
        "ntp_timestamp_usec": 0,
        "octets": 160 * packets,
        "packets": packets,
    }
    block = {
        "source_ssrc": about,
        "highest_seq_no": packets,
        "fraction_lost": 25,
        "ia_jitter": 80,
        "packets_lost": lost,
    }
    said = {"sender_information": sender, "ssrc": 7, "type": 200, "report_count": 1, "report_blocks": [block]}
    return json.dumps(said).encode()


def findings(reports: Iterator[HepSeen]) -> list[Finding]:
    """Of a call of 20 s whose signalling and RTCP were mirrored."""
    caught, talk = Caught(), Talk()
    caught.see(START, A, B, talk.invite(sdp(MEDIA_A)))
    caught.see(START + 1, B, A, talk.answer(200, body=sdp(MEDIA_B)))
    caught.see(START + 1.1, A, B, talk.request("ACK"))
    caught.see(START + 21, A, B, talk.via("b").request("BYE", cseq=2))
    caught.see(START + 21.1, B, A, talk.via("b").answer(200, "OK", "BYE", cseq=2))
    explainer = Explainer()
    records: list[Record] = [*caught.records, *reports]
    explainer.receive(records)
    (one,) = explainer.finish().calls
    return list(one.findings)


def reported(loss_of_callee: float) -> Iterator[HepSeen]:
    """Both ends report every five seconds."""
    for number in (1, 2, 3, 4):
        at, packets = START + 1 + 5 * number, 250 * number
        yield mirrored(at, MEDIA_A._replace(port=4001), report(packets, int(packets * loss_of_callee), 8))
        yield mirrored(at, MEDIA_B._replace(port=4003), report(packets, 0, 7))


def test_who_reports_what_he_heard_is_not_in_a_silent_call() -> None:
    assert [finding.code for finding in findings(iter(()))] == ["no-rtp"]
    assert findings(reported(0.0)) == []


def test_loss_that_the_receiver_reports_is_named_with_its_direction() -> None:
    (found,) = findings(reported(0.1))
    assert (found.code, found.found.direction) == ("packet-loss", "callee-to-caller")
    assert found.found.values["percent"] == "10.0"


def test_a_report_in_json_is_a_report() -> None:
    seen = rtcp_of(mirrored(START, A, report(99, 9, 8)))
    assert seen is not None
    assert (seen.kinds, seen.sent_packets, seen.reports[0].ssrc, seen.reports[0].lost) == (("SR",), 99, 8, 9)
    assert seen.ntp == 4_004_367_356 - 2_208_988_800


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b'{"ssrc":"x"}', b'{"report_blocks":[1]}', b"\xff\xfe", b"null"]
)
def test_what_is_no_report_is_left_as_it_is(payload: bytes) -> None:
    assert rtcp_of(mirrored(START, A, payload)) is None


def test_another_kind_of_message_is_no_report() -> None:
    assert rtcp_of(mirrored(START, A, report(99, 9, 8), kind=100)) is None

"""The quick look at a description against the object that can be edited."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath._native import fold
from talkpath.base.address import Address, Transport
from talkpath.calls.model import Medium
from talkpath.capture.records import SipSeen
from talkpath.sdp import SessionDescription

CORPUS = sorted((Path(__file__).parents[1] / "sdp" / "corpus").rglob("*.sdp"))


HERE, THERE = Address("10.0.0.1", 5060), Address("10.0.0.2", 5060)
HEAD = (
    b"INVITE sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nCall-ID: one\r\n"
    b"CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n"
)


def announced_in(body: bytes) -> list[Medium]:
    """What the one INVITE of a call announces."""
    seen = SipSeen(1, 5.0, HERE, THERE, Transport.UDP, HEAD + body, (1,), 1, 0, False, False, False, 0, None)
    ((hop, _),) = fold([(seen, None)])
    assert hop.offer(Medium, Address) == hop.media(Medium, Address)
    return list(hop.media(Medium, Address))


def by_the_object(body: bytes) -> list[Medium]:
    found: list[Medium] = []
    for section in SessionDescription.parse(body):
        ip = section.connection.ip if section.connection else None
        if ip is None or section.is_rejected:
            continue
        rtcp = section.rtcp
        port = section.port if section.rtcp_mux else rtcp.port if rtcp else section.port + 1
        codecs = tuple((codec.payload_type, codec.name) for codec in section.codecs) if section.is_rtp else ()
        control = Address(ip, port) if section.is_rtp else None
        where = Address(ip, section.port)
        direction, ptime_ms = section.direction.value, section.ptime_ms
        found.append(Medium(5.0, True, section.kind, where, control, section.protocol, codecs, direction, ptime_ms))
    return found


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_both_readers_agree_on_real_descriptions(path: Path) -> None:
    body = path.read_bytes()
    assert announced_in(body) == by_the_object(body)
    assert all(type(medium) is Medium and type(medium.address) is Address for medium in announced_in(body))


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) > 5


@given(st.binary(max_size=300))
def test_anything_at_all_is_read_without_an_error(body: bytes) -> None:
    announced_in(b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio " + body)

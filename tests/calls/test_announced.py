"""The quick look at a description against the object that can be edited."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.calls.announced import Section, announced_in
from talkpath.sdp import SessionDescription

CORPUS = sorted((Path(__file__).parents[1] / "sdp" / "corpus").rglob("*.sdp"))


def by_the_object(body: bytes) -> list[Section]:
    found: list[Section] = []
    for section in SessionDescription.parse(body):
        ip = section.connection.ip if section.connection else None
        if ip is None or section.is_rejected:
            continue
        rtcp = section.rtcp
        port = section.port if section.rtcp_mux else rtcp.port if rtcp else section.port + 1
        codecs = tuple((codec.payload_type, codec.name) for codec in section.codecs) if section.is_rtp else ()
        control = Address(ip, port) if section.is_rtp else None
        where = Address(ip, section.port)
        found.append(
            (section.kind, where, control, section.protocol, codecs, section.direction.value, section.ptime_ms)
        )
    return found


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_both_readers_agree_on_real_descriptions(path: Path) -> None:
    body = path.read_bytes()
    assert list(announced_in(body)) == by_the_object(body)


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) > 5


@given(st.binary(max_size=300))
def test_anything_at_all_is_read_without_an_error(body: bytes) -> None:
    announced_in(b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio " + body)

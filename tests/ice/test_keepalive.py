"""Binding requests of SIP phones, and what else comes to the SIP port looking like STUN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.ice import stun
from talkpath.ice.keepalive import answer_to
from talkpath.ice.stun import Attr, Kind, Stun
from tests.ice.test_stun import ANSWER_V4, REQUEST

TRANSACTION = b"twelve bytes"
BARE = stun.write(Kind.REQUEST, TRANSACTION, (), fingerprint=False)


@pytest.mark.parametrize("source", [Address("203.0.113.9", 1024), Address("2001:db8::9", 65535)])
def test_a_phone_learns_the_address_it_is_seen_at(source: Address) -> None:
    answer = answer_to(BARE, source)
    assert answer is not None
    message = Stun.parse(answer)
    assert (message.kind, message.method, message.transaction) == (Kind.SUCCESS, stun.BINDING, TRANSACTION)
    assert message.mapped_address == source
    assert not message.has_fingerprint


def test_a_request_of_any_length_gets_an_answer_of_one_attribute() -> None:
    source = Address("203.0.113.9", 1024)
    assert len(answer_to(BARE, source) or b"") == len(BARE) + 12
    assert len(answer_to(REQUEST, source) or b"") == len(BARE) + 12 + 8


def test_a_fingerprint_is_answered_with_a_fingerprint() -> None:
    answer = answer_to(stun.write(Kind.REQUEST, TRANSACTION, ()), Address("203.0.113.9", 1024))
    assert answer is not None
    assert Stun.parse(answer).has_fingerprint


def test_what_must_be_understood_and_is_not_is_named() -> None:
    asked = BARE[:2] + b"\0\x08" + BARE[4:] + b"\0\x03\0\x04\0\0\0\x02"  # CHANGE-REQUEST of RFC 3489
    answer = answer_to(asked, Address("203.0.113.9", 1024))
    assert answer is not None
    message = Stun.parse(answer)
    assert (message.kind, message.error_code) == (Kind.ERROR, 420)
    assert message.first(Attr.UNKNOWN_ATTRIBUTES) == b"\0\x03"


@pytest.mark.parametrize(
    "data",
    [
        ANSWER_V4,
        stun.write(Kind.INDICATION, TRANSACTION, ()),
        BARE[:1] + b"\x03" + BARE[2:],  # Allocate
        BARE[:-1],
        BARE + b"\0\0\0\0",
        bytes(20),
        REQUEST[:-1] + b"\0",
    ],
)
def test_anything_else_gets_no_answer(data: bytes) -> None:
    assert answer_to(data, Address("203.0.113.9", 1024)) is None


@given(st.binary(max_size=100), st.binary(max_size=60))
def test_no_bytes_raise_and_none_is_answered_with_much_more(data: bytes, more: bytes) -> None:
    for asked in (data, BARE[:2] + len(more).to_bytes(2, "big") + BARE[4:] + more):
        assert len(answer_to(asked, Address("2001:db8::9", 1)) or b"") <= len(asked) + 32

"""STUN messages: the vectors of RFC 5769, round trips, and rubbish."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.ice import stun
from talkpath.ice.stun import Attr, Kind, Stun, StunMalformed

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
# RFC 5769 section 2.1
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
# Section 2.2
ANSWER_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
# Section 2.3
ANSWER_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
# Section 2.4
LONG_TERM = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341"
    "0014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
)


def test_the_sample_request_is_read_and_authentic() -> None:
    message = Stun.parse(REQUEST)
    assert (message.kind, message.method) == (Kind.REQUEST, stun.BINDING)
    assert message.username == "evtj:h6vY"
    assert message.integer(Attr.PRIORITY) == 0x6E0001FF
    assert message.integer(Attr.ICE_CONTROLLED) == 0x932FF9B151263B36
    assert message.unknown == ()
    assert message.is_authentic(PASSWORD)
    assert not message.is_authentic(b"another")


@pytest.mark.parametrize(
    ("data", "address"),
    [
        (ANSWER_V4, Address("192.0.2.1", 32853)),
        (ANSWER_V6, Address("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ],
)
def test_the_sample_answers_tell_the_mapped_address(data: bytes, address: Address) -> None:
    message = Stun.parse(data)
    assert message.kind is Kind.SUCCESS
    assert message.mapped_address == address
    assert message.is_authentic(PASSWORD)
    assert stun.packed_xor_address(address, message.transaction) in data


def test_integrity_with_a_long_term_key_and_no_fingerprint() -> None:
    message = Stun.parse(LONG_TERM)
    key = hashlib.md5("マトリックス:example.org:TheMatrIX".encode(), usedforsecurity=False).digest()
    assert message.username == "マトリックス"
    assert message.is_authentic(key)
    assert message.unknown == (0x15, 0x14)


def test_what_is_written_is_read_back() -> None:
    attributes = [(Attr.USERNAME, b"ab:cde"), (Attr.PRIORITY, bytes(4)), (Attr.USE_CANDIDATE, b"")]
    message = Stun.parse(stun.write(Kind.REQUEST, b"t" * 12, attributes, b"secret"))
    assert list(message.attributes) == attributes
    assert message.transaction == b"t" * 12
    assert message.is_authentic(b"secret")


def test_an_error_says_its_code_and_what_was_not_understood() -> None:
    attributes = [
        (Attr.ERROR_CODE, stun.packed_error(420, "Unknown Attribute")),
        (Attr.UNKNOWN_ATTRIBUTES, stun.packed_unknown([0x7001])),
    ]
    message = Stun.parse(stun.write(Kind.ERROR, bytes(12), attributes))
    assert (message.kind, message.error_code) == (Kind.ERROR, 420)
    assert message.first(Attr.UNKNOWN_ATTRIBUTES) == b"\x70\x01"


def test_attributes_behind_integrity_do_not_count() -> None:
    sealed = stun.write(Kind.REQUEST, bytes(12), [(Attr.USERNAME, b"a:b")], b"secret")[:-8]
    smuggled = sealed[:2] + (len(sealed) - 20 + 4).to_bytes(2, "big") + sealed[4:] + b"\x00\x25\x00\x00"
    message = Stun.parse(smuggled)
    assert message.is_authentic(b"secret")
    assert message.first(Attr.USE_CANDIDATE) is None


# All but the type of FINGERPRINT itself, which only makes it one more optional attribute behind the integrity.
@pytest.mark.parametrize("position", sorted(set(range(len(REQUEST))) - {100, 101}))
def test_any_changed_byte_shows(position: int) -> None:
    forged = bytearray(REQUEST)
    forged[position] ^= 0x10
    with pytest.raises(StunMalformed):
        Stun.parse(bytes(forged))


@pytest.mark.parametrize("cut", range(len(REQUEST)))
def test_cut_messages_are_malformed(cut: int) -> None:
    with pytest.raises(StunMalformed):
        Stun.parse(REQUEST[:cut])


def test_too_many_attributes_are_malformed() -> None:
    many = stun.write(Kind.REQUEST, bytes(12), [(Attr.SOFTWARE, b"")] * 40)
    with pytest.raises(StunMalformed):
        Stun.parse(many)


@given(st.binary(max_size=120), st.booleans())
def test_rubbish_raises_only_stun_malformed(tail: bytes, framed: bool) -> None:
    head = b"\x00\x01" + len(tail).to_bytes(2, "big") + bytes.fromhex("2112a442") + bytes(12)
    try:
        message = Stun.parse(head + tail if framed else tail)
    except StunMalformed:
        return
    assert message.is_authentic(b"secret") is False
    assert (message.username, message.error_code, message.mapped_address) is not None

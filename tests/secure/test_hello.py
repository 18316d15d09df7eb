"""What a ClientHello offers is read for the story; nothing that a stranger writes raises."""

from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.secure import records
from talkpath.secure.certificate import Certificate
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.events import Begun, SendDtls
from talkpath.secure.hello import read_hello
from talkpath.secure.identity import Identity
from tests.secure.test_endpoint import null_hello


def our_hello() -> bytes:
    endpoint = DtlsEndpoint(Identity(Certificate.make(1_000_000.0), bytes(32)))
    endpoint.receive(Begun((0, Address("192.0.2.1", 1))), 1_000_000.0)
    datagram = next(one.data for one in endpoint.drain() if isinstance(one, SendDtls))
    return records.split(datagram)[0].fragment


def test_versions_suites_and_profiles() -> None:
    hello = read_hello(our_hello())
    assert hello is not None
    assert hello.versions == ("1.2",)
    assert hello.profiles[0] == "AEAD_AES_256_GCM"
    assert hello.ciphers.endswith("first)")


def test_the_published_attack_is_named() -> None:
    hello = read_hello(records.split(null_hello())[0].fragment)
    assert hello is not None
    assert hello.ciphers == "TLS_NULL_WITH_NULL_NULL"
    assert hello.profiles == ()


def test_a_cut_hello_is_none() -> None:
    whole = our_hello()
    assert all(read_hello(whole[:length]) is None for length in range(len(whole)))


@given(st.binary(max_size=80), st.integers(0, 255), st.integers(0, 180))
def test_rubbish_is_read_or_not(tail: bytes, value: int, at: int) -> None:
    whole = bytearray(our_hello())
    if at < len(whole):
        whole[at] = value
    read_hello(bytes(whole))
    read_hello(bytes(whole[:12]) + tail)

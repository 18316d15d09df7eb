"""Phones that encrypt, or check their paths, talk with phones that do not; each hears what the other played."""

import pytest

from harness.talk import assert_both_hear, begin, end, listen

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]

# As baresip names them: SDES that is optional (RFC 8643), demanded, demanded under the profile with feedback; DTLS
# with and without rtcp-mux.
OPTIONAL = ";mediaenc=srtp"
HOW = [
    OPTIONAL,
    ";mediaenc=srtp-mand",
    ";mediaenc=srtp-mandf",
    ";mediaenc=dtls_srtp",
    ";mediaenc=dtls_srtp;rtcp_mux=yes",
]


@pytest.mark.parametrize("account", HOW)
def test_a_phone_that_encrypts_calls_one_that_does_not(phones, account: str) -> None:
    first, second = phones.baresip("udp", account=account), phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


@pytest.mark.parametrize("account", HOW)
def test_a_phone_that_encrypts_is_called_by_one_that_does_not(phones, account: str) -> None:
    first, second = phones.baresip("udp"), phones.baresip("tcp", account=account)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


def test_a_voice_under_optional_keys_is_opened_before_it_is_converted(phones) -> None:
    """The codecs differ: what the one seals must not be played as it is, nor sealed again for the other."""
    first = phones.baresip("udp", account=OPTIONAL, codec="PCMA/8000/1")
    second = phones.baresip("tls", account=OPTIONAL, codec="PCMU/8000/1")
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


@pytest.mark.parametrize("account", HOW)
def test_a_phone_on_udp_that_must_encrypt_rings_at_once(phones, edge, account: str) -> None:
    """Over UDP baresip remembers what it refused for five seconds, and would answer the same on another branch with
    482 (RFC 3261 section 8.2.2.2); a second asking counts on in CSeq."""
    first, second = phones.baresip("udp"), phones.baresip("udp", account=account)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)
    if not edge.is_reference:
        (row,) = [row for row in edge.calls() if second.identity.user in row["to"]]
        assert row["ring_s"] < 1.0


# baresip 1.0 with DTLS accepts SDES and names a fingerprint instead of keys: it is rung once more.
@pytest.mark.parametrize("own", [";mediaenc=srtp-mand", ";mediaenc=dtls_srtp"])
@pytest.mark.parametrize("other", [";mediaenc=srtp-mandf", ";mediaenc=srtp-mand"])
def test_two_phones_on_udp_encrypt_each_in_its_way(phones, own: str, other: str) -> None:
    first, second = phones.baresip("udp", account=own), phones.baresip("udp", account=other)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


def test_two_phones_encrypt_each_in_its_way(phones) -> None:
    first = phones.baresip("udp", account=";mediaenc=dtls_srtp")
    second = phones.baresip("tls", account=";mediaenc=srtp")
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


# baresip with ICE hears nothing before its checks are answered; it says so when it registers.
CHECKED = ["", ";rtcp_mux=yes", ";mediaenc=dtls_srtp", ";mediaenc=dtls_srtp;rtcp_mux=yes"]


@pytest.mark.parametrize("account", [*CHECKED, ";mediaenc=srtp-mand", ";mediaenc=srtp-mandf;rtcp_mux=yes"])
def test_a_phone_with_ice_calls_one_without(phones, account: str) -> None:
    first, second = phones.baresip("udp", account=";medianat=ice" + account), phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


# Under ICE baresip 1.0 answers SDES before it has chosen of the lines, and then uses another.
@pytest.mark.parametrize("account", CHECKED)
def test_a_phone_with_ice_is_called_by_one_without(phones, account: str) -> None:
    first, second = phones.baresip("udp"), phones.baresip("tcp", account=";medianat=ice" + account)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)


@pytest.mark.parametrize("account", ["", ";mediaenc=srtp-mand", ";mediaenc=dtls_srtp", ";rtcp_mux=yes"])
def test_two_phones_with_ice_talk(phones, account: str) -> None:
    first = phones.baresip("udp", account=";medianat=ice" + account)
    second = phones.baresip("tls", account=";medianat=ice" + account)
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)

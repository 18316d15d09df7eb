"""Phones that encrypt talk with phones that do not; what each hears is compared with what the other played."""

import pytest

from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live

# As baresip names them: SDES offered, SDES demanded under the profile with feedback, DTLS with and without rtcp-mux.
HOW = [";mediaenc=srtp-mand", ";mediaenc=srtp-mandf", ";mediaenc=dtls_srtp", ";mediaenc=dtls_srtp;rtcp_mux=yes"]


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


def test_two_phones_encrypt_each_in_its_way(phones) -> None:
    first = phones.baresip("udp", account=";mediaenc=dtls_srtp")
    second = phones.baresip("tls", account=";mediaenc=srtp")
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    assert_both_hear(first, second)

"""a=crypto lines: read, chosen, answered (RFC 4568)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.secure import sdes
from talkpath.secure.sdes import Crypto, CryptoMalformed
from talkpath.secure.suites import Suite

KEY_30 = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
KEY_28 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="


def dice(seed: int = 1) -> object:
    return random.Random(seed).randbytes


def test_the_line_of_rfc_4568() -> None:
    line = Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|2^20")
    assert (line.tag, line.suite) == (1, Suite.AES_CM_128_HMAC_SHA1_80)
    assert line.master is not None
    assert (len(line.master.key), len(line.master.salt)) == (16, 14)
    assert str(line) == f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}"


@pytest.mark.parametrize(
    "value",
    [
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY_30}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:4;inline:{KEY_30}|2:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30};inline:{KEY_30}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} UNENCRYPTED_SRTCP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30} KDR=16",
    ],
)
def test_what_we_cannot_do_is_no_error_but_not_usable(value: str) -> None:
    assert sdes.read_lines([value]) == ([], [])


@pytest.mark.parametrize(("said", "mki"), [("1:4", b"\0\0\0\1"), ("2^20|258:2", b"\1\2"), ("2^31", b"")])
def test_an_identifier_of_the_key_is_remembered(said: str, mki: bytes) -> None:
    assert Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|{said}").mki == mki


def test_window_size_hints_are_harmless() -> None:
    assert Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_32 inline:{KEY_30} WSH=128").suite is Suite.AES_CM_128_HMAC_SHA1_32


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:***",
        "1 AES_CM_128_HMAC_SHA1_80 inline:",
        f"1 AES_CM_128_HMAC_SHA1_80 outline:{KEY_30}",
        f"1 AEAD_AES_256_GCM inline:{KEY_30}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|256:1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:0",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|1:129",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}|one:4",
    ],
)
def test_broken_lines_are_malformed(value: str) -> None:
    with pytest.raises(CryptoMalformed):
        Crypto.parse(value)


def test_a_broken_line_does_not_hide_a_good_one() -> None:
    usable, wrong = sdes.read_lines(["1 AES_CM_128_HMAC_SHA1_80 inline:x", f"2 AEAD_AES_128_GCM inline:{KEY_28}"])
    assert [line.tag for line in usable] == [2]
    assert len(wrong) == 1


def test_missing_padding_is_forgiven() -> None:
    assert Crypto.parse(f"1 AEAD_AES_128_GCM inline:{KEY_28.rstrip('=')}").suite is Suite.AEAD_AES_128_GCM


def test_offer_and_answer_agree_on_gcm_and_cross_the_keys() -> None:
    offered = sdes.offer(dice())
    theirs, _ = sdes.read_lines(str(line) for line in reversed(offered))
    chosen = sdes.answer(theirs, dice(2))
    assert chosen is not None
    line, keys = chosen
    back = sdes.accept(offered, [Crypto.parse(str(line))])
    assert back is not None
    assert keys.suite is back.suite is Suite.AEAD_AES_256_GCM
    assert (keys.ours, keys.theirs) == (back.theirs, back.ours)


def test_a_reoffer_keeps_our_key_while_the_suite_stays() -> None:
    theirs = sdes.offer(dice(), [Suite.AES_CM_128_HMAC_SHA1_80])
    line, keys = sdes.answer(theirs, dice(2)) or pytest.fail("no suite in common")
    again, same = sdes.answer(theirs, dice(3), line) or pytest.fail("no suite in common")
    assert (again, same) == (line, keys)


def test_an_answer_that_chose_nothing_of_ours_gives_no_keys() -> None:
    offered = sdes.offer(dice())
    assert sdes.accept(offered, [Crypto.parse(f"9 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}")]) is None
    assert sdes.answer([], dice()) is None


def test_keys_are_not_in_the_repr() -> None:
    line = Crypto.parse(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_30}")
    assert line.master is not None
    assert repr(line.master.key) not in repr(line)


@given(st.text(max_size=80))
def test_rubbish_raises_only_its_own_error(text: str) -> None:
    for value in (text, f"1 AES_CM_128_HMAC_SHA1_80 inline:{text}", f"1 AES_CM_128_HMAC_SHA1_80 {text}"):
        try:
            Crypto.parse(value)
        except CryptoMalformed:
            continue

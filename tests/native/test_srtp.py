"""SRTP against an oracle written with `cryptography`, which first proves itself on the RFCs' vectors."""

import struct

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from talkpath._native import Srtp

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14, 10),
    "AES_CM_128_HMAC_SHA1_32": (16, 14, 4),
    "AES_192_CM_HMAC_SHA1_80": (24, 14, 10),
    "AES_192_CM_HMAC_SHA1_32": (24, 14, 4),
    "AES_256_CM_HMAC_SHA1_80": (32, 14, 10),
    "AES_256_CM_HMAC_SHA1_32": (32, 14, 4),
    "AEAD_AES_128_GCM": (16, 12, 16),
    "AEAD_AES_256_GCM": (32, 12, 16),
}
EACH_SUITE = pytest.mark.parametrize("suite", SUITES)
SSRC = 0xCAFEBABE


def keys_of(suite: str) -> tuple[bytes, bytes]:
    key, salt, _ = SUITES[suite]
    return bytes(range(key)), bytes(range(100, 100 + salt))


def pair(suite: str) -> tuple[Srtp, Srtp]:
    return Srtp(suite, *keys_of(suite)), Srtp(suite, *keys_of(suite))


def rtp(sequence: int, payload: bytes = b"\xd5" * 160, ssrc: int = SSRC) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, 160 * sequence & 0xFFFFFFFF, ssrc) + payload


def rtcp(ssrc: int = SSRC, body: bytes = b"\xab" * 20) -> bytes:
    return struct.pack("!BBHI", 0x81, 200, 1 + len(body) // 4, ssrc) + body


# The oracle: RFC 3711 and RFC 7714 once more, slowly.


def counter_mode(key: bytes, iv: int, text: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16, "big"))).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def derived(key: bytes, salt: bytes, label: int, size: int) -> bytes:
    padded = int.from_bytes(salt.ljust(14, b"\0"), "big")
    return counter_mode(key, (padded ^ label << 48) << 16, bytes(size))


def sha1_tag(key: bytes, text: bytes, size: int) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA1())
    mac.update(text)
    return mac.finalize()[:size]


def masked(salt: bytes, value: int) -> bytes:
    return (int.from_bytes(salt, "big") ^ value).to_bytes(12, "big")


def sealed_rtp(suite: str, packet: bytes, index: int) -> bytes:
    key, salt = keys_of(suite)
    key_size, salt_size, tag = SUITES[suite]
    session, session_salt = derived(key, salt, 0, key_size), derived(key, salt, 2, salt_size)
    header, payload, ssrc = packet[:12], packet[12:], int.from_bytes(packet[8:12], "big")
    if "GCM" in suite:
        return header + AESGCM(session).encrypt(masked(session_salt, ssrc << 48 | index), payload, header)
    iv = int.from_bytes(session_salt, "big") << 16 ^ ssrc << 64 ^ index << 16
    text = header + counter_mode(session, iv, payload)
    return text + sha1_tag(derived(key, salt, 1, 20), text + struct.pack("!I", index >> 16), tag)


def sealed_rtcp(suite: str, packet: bytes, index: int, *, encrypted: bool = True) -> bytes:
    key, salt = keys_of(suite)
    key_size, salt_size, _ = SUITES[suite]
    session, session_salt = derived(key, salt, 3, key_size), derived(key, salt, 5, salt_size)
    header, body, ssrc = packet[:8], packet[8:], int.from_bytes(packet[4:8], "big")
    word = struct.pack("!I", index | encrypted << 31)
    if "GCM" in suite:
        nonce = masked(session_salt, ssrc << 48 | index)
        if not encrypted:
            return packet + AESGCM(session).encrypt(nonce, b"", packet + word) + word
        return header + AESGCM(session).encrypt(nonce, body, header + word) + word
    iv = int.from_bytes(session_salt, "big") << 16 ^ ssrc << 64 ^ index << 16
    text = header + (counter_mode(session, iv, body) if encrypted else body) + word
    return text + sha1_tag(derived(key, salt, 4, 20), text, 10)


def test_oracle_derives_the_keys_of_rfc_3711_b3() -> None:
    key, salt = (
        bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6"),
    )
    assert derived(key, salt, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derived(key, salt, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert derived(key, salt, 1, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


def test_oracle_makes_the_keystream_of_rfc_3711_b2() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    stream = counter_mode(key, 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000, bytes(48)).hex().upper()
    assert stream == (
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"
    )


@pytest.mark.parametrize(
    ("key", "stream"),
    [
        (
            "eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7",
            "35096cba4610028dc1b57503804ce37c5de986291dcce161d5165ec4568f5c9a474a40c77894bc17180202272a4c264d",
        ),
        (
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d88421b563b8c94c9a31",
        ),
    ],
)
def test_oracle_makes_the_keystreams_of_rfc_6188_7(key: str, stream: str) -> None:
    start = int("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000", 16)
    assert counter_mode(bytes.fromhex(key), start, bytes(48)).hex() == stream


@pytest.mark.parametrize(
    ("key", "salt", "expected"),
    [
        (
            "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1",
            "c8522f3acd4ce86d5add78edbb11",
            (
                "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb",
                "2372b82d639b6d8503a47adc0a6c",
                "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb",
            ),
        ),
        (
            "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
            "3b04803de51ee7c96423ab5b78d2",
            (
                "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
                "fa31791685ca444a9e07c6c64e93",
                "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
            ),
        ),
    ],
)
def test_oracle_derives_the_keys_of_rfc_6188_7(key: str, salt: str, expected: tuple[str, str, str]) -> None:
    master = bytes.fromhex(key), bytes.fromhex(salt)
    sizes = (0, len(master[0])), (2, 14), (1, 20)
    assert tuple(derived(*master, label, size).hex() for label, size in sizes) == expected


def test_oracle_nonce_and_tag_of_rfc_7714_16_1_1() -> None:
    header = bytes.fromhex("8040f17b8041f8d35501a0b2")
    nonce = masked(b"Quid pro quo", 0x5501A0B2 << 48 | 0xF17B)
    assert nonce.hex() == "51753c6580c2726f20718414"
    text = AESGCM(bytes(range(16))).encrypt(nonce, b"Gallia est omnis divisa in partes tres", header)
    assert text.hex() == (
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"
    )


def test_the_packets_of_libsrtp_s_own_vector() -> None:
    key = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139")
    salt = bytes.fromhex("0ec675ad498afeebb6960b3aabe6")
    plain = bytes.fromhex("800f1234decafbadcafebabe") + b"\xab" * 16
    sealed = Srtp("AES_CM_128_HMAC_SHA1_80", key, salt).protect(plain)
    assert sealed.hex() == ("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")


@EACH_SUITE
@given(index=st.integers(0, 2**16 - 1), payload=st.binary(max_size=300))
def test_seals_as_the_oracle_does(suite: str, index: int, payload: bytes) -> None:
    packet = rtp(index, payload)
    assert Srtp(suite, *keys_of(suite)).protect(packet) == sealed_rtp(suite, packet, index)


@EACH_SUITE
def test_rtcp_counts_its_own_index(suite: str) -> None:
    ours, theirs = pair(suite)
    for index in range(3):
        sealed = ours.protect_rtcp(rtcp())
        assert sealed == sealed_rtcp(suite, rtcp(), index)
        assert theirs.unprotect_rtcp(sealed) == rtcp()


@EACH_SUITE
def test_authenticated_but_unencrypted_rtcp_is_opened(suite: str) -> None:
    context = Srtp(suite, *keys_of(suite))
    assert context.unprotect_rtcp(sealed_rtcp(suite, rtcp(), 7, encrypted=False)) == rtcp()


@EACH_SUITE
def test_the_rollover_counter_follows_the_wrap_through_loss_and_reordering(suite: str) -> None:
    ours, theirs = pair(suite)
    sealed = {n: ours.protect(rtp(n)) for n in range(65400, 65700)}
    for n in [65400, 65530, 65540, 65535, 65536, 65533, 65600, 65537, 65699]:
        assert theirs.unprotect(sealed[n]) == rtp(n), n
    assert theirs.streams() == [(SSRC, 65699, 0)]


@EACH_SUITE
def test_a_first_packet_behind_a_lost_wrap_is_understood(suite: str) -> None:
    ours, theirs = pair(suite)
    ours.protect(rtp(65535))
    assert theirs.unprotect(ours.protect(rtp(65536))) == rtp(65536)


@EACH_SUITE
def test_replays_are_refused_inside_and_below_the_window(suite: str) -> None:
    ours, theirs = pair(suite)
    sealed = [ours.protect(rtp(n)) for n in range(400)]
    for n in (0, 300, 399, 398):
        theirs.unprotect(sealed[n])
    for n in (0, 300, 399, 398, 271):
        with pytest.raises(ValueError, match="replayed"):
            theirs.unprotect(sealed[n])
    assert theirs.unprotect(sealed[272]) == rtp(272)


@EACH_SUITE
def test_replayed_rtcp_is_refused(suite: str) -> None:
    ours, theirs = pair(suite)
    sealed = ours.protect_rtcp(rtcp())
    theirs.unprotect_rtcp(sealed)
    with pytest.raises(ValueError, match="replayed"):
        theirs.unprotect_rtcp(sealed)


@EACH_SUITE
def test_one_index_is_never_sealed_twice(suite: str) -> None:
    ours, _ = pair(suite)
    ours.protect(rtp(5, b"first"))
    with pytest.raises(ValueError, match="replayed"):
        ours.protect(rtp(5, b"other"))


@EACH_SUITE
def test_a_sender_that_begins_anew_under_its_ssrc_goes_on_for_the_receiver(suite: str) -> None:
    ours, theirs = pair(suite)
    for n in range(1000, 1200):
        theirs.unprotect(ours.protect(rtp(n)))
    with pytest.raises(ValueError, match="replayed"):
        ours.protect(rtp(7))
    for n in range(8, 300):
        opened = theirs.unprotect(ours.protect(rtp(n)))
        assert int.from_bytes(opened[2:4], "big") == 1200 + n - 8
        assert opened[4:] == rtp(n)[4:]


@EACH_SUITE
@given(data=st.data())
def test_any_changed_bit_is_unauthentic_and_changes_nothing(suite: str, data: st.DataObject) -> None:
    ours, theirs = pair(suite)
    sealed = ours.protect(rtp(9))
    position = data.draw(st.integers(8, len(sealed) - 1))
    forged = bytearray(sealed)
    forged[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match="unauthentic"):
        theirs.unprotect(bytes(forged))
    assert theirs.streams() == []
    assert theirs.unprotect(sealed) == rtp(9)


@EACH_SUITE
@given(packet=st.binary(max_size=80))
def test_rubbish_is_only_ever_refused(suite: str, packet: bytes) -> None:
    context = Srtp(suite, *keys_of(suite))
    for verb in (context.unprotect, context.unprotect_rtcp):
        with pytest.raises(ValueError, match=r"malformed|unauthentic"):
            verb(packet)


@EACH_SUITE
def test_header_extension_and_csrcs_stay_clear(suite: str) -> None:
    header = bytes([0x92, 8]) + rtp(1)[2:12] + b"\x11" * 8 + bytes.fromhex("bede0001") + b"\x22" * 4
    ours, theirs = pair(suite)
    sealed = ours.protect(header + b"voice")
    assert sealed.startswith(header)
    assert theirs.unprotect(sealed) == header + b"voice"


def test_streams_are_capped_and_only_authentic_ones_take_a_place() -> None:
    ours, theirs = pair("AEAD_AES_128_GCM")
    for ssrc in range(128):
        theirs.unprotect(ours.protect(rtp(1, ssrc=ssrc)))
    with pytest.raises(ValueError, match="too-many-streams"):
        ours.protect(rtp(1, ssrc=999))
    assert len(theirs.streams()) == 128


@EACH_SUITE
def test_another_node_goes_on_where_this_one_stood(suite: str) -> None:
    ours, theirs = pair(suite)
    for n in range(65500, 65600):
        theirs.unprotect(last := ours.protect(rtp(n)))
    heir = Srtp.adopt(theirs.save())
    assert heir.streams() == theirs.streams()
    with pytest.raises(ValueError, match="replayed"):
        heir.unprotect(last)
    assert heir.unprotect(ours.protect(rtp(65600))) == rtp(65600)
    again = Srtp.adopt(ours.save(), reports_ahead=50)
    ours.protect_rtcp(rtcp())
    theirs.unprotect_rtcp(again.protect_rtcp(rtcp()))
    assert theirs.streams() == [(SSRC, 65599, 50)]
    with pytest.raises(ValueError, match="malformed"):
        Srtp.adopt(ours.save()[:-3])


def test_wrong_lengths_and_unknown_suites_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        Srtp("AEAD_AES_256_GCM", bytes(16), bytes(12))
    with pytest.raises(ValueError, match="suite"):
        Srtp("F8_128_HMAC_SHA1_80", bytes(16), bytes(14))


def test_the_oracle_refuses_what_it_did_not_seal() -> None:
    with pytest.raises(InvalidTag):
        AESGCM(bytes(16)).decrypt(bytes(12), bytes(16), None)

"""SRTP suites and the keys of one media stream: what DTLS and SDES both end in."""

from dataclasses import dataclass, field
from enum import Enum


class Suite(Enum):
    """An SRTP protection profile: the name in `a=crypto`, OpenSSL's name (empty where DTLS does not have it), key and
    salt in bytes.

    In the order of our preference.
    """

    AEAD_AES_256_GCM = ("AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", 32, 12)
    AEAD_AES_128_GCM = ("AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", 16, 12)
    AES_256_CM_HMAC_SHA1_80 = ("AES_256_CM_HMAC_SHA1_80", "", 32, 14)
    AES_192_CM_HMAC_SHA1_80 = ("AES_192_CM_HMAC_SHA1_80", "", 24, 14)
    AES_CM_128_HMAC_SHA1_80 = ("AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", 16, 14)
    AES_256_CM_HMAC_SHA1_32 = ("AES_256_CM_HMAC_SHA1_32", "", 32, 14)
    AES_192_CM_HMAC_SHA1_32 = ("AES_192_CM_HMAC_SHA1_32", "", 24, 14)
    AES_CM_128_HMAC_SHA1_32 = ("AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32", 16, 14)

    def __init__(self, sdes_name: str, openssl_name: str, key_bytes: int, salt_bytes: int) -> None:
        self.sdes_name = sdes_name
        self.openssl_name = openssl_name
        self.key_bytes = key_bytes
        self.salt_bytes = salt_bytes

    @classmethod
    def by_sdes_name(cls, name: str) -> "Suite | None":
        wanted = _OTHER_NAMES.get(name.upper(), name.upper())
        return next((suite for suite in cls if suite.sdes_name == wanted), None)

    @classmethod
    def by_openssl_name(cls, name: str) -> "Suite | None":
        return next((suite for suite in cls if suite.openssl_name == name), None) if name else None


# What pjsip and phones made with it write for those of RFC 6188.
_OTHER_NAMES = {f"AES_CM_256_HMAC_SHA1_{bits}": f"AES_256_CM_HMAC_SHA1_{bits}" for bits in (80, 32)}


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Key and salt of one direction. Prints nothing of them."""

    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Both directions of one association: `ours` seals what we send, `theirs` opens what we hear.

    `mki` is the identifier that their packets carry (RFC 3711 section 3.1), empty without one.
    """

    suite: Suite
    ours: MasterKey
    theirs: MasterKey
    mki: bytes = b""

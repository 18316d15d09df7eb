"""What a ClientHello offers (RFC 6347 section 4.2.1, RFC 5246 section 7.4.1.2), for the story of a call.

Nothing is decided by it: the handshake is OpenSSL's.
"""

import struct
from dataclasses import dataclass

_SUPPORTED_VERSIONS = 43
_USE_SRTP = 14
# DTLS counts downwards: 1.0 is 254.255 (RFC 6347 section 4.1), 1.2 is 254.253, 1.3 is 254.252.
_VERSIONS = {0xFEFF: "1.0", 0xFEFD: "1.2", 0xFEFC: "1.3"}
_SIGNALLING = {0x00FF, 0x5600}
# RFC 5764 section 4.1.2, RFC 7714 section 14.2.
_PROFILES = {
    1: "AES_CM_128_HMAC_SHA1_80",
    2: "AES_CM_128_HMAC_SHA1_32",
    7: "AEAD_AES_128_GCM",
    8: "AEAD_AES_256_GCM",
}


@dataclass(frozen=True, slots=True)
class Hello:
    """`versions` in words, the best last; `suites` as numbers of the registry; `profiles` of SRTP."""

    versions: tuple[str, ...]
    suites: tuple[int, ...]
    profiles: tuple[str, ...]

    @property
    def ciphers(self) -> str:
        """The cipher suites in words: how many, and the first. One alone is told by its number."""
        usable = [suite for suite in self.suites if suite not in _SIGNALLING]
        if not usable:
            return "none"
        if usable == [0]:
            return "TLS_NULL_WITH_NULL_NULL"
        return f"{len(usable)} (0x{usable[0]:04X} first)"


def read_hello(fragment: bytes) -> Hello | None:
    """A ClientHello from its handshake header on; None where it is cut, fragmented or broken."""
    try:
        return _read(fragment)
    except (struct.error, IndexError):
        return None


def _read(fragment: bytes) -> Hello | None:
    length, offset, present = (int.from_bytes(fragment[at : at + 3], "big") for at in (1, 6, 9))
    body = fragment[12:]
    if len(fragment) < 12 or offset or length != present or len(body) < length:
        return None
    (version,) = struct.unpack_from("!H", body)
    at = 34
    for _ in range(2):  # session identifier and cookie
        at += 1 + body[at]
    (size,) = struct.unpack_from("!H", body, at)
    suites = struct.unpack_from(f"!{size // 2}H", body, at + 2)
    at += 2 + size
    at += 1 + body[at]
    found = _extensions(body[at : at + 2 + length])
    named = _words(found.get(_SUPPORTED_VERSIONS, b"")[1:]) or (version,)
    profiles = found.get(_USE_SRTP, b"\0\0")
    return Hello(
        versions=tuple(sorted(_VERSIONS.get(one, f"0x{one:04X}") for one in named)),
        suites=suites,
        profiles=tuple(_PROFILES.get(one, f"0x{one:04X}") for one in _words(profiles[2 : 2 + profiles[1]])),
    )


def _extensions(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 2
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("!HH", data, at)
        found[kind] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2])

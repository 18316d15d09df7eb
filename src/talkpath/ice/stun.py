"""STUN messages as ICE uses them (RFC 8489, RFC 8445 section 16): parse, check, write. The bytes are native.

Long-term credentials, TURN and STUN over streams do not live here.
"""

import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

from talkpath import _native
from talkpath.base.address import Address
from talkpath.base.errors import Malformed
from talkpath.base.limits import STUN_ATTRIBUTES, STUN_MESSAGE_BYTES

_COOKIE = 0x2112A442
_COOKIE_BYTES = _COOKIE.to_bytes(4, "big")
_HEADER_BYTES = 20
_ATTRIBUTE_BYTES = 4
_INTEGRITY_BYTES = 20


class StunMalformed(Malformed):
    """Not a STUN message, or one that contradicts itself."""

    def __init__(self, reason: str) -> None:
        super().__init__("stun-malformed", f"{reason}; it was dropped", "STUN message")


class Kind(IntEnum):
    """The message class (RFC 8489 section 5)."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


# Looking one up is dearer than reading a message.
_KINDS = tuple(Kind)
BINDING = 0x001


class Attr(IntEnum):
    """The attributes we understand (RFC 8489 section 18.3, RFC 8445 section 16.1)."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A
    # draft-thatcher-ice-renomination: the highest value wins, whatever the order of arrival.
    NOMINATION = 0xC001


_UNDERSTOOD = frozenset(Attr)
# RFC 8489 section 14: below this number an attribute must be understood.
_COMPREHENSION_OPTIONAL = 0x8000


@dataclass(frozen=True, slots=True)
class Stun:
    """A message read from the wire. `attributes` end where integrity begins: what follows it proves nothing."""

    kind: Kind
    method: int
    transaction: bytes
    attributes: list[tuple[int, bytes]]
    has_fingerprint: bool
    _raw: bytes
    _integrity_at: int | None

    @classmethod
    def parse(cls, data: bytes) -> "Stun":
        """Raises StunMalformed. A FINGERPRINT that is there must be right (RFC 8489 section 14.7)."""
        if not _HEADER_BYTES <= len(data) <= STUN_MESSAGE_BYTES:
            raise StunMalformed(f"{len(data)} bytes")
        try:
            attributes, integrity_at, has_fingerprint = _native.read_stun(data, STUN_ATTRIBUTES)
        except ValueError as problem:
            raise StunMalformed(str(problem)) from None
        word = data[0] << 8 | data[1]
        kind = _KINDS[word >> 7 & 2 | word >> 4 & 1]
        method = word >> 2 & 0xF80 | word >> 1 & 0x70 | word & 0xF
        return cls(kind, method, data[8:20], attributes, has_fingerprint, data, integrity_at)

    def first(self, kind: Attr) -> bytes | None:
        """The value of the first attribute of this kind; later ones do not count (RFC 8489 section 14)."""
        return next((value for number, value in self.attributes if number == kind), None)

    def integer(self, kind: Attr) -> int | None:
        value = self.first(kind)
        return None if value is None else int.from_bytes(value[:8], "big")

    @property
    def username(self) -> str | None:
        """USERNAME as text; None where there is none or where it is no UTF-8."""
        try:
            return (self.first(Attr.USERNAME) or b"").decode() or None
        except UnicodeDecodeError:
            return None

    @property
    def error_code(self) -> int | None:
        value = self.first(Attr.ERROR_CODE)
        return None if value is None or len(value) < 4 else 100 * (value[2] & 7) + value[3]

    @property
    def mapped_address(self) -> Address | None:
        """XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of a server from before RFC 5389."""
        if (value := self.first(Attr.XOR_MAPPED_ADDRESS)) is not None:
            return _unpacked_address(value, _COOKIE_BYTES + self.transaction)
        if (value := self.first(Attr.MAPPED_ADDRESS)) is not None:
            return _unpacked_address(value, bytes(16))
        return None

    @property
    def unknown(self) -> tuple[int, ...]:
        """Comprehension-required attributes that we do not understand."""
        numbers = (number for number, _ in self.attributes)
        return tuple(n for n in numbers if n < _COMPREHENSION_OPTIONAL and n not in _UNDERSTOOD)

    def is_authentic(self, password: bytes) -> bool:
        """Has MESSAGE-INTEGRITY, and it was made with this password (RFC 8489 section 14.5)."""
        at = self._integrity_at
        if at is None:
            return False
        received = self._raw[at + _ATTRIBUTE_BYTES : at + _ATTRIBUTE_BYTES + _INTEGRITY_BYTES]
        return hmac.compare_digest(received, _native.stun_integrity(self._raw, at, password))


def is_stun(data: bytes) -> bool:
    """RFC 7983 section 7, and the cookie."""
    return len(data) >= _HEADER_BYTES and data[0] < 4 and data[4:8] == _COOKIE_BYTES


def remote_ufrag(data: bytes) -> str | None:
    """Who wrote a check, by the ufrag in its USERNAME (RFC 8445 section 7.2.2); None for what is no check."""
    try:
        message = Stun.parse(data)
    except StunMalformed:
        return None
    return (message.username or "").partition(":")[2] if message.kind is Kind.REQUEST else None


def write(
    kind: Kind,
    transaction: bytes,
    attributes: Iterable[tuple[int, bytes]],
    password: bytes | None = None,
    *,
    fingerprint: bool = True,
) -> bytes:
    """A Binding message with these attributes, then MESSAGE-INTEGRITY where `password` is given, then FINGERPRINT
    unless it is not wanted."""
    word = BINDING | (kind & 2) << 7 | (kind & 1) << 4
    return _native.write_stun(word, transaction, list(attributes), password, fingerprint)


def packed_xor_address(address: Address, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (RFC 8489 section 14.2)."""
    host = ip_address(address.host).packed
    mask = _COOKIE_BYTES + transaction
    family = 1 if len(host) == 4 else 2
    return struct.pack("!xBH", family, address.port ^ _COOKIE >> 16) + _xor(host, mask)


def packed_error(code: int, reason: str) -> bytes:
    """The value of ERROR-CODE (RFC 8489 section 14.8)."""
    return struct.pack("!xxBB", code // 100, code % 100) + reason.encode()


def packed_unknown(numbers: Iterable[int]) -> bytes:
    """The value of UNKNOWN-ATTRIBUTES (RFC 8489 section 14.9)."""
    return b"".join(struct.pack("!H", number) for number in numbers)


def _unpacked_address(value: bytes, mask: bytes) -> Address | None:
    if len(value) == 8 and value[1] == 1:
        host: IPv4Address | IPv6Address = IPv4Address(_xor(value[4:], mask))
    elif len(value) == 20 and value[1] == 2:
        host = IPv6Address(_xor(value[4:], mask))
    else:
        return None
    return Address(str(host), int.from_bytes(_xor(value[2:4], mask), "big"))


def _xor(value: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(value, mask, strict=False))

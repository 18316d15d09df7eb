"""STUN, ICE checks and DTLS flights as bytes."""

import hashlib
import hmac
import struct
import zlib

from .wire import At, Wire, ip_bytes

COOKIE = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def _sealed(kind: int, transaction: bytes, attributes: bytes, password: bytes) -> bytes:
    """Header, attributes, MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 sections 14.5 and 14.7)."""
    head = struct.pack("!HHI", kind, len(attributes) + 24, COOKIE) + transaction
    tag = hmac.new(password, head + attributes, hashlib.sha1).digest()
    attributes += _attribute(0x0008, tag)
    head = struct.pack("!HHI", kind, len(attributes) + 8, COOKIE) + transaction
    crc = zlib.crc32(head + attributes) ^ 0x5354554E
    return head + attributes + _attribute(0x8028, struct.pack("!I", crc))


def stun_request(number: int, username: str, password: str, controlling: bool, nominate: bool = False) -> bytes:
    role = _attribute(0x802A if controlling else 0x8029, b"\1" * 8)
    attributes = _attribute(0x0006, username.encode()) + role + _attribute(0x0024, b"\x6e\0\1\xff")
    if nominate:
        attributes += _attribute(0x0025, b"")
    return _sealed(BINDING_REQUEST, _transaction(number), attributes, password.encode())


def stun_success(number: int, mapped: At, password: str) -> bytes:
    port = mapped.port ^ (COOKIE >> 16)
    host = bytes(a ^ b for a, b in zip(ip_bytes(mapped.host), struct.pack("!I", COOKIE), strict=True))
    value = struct.pack("!BBH", 0, 1, port) + host
    return _sealed(BINDING_SUCCESS, _transaction(number), _attribute(0x0020, value), password.encode())


def stun_error(number: int, status: int, password: str) -> bytes:
    value = struct.pack("!HBB", 0, status // 100, status % 100) + b"no"
    return _sealed(BINDING_ERROR, _transaction(number), _attribute(0x0009, value), password.encode())


def _transaction(number: int) -> bytes:
    return struct.pack("!III", 0xABCD, 0x1234, number)


def check(wire: Wire, at: float, src: At, dst: At, number: int, answered: bool = True, **kw: str | bool) -> None:
    """One connectivity check and, if wanted, its answer."""
    local, remote, password = str(kw["local"]), str(kw["remote"]), str(kw["password"])
    request = stun_request(
        number, f"{remote}:{local}", password, bool(kw.get("controlling", True)), bool(kw.get("nominate", False))
    )
    wire.udp(at, src, dst, request)
    if answered:
        wire.udp(at + 0.01, dst, src, stun_success(number, src, password))


AES128_GCM = 0xC02F
NULL_CIPHER = 0x0001


def _record(kind: int, sequence: int, body: bytes, epoch: int = 0) -> bytes:
    return struct.pack("!BHHHIH", kind, 0xFEFD, epoch, 0, sequence, len(body)) + body


def _handshake(kind: int, sequence: int, body: bytes) -> bytes:
    size = len(body).to_bytes(3, "big")
    return bytes([kind]) + size + struct.pack("!H", sequence) + b"\0\0\0" + size + body


USE_SRTP = struct.pack("!HHHHB", 14, 5, 2, 1, 0)


def client_hello(ciphers: tuple[int, ...] = (AES128_GCM,), cookie: bytes = b"", sequence: int = 0) -> bytes:
    suites = b"".join(struct.pack("!H", cipher) for cipher in ciphers)
    body = b"\xfe\xfd" + bytes(range(32)) + b"\0" + bytes([len(cookie)]) + cookie
    body += struct.pack("!H", len(suites)) + suites + b"\1\0" + struct.pack("!H", len(USE_SRTP)) + USE_SRTP
    return _record(22, sequence, _handshake(1, sequence, body))


def server_flight(certificate: bytes = b"\x30" * 400) -> bytes:
    hello = b"\xfe\xfd" + bytes(range(32, 64)) + b"\0" + struct.pack("!HB", AES128_GCM, 0)
    hello += struct.pack("!H", len(USE_SRTP)) + USE_SRTP
    chain = len(certificate).to_bytes(3, "big") + certificate
    chain = len(chain).to_bytes(3, "big") + chain
    exchange = b"\x03\0\x1d\x20" + b"\x09" * 32 + b"\x04\x03\0\x40" + b"\x08" * 64
    request = b"\x01\x40\x00\x02\x04\x03\x00\x00"
    flight = ((2, hello), (11, chain), (12, exchange), (13, request), (14, b""))
    return b"".join(_record(22, i, _handshake(kind, i, body)) for i, (kind, body) in enumerate(flight))


def client_finish(certificate: bytes = b"\x31" * 400) -> bytes:
    chain = len(certificate).to_bytes(3, "big") + certificate
    chain = len(chain).to_bytes(3, "big") + chain
    flight = ((11, chain), (16, b"\x20" + b"\x0a" * 32), (15, b"\x04\x03\0\x40" + b"\x0b" * 64))
    records = b"".join(_record(22, 1 + i, _handshake(kind, 1 + i, body)) for i, (kind, body) in enumerate(flight))
    return records + _record(20, 4, b"\1") + _record(22, 0, b"\x77" * 40, epoch=1)


def server_finish() -> bytes:
    return _record(20, 5, b"\1") + _record(22, 0, b"\x78" * 40, epoch=1)


def alert(description: int, level: int = 2) -> bytes:
    """A clear-text alert (RFC 5246 section 7.2): 40 handshake_failure, 42 bad_certificate."""
    return _record(21, 9, bytes([level, description]))


def handshake(wire: Wire, at: float, client: At, server: At) -> None:
    """All four flights, answered."""
    wire.udp(at, client, server, client_hello())
    wire.udp(at + 0.02, server, client, server_flight())
    wire.udp(at + 0.04, client, server, client_finish())
    wire.udp(at + 0.06, server, client, server_finish())

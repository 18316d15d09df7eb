"""Packets on a wire: Ethernet, IPv4, UDP, TCP, ICMP and the pcap file they end up in."""

import struct
from dataclasses import dataclass, field

EPOCH = 1_700_000_000.0
HEADER_IP = 20
HEADER_UDP = 8


class At(tuple[str, int]):
    """A host and a port."""

    __slots__ = ()

    def __new__(cls, host: str, port: int) -> "At":
        return super().__new__(cls, (host, port))

    @property
    def host(self) -> str:
        return self[0]

    @property
    def port(self) -> int:
        return self[1]

    def __str__(self) -> str:
        return f"{self[0]}:{self[1]}"


def ip_bytes(host: str) -> bytes:
    return bytes(int(part) for part in host.split("."))


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(src: str, dst: str, packet: bytes) -> bytes:
    return b"\x02\0" + ip_bytes(dst) + b"\x02\0" + ip_bytes(src) + b"\x08\0" + packet


def ipv4(src: str, dst: str, protocol: int, payload: bytes, ident: int = 0, flags: int = 0x4000) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, HEADER_IP + len(payload), ident & 0xFFFF, flags, 64, protocol, 0)
    head += ip_bytes(src) + ip_bytes(dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(src: At, dst: At, payload: bytes) -> bytes:
    return struct.pack("!HHHH", src.port, dst.port, HEADER_UDP + len(payload), 0) + payload


@dataclass
class Wire:
    """A capture being composed. Packets may be added in any order; the file is sorted by time."""

    packets: list[tuple[float, bytes]] = field(default_factory=list)
    mtu: int = 1500
    _ident: int = 1
    # The same call at another place, for a capture of its own.
    elsewhere: "Wire | None" = None

    def raw(self, at: float, src: str, dst: str, packet: bytes) -> None:
        self.packets.append((at, ethernet(src, dst, packet)))

    def udp(self, at: float, src: At, dst: At, payload: bytes, keep: tuple[int, ...] | None = None) -> None:
        """One datagram; over the MTU it leaves as fragments, of which only the indices in `keep` are seen."""
        datagram = udp(src, dst, payload)
        self._ident += 1
        if len(datagram) + HEADER_IP <= self.mtu:
            self.raw(at, src.host, dst.host, ipv4(src.host, dst.host, 17, datagram, self._ident))
            return
        room = (self.mtu - HEADER_IP) // 8 * 8
        pieces = [datagram[i : i + room] for i in range(0, len(datagram), room)]
        for index, piece in enumerate(pieces):
            if keep is not None and index not in keep:
                continue
            flags = (0x2000 if index + 1 < len(pieces) else 0) | (index * room // 8)
            packet = ipv4(src.host, dst.host, 17, piece, self._ident, flags)
            self.raw(at + index * 1e-5, src.host, dst.host, packet)

    def unreachable(self, at: float, reporter: str, src: At, dst: At, payload: bytes, code: int = 3) -> None:
        """ICMP type 3 from `reporter` about the datagram `src` had sent to `dst` (RFC 792)."""
        quoted = ipv4(src.host, dst.host, 17, udp(src, dst, payload))[: HEADER_IP + 8 + 64]
        body = struct.pack("!BBHI", 3, code, 0, 0) + quoted
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        self.raw(at, reporter, src.host, ipv4(reporter, src.host, 1, body))

    def pcap(self) -> bytes:
        """The file: little-endian microseconds, Ethernet."""
        out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for at, frame in sorted(self.packets, key=lambda item: item[0]):
            micros = round(at * 1e6)
            out += struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(frame), len(frame))
            out += frame
        return bytes(out)


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Tcp:
    """One connection from `client` to `server`, with true sequence numbers."""

    def __init__(self, wire: Wire, client: At, server: At) -> None:
        self.wire = wire
        self.ends = (client, server)
        self._next = [1000, 5000]

    def _segment(self, at: float, sender: int, flags: int, data: bytes = b"") -> None:
        src, dst = self.ends[sender], self.ends[1 - sender]
        words = (src.port, dst.port, self._next[sender], self._next[1 - sender], 5 << 4, flags, 64_000, 0, 0)
        segment = struct.pack("!HHIIBBHHH", *words) + data
        pseudo = ip_bytes(src.host) + ip_bytes(dst.host) + struct.pack("!BBH", 0, 6, len(segment))
        segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
        self.wire.raw(at, src.host, dst.host, ipv4(src.host, dst.host, 6, segment))
        self._next[sender] += len(data) + (1 if flags & (SYN | FIN) else 0)

    def open(self, at: float) -> None:
        self._segment(at, 0, SYN)
        self._segment(at + 0.0005, 1, SYN | ACK)
        self._segment(at + 0.001, 0, ACK)

    def refused(self, at: float) -> None:
        self._segment(at, 0, SYN)
        self._segment(at + 0.0005, 1, RST | ACK)

    def send(self, at: float, sender: int, data: bytes) -> None:
        """`sender` 0 is the client. Split at a common segment size."""
        for offset in range(0, len(data), 1400):
            self._segment(at + offset * 1e-8, sender, PSH | ACK, data[offset : offset + 1400])
        self._segment(at + 0.0008, 1 - sender, ACK)

    def send_in_vain(self, at: float, sender: int, data: bytes, waits: tuple[float, ...]) -> None:
        """One segment that is sent again and again, and never acknowledged."""
        for wait in waits:
            self._segment(at + wait, sender, PSH | ACK, data)
            self._next[sender] -= len(data)

    def close(self, at: float, sender: int = 0) -> None:
        self._segment(at, sender, FIN | ACK)
        self._segment(at + 0.0005, 1 - sender, FIN | ACK)
        self._segment(at + 0.001, sender, ACK)

    def reset(self, at: float, sender: int = 0) -> None:
        self._segment(at, sender, RST | ACK)


def ws_upgrade(tcp: Tcp, at: float) -> None:
    """The opening handshake of a SIP WebSocket (RFC 6455 section 1.3, RFC 7118 section 4)."""
    ask = (
        "GET / HTTP/1.1\r\nHost: edge.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: sip\r\nOrigin: https://edge.example\r\n\r\n"
    )
    grant = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    )
    tcp.send(at, 0, ask.encode())
    tcp.send(at + 0.002, 1, grant.encode())


def ws_frame(data: bytes, masked: bool) -> bytes:
    """One text frame (RFC 6455 section 5.2)."""
    bit = 0x80 if masked else 0
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", 0x81, bit | size)
    else:
        head = struct.pack("!BBH", 0x81, bit | 126, size)
    if not masked:
        return head + data
    key = b"\x11\x22\x33\x44"
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(data))

"""Packets and capture files written byte by byte: every encapsulation the reader knows, from the RFCs' pictures."""

import gzip
import io
import ipaddress
import struct
from collections.abc import Callable, Iterable, Sequence

START = 1_700_000_000.0

ETHERNET, RAW, NULL, LOOP, SLL, SLL2, PPP, PPP_ETHER, C_HDLC, IPV4, IPV6 = (
    1,
    101,
    0,
    108,
    113,
    276,
    9,
    51,
    104,
    228,
    229,
)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


# --- transports


def udp(sport: int, dport: int, payload: bytes, src: str = "", dst: str = "") -> bytes:
    """With addresses the checksum is right; without it is 0 (none)."""
    length = 8 + len(payload)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    if not src:
        return head + payload
    pseudo = packed(src) + packed(dst) + struct.pack("!HH", 17, length)
    return struct.pack("!HHHH", sport, dport, length, checksum(pseudo + head + payload) or 0xFFFF) + payload


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp(sport: int, dport: int, seq: int, ack: int, flags: int, payload: bytes = b"") -> bytes:
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 65535, 0, 0)
    return head + payload


# --- IP


def ipv4(
    src: str,
    dst: str,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    flags: int = 0,
    options: bytes = b"",
    dscp: int = 0,
) -> bytes:
    """`flags` is the whole 16-bit word: flags and fragment offset in units of 8."""
    words = 5 + len(options) // 4
    total = words * 4 + len(payload)
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, dscp << 2, total, ident, flags, 64, protocol, 0, packed(src), packed(dst)
    )
    head += options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(
    src: str, dst: str, protocol: int, payload: bytes, extensions: bytes = b"", first: int | None = None
) -> bytes:
    body = extensions + payload
    head = struct.pack(
        "!IHBB16s16s", 6 << 28, len(body), first if first is not None else protocol, 64, packed(src), packed(dst)
    )
    return head + body


def ip(src: str, dst: str, protocol: int, payload: bytes, *, ident: int = 0) -> bytes:
    return ipv6(src, dst, protocol, payload) if ":" in src else ipv4(src, dst, protocol, payload, ident=ident)


def fragments_v4(src: str, dst: str, protocol: int, payload: bytes, size: int, ident: int) -> list[bytes]:
    """`size` is the payload bytes of one fragment, a multiple of eight."""
    pieces = []
    for at in range(0, len(payload), size):
        more = 0x2000 if at + size < len(payload) else 0
        pieces.append(ipv4(src, dst, protocol, payload[at : at + size], ident=ident, flags=more | at // 8))
    return pieces


def fragments_v6(src: str, dst: str, protocol: int, payload: bytes, size: int, ident: int) -> list[bytes]:
    pieces = []
    for at in range(0, len(payload), size):
        more = 1 if at + size < len(payload) else 0
        header = struct.pack("!BBHI", protocol, 0, at | more, ident)
        pieces.append(ipv6(src, dst, protocol, payload[at : at + size], header, first=44))
    return pieces


# --- link layers


def _ethertype(packet: bytes) -> int:
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


MACS = bytes.fromhex("020000000002020000000001")


def ethernet(packet: bytes, ethertype: int | None = None) -> bytes:
    return MACS + struct.pack("!H", _ethertype(packet) if ethertype is None else ethertype) + packet


def padded(packet: bytes) -> bytes:
    """Ethernet frames have 60 bytes at least; what is behind the IP packet is no payload."""
    return ethernet(packet).ljust(60, b"\xee")


def vlan(packet: bytes, *tags: tuple[int, int]) -> bytes:
    """(TPID, VLAN id) from the outside in."""
    inner = b""
    for i, (_, number) in enumerate(tags):
        following = tags[i + 1][0] if i + 1 < len(tags) else _ethertype(packet)
        inner += struct.pack("!HH", number, following)
    return ethernet(inner + packet, tags[0][0])


def snap(packet: bytes) -> bytes:
    body = bytes.fromhex("aaaa03000000") + struct.pack("!H", _ethertype(packet)) + packet
    return ethernet(body, len(body))


def mpls(packet: bytes, *labels: int) -> bytes:
    words = [label << 12 | (0x100 if i == len(labels) - 1 else 0) | 64 for i, label in enumerate(labels)]
    return ethernet(b"".join(struct.pack("!I", w) for w in words) + packet, 0x8847)


def pppoe(packet: bytes) -> bytes:
    ppp = struct.pack("!H", 0x57 if packet[0] >> 4 == 6 else 0x21) + packet
    return ethernet(struct.pack("!BBHH", 0x11, 0, 7, len(ppp)) + ppp, 0x8864)


def ppp(packet: bytes) -> bytes:
    return b"\xff\x03" + struct.pack("!H", 0x57 if packet[0] >> 4 == 6 else 0x21) + packet


def hdlc(packet: bytes) -> bytes:
    return b"\x0f\x00" + struct.pack("!H", _ethertype(packet)) + packet


def null(packet: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}I", 24 if packet[0] >> 4 == 6 else 2) + packet


def radio(packet: bytes, *, quality: bool = False, four: bool = False) -> bytes:
    """An 802.11 data frame with LLC and SNAP."""
    control = bytes([0x88 if quality else 0x08, 0x03 if four else 0x01])
    head = control + b"\0\0" + b"\2\0\0\0\0\1" * 3 + b"\0\0" + (b"\2\0\0\0\0\4" if four else b"")
    return head + (b"\0\0" if quality else b"") + bytes.fromhex("aaaa03000000") + _kind(packet) + packet


def _kind(packet: bytes) -> bytes:
    return struct.pack("!H", _ethertype(packet))


def radiotap(packet: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 12, 0) + b"\0" * 4 + radio(packet, quality=True) + b"\1\2\3\4"


def ppi(packet: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, 105) + radio(packet)


def prism(packet: bytes) -> bytes:
    return struct.pack("<II", 0x44, 144).ljust(144, b"\0") + radio(packet, four=True)


def pktap(packet: bytes) -> bytes:
    return struct.pack("<III", 108, 1, 1).ljust(108, b"\0") + ethernet(packet)


def nflog(packet: bytes, order: str = "<") -> bytes:
    head = bytes([10 if packet[0] >> 4 == 6 else 2, 0, 0, 0])
    prefix = struct.pack(f"{order}HH", 8, 10) + b"log\0"
    return head + prefix + struct.pack(f"{order}HH", 4 + len(packet), 9) + packet


def erf(packet: bytes, *, extended: bool = False) -> bytes:
    frame = b"\0\0" + ethernet(packet)
    more = b"\x85" + b"\0" * 7 + b"\x05" + b"\0" * 7 if extended else b""
    size = 16 + len(more) + len(frame)
    head = b"\0" * 8 + struct.pack("!BBHHH", 0x82 if extended else 2, 4, size, 0, len(frame) - 2)
    return head + more + frame


def frame_relay(packet: bytes) -> bytes:
    return b"\x18\x41\x03" + (b"\x8e" if packet[0] >> 4 == 6 else b"\xcc") + packet


def frame_relay_of_cisco(packet: bytes) -> bytes:
    return b"\x18\x41" + _kind(packet) + packet


def sll(packet: bytes) -> bytes:
    return struct.pack("!HHH8sH", 0, 1, 6, b"\2\0\0\0\0\1\0\0", _ethertype(packet)) + packet


def sll2(packet: bytes) -> bytes:
    return struct.pack("!HHIHBB8s", _ethertype(packet), 0, 3, 1, 0, 6, b"\2\0\0\0\0\1\0\0") + packet


# --- tunnels


OUTER = ("198.51.100.1", "198.51.100.2")


def ipip(packet: bytes) -> bytes:
    return ipv4(*OUTER, 41 if packet[0] >> 4 == 6 else 4, packet)


def gre(packet: bytes, *, key: int | None = None, sequence: int | None = None) -> bytes:
    flags = (0x2000 if key is not None else 0) | (0x1000 if sequence is not None else 0)
    head = struct.pack("!HH", flags, _ethertype(packet))
    head += b"" if key is None else struct.pack("!I", key)
    head += b"" if sequence is None else struct.pack("!I", sequence)
    return ipv4(*OUTER, 47, head + packet)


def erspan1(packet: bytes) -> bytes:
    return ipv4(*OUTER, 47, struct.pack("!HH", 0, 0x88BE) + ethernet(packet))


def erspan2(packet: bytes) -> bytes:
    return ipv4(
        *OUTER, 47, struct.pack("!HHI", 0x1000, 0x88BE, 1) + struct.pack("!II", 0x10010000, 1) + ethernet(packet)
    )


def erspan3(packet: bytes, *, platform: bool = False) -> bytes:
    head = struct.pack("!III", 0x20010000, 12345, 1 if platform else 0) + (b"\0" * 8 if platform else b"")
    return ipv4(*OUTER, 47, struct.pack("!HHI", 0x1000, 0x22EB, 1) + head + ethernet(packet))


def gtp_u(packet: bytes, *, extended: bool = False) -> bytes:
    body = struct.pack("!HBB", 1, 0, 0x85) + bytes([1, 0x10, 9, 0]) + packet if extended else packet
    head = struct.pack("!BBHI", 0x34 if extended else 0x30, 255, len(body), 0x1234)
    return ipv4(*OUTER, 17, udp(2152, 2152, head + body))


def vxlan(packet: bytes) -> bytes:
    return ipv4(*OUTER, 17, udp(40000, 4789, struct.pack("!II", 8 << 24, 42 << 8) + ethernet(packet)))


def geneve(packet: bytes) -> bytes:
    return ipv4(
        *OUTER, 17, udp(40000, 6081, struct.pack("!BBHI", 1, 0, 0x6558, 42 << 8) + b"\0" * 4 + ethernet(packet))
    )


def tzsp(packet: bytes) -> bytes:
    return ipv4(*OUTER, 17, udp(40000, 37008, bytes([1, 0, 0, 1, 10, 1, 0xC4, 1]) + ethernet(packet)))


def esp(inner: bytes, protocol: int, check: int = 12) -> bytes:
    """RFC 4303 with NULL encryption: padding that counts, what follows, a check value."""
    padding = -(len(inner) + 2) % 4
    trailer = bytes(range(1, padding + 1)) + bytes([padding, protocol])
    return struct.pack("!II", 0x1234, 7) + inner + trailer + b"\xc3" * check


def _version(packet: bytes) -> int:
    return 41 if packet[0] >> 4 == 6 else 4


def esp_tunnel(packet: bytes, check: int = 12) -> bytes:
    return ipv4(*OUTER, 50, esp(packet, _version(packet), check))


def esp_over_udp(packet: bytes) -> bytes:
    return ipv4(*OUTER, 17, udp(4500, 4500, esp(packet, _version(packet), 16)))


def l2tp2(packet: bytes) -> bytes:
    body = ppp(packet)
    return ipv4(*OUTER, 17, udp(1701, 1701, struct.pack("!HHHH", 0x4002, 8 + len(body), 5, 6) + body))


def l2tp3(packet: bytes) -> bytes:
    return ipv4(*OUTER, 115, struct.pack("!IQ", 0x11, 0x0102030405060708) + ethernet(packet))


def sctp(chunks: Sequence[tuple[int, int, bytes]], sport: int = 5060, dport: int = 5060) -> bytes:
    """DATA chunks (flags, number, data) of one stream (RFC 9260 section 3.3.1)."""
    out = struct.pack("!HHII", sport, dport, 1, 0)
    for flags, number, data in chunks:
        out += struct.pack("!BBHIHHI", 0, flags, 16 + len(data), number, 0, 0, 0) + data + b"\0" * (-len(data) % 4)
    return out


# --- files

Frame = tuple[float, bytes]


def pcap(
    frames: Iterable[Frame], *, link: int = ETHERNET, order: str = "<", nanos: bool = False, snap_to: int = 262_144
) -> bytes:
    out = io.BytesIO()
    out.write(struct.pack(f"{order}IHHiIII", 0xA1B23C4D if nanos else 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link))
    for time, data in frames:
        whole = round(time * 1_000_000)
        fraction = whole % 1_000_000 * (1000 if nanos else 1)
        out.write(struct.pack(f"{order}IIII", whole // 1_000_000, fraction, len(data[:snap_to]), len(data)))
        out.write(data[:snap_to])
    return out.getvalue()


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return _block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(link: int, order: str = "<", *, tsresol: int | None = None, tsoffset: int | None = None) -> bytes:
    options = b""
    if tsresol is not None:
        options += struct.pack(f"{order}HHB3x", 9, 1, tsresol)
    if tsoffset is not None:
        options += struct.pack(f"{order}HHq", 14, 8, tsoffset)
    options += struct.pack(f"{order}HH", 0, 0) if options else b""
    return _block(order, 1, struct.pack(f"{order}HHI", link, 0, 262_144) + options)


def enhanced(number: int, ticks: int, data: bytes, order: str = "<") -> bytes:
    fixed = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return _block(order, 6, fixed + data)


def obsolete(number: int, ticks: int, data: bytes, order: str = "<") -> bytes:
    fixed = struct.pack(f"{order}HHIIII", number, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return _block(order, 2, fixed + data)


def simple(data: bytes, order: str = "<") -> bytes:
    return _block(order, 3, struct.pack(f"{order}I", len(data)) + data)


def statistics(number: int, dropped: int, order: str = "<") -> bytes:
    options = struct.pack(f"{order}HHQ", 5, 8, dropped) + struct.pack(f"{order}HH", 0, 0)
    return _block(order, 5, struct.pack(f"{order}III", number, 0, 0) + options)


def secrets(text: bytes, order: str = "<") -> bytes:
    return _block(order, 10, struct.pack(f"{order}II", 0x544C534B, len(text)) + text)


def pcapng(frames: Sequence[Frame], *, link: int = ETHERNET, order: str = "<") -> bytes:
    packets = b"".join(enhanced(0, round(t * 1_000_000), d, order) for t, d in frames)
    return section(order) + interface(link, order) + packets


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


# --- payloads


def sip_request(method: str = "OPTIONS", call_id: str = "a1", body: bytes = b"", extra: str = "") -> bytes:
    head = (
        f"{method} sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call_id}\r\n"
        f"From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:alice@192.0.2.1>\r\nMax-Forwards: 70\r\n{extra}"
    )
    if body:
        head += "Content-Type: application/sdp\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def sdp(
    host: str, port: int, *, formats: str = "0 8 101", profile: str = "RTP/AVP", lines: str = "", media: str = "audio"
) -> bytes:
    family = "IP6" if ":" in host else "IP4"
    origin = f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
    return f"{origin}m={media} {port} {profile} {formats}\r\n{lines}".encode()


def rtp(
    sequence: int, timestamp: int, payload: bytes, *, ssrc: int = 0x1234, payload_type: int = 0, marker: bool = False
) -> bytes:
    second = (0x80 if marker else 0) | payload_type
    return struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


Wrap = Callable[[bytes], bytes]

LINKS: dict[str, tuple[int, Wrap]] = {
    "ethernet": (ETHERNET, ethernet),
    "ethernet padded": (ETHERNET, padded),
    "vlan": (ETHERNET, lambda p: vlan(p, (0x8100, 12))),
    "qinq": (ETHERNET, lambda p: vlan(p, (0x88A8, 100), (0x8100, 12))),
    "qinq of old": (ETHERNET, lambda p: vlan(p, (0x9100, 100), (0x8100, 12))),
    "802.3 snap": (ETHERNET, snap),
    "mpls": (ETHERNET, lambda p: mpls(p, 16, 17)),
    "pppoe": (ETHERNET, pppoe),
    "ppp": (PPP, ppp),
    "cisco hdlc": (C_HDLC, hdlc),
    "raw ip": (RAW, lambda p: p),
    "bsd null": (NULL, null),
    "bsd null of a big-endian machine": (NULL, lambda p: null(p, ">")),
    "bsd loop": (LOOP, lambda p: null(p, ">")),
    "linux cooked": (SLL, sll),
    "linux cooked v2": (SLL2, sll2),
    "802.11": (105, radio),
    "802.11 behind radiotap": (127, radiotap),
    "802.11 behind ppi": (192, ppi),
    "802.11 behind prism": (119, prism),
    "pktap": (258, pktap),
    "nflog": (239, nflog),
    "nflog of a big-endian machine": (239, lambda p: nflog(p, ">")),
    "erf": (197, erf),
    "erf with extensions": (197, lambda p: erf(p, extended=True)),
    "frame relay": (107, frame_relay),
    "frame relay of cisco": (107, frame_relay_of_cisco),
}

TUNNELS: dict[str, Wrap] = {
    "ipip": ipip,
    "gre": gre,
    "gre with key and sequence": lambda p: gre(p, key=7, sequence=9),
    "erspan i": erspan1,
    "erspan ii": erspan2,
    "erspan iii": erspan3,
    "erspan iii with platform header": lambda p: erspan3(p, platform=True),
    "gtp-u": gtp_u,
    "gtp-u with extension": lambda p: gtp_u(p, extended=True),
    "vxlan": vxlan,
    "geneve": geneve,
    "tzsp": tzsp,
    "gtp-u in gre": lambda p: gre(gtp_u(p)),
    "esp-null tunnel": esp_tunnel,
    "esp-null tunnel, sha-256": lambda p: esp_tunnel(p, 16),
    "esp-null over udp": esp_over_udp,
    "l2tp v2": l2tp2,
    "l2tp v3": l2tp3,
}

"""What comes in datagrams beside RTP: fragments, ICMP, STUN and TURN, DTLS, RTCP, ZRTP, T.38, HEP, copies."""

import contextlib
import gzip
import itertools
import json
import struct
import zlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL, crypto

from talkpath.base.address import Address, Transport
from talkpath.base.errors import Malformed
from talkpath.capture.reader import Feed
from talkpath.capture.records import (
    CaptureNote,
    DatagramStream,
    DtlsSeen,
    FragmentsIncomplete,
    HepOrigin,
    HepSeen,
    IcmpError,
    IcmpKind,
    Record,
    RtcpSeen,
    RtpStream,
    SipSeen,
    StunSeen,
    ZrtpSeen,
)

from . import wire

Reading = Callable[[bytes], list[Record]]
T = TypeVar("T")

A, B = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
LARGE = wire.sip_request("INVITE", "large", body=wire.sdp(A, 4000), extra="X: " + "y" * 3000 + "\r\n")


def frame(payload: bytes, sport: int = 5060, dport: int = 5060, ident: int = 0) -> bytes:
    return wire.ethernet(wire.ipv4(A, B, 17, wire.udp(sport, dport, payload), ident=ident))


def at_once(frames: list[bytes], step: float = 0.001) -> bytes:
    return wire.pcap([(wire.START + i * step, f) for i, f in enumerate(frames)])


def only(found: list[Record], kind: type[T]) -> list[T]:
    return [r for r in found if isinstance(r, kind)]


# --- IP fragments


def pieces(version: int, ident: int = 7) -> list[bytes]:
    if version == 4:
        parts = wire.fragments_v4(A, B, 17, wire.udp(5060, 5060, LARGE, A, B), 1480, ident)
    else:
        parts = wire.fragments_v6(A6, B6, 17, wire.udp(5060, 5060, LARGE, A6, B6), 1448, ident)
    return [wire.ethernet(p) for p in parts]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_fragments_in_any_order(records: Reading, version: int, order: tuple[int, ...]) -> None:
    parts = pieces(version)
    found = records(at_once([parts[i] for i in order]))
    sip = only(found, SipSeen)
    assert [(s.raw, s.fragments, s.frames, s.frame) for s in sip] == [(LARGE, 3, (1, 2, 3), 3)]
    assert only(found, FragmentsIncomplete) == []


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_captured_twice(records: Reading, version: int) -> None:
    found = records(at_once([p for part in pieces(version) for p in (part, part)]))
    assert [s.raw for s in only(found, SipSeen)] == [LARGE]
    assert only(found, FragmentsIncomplete) == []


@pytest.mark.parametrize("version", [4, 6])
def test_lost_last_fragment_is_evidence(records: Reading, version: int) -> None:
    (lost,) = only(records(at_once(pieces(version)[:2])), FragmentsIncomplete)
    assert lost.frames == (1, 2)
    assert (lost.src.port, lost.dst.port, lost.protocol, lost.has_first) == (5060, 5060, 17, True)
    assert lost.head.startswith(b"INVITE sip:bob@")
    assert lost.missing == ((lost.received_bytes, -1),)


def test_lost_first_fragment_has_no_ports(records: Reading) -> None:
    (lost,) = only(records(at_once(pieces(4)[1:])), FragmentsIncomplete)
    assert (lost.src, lost.dst, lost.has_first, lost.head) == (Address(A, 0), Address(B, 0), False, b"")
    assert lost.missing == ((0, 1480),)


def test_fragments_that_came_too_late(records: Reading) -> None:
    first, *rest = pieces(4)
    data = wire.pcap(
        [(wire.START, first), (wire.START + 60, frame(b"\r\n\r\n")), *((wire.START + 61, r) for r in rest)]
    )
    assert [f.frames for f in only(records(data), FragmentsIncomplete)] == [(1,), (3, 4)]


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 1500), st.booleans()), max_size=20))
def test_odd_fragments_never_escape(shape: list[tuple[int, int, bool]]) -> None:
    feed = Feed()
    for offset, size, more in shape:
        flags = (0x2000 if more else 0) | offset % 8192
        feed.packet(101, wire.START, wire.ipv4(A, B, 17, b"z" * size, ident=1, flags=flags))
    feed.finish()


# --- copies and retransmissions


def test_copy_is_told_from_retransmission(records: Reading) -> None:
    sip = wire.sip_request()
    times = [(0.0, 1), (0.0001, 1), (0.5, 2), (1.5, 3)]
    found = records(wire.pcap([(wire.START + t, frame(sip, ident=i)) for t, i in times]))
    assert [(s.is_copy, s.is_retransmission) for s in only(found, SipSeen)] == [
        (False, False),
        (True, False),
        (False, True),
        (False, True),
    ]
    assert [(n.kind, n.count) for n in only(found, CaptureNote)] == [("copies", 1)]


# --- ICMP


@pytest.mark.parametrize(
    ("kind", "code", "rest", "expected", "mtu"),
    [
        (3, 3, 0, IcmpKind.PORT_UNREACHABLE, 0),
        (3, 1, 0, IcmpKind.HOST_UNREACHABLE, 0),
        (3, 13, 0, IcmpKind.PROHIBITED, 0),
        (3, 4, 1400, IcmpKind.TOO_BIG, 1400),
        (11, 0, 0, IcmpKind.TTL_EXCEEDED, 0),
        (11, 1, 0, IcmpKind.REASSEMBLY_EXCEEDED, 0),
    ],
)
def test_icmp_names_the_flow_it_answers(
    records: Reading, kind: int, code: int, rest: int, expected: IcmpKind, mtu: int
) -> None:
    quoted = wire.ipv4(A, B, 17, wire.udp(5060, 5062, wire.sip_request()))[:128]
    packet = wire.ipv4("203.0.113.1", A, 1, struct.pack("!BBHI", kind, code, 0, rest) + quoted)
    (error,) = only(records(at_once([wire.ethernet(packet)])), IcmpError)
    assert (error.kind, error.mtu, error.src, error.dst) == (expected, mtu, "203.0.113.1", A)
    assert (error.flow_src, error.flow_dst, error.protocol) == (Address(A, 5060), Address(B, 5062), 17)
    assert error.quoted.startswith(b"OPTIONS sip:")


def test_icmpv6_too_big(records: Reading) -> None:
    quoted = wire.ipv6(A6, B6, 17, wire.udp(5060, 5060, LARGE))[:1200]
    packet = wire.ipv6("2001:db8::ff", A6, 58, struct.pack("!BBHI", 2, 0, 0, 1280) + quoted)
    (error,) = only(records(at_once([wire.ethernet(packet)])), IcmpError)
    assert (error.kind, error.mtu, error.flow_dst) == (IcmpKind.TOO_BIG, 1280, Address(B6, 5060))


# --- STUN, TURN


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def stun(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI", kind, len(body), 0x2112A442) + b"t" * 12 + body


def test_binding_request_and_answer(records: Reading) -> None:
    request = stun(
        1,
        attribute(6, b"remote:local"),
        attribute(0x24, struct.pack("!I", 1234)),
        attribute(0x25, b""),
        attribute(0x802A, b"12345678"),
        attribute(8, b"h" * 20),
    )
    port = 4000 ^ 0x2112
    ip = bytes(a ^ b for a, b in zip(wire.packed(A), struct.pack("!I", 0x2112A442), strict=True))
    answer = stun(0x101, attribute(0x20, struct.pack("!BBH", 0, 1, port) + ip))
    asked, answered = only(records(at_once([frame(request, 4000, 5000), frame(answer, 5000, 4000)])), StunSeen)
    assert (asked.method, asked.kind, asked.username, asked.role) == (
        "binding",
        "request",
        "remote:local",
        "controlling",
    )
    assert (asked.use_candidate, asked.priority, asked.has_integrity) == (True, 1234, True)
    assert (answered.kind, answered.mapped, answered.transaction) == ("success", Address(A, 4000), asked.transaction)


def test_stun_error(records: Reading) -> None:
    data = stun(0x113, attribute(9, b"\0\0\x04\x57Role Conflict"))
    (seen,) = only(records(at_once([frame(data, 4000, 5000)])), StunSeen)
    assert (seen.method, seen.kind, seen.error_code, seen.error_reason) == ("allocate", "error", 487, "Role Conflict")


def test_media_relayed_by_turn(records: Reading) -> None:
    packets = [wire.rtp(i, i * 160, b"\xff" * 160) for i in range(8)]
    channel = [frame(struct.pack("!HH", 0x4001, len(p)) + p, 4000, 3478) for p in packets]
    send = [frame(stun(0x16, attribute(0x12, b"\0" * 8), attribute(0x13, p)), 4002, 3478) for p in packets]
    found = records(at_once([*channel, *send], 0.02))
    assert [(s.packets, s.src.port) for s in only(found, RtpStream)] == [(8, 4000), (8, 4002)]


# --- DTLS


def test_dtls_handshake(records: Reading, certificate: tuple[str, str]) -> None:
    """A real handshake between two OpenSSL endpoints, in memory."""
    ends = []
    for is_server in (False, True):
        context = SSL.Context(SSL.DTLS_METHOD)
        context.use_certificate_file(certificate[0])
        context.use_privatekey_file(certificate[1])
        context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
        end = SSL.Connection(context, None)
        end.set_ciphertext_mtu(600)
        (end.set_accept_state if is_server else end.set_connect_state)()
        ends.append(end)
    frames = []
    for _ in range(8):
        for side, end in enumerate(ends):
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            while True:
                try:
                    data = end.bio_read(4096)
                except SSL.WantReadError:
                    break
                ends[1 - side].bio_write(data)
                frames.append(frame(data, 4000 + side, 4001 - side))
    found = only(records(at_once(frames)), DtlsSeen)
    names = [name for r in found for name in r.messages]
    for name in ("client-hello", "server-hello", "certificate", "server-hello-done", "change-cipher-spec"):
        assert name in names
    client, server = [r.hello for r in found if r.hello and r.hello.srtp_profiles][-2:]
    assert client.is_client
    assert client.srtp_profiles == server.srtp_profiles == (1,)
    assert (server.versions, len(server.ciphers)) == (("1.2",), 1)
    with open(certificate[0], "rb") as file:
        digest = crypto.load_certificate(crypto.FILETYPE_PEM, file.read()).digest("sha256").decode()
    assert digest in {r.certificate_sha256 for r in found}


def test_dtls_alert(records: Reading) -> None:
    data = bytes([21, 0xFE, 0xFD]) + b"\0" * 8 + b"\0\x02" + bytes([2, 40])
    (seen,) = only(records(at_once([frame(data, 4000, 5000)])), DtlsSeen)
    assert seen.messages == ("alert",)
    assert seen.alert is not None
    assert (seen.alert.level, seen.alert.name) == ("fatal", "handshake_failure")


# --- RTCP, ZRTP, T.38


def test_sender_report(records: Reading) -> None:
    ntp = int((wire.START + 2_208_988_800) * 2**32)
    block = struct.pack("!IIIIII", 0x5678, (64 << 24) | 5, 70_000, 33, 0xAAAA, 0xBBBB)
    report = struct.pack("!BBHIQIII", 0x81, 200, 12, 0x1234, ntp, 0, 500, 80_000) + block
    names = struct.pack("!BBHI", 0x81, 202, 3, 0x1234) + b"\x01\x05alice" + b"\0"
    (seen,) = only(records(at_once([frame(report + names, 4001, 5001)])), RtcpSeen)
    assert (seen.ssrc, seen.kinds, seen.sent_packets, seen.cname) == (0x1234, ("SR", "SDES"), 500, "alice")
    assert seen.ntp == pytest.approx(wire.START, abs=1e-3)
    (told,) = seen.reports
    assert (told.ssrc, told.fraction_lost, told.lost, told.highest, told.jitter) == (0x5678, 64, 5, 70_000, 33)


def test_encrypted_rtcp_is_not_believed(records: Reading) -> None:
    report = struct.pack("!BBHI", 0x80, 201, 1, 0x1234) + bytes(range(1, 15))
    (seen,) = only(records(at_once([frame(report, 4001, 5001)])), RtcpSeen)
    assert (seen.is_encrypted, seen.ssrc, seen.reports) == (True, 0x1234, ())


def test_zrtp(records: Reading) -> None:
    hello = b"\x10\0\0\1ZRTP\0\0\0\1\x50\x5a\0\x1dHello   1.10" + b"\0" * 60
    assert [z.message for z in only(records(at_once([frame(hello, 4000, 5000)])), ZrtpSeen)] == ["Hello"]


def test_t38(records: Reading) -> None:
    invite = wire.sip_request("INVITE", body=wire.sdp(B, 6000, media="image", profile="udptl", formats="t38"))
    fax = [frame(struct.pack("!H", i) + b"\x01\x06\0", 7000, 6000) for i in range(5)]
    found = records(at_once([frame(invite), *fax]))
    assert [(s.kind, s.packets, s.dst) for s in only(found, DatagramStream)] == [("udptl", 5, Address(B, 6000))]


# --- HEP


def chunk(kind: int, value: bytes, vendor: int = 0) -> bytes:
    return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value


def hep3(
    payload: bytes, kind: int = 1, *, protocol: int = 17, time: float = wire.START + 5, extra: bytes = b""
) -> bytes:
    body = chunk(1, b"\x02") + chunk(2, bytes([protocol])) + chunk(3, wire.packed(A)) + chunk(4, wire.packed(B))
    body += chunk(7, struct.pack("!H", 5060)) + chunk(8, struct.pack("!H", 5080))
    body += chunk(9, struct.pack("!I", int(time))) + chunk(10, struct.pack("!I", 0)) + chunk(11, bytes([kind]))
    body += chunk(12, struct.pack("!I", 2001)) + extra + chunk(15, payload)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


ORIGIN = HepOrigin(2001, "edge1", "c-1")
NAMED = chunk(17, b"c-1") + chunk(19, b"edge1") + chunk(1, b"vendor's own", vendor=3)


def test_hep3_in_a_capture(records: Reading) -> None:
    sip = wire.sip_request()
    (seen,) = only(records(at_once([frame(hep3(sip, extra=NAMED), 9999, 9060)])), SipSeen)
    assert (seen.raw, seen.src, seen.dst, seen.hep) == (sip, Address(A, 5060), Address(B, 5080), ORIGIN)
    assert (seen.frame, seen.time, seen.transport) == (1, wire.START + 5, Transport.UDP)


def test_hep3_live() -> None:
    feed = Feed()
    sip = wire.sip_request("INVITE", body=wire.sdp(A, 4000))
    (seen,) = feed.hep(hep3(sip, protocol=6, extra=NAMED), wire.START)
    assert isinstance(seen, SipSeen)
    assert (seen.raw, seen.transport) == (sip, Transport.TCP)
    with pytest.raises(Malformed, match="HEP"):
        feed.hep(b"GET / HTTP/1.1\r\n\r\n", wire.START)


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress])
def test_hep3_with_a_packed_payload(records: Reading, pack: Callable[[bytes], bytes]) -> None:
    sip = wire.sip_request()
    message = hep3(b"", extra=NAMED + chunk(16, pack(sip)))
    packed = message[: -len(chunk(15, b""))]
    packed = packed[:4] + struct.pack("!H", len(packed)) + packed[6:]
    assert [s.raw for s in only(records(at_once([frame(packed, 9999, 9060)])), SipSeen)] == [sip]


@pytest.mark.parametrize("version", [1, 2])
def test_hep_of_old(records: Reading, version: int) -> None:
    sip = wire.sip_request()
    size = 16 if version == 1 else 28
    head = struct.pack("!BBBBHH", version, size, 2, 17, 5060, 5080) + wire.packed(A) + wire.packed(B)
    if version == 2:
        head += struct.pack("<IIHH", int(wire.START) + 9, 500_000, 77, 0)
    (seen,) = only(records(at_once([frame(head + sip, 9999, 9060)])), SipSeen)
    assert (seen.raw, seen.src, seen.dst) == (sip, Address(A, 5060), Address(B, 5080))
    assert (seen.time, seen.hep) == (
        (wire.START, HepOrigin(0, "", "")) if version == 1 else (wire.START + 9.5, HepOrigin(77, "", ""))
    )


@pytest.mark.parametrize(("skew", "told"), [(-7, 0), (40, 0), (0, 0), (-90_000, -90_000)])
def test_of_two_hep_agents_the_second_is_set_by_the_clock_of_the_first(skew: int, told: int) -> None:
    """One agent's clock is wrong by seconds; but one that mirrors yesterday's recording keeps its times."""
    feed, sip = Feed(), wire.sip_request()
    late = []
    for now in (wire.START + 1, wire.START + 3):
        (edge,) = feed.hep(hep3(sip, time=now, extra=chunk(19, b"edge1")), now + 0.01)
        (core,) = feed.hep(hep3(sip, time=now + skew, extra=chunk(19, b"core1")), now + 0.02)
        assert edge.time == now
        late.append(core.time - now)
    assert late == pytest.approx([told, told], abs=0.1)


def test_rtcp_as_json_and_logs(records: Reading) -> None:
    text = json.dumps({"sender_information": {"packets": 5}}).encode()
    found = records(
        at_once([frame(hep3(text, 5, extra=NAMED), 9, 9060), frame(hep3(b"a log", 100, extra=NAMED), 9, 9060)])
    )
    assert [(h.kind, h.payload, h.hep) for h in only(found, HepSeen)] == [(5, text, ORIGIN), (100, b"a log", ORIGIN)]


def test_binary_rtcp_in_hep(records: Reading) -> None:
    report = struct.pack("!BBHI", 0x80, 201, 1, 0x1234)
    (seen,) = only(records(at_once([frame(hep3(report, 5, extra=NAMED), 9, 9060)])), RtcpSeen)
    assert (seen.kinds, seen.hep) == (("RR",), ORIGIN)


def test_hep_over_tcp_in_a_capture(records: Reading) -> None:
    from .test_streams import Connection

    sip = wire.sip_request()
    messages = hep3(sip, extra=NAMED) + hep3(b"a log", 100, extra=NAMED)
    found = records(Connection(9060).open().send(0, messages, 100).pcap())
    assert [(s.raw, s.hep) for s in only(found, SipSeen)] == [(sip, ORIGIN)]
    assert [h.kind for h in only(found, HepSeen)] == [100]


@given(st.binary(max_size=120))
def test_odd_hep_never_escapes(data: bytes) -> None:
    feed = Feed()
    for message in (b"HEP3" + data, b"HEP3" + struct.pack("!H", 6 + len(data)) + data, b"\x02\x1c" + data):
        try:
            feed.hep(message, wire.START)
        except Malformed:
            continue

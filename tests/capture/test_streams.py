"""TCP put together whatever the network and the capture did to it; WebSocket and TLS inside it."""

import base64
import contextlib
import hashlib
import os
import ssl
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Address, Transport
from talkpath.capture.reader import read
from talkpath.capture.records import (
    Record,
    RtpStream,
    SipSeen,
    TcpEvent,
    TcpKind,
    TlsSeen,
    WebSocketEvent,
    WebSocketKind,
)

from . import wire
from .wire import ACK, FIN, PSH, RST, SYN

Reading = Callable[[bytes], list[Record]]

CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 5060)


class Connection:
    """Writes the segments of one connection, with their times, as frames."""

    def __init__(self, server_port: int = 5060, isn: int = 0xFFFFFF00) -> None:
        self.ports = (CLIENT[1], server_port)
        self.next = [isn, 5000]
        self.frames: list[bytes] = []

    def segment(self, side: int, flags: int, data: bytes = b"", *, seq: int | None = None) -> bytes:
        hosts = (CLIENT[0], SERVER[0])
        at = self.next[side] if seq is None else seq
        bytes_ = wire.tcp(self.ports[side], self.ports[1 - side], at, self.next[1 - side], flags, data)
        return wire.ethernet(wire.ipv4(hosts[side], hosts[1 - side], 6, bytes_))

    def add(self, side: int, flags: int, data: bytes = b"") -> "Connection":
        self.frames.append(self.segment(side, flags, data))
        self.next[side] += len(data) + (1 if flags & (SYN | FIN) else 0)
        return self

    def open(self) -> "Connection":
        return self.add(0, SYN).add(1, SYN | ACK).add(0, ACK)

    def send(self, side: int, data: bytes, size: int = 1400) -> "Connection":
        for at in range(0, len(data), size):
            self.add(side, ACK | PSH, data[at : at + size])
        return self

    def pcap(self, step: float = 0.02) -> bytes:
        return timed(self.frames, step)


def timed(frames: Sequence[bytes], step: float = 0.02) -> bytes:
    return wire.pcap([(wire.START + i * step, f) for i, f in enumerate(frames)])


def sips(found: list[Record]) -> list[SipSeen]:
    return [r for r in found if isinstance(r, SipSeen)]


def raws(found: list[Record]) -> list[bytes]:
    return [s.raw for s in sips(found)]


def events(found: list[Record]) -> list[tuple[TcpKind, int]]:
    return [(r.kind, r.count) for r in found if isinstance(r, TcpEvent)]


MESSAGES = [
    wire.sip_request("INVITE", f"m{i}", body=wire.sdp("192.0.2.1", 4000 + i), extra="X: " + "y" * 900 + "\r\n")
    for i in range(4)
]


def test_several_messages_in_a_segment_and_a_message_over_several(records: Reading) -> None:
    for size in (1, 7, 500, 1400, 9000):
        found = records(Connection().open().send(0, b"".join(MESSAGES), size).pcap(0.0001))
        assert raws(found) == MESSAGES
        assert {(s.transport, s.src, s.dst) for s in sips(found)} == {
            (Transport.TCP, Address(*CLIENT), Address(*SERVER))
        }


def test_frames_of_a_message_are_those_that_carry_it(records: Reading) -> None:
    found = records(Connection().open().send(0, MESSAGES[0] + MESSAGES[1], 1000).pcap())
    length = len(MESSAGES[0])
    first = tuple(range(4, 4 + -(-length // 1000)))
    assert sips(found)[0].frames == first
    assert sips(found)[1].frames[0] == first[-1]


def test_keepalives_between_messages_are_no_messages(records: Reading) -> None:
    found = records(Connection().open().send(0, b"\r\n\r\n" + MESSAGES[0] + b"\r\n\r\n\0" + MESSAGES[1]).pcap())
    assert raws(found) == MESSAGES[:2]


def test_capture_that_starts_in_the_middle_of_a_message(records: Reading) -> None:
    found = records(Connection().send(0, (MESSAGES[0] + MESSAGES[1])[300:]).send(1, MESSAGES[2]).pcap())
    assert raws(found) == [MESSAGES[1], MESSAGES[2]]
    assert events(found) == [(TcpKind.MIDSTREAM, 0)]


@given(order=st.permutations(range(8)))
def test_reordered_segments(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    connection = Connection().open().send(0, b"".join(MESSAGES), len(b"".join(MESSAGES)) // 7)
    opening, segments = connection.frames[:3], connection.frames[3:]
    path = tmp_path_factory.getbasetemp() / "reordered"
    path.write_bytes(timed(opening + [segments[i] for i in order if i < len(segments)], 0.0001))
    assert raws(read(str(path))) == MESSAGES


def test_retransmissions_and_overlaps_add_nothing(records: Reading) -> None:
    connection = Connection().open().send(0, b"".join(MESSAGES[:2]), 700)
    start = connection.next[0] - len(b"".join(MESSAGES[:2]))
    again = connection.segment(0, ACK, (b"".join(MESSAGES[:2]))[350:1500], seq=start + 350)
    connection.frames[5:5] = [again, connection.frames[3]]
    assert raws(records(connection.pcap())) == MESSAGES[:2]


def test_segment_that_the_capture_lost(records: Reading) -> None:
    connection = Connection().open().send(0, b"".join(MESSAGES), 1000)
    lost = connection.frames.pop(4)
    connection.add(1, ACK).send(0, MESSAGES[0])
    found = records(connection.pcap())
    # The peer acknowledged what we never saw: the hole will not be filled; the messages it was in are gone.
    assert raws(found) == [*MESSAGES[2:], MESSAGES[0]]
    assert (TcpKind.GAP, len(lost) - 54) in events(found)


def test_life_of_a_connection(records: Reading) -> None:
    connection = Connection().open().send(0, MESSAGES[0]).add(1, FIN | ACK).add(0, FIN | ACK)
    found = records(connection.pcap())
    kinds = [(r.kind, r.src) for r in found if isinstance(r, TcpEvent)]
    client, server = Address(*CLIENT), Address(*SERVER)
    assert kinds == [(TcpKind.OPENED, client), (TcpKind.FINISHED, server), (TcpKind.FINISHED, client)]


def test_reset(records: Reading) -> None:
    found = records(Connection().open().send(0, MESSAGES[0]).add(1, RST).pcap())
    assert events(found) == [(TcpKind.OPENED, 0), (TcpKind.RESET, 0)]


def test_connection_that_nobody_answers(records: Reading) -> None:
    connection = Connection()
    connection.frames = [connection.segment(0, SYN)] * 3
    found = records(connection.pcap(1.0))
    assert events(found) == [(TcpKind.UNANSWERED, 3)]


def test_connection_that_is_refused(records: Reading) -> None:
    found = records(Connection().add(0, SYN).add(1, RST | ACK).pcap())
    assert [(r.kind, r.src) for r in found if isinstance(r, TcpEvent)] == [(TcpKind.REFUSED, Address(*SERVER))]


def test_data_that_is_never_acknowledged(records: Reading) -> None:
    connection = Connection().open().send(0, MESSAGES[0]).add(1, ACK)
    bye = wire.sip_request("BYE", "m0")
    connection.add(0, ACK | PSH, bye)
    connection.frames += [connection.segment(0, ACK | PSH, bye, seq=connection.next[0] - len(bye))] * 4
    found = records(connection.pcap(0.5))
    assert events(found)[-1] == (TcpKind.UNDELIVERED, 5)


def test_ports_used_again_are_another_connection(records: Reading) -> None:
    first = Connection().open().send(0, MESSAGES[0]).add(1, FIN | ACK).add(0, FIN | ACK)
    second = Connection(isn=77_000).open().send(0, MESSAGES[1])
    found = records(timed(first.frames + second.frames))
    assert raws(found) == MESSAGES[:2]
    assert len({s.connection for s in sips(found)}) == 2


def test_other_protocols_are_counted_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(Connection(80).open().send(0, b"\x00\x01\x02" * 4000).pcap())
    assert read(str(path)) == []


def test_sdp_on_a_stream_announces_media(records: Reading) -> None:
    connection = Connection().open().send(0, MESSAGES[0])
    audio = wire.ethernet(
        wire.ipv4("192.0.2.9", "192.0.2.1", 17, wire.udp(7000, 4000, wire.rtp(1, 0, b"\xff" * 160)))
    )
    found = records(timed([*connection.frames, audio]))
    assert [(r.is_announced, r.packets) for r in found if isinstance(r, RtpStream)] == [(True, 1)]


# --- WebSocket


def ws_frame(data: bytes, opcode: int = 1, *, fin: bool = True, mask: bytes = b"", rsv1: bool = False) -> bytes:
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    if len(data) < 126:
        head = struct.pack("!BB", first, (0x80 if mask else 0) | len(data))
    else:
        head = struct.pack("!BBH", first, (0x80 if mask else 0) | 126, len(data))
    body = bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if mask else data
    return head + mask + body


REQUEST = (
    b"GET /ws HTTP/1.1\r\nHost: pbx.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://app.example\r\n"
    b"Sec-WebSocket-Key: "
    + base64.b64encode(b"0" * 16)
    + b"\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)


def upgraded() -> Connection:
    return Connection(80).open().send(0, REQUEST).send(1, RESPONSE)


def test_sip_in_a_websocket(records: Reading) -> None:
    connection = (
        upgraded().send(0, ws_frame(MESSAGES[0], mask=b"\x11\x22\x33\x44"), 300).send(1, ws_frame(MESSAGES[1]))
    )
    connection.send(1, ws_frame(struct.pack("!H", 1001) + b"bye", 8))
    found = records(connection.pcap())
    assert [(s.raw, s.transport) for s in sips(found)] == [(MESSAGES[0], Transport.WS), (MESSAGES[1], Transport.WS)]
    told = [(r.kind, r.code, r.text) for r in found if isinstance(r, WebSocketEvent)]
    assert told == [(WebSocketKind.OPENED, 101, "sip"), (WebSocketKind.CLOSED, 1001, "bye")]
    opened = next(r for r in found if isinstance(r, WebSocketEvent))
    assert (opened.src, opened.head) == (Address(CLIENT[0], CLIENT[1]), REQUEST)


def test_websocket_message_in_fragments_with_a_ping_between(records: Reading) -> None:
    parts = ws_frame(MESSAGES[0][:100], 1, fin=False) + ws_frame(b"hello", 9) + ws_frame(MESSAGES[0][100:], 0)
    assert raws(records(upgraded().send(1, parts).pcap())) == MESSAGES[:1]


def test_compressed_websocket_with_a_window_over_messages(records: Reading) -> None:
    packer = zlib.compressobj(wbits=-15)
    frames = b""
    for message in MESSAGES:
        packed = packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH)
        frames += ws_frame(packed[:-4], rsv1=True)
    assert raws(records(upgraded().send(1, frames).pcap())) == MESSAGES


def test_websocket_older_than_the_capture(records: Reading) -> None:
    found = records(Connection(8080).send(0, ws_frame(MESSAGES[0], mask=b"abcd")).pcap())
    assert [(s.raw, s.transport) for s in sips(found)] == [(MESSAGES[0], Transport.WS)]


def test_refused_upgrade(records: Reading) -> None:
    found = records(Connection(80).open().send(0, REQUEST).send(1, b"HTTP/1.1 403 Forbidden\r\n\r\n").pcap())
    assert [(r.kind, r.code) for r in found if isinstance(r, WebSocketEvent)] == [(WebSocketKind.REFUSED, 403)]


# --- TLS


class TlsTalk:
    """A real handshake between two OpenSSL endpoints in memory, written down as segments."""

    def __init__(
        self, tmp_path: Path, certificate: tuple[str, str], maximum: ssl.TLSVersion, ciphers: str = ""
    ) -> None:
        self.keylog = tmp_path / "keys"
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*certificate)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        for context in (server, client):
            context.maximum_version = maximum
            if ciphers:
                context.set_ciphers(ciphers)
        client.keylog_filename = str(self.keylog)
        self.bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.ends = [
            client.wrap_bio(*self.bios[0], server_hostname="pbx.example"),
            server.wrap_bio(*self.bios[1], server_side=True),
        ]
        self.connection = Connection(5061).open()

    def pump(self) -> None:
        for side in (0, 1):
            data = self.bios[side][1].read()
            if data:
                self.connection.send(side, data)
                self.bios[1 - side][0].write(data)

    def handshake(self) -> "TlsTalk":
        for _ in range(6):
            for end in self.ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                self.pump()
        return self

    def say(self, side: int, data: bytes) -> "TlsTalk":
        self.ends[side].write(data)
        self.pump()
        return self


SUITES = [
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "AES128-GCM-SHA256",
    "AES128-SHA",
    "ECDHE-RSA-AES256-SHA384",
    "AES256-SHA256",
]


@pytest.mark.parametrize("suite", SUITES)
def test_tls12_with_a_key_log(tmp_path: Path, certificate: tuple[str, str], suite: str) -> None:
    talk = TlsTalk(tmp_path, certificate, ssl.TLSVersion.TLSv1_2, f"{suite}:@SECLEVEL=0").handshake()
    talk.say(0, MESSAGES[0]).say(1, MESSAGES[1]).say(0, MESSAGES[2] + MESSAGES[3])
    (tmp_path / "a").write_bytes(talk.connection.pcap())
    found = read(str(tmp_path / "a"), keylog=talk.keylog.read_bytes())
    assert sorted(raws(found)) == sorted(MESSAGES)
    assert {s.transport for s in sips(found)} == {Transport.TLS}


def test_tls13_with_a_key_log(tmp_path: Path, certificate: tuple[str, str]) -> None:
    talk = TlsTalk(tmp_path, certificate, ssl.TLSVersion.TLSv1_3).handshake()
    talk.say(0, MESSAGES[0]).say(1, MESSAGES[1])
    (tmp_path / "a").write_bytes(talk.connection.pcap())
    found = read(str(tmp_path / "a"), keylog=talk.keylog.read_bytes())
    assert raws(found) == MESSAGES[:2]
    names = [name for r in found if isinstance(r, TlsSeen) for name in r.messages]
    assert "certificate" in names
    assert names.count("finished") == 2


def test_secrets_inside_a_pcapng(tmp_path: Path, certificate: tuple[str, str], records: Reading) -> None:
    talk = TlsTalk(tmp_path, certificate, ssl.TLSVersion.TLSv1_3).handshake().say(0, MESSAGES[0])
    data = wire.section() + wire.interface(wire.ETHERNET) + wire.secrets(talk.keylog.read_bytes())
    data += b"".join(wire.enhanced(0, i, f) for i, f in enumerate(talk.connection.frames))
    assert raws(records(data)) == MESSAGES[:1]


def test_tls_without_keys_shows_its_handshake(tmp_path: Path, certificate: tuple[str, str]) -> None:
    talk = TlsTalk(tmp_path, certificate, ssl.TLSVersion.TLSv1_2).handshake().say(0, MESSAGES[0])
    (tmp_path / "a").write_bytes(talk.connection.pcap())
    found = read(str(tmp_path / "a"))
    assert sips(found) == []
    seen = [r for r in found if isinstance(r, TlsSeen)]
    hellos = [r.hello for r in seen if r.hello]
    assert [(h.is_client, h.server_name, h.versions[0]) for h in hellos] == [
        (True, "pbx.example", "1.2"),
        (False, "", "1.2"),
    ]
    der = ssl.PEM_cert_to_DER_cert(Path(certificate[0]).read_text())
    digest = ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())
    assert [r.certificate_sha256 for r in seen if r.certificate_sha256] == [digest]
    assert events(found)[0] == (TcpKind.OPENED, 0)


def test_tls_handshake_that_fails(records: Reading) -> None:
    alert = bytes([21, 3, 3, 0, 2, 2, 40])
    client_hello = bytes.fromhex("0303") + os.urandom(32) + b"\0" + b"\0\x02\x00\x2f" + b"\x01\0"
    hello = (
        b"\x16\x03\x01"
        + struct.pack("!H", len(client_hello) + 4)
        + b"\x01"
        + struct.pack("!I", len(client_hello))[1:]
    )
    found = records(Connection(5061).open().send(0, hello + client_hello).send(1, alert).pcap())
    alerts = [r.alert for r in found if isinstance(r, TlsSeen) and r.alert]
    assert [(a.level, a.code, a.name) for a in alerts] == [("fatal", 40, "handshake_failure")]


def test_sip_in_secure_websocket_with_a_key_log(tmp_path: Path, certificate: tuple[str, str]) -> None:
    talk = TlsTalk(tmp_path, certificate, ssl.TLSVersion.TLSv1_3).handshake()
    talk.say(0, REQUEST).say(1, RESPONSE).say(0, ws_frame(MESSAGES[0], mask=b"1234"))
    (tmp_path / "a").write_bytes(talk.connection.pcap())
    found = read(str(tmp_path / "a"), keylog=talk.keylog.read_bytes())
    assert [(s.raw, s.transport) for s in sips(found)] == [(MESSAGES[0], Transport.WSS)]

"""What carries a world's messages in its captures: UDP over IPv4 as they are, IPv6, TCP, or a WebSocket.

Everybody in a world speaks UDP over IPv4; a guise writes what the same hosts would have said in another garb.
"""

import re
import struct

from ..generator.wire import At, Tcp, Wire, checksum, ethernet, ip_bytes, udp, ws_frame, ws_upgrade
from .messages import Sip

HOST = r"\d+\.\d+\.\d+\.\d+"


class Guise:
    """IPv4 and UDP."""

    def put(self, wire: Wire, at: float, src: At, dst: At, data: bytes, keep: tuple[int, ...] | None = None) -> None:
        wire.udp(at, src, dst, data, keep)


def is_text(data: bytes) -> bool:
    return data[:3].isalpha()


def six(host: str) -> str:
    one, two, three, four = ip_bytes(host)
    return f"fd00::{one:x}:{two:x}:{three:x}:{four:x}"


class OverIpv6(Guise):
    """Every host has one address, fd00:: and the bytes of its IPv4 address (RFC 8200; UDP with its checksum)."""

    def put(self, wire: Wire, at: float, src: At, dst: At, data: bytes, keep: tuple[int, ...] | None = None) -> None:
        datagram = udp(src, dst, self._said(data) if is_text(data) else data)
        ends = b"".join(_six_bytes(one.host) for one in (src, dst))
        total = checksum(ends + struct.pack("!II", len(datagram), 17) + datagram) or 0xFFFF
        datagram = datagram[:6] + struct.pack("!H", total) + datagram[8:]
        packet = struct.pack("!IHBB", 6 << 28, len(datagram), 17, 64) + ends + datagram
        frame = ethernet(src.host, dst.host, packet)
        wire.packets.append((at, frame[:12] + b"\x86\xdd" + frame[14:]))

    @staticmethod
    def _said(data: bytes) -> bytes:
        message = Sip.parse(data)
        message.body = re.sub(f"IN IP4 ({HOST})", lambda found: f"IN IP6 {six(found[1])}", message.body)
        message.start = _bracketed(message.start)
        message.fields = [(name, _bracketed(value)) for name, value in message.fields]
        return message.bytes()


def _six_bytes(host: str) -> bytes:
    one, two, three, four = ip_bytes(host)
    return bytes((0xFD, *[0] * 7)) + struct.pack("!HHHH", one, two, three, four)


def _bracketed(text: str) -> str:
    text = re.sub(f"received=({HOST})", lambda found: f"received={six(found[1])}", text)
    return re.sub(HOST, lambda found: f"[{six(found[0])}]", text)


class OverTcp(Guise):
    """One connection between two hosts, from whoever speaks first; `is_web` wraps it into a WebSocket (RFC 7118)."""

    def __init__(self, is_web: bool = False) -> None:
        self.is_web = is_web
        self._open: dict[frozenset[At], Tcp] = {}

    def put(self, wire: Wire, at: float, src: At, dst: At, data: bytes, keep: tuple[int, ...] | None = None) -> None:
        if not is_text(data):
            wire.udp(at, src, dst, data, keep)
            return
        ends = frozenset((src, dst))
        if ends not in self._open:
            tcp = self._open[ends] = Tcp(wire, src, dst)
            tcp.open(at - 0.02)
            if self.is_web:
                ws_upgrade(tcp, at - 0.01)
        tcp = self._open[ends]
        sender = tcp.ends.index(src)
        text = self._said(data)
        tcp.send(at, sender, ws_frame(text, masked=sender == 0) if self.is_web else text)

    def _said(self, data: bytes) -> bytes:
        name = "WS" if self.is_web else "TCP"
        text = data.decode().replace("SIP/2.0/UDP", f"SIP/2.0/{name}")
        text = re.sub(rf"(sip:[^@>\s]+@{HOST}:\d+)", rf"\1;transport={name.lower()}", text)
        return re.sub(rf"(sip:{HOST}:\d+);lr", rf"\1;transport={name.lower()};lr", text).encode()

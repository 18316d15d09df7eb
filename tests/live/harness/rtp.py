"""A talker of our own: G.711 over RTP from one socket, every packet in and out kept; also what strangers use."""

import contextlib
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass

import numpy as np

from harness.process import Stoppable, wait_until
from harness.sound import Samples

PCMA = 8
_PACKET = 160


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet as received, with its source address."""

    source: tuple[str, int]
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class Talker:
    """Sends `voice` from where it is, 50 packets a second, to `target`; keeps all it receives."""

    def __init__(self, host: str, voice: Samples, *, ssrc: int = 0x1234, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.target: tuple[str, int] | None = None
        self.received: list[Packet] = []
        self._host = host
        self.ssrc = ssrc
        #: by which it calls PCMA
        self.payload_type = PCMA
        self.voice = voice
        self._ended = threading.Event()
        self._silent = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def is_ipv6(self) -> bool:
        return ":" in self._host

    def offer(self, direction: str = "sendrecv", version: int = 1) -> bytes:
        """An SDP body with PCMA that leads here."""
        family = "IP6" if self.is_ipv6 else "IP4"
        lines = [
            "v=0",
            f"o=- 4711 {version} IN {family} {self._host}",
            "s=-",
            f"c=IN {family} {self._host}",
            "t=0 0",
            f"m=audio {self.port} RTP/AVP {PCMA}",
            "a=rtpmap:8 PCMA/8000",
            "a=ptime:20",
            f"a={direction}",
        ]
        return ("\r\n".join(lines) + "\r\n").encode()

    def start(self, sdp: bytes) -> None:
        """Talk to where the other side's SDP says."""
        self.target = media_address(sdp)
        for thread in self._threads:
            thread.start()

    def listen(self) -> None:
        """Hear, and say nothing."""
        self._threads[1].start()

    def wait_received(self, count: int, timeout_s: float = 15.0, ssrc: int | None = None) -> None:
        """Wait until that many packets came (of one source when asked)."""

        def came() -> int:
            return sum(ssrc in (None, item.ssrc) for item in self.received)

        if not wait_until(lambda: came() >= count, timeout_s):
            raise AssertionError(f"{came()} RTP packets instead of {count} came to {self._host}:{self.port}")

    def heard(self, ssrc: int | None = None) -> Samples:
        """What was received, in order of arrival (of one source when asked)."""
        payloads = [item.payload for item in self.received if ssrc is None or item.ssrc == ssrc]
        return from_alaw(b"".join(payloads))

    def fall_silent(self) -> None:
        """Send no more; go on listening."""
        self._silent.set()

    def stop(self) -> None:
        self._ended.set()
        self._silent.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2)
        self.socket.close()

    def _send(self) -> None:
        coded = alaw(self.voice)
        start = time.monotonic()
        for number in range(len(coded) // _PACKET):
            pause = start + number * 0.02 - time.monotonic()
            if pause > 0:
                self._silent.wait(pause)
            if self._silent.is_set():
                return
            assert self.target is not None
            part = coded[number * _PACKET : (number + 1) * _PACKET]
            self.socket.sendto(packet(number, number * _PACKET, self.ssrc, part, self.payload_type), self.target)

    def _receive(self) -> None:
        self.socket.settimeout(0.2)
        while not self._ended.is_set():
            try:
                data, source = self.socket.recvfrom(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
            except OSError:
                return
            if len(data) >= 12 and data[0] >> 6 == 2 and not 192 <= data[1] <= 223:
                _, kind, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
                self.received.append(Packet(source[:2], kind & 0x7F, sequence, timestamp, ssrc, data[12:]))


class Stranger(Stoppable):
    """Somebody who is no party of a call and sends RTP to its ports all the same."""

    def __init__(self, host: str, voice: Samples) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        coded = alaw(voice)
        self._parts = [coded[at : at + _PACKET] for at in range(0, len(coded) - _PACKET, _PACKET)]
        self._sent = 0

    @property
    def payloads(self) -> set[bytes]:
        """How each of its packets begins, to look for in what others received."""
        return {part[:8] for part in self._parts}

    @property
    def received(self) -> int:
        """How many datagrams came back to it by now."""
        self.socket.setblocking(False)
        count = 0
        while True:
            try:
                self.socket.recv(4096)
            except (BlockingIOError, ConnectionRefusedError):
                return count
            count += 1

    def inject(self, target: tuple[str, int], count: int) -> None:
        """Send that many packets at once."""
        for _ in range(count):
            part = self._parts[self._sent % len(self._parts)]
            with contextlib.suppress(ConnectionRefusedError):
                self.socket.sendto(packet(self._sent, self._sent * _PACKET, 0x666, part), target)
            self._sent += 1

    def stop(self) -> None:
        self.socket.close()


def packet(sequence: int, timestamp: int, ssrc: int, payload: bytes, payload_type: int = PCMA) -> bytes:
    """One RTP packet (RFC 3550 5.1)."""
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def media_address(sdp: bytes) -> tuple[str, int]:
    """Host and port of the first medium."""
    text = sdp.decode()
    port = re.search(r"(?m)^m=\w+ (\d+)", text)
    host = re.search(r"(?m)^c=IN IP[46] (\S+)", text)
    assert port, f"no medium in {text!r}"
    assert host, f"no connection in {text!r}"
    return host[1], int(port[1])


def alaw(samples: Samples) -> bytes:
    """G.711 A-law: the code whose value is nearest."""
    values = np.clip(samples, -1, 1) * 32767
    nearest = np.searchsorted((_SORTED[1:] + _SORTED[:-1]) / 2, values)
    return bytes(_CODES[nearest].astype(np.uint8))


def from_alaw(data: bytes) -> Samples:
    return _VALUES[np.frombuffer(data, np.uint8)] / 32768


def _values() -> Samples:
    """ITU-T G.711 table 1a: sign, three bits of segment, four bits of step; even bits inverted."""
    codes = np.arange(256) ^ 0x55
    segment, step = (codes >> 4) & 7, codes & 15
    magnitude = np.where(segment == 0, step * 16 + 8, (step * 16 + 264) << np.maximum(segment - 1, 0))
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.float64)


_VALUES = _values()
_CODES = np.argsort(_VALUES)
_SORTED = _VALUES[_CODES]

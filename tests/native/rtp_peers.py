"""Peers of a relay on loopback: sockets that speak RTP, and waiting with a deadline for what must happen."""

import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from talkpath._native import Climbed, FirstHeard, Latched, Port, Relay, TimedOut
from talkpath.ice import stun

Event = FirstHeard | Latched | TimedOut | Climbed

PCMA = [(8, 8000, "PCMA"), (101, 8000, "telephone-event")]
# Each process of a run has ports of its own, as those that were given back are opened again.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4
LOW = 20000 + 2500 * _WORKER
HIGH = LOW + 2499
# Long enough for a machine under load; nothing that works waits for it.
DEADLINE_S = 20.0


def rtp(
    sequence: int,
    *,
    payload_type: int = 8,
    timestamp: int | None = None,
    ssrc: int = 0x1234,
    payload: bytes = b"\xd5" * 160,
) -> bytes:
    stamp = sequence * 160 if timestamp is None else timestamp
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc) + payload


def rtcp(ssrc: int = 0x1234) -> bytes:
    """An empty receiver report (RFC 3550 6.4.2)."""
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc)


STUN = struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!")
DTLS = bytes([22, 254, 253]) + bytes(20)


def stun_message(kind: stun.Kind, name: str, password: str) -> bytes:
    return stun.write(kind, b"transaction!", [(stun.Attr.USERNAME, name.encode())], password.encode())


class Peer:
    """A phone's media socket."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.socket.settimeout(DEADLINE_S)
        self.address: tuple[str, int] = self.socket.getsockname()[:2]

    def send(self, port: Port, data: bytes, *, to_rtcp: bool = False) -> None:
        self.socket.sendto(data, (port.host, port.rtcp if to_rtcp else port.rtp))

    def receive(self) -> tuple[bytes, int]:
        """The next datagram and the port it came from."""
        data, source = self.socket.recvfrom(65535)
        return data, source[1]

    def has_nothing(self) -> bool:
        return not select.select([self.socket], [], [], 0)[0]

    def close(self) -> None:
        self.socket.close()


class Peers:
    """Makes peers and closes them all."""

    def __init__(self) -> None:
        self.made: list[Peer] = []

    def __call__(self, host: str = "127.0.0.1", port: int = 0) -> Peer:
        self.made.append(Peer(host, port))
        return self.made[-1]

    def pair(self, host: str = "127.0.0.1") -> tuple[Peer, Peer]:
        """An RTP socket and the RTCP socket on the port above it."""
        for _ in range(100):
            first = self(host)
            try:
                return first, self(host, first.address[1] + 1)
            except (OSError, OverflowError):
                continue
        raise AssertionError("no two ports in a row")


@contextmanager
def peers() -> Iterator[Peers]:
    made = Peers()
    try:
        yield made
    finally:
        for peer in made.made:
            peer.close()


def next_events(relay: Relay, count: int = 1) -> list[Event]:
    """At least so many events, as soon as they are there."""
    told: list[Event] = []
    until = time.monotonic() + DEADLINE_S
    while len(told) < count:
        left = until - time.monotonic()
        assert left > 0, f"only {told}"
        select.select([relay.fileno()], [], [], left)
        told += relay.events()
    return told


class Ticks:
    """Waits of 20 ms, by what the relay itself plays: an event, where only time must pass."""

    def __init__(self, relay: Relay, peer: Peer) -> None:
        self.peer = peer
        self.until = time.monotonic() + DEADLINE_S
        port = relay.open("127.0.0.1", LOW, HIGH)
        relay.expect(port, rtp=peer.address)
        relay.tone(port, 8, "PCMA")

    def wait(self) -> None:
        self.peer.receive()
        assert time.monotonic() < self.until


def until(holds: Callable[[], bool]) -> None:
    """Until what the engine counts is so; its counters make no event to wait for."""
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end

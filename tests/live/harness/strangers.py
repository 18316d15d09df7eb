"""Those who mean harm or are broken: bytes that are no SIP, connections that say nothing, RTP from elsewhere."""

import random
import socket
import ssl
from collections.abc import Iterator

from harness.edge import Doors

# Whom every piece of garbage that is almost a message names in To.
GARBAGE_TO = "<sip:x@y>"

_OPTIONS = (
    b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def garbage(seed: int = 7) -> Iterator[bytes]:
    """Some hundred things that are no SIP message, or almost one; the same ones for the same seed."""
    draw = random.Random(seed)
    yield from (b"\x00", b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 1400, b"A" * 60000)
    yield b"SIP/2.0 200 OK\r\n\r\n"
    yield b"SIP/2.0 99999999999 X\r\nVia: x\r\n\r\n"
    yield _OPTIONS.replace(b"Content-Length: 0", b"Content-Length: 99999999")
    yield _OPTIONS.replace(b"Content-Length: 0", b"Content-Length: -1")
    yield _OPTIONS.replace(b"CSeq: 1", b"CSeq: 99999999999999999999")
    yield _OPTIONS.replace(b"Max-Forwards: 70", b"Max-Forwards: many")
    yield _OPTIONS.replace(b"Max-Forwards", b"X-Long: " + b"y" * 30000 + b"\r\nMax-Forwards")
    yield _OPTIONS.replace(
        b"Max-Forwards", b"".join(b"Via: SIP/2.0/UDP 1.1.1.1\r\n" for _ in range(900)) + b"Max-Forwards"
    )
    yield from (_OPTIONS[:size] for size in range(1, len(_OPTIONS), 17))
    for _ in range(60):
        yield draw.randbytes(draw.randrange(1, 1200))
    for _ in range(60):
        mutated = bytearray(_OPTIONS)
        for _ in range(draw.randrange(1, 6)):
            mutated[draw.randrange(len(mutated))] = draw.randrange(256)
        yield bytes(mutated)


def throw_datagrams(host: str, port: int) -> int:
    """Send all garbage as datagrams; how many."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as thrower:
        items = list(garbage())
        for item in items:
            thrower.sendto(item, (host, port))
    return len(items)


def throw_streams(host: str, port: int, *, tls: bool = False) -> int:
    """Send each piece of garbage down a connection of its own (closed or reset by whoever wants to); how many."""
    count = 0
    for item in list(garbage())[::3]:
        try:
            with connection(host, port, tls=tls) as stream:
                stream.sendall(item)
                stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        count += 1
    return count


def connection(host: str, port: int, *, tls: bool = False) -> socket.socket:
    """A connected stream; nobody's certificate is checked."""
    plain = socket.create_connection((host, port), 5)
    if not tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def half_open(doors: Doors, host: str, count: int) -> list[socket.socket]:
    """Connections that stay: silent ones, half a ClientHello, half an upgrade, half a message. Close them."""
    kept = []
    for number in range(count):
        port, begin = (
            (doors.tcp, b""),
            (doors.tcp, _OPTIONS[:100]),
            (doors.tls, b""),
            (doors.tls, b"\x16\x03\x01\x02\x00\x01\x00"),
            (doors.ws, b"GET / HTTP/1.1\r\nUpgrade: webso"),
            (doors.wss, b""),
        )[number % 6]
        if not port:
            continue
        stream = connection(host, port)
        stream.sendall(begin)
        kept.append(stream)
    return kept

"""The ports of an edge as `talkpath doctor` sees them: who answers where one runs, which are free where none does."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil

from talkpath.app.check.remarks import doors_and_page, ports_taken
from talkpath.app.config.endpoints import parse_address_and_port
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import phrase
from talkpath.app.doctor import words as texts
from talkpath.app.doctor.look import Health, Look, problems
from talkpath.app.node.control import running_edge
from talkpath.app.status.rows import Status
from talkpath.base.address import Address, Transport
from talkpath.ice.stun import Kind, Stun, StunMalformed, write

# On this host an answer takes microseconds; three tries outlast a moment in which the edge is busy.
_TRY_S = 0.5
_TRIES = 3
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


def listeners(config: Config, state: Path, status: Status | None) -> Iterator[Look]:
    """Whether what listens is heard, and whether what does not yet could be opened."""
    taken = list(ports_taken(config, state))
    yield from problems(texts.PORTS, taken)
    if status is None:
        if not taken:
            doors = dict.fromkeys(f"{door.transport.value} {door.listening_port}" for door in doors_and_page(config))
            yield Look(texts.PORTS, Health.GOOD, phrase(texts.FREE, ports=", ".join(doors)))
        return
    silent = [port for port in status.listeners if not _answers(port)]
    yield from problems(texts.PORTS, (phrase(texts.SILENT, port=port) for port in silent))
    if heard := [port for port in status.listeners if port not in silent]:
        yield Look(texts.PORTS, Health.GOOD, phrase(texts.ANSWERS, ports=", ".join(heard)))


def media_ports(config: Config, state: Path) -> Iterator[Look]:
    """Whether media has its ports for itself."""
    first, last = config.media.first_port, config.media.last_port
    values: dict[str, object] = {"first": first, "last": last}
    ours = running_edge(state)
    open_ports = ((one.laddr.port, one.pid) for one in psutil.net_connections("udp") if one.laddr)
    taken = sorted({port for port, pid in open_ports if first <= port <= last and (ours is None or pid != ours)})
    if taken:
        said = phrase(texts.MEDIA_TAKEN, count=len(taken), port=taken[0], **values)
        yield Look(texts.PORTS, Health.NOTE, said)
    handed_out = _handed_out()
    if handed_out is not None and set(range(first, last + 1)) & (set(range(*handed_out)) - _reserved()):
        said = phrase(texts.MEDIA_HANDED_OUT, low=handed_out[0], high=handed_out[1] - 1, **values)
        yield Look(texts.PORTS, Health.NOTE, said)
    elif not taken:
        yield Look(texts.PORTS, Health.GOOD, phrase(texts.MEDIA_FREE, **values))


def stun_answer(speaker: socket.socket, server: tuple[str, int]) -> Address | None:
    """Where a STUN server sees a UDP socket (RFC 8489 section 3); None where none answers."""
    for _ in range(_TRIES):
        transaction = os.urandom(12)
        speaker.settimeout(_TRY_S)
        try:
            speaker.sendto(write(Kind.REQUEST, transaction, ()), server)
            answer = Stun.parse(speaker.recv(2048))
        except (OSError, StunMalformed):
            continue
        if answer.transaction == transaction and answer.kind is Kind.SUCCESS:
            return answer.mapped_address
    return None


def _answers(listener: str) -> bool:
    """Whether a listener, as `talkpath status` names it, answers: STUN over UDP, a connection, a handshake."""
    transport, _, text = listener.partition(" ")
    address = parse_address_and_port(text)
    if address is None:
        return True
    if transport == Transport.UDP:
        family = socket.AF_INET6 if address.is_ipv6 else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as speaker:
            return stun_answer(speaker, address) is not None
    try:
        with socket.create_connection(address, _TRIES * _TRY_S) as connection:
            if Transport(transport).is_secure:
                _handshake(connection)
    except OSError:  # also what TLS refuses
        return False
    return True


def _handshake(connection: socket.socket) -> None:
    """Whether the certificate is right is asked elsewhere; here only whether one is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(connection):
        pass


def _handed_out() -> tuple[int, int] | None:
    """The ports that Linux gives to programs that name none, as for `range`; None where it does not say."""
    try:
        low, high = _RANGE.read_text().split()
    except (OSError, ValueError):
        return None
    return int(low), int(high) + 1


def _reserved() -> set[int]:
    try:
        parts = _RESERVED.read_text().strip().split(",")
    except OSError:
        return set()
    spans = (part.partition("-") for part in parts if part)
    return {port for low, _, high in spans for port in range(int(low), int(high or low) + 1)}

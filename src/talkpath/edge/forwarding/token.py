"""Flow tokens: what our Record-Route carries, so that an in-dialog request finds its way without our memory.

A token names the flow to one side of a dialog (RFC 5626 section 5.2) and is sealed with a keyed hash: only tokens
that this edge, or another node with the same key, made are followed. It is short, because it stands in every request
of the dialog: 24 bytes for a datagram flow of IPv4, 37 where it serves both sides, 8 more for a connection, 3 in a
cluster, whose nodes read each other's tokens and must know which of them it means.
"""

from functools import lru_cache
from ipaddress import ip_address
from zlib import crc32

from talkpath._native import Seal
from talkpath.base.address import Address, Flow, Transport

_TRANSPORTS = list(Transport)
_NUMBER = {transport: number for number, transport in enumerate(_TRANSPORTS)}
# The number of a connection, with the mark of its process (`base/address.py`).
_CONNECTION_BYTES = 8
# Tokens of another make are none of ours.
_MAKE = b"flows 2"


class Route:
    """What a token says: the flows to both sides, None for a side that another token of ours names.

    `caller_mark` tells which party a request comes from when its source address does not (a NAT rebound it).
    `cseq_shift` is what the callee counts more in CSeq than the caller, because it was asked again. `node` is the
    mark of the node that made it.
    """

    # No named tuple: compiled, this is made in a fifth of the time, twice a call.
    __slots__ = ("callee", "caller", "caller_mark", "cseq_shift", "node")

    def __init__(
        self, caller: Flow | None, callee: Flow | None, caller_mark: bytes, cseq_shift: int = 0, node: bytes = b""
    ) -> None:
        self.caller = caller
        self.callee = callee
        self.caller_mark = caller_mark
        self.cseq_shift = cseq_shift
        self.node = node

    def shift(self, from_tag: str) -> int:
        """What the other side counts more in CSeq than who sends with this From tag; less than 0 for less."""
        if not self.cseq_shift:
            return 0
        return self.cseq_shift if mark(from_tag) == self.caller_mark else -self.cseq_shift

    def onward(self, source: Flow, from_tag: str) -> Flow | None:
        """The flow to the other side of a request that came on `source` with this From tag."""
        if self.caller is None or self.callee is None:
            return self.caller or self.callee
        return self.callee if mark(from_tag) == self.caller_mark else self.caller


def mark(tag: str) -> bytes:
    """Two bytes that tell the tags of the two parties of a dialog apart, or the nodes of a cluster."""
    return (crc32(tag.encode("utf-8", "surrogateescape")) & 0xFFFF).to_bytes(2, "big")


@lru_cache(4096)
def _packed_host(host: str) -> bytes:
    return ip_address(host).packed


@lru_cache(4096)
def _host(packed: bytes) -> str:
    return str(ip_address(packed))


def _pack(flow: Flow | None) -> bytes:
    return b"\xff" if flow is None else packed_flow(flow)


# Each call of a phone, and all with a gateway, name the same flow.
@lru_cache(4096)
def packed_flow(flow: Flow) -> bytes:
    """A flow in few bytes."""
    packed = _packed_host(flow.remote.host)
    local = _packed_host(flow.local.host)
    head = _NUMBER[flow.transport] | (0x10 if len(packed) == 16 else 0) | (0x20 if flow.connection else 0)
    number = flow.connection.to_bytes(_CONNECTION_BYTES, "big") if flow.connection else b""
    ports = flow.local.port.to_bytes(2, "big") + flow.remote.port.to_bytes(2, "big")
    return bytes((head,)) + ports + local + packed + number


def _unpack(data: bytes) -> tuple[Flow | None, bytes]:
    head = data[0]
    if head == 0xFF:
        return None, data[1:]
    size = 5 + (32 if head & 0x10 else 8) + (_CONNECTION_BYTES if head & 0x20 else 0)
    return _flow(data[:size]), data[size:]


def unpacked_flow(data: bytes) -> Flow:
    """The flow of its bytes, which we or another node packed."""
    return _flow(data)


@lru_cache(4096)
def _flow(data: bytes) -> Flow:
    head = data[0]
    size = 16 if head & 0x10 else 4
    local_port, remote_port = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
    here = Address(_host(data[5 : 5 + size]), local_port)
    there = Address(_host(data[5 + size : 5 + 2 * size]), remote_port)
    connection = int.from_bytes(data[5 + 2 * size :], "big") if head & 0x20 else 0
    return Flow(_TRANSPORTS[head & 0x0F], here, there, connection)


class Tokens:
    """Makes and reads tokens; those of a node of a cluster bear its mark."""

    def __init__(self, key: bytes, node: str = "") -> None:
        self._seal = Seal(key, _MAKE)
        self.node = mark(node) if node else b""

    def make(
        self, caller: Flow | None, callee: Flow | None, caller_tag: str, call_id: str, cseq_shift: int = 0
    ) -> str:
        """The token for one side, or for both where one Record-Route serves both; good within this Call-ID."""
        plain = mark(caller_tag) + _pack(caller) + _pack(callee)
        if cseq_shift or self.node:
            plain += bytes((cseq_shift,)) + self.node
        return self._seal.token(plain, call_id)

    def read(self, token: str, call_id: str) -> Route | None:
        """What a token says, or None when we did not make it for this Call-ID."""
        plain = self._seal.opened(token, call_id)
        if plain is None:
            return None
        caller, rest = _unpack(plain[2:])
        callee, rest = _unpack(rest)
        return Route(caller, callee, plain[:2], rest[0] if rest else 0, rest[1:])

    def made(self, route: str, call_id: str) -> bool:
        """Whether a Route value is an entry of ours, or of another node with our key."""
        user = route.partition("@")[0].partition(":")[2]
        return bool(user) and self.read(user, call_id) is not None

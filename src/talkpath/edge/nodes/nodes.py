"""The other nodes of a cluster as the edge sees them, and the passes with which one sends a request to another.

A phone is rung by the node that holds its flow. Who has the call anchors its media and sends the INVITE to that node,
one hop; what it may ask there says a pass in the Route, sealed with a key that only nodes have and good for this very
request. So who is called needs not be admitted twice, and nobody else can ring a phone past the admission.

Within a call it is the same: what is for a phone goes to the node that holds its flow, and what a phone says to a
node that does not run its call is brought, with a pass that names the flow it came on, to the one that does.
"""

from binascii import a2b_base64, b2a_base64
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple, Protocol

import msgspec

from talkpath.base import octets
from talkpath.base.address import Address, Flow, Target
from talkpath.edge.forwarding.token import packed_flow, unpacked_flow
from talkpath.sip.message import Message

# What stands before a pass in the user part of a Route, where tokens have none.
_SIGN = "~"
_SEAL_BYTES = 16
_MAKE = b"node pass 1"
# How many words stand in a pass.
_WORDS = 7
# A name of a user may be long; what is longer than this is no pass.
_MOST_CHARACTERS = 2_000


class Nodes(Protocol):
    """The other nodes, answered at once."""

    def way_to(self, name: str) -> Target | None:
        """Where the signalling of that node is reached; None for one that is not there."""

    def named(self, mark: bytes) -> str:
        """The node that stands whose tokens bear that mark, "" for none."""

    def runner_of(self, call_id: str, tag: str) -> str:
        """The node that said last that it runs the call of a caller with this tag, "" for none that is known."""

    def is_heard(self) -> bool:
        """Whether it is known which nodes are there: without the engine of the cluster nobody knows."""


class NoNodes:
    """There is this node alone."""

    def way_to(self, name: str) -> Target | None:
        return None

    def named(self, mark: bytes) -> str:
        return ""

    def runner_of(self, call_id: str, tag: str) -> str:
        return ""

    def is_heard(self) -> bool:
        return True


ALONE = NoNodes()


class Elsewhere(NamedTuple):
    """A phone that another node holds: that node, the registration of the phone if it has one, and the flow on which
    it was seen there."""

    node: str
    user: str = ""
    identity: tuple[str, str] = ("", "")
    flow: Flow | None = None


class Pass(NamedTuple):
    """What a node asks of another: to send this request to that phone; or, where it `is_brought`, to take it from
    that phone, which said it to the wrong node. `node` is who asks."""

    node: str
    user: str
    identity: tuple[str, str]
    flow: Flow | None = None
    is_brought: bool = False
    behind_nat: bool = False


class Bound(NamedTuple):
    """The request that a pass is good for, as it goes on."""

    call_id: str
    from_tag: str
    to_tag: str
    number: int
    method: str


def bound_to(request: Message, cseq_shift: int = 0) -> Bound:
    """A request that goes on with a CSeq so much higher."""
    number, method = request.cseq
    return Bound(request.call_id, request.from_tag, request.to_tag, number + max(0, cseq_shift), method)


class Passes:
    """Makes passes and reads them. Without a key none is good."""

    def __init__(self, node: str, key: bytes) -> None:
        self.node = node
        self._key = key

    def to_phone(self, bound: Bound, phone: Elsewhere, there: Target) -> str:
        """The Route value that leads a request to a phone of the node at `there`."""
        return self._route(bound, Pass(self.node, phone.user, phone.identity, phone.flow), there)

    def brought(self, bound: Bound, flow: Flow, behind_nat: bool, there: Target) -> str:
        """The Route value with which the node at `there`, which runs the call, gets what came here on `flow`."""
        return self._route(bound, Pass(self.node, "", ("", ""), flow, True, behind_nat), there)

    def _route(self, bound: Bound, permit: Pass, there: Target) -> str:
        flow = "" if permit.flow is None else packed_flow(permit.flow).hex()
        signs = ("brought" if permit.is_brought else "", "nat" if permit.behind_nat else "")
        words = [_escaped(text) for text in (permit.node, permit.user, *permit.identity, flow, *signs)]
        plain = msgspec.json.encode(words)
        text = b2a_base64(self._seal(plain, bound) + plain, newline=False).decode()
        sealed = text.rstrip("=").replace("+", "-").replace("/", "_")
        transport = f";transport={there.transport.lower()}" if there.transport.is_reliable else ""
        return f"<sip:{_SIGN}{sealed}@{Address(*there.remote)}{transport};lr>"

    def read(self, user: str, request: Message) -> Pass | None:
        """What the user part of a Route says, None where no node made it for this request."""
        if not self._key or not user.startswith(_SIGN) or len(user) > _MOST_CHARACTERS:
            return None
        text = user[1:]
        try:
            data = a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
        except ValueError:
            return None
        seal, plain = data[:_SEAL_BYTES], data[_SEAL_BYTES:]
        if not compare_digest(seal, self._seal(plain, bound_to(request))):
            return None
        # What a later version says behind it is passed over.
        words = [_plain(word) for word in msgspec.json.decode(plain, type=list[str])]
        node, name, instance, key, packed, brought, nat = (words + [""] * _WORDS)[:_WORDS]
        flow = unpacked_flow(bytes.fromhex(packed)) if packed else None
        return Pass(node, name, (instance, key), flow, bool(brought), bool(nat))

    def _seal(self, plain: bytes, bound: Bound) -> bytes:
        call_id, from_tag, to_tag, number, method = bound
        sealed = plain + octets.raw(f"\0{call_id}\0{from_tag}\0{to_tag}\0{number}{method}")
        return blake2b(sealed, key=self._key, digest_size=_SEAL_BYTES, person=_MAKE).digest()


def _escaped(text: str) -> str:
    """Bytes that are no UTF-8 stand in our texts as lone surrogates, which JSON does not take."""
    return octets.raw(text).decode("latin-1")


def _plain(text: str) -> str:
    return octets.text(text.encode("latin-1"))

"""The other nodes of a cluster as the edge sees them, and the passes with which one sends a request to another.

A phone is rung by the node that holds its flow. Who has the call anchors its media and sends the INVITE to that node,
one hop; what it may ask there says a pass in the Route, sealed with a key that only nodes have and good for this very
request. So who is called needs not be admitted twice, and nobody else can ring a phone past the admission.
"""

from binascii import a2b_base64, b2a_base64
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple, Protocol

import msgspec

from talkpath.base import octets
from talkpath.base.address import Address, Target
from talkpath.sip.message import Message

# What stands before a pass in the user part of a Route, where tokens have none.
_SIGN = "~"
_SEAL_BYTES = 16
_MAKE = b"node pass 1"
# A name of a user may be long; what is longer than this is no pass.
_MOST_CHARACTERS = 2_000


class Nodes(Protocol):
    """The other nodes, answered at once."""

    def way_to(self, name: str) -> Target | None:
        """Where the signalling of that node is reached; None for one that is not there."""

    def is_there(self, mark: bytes) -> bool:
        """Whether a node stands whose tokens bear that mark."""

    def is_heard(self) -> bool:
        """Whether it is known which nodes are there: without the engine of the cluster nobody knows."""


class NoNodes:
    """There is this node alone."""

    def way_to(self, name: str) -> Target | None:
        return None

    def is_there(self, mark: bytes) -> bool:
        return False

    def is_heard(self) -> bool:
        return True


ALONE = NoNodes()


class Pass(NamedTuple):
    """What a node asks of another: to send this request to that phone. `node` is who asks."""

    node: str
    user: str
    identity: tuple[str, str]


class Passes:
    """Makes passes and reads them. Without a key none is good."""

    def __init__(self, node: str, key: bytes) -> None:
        self.node = node
        self._key = key

    def route(
        self, request: Message, user: str, identity: tuple[str, str], there: Target, cseq_shift: int = 0
    ) -> str:
        """The Route value that leads to a phone of the node `there`, for a request that goes there with a CSeq so
        much higher."""
        number = request.cseq.number + cseq_shift
        plain = msgspec.json.encode([_escaped(text) for text in (self.node, user, *identity)])
        text = b2a_base64(self._seal(plain, request, number) + plain, newline=False).decode()
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
        if not compare_digest(seal, self._seal(plain, request, request.cseq.number)):
            return None
        node, name, instance, key = (_plain(text) for text in msgspec.json.decode(plain, type=list[str]))
        return Pass(node, name, (instance, key))

    def _seal(self, plain: bytes, request: Message, number: int) -> bytes:
        bound = f"\0{request.call_id}\0{request.from_tag}\0{request.to_tag}\0{number}{request.method}"
        sealed = plain + octets.raw(bound)
        return blake2b(sealed, key=self._key, digest_size=_SEAL_BYTES, person=_MAKE).digest()


def _escaped(text: str) -> str:
    """Bytes that are no UTF-8 stand in our texts as lone surrogates, which JSON does not take."""
    return octets.raw(text).decode("latin-1")


def _plain(text: str) -> str:
    return octets.text(text.encode("latin-1"))

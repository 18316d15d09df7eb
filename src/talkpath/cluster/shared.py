"""What all nodes of a cluster have in common: the keys of routes and nonces, and the certificate for DTLS.

So a token, a nonce or a fingerprint that one node gave is good at every other. The first node of a cluster gives what
it has; who comes later takes what is there, and keeps it in its state directory, to start without the engine too.
"""

from collections.abc import Callable, Iterable

import msgspec

from talkpath.cluster.copy import LiveCopy
from talkpath.cluster.envelope import Envelope, Place, packed
from talkpath.cluster.sealing import Seal

KIND = "shared"
PLACE = Place(KIND, "identity")
# It does not end; the engine lets go of what nobody renews, so that it is said anew from time to time.
_FOR_EVER = 4e9
AGAIN_S = 6 * 3600.0


class Shared(msgspec.Struct, frozen=True):
    """Keys of 32 bytes; certificate and its private key in DER."""

    token_key: bytes
    nonce_key: bytes
    certificate: bytes
    certificate_key: bytes
    made_at: float = 0.0


def encoded(shared: Shared) -> bytes:
    return msgspec.msgpack.encode(shared)


def decoded(data: bytes) -> Shared:
    """Raises ValueError."""
    try:
        shared = msgspec.msgpack.decode(data, type=Shared)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if len(shared.token_key) < 32 or len(shared.nonce_key) < 32:
        raise ValueError("a key is too short")
    return shared


class SharedKind:
    """Keeps the record. `found` is what the engine has, None where it has none or was not read."""

    def __init__(self, copy: LiveCopy) -> None:
        self.found: Shared | None = None
        self.ours: Shared | None = None
        self._said_at: float | None = None
        self._copy = copy
        copy.keep(KIND, self)

    @property
    def is_another(self) -> bool:
        """Whether the cluster has other keys than those with which this node runs."""
        return self.ours is not None and self.found is not None and self.found != self.ours

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        self.found = decoded(envelope.body)
        self._said_at = envelope.at

    def lost(self, key: str, node: str, now: float) -> None:
        """It never ends."""

    def own(self) -> Iterable[str]:
        return () if self.ours is None or self.is_another else (PLACE.key,)

    def say(self, key: str) -> tuple[bytes, float] | None:
        return None if self.ours is None else (encoded(self.ours), _FOR_EVER)

    def expire(self, now: float) -> None:
        """Say it anew, before the engine lets go of it."""
        if self.ours is None or self.is_another or not self._copy.is_whole:
            return
        if self._said_at is None or now - self._said_at >= AGAIN_S:
            self._said_at = now
            self._copy.put(PLACE, encoded(self.ours), _FOR_EVER, now)


def first(node: str, seal: Seal, shared: Shared, now: float) -> bytes:
    """The record as the first node of a cluster writes it."""
    return seal.seal(PLACE, packed(Envelope(node, now, _FOR_EVER, encoded(shared))))[1]


#: Makes what is shared where nothing is there yet.
MakeShared = Callable[[], Shared]

"""Seals records with the secret of the cluster, so that the engine and its operators see neither keys nor names.

    version (1 byte) | mark of the writing process (16) | number of the record (8) | AES-256-GCM of the envelope

The mark makes a key of its own for each process (HKDF), in which the number is the nonce: no nonce comes twice,
however many records a node writes and however often it starts. Kind and key of the record are authenticated with it,
so that none can be put in another's place. The secret is a text that somebody chose, and is stretched by scrypt.
"""

from enum import Enum, auto
from hashlib import blake2b, scrypt

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from talkpath.base import limits
from talkpath.cluster.envelope import VERSION, Place

MARK_BYTES = 16
_NUMBER_BYTES = 8
_HEAD_BYTES = 1 + MARK_BYTES + _NUMBER_BYTES
_KEY_BYTES = 32
# 32 MiB and a tenth of a second, once at start.
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}


class Unreadable(Enum):
    """Why a record cannot be opened."""

    #: A newer talkpath wrote it.
    NEWER = auto()
    #: Another secret sealed it, or it was changed.
    FOREIGN = auto()


class Opened:
    """The mark of the process that wrote a record, its number there, and its bytes."""

    __slots__ = ("data", "mark", "number")

    def __init__(self, mark: bytes, number: int, data: bytes) -> None:
        self.mark = mark
        self.number = number
        self.data = data


class Seal:
    """Seals for one process of a cluster; opens what all of them sealed. `mark`: 16 bytes that no process had."""

    def __init__(self, secret: str, cluster: str, mark: bytes) -> None:
        assert len(mark) == MARK_BYTES
        self._root = scrypt(secret.encode(), salt=b"talkpath cluster " + cluster.encode(), dklen=32, **_SCRYPT)
        self.mark = mark
        self._number = 0
        self._own = self._cipher(mark)
        self._others: dict[bytes, AESGCM] = {}
        self._names = self.derived(b"names of records")

    def derived(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for something else that all nodes share."""
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"talkpath " + purpose).derive(self._root)

    def name(self, *words: str) -> str:
        """A key for what these words name; who does not know the secret learns nothing of them."""
        told = "\0".join(words).encode("utf-8", "surrogateescape")
        return blake2b(told, key=self._names, digest_size=16).hexdigest()

    def seal(self, place: Place, data: bytes) -> tuple[int, bytes]:
        """The number of this record, which rises with each, and its bytes."""
        self._number += 1
        number = self._number.to_bytes(_NUMBER_BYTES, "big")
        head = bytes((VERSION,)) + self.mark + number
        return self._number, head + self._own.encrypt(b"\0\0\0\0" + number, data, _bound(place))

    def own_number(self, data: bytes) -> int | None:
        """The number of a record that this process sealed, by its head alone; None for one of others."""
        if data[1 : 1 + MARK_BYTES] != self.mark:
            return None
        return int.from_bytes(data[1 + MARK_BYTES : _HEAD_BYTES], "big")

    def open(self, place: Place, data: bytes) -> Opened | Unreadable:
        if not data or data[0] > VERSION:
            return Unreadable.NEWER if data else Unreadable.FOREIGN
        mark, number = data[1 : 1 + MARK_BYTES], data[1 + MARK_BYTES : _HEAD_BYTES]
        if data[0] != VERSION or len(number) != _NUMBER_BYTES:
            return Unreadable.FOREIGN
        try:
            plain = self._of(mark).decrypt(b"\0\0\0\0" + number, data[_HEAD_BYTES:], _bound(place))
        except (InvalidTag, ValueError):
            return Unreadable.FOREIGN
        return Opened(mark, int.from_bytes(number, "big"), plain)

    def _of(self, mark: bytes) -> AESGCM:
        known = self._others.get(mark)
        if known is None:
            if len(self._others) >= limits.CLUSTER_PROCESSES:
                self._others.clear()
            known = self._others[mark] = self._cipher(mark)
        return known

    def _cipher(self, mark: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt=mark, info=b"talkpath records").derive(self._root))


def _bound(place: Place) -> bytes:
    return f"{VERSION}.{place.kind}.{place.key}".encode()

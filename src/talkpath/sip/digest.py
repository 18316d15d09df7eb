"""Digest authentication arithmetic (RFC 7616, RFC 8760; RFC 2617 clients without qop too)."""

import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum
from hashlib import blake2b, md5, new, sha256


class Algorithm(StrEnum):
    """Hash algorithms of our own challenges, by the name they bear there."""

    MD5 = "MD5"
    SHA256 = "SHA-256"


def _md5(text: str) -> str:
    return md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _sha512_256(text: str) -> str:
    return new("sha512_256", text.encode("utf-8", "surrogateescape")).hexdigest()


_HASH: dict[str, Callable[[str], str]] = {"MD5": _md5, "SHA-256": _sha256, "SHA-512-256": _sha512_256}

#: The algorithms with which a challenge of somebody else is answered.
ANSWERED = frozenset(_HASH)

_BY_NAME = {str(algorithm): algorithm for algorithm in Algorithm}


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(username:realm:password) in hex: what an account keeps instead of a password."""
    return _HASH[algorithm](f"{username}:{realm}:{password}")


def response(algorithm: str, secret: str, method: str, params: Mapping[str, str], body: bytes = b"") -> str:
    """The response that proves `secret` (an HA1) for these credentials (RFC 7616 section 3.4.1); `body` counts with
    the quality of protection that covers it, auth-int."""
    digest = _HASH[algorithm]
    nonce = params.get("nonce", "")
    qop = params.get("qop")
    text = f"{method}:{params.get('uri', '')}"
    if qop == "auth-int":
        text += ":" + digest(body.decode("utf-8", "surrogateescape"))
    ha2 = digest(text)
    if qop is None:
        return digest(f"{secret}:{nonce}:{ha2}")
    return digest(f"{secret}:{nonce}:{params.get('nc', '')}:{params.get('cnonce', '')}:{qop}:{ha2}")


def algorithm_of(params: Mapping[str, str]) -> Algorithm | None:
    """The algorithm that credentials name; MD5 when they name none; None when it is not one of ours."""
    return _BY_NAME.get(params.get("algorithm", "MD5").upper())


class Nonces:
    """Nonces that need no memory: the time they were made, a number that makes each unique, and a MAC over both and
    the place that it was made for. Who shows one has heard us there, whatever address his datagrams bear."""

    def __init__(self, key: bytes, lifetime_s: float) -> None:
        # Copied for each: the key is worked in once.
        self._keyed = blake2b(key=key, digest_size=12)
        self.lifetime_s = lifetime_s
        self._made = 0

    def fresh(self, place: str, now: float) -> str:
        self._made += 1
        made = f"{hex(int(now))[2:]}-{hex(self._made)[2:]}"
        return f"{made}.{self._mac(made, place)}"

    def is_ours(self, nonce: str, place: str) -> bool:
        """Whether we made it for that place, however long ago."""
        made, _, mac = nonce.partition(".")
        return hmac.compare_digest(mac.encode("utf-8", "replace"), self._mac(made, place).encode())

    def is_stale(self, nonce: str, now: float) -> bool:
        """Whether a nonce of ours has lived too long."""
        return now - int(nonce.partition("-")[0], 16) > self.lifetime_s

    def _mac(self, made: str, place: str) -> str:
        keyed = self._keyed.copy()
        keyed.update(f"{made} {place}".encode("utf-8", "replace"))
        return keyed.hexdigest()


def challenge(algorithm: Algorithm, realm: str, nonce: str, stale: bool) -> str:
    """The value of a WWW-Authenticate or Proxy-Authenticate field."""
    old = ",stale=true" if stale else ""
    return f'Digest realm="{realm}",nonce="{nonce}",algorithm={algorithm},qop="auth"{old}'

"""Our certificate, and the fingerprints that bind a handshake to a description (RFC 8122)."""

import datetime
import hashlib
import hmac
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from talkpath.base.errors import Malformed

# Strongest first. Of several fingerprints only those of the strongest hash that we know count (RFC 8122 section 5,
# whose md5 and md2 must not be used any more).
_HASHES = {
    "sha-512": hashlib.sha512,
    "sha-384": hashlib.sha384,
    "sha-256": hashlib.sha256,
    "sha-224": hashlib.sha224,
    "sha-1": hashlib.sha1,
}
_VALID_DAYS = 397


class FingerprintMalformed(Malformed):
    """An `a=fingerprint` that is none."""

    def __init__(self, reason: str) -> None:
        super().__init__("fingerprint-malformed", f"{reason}; the line was passed over", "a=fingerprint")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`a=fingerprint`: hash name in lower case, digest in bytes."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, value: str) -> "Fingerprint":
        """Raises FingerprintMalformed. An unknown hash is kept; it matches nothing."""
        name, _, text = value.strip().partition(" ")
        algorithm = name.lower()
        try:
            digest = bytes.fromhex(text.strip().replace(":", ""))
        except ValueError:
            raise FingerprintMalformed("the digest is not hexadecimal") from None
        if not algorithm or not 0 < len(digest) <= 64:
            raise FingerprintMalformed("hash or digest is missing")
        known = _HASHES.get(algorithm)
        if known is not None and len(digest) != known().digest_size:
            raise FingerprintMalformed(f"{len(digest)} bytes are no {algorithm} digest")
        return cls(algorithm, digest)

    @classmethod
    def of(cls, certificate: bytes, algorithm: str = "sha-256") -> "Fingerprint":
        """The fingerprint of a certificate in DER."""
        return cls(algorithm, _HASHES[algorithm](certificate).digest())

    @property
    def is_known(self) -> bool:
        """Whether a certificate can be checked against it."""
        return self.algorithm in _HASHES

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest.hex(':').upper()}"


def verdict(certificate: bytes, signalled: tuple[Fingerprint, ...]) -> tuple[Fingerprint, bool]:
    """The fingerprint of the certificate (DER) that counts, and whether the description named it."""
    for algorithm in _HASHES:
        named = [fingerprint for fingerprint in signalled if fingerprint.algorithm == algorithm]
        if named:
            shown = Fingerprint.of(certificate, algorithm)
            return shown, any(hmac.compare_digest(shown.digest, each.digest) for each in named)
    return Fingerprint.of(certificate), False


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed P-256 certificate and its key; one serves a node for all its calls."""

    der: bytes
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, now: float, days: int = _VALID_DAYS) -> "Certificate":
        """A new one, valid from a day before `now` for so many days. The key's entropy is the operating system's."""
        key = ec.generate_private_key(ec.SECP256R1())
        # A browser's certificate says "WebRTC"; the name means nothing, the fingerprint all.
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "talkpath")])
        at = datetime.datetime.fromtimestamp(now, datetime.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - datetime.timedelta(days=1))
            .not_valid_after(at + datetime.timedelta(days=days))
            .sign(key, hashes.SHA256())
        )
        return cls(built.public_bytes(serialization.Encoding.DER), key)

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint.of(self.der)

"""The certificate of the TLS and WSS listeners: checking a given one, making a self-signed one."""

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from talkpath.app import words
from talkpath.app.config import words as config_words
from talkpath.app.phrase import Phrase, Trouble, phrase
from talkpath.store.files import replace

# Apple's systems refuse server certificates that live longer, even trusted ones.
SELF_SIGNED_DAYS = 825


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files of a certificate chain and its private key."""

    certificate: Path
    key: Path


def mistakes_in_pair(certificate: Path, key: Path) -> Iterator[tuple[str, Phrase]]:
    """What is wrong with a certificate and its key, each with the configuration key that it concerns."""
    own, private = _certificate(certificate), _key(key)
    if isinstance(own, Phrase):
        yield "certificate", own
    elif own.not_valid_after_utc < datetime.now(UTC):
        date = own.not_valid_after_utc.date()
        yield "certificate", phrase(config_words.CERTIFICATE_EXPIRED, path=certificate, date=date)
    if isinstance(private, Phrase):
        yield "key", private
    elif not isinstance(own, Phrase) and _spki(own.public_key()) != _spki(private.public_key()):
        yield "key", phrase(config_words.KEY_MISMATCH, key=key, certificate=certificate)
    elif not isinstance(own, Phrase) and (reason := _refusal(certificate, key)):
        yield "certificate", phrase(config_words.CERTIFICATE_REFUSED, path=certificate, reason=reason)


def mistake_in_certificates(path: Path) -> Phrase | None:
    """What is wrong with a file of certificates; None when they can be read."""
    found = _certificate(path)
    return found if isinstance(found, Phrase) else None


def self_signed(directory: Path, names: Iterable[str]) -> CertificateFiles:
    """The self-signed certificate kept in `directory`, made when it is missing, has ended or lacks a name.

    `names` are host names and IP addresses that phones may connect to. Raises `Trouble` when the directory
    cannot be written.
    """
    files = CertificateFiles(directory / "certificate.pem", directory / "certificate.key")
    wanted = sorted(set(names) | {"localhost", socket.gethostname()})
    if not _still_serves(files, wanted):
        try:
            _make(files, wanted)
        except OSError as error:
            what = phrase(words.STATE_UNWRITABLE, path=directory, reason=error.strerror)
            raise Trouble("state-unwritable", what) from error
    return files


def _refusal(certificate: Path, key: Path) -> str:
    """Why OpenSSL does not serve a pair that is well formed: its key is too short, its digest too old; "" when it
    does."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        return (error.reason or str(error)).lower().replace("_", " ")
    return ""


def _certificate(path: Path) -> x509.Certificate | Phrase:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as error:
        return phrase(config_words.PEM_UNREADABLE, path=path, reason=error.strerror)
    except ValueError:
        return phrase(config_words.NO_CERTIFICATE, path=path)


def _key(path: Path) -> PrivateKeyTypes | Phrase:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        return phrase(config_words.PEM_UNREADABLE, path=path, reason=error.strerror)
    except (ValueError, TypeError):  # TypeError: a passphrase is needed
        return phrase(config_words.NO_KEY, path=path)


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _still_serves(files: CertificateFiles, wanted: list[str]) -> bool:
    """Whether the kept certificate holds for a month and names everything wanted: phones may have pinned it."""
    own = _certificate(files.certificate)
    if isinstance(own, Phrase) or isinstance(_key(files.key), Phrase):
        return False
    if own.not_valid_after_utc < datetime.now(UTC) + timedelta(days=30):
        return False
    named = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return all(_general_name(name) in named for name in wanted)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode())


def _make(files: CertificateFiles, names: list[str]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "talkpath self-signed")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Phones with a clock that is a little late shall not refuse it.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=SELF_SIGNED_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files.certificate.parent.mkdir(parents=True, exist_ok=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace(files.key, private, mode=0o600)
    replace(files.certificate, certificate.public_bytes(Encoding.PEM), mode=0o600)

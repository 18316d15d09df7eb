"""The certificate of the TLS and WSS listeners: checking a given one, making a self-signed one."""

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
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
from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.process.host import host_addresses
from talkpath.store.files import replace

# Apple's systems refuse server certificates that live longer, even trusted ones.
SELF_SIGNED_DAYS = 825


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files of a certificate chain and its private key."""

    certificate: Path
    key: Path


def certificates_of(config: Config, state: Path) -> tuple[CertificateFiles, ...]:
    """What the secure listeners show, first what everybody gets who asks for none of the other names; nothing where
    there are no such listeners. Raises `Trouble` as `self_signed` does."""
    secure = [door for door in config.doors if door.transport.is_secure]
    if not secure:
        return ()
    tls = config.tls
    others = (CertificateFiles(Path(one.certificate), Path(one.key)) for one in tls.others)
    if tls.certificate:
        return (CertificateFiles(Path(tls.certificate), Path(tls.key)), *others)
    advertised = [endpoint[0] for door in secure if (endpoint := parse_endpoint(door.advertised))]
    return (self_signed(state, [*host_addresses(), *config.domains, *advertised]), *others)


def server_context(pairs: Sequence[CertificateFiles]) -> ssl.SSLContext | None:
    """What TLS and WSS listeners show: the first pair, or the one that names what a peer asks for (RFC 6066 section
    3). None for none. Raises OSError where one of them cannot be served."""
    contexts: list[ssl.SSLContext] = []
    by_name: dict[str, ssl.SSLContext] = {}
    for pair in pairs:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        contexts.append(context)
        for name in _names(pair.certificate):
            by_name.setdefault(name, context)
    if len(contexts) > 1:

        def choose(peer: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            wanted = (name or "").rstrip(".").lower()
            peer.context = by_name.get(wanted) or by_name.get(f"*.{wanted.partition('.')[2]}") or contexts[0]

        contexts[0].sni_callback = choose
    return contexts[0] if contexts else None


def _names(certificate: Path) -> list[str]:
    """The host names of a certificate, in lower case."""
    own = _certificate(certificate)
    if isinstance(own, Phrase):
        return []
    try:
        named = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in named.get_values_for_type(x509.DNSName)]


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

"""What phones and browsers will find amiss with a certificate that can be served."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto

from talkpath.app.check import words as texts
from talkpath.app.config.endpoints import is_address, parse_endpoint
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase

# Who renews automatically does so a month before; after two weeks nobody did.
_SOON = timedelta(days=14)
# OpenSSL: the issuer of the last certificate was not found.
_NO_ISSUER = 20


def certificate_remarks(config: Config) -> Iterator[Phrase]:
    """What is to be said of the configured certificate; nothing of one that cannot be read, which is a mistake."""
    if not config.tls.certificate or not any(door.transport.is_secure for door in config.doors):
        return
    path = Path(config.tls.certificate)
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return
    yield from _soon_over(path, chain[0])
    yield from _for_others(path, chain[0], config)
    if (last := _last_without_issuer(chain)) is not None:
        yield phrase(texts.CHAIN_ENDS, path=path, issuer=last.issuer.rfc4514_string())


def names_wanted(config: Config) -> list[str]:
    """The host names by which phones and browsers look for the secure listeners: the domains (RFC 5922 section 7.2)
    and what these listeners advertise. Only where there are none, their addresses."""
    secure = [door for door in config.doors if door.transport.is_secure]
    told = [endpoint[0] for door in secure if (endpoint := parse_endpoint(door.advertised))]
    names = dict.fromkeys((*config.domains, *told))
    return [name for name in names if not is_address(name)] or list(names)


def _soon_over(path: Path, own: x509.Certificate) -> Iterator[Phrase]:
    left = own.not_valid_after_utc - datetime.now(UTC)
    if timedelta() < left < _SOON:
        yield phrase(texts.ENDS_SOON, path=path, date=own.not_valid_after_utc.date(), days=left.days)
    if own.not_valid_before_utc > datetime.now(UTC):
        yield phrase(texts.BEGINS_LATER, path=path, date=own.not_valid_before_utc.date())


def _for_others(path: Path, own: x509.Certificate, config: Config) -> Iterator[Phrase]:
    try:
        named = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        yield phrase(texts.NAMES_NOBODY, path=path)
        return
    hosts = named.get_values_for_type(x509.DNSName)
    addresses = [str(one) for one in named.get_values_for_type(x509.IPAddress)]
    missing = [name for name in names_wanted(config) if name not in addresses and not _is_named(name, hosts)]
    if missing:
        yield phrase(texts.OTHER_NAME, path=path, names=", ".join([*hosts, *addresses]), missing=", ".join(missing))


def _is_named(name: str, hosts: Iterable[str]) -> bool:
    """Whether one of the names of a certificate is that, or has a * for its first label (RFC 6125 section 6.4.3)."""
    name = name.rstrip(".").lower()
    patterns = {host.lower() for host in hosts}
    return name in patterns or f"*.{name.partition('.')[2]}" in patterns


def _last_without_issuer(chain: list[x509.Certificate]) -> x509.Certificate | None:
    """The last certificate on the way up whose issuer is neither in the file nor an authority of this system."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_default_verify_paths()
    store = context.get_cert_store()
    if store is None:
        return None
    between = [crypto.X509.from_cryptography(one) for one in chain[1:]]
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(chain[0]), between).verify_certificate()
    except crypto.X509StoreContextError as error:
        if error.errors and error.errors[0] == _NO_ISSUER:
            return error.certificate.to_cryptography()
    return None

"""What is said of the certificate that a named place shows us: every way in which it may be wrong (RFC 5922)."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from talkpath.base.address import Address, Target, Transport
from talkpath.base.unsent import Unsent
from talkpath.net.certificates import Certificates
from talkpath.net.unopened import why_not_open

NAME = "sip.carrier.example"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


class Authority:
    """Signs certificates, and is what is trusted."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate = self._signed(self.name, self.key.public_key(), NOW + DAY, NOW - DAY, is_authority=True)

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        until: datetime,
        since: datetime,
        name: str = NAME,
        *,
        is_authority: bool = False,
    ) -> x509.Certificate:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        made = made.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        return made.sign(self.key, hashes.SHA256())

    def chain(self, place: Path, until: datetime, since: datetime, name: str) -> Path:
        """A file with a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._signed(subject, key.public_key(), until, since, name)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        place.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
        return place


@contextmanager
def raised(kind: type[OSError]) -> Iterator[list[OSError]]:
    errors: list[OSError] = []
    try:
        yield errors
    except kind as error:
        errors.append(error)


@pytest.mark.parametrize(
    ("until", "since", "name", "is_trusted", "why"),
    [
        (NOW - DAY, NOW - 2 * DAY, NAME, True, Unsent.EXPIRED),
        (NOW + 2 * DAY, NOW + DAY, NAME, True, Unsent.NOT_YET),
        (NOW + DAY, NOW - DAY, "sip.other.example", True, Unsent.OTHER_NAME),
        (NOW + DAY, NOW - DAY, NAME, False, Unsent.UNTRUSTED),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_told_apart(
    tmp_path: Path, until: datetime, since: datetime, name: str, is_trusted: bool, why: Unsent
) -> None:
    authority = Authority()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(authority.chain(tmp_path / "chain.pem", until, since, name))
    ours = ssl.create_default_context()
    if is_trusted:
        ours.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.PEM).decode())
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server_side)
    host, port = server.sockets[0].getsockname()
    with raised(OSError) as errors:
        await asyncio.open_connection(host, port, ssl=ours, server_hostname=NAME)
    server.close()
    assert [why_not_open(error) for error in errors] == [why]


ADDRESS = Address("127.0.0.1", 5061)


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(
    ("is_signed", "name", "why_by_name", "why_by_address"),
    [
        (True, NAME, None, None),
        (True, "sip.other.example", Unsent.OTHER_NAME, None),
        (False, NAME, Unsent.UNTRUSTED, Unsent.UNTRUSTED),
    ],
)
async def test_a_place_with_authorities_of_its_own_shows_what_they_signed(
    tmp_path: Path,
    is_named: bool,
    is_signed: bool,
    name: str,
    why_by_name: Unsent | None,
    why_by_address: Unsent | None,
) -> None:
    """By its name, or by its address: then what they signed is its own whatever it names."""
    authority, stranger = Authority(), Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signer = authority if is_signed else stranger
    server_side.load_cert_chain(signer.chain(tmp_path / "chain.pem", NOW + DAY, NOW - DAY, name))
    of = {NAME if is_named else ADDRESS.host: str(tmp_path / "ca.pem")}
    certificates = Certificates(lambda place: of.get(place, ""))
    certificates.load()
    wanted = certificates.wanted(Target(Transport.TLS, ADDRESS, NAME if is_named else ""))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server_side)
    host, port = server.sockets[0].getsockname()
    errors: list[OSError] = []
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=wanted, server_hostname=NAME if is_named else host)
        writer.close()
    except OSError as error:
        errors.append(error)
    server.close()
    why = why_by_name if is_named else why_by_address
    assert [why_not_open(error) for error in errors] == [one for one in (why,) if one is not None]


def test_where_no_authority_is_named_a_name_needs_one_that_the_system_trusts_and_an_address_none() -> None:
    certificates = Certificates(lambda place: "")
    certificates.load()
    by_name = certificates.wanted(Target(Transport.TLS, ADDRESS, NAME))
    by_address = certificates.wanted(Target(Transport.TLS, ADDRESS))
    assert (by_name.verify_mode, by_name.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert by_address.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
def test_authorities_that_can_not_be_read_are_an_error_of_files_and_never_trust_anybody(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    certificates = Certificates(lambda place: str(tmp_path / "ca.pem"))
    with pytest.raises(OSError, match=r"."):
        certificates.wanted(Target(Transport.TLS, ADDRESS, NAME))


async def test_who_speaks_no_tls_is_no_matter_of_certificates() -> None:
    async def says_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(says_http, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    with raised(OSError) as errors:
        await asyncio.open_connection(host, port, ssl=ssl.create_default_context(), server_hostname=NAME)
    server.close()
    assert [why_not_open(error) for error in errors] == [Unsent.TLS]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConnectionRefusedError(111, "refused"), Unsent.REFUSED),
        (ConnectionResetError("closed in the handshake"), Unsent.CLOSED),
        (TimeoutError(), Unsent.NO_CONNECTION),
        (OSError(113, "no route to host"), Unsent.HOST),
        (OSError(101, "network is unreachable"), Unsent.NET),
        (PermissionError(13, "a firewall"), Unsent.PROHIBITED),
        (OSError(24, "too many open files"), Unsent.TOO_MANY),
        (OSError("whatever"), Unsent.UNREACHABLE),
    ],
)
def test_what_the_kernel_says_is_told_apart(error: OSError, why: Unsent) -> None:
    assert why_not_open(error) is why

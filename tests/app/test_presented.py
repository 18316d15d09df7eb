"""The certificates that listeners show: several by name, and renewed while they are shown."""

import asyncio
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from talkpath.app.listening.certificate import CertificateFiles, server_context
from talkpath.app.listening.presented import Presented
from talkpath.base.texts import Language


def pair(folder: Path, *names: str, days: float = 30, serial: int = 1) -> CertificateFiles:
    """A certificate for these names that ends in so many days, with its key."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = CertificateFiles(folder / "fullchain.pem", folder / "privkey.pem")
    files.certificate.write_bytes(made.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def shown(context: ssl.SSLContext | None, name: str | None) -> int:
    """The serial number of what somebody is shown who asks for a name, or for none."""
    assert context is not None
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(10):
        for one in (asking, server):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = asking.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found).serial_number


async def until(presented: Presented, is_so: Callable[[], bool]) -> None:
    """Look as the chores do, only more often."""
    for _ in range(500):
        presented.look()
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


def test_who_asks_for_a_name_is_shown_the_certificate_that_names_it(tmp_path: Path) -> None:
    context = server_context(
        [
            pair(tmp_path / "a", "sip.example.com", serial=1),
            pair(tmp_path / "b", "sip.example.org", "SIP.example.net", serial=2),
            pair(tmp_path / "c", "*.example.cn", "sip.example.org", serial=3),
        ]
    )
    for name, serial in (
        ("sip.example.com", 1),
        ("sip.example.org", 2),
        ("Sip.Example.Net", 2),
        ("pbx.example.cn", 3),
        ("deeper.pbx.example.cn", 1),
        ("nobody.example", 1),
        (None, 1),
    ):
        assert shown(context, name) == serial, name
    assert server_context([]) is None


async def test_files_that_are_replaced_are_taken_up_by_themselves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    files = pair(tmp_path / "x", "sip.example.com", serial=1)
    presented = Presented([files], Language.EN)
    pair(tmp_path / "x", "sip.example.com", serial=2)
    await until(presented, lambda: shown(presented.context, None) == 2)
    assert f"The certificate {files.certificate} was renewed and is in use." in caplog.text


async def test_links_that_lead_elsewhere_are_a_renewal_as_certbot_does_it(tmp_path: Path) -> None:
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    for number in (1, 2):
        made = pair(archive / str(number), "sip.example.com", serial=number)
        for file in (made.certificate, made.key):
            link = live / f"{file.name}.new"
            link.symlink_to(file)
            link.rename(live / file.name)
        if number == 1:
            presented = Presented([CertificateFiles(live / "fullchain.pem", live / "privkey.pem")], Language.EN)
    await until(presented, lambda: shown(presented.context, None) == 2)


async def test_what_does_not_fit_is_said_and_the_one_before_is_shown_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = pair(tmp_path / "x", "sip.example.com", serial=1)
    presented = Presented([files], Language.EN)
    other = pair(tmp_path / "y", "sip.example.com", serial=2)
    files.certificate.write_bytes(other.certificate.read_bytes())
    await until(presented, lambda: "does not belong to the certificate" in caplog.text)
    assert caplog.text.count("The certificate before it stays in use.") == 1
    assert shown(presented.context, None) == 1
    pair(tmp_path / "x", "sip.example.com", serial=3, days=-1)
    await until(presented, lambda: "ended on" in caplog.text)
    files.key.write_text("half of a ke")
    await until(presented, lambda: "holds no private key" in caplog.text or "no key" in caplog.text)
    assert shown(presented.context, None) == 1
    pair(tmp_path / "x", "sip.example.com", serial=4)
    await until(presented, lambda: shown(presented.context, None) == 4)


async def test_a_file_that_is_away_for_a_while_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = pair(tmp_path / "x", "sip.example.com", serial=1)
    presented = Presented([files], Language.EN)
    os.rename(files.key, files.key.with_suffix(".away"))
    for _ in range(5):
        presented.look()
        await asyncio.sleep(0)
    assert caplog.text == ""
    os.rename(files.key.with_suffix(".away"), files.key)
    pair(tmp_path / "x", "sip.example.com", serial=2)
    await until(presented, lambda: shown(presented.context, None) == 2)

"""Listeners that stay closed, and what is said of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from talkpath.app.config.file import read_text
from talkpath.app.config.mistakes import BadConfig
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse
from talkpath.app.listening.doors import unnamed, with_fit_certificate
from talkpath.app.node.start import prepare
from talkpath.base.address import Transport
from talkpath.base.texts import Language


def _write_pair(folder: Path, days: int, key_of: ec.EllipticCurvePrivateKey | None = None) -> str:
    """A certificate that ends in so many days, with its key or another's; the configuration that names them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "talkpath.example")])
    end = datetime.now(UTC) + timedelta(days=days)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(end - timedelta(days=90)).not_valid_after(end)
    (folder / "one.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private = (key_of or key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "one.key").write_bytes(private)
    return '[tls]\ncertificate = "one.pem"\nkey = "one.key"\n'


def _read(text: str, folder: Path, *, is_strict: bool = False) -> Config:
    return read_text(text, folder / "talkpath.toml", is_strict=is_strict)


def test_an_ended_certificate_closes_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    text = _write_pair(tmp_path, days=-1)
    config, said = with_fit_certificate(_read(text, tmp_path))
    assert [door.transport for door in config.doors] == [Transport.UDP, Transport.TCP, Transport.WS]
    (words,) = (one.say(Language.EN) for one in said)
    assert "ended on" in words
    assert "Closed until that is mended: TLS, WSS." in words
    with pytest.raises(BadConfig):
        _read(text, tmp_path, is_strict=True)


def test_an_edge_is_prepared_without_a_certificate_whose_key_is_anothers(tmp_path: Path) -> None:
    text = _write_pair(tmp_path, days=30, key_of=ec.generate_private_key(ec.SECP256R1()))
    state = f'[state]\ndirectory = "{tmp_path / "state"}"\n'
    prepared = prepare(_read(text + state, tmp_path), Language.EN)
    assert prepared.presented.files == ()
    assert not any(door.transport.is_secure for door in prepared.config.doors)
    assert any("does not belong to the certificate" in one.say(Language.EN) for one in prepared.closed)


def test_where_no_listener_is_left_there_is_nothing_to_run(tmp_path: Path) -> None:
    config = _read('[[listeners]]\ntransport = "TLS"\n' + _write_pair(tmp_path, days=-1), tmp_path)
    with pytest.raises(Misuse, match="nothing would be heard"):
        with_fit_certificate(config)


def test_a_good_certificate_closes_nothing(tmp_path: Path) -> None:
    config = _read(_write_pair(tmp_path, days=30), tmp_path)
    assert with_fit_certificate(config) == (config, ())


def test_the_first_listener_that_is_named_says_what_is_closed_by_it() -> None:
    config = read_text('[[listeners]]\ntransport = "UDP"\n', Path("talkpath.toml"), is_to_run=False)
    (said,) = (one.say(Language.EN) for one in unnamed(config))
    assert "UDP 5060" in said
    assert "TCP, TLS, WS, WSS, and with them the page" in said
    assert list(unnamed(Config())) == []


def test_what_the_top_level_advertises_counts_where_a_listener_says_nothing() -> None:
    config = read_text('advertised = "203.0.113.5"\n', Path("talkpath.toml"), is_to_run=False)
    assert {door.advertised for door in config.doors} == {"203.0.113.5"}
    assert {door.transport for door in config.doors} == set(Transport)
    assert list(unnamed(config)) == []
    text = 'advertised = "203.0.113.5"\n[[listeners]]\ntransport = "UDP"\nadvertised = "203.0.113.6:5070"\n'
    (door,) = read_text(text, Path("talkpath.toml"), is_to_run=False).doors
    assert door.advertised == "203.0.113.6:5070"


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_first_file_of_the_readme_closes_nothing(readme: str) -> None:
    text = (Path(__file__).parents[2] / readme).read_text()
    sample = text.partition("```toml\n")[2].partition("```")[0]
    config = read_text(sample, Path("talkpath.toml"), is_to_run=False)
    assert {door.transport for door in config.doors} == set(Transport)
    assert list(unnamed(config)) == []

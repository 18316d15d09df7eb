"""Each file in `bad/` holds one mistake; beside it stands exactly what must be said, in both languages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from talkpath.app.config.file import read
from talkpath.app.config.mistakes import BadConfig
from talkpath.base.texts import Language

BAD = Path(__file__).parent / "bad"
CASES = sorted(path.stem for path in BAD.glob("*.toml"))


_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _key_pem(key: _Key, encryption: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _certificate_pem(key: _Key, end: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "talkpath.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(end)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the corpus with the certificates that some of them name."""
    directory = tmp_path_factory.mktemp("bad")
    for path in BAD.glob("*.toml"):
        (directory / path.name).write_bytes(path.read_bytes())
    pem = directory / "pem"
    pem.mkdir()
    one, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (pem / "one.key").write_bytes(_key_pem(one, NoEncryption()))
    (pem / "other.key").write_bytes(_key_pem(other, NoEncryption()))
    (pem / "locked.key").write_bytes(_key_pem(one, BestAvailableEncryption(b"passphrase")))
    (pem / "one.pem").write_bytes(_certificate_pem(one, datetime.now(UTC) + timedelta(days=365)))
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    (pem / "short.key").write_bytes(_key_pem(short, NoEncryption()))
    (pem / "short.pem").write_bytes(_certificate_pem(short, datetime.now(UTC) + timedelta(days=365)))
    (pem / "ended.pem").write_bytes(_certificate_pem(one, datetime(2021, 1, 1, tzinfo=UTC)))
    return directory


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("case", CASES)
def test_each_mistake_gives_its_exact_message(
    case: str, language: Language, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(BadConfig) as caught:
        read(Path(f"{case}.toml"))
    said = "".join(mistake.say(language) + "\n" for mistake in caught.value.mistakes)
    assert said == (BAD / f"{case}.{language}.txt").read_text()


def test_every_message_has_its_file() -> None:
    named = {path.name.removesuffix(f".{language}.txt") for language in Language for path in BAD.glob("*.txt")}
    assert {name for name in named if not name.endswith(".txt")} == set(CASES)

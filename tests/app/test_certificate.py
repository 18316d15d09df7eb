from pathlib import Path

from cryptography import x509

from talkpath.app.listening.certificate import mistakes_in_pair, self_signed


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_first_start_makes_a_pair_that_names_every_address(tmp_path: Path) -> None:
    files = self_signed(tmp_path / "state", ["192.0.2.5", "2001:db8::5", "sip.example.com"])
    names = _read(files.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"192.0.2.5", "2001:db8::5"}
    assert {"localhost", "sip.example.com"} <= set(names.get_values_for_type(x509.DNSName))
    assert list(mistakes_in_pair(files.certificate, files.key)) == []
    assert files.key.stat().st_mode & 0o777 == 0o600


def test_later_starts_keep_the_certificate_that_phones_may_have_pinned(tmp_path: Path) -> None:
    first = self_signed(tmp_path, ["192.0.2.5"]).certificate.read_bytes()
    assert self_signed(tmp_path, ["192.0.2.5"]).certificate.read_bytes() == first
    assert self_signed(tmp_path, []).certificate.read_bytes() == first


def test_new_address_and_damaged_key_make_a_new_one(tmp_path: Path) -> None:
    files = self_signed(tmp_path, ["192.0.2.5"])
    first = files.certificate.read_bytes()
    second = self_signed(tmp_path, ["192.0.2.6"]).certificate.read_bytes()
    assert second != first
    files.key.write_text("damaged")
    assert self_signed(tmp_path, ["192.0.2.6"]).certificate.read_bytes() != second
    assert list(mistakes_in_pair(files.certificate, files.key)) == []

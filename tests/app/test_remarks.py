"""What `talkpath check` says of configurations without a mistake."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from talkpath.app.check.certificates import certificate_remarks
from talkpath.app.check.remarks import ports_taken, remarks, remarks_here, too_few_descriptors
from talkpath.app.config.file import read_text
from talkpath.app.config.tree import Config
from talkpath.app.node.control import SOCKET, running_edge
from talkpath.base.texts import Language
from talkpath.net.descriptors import Descriptors


def _config(text: str) -> Config:
    return read_text(text, Path("talkpath.toml"), is_to_run=False)


_WIDE = ["0.0.0.0/0", "::/0"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('advertised = "sip.example.com"', "SIP is told sip.example.com, a name"),
        (f"[page]\nguests_from = {_WIDE}", "everybody on the Internet may be a guest"),
        (f"[authentication]\ntrusted = {_WIDE}", "register any user"),
        (f"[websocket]\ntrusted_proxies = {_WIDE}", "X-Forwarded-For is believed"),
    ],
)
def test_what_a_configuration_may_not_mean_is_said(text: str, part: str) -> None:
    (said,) = (one.say(Language.EN) for one in remarks(_config(text)))
    assert part in said
    assert all(one.say(Language.ZH) for one in remarks(_config(text)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        'advertised = "203.0.113.5"',
        'advertised = "sip.example.com"\n[[media.addresses]]\naddress = "10.0.0.5"\nadvertised = "203.0.113.5"',
        '[page]\nguests = 0\nguests_from = ["0.0.0.0/0"]',
        '[authentication]\ntrusted = ["192.0.2.0/24"]',
    ],
)
def test_what_is_as_it_should_be_needs_no_words(text: str) -> None:
    assert list(remarks(_config(text))) == []


_ON_LOOPBACK = '[[listeners]]\ntransport = "UDP"\naddress = "127.0.0.1"\n'


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ('[authentication]\ncallers = "never"\n' + _ON_LOOPBACK, False),
        ('advertised = "sip.example.com"\n[authentication]\ncallers = "never"\n' + _ON_LOOPBACK, True),
        ('advertised = "11.0.0.1"\n[authentication]\ncallers = "never"\n' + _ON_LOOPBACK, True),
        ('advertised = "10.0.0.1"\n[authentication]\ncallers = "never"\n' + _ON_LOOPBACK, False),
        ('advertised = "11.0.0.1"\n' + _ON_LOOPBACK, False),
    ],
)
def test_callers_without_proof_are_a_remark_where_the_internet_comes_by(text: str, is_said: bool) -> None:
    assert any("in the name of anybody" in one.say(Language.EN) for one in remarks_here(_config(text))) is is_said


def test_calls_that_the_limit_of_files_does_not_allow_are_counted() -> None:
    (said,) = (one.say(Language.EN) for one in too_few_descriptors(Config(), Descriptors.within(1024)))
    assert "may open 1024 files" in said
    assert list(too_few_descriptors(Config(), Descriptors.within(1_000_000))) == []


def _listening(port: int) -> str:
    return f'[[listeners]]\ntransport = "TCP"\naddress = "127.0.0.1"\nport = {port}\n'


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_another_program_has_is_said_with_its_name(taken: int, tmp_path: Path) -> None:
    (said,) = (one.say(Language.EN) for one in ports_taken(_config(_listening(taken)), tmp_path))
    assert f"port {taken} is already used by" in said
    assert f"(process {os.getpid()})" in said


def test_the_ports_of_the_edge_that_runs_here_are_free_for_its_successor(taken: int, tmp_path: Path) -> None:
    assert running_edge(tmp_path) is None
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(tmp_path / SOCKET))
        control.listen()
        assert running_edge(tmp_path) == os.getpid()
        assert list(ports_taken(_config(_listening(taken)), tmp_path)) == []


_AUTHORITY = ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _certificate(folder: Path, names: list[str], *, days: int = 60, issuer: str = "An Authority") -> Config:
    own = ec.generate_private_key(ec.SECP256R1())
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    made = x509.CertificateBuilder().subject_name(_named("own")).issuer_name(_named(issuer))
    made = made.public_key(own.public_key()).serial_number(7)
    made = made.not_valid_before(end - timedelta(days=90)).not_valid_after(end)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    path = folder / "own.pem"
    path.write_bytes(made.sign(_AUTHORITY, hashes.SHA256()).public_bytes(Encoding.PEM))
    return _config(f'domains = ["example.com"]\n[tls]\ncertificate = "{path}"\nkey = "{path}"\n')


@pytest.mark.parametrize(
    ("names", "days", "part"),
    [
        (["other.example"], 60, "is for other.example, and not for example.com"),
        (["*.example.com"], 60, "and not for example.com"),
        (["example.com"], 5, "in 5 days"),
        (["example.com"], 120, "begins on"),
        ([], 60, "names no host"),
    ],
)
def test_what_phones_will_find_amiss_with_a_certificate_is_said(
    names: list[str], days: int, part: str, tmp_path: Path
) -> None:
    said = [one.say(Language.EN) for one in certificate_remarks(_certificate(tmp_path, names, days=days))]
    assert len([one for one in said if part in one]) == 1


def test_a_chain_that_ends_too_soon_names_what_is_missing(tmp_path: Path) -> None:
    (said,) = (one.say(Language.EN) for one in certificate_remarks(_certificate(tmp_path, ["example.com"])))
    assert "the one of CN=An Authority is missing" in said


def test_a_wildcard_is_for_each_host_below_it(tmp_path: Path) -> None:
    config = _certificate(tmp_path, ["example.com", "*.example.com"])
    text = f'advertised = "sip.example.com"\n[tls]\ncertificate = "{config.tls.certificate}"\nkey = "x"\n'
    assert not any("is for" in one.say(Language.EN) for one in certificate_remarks(_config(text)))

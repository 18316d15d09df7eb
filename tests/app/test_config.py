import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.app import words
from talkpath.app.config import words as config_words
from talkpath.app.config.endpoints import parse_address_and_port, parse_endpoint
from talkpath.app.config.file import read
from talkpath.app.config.listeners import Listener
from talkpath.app.config.mistakes import BadConfig
from talkpath.app.config.pages import example, reference
from talkpath.app.config.tree import Config
from talkpath.app.console.choose import chosen_language, config_file, explicit_language, load
from talkpath.app.listening.certificate import self_signed
from talkpath.base.address import Address, Transport
from talkpath.base.texts import Language, Text

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def _write(directory: Path, text: str) -> Path:
    file = directory / "talkpath.toml"
    file.write_text(text)
    return file


def test_no_file_opens_every_transport_on_every_address() -> None:
    doors = load(None).doors
    assert {door.transport for door in doors} == set(Transport)
    assert {door.address for door in doors} == {"*"}
    assert [door.listening_port for door in doors] == [5060, 5060, 5061, 5080, 5443]


def test_empty_file_is_the_default(tmp_path: Path) -> None:
    assert read(_write(tmp_path, "")) == Config()


def test_values_of_a_file_reach_the_tree(tmp_path: Path) -> None:
    text = """
domains = ["example.com"]
media.timeout_s = 5
[[listeners]]
transport = "UDP"
address = "127.0.0.1"
port = 5070
advertised = "203.0.113.5"
[[accounts]]
user = "1003"
password = "s3cret"
"""
    config = read(_write(tmp_path, text))
    udp = Listener(transport=Transport.UDP, address="127.0.0.1", port=5070, advertised="203.0.113.5")
    assert config.doors == (udp,)
    assert config.media.timeout_s == 5.0
    assert config.accounts[0].password.reveal() == "s3cret"
    assert "s3cret" not in repr(config)


def test_tree_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().drain_timeout_s = 1.0  # type: ignore[misc]


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = _write(tmp_path / "sub", '[tls]\ncertificate = "a.pem"\nkey = "a.key"\n')
    with pytest.raises(BadConfig, match=r"sub/a\.pem cannot be read"):
        read(file)


def test_windows_line_ends_and_unicode_are_read(tmp_path: Path) -> None:
    file = tmp_path / "talkpath.toml"
    file.write_bytes("# 注释\r\nlanguage = 'zh'\r\n".encode())
    assert read(file).language is Language.ZH


@pytest.mark.parametrize("language", Language)
def test_example_file_without_its_comment_signs_is_a_configuration(language: Language, tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in example(language).splitlines() if not line.startswith("##")]
    text = "\n".join(lines).replace("192.0.2.10", "127.0.0.1").replace('user = "..."', 'user = "1003"')
    text = text.replace('database = "..."', 'database = "postgresql:///calls"')
    files = self_signed(tmp_path, ["example.com"])
    pair = f'certificate = "{files.certificate}"\nkey = "{files.key}"'
    text = text.replace('certificate = "..."\nkey = "..."', pair)
    config = read(_write(tmp_path, text))
    defaults = Config(
        language=Language.EN,
        listeners=config.listeners,
        accounts=config.accounts,
        gateways=config.gateways,
        gateway_groups=config.gateway_groups,
        history=config.history,
        hep=config.hep,
        tls=config.tls,
        media=msgspec.structs.replace(Config().media, addresses=config.media.addresses),
        recording=msgspec.structs.replace(
            Config().recording,
            store_secret=config.recording.store_secret,
            notice_secret=config.recording.notice_secret,
        ),
        cluster=msgspec.structs.replace(
            Config().cluster,
            password=config.cluster.password,
            secret=config.cluster.secret,
            nodes=config.cluster.nodes,
        ),
        toll=msgspec.structs.replace(Config().toll, accounts=config.toll.accounts),
    )
    assert config == defaults


@pytest.mark.parametrize(
    ("name", "language"), [("configuration.md", Language.EN), ("configuration.zh.md", Language.ZH)]
)
def test_reference_page_is_up_to_date(name: str, language: Language) -> None:
    assert (DOCS / name).read_text() == reference(language), "run make docs"


@pytest.mark.parametrize("module", [words, config_words])
def test_languages_of_a_text_have_the_same_placeholders(module: object) -> None:
    for text in vars(module).values():
        if isinstance(text, Text):
            assert _placeholders(text.en) == _placeholders(text.zh), text


def _placeholders(text: str) -> set[str]:
    from string import Formatter

    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip.example.com", ("sip.example.com", None)),
        ("sip.example.com:5070", ("sip.example.com", 5070)),
        ("203.0.113.5", ("203.0.113.5", None)),
        ("2001:db8::5", ("2001:db8::5", None)),
        ("[2001:db8::5]:5061", ("2001:db8::5", 5061)),
        ("[203.0.113.5]:5061", None),
        ("203.0.113.500", None),
        ("host:0", None),
        ("host:65536", None),
        ("sip:host", None),
        ("-host", None),
        ("", None),
    ],
)
def test_endpoint(text: str, expected: tuple[str, int | None] | None) -> None:
    assert parse_endpoint(text) == expected


@given(st.ip_addresses(), st.integers(1, 65535))
def test_address_and_port_is_read_as_it_is_written(ip: object, port: int) -> None:
    address = Address(str(ip), port)
    assert parse_address_and_port(str(address)) == address


def test_language_of_option_then_variable_then_locale() -> None:
    assert chosen_language(["--lang", "en"], {"LANG": "zh_CN.UTF-8"}) is Language.EN
    assert chosen_language(["run", "--lang=zh"], {}) is Language.ZH
    assert chosen_language([], {"TALKPATH_LANG": "zh"}) is Language.ZH
    assert chosen_language([], {"LC_ALL": "zh_TW.UTF-8", "LANG": "en_US"}) is Language.ZH
    assert chosen_language([], {"LANG": "de_DE"}) is Language.EN
    assert explicit_language(["--lang", "fr"], {}) is None


def test_configuration_file_is_the_given_one_then_that_of_the_environment(tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    assert config_file(given, {"TALKPATH_CONFIG": "other.toml"}) == given
    assert config_file(None, {"TALKPATH_CONFIG": "other.toml"}) == Path("other.toml")


def test_what_an_edge_elsewhere_left_is_read_with_its_configuration(tmp_path: Path) -> None:
    """Its listeners have addresses that this host has not: nobody runs here, somebody looks at its calls."""
    text = """
    [[listeners]]
    transport = "UDP"
    address = "203.0.113.99"

    [media]
    addresses = [{ address = "203.0.113.99" }]
    """
    file = _write(tmp_path, text)
    assert read(file, is_to_run=False).listeners[0].address == "203.0.113.99"
    with pytest.raises(BadConfig) as raised:
        read(file)
    assert len(raised.value.mistakes) == 2


def test_past_calls_are_shown_where_the_listeners_are_not(tmp_path: Path) -> None:
    file = _write(tmp_path, '[[listeners]]\ntransport = "UDP"\naddress = "203.0.113.99"\n')
    command = [sys.executable, "-m", "talkpath", "calls", "--config", str(file), "--state", str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "203.0.113.99" in done.stderr) == (0, False)

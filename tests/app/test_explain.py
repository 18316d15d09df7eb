"""`talkpath explain` as one calls it: exit codes, sentences instead of tracebacks, files written."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from talkpath.app.cli import app
from talkpath.base.texts import Language

from ..explain.generator.media import scrambled
from ..explain.generator.sip import Agent, Call, plain_call
from ..explain.generator.wire import EPOCH, Wire, ipv4


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain", *arguments])


@pytest.fixture
def healthy(tmp_path: Path) -> str:
    wire = Wire()
    plain_call(wire).talk(5).bye()
    path = tmp_path / "healthy.pcap"
    path.write_bytes(wire.pcap())
    return str(path)


@pytest.fixture
def one_way(tmp_path: Path) -> str:
    wire = Wire()
    plain_call(wire).talk(8, b={"mute": True}).bye()
    path = tmp_path / "one_way.pcap"
    path.write_bytes(wire.pcap())
    return str(path)


def test_exit_code_0_without_a_finding_and_1_with_an_error(healthy: str, one_way: str) -> None:
    assert run(healthy).exit_code == 0
    result = run(one_way)
    assert result.exit_code == 1
    assert "one-way-rtp" in result.stdout
    assert "▲" in result.stdout or "because" in result.stdout


def test_exit_code_3_where_a_part_was_not_read(tmp_path: Path, healthy: str) -> None:
    """SIP and RTP are well, and as much again is ESP."""
    wire = Wire()
    plain_call(wire).talk(5).bye()
    for number in range(300):
        wire.raw(
            EPOCH + number * 0.01, "10.0.0.1", "10.0.0.2", ipv4("10.0.0.1", "10.0.0.2", 50, scrambled(number, 90))
        )
    path = tmp_path / "half.pcap"
    path.write_bytes(wire.pcap())
    result = run(str(path))
    assert result.exit_code == 3
    assert "capture-unread" in result.stdout
    assert "Nothing is wrong in what was read." in result.stdout
    assert "Nothing is wrong in what was read." not in run(healthy).stdout


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xd4\xc3\xb2\xa1", b"\x1f\x8b\x08\x00garbage", bytes(range(256))]
)
def test_what_is_no_capture_is_a_sentence_and_exit_code_2(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "junk.pcap"
    path.write_bytes(content)
    result = run(str(path))
    assert result.exit_code == 2
    assert str(path) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_file_and_no_file_are_sentences(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nothing.pcap")).exit_code == 2
    result = run()
    assert result.exit_code == 2
    assert "talkpath explain" in result.stderr


def test_json_is_data_and_nothing_else(one_way: str) -> None:
    result = run(one_way, "--json")
    data = json.loads(result.stdout)
    assert data["version"] == 1
    assert data["calls"][0]["findings"][0]["code"] == "one-way-rtp"


def test_one_call_can_be_shown_and_saved(one_way: str, tmp_path: Path) -> None:
    ident = json.loads(run(one_way, "--json").stdout)["calls"][0]["id"]
    shown = run(one_way, "--call", ident)
    assert "INVITE" in shown.stdout
    out = tmp_path / "call.pcap"
    assert run(one_way, "--save-call", ident, str(out)).exit_code == 1
    again = json.loads(run(str(out), "--json").stdout)
    assert [call["id"] for call in again["calls"]] == [ident]
    assert again["calls"][0]["streams"][0]["packets"] == 400
    assert run(one_way, "--call", "nobody").exit_code == 2


def test_a_page_is_written(one_way: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run(one_way, "--html", str(page)).exit_code == 1
    assert "one-way-rtp" in page.read_text()
    assert run(one_way, "--html", str(tmp_path / "no" / "such" / "folder.html")).exit_code == 2


def test_the_rules_are_printed_and_a_wrong_code_refused() -> None:
    assert "dtls-race" in run("--rules").stdout
    assert "sip-alg" in run("--rules", "--code", "sip-alg").stdout
    assert run("--rules", "--code", "nonsense").exit_code == 2


def test_a_bad_sites_file_names_its_line(healthy: str, tmp_path: Path) -> None:
    sites = tmp_path / "sites.csv"
    sites.write_text("address,site\n10.0.1.0/24,a\nnonsense,b\n")
    result = run(healthy, "--sites", str(sites))
    assert result.exit_code == 2
    assert "sites.csv:3" in result.stderr


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_refused(healthy: str, option: str) -> None:
    assert run(healthy, option, "yesterday").exit_code == 2
    assert run(healthy, option, "2026-05-01T10:00").exit_code == 0


def test_a_capture_cut_in_the_middle_is_explained_as_far_as_it_goes(one_way: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    raw = Path(one_way).read_bytes()
    cut.write_bytes(raw[: len(raw) - 37])
    result = run(str(cut), "--json")
    assert result.exit_code == 1
    assert "capture-incomplete" in {finding["code"] for finding in json.loads(result.stdout)["findings"]}


def test_the_language_can_be_chosen(monkeypatch: pytest.MonkeyPatch, one_way: str) -> None:
    monkeypatch.setattr("talkpath.app.explain.cli.LANGUAGE", Language.ZH)
    assert "听不到" in run(one_way).stdout


def test_names_that_are_no_utf_8_are_shown_as_far_as_they_are(tmp_path: Path) -> None:
    wire = Wire()
    call = Call(wire, Agent("caf\u00e9", "10.0.0.1"), Agent("2000", "10.0.0.2"))
    call.invite().ring().answer().ack().talk(3).bye()
    path = tmp_path / "latin.pcap"
    path.write_bytes(wire.pcap().replace("caf\u00e9".encode(), b"caf\xe9\x21"))
    result = run(str(path), "--json")
    (shown,) = json.loads(result.stdout)["calls"]
    assert shown["from"] == "caf\ufffd!"
    assert "caf·!" in run(str(path), "--call", shown["id"]).stdout
    page = tmp_path / "page.html"
    assert run(str(path), "--html", str(page)).exit_code == 0
    assert "caf\ufffd!" in page.read_text()


def test_a_recording_is_explained_as_its_call_was(tmp_path: Path) -> None:
    """By its name, its Call-ID and its file; what the history has forgotten is what its packets say."""
    from tests.store.kept import Registered, trace
    from tests.store.test_recordings_verified import finished

    from talkpath.app.state.directory import DATABASE
    from talkpath.store.embedded import EmbeddedStore
    from talkpath.store.recordings.layout import Layout

    state = tmp_path / "state"
    layout = Layout(state / "recordings")
    state.mkdir()
    ended = trace(0, start=1000.0, status=603)
    store = EmbeddedStore(state / DATABASE, Registered)
    store.history.save(ended)
    assert store.writer.flush()
    store.close()
    for name, started in (("a", 1000.0), ("b", 5000.0)):
        finished(layout.directory, name, started=started, call_id=ended.call_ids[0])
    config = tmp_path / "talkpath.toml"
    config.write_text("")
    more = ("--json", "--state", str(state), "--config", str(config))
    own = json.loads(run("--own", *more).stdout)["calls"]
    assert len(own) == 1
    for name in ("a", str(layout.pcap_of("a"))):
        assert json.loads(run(name, *more).stdout)["calls"] == own
    # Another call with the Call-ID of the first.
    assert json.loads(run(str(layout.pcap_of("b")), *more).stdout)["calls"] == []
    assert "no such" in run("c", *more).stderr.lower()

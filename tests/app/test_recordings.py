"""`talkpath recordings`: one line for each fault, exit code by what is left, JSON for programs."""

import json
from pathlib import Path
from threading import Event

import pytest
from tests.store.test_recordings import HEAD, PACKET
from tests.store.test_recordings_verified import finished

from talkpath.app.config.recording import Recording
from talkpath.app.config.records import State
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble
from talkpath.app.recordings.command import Recordings
from talkpath.app.recordings.recorder import CallRecorder
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.edge.calls.tape import Facts, TakingPart
from talkpath.net.clock import Clock
from talkpath.net.descriptors import Descriptors
from talkpath.net.recorder import RecordingDriver
from talkpath.store.recordings.keeper import Keeper
from talkpath.store.recordings.manifest import State as Made
from talkpath.store.recordings.manifest import read
from talkpath.store.recordings.shelf import Sought


@pytest.fixture(name="directory")
def two(tmp_path: Path) -> Path:
    """A state directory with two recordings."""
    place = tmp_path / "recordings"
    finished(place, "a")
    finished(place, "b", 4)
    return place


@pytest.fixture(name="shown")
def the_command(tmp_path: Path) -> Recordings:
    return Recordings(Config(state=State(directory=str(tmp_path))), Language.EN)


def test_all_is_well(directory: Path, shown: Recordings, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown.verify(is_to_repair=False, as_json=False)
    assert capsys.readouterr().out == ""


def test_each_fault_is_a_line_and_what_is_mended_is_none(
    directory: Path, shown: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "pcaps" / "a.pcap").unlink()
    (directory / "pcaps" / "c-0.pcap").write_bytes(HEAD + PACKET)
    assert not shown.verify(is_to_repair=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["missing", "orphaned"]
    assert not shown.verify(is_to_repair=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [(one["fault"], one["name"], one["mended"]) for one in told] == [
        ("missing", "a", False),
        ("orphaned", "c-0", True),
    ]


def test_a_list_for_people_and_for_programs(
    directory: Path, shown: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    shown.print_list(Sought(number="1001"), as_json=False)
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(row[1], row[3], row[5], row[7], row[8]) for row in rows] == [
        ("1001", "carrier-a", "3", "complete", "a"),
        ("1001", "carrier-a", "4", "complete", "b"),
    ]
    shown.print_list(Sought(name="b"), as_json=True)
    assert [one["packets"] for one in json.loads(capsys.readouterr().out)] == [4]
    shown.show("a")
    assert len(json.loads(capsys.readouterr().out)["files"]) == 3


def test_what_cannot_be_read_is_not_passed_over_in_silence(
    directory: Path, shown: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        (directory / "manifests" / f"{name}.json").write_text("{")
    shown.print_list(Sought(), as_json=False)
    assert "2 manifests could not be read" in capsys.readouterr().err


def test_what_makes_no_sense_is_said(directory: Path, shown: Recordings, tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no such recording"):
        shown.show("nobody")
    with pytest.raises(Misuse, match="--older"):
        shown.prune("", "", is_dry=False)
    with pytest.raises(Misuse, match="soon"):
        shown.prune("soon", "", is_dry=False)
    with pytest.raises(Misuse, match="lots"):
        shown.prune("", "lots", is_dry=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match="file"):
        shown.export(Sought(), tmp_path / "file")


def test_prune_leaves_what_fits(directory: Path, shown: Recordings, capsys: pytest.CaptureFixture[str]) -> None:
    shown.prune("", "210B", is_dry=True)
    assert capsys.readouterr().out == "a\n"
    assert (directory / "pcaps" / "a.pcap").exists()
    shown.prune("", "210B", is_dry=False)
    assert not (directory / "pcaps" / "a.pcap").exists()
    assert shown.verify(is_to_repair=False, as_json=False)


# --- what the running edge does with the disk


CALL = Facts("call/1", (TakingPart(0, "caller", "<sip:1001@x>;tag=1", "1001", "", "192.0.2.1:5060"),), True)


class Recorded:
    """The recorder of an edge, on a directory."""

    def __init__(self, directory: Path) -> None:
        clock = Clock()
        self.ledger = Ledger()
        self.driver = RecordingDriver(clock, Descriptors.of_process())
        self.keeper = Keeper(directory)
        self.recorder = CallRecorder(self.driver, self.keeper, self.ledger, "raw", clock.now)
        self.now = clock.now

    def record(self) -> str:
        """One recording from its beginning to its end; its name."""
        tape = self.recorder.open(CALL, "all", self.now())
        tape.describe("offer", "callee", b"v=0\r\n", self.now())
        tape.close(CALL._replace(how="bye"), "call-ended", "caller", self.now())
        return tape.name

    def close(self) -> None:
        self.driver.close()
        self.keeper.flush()
        self.keeper.close()


def test_two_starts_at_once_are_two_files(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    names = {recorded.record(), recorded.record()}
    recorded.close()
    assert {path.stem for path in (tmp_path / "manifests").iterdir()} == names
    assert all(name.startswith("call%2F1-") for name in names)
    assert all(read(path).state is Made.COMPLETE for path in (tmp_path / "manifests").iterdir())


def test_a_directory_that_cannot_be_written_costs_the_recording(tmp_path: Path) -> None:
    """A file stands in its place: nobody can write there, root or not."""
    (tmp_path / "place").write_text("")
    recorded = Recorded(tmp_path / "place")
    recorded.record()
    recorded.driver.close()
    assert recorded.driver.counters()["failures"] >= 1
    assert not recorded.keeper.flush(0.2)
    (tmp_path / "place").unlink()
    assert recorded.keeper.flush(), "what can be said is said when the directory is there again"
    recorded.keeper.close()
    (manifest,) = [read(path) for path in (tmp_path / "place" / "manifests").iterdir()]
    assert (manifest.state, manifest.bytes, manifest.stored) == (Made.FAILED, 0, ())
    assert manifest.trouble


def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(tmp_path)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    name = recorded.record()
    recorded.close()
    made = read(tmp_path / "manifests" / f"{name}.json")
    assert made.ended is not None
    assert made.started <= made.ended
    assert made.started > 1_700_000_000


def test_the_default_directory_is_in_the_state_directory(tmp_path: Path) -> None:
    assert Config().recording == Recording()
    shown = Recordings(Config(recording=Recording(directory=str(tmp_path / "x"))), Language.EN)
    assert shown._layout.directory == tmp_path / "x"


def test_an_edge_closes_what_one_that_died_left_while_others_record(tmp_path: Path) -> None:
    dead, alive, new = Recorded(tmp_path), Recorded(tmp_path), Recorded(tmp_path)
    tapes = [one.recorder.open(CALL, "all", one.now()) for one in (dead, alive)]
    assert all(one.keeper.flush() for one in (dead, alive))
    dead.recorder.close()
    told, done = [], Event()
    new.keeper.finished = lambda one: done.set()
    left = new.recorder.look()
    assert left == [tapes[0].name]
    new.recorder.close_left(left, told.append)
    assert done.wait(10)
    new.recorder.close()
    assert [(one.name, one.why) for one in told] == [(tapes[0].name, "")]
    assert [path.stem for path in (tmp_path / "manifests").iterdir()] == [tapes[0].name]
    alive.recorder.close()
    assert list(tmp_path.glob(".edge-*")) == []
    for one in (dead, alive, new):
        one.close()

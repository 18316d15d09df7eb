"""What another edge recorded and left in the store comes back by its name: whole, or as far as it was copied."""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner
from tests.audio.test_codecs_and_time import START, moved
from tests.store.test_copying import NAME, running
from tests.store.test_recordings_verified import finished

from talkpath.app.cli import app
from talkpath.app.config.recording import Recording
from talkpath.app.config.records import State
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble
from talkpath.app.recordings.command import Recordings
from talkpath.app.recordings.storage import copier_of, shipper_of
from talkpath.base.texts import Language
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, Stored, encoded, read
from talkpath.store.recordings.manifest import State as Made
from talkpath.store.recordings.shelf import Shelf, Sought

WHOLE = "whole-0123456789abcdef"


@pytest.fixture(name="recording")
def sealed_and_stored(tmp_path: Path) -> Recording:
    """Two recordings that a node, which is no more, left in a store: one whole, one while it ran."""
    key, identity = pyrage.x25519.Identity.generate(), tmp_path / "key"
    identity.write_text(f"{key}\n")
    recording = Recording(
        store=f"file://{tmp_path}/store",
        copy_every_s=5,
        seal_for=(str(key.to_public()),),
        identity=str(identity),
        keep_local=False,
    )
    layout = Layout(tmp_path / "dead" / "recordings")
    finished(layout.directory, WHOLE)
    shipper = shipper_of(recording, layout, lambda event: None)
    assert shipper is not None
    shipper._shipment.ship(WHOLE)
    running(layout.directory)
    copier = copier_of(recording, layout, lambda failed: None)
    assert copier is not None
    copier.copy()
    copier.close()
    return recording


@pytest.fixture(name="shown")
def another_node(tmp_path: Path, recording: Recording) -> Recordings:
    (tmp_path / "recordings").mkdir()
    return Recordings(Config(state=State(directory=str(tmp_path)), recording=recording), Language.EN)


@pytest.mark.parametrize("name", [WHOLE, NAME])
@pytest.mark.parametrize("into", [None, "elsewhere"])
def test_fetched_by_its_name(
    tmp_path: Path, shown: Recordings, capsys: pytest.CaptureFixture[str], name: str, into: str | None
) -> None:
    shown.fetch(name, None if into is None else tmp_path / into)
    layout = Layout(tmp_path / (into or "recordings"))
    assert set(capsys.readouterr().out.splitlines()) == {
        str(path) for path in (layout.pcap_of(name), layout.metadata_of(name), layout.manifest_of(name))
    }
    assert layout.pcap_of(name).stat().st_size == read(layout.manifest_of(name)).bytes


def test_what_nobody_has_is_a_sentence(shown: Recordings) -> None:
    with pytest.raises(Trouble, match="has nothing of"):
        shown.fetch("nobody", None)


def test_verify_finds_what_a_dead_node_left_and_puts_it_together(
    tmp_path: Path, shown: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown.verify(is_to_repair=False, as_json=True), "it may still run"
    for path in (tmp_path / "store" / "live").rglob("*.part.age"):
        os.utime(path, (1000.0, 1000.0))
    capsys.readouterr()
    assert not shown.verify(is_to_repair=False, as_json=True)
    assert shown.verify(is_to_repair=False, as_json=False, is_only_here=True)
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["fault"], found["name"]) == ("store-stretches", NAME)
    assert shown.verify(is_to_repair=True, as_json=False)
    assert shown.verify(is_to_repair=False, as_json=False)
    assert read(Layout(tmp_path / "recordings").manifest_of(NAME)).packets == 3


# --- recordings of this node whose packets are only in the store


@pytest.fixture(name="own")
def stored_and_freed(tmp_path: Path, recording: Recording) -> Recordings:
    """The node that recorded and stored them, and keeps no packets here."""
    return Recordings(Config(state=State(directory=str(tmp_path / "dead")), recording=recording), Language.EN)


def objects_in(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "store").rglob("*.age") if "live" not in path.parts}


def test_what_is_listened_to_is_brought_to_a_spare_place(tmp_path: Path, own: Recordings, shown: Recordings) -> None:
    here = Layout(tmp_path / "dead" / "recordings")
    assert not here.pcap_of(WHOLE).exists()
    for number, someone in enumerate((own, shown)):
        spare = tmp_path / str(number)
        brought = someone.pcap_of(WHOLE, spare)
        assert brought == Layout(spare).pcap_of(WHOLE)
        assert brought.stat().st_size == read(here.manifest_of(WHOLE)).bytes
        assert Layout(spare).metadata_of(WHOLE).exists()
    assert own.pcap_of(NAME, tmp_path) == here.pcap_of(NAME), "what is here stays where it is"


def test_an_export_has_the_packets_that_only_the_store_had(
    tmp_path: Path, own: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    own.export(Sought(name=WHOLE), tmp_path / "usb")
    there = Layout(tmp_path / "usb")
    assert capsys.readouterr().out.splitlines() == [
        str(path) for path in (there.pcap_of(WHOLE), there.metadata_of(WHOLE), there.manifest_of(WHOLE))
    ]
    assert there.pcap_of(WHOLE).stat().st_size == read(there.manifest_of(WHOLE)).bytes


def test_pruning_for_space_counts_what_takes_space_here(tmp_path: Path, own: Recordings) -> None:
    own.prune("", "0", is_dry=False)
    own.prune("1d", "", is_dry=False)
    assert read(Layout(tmp_path / "dead" / "recordings").manifest_of(WHOLE)).state is Made.COMPLETE
    assert len(objects_in(tmp_path)) == 3


def test_pruning_the_store_removes_what_it_has_and_says_so(
    tmp_path: Path, own: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    own.prune("1d", "", is_dry=True, is_store_too=True)
    assert len(objects_in(tmp_path)) == 3
    own.prune("1d", "", is_dry=False, is_store_too=True)
    assert capsys.readouterr().out == f"{WHOLE}\n{WHOLE}\n"
    assert objects_in(tmp_path) == set()
    left = read(Layout(tmp_path / "dead" / "recordings").manifest_of(WHOLE))
    assert (left.state, left.stored) == (Made.REMOVED, ())
    own.prune("1d", "", is_dry=False, is_store_too=True)
    assert capsys.readouterr().out == ""


def test_what_was_pruned_here_can_be_pruned_there_later(
    tmp_path: Path, own: Recordings, capsys: pytest.CaptureFixture[str]
) -> None:
    Shelf(tmp_path / "dead" / "recordings").remove(
        read(Layout(tmp_path / "dead" / "recordings").manifest_of(WHOLE)), 1.0
    )
    assert len(objects_in(tmp_path)) == 3
    own.prune("1d", "", is_dry=False, is_store_too=True)
    assert objects_in(tmp_path) == set()


def test_a_store_that_has_it_no_more_is_a_sentence(tmp_path: Path, own: Recordings) -> None:
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").write_text("a file now")
    for attempt in (
        lambda: own.pcap_of(WHOLE, tmp_path / "spare"),
        lambda: own.export(Sought(name=WHOLE), tmp_path / "usb"),
        lambda: own.prune("1d", "", is_dry=False, is_store_too=True),
    ):
        with pytest.raises(Trouble):
            attempt()
    assert read(Layout(tmp_path / "dead" / "recordings").manifest_of(WHOLE)).in_store


def test_a_call_that_only_the_store_has_is_made_into_sound(
    tmp_path: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, data = Layout(tmp_path / "state" / "recordings"), moved(lambda n: (n, n * 160, 0.0))
    places.make()
    name = "3c26%40phone-0123456789abcdef"
    places.pcap_of(name).write_bytes(data)
    made = Manifest(
        name=name,
        state=Made.COMPLETE,
        call_id="3c26@phone",
        link_type="raw",
        started=START,
        started_by="all",
        bytes=len(data),
        sha256=sha256(data).hexdigest(),
        stored=(Stored(where="local", path=f"pcaps/{name}.pcap"),),
    )
    places.manifest_of(name).write_bytes(encoded(made))
    shipper = shipper_of(recording, places, lambda event: None)
    assert shipper is not None
    shipper._shipment.ship(name)
    config = tmp_path / "talkpath.toml"
    config.write_text(f'[recording]\nstore = "{recording.store}"\nidentity = "{recording.identity}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spare"))
    (tmp_path / "spare").mkdir()
    # From the node that stored it, and by its whole name from any other.
    for state, asked in (("state", "3c26@phone"), ("another", name)):
        run = ["wav", asked, "--state", str(tmp_path / state), "--config", str(config)]
        assert CliRunner().invoke(app, run).exit_code == 0
        (tmp_path / f"{name}.wav").unlink()
    assert not places.pcap_of(name).exists()
    assert list((tmp_path / "spare").iterdir()) == []
    (tmp_path / "store" / "pcaps" / f"{name}.pcap.age").unlink()
    assert CliRunner().invoke(app, run).exit_code == 2

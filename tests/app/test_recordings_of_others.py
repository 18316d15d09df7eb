"""What another edge recorded and left in the store comes back by its name: whole, or as far as it was copied."""

import json
import os
from pathlib import Path

import pyrage
import pytest
from tests.store.test_copying import NAME, running
from tests.store.test_recordings_verified import finished

from talkpath.app.config.recording import Recording
from talkpath.app.config.records import State
from talkpath.app.config.tree import Config
from talkpath.app.phrase import Trouble
from talkpath.app.recordings import Recordings
from talkpath.app.storage import copier_of, shipper_of
from talkpath.base.texts import Language
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import read


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
    finished(layout.directory, "a")
    shipper = shipper_of(recording, layout, lambda event: None)
    assert shipper is not None
    shipper._shipment.ship("a")
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


@pytest.mark.parametrize("name", ["a", NAME])
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

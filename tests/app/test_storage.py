"""A store that the configuration names and that can be none is said before anything starts, without credentials."""

import sys
from pathlib import Path

import pyrage
import pytest

from talkpath.app.config.recording import Recording
from talkpath.app.console.phrase import Trouble
from talkpath.app.recordings.storage import identities_of, shipper_of
from talkpath.base.redact import Secret
from talkpath.store.recordings.layout import Layout


def told(_: object) -> None:
    """Nothing is told here."""


def test_without_a_store_recordings_stay(tmp_path: Path) -> None:
    assert shipper_of(Recording(), Layout(tmp_path), told) is None


def test_a_mistyped_key_for_sealing_stops_the_edge_with_a_sentence(tmp_path: Path) -> None:
    public = str(pyrage.x25519.Identity.generate().to_public())
    mistyped = public[:-1] + ("q" if public[-1] != "q" else "p")
    wanted = Recording(store=f"file://{tmp_path}/there", seal_for=(mistyped,))
    with pytest.raises(Trouble) as trouble:
        shipper_of(wanted, Layout(tmp_path), told)
    assert trouble.value.code == "seal-for"


@pytest.mark.parametrize("missing", ["obstore.store", "pyrage"])
def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    public = str(pyrage.x25519.Identity.generate().to_public())
    monkeypatch.setitem(sys.modules, missing, None)
    wanted = Recording(store=f"file://{tmp_path}/there", seal_for=(public,))
    with pytest.raises(Trouble) as trouble:
        shipper_of(wanted, Layout(tmp_path), told)
    assert trouble.value.code == "not-installed"


def test_an_identity_comes_from_a_file_or_a_command_and_is_never_repeated(tmp_path: Path) -> None:
    key, file = pyrage.x25519.Identity.generate(), tmp_path / "key"
    file.write_text(f"# public key: {key.to_public()}\n{key}\n")
    for wanted in (Recording(identity=str(file)), Recording(identity_command=f"cat {file}")):
        assert [str(one) for one in identities_of(wanted)] == [str(key)]
    file.write_text(f"{key}?\n")
    for wanted in (
        Recording(),
        Recording(identity=str(file)),
        Recording(identity=str(tmp_path / "none")),
        Recording(identity_command=f"cat {file} {tmp_path}/none"),
    ):
        with pytest.raises(Trouble) as trouble:
            identities_of(wanted)
        assert str(key) not in str(trouble.value)


def test_a_store_is_opened_with_credentials_that_nobody_sees(tmp_path: Path) -> None:
    wanted = Recording(store="s3://bucket/x", store_key_id="id", store_secret=Secret("hidden-words"))
    shipper = shipper_of(wanted, Layout(tmp_path), told)
    assert shipper is not None
    assert "hidden-words" not in repr(wanted)

"""What becomes of a recording: the store has it first, then who asked is told, and `recordings show` says so."""

import base64
import json
import threading
import time
from pathlib import Path

import pytest
from tests.store.test_notices import KEY, receiver
from tests.store.test_recordings_verified import finished

from talkpath.app.config.recording import Recording
from talkpath.app.config.records import State
from talkpath.app.config.tree import Config
from talkpath.app.recordings.after_call import AfterCall
from talkpath.app.recordings.command import Recordings
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import read

SECRET = Secret("whsec_" + base64.b64encode(KEY).decode())


def until_told(after: AfterCall) -> None:
    """Threads do it, which announce nothing here."""
    tick, until = threading.Event(), time.monotonic() + 20
    while not after.counters["notice"]().get("told") and time.monotonic() < until:
        tick.wait(0.01)
    assert after.counters["notice"]() == {"told": 1}


def test_who_asked_hears_of_a_recording_when_the_store_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "recordings"
    with receiver() as crm:
        recording = Recording(
            store=f"file://{tmp_path}/there", keep_local=False, notice_url=crm.url, notice_secret=SECRET
        )
        after = AfterCall(recording, Layout(place), Language.EN)
        after.start()
        finished(place, "a")
        after.finished(read(Layout(place).manifest_of("a")))
        until_told(after)
        after.close()
    told = json.loads(crm.posts[0].body)
    assert [at["where"] for at in told["data"]["stored"]] == ["store", "store"]
    assert {name: gauge() for name, gauge in after.gauges.items()} == {
        "recordings_to_store": 0,
        "recording_notices_to_tell": 0,
    }
    shown = Recordings(Config(state=State(directory=str(tmp_path)), recording=recording), Language.EN)
    shown.show("a")
    notice = json.loads(capsys.readouterr().out)["notice"]
    assert notice["told"] is not None
    assert "body" not in notice


def test_without_a_store_and_without_anybody_who_asked_nothing_becomes_of_it(tmp_path: Path) -> None:
    after = AfterCall(Recording(), Layout(tmp_path), Language.EN)
    after.start()
    finished(tmp_path, "a")
    after.finished(read(Layout(tmp_path).manifest_of("a")))
    after.close()
    assert not Layout(tmp_path).notices.exists()
    assert {name: dict(read()) for name, read in after.counters.items()} == {"storage": {}, "notice": {}}

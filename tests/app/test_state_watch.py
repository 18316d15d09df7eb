"""An edge says when what it keeps is kept nowhere."""

import logging
from pathlib import Path

import pytest

from talkpath.app.state.directory import DATABASE
from talkpath.app.state.watch import StateWatch
from talkpath.base.texts import Language


def test_a_state_directory_that_went_away_is_said_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / DATABASE).touch()
    watch = StateWatch(state, Language.EN)
    with caplog.at_level(logging.ERROR):
        watch.look(0.0)
        assert caplog.messages == []
        state.rename(tmp_path / "away")
        for second in range(1, 100):
            watch.look(float(second))
        assert [message.count("is not there any more") for message in caplog.messages] == [1, 1]
        (tmp_path / "away").rename(state)
        watch.look(100.0)
        assert len(caplog.messages) == 2


def test_a_database_that_was_replaced_is_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / DATABASE).touch()
    watch = StateWatch(tmp_path, Language.EN)
    (tmp_path / DATABASE).rename(tmp_path / "older")
    (tmp_path / DATABASE).touch()
    with caplog.at_level(logging.ERROR):
        watch.look(0.0)
    assert len(caplog.messages) == 1

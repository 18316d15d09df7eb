"""Accounts that call more than they may are told of on one line a minute."""

import logging

import pytest

from talkpath.app.log.guard import GuardLog
from talkpath.base.texts import Language
from talkpath.edge.admission.guard import Guard
from talkpath.edge.settings import Allowance, GuardSettings, TollSettings
from talkpath.sip.uri import Uri

NOW = 1_000_000.0
NUMBER = Uri.parse("sip:01012345678@gw.example.net")


@pytest.mark.parametrize(("language", "word"), [(Language.EN, "as it may at once (0)"), (Language.ZH, "同时外呼")])
def test_a_burst_is_one_line_and_what_goes_on_one_a_minute(
    language: Language, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "talkpath.guard")
    guard = Guard(GuardSettings(toll=TollSettings(everywhere=Allowance(0, 0, 0))), (), b"g" * 16, NOW)
    log = GuardLog(guard, language)
    for second in range(150):
        for _ in range(10):
            guard.toll.refusal("1001", NUMBER, "203.0.113.9", NOW + second)
        guard.toll.refusal("1002", NUMBER, "203.0.113.10", NOW + second)
        log.tell(NOW + second)
    first, *others = caplog.messages
    assert len(others) == 2
    assert "1001" in first
    assert word in first
    assert "600" in others[0]
    assert all("203.0.113.9" in line for line in caplog.messages)

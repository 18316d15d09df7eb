"""What the log says of overload: at once, and then once a minute while it lasts."""

import logging
from collections import Counter

import pytest

from talkpath.app.log.overload import OverloadLog
from talkpath.base.texts import Language


@pytest.mark.parametrize(("language", "refused"), [(Language.EN, "{} new calls"), (Language.ZH, "{} 个新呼叫")])
def test_refused_calls_are_told_once_a_minute(
    caplog: pytest.LogCaptureFixture, language: Language, refused: str
) -> None:
    counters: Counter[str] = Counter()
    log = OverloadLog(counters, language)
    with caplog.at_level(logging.INFO, "talkpath.load"):
        for second in range(200):
            if 50 <= second < 130:
                counters["calls_refused_overloaded"] += 10
            log.tell(1_000.0 + second)
    assert [refused.format(count) in line for count, line in zip((10, 600, 190), caplog.messages, strict=True)] == [
        True
    ] * 3

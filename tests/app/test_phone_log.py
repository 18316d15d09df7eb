"""What the log says of users with too many phones: at once, and then once a minute."""

import logging

import pytest
from tests.edge.lab import Lab

from talkpath.app.log.phones import PhoneLog
from talkpath.base.texts import Language


@pytest.mark.parametrize(
    ("language", "refused", "made_room"),
    [(Language.EN, "2 more refused", "made room"), (Language.ZH, "拒绝 2 次", "让位")],
)
def test_one_too_many_is_told_once_a_minute(
    caplog: pytest.LogCaptureFixture, language: Language, refused: str, made_room: str
) -> None:
    lab = Lab()
    log = PhoneLog(lab.edge.core.registrar, language)
    with caplog.at_level(logging.INFO, "talkpath.phones"):
        for port in range(40_000, 40_012):
            lab.phone("1001", "198.51.100.8", port).register()
        log.tell(lab.now)
        (line,) = caplog.messages
        assert all(word in line for word in (refused, "1001", "198.51.100.8"))
        for port in range(40_000, 40_012):
            lab.phone("1002", "198.51.100.9", port).register(extra="User-Agent: Softphone 7")
        log.tell(lab.now + 1)
        assert len(caplog.messages) == 1
        log.tell(lab.now + 60)
        assert made_room in caplog.messages[1]
        assert "Softphone 7" in caplog.messages[1]

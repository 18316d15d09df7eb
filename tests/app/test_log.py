"""What a running node says of its calls: a line when one begins, a line when it ends."""

import logging

import pytest

from talkpath.app.log.log import CallLog, start_logging
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Side

from ..calls.talk import PHONE, Talk, flow

START = 1_700_000_000.0


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "talkpath.calls")
    return caplog


def test_a_call_that_had_to_prove_itself_has_one_beginning_and_one_end(said: pytest.LogCaptureFixture) -> None:
    ledger, talk = Ledger(), Talk()
    log = CallLog(ledger, Language.EN)
    _challenge(ledger, talk)
    log.tell()
    assert said.messages == []
    ledger.written(START + 0.2, flow(PHONE), talk.call_id, talk.invite(cseq=2), sent=False)
    ledger.written(START + 1.0, flow(PHONE), talk.call_id, talk.answer(200, cseq=2), sent=True)
    log.tell()
    ledger.ended(START + 5.0, talk.call_id, Side.CALLER, "bye")
    log.tell()
    begun, ended = said.messages
    assert "1001" in begun
    assert "the caller hung up" in ended


def test_who_never_comes_back_with_credentials_is_no_call(said: pytest.LogCaptureFixture) -> None:
    ledger, talk = Ledger(), Talk()
    log = CallLog(ledger, Language.EN)
    _challenge(ledger, talk)
    log.tell()
    ledger.close_all(START + 9.0)
    log.tell()
    assert said.messages == []


def _challenge(ledger: Ledger, talk: Talk) -> None:
    ledger.written(START, flow(PHONE), talk.call_id, talk.invite(), sent=False)
    ledger.written(START + 0.1, flow(PHONE), talk.call_id, talk.answer(407), sent=True)
    ledger.ended(START + 0.1, talk.call_id, Side.SERVER, "refused")


def test_calls_over_a_limit_have_no_lines_of_their_own(said: pytest.LogCaptureFixture) -> None:
    ledger, talk = Ledger(), Talk()
    log = CallLog(ledger, Language.EN)
    ledger.written(START, flow(PHONE), talk.call_id, talk.invite(), sent=False)
    ledger.moment(START, talk.call_id, "toll.calls", user="1001", limit=60)
    ledger.moment(START, talk.call_id, "guard.refused", status=403, why="Call limit reached")
    ledger.written(START, flow(PHONE), talk.call_id, talk.answer(403), sent=True)
    ledger.ended(START, talk.call_id, Side.SERVER, "refused")
    log.tell()
    assert said.messages == []


def test_a_name_of_any_length_leaves_room_for_the_rest_of_the_line(said: pytest.LogCaptureFixture) -> None:
    ledger, talk = Ledger(), Talk()
    log = CallLog(ledger, Language.EN)
    invite = talk.invite().replace(b"sip:1001@", b"sip:" + b"x" * 20_000 + b"@")
    ledger.written(START, flow(PHONE), talk.call_id, invite, sent=False)
    log.tell()
    ledger.written(START + 1.0, flow(PHONE), talk.call_id, talk.answer(200), sent=True)
    ledger.ended(START + 5.0, talk.call_id, Side.CALLER, "bye")
    log.tell()
    begun, ended = said.messages
    assert "xxx" in begun
    assert "…" in begun
    assert "1002" in begun
    assert "the caller hung up" in ended
    assert max(len(begun), len(ended)) < 400


def test_a_traceback_with_the_bytes_of_a_peer_is_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("talkpath"), "level", logging.INFO)
    start_logging("info")
    try:
        raise ValueError("y" * 60_000)
    except ValueError:
        logging.getLogger("talkpath.net").exception("a message from %s could not be handled", "z" * 60_000)
    written = capsys.readouterr().err
    assert "ValueError: yyy" in written
    assert max(map(len, written.splitlines())) < 2_100

"""The record keys of phones (INFO with `Record`): who may, what it does; the other side hears nothing of it."""

import pytest
from tests.edge.lab import HOME, OFFER, PORT, REALM, Lab, Phone, call
from tests.edge.test_recording import Recorder

from talkpath.base.texts import Language
from talkpath.calls.words import said
from talkpath.edge.calls.recording import Verb
from talkpath.edge.settings import EdgeSettings, RecordingSettings, Which
from talkpath.sip.message import Message


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def make(recorder: Recorder | None, recording: RecordingSettings) -> Lab:
    settings = EdgeSettings(
        own_hosts=frozenset({HOME, "localhost"}),
        listening=frozenset(PORT.items()),
        realm=REALM,
        recording=recording,
    )
    return Lab(settings, recorder=recorder)


BY_1001 = RecordingSettings(key_users=frozenset({"1001"}))
BY_ALL = RecordingSettings(by_phones=True)


def talk(lab: Lab) -> tuple[Phone, Phone, Message, Message]:
    """Two phones in a call: with the INVITE as it was heard, and its 200."""
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    invite, ok = call(caller, callee, body=OFFER)
    return caller, callee, invite, ok


def press(phone: Phone, dialog: Message, word: str) -> int:
    """The status that the key gets."""
    phone.in_dialog("INFO", dialog, extra=f"Record: {word}")
    return phone.last().status


def moments(lab: Lab, call_id: str = "c1") -> list[str]:
    trace = lab.ledger.trace(call_id)
    assert trace is not None
    return [said(one, Language.EN) for one in trace.moments if one.kind.startswith("recording.")]


def test_it_starts_and_ends_a_recording_and_the_other_side_is_not_told(recorder: Recorder) -> None:
    lab = make(recorder, BY_1001)
    caller, callee, _, ok = talk(lab)
    assert [press(caller, ok, word) for word in ("on", "ON ", "off", "off", "on")] == [200] * 5
    assert recorder.why == ["phone 1001"] * 2
    in_force = [("offer", "callee"), ("answer", "caller")]
    assert recorder.tapes[0].said == [*in_force, ("close", "stopped", "phone 1001")]
    assert recorder.tapes[1].said == in_force
    assert callee.inbox == []
    assert moments(lab) == [
        "Recorded from here on, in tape0: the phone of 1001 wants it.",
        "The recording tape0 is ended by the phone 1001.",
        "Recorded from here on, in tape1: the phone of 1001 wants it.",
    ]
    caller.in_dialog("BYE", ok)
    assert callee.last().cseq.number == caller.cseq
    callee.answer(callee.last(), 200)
    assert recorder.tapes[1].said[-1] == ("close", "call-ended", "caller")


def test_who_was_called_has_a_key_too(recorder: Recorder) -> None:
    lab = make(recorder, BY_ALL)
    caller, callee, invite, _ = talk(lab)
    assert press(callee, invite, "on") == 200
    assert recorder.why == ["phone 1002"]
    assert caller.inbox == []


def test_who_may_not_is_told_so_that_it_need_not_ask_again(recorder: Recorder) -> None:
    lab = make(recorder, BY_1001)
    caller, callee, invite, _ = talk(lab)
    assert press(callee, invite, "on") == 403
    assert (recorder.tapes, caller.inbox) == ([], [])
    assert moments(lab) == ["The record key of 1002 changed nothing: it may not record."]


def test_guests_may_not(recorder: Recorder) -> None:
    lab = make(recorder, BY_ALL)
    caller, _, _, ok = talk(lab)
    lab.accounts.guests.add("1001")
    assert press(caller, ok, "on") == 403
    assert recorder.tapes == []


def test_a_phone_ends_only_what_it_began(recorder: Recorder) -> None:
    """Whoever has all calls recorded means it."""
    lab = make(recorder, RecordingSettings(Which.ALL, by_phones=True))
    caller, callee, invite, ok = talk(lab)
    assert [press(caller, ok, word) for word in ("on", "off")] == [200, 403]
    assert [one.why for one in recorder.tapes] == ["all"]
    (running,) = lab.edge.core.calls.values()
    assert lab.edge.core.recordings.command(running, Verb.STOP, "operator", lab.now) == ""
    assert [press(caller, ok, "on"), press(callee, invite, "off")] == [200, 403]
    assert lab.edge.core.recordings.command(running, Verb.PAUSE, "operator", lab.now) == ""
    assert [press(caller, ok, word) for word in ("on", "off")] == [403, 200]
    assert [one.said[-1][0] for one in recorder.tapes] == ["close", "close"]


def test_the_other_side_cannot_press_it_in_the_name_of_who_may(recorder: Recorder) -> None:
    """Both know both tags: what comes from elsewhere than the phone has to prove whose it is."""
    lab = make(recorder, BY_1001)
    caller, callee, _, ok = talk(lab)
    callee.in_dialog("INFO", ok, extra="Record: on")
    challenge = callee.last()
    assert challenge.status == 407
    assert recorder.tapes == []
    # The phone itself, which has moved, can.
    moved = lab.phone("1001", "198.51.100.77")
    moved.in_dialog("INFO", ok, extra="Record: on", cseq=caller.cseq + 1)
    assert moved.last().status == 407
    uri = ok.address("Contact").uri
    proof = moved.credentials(moved.last().all("Proxy-Authenticate")[0], "INFO", uri)
    moved.in_dialog("INFO", ok, extra=f"Record: on\nProxy-Authorization: {proof}", cseq=caller.cseq + 2)
    assert moved.last().status == 200
    assert recorder.why == ["phone 1001"]
    # Who proves to be somebody else is not.
    proof = callee.credentials(challenge.all("Proxy-Authenticate")[0], "INFO", uri)
    callee.in_dialog("INFO", ok, extra=f"Record: off\nProxy-Authorization: {proof}", cseq=caller.cseq + 3)
    assert callee.last().status == 403
    assert len(recorder.tapes[0].said) == 2


def test_where_no_phone_may_it_is_for_the_other_side(recorder: Recorder) -> None:
    """Which may be a PBX that records."""
    lab = make(recorder, RecordingSettings())
    caller, callee, _, ok = talk(lab)
    caller.in_dialog("INFO", ok, extra="Record: on")
    assert callee.last().first("Record") == "on"
    callee.answer(callee.last(), 200)
    assert caller.last().status == 200
    assert recorder.tapes == []


@pytest.mark.parametrize("extra", ["Record: maybe", "Record:", "Subject: Record: on"])
def test_other_requests_go_on(recorder: Recorder, extra: str) -> None:
    lab = make(recorder, BY_ALL)
    caller, callee, _, ok = talk(lab)
    caller.in_dialog("INFO", ok, extra=extra)
    assert callee.last().method == "INFO"


def test_a_call_to_a_service_is_recorded(recorder: Recorder) -> None:
    lab = make(recorder, BY_1001)
    caller = lab.registered("1001", "198.51.100.7")
    caller.invite(f"sip:echo@{HOME}", body=OFFER)
    ok = caller.last()
    caller.ack(ok, f"sip:echo@{HOME}")
    assert [press(caller, ok, "on"), press(caller, ok, "off")] == [200, 200]
    assert recorder.why == ["phone 1001"]


def test_what_cannot_be_done_ends_no_dialog(recorder: Recorder) -> None:
    """480 and 481 would (RFC 5057 section 5.1)."""
    lab = make(None, BY_ALL)
    caller, callee, _, ok = talk(lab)
    assert press(caller, ok, "on") == 488
    lab.edge.core.calls.clear()
    assert press(caller, ok, "on") == 488
    assert callee.inbox == []

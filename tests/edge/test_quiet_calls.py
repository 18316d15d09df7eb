"""Calls that no media watches over: every one of them ends, and none that still lives is touched."""

import pytest
from tests.edge.lab import OFFER, Lab, Phone, call

from talkpath.base.address import Transport
from talkpath.sip.message import Message


def asked(phone: Phone) -> Message:
    """The question that came."""
    questions = [one for one in phone.inbox if one.is_request and one.method == "INFO"]
    phone.inbox.clear()
    return questions[-1]


def ended(lab: Lab) -> tuple[str, str]:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert lab.edge.core.calls == {}
    return trace.ended_by, trace.ended_how


def live(lab: Lab, seconds: float, *phones: Phone, status: int = 200) -> list[Message]:
    """Time passes, and these phones answer every question at once; gives the questions."""
    questions = []
    for _ in range(round(seconds / 10)):
        lab.wait(10)
        for phone in phones:
            for one in [one for one in phone.inbox if one.is_request and one.method == "INFO"]:
                phone.answer(one, status)
                questions.append(one)
            phone.inbox[:] = [one for one in phone.inbox if one.is_request and one.method != "INFO"]
    return questions


def test_a_call_without_media_whose_ends_are_gone_is_over_within_minutes(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    call(caller, callee)
    lab.wait(290)
    assert (caller.inbox, callee.inbox) == ([], [])
    lab.wait(200)
    assert ended(lab) == ("server", "dialog-gone")
    for phone in (caller, callee):
        assert set(phone.methods()) == {"INFO", "BYE"}
        assert "cause=481" in (phone.last().first("Reason") or "")


def test_many_calls_that_fell_silent_together_are_asked_in_portions(lab: Lab, caller: Phone, callee: Phone) -> None:
    for number in range(60):
        call(caller, callee, call_id=f"c{number}")
    lab.wait(299)
    asked_at_once: list[int] = []
    until = lab.now + 20
    while (due := lab.edge.deadline()) is not None and due <= until and sum(asked_at_once) < 120:
        lab.now = max(lab.now, due)
        lab.edge.expire(lab.now)
        asked_at_once.append(sum(send.data.startswith(b"INFO ") for send in lab.edge.drain()))
    assert (max(asked_at_once), sum(asked_at_once)) == (50, 120)


def test_who_is_asked_knows_its_dialog_and_nothing_changes(lab: Lab, caller: Phone, callee: Phone) -> None:
    """The question bears the number that the other side used last, 0 where it has used none (RFC 3261 12.2.2)."""
    invite, ok = call(caller, callee)
    questions = live(lab, 3000, caller, callee, status=500)
    assert len({one.top_via.branch for one in questions}) == 20
    assert {(one.cseq.number, one.uri, one.from_tag, one.to_tag) for one in questions} == {
        (invite.cseq.number, callee.contact, invite.from_tag, "tag1002"),
        (0, caller.contact, "tag1002", invite.from_tag),
    }
    caller.in_dialog("BYE", ok)
    callee.answer(callee.last(), 200)
    assert ended(lab) == ("caller", "bye")


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_who_does_not_know_the_dialog_ends_it_for_the_other(lab: Lab, caller: Phone, callee: Phone, who: str) -> None:
    call(caller, callee)
    lab.wait(310)
    lost, other = (caller, callee) if who == "caller" else (callee, caller)
    other.answer(asked(other), 200)
    lost.answer(asked(lost), 481)
    assert (other.methods(), lost.methods()) == (["BYE"], [])
    assert ended(lab) == ("server", "dialog-gone")
    assert "dialog.lost" in lab.kinds("c1")


def test_one_lost_question_ends_nothing(lab: Lab, caller: Phone, callee: Phone) -> None:
    call(caller, callee)
    for _ in range(3):
        live(lab, 250, caller, callee)
        live(lab, 90, callee)
        caller.inbox.clear()
    live(lab, 600, caller, callee)
    assert len(lab.edge.core.calls) == 1


def test_both_connections_that_are_gone_end_the_call(lab: Lab) -> None:
    ends = []
    for number, user in enumerate(("1001", "1002")):
        phone = lab.phone(user, f"198.51.100.{7 + number}", 41000, Transport.WSS)
        phone.contact, phone.via_host = f"sip:{user}@abc.invalid;transport=ws", "abc.invalid"
        phone.register()
        ends.append(phone)
    call(ends[0], ends[1])
    for phone in ends:
        lab.close(phone)
    lab.wait(400)
    assert ended(lab) == ("server", "dialog-gone")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_session_timer_that_runs_out_ends_the_call(lab: Lab, caller: Phone, callee: Phone, method: str) -> None:
    caller.invite("sip:1002@192.0.2.1")
    callee.answer(callee.take(), 200, extra="Session-Expires: 1800;refresher=uac")
    ok = caller.last()
    caller.ack(ok, callee.contact)
    for _ in range(3):
        live(lab, 900, caller, callee)
        caller.in_dialog(method, ok)
        callee.answer(callee.last(), 200, extra="x: 1800;refresher=uac")
    live(lab, 1800, caller, callee)
    assert len(lab.edge.core.calls) == 1
    live(lab, 600, caller, callee)
    assert ended(lab) == ("server", "session-expired")


def test_a_call_in_which_nothing_happens_for_half_a_day_is_over(lab: Lab, caller: Phone, callee: Phone) -> None:
    """Some servers answer everything with 200, whether they know the dialog or not."""
    call(caller, callee)
    live(lab, 43_000, caller, callee)
    assert len(lab.edge.core.calls) == 1
    live(lab, 600, caller, callee)
    assert ended(lab) == ("server", "idle")


def test_a_call_that_is_heard_on_both_sides_is_asked_nothing(lab: Lab, caller: Phone, callee: Phone) -> None:
    call(caller, callee, body=OFFER)
    for _ in range(60):
        lab.wait(30)
        for port in lab.engine.open_ports:
            lab.engine.hear(port, lab.now)
    assert (caller.inbox, callee.inbox) == ([], [])


def test_a_side_that_is_never_heard_and_gone_ends_a_call_into_which_the_other_plays(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    call(caller, callee, body=OFFER)
    (playing,) = [port for port in lab.engine.open_ports if port.expected["rtp"] == ("198.51.100.8", 4000)]
    for _ in range(50):
        lab.wait(10)
        lab.engine.hear(playing, lab.now)
        for one in [one for one in callee.inbox if one.is_request and one.method == "INFO"]:
            callee.answer(one, 200)
    assert ended(lab) == ("server", "dialog-gone")


def test_who_is_on_hold_and_bears_no_question_is_left_to_the_limit_of_holds(
    lab: Lab, caller: Phone, callee: Phone
) -> None:
    call(caller, callee, body=OFFER + b"a=inactive\r\n")
    lab.wait(3000)
    assert len(lab.edge.core.calls) == 1


def test_every_section_declined_is_no_reason_to_stay(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite("sip:1002@192.0.2.1", body=OFFER)
    callee.answer(callee.take(), 200, body=OFFER.replace(b"audio 4000", b"audio 0"))
    caller.ack(caller.last(), callee.contact)
    lab.wait(500)
    assert ended(lab) == ("server", "dialog-gone")
    assert lab.engine.open_ports == []


def test_an_answer_that_is_never_acknowledged_does_not_keep_the_call(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite("sip:1002@192.0.2.1")
    callee.answer(callee.take(), 200, body=OFFER)
    lab.wait(500)
    assert ended(lab) == ("server", "dialog-gone")


def test_an_echo_call_whose_caller_is_gone_ends(lab: Lab, caller: Phone) -> None:
    caller.invite("sip:echo@192.0.2.1", body=OFFER)
    caller.ack(caller.last(), "sip:echo@192.0.2.1")
    lab.wait(500)
    assert ended(lab) == ("server", "dialog-gone")
    assert lab.engine.open_ports == []


def test_a_phone_that_rings_for_half_a_day_is_given_up(lab: Lab, caller: Phone, callee: Phone) -> None:
    caller.invite("sip:1002@192.0.2.1")
    invite = callee.take()
    for _ in range(440):
        callee.answer(invite, 183)
        lab.wait(100)
        caller.inbox.clear()
    assert "CANCEL" in callee.methods()
    callee.answer(invite, 487)
    assert lab.edge.core.calls == {}

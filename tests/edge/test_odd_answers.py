"""Answers of which a caller could make no dialog: without Contact, and without To tag (RFC 3261 section 12.1)."""

import pytest
from tests.edge.carrier import gateway, house, named
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.edge.gateways.settings import ProbeSettings
from talkpath.sip.message import Message

ANSWER = OFFER.replace(b"100.7", b"100.8")
URI = f"sip:+493012345@{HOME}"


def _lab() -> tuple[Lab, Phone, Phone, Phone]:
    """A caller and two carriers, of which the first is called."""
    probe = ProbeSettings(interval_s=0)
    lab = house(
        gateway("first", "203.0.113.1", priority=1, probe=probe),
        gateway("second", "203.0.113.2", priority=2, probe=probe),
        outbound=frozenset({"1001"}),
    )
    lab.wait(0.1)
    first, second = lab.phone("first", "203.0.113.1"), lab.phone("second", "203.0.113.2")
    caller = lab.registered("1001", "198.51.100.1")
    caller.invite(URI, body=OFFER)
    return lab, caller, first, second


def _answers(phone: Phone, invite: Message, without: str, instead: str = "", line: str = "200 OK") -> None:
    """A response in which one field is not as it should be."""
    lines = [f"Via: {value}" for value in invite.all("Via")]
    lines += [f"Record-Route: {value}" for value in invite.all("Record-Route")]
    lines += [f"From: {invite.first('From')}"] if without != "From" else []
    lines += [f"Call-ID: {invite.call_id}", f"CSeq: {invite.first('CSeq')}"]
    if without != "To":
        lines += [f"To: {invite.first('To')}" + ("" if without == "tag" else ";tag=carrier")]
    if without != "Contact":
        lines += [f"Contact: <{phone.contact}>"]
    phone.send("\n".join([f"SIP/2.0 {line}", *lines, *([instead] if instead else [])]), ANSWER)


@pytest.mark.parametrize("instead", ["", "Contact: nonsense"])
def test_a_caller_is_told_where_to_reach_who_gave_no_contact(instead: str) -> None:
    lab, caller, first, _ = _lab()
    invite = first.take()
    _answers(first, invite, "Contact", instead)
    answer = caller.last()
    assert answer.status == 200
    assert answer.all("Contact") == [f"<{invite.uri}>"]
    assert lab.kinds("c1").count("answer.contact-put-in") == 1
    caller.ack(answer, answer.address("Contact").uri)
    assert [(one.method, one.uri) for one in first.inbox] == [("ACK", invite.uri)]
    caller.in_dialog("BYE", answer)
    first.answer(first.last(), 200, "OK")
    assert first.methods() == ["ACK", "BYE"]
    assert caller.statuses()[-1] == 200
    assert not lab.edge.core.calls


def test_a_contact_that_is_there_stays_as_it_is() -> None:
    lab, caller, first, _ = _lab()
    first.answer(first.take(), 200, body=ANSWER)
    assert caller.last().all("Contact") == [f"<{first.contact}>"]
    assert "answer.contact-put-in" not in lab.kinds("c1")


def test_who_answers_without_a_tag_is_hung_up_on_and_the_next_gateway_tried() -> None:
    lab, caller, first, second = _lab()
    invite = first.take()
    _answers(first, invite, "tag")
    assert first.methods() == ["ACK", "BYE"]
    assert [one.first("To") for one in first.inbox] == [invite.first("To")] * 2
    assert caller.statuses() == [100]
    assert (named(lab, "first").last_failure, named(lab, "first").answers) == ("unusable", 0)
    second.answer(second.take(), 200, body=ANSWER)
    caller.ack(caller.last(), second.contact)
    assert caller.statuses() == [100, 200]
    assert lab.kinds("c1").count("answer.no-tag") == 1
    # It says so again, because it wants its ACK.
    first.inbox.clear()
    _answers(first, invite, "tag")
    assert first.methods() == ["ACK"]
    assert caller.statuses() == [100, 200]
    assert lab.kinds("c1").count("gateway.failed") == 1


def test_a_phone_that_answers_without_a_tag_leaves_nobody_in_a_call() -> None:
    lab = Lab(users=("1001", "1002"))
    caller, callee = lab.registered("1001", "198.51.100.1"), lab.registered("1002", "198.51.100.2")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    _answers(callee, callee.take(), "tag")
    assert callee.methods() == ["ACK", "BYE"]
    assert caller.statuses() == [100, 502]
    lab.wait(40)
    assert not lab.edge.core.calls


@pytest.mark.parametrize("line", ["183 Session Progress", "486 Busy Here", "200 OK"])
def test_a_caller_is_named_in_an_answer_that_left_it_out(line: str) -> None:
    _, caller, first, _ = _lab()
    asked = first.take()
    _answers(first, asked, "From", line=line)
    assert f"{caller.last().status}" == line[:3]
    assert caller.last().all("From") == asked.all("From")


@pytest.mark.parametrize("line", ["183 Session Progress", "486 Busy Here"])
def test_a_caller_hears_whom_it_called_in_an_answer_that_left_it_out(line: str) -> None:
    _, caller, first, _ = _lab()
    asked = first.take()
    _answers(first, asked, "To", line=line)
    told = caller.last()
    assert f"{told.status}" == line[:3]
    assert [value.partition(";tag=")[0] for value in told.all("To")] == asked.all("To")
    assert bool(told.to_tag) == (told.status >= 200)


def test_who_hangs_up_hears_both_names_in_an_answer_that_left_them_out() -> None:
    _, caller, first, _ = _lab()
    first.answer(first.take(), 200, body=ANSWER)
    answer = caller.last()
    caller.ack(answer, first.contact)
    caller.in_dialog("BYE", answer)
    bye = first.last()
    first.send(
        "\n".join(
            [
                "SIP/2.0 200 OK",
                *(f"Via: {via}" for via in bye.all("Via")),
                f"Call-ID: {bye.call_id}",
                f"CSeq: {bye.first('CSeq')}",
            ]
        )
    )
    told = caller.last()
    assert (told.status, told.all("From"), told.all("To")) == (200, bye.all("From"), bye.all("To"))

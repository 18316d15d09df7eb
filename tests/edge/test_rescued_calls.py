"""A node dies and nobody gets its address: another asks both sides to send their media there."""

import os
import re

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone
from tests.media.browser import OURS

from talkpath.base.address import Transport
from talkpath.edge.calls.call import RunningCall
from talkpath.media import Security
from talkpath.sip.message import Message

NEW = "192.0.2.2"
KEY = re.compile(rb"inline:\S+")
MINE, THEIRS = OFFER, OFFER.replace(b"198.51.100.7", b"198.51.100.8")


class Rescued:
    """A call of two phones whose node died."""

    def __init__(self, transport: Transport = Transport.UDP, body: bytes = OFFER, *, secured: bool = False) -> None:
        self.lab = lab = Lab()
        if secured:
            lab.security = Security(lab.engine, OURS, os.urandom)
        lab.share()
        self.caller = lab.phone("1001", "198.51.100.7", transport=transport)
        self.callee = lab.registered("1002", "198.51.100.8")
        self.caller.contact_params = ';+sip.instance="<urn:uuid:7>"'
        self.caller.register()
        self.caller.invite(f"sip:1002@{HOME}", body=body)
        self.invite = self.callee.take()
        self.callee.answer(self.invite, 200, "OK", body=THEIRS if body else b"")
        self.ok = self.caller.last()
        self.caller.ack(self.ok, self.callee.contact)
        self.caller.inbox.clear()
        self.callee.inbox.clear()
        lab.shared()

    def die(self) -> "Rescued":
        self.lab.die_for_good(NEW)
        for phone in (self.caller, self.callee):
            phone.flow = phone.flow._replace(local=phone.flow.local._replace(host=NEW))
        return self

    def follow(self, phone: Phone, body: bytes) -> Message:
        """The phone is asked to follow, and does."""
        asked = phone.take()
        assert (asked.method, asked.uri) == ("INVITE", phone.contact)
        assert f"c=IN IP4 {NEW}".encode() in asked.body
        phone.answer(asked, 200, "OK", body=body)
        assert phone.take().method == "ACK"
        return asked

    def both_follow(self) -> "Rescued":
        self.follow(self.callee, THEIRS)
        self.follow(self.caller, MINE)
        return self

    @property
    def running(self) -> RunningCall | None:
        return next(iter(self.lab.edge.core.calls.values()), None)


@pytest.fixture
def rescued() -> Rescued:
    return Rescued().die().both_follow()


def test_both_sides_are_asked_with_media_of_the_other_node(rescued: Rescued) -> None:
    assert rescued.running is not None
    assert {port.host for port in rescued.lab.engine.open_ports} == {NEW}
    assert rescued.lab.kinds("c1")[-1] == "node.rescued"
    assert rescued.caller.inbox == rescued.callee.inbox == []


def test_each_side_is_asked_as_by_the_other(rescued: Rescued) -> None:
    again = Rescued()
    asked = again.die().follow(again.callee, THEIRS)
    assert (asked.first("From"), asked.from_tag) == (again.invite.first("From"), again.invite.from_tag)
    assert asked.cseq.number == again.invite.cseq.number + 1
    assert asked.address("Contact").uri == again.caller.contact
    to_caller = again.follow(again.caller, MINE)
    assert to_caller.from_tag == again.ok.to_tag


def test_the_caller_hangs_up_with_a_number_that_the_callee_takes_for_new(rescued: Rescued) -> None:
    rescued.caller.in_dialog("BYE", rescued.ok)
    bye = rescued.callee.take()
    assert bye.method == "BYE"
    assert bye.cseq.number == rescued.caller.cseq + 1
    rescued.callee.answer(bye, 200, "OK")
    assert rescued.caller.last().status == 200
    assert rescued.caller.last().cseq.number == rescued.caller.cseq
    assert rescued.running is None
    trace = rescued.lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_how == "bye"


def test_the_callee_hangs_up(rescued: Rescued) -> None:
    rescued.callee.in_dialog("BYE", rescued.invite)
    bye = rescued.caller.take()
    assert bye.cseq.number == rescued.callee.cseq + 1
    rescued.caller.answer(bye, 200, "OK")
    assert rescued.callee.last().status == 200
    assert rescued.running is None


def test_a_hold_goes_on_from_there(rescued: Rescued) -> None:
    held = MINE.replace(b"a=sendrecv", b"") + b"a=sendonly\r\n"
    rescued.caller.in_dialog("INVITE", rescued.ok, body=held)
    asked = rescued.callee.take()
    assert b"a=sendonly" in asked.body
    rescued.callee.answer(asked, 200, "OK", body=THEIRS + b"a=recvonly\r\n")
    assert rescued.caller.last().status == 200


def test_we_can_end_it(rescued: Rescued) -> None:
    rescued.lab.edge.stop_calls(rescued.lab.now)
    rescued.lab.pump()
    for phone in (rescued.caller, rescued.callee):
        assert phone.take().method == "BYE"


def test_it_is_rescued_again(rescued: Rescued) -> None:
    rescued.lab.shared()
    rescued.lab.share()
    rescued.lab.edge.core.touch(next(iter(rescued.lab.edge.core.calls.values())))
    rescued.lab.shared()
    rescued.lab.die_for_good("192.0.2.3")
    asked = rescued.callee.take()
    assert asked.cseq.number == rescued.invite.cseq.number + 2
    assert b"c=IN IP4 192.0.2.3" in asked.body


def test_who_refuses_is_left_and_both_are_told() -> None:
    call = Rescued().die()
    call.callee.answer(call.callee.take(), 488, "Not Acceptable Here")
    assert [phone.methods()[-1] for phone in (call.caller, call.callee)] == ["BYE", "BYE"]
    assert "died" in (call.caller.last().first("Reason") or "")
    trace = call.lab.ledger.trace("c1")
    assert trace is not None
    assert trace.ended_how == "node-died"
    assert "node.not-rescued" in call.lab.kinds("c1")


def test_who_does_not_answer_holds_nobody_up_for_half_a_minute() -> None:
    call = Rescued().die()
    call.lab.wait(8.1)
    assert call.caller.methods() == ["BYE"]
    assert call.running is None


def test_who_asked_for_something_at_that_moment_is_asked_again() -> None:
    call = Rescued().die()
    call.callee.answer(call.callee.take(), 491, "Request Pending")
    call.callee.inbox.clear()
    call.lab.wait(2.2)
    call.both_follow()
    assert call.running is not None


def test_a_page_is_waited_for_before_anybody_is_asked() -> None:
    call = Rescued(Transport.WSS).die()
    call.lab.wait(3)
    assert call.callee.inbox == []
    call.caller.reconnect(41_001)
    call.caller.register()
    call.lab.wait(0.3)
    call.both_follow()
    assert call.running is not None


def test_a_page_that_does_not_come_back_ends_the_call_within_seconds() -> None:
    call = Rescued(Transport.WSS).die()
    call.lab.wait(8.3)
    assert call.callee.methods() == ["BYE"]
    assert call.running is None


def test_the_key_of_ours_is_the_one_that_the_phone_has() -> None:
    """Some take no other within a call."""
    theirs = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"
    call = Rescued(body=OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + theirs, secured=True)
    ours = KEY.search(call.ok.body)
    assert ours is not None
    call.die()
    assert b"a=crypto" not in call.follow(call.callee, THEIRS).body
    asked = call.follow(call.caller, OFFER.replace(b"RTP/AVP", b"RTP/SAVP") + theirs)
    again = KEY.search(asked.body)
    assert again is not None
    assert again[0] == ours[0]
    assert call.running is not None


def test_media_of_a_family_that_this_node_has_not_end_the_call() -> None:
    call = Rescued()
    call.lab.die_for_good("2001:db8::2")
    assert [phone.methods() for phone in (call.caller, call.callee)] == [["BYE"], ["BYE"]]
    assert "node.media-lost" in call.lab.kinds("c1")


def test_a_call_without_descriptions_goes_on_and_asks_nobody() -> None:
    call = Rescued(body=b"").die()
    assert call.caller.inbox == call.callee.inbox == []
    assert call.running is not None
    call.caller.in_dialog("BYE", call.ok)
    assert call.callee.methods() == ["BYE"]


def test_a_call_that_rings_is_broken_off() -> None:
    lab = Lab()
    lab.share()
    caller, callee = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    caller.invite(f"sip:1002@{HOME}", body=OFFER)
    callee.answer(callee.take(), 180, "Ringing")
    lab.wait(0.2)
    lab.shared()
    caller.inbox.clear()
    lab.die_for_good(NEW)
    assert caller.statuses()[-1] >= 500
    assert "CANCEL" in callee.methods()

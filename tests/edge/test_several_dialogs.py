"""A gateway answers one branch under several To tags (RFC 3261 sections 12.1, 13.2.2.4, 15.1; RFC 3311, RFC 3262)."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.calls.build import call_of, summary_of
from talkpath.media.memory import MemoryPort
from talkpath.sip.message import Message

URI = f"sip:1002@{HOME}"


@pytest.fixture
def caller(lab: Lab) -> Phone:
    return lab.phone("visitor", "198.51.100.7")


@pytest.fixture
def gateway(lab: Lab) -> Phone:
    return lab.registered("1002", "198.51.100.8")


def sdp_of(number: int) -> bytes:
    """What the phone of this number behind the gateway describes: an address of its own."""
    return OFFER.replace(b"198.51.100.7", b"198.51.100.%d" % (20 + number))


def place(number: int) -> tuple[str, int]:
    return (f"198.51.100.{20 + number}", 4000)


def towards_gateway(lab: Lab) -> MemoryPort:
    """The port whose peer is one of the phones behind the gateway."""
    (port,) = [one for one in lab.engine.open_ports if one.expected["rtp"] != ("198.51.100.7", 4000)]
    return port


def towards_caller(lab: Lab) -> MemoryPort:
    (port,) = [one for one in lab.engine.open_ports if one.expected["rtp"] == ("198.51.100.7", 4000)]
    return port


def both_answer(caller: Phone, gateway: Phone) -> tuple[Message, Message, Message]:
    """Two phones behind the gateway answer; gives the INVITE there and the two answers at the caller."""
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    answers = []
    for number, tag in ((1, "a"), (2, "b")):
        gateway.answer(invite, 200, "OK", tag=tag, body=sdp_of(number))
        answers.append(caller.last())
        caller.ack(caller.last(), gateway.contact)
        assert gateway.last().to_tag == tag
    gateway.inbox.clear()
    return invite, answers[0], answers[1]


def hang_up(caller: Phone, gateway: Phone, ok: Message) -> None:
    caller.in_dialog("BYE", ok)
    bye = gateway.inbox.pop()
    assert (bye.method, bye.to_tag) == ("BYE", ok.to_tag)
    gateway.answer(bye, 200)


def test_both_answers_reach_the_caller_with_our_address_and_the_first_is_heard(
    lab: Lab, caller: Phone, gateway: Phone
) -> None:
    _, first, second = both_answer(caller, gateway)
    assert [first.to_tag, second.to_tag] == ["a", "b"]
    for ok in (first, second):
        assert f"c=IN IP4 {HOME}".encode() in ok.body
    assert towards_gateway(lab).expected["rtp"] == place(1)
    assert towards_gateway(lab).target is towards_caller(lab)
    assert "fork.answered-too" in lab.kinds("c1")


def test_hanging_up_on_the_second_leaves_the_first_its_media(lab: Lab, caller: Phone, gateway: Phone) -> None:
    _, first, second = both_answer(caller, gateway)
    hang_up(caller, gateway, second)
    assert len(lab.edge.core.calls) == 1
    assert towards_gateway(lab).expected["rtp"] == place(1)
    assert towards_gateway(lab).target is towards_caller(lab)
    assert towards_caller(lab).target is towards_gateway(lab)
    caller.in_dialog("INVITE", first, body=OFFER + b"a=sendonly\r\n")
    hold = gateway.last()
    assert f"c=IN IP4 {HOME}".encode() in hold.body
    assert b"198.51.100.7" not in hold.body.partition(b"c=")[2]
    gateway.answer(hold, 200, "OK", body=sdp_of(1) + b"a=recvonly\r\n")
    assert "media.held" in lab.kinds("c1")
    hang_up(caller, gateway, first)
    assert lab.edge.core.calls == {}
    assert lab.engine.open_ports == []


def test_hanging_up_on_the_first_gives_its_media_to_the_second(lab: Lab, caller: Phone, gateway: Phone) -> None:
    invite, first, second = both_answer(caller, gateway)
    hang_up(caller, gateway, first)
    assert towards_gateway(lab).expected["rtp"] == place(2)
    assert towards_gateway(lab).target is towards_caller(lab)
    assert towards_caller(lab).target is towards_gateway(lab)
    ended = lab.now
    gateway.request(
        "BYE",
        caller.contact,
        to=invite.first("From") or "",
        tag="b",
        call_id="c1",
        extra="\n".join(f"Route: {one}" for one in invite.listed("Record-Route")),
        user="1002",
    )
    bye = caller.last()
    assert (bye.method, bye.from_tag) == ("BYE", second.to_tag)
    caller.answer(bye, 200)
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_at, trace.ended_by, trace.ended_how) == (ended, "callee", "bye")
    assert (call_of(trace).ended_at, call_of(trace).result) == (ended, summary_of(trace).result)
    assert lab.engine.open_ports == []


def test_a_second_answer_from_another_branch_is_kept_when_the_first_ends(
    lab: Lab, caller: Phone, gateway: Phone
) -> None:
    mobile = lab.registered("1002", "198.51.100.9")
    caller.invite(URI, body=OFFER)
    gateway.answer(gateway.take(), 200, tag="a", body=sdp_of(1))
    first = caller.last()
    mobile.answer(mobile.take(), 200, tag="b", body=sdp_of(2))
    second = caller.last()
    for ok, phone in ((first, gateway), (second, mobile)):
        caller.ack(ok, phone.contact)
    gateway.inbox.clear()
    hang_up(caller, gateway, first)
    assert len(lab.edge.core.calls) == 1
    assert towards_gateway(lab).expected["rtp"] == place(2)
    assert towards_caller(lab).target is towards_gateway(lab)
    mobile.inbox.clear()
    hang_up(caller, mobile, second)
    assert lab.edge.core.calls == {}


def test_byes_in_both_dialogs_at_once_end_the_call_once(lab: Lab, caller: Phone, gateway: Phone) -> None:
    _, first, second = both_answer(caller, gateway)
    caller.in_dialog("BYE", first)
    lab.wait(0.2)
    caller.in_dialog("BYE", second)
    hung_up_at = lab.now
    lab.wait(0.2)
    at_first, at_second = (message for message in gateway.inbox if message.method == "BYE")
    gateway.answer(at_first, 200)
    gateway.answer(at_second, 200)
    trace = lab.ledger.trace("c1")
    assert trace is not None
    assert (trace.ended_at, trace.ended_by, trace.ended_how) == (hung_up_at, "caller", "bye")
    assert lab.edge.core.calls == {}


def test_a_bye_in_a_dialog_that_nobody_knows_ends_nothing(lab: Lab, caller: Phone, gateway: Phone) -> None:
    _, first, _ = both_answer(caller, gateway)
    routes = "\n".join(f"Route: {one}" for one in reversed(first.listed("Record-Route")))
    to = (first.first("To") or "").replace("tag=a", "tag=unknown")
    caller.request("BYE", gateway.contact, to=to, call_id="c1", extra=routes)
    gateway.answer(gateway.last(), 481)
    assert len(lab.edge.core.calls) == 1


def test_a_dead_call_is_ended_in_each_of_its_dialogs(lab: Lab, caller: Phone, gateway: Phone) -> None:
    both_answer(caller, gateway)
    caller.inbox.clear()
    lab.edge.stop_calls(lab.now)
    lab.pump()
    assert [(one.method, one.to_tag) for one in gateway.inbox] == [("BYE", "a"), ("BYE", "b")]
    assert [(one.method, one.from_tag) for one in caller.inbox] == [("BYE", "a"), ("BYE", "b")]


@pytest.mark.parametrize("method", ["UPDATE", "PRACK"])
def test_the_first_early_dialog_is_anchored_after_a_second_one_came(
    lab: Lab, caller: Phone, gateway: Phone, method: str
) -> None:
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    reliable = "Require: 100rel\nRSeq: 1"
    gateway.answer(invite, 183, tag="a", body=sdp_of(1), extra=reliable)
    early = caller.last()
    gateway.answer(invite, 183, tag="b", body=sdp_of(2), extra=reliable)
    assert f"c=IN IP4 {HOME}".encode() in caller.last().body
    caller.in_dialog(method, early, body=OFFER.replace(b"4000", b"4100"))
    changed = gateway.last()
    assert (changed.method, changed.to_tag) == (method, "a")
    assert f"c=IN IP4 {HOME}".encode() in changed.body
    gateway.answer(changed, 200, body=sdp_of(1).replace(b"4000", b"4200"))
    assert f"c=IN IP4 {HOME}".encode() in caller.last().body
    assert b"4200" not in caller.last().body
    gateway.answer(invite, 200, tag="a")
    caller.ack(caller.last(), gateway.contact)
    assert [one.expected["rtp"] for one in lab.engine.open_ports if one.target is not None] == [
        ("198.51.100.7", 4100),
        ("198.51.100.21", 4200),
    ]


def test_the_early_dialog_that_spoke_last_is_heard_until_one_answers(lab: Lab, caller: Phone, gateway: Phone) -> None:
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    gateway.answer(invite, 183, tag="a", body=sdp_of(1))
    gateway.answer(invite, 183, tag="b", body=sdp_of(2))
    assert towards_gateway(lab).expected["rtp"] == place(2)
    gateway.answer(invite, 200, tag="a", body=sdp_of(1))
    assert caller.last().to_tag == "a"
    assert towards_gateway(lab).expected["rtp"] == place(1)
    assert towards_gateway(lab).target is towards_caller(lab)
    assert towards_caller(lab).target is towards_gateway(lab)


def test_each_of_several_offers_in_answers_is_answered_for_itself(lab: Lab, caller: Phone, gateway: Phone) -> None:
    """The INVITE brings none, so that each 200 makes an offer, and each ACK answers its own."""
    caller.invite(URI)
    invite = gateway.take()
    for number, tag in ((1, "a"), (2, "b")):
        gateway.answer(invite, 200, "OK", tag=tag, body=sdp_of(number))
        assert f"c=IN IP4 {HOME}".encode() in caller.last().body
        caller.ack(caller.last(), gateway.contact, body=OFFER)
        assert f"c=IN IP4 {HOME}".encode() in gateway.last().body
    first = next(message for message in caller.inbox if message.to_tag == "a")
    heard = {one.expected["rtp"] for one in lab.engine.open_ports if one.target is not None}
    assert heard == {place(1), ("198.51.100.7", 4000)}
    gateway.inbox.clear()
    hang_up(caller, gateway, first)
    heard = {one.expected["rtp"] for one in lab.engine.open_ports if one.target is not None}
    assert heard == {place(2), ("198.51.100.7", 4000)}


def test_who_is_put_on_hold_makes_room_for_who_is_not(lab: Lab, caller: Phone, gateway: Phone) -> None:
    _, first, _ = both_answer(caller, gateway)
    for direction, heard in (("sendonly", 2), ("sendrecv", 1)):
        caller.in_dialog("INVITE", first, body=OFFER + f"a={direction}\r\n".encode())
        gateway.answer(gateway.last(), 200, "OK", body=sdp_of(1))
        talking = [one.expected["rtp"] for one in lab.engine.open_ports if one.target is not None]
        assert place(heard) in talking
        assert place(3 - heard) not in talking


def test_an_answer_after_the_end_is_acknowledged_and_hung_up(lab: Lab, caller: Phone, gateway: Phone) -> None:
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    gateway.answer(invite, 200, "OK", tag="a", body=sdp_of(1))
    ok = caller.last()
    caller.ack(ok, gateway.contact)
    gateway.inbox.clear()
    hang_up(caller, gateway, ok)
    caller.inbox.clear()
    gateway.answer(invite, 200, "OK", tag="b", body=sdp_of(2))
    assert [(one.method, one.to_tag) for one in gateway.inbox] == [("ACK", "b"), ("BYE", "b")]
    assert caller.inbox == []
    gateway.answer(invite, 200, "OK", tag="a", body=sdp_of(1))
    assert caller.statuses() == [200], "who was heard before says it again, and the caller acknowledges"


def test_an_answer_long_after_the_caller_gave_up_is_acknowledged_and_hung_up(
    lab: Lab, caller: Phone, gateway: Phone
) -> None:
    """The phone was out of reach: the CANCEL did not come, and somebody takes it up after all."""
    branch = caller.invite(URI, body=OFFER)
    invite = gateway.take()
    gateway.answer(invite, 180, tag="a")
    caller.request("CANCEL", URI, call_id="c1", branch=branch, cseq=caller.cseq)
    lab.wait(33)
    assert caller.statuses()[-1] == 487
    caller.ack(caller.last(), URI, branch)
    lab.wait(10)
    gateway.inbox.clear()
    gateway.answer(invite, 200, "OK", tag="a", body=sdp_of(1))
    assert [(one.method, one.to_tag) for one in gateway.inbox] == [("ACK", "a"), ("BYE", "a")]
    lab.wait(64)
    core = lab.edge.core
    assert (core.transactions.servers, core.transactions.clients, core.calls) == ({}, {}, {})
    assert len(core.timers) == 0


def test_a_flood_of_tags_is_bounded_and_the_call_goes_on(lab: Lab, caller: Phone, gateway: Phone) -> None:
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    for number in range(200):
        gateway.answer(invite, 183, tag=f"t{number}", body=sdp_of(1))
    (running,) = lab.edge.core.calls.values()
    assert len(running.callees) <= 64
    assert len(lab.engine.open_ports) == 2
    gateway.answer(invite, 200, tag="t3", body=sdp_of(1))
    assert caller.last().status == 200
    assert f"c=IN IP4 {HOME}".encode() in caller.last().body


def two_ring(caller: Phone, gateway: Phone) -> Message:
    """Two phones behind the gateway ring with sound of their own; gives the INVITE there."""
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    for number, tag in ((1, "a"), (2, "b")):
        gateway.answer(invite, 183, tag=tag, body=sdp_of(number))
    return invite


def test_an_early_dialog_that_ended_is_released_and_the_other_heard(lab: Lab, caller: Phone, gateway: Phone) -> None:
    """199 says that one is over while the INVITE goes on (RFC 6228)."""
    invite = two_ring(caller, gateway)
    gateway.answer(invite, 199, tag="b")
    assert (caller.last().status, caller.last().to_tag) == (199, "b")
    assert towards_gateway(lab).expected["rtp"] == place(1)
    assert towards_caller(lab).target is towards_gateway(lab)
    assert "fork.early-ended" in lab.kinds("c1")
    gateway.answer(invite, 200, tag="a", body=sdp_of(1))
    assert caller.statuses()[-1] == 200
    gateway.inbox.clear()
    gateway.answer(invite, 200, tag="b", body=sdp_of(2))
    assert [one.method for one in gateway.inbox] == ["ACK", "BYE"], "it was over"


def test_the_first_early_dialog_may_end_first(lab: Lab, caller: Phone, gateway: Phone) -> None:
    invite = two_ring(caller, gateway)
    gateway.answer(invite, 199, tag="a")
    assert towards_gateway(lab).expected["rtp"] == place(2)
    gateway.answer(invite, 183, tag="c", body=sdp_of(3))
    gateway.answer(invite, 200, tag="c", body=sdp_of(3))
    assert f"c=IN IP4 {HOME}".encode() in caller.last().body
    assert towards_gateway(lab).expected["rtp"] == place(3)
    assert towards_caller(lab).target is towards_gateway(lab)


def test_when_the_only_early_dialog_ended_the_next_is_met_on_its_ports(
    lab: Lab, caller: Phone, gateway: Phone
) -> None:
    caller.invite(URI, body=OFFER)
    invite = gateway.take()
    gateway.answer(invite, 183, tag="a", body=sdp_of(1))
    gateway.answer(invite, 199, tag="a")
    assert [one.target for one in lab.engine.open_ports] == [None, None]
    gateway.answer(invite, 183, tag="b", body=sdp_of(2))
    gateway.answer(invite, 200, tag="b", body=sdp_of(2))
    assert towards_gateway(lab).expected["rtp"] == place(2)
    assert towards_caller(lab).target is towards_gateway(lab)
    (running,) = lab.edge.core.calls.values()
    assert [one.tag for one in running.callees.values() if not one.is_over] == ["b"]


def test_an_early_dialog_that_nobody_knows_ends_nothing(lab: Lab, caller: Phone, gateway: Phone) -> None:
    invite = two_ring(caller, gateway)
    gateway.answer(invite, 199, tag="x")
    assert caller.statuses()[-1] == 183
    (running,) = lab.edge.core.calls.values()
    assert [one.tag for one in running.callees.values()] == ["a", "b"]


def test_early_dialogs_are_over_when_nobody_else_can_answer_any_more(lab: Lab, caller: Phone, gateway: Phone) -> None:
    """64*T1 after the first 2xx (RFC 3261 section 13.2.2.4)."""
    invite = two_ring(caller, gateway)
    gateway.answer(invite, 200, tag="a", body=sdp_of(1))
    caller.ack(caller.last(), gateway.contact)
    lab.wait(33)
    (running,) = lab.edge.core.calls.values()
    assert [one.tag for one in running.callees.values() if not one.is_over] == ["a"]
    assert towards_gateway(lab).expected["rtp"] == place(1)
    assert towards_caller(lab).target is towards_gateway(lab)

"""A phone registers at another node during a call: what it says there, and what is for it, finds its way."""

from dataclasses import replace

import pytest
from tests.edge.lab import OFFER, Lab, Phone
from tests.edge.test_phones_of_other_nodes import A, Pair, ended_how, phones, ring

from talkpath.base.address import Transport
from talkpath.sip.message import Message

INSTANCE = ';+sip.instance="<urn:uuid:7>"'


@pytest.fixture
def pair() -> Pair:
    return Pair()


def page(lab: Lab, instance: str = INSTANCE, transport: Transport = Transport.WSS, port: int = 41_000) -> Phone:
    made = lab.phone("1001", "203.0.113.7", port, transport)
    made.contact, made.via_host = "sip:xyz@abc.invalid;transport=ws", "abc.invalid"
    made.contact_params = instance
    return made


def talk(caller: Phone, callee: Phone) -> tuple[Message, Message]:
    """A call at the first node; the INVITE as the callee has it, and the 200 as the caller has it."""
    caller.invite(f"sip:{callee.user}@{A}", body=OFFER)
    invite = callee.last()
    callee.answer(invite, 200, "OK", body=OFFER)
    ok = caller.last()
    caller.ack(ok, callee.contact)
    for phone in (caller, callee):
        phone.inbox.clear()
    return invite, ok


class Moved:
    """A call of a page with a desk phone at the first node; then the page is at the second."""

    def __init__(self, pair: Pair, instance: str = INSTANCE, *, registers: bool = True) -> None:
        self.pair = pair
        first = page(pair.a, instance)
        first.register()
        self.desk = pair.a.registered("1002", "198.51.100.2")
        pair.share()
        self.invite, self.ok = talk(first, self.desk)
        pair.a.close(first)
        self.page = page(pair.b, instance, port=41_001)
        self.page.cseq = first.cseq
        if registers:
            self.register()

    def register(self) -> None:
        self.page.register()
        for binding in self.pair.b.edge.core.registrar.held():
            self.pair.a.edge.core.registrar.learn(replace(binding, node="b"), self.pair.a.now)
        self.pair.a.pump()

    def gets(self, method: str) -> Message:
        """What the page gets, and answers."""
        got = self.page.take()
        assert (got.method, got.uri) == (method, self.page.contact)
        assert not got.all("Route"), "no phone sees what the nodes say to each other"
        self.page.answer(got, 200, "OK", body=OFFER if method == "INVITE" else b"")
        return got


def over(pair: Pair) -> bool:
    assert not pair.b.edge.core.calls, "the second node has no call of its own"
    return not pair.a.edge.core.calls


@pytest.mark.parametrize("instance", [INSTANCE, ""])
def test_the_other_side_hangs_up(pair: Pair, instance: str) -> None:
    moved = Moved(pair, instance)
    moved.desk.in_dialog("BYE", moved.invite)
    moved.gets("BYE")
    assert moved.desk.statuses() == [200]
    assert over(pair)
    assert "flow.elsewhere" in pair.a.kinds("c1")


@pytest.mark.parametrize("registers", [True, False])
def test_the_page_hangs_up(pair: Pair, registers: bool) -> None:
    moved = Moved(pair, registers=registers)
    moved.page.in_dialog("BYE", moved.ok)
    assert moved.desk.methods() == ["BYE"]
    moved.desk.answer(moved.desk.last(), 200, "OK")
    assert moved.page.statuses() == [200]
    assert over(pair)
    assert ended_how(pair.a) == "bye"


def test_a_page_that_speaks_before_it_registers_is_reached_where_it_spoke(pair: Pair) -> None:
    moved = Moved(pair, registers=False)
    moved.page.in_dialog("INVITE", moved.ok, body=OFFER)
    assert moved.desk.methods() == ["INVITE"]
    moved.desk.answer(moved.desk.last(), 200, "OK", body=OFFER)
    answer = moved.page.last()
    assert answer.status == 200
    assert f"c=IN IP4 {A}".encode() in answer.body
    moved.page.ack(answer, moved.desk.contact)
    assert moved.desk.methods()[-1] == "ACK"
    moved.page.inbox.clear()
    moved.desk.in_dialog("BYE", moved.invite)
    moved.gets("BYE")
    assert over(pair)
    assert pair.b.ledger.trace("c1") is None, "the other node tells no story of a call that it does not have"


def test_a_hold_of_the_other_side_and_its_ack_reach_the_page(pair: Pair) -> None:
    moved = Moved(pair)
    moved.desk.in_dialog("INVITE", moved.invite, body=OFFER)
    got = moved.gets("INVITE")
    assert f"c=IN IP4 {A}".encode() in got.body
    assert moved.desk.last().status == 200
    moved.desk.ack(moved.desk.last(), moved.page.contact)
    moved.desk.in_dialog("BYE", moved.invite)
    assert moved.page.methods()[-1] == "BYE"


def test_what_is_for_a_page_that_is_away_waits_until_it_is_at_another_node(pair: Pair) -> None:
    moved = Moved(pair, registers=False)
    moved.desk.in_dialog("BYE", moved.invite)
    pair.a.wait(3)
    assert moved.desk.statuses() == []
    moved.register()
    pair.a.wait(0.5)
    moved.gets("BYE")
    assert moved.desk.statuses() == [200]
    assert over(pair)


def test_what_a_page_missed_it_is_told_when_it_is_at_another_node(pair: Pair) -> None:
    moved = Moved(pair, registers=False)
    moved.desk.in_dialog("BYE", moved.invite)
    pair.a.wait(9)
    assert moved.desk.statuses() == [408]
    moved.register()
    bye = moved.gets("BYE")
    assert "hung up" in (bye.first("Reason") or "")


def test_a_call_that_we_end_is_ended_at_the_other_node_too(pair: Pair) -> None:
    moved = Moved(pair)
    pair.a.edge.stop_calls(pair.a.now)
    pair.a.pump()
    moved.gets("BYE")
    assert moved.desk.methods() == ["BYE"]


def test_who_was_rung_through_a_node_moves_to_the_one_that_has_the_call(pair: Pair) -> None:
    caller, callee = phones(pair)
    invite = ring(pair, caller, callee)
    callee.answer(invite, 200, "OK", body=OFFER)
    caller.ack(caller.last(), callee.contact)
    ok = caller.last()
    pair.b.close(callee)
    here = pair.a.phone("1002", "203.0.113.9", 40_009, Transport.TCP)
    here.via_host, here.contact = callee.via_host, callee.contact
    here.register()
    caller.in_dialog("INFO", ok)
    assert here.methods() == ["INFO"]
    here.answer(here.take(), 200, "OK")
    here.in_dialog("BYE", invite)
    assert caller.methods() == ["BYE"]
    caller.answer(caller.last(), 200, "OK")
    assert here.statuses() == [200]
    assert over(pair)


def test_a_request_waits_for_the_heir_of_a_node_that_is_gone(pair: Pair) -> None:
    moved = Moved(pair)
    way = pair.around["b"].ways.pop("a")
    moved.page.in_dialog("BYE", moved.ok)
    pair.b.wait(1)
    assert not moved.desk.inbox
    assert moved.page.statuses() == []
    pair.around["b"].ways["a"] = way
    pair.b.wait(0.5)
    assert moved.desk.methods() == ["BYE"]


def test_who_has_no_route_of_ours_and_names_no_call_is_told_so(pair: Pair) -> None:
    moved = Moved(pair)
    for call_id, tag in (("c2", "tag1001"), ("c1", "other")):
        to = moved.ok.first("To") or ""
        moved.page.request("BYE", moved.desk.contact, call_id=call_id, tag=tag, to=to.replace("tag1002", "tag9"))
        assert moved.page.last().status == 481
    assert not moved.desk.inbox


def test_a_request_that_was_brought_is_brought_no_further(pair: Pair) -> None:
    """Each takes the other for the one that runs the call."""
    moved = Moved(pair)
    pair.a.edge.stop_calls(pair.a.now)
    pair.around["b"].runner_of = lambda call_id, tag: "a"  # type: ignore[method-assign]
    pair.around["a"].runner_of = lambda call_id, tag: "b"  # type: ignore[method-assign]
    moved.page.in_dialog("INFO", moved.ok)
    assert moved.page.last().status == 481

"""A phone is registered at one node and called at another: known everywhere, rung by who holds its flow."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.edge.lab import OFFER, PORT, Lab, Phone

from talkpath.base.address import Address, Flow, Target, Transport
from talkpath.edge.forwarding.token import mark as mark_of
from talkpath.edge.nodes.nodes import Elsewhere, Passes, bound_to
from talkpath.sip.message import Message

A, B = "192.0.2.1", "192.0.2.2"


class Around:
    """Which nodes there are."""

    def __init__(self) -> None:
        self.ways: dict[str, Target] = {}
        self.hears = True
        self.labs: dict[str, Lab] = {}

    def way_to(self, name: str) -> Target | None:
        return self.ways.get(name)

    def named(self, mark: bytes) -> str:
        return next((name for name in self.ways if mark_of(name) == mark), "")

    def runner_of(self, call_id: str, tag: str) -> str:
        return next((name for name, lab in self.labs.items() if (call_id, tag) in lab.edge.core.calls), "")

    def is_heard(self) -> bool:
        return self.hears


class Pair:
    """Two nodes that know each other, each with what the other's registrar decided."""

    def __init__(self) -> None:
        self.around = {"a": Around(), "b": Around()}
        self.a = Lab(home=A, node="a", nodes=self.around["a"])
        self.b = Lab(home=B, node="b", nodes=self.around["b"])
        self.a.join(self.b)
        self.around["a"].labs["b"], self.around["b"].labs["a"] = self.b, self.a
        self.around["a"].ways["b"] = Target(Transport.TCP, Address(B, PORT[Transport.TCP]))
        self.around["b"].ways["a"] = Target(Transport.TCP, Address(A, PORT[Transport.TCP]))

    def share(self) -> None:
        """Each learns what the other holds."""
        for mine, name, other in ((self.a, "a", self.b), (self.b, "b", self.a)):
            for binding in list(mine.edge.core.registrar.held()):
                other.edge.core.registrar.learn(replace(binding, node=name), other.now)

    def lose(self, node: str) -> None:
        """The other no longer hears it."""
        self.around["a" if node == "b" else "b"].ways.clear()


@pytest.fixture
def pair() -> Pair:
    return Pair()


def ring(pair: Pair, caller: Phone, callee: Phone, call_id: str = "c1") -> Message:
    """The INVITE as the callee gets it."""
    caller.invite(f"sip:{callee.user}@{caller.lab.home}", call_id=call_id, body=OFFER)
    return next(message for message in callee.inbox if message.is_request and message.method == "INVITE")


def phones(pair: Pair, transport: Transport = Transport.TCP) -> tuple[Phone, Phone]:
    caller = pair.a.phone("1001", "198.51.100.7")
    callee = pair.b.phone("1002", "203.0.113.9", 40_002, transport)
    callee.via_host, callee.contact = "192.168.1.9:5062;rport", "sip:1002@192.168.1.9:5062"
    callee.register()
    pair.share()
    return caller, callee


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP, Transport.WSS])
def test_a_call_goes_through_the_node_that_holds_the_phone(pair: Pair, transport: Transport) -> None:
    caller, callee = phones(pair, transport)
    invite = ring(pair, caller, callee)
    assert invite.uri == callee.contact
    # The media are those of the first node, and no others.
    assert f"c=IN IP4 {A}".encode() in invite.body
    assert [len(lab.media) for lab in (pair.a, pair.b)] == [1, 0]
    assert [len(lab.edge.core.calls) for lab in (pair.a, pair.b)] == [1, 0]
    assert "cluster.rung-through" in pair.a.kinds("c1")
    assert "cluster.rung-for" in pair.b.kinds("c1")
    # No phone sees what the nodes say to each other.
    assert not invite.all("Route")


def rows(lab: Lab) -> list[tuple[float, Flow, bytes, bool]]:
    """What the node saw of the call."""
    trace = lab.ledger.trace("c1")
    assert trace is not None
    return trace.live


def ended_how(lab: Lab) -> str:
    trace = lab.ledger.trace("c1")
    return trace.ended_how if trace is not None else ""


def answered(pair: Pair) -> tuple[Phone, Phone, Message, Message]:
    caller, callee = phones(pair)
    invite = ring(pair, caller, callee)
    callee.answer(invite, 180, "Ringing")
    callee.answer(invite, 200, "OK", body=OFFER.replace(b"198.51.100.7", b"203.0.113.9"))
    ok = caller.last()
    assert ok.status == 200
    assert f"c=IN IP4 {A}".encode() in ok.body
    callee.inbox.clear()
    caller.ack(ok, callee.contact)
    assert callee.methods() == ["ACK"]
    caller.inbox.clear()
    callee.inbox.clear()
    return caller, callee, invite, ok


def test_the_caller_hangs_up(pair: Pair) -> None:
    caller, callee, _, ok = answered(pair)
    caller.in_dialog("BYE", ok)
    bye = callee.last()
    assert bye.method == "BYE"
    callee.answer(bye, 200, "OK")
    assert caller.last().status == 200
    assert not pair.a.edge.core.calls
    assert [ended_how(lab) for lab in (pair.a, pair.b)] == ["bye", "bye"]


def test_the_callee_hangs_up_also_when_the_nodes_had_to_connect_again(pair: Pair) -> None:
    caller, callee, invite, _ = answered(pair)
    for lab in (pair.a, pair.b):
        lab.closed |= set(lab.links)
        lab._outgoing.clear()
    callee.in_dialog("BYE", invite)
    bye = caller.last()
    assert bye.method == "BYE"
    caller.answer(bye, 200, "OK")
    assert callee.last().status == 200
    assert not pair.a.edge.core.calls


def test_the_caller_gives_up_while_it_rings(pair: Pair) -> None:
    caller, callee = phones(pair)
    invite = ring(pair, caller, callee)
    callee.answer(invite, 180, "Ringing")
    received = [row[2] for row in rows(pair.a) if row[2].startswith(b"INVITE") and not row[3]]
    branch = Message.parse(received[-1]).top_via.params["branch"] or ""
    caller.request("CANCEL", f"sip:1002@{A}", call_id="c1", cseq=caller.cseq, branch=branch)
    assert callee.last().method == "CANCEL"
    callee.answer(callee.last(), 200, "OK")
    callee.answer(invite, 487, "Request Terminated")
    assert caller.statuses()[-1] == 487
    assert not pair.a.edge.core.calls


def test_a_refusal_comes_back(pair: Pair) -> None:
    caller, callee = phones(pair)
    callee.answer(ring(pair, caller, callee), 486, "Busy Here")
    assert caller.last().status == 486
    assert [ended_how(lab) for lab in (pair.a, pair.b)] == ["refused", "refused"]


def test_who_hangs_up_for_a_dead_call_reaches_the_phone_through_its_node(pair: Pair) -> None:
    caller, callee, _, _ = answered(pair)
    pair.a.edge.stop_calls(pair.a.now)
    pair.a.pump()
    assert callee.methods() == ["BYE"]
    assert caller.methods() == ["BYE"]


def test_the_phone_has_moved_at_its_node_by_the_time_it_is_rung(pair: Pair) -> None:
    caller, callee = phones(pair)
    callee.reconnect(40_003)
    callee.register()
    # The first node has not heard of it yet.
    assert ring(pair, caller, callee).uri == callee.contact


def test_the_phone_is_not_there_any_more(pair: Pair) -> None:
    caller, callee = phones(pair)
    callee.register(expires=0)
    caller.invite(f"sip:1002@{A}", body=OFFER)
    assert caller.last().status == 430
    assert not pair.a.edge.core.calls


def test_a_node_that_is_gone(pair: Pair) -> None:
    caller, _ = phones(pair)
    pair.lose("b")
    caller.invite(f"sip:1002@{A}", body=OFFER)
    assert caller.last().status == 480
    assert "cluster.node-gone" in pair.a.kinds("c1")


def test_a_phone_that_rings_through_a_node_that_dies_is_given_up_within_a_second(pair: Pair) -> None:
    caller, callee = phones(pair)
    invite = ring(pair, caller, callee)
    callee.answer(invite, 180, "Ringing")
    pair.a.edge.bereaved.look(pair.a.now)
    assert caller.last().status == 180, "a node that is there is waited for"
    pair.lose("b")
    pair.a.edge.bereaved.look(pair.a.now)
    pair.a.pump()
    assert caller.last().status == 480
    assert "cluster.ringer-gone" in pair.a.kinds("c1")
    assert not pair.a.edge.core.calls


def test_a_phone_stops_ringing_when_the_node_is_gone_that_had_the_call(pair: Pair) -> None:
    caller, callee = phones(pair)
    invite = ring(pair, caller, callee)
    callee.answer(invite, 180, "Ringing")
    pair.b.edge.bereaved.look(pair.b.now)
    pair.lose("a")
    pair.b.edge.bereaved.look(pair.b.now)
    pair.b.pump()
    cancel = callee.last()
    assert cancel.method == "CANCEL"
    assert "The server of the call died" in (cancel.first("Reason") or "")
    assert "cluster.caller-gone" in pair.b.kinds("c1")


def test_what_rang_for_another_node_is_forgotten_when_it_is_over(pair: Pair) -> None:
    answered(pair)
    pair.b.edge.bereaved.look(pair.b.now)
    pair.lose("a")
    pair.b.edge.bereaved.look(pair.b.now)
    pair.b.pump()
    assert "cluster.caller-gone" not in pair.b.kinds("c1")


def test_a_phone_without_nat_outlives_its_node(pair: Pair) -> None:
    caller = pair.a.phone("1001", "198.51.100.7")
    there = pair.b.phone("1002", "198.51.100.8")
    there.register()
    pair.share()
    pair.lose("b")
    # The same phone, as the first node reaches it.
    here = pair.a.phone("1002", "198.51.100.8")
    assert ring(pair, caller, here).method == "INVITE"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("c1", "c2"),
        lambda text: text.replace("INVITE", "MESSAGE"),
        lambda text: text.replace("CSeq: 3", "CSeq: 4").replace("CSeq: 2", "CSeq: 5"),
        lambda text: text.replace("tag=tag1001", "tag=tag1003"),
        lambda text: text.replace("<sip:~", "<sip:~A"),
    ],
)
def test_a_pass_is_good_for_nothing_else(pair: Pair, spoil: Callable[[str], str]) -> None:
    caller, callee = phones(pair)
    ring(pair, caller, callee)
    passed = next(row[2] for row in rows(pair.a) if row[3] and b"<sip:~" in row[2])
    callee.inbox.clear()
    stranger = pair.b.phone("9999", "203.0.113.66")
    stranger.send(spoil(passed.partition(b"\r\n\r\n")[0].decode().replace("z9hG4bK", "z9hG4bKx")))
    assert not callee.inbox


def test_without_a_key_no_pass_is_good() -> None:
    request = Message.parse(
        b"INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=f\r\nTo: <sip:x@y>\r\n"
        b"Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    there = Target(Transport.TCP, Address(B, 5060))
    flow = Flow(Transport.WSS, Address(B, 443), Address("203.0.113.9", 40_002), 7)
    phone = Elsewhere("b", "1002", ("", "key"), flow)
    route = Passes("a", b"k" * 32).to_phone(bound_to(request), phone, there)
    user = route.partition("sip:")[2].partition("@")[0]
    assert Passes("b", b"k" * 32).read(user, request) == ("a", "1002", ("", "key"), flow, False, False)
    assert Passes("b", b"j" * 32).read(user, request) is None
    assert Passes("b", b"").read(user, request) is None
    assert Passes("b", b"k" * 32).read("~" + "A" * 50, request) is None


def test_a_phone_that_registers_at_another_node_is_one_phone(pair: Pair) -> None:
    caller = pair.a.phone("1001", "198.51.100.7")
    first = pair.b.phone("1002", "203.0.113.9", 40_002, Transport.TCP)
    second = pair.a.phone("1002", "203.0.113.9", 40_003, Transport.TCP)
    for phone in (first, second):
        phone.contact_params = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    first.register()
    pair.share()
    second.register()
    for binding in pair.a.edge.core.registrar.held():
        pair.b.edge.core.registrar.learn(replace(binding, node="a"), pair.b.now)
    assert [len(lab.edge.core.registrar) for lab in (pair.a, pair.b)] == [1, 1]
    # The node that it left keeps it no more, and tells nobody.
    assert [one.user for one in pair.b.bindings.dropped] == ["1002"]
    ring(pair, caller, second)
    assert not first.inbox


def test_a_phone_with_flows_to_two_nodes_is_rung_once(pair: Pair) -> None:
    caller = pair.a.phone("1001", "198.51.100.7")
    flows = [pair.a.phone("1002", "203.0.113.9", 40_002, Transport.TCP)]
    flows.append(pair.b.phone("1002", "203.0.113.9", 40_003, Transport.TCP))
    for number, phone in enumerate(flows, 1):
        phone.contact_params = f';+sip.instance="<urn:uuid:1>";reg-id={number}'
        phone.register()
        phone.lab.wait(1)
    pair.share()
    caller.invite(f"sip:1002@{A}", body=OFFER)
    assert sorted(len(phone.inbox) for phone in flows) == [0, 1]
    # It is silent there: the other flow has its turn.
    pair.a.wait(2.1)
    assert all(phone.inbox for phone in flows)


def test_flows_of_other_nodes_are_kept_open_by_them(pair: Pair) -> None:
    phones(pair, Transport.UDP)
    assert [len(lab.edge.core.keep_alive) for lab in (pair.a, pair.b)] == [0, 1]


def test_what_other_nodes_hold_is_not_written_down(pair: Pair) -> None:
    caller, _ = phones(pair)
    caller.request("OPTIONS", f"sip:{A}")
    assert [len(lab.bindings.saved) for lab in (pair.a, pair.b)] == [0, 1]
    assert pair.a.edge.core.registrar.elsewhere == 1
    pair.a.wait(700)
    assert pair.a.edge.core.registrar.elsewhere == len(pair.a.edge.core.registrar) == 0


def test_a_phone_is_not_taken_for_left_behind_while_its_node_is_there(pair: Pair) -> None:
    _, callee = phones(pair)
    moved = pair.a.phone("1002", "203.0.113.9", 40_005, Transport.TCP)
    moved.contact = callee.contact
    moved.invite(f"sip:1003@{A}", body=OFFER)
    assert pair.a.edge.core.registrar.elsewhere == 1
    pair.lose("b")
    moved.invite(f"sip:1003@{A}", call_id="c2", body=OFFER)
    assert pair.a.edge.core.registrar.elsewhere == 0

"""A node dies while phones ring, and another that has its addresses goes on with the call."""

import pytest
from tests.edge.carrier import Carrier, gateway, house, named
from tests.edge.lab import HOME, OFFER, Lab, Phone

from talkpath.base.address import Address, Target, Transport
from talkpath.calls.build import call_of
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.changes import Changes
from talkpath.sip.message import Message

RINGS_S = 0.2


def phones(lab: Lab, count: int = 2, transport: Transport = Transport.UDP) -> list[Phone]:
    lab.share()
    made = [lab.phone(f"100{n}", f"198.51.100.{n}", transport=transport) for n in range(1, count + 1)]
    for phone in made:
        phone.register()
    return made


def again(phone: Phone, method: str, branch: str) -> None:
    """The INVITE of the branch once more, or its CANCEL."""
    phone.request(method, f"sip:1002@{HOME}", call_id="c1", branch=branch, cseq=phone.cseq)


def ringing(lab: Lab) -> tuple[Phone, Phone, Message, str]:
    """A caller, a phone that rings, the INVITE that it has, and the branch of the caller's."""
    a, b = phones(lab)
    branch = a.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = b.last()
    b.answer(invite, 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    a.inbox.clear()
    b.inbox.clear()
    return a, b, invite, branch


def moments(lab: Lab) -> list[str]:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    return [moment.kind for moment in call_of(trace).moments]


def ended(lab: Lab) -> tuple[str, str]:
    trace = lab.ledger.trace("c1")
    assert trace is not None
    story = call_of(trace)
    return str(story.ended_by), story.ended_how


# --- what is told


def test_a_call_that_is_answered_at_once_is_told_once() -> None:
    lab = Lab()
    a, b = phones(lab)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    assert lab.shared() == []
    b.answer(b.last(), 180, "Ringing")
    assert lab.shared() == []
    b.answer(b.last(), 200, "OK", body=OFFER)
    assert len(lab.shared()) == 1


def test_a_call_that_rings_is_told_and_again_when_that_changes() -> None:
    lab = Lab()
    a, b = phones(lab)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    lab.shared()
    lab.wait(RINGS_S)
    ((_, known),) = lab.shared()
    assert known is not None
    assert known.record.ringing is not None
    assert known.record.ringing.invite
    assert lab.shared() == []
    b.answer(b.last(), 180, "Ringing")
    assert len(lab.shared()) == 1
    b.answer(b.last(), 180, "Ringing")
    assert lab.shared() == []
    b.answer(b.last(), 486, "Busy Here")
    ((_, known),) = lab.shared()
    assert known is None


def test_an_answered_call_is_told_as_older_nodes_read_it() -> None:
    lab = Lab()
    _, b, invite, _ = ringing(lab)
    (data, _, _), *_ = lab.copies.values()
    assert b"ringing" in data
    b.answer(invite, 200, "OK", body=OFFER)
    ((_, known),) = lab.shared()
    assert known is not None
    assert (known.record.version, known.record.ringing) == (1, None)


# --- the other node


def test_a_phone_that_rings_takes_the_call_at_the_other_node() -> None:
    lab = Lab()
    a, b, invite, _ = ringing(lab)
    ports = [(port.host, port.rtp) for port in lab.engine.open_ports]
    lab.die()
    assert [(port.host, port.rtp) for port in lab.engine.open_ports] == ports
    b.answer(invite, 200, "OK", body=OFFER.replace(b"100.7", b"100.8"))
    ok = a.last()
    assert (ok.status, len(ok.all("Via"))) == (200, 1)
    assert f"c=IN IP4 {HOME}".encode() in ok.body
    assert f"m=audio {ports[0][1]} ".encode() in ok.body
    a.ack(ok, b.contact)
    assert b.methods() == ["ACK"]
    assert all(port.target is not None for port in lab.engine.open_ports)
    a.in_dialog("BYE", ok)
    b.answer(b.last(), 200, "OK")
    assert a.statuses()[-1] == 200
    assert not lab.edge.core.calls
    assert lab.engine.open_ports == []
    assert ended(lab) == ("caller", "bye")
    assert "node.taken-over" in moments(lab)
    assert "node.others-lost" not in moments(lab)


def test_a_call_that_was_answered_at_the_other_node_outlives_that_too() -> None:
    lab = Lab()
    a, b, invite, _ = ringing(lab)
    lab.die()
    lab.share()
    b.answer(invite, 200, "OK", body=OFFER.replace(b"100.7", b"100.8"))
    ok = a.last()
    a.ack(ok, b.contact)
    lab.shared()
    lab.die()
    b.inbox.clear()
    a.in_dialog("BYE", ok)
    assert b.methods() == ["BYE"]


def test_a_call_rings_through_the_death_of_two_nodes() -> None:
    lab = Lab()
    a, b, invite, _ = ringing(lab)
    lab.die()
    lab.share()
    lab.shared()
    lab.die()
    b.answer(invite, 200, "OK", body=OFFER)
    assert a.statuses() == [200]


def test_a_refusal_goes_back_to_the_caller() -> None:
    lab = Lab()
    a, b, invite, _ = ringing(lab)
    lab.die()
    b.answer(invite, 486, "Busy Here")
    assert b.methods() == ["ACK"]
    assert a.statuses() == [486]
    assert not lab.edge.core.calls
    assert ended(lab) == ("callee", "refused")


def test_a_caller_gives_up_at_the_other_node() -> None:
    lab = Lab()
    a, b, invite, branch = ringing(lab)
    lab.die()
    again(a, "CANCEL", branch)
    assert b.methods() == ["CANCEL"]
    b.answer(b.last(), 200, "OK")
    b.answer(invite, 487, "Request Terminated")
    assert a.statuses() == [200, 487]
    assert ended(lab) == ("caller", "cancel")


def test_a_caller_that_repeats_its_invite_does_not_ring_a_second_time() -> None:
    lab = Lab()
    a, b, _, branch = ringing(lab)
    lab.die()
    again(a, "INVITE", branch)
    assert b.inbox == []
    assert a.statuses() == [100]


def test_a_phone_that_may_not_have_the_invite_gets_it_again() -> None:
    lab = Lab()
    a, b = phones(lab)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = b.last()
    lab.wait(RINGS_S)
    lab.shared()
    b.inbox.clear()
    lab.die()
    assert [one.raw for one in b.inbox] == [invite.raw]


def test_whoever_of_several_phones_takes_it_the_others_stop_ringing() -> None:
    lab = Lab()
    a, b, c = phones(lab, 3)
    d = lab.phone("1002", "198.51.100.9")
    d.register()
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    for phone in (b, d):
        phone.answer(phone.last(), 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    first, second = b.last(), d.last()
    lab.die()
    d.answer(second, 200, "OK", body=OFFER)
    assert a.statuses()[-1] == 200
    assert b.methods()[-1] == "CANCEL"
    b.answer(b.last(), 200, "OK")
    b.answer(first, 487, "Request Terminated")
    assert len(lab.edge.core.calls) == 1
    assert c.inbox == []


def test_what_one_of_several_phones_said_before_is_not_forgotten() -> None:
    lab = Lab()
    a, b, _ = phones(lab, 3)
    d = lab.phone("1002", "198.51.100.9")
    d.register()
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    b.answer(b.last(), 486, "Busy Here")
    d.answer(d.last(), 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    d.answer(d.last(), 480, "Temporarily Unavailable")
    assert a.statuses()[-1] == 486


def test_early_media_goes_on() -> None:
    lab = Lab()
    a, b = phones(lab)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = b.last()
    b.answer(invite, 183, "Session Progress", body=OFFER.replace(b"100.7", b"100.8"))
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    assert all(port.target is not None for port in lab.engine.open_ports)
    b.answer(invite, 200, "OK", body=OFFER.replace(b"100.7", b"100.8"))
    assert a.statuses()[-1] == 200


# --- what cannot go on


def test_a_call_whose_media_cannot_go_on_is_ended_at_once() -> None:
    lab = Lab()
    a, b, invite, _ = ringing(lab)
    lab.die(HOME)
    assert a.statuses() == [500]
    assert b.methods() == ["CANCEL"]
    assert "Q.850;cause=41" in (b.last().first("Reason") or "")
    b.answer(b.last(), 200, "OK")
    b.answer(invite, 487, "Request Terminated")
    assert not lab.edge.core.calls
    assert lab.engine.open_ports == []
    assert ended(lab) == ("server", "node-died")
    assert "node.media-lost" in moments(lab)


def test_a_phone_whose_connection_died_with_the_node_is_not_waited_for() -> None:
    lab = Lab()
    a = lab.registered("1001", "198.51.100.1")
    b = lab.phone("1002", "198.51.100.2", transport=Transport.WSS)
    b.register()
    lab.share()
    a.invite(f"sip:1002@{HOME}")
    b.answer(b.last(), 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    assert a.statuses()[-1] == 480
    assert not lab.edge.core.calls


def test_a_caller_whose_connection_died_with_the_node_gets_the_answer_when_it_is_back() -> None:
    lab = Lab()
    a = lab.phone("1001", "198.51.100.1", transport=Transport.WSS)
    a.register()
    b = lab.registered("1002", "198.51.100.2")
    lab.share()
    a.invite(f"sip:1002@{HOME}")
    invite = b.last()
    b.answer(invite, 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    a.reconnect(50_001)
    a.register()
    lab.wait(5.0)
    b.answer(invite, 200, "OK")
    assert a.statuses()[-1] == 200


def test_a_caller_that_does_not_come_back_is_not_rung_for() -> None:
    lab = Lab()
    a = lab.phone("1001", "198.51.100.1", transport=Transport.WSS)
    a.register()
    b = lab.registered("1002", "198.51.100.2")
    lab.share()
    a.invite(f"sip:1002@{HOME}")
    invite = b.last()
    b.answer(invite, 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    lab.wait(10.0)
    assert b.methods()[-1] == "CANCEL"
    b.answer(invite, 487, "Request Terminated")
    assert not lab.edge.core.calls
    assert ended(lab) == ("server", "flow-gone")


# --- gateways


def test_a_gateway_that_rings_takes_the_call_at_the_other_node() -> None:
    lab = house(gateway("one", "203.0.113.1", channels=1), outbound=frozenset({"1001"}))
    carrier = Carrier(lab, "203.0.113.1")
    lab.wait(0.1)
    lab.share()
    phone = lab.registered("1001", "198.51.100.1")
    phone.invite(f"sip:+493012345@{HOME}")
    invite = carrier.asked("INVITE")[-1]
    carrier.answer(invite, 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    assert named(lab, "one").channels == 1
    assert lab.guard.toll.counted(next(iter(lab.edge.core.calls.values()))) == ("1001", False)
    carrier.answer(invite, 200, "OK")
    ok = phone.last()
    phone.ack(ok, carrier.contact)
    assert named(lab, "one").answers == 1
    phone.in_dialog("BYE", ok)
    carrier.answer(carrier.asked("BYE")[-1], 200, "OK")
    assert named(lab, "one").channels == 0
    assert not lab.edge.core.calls


@pytest.mark.parametrize("status", [486, 503])
def test_the_next_gateway_is_not_known_at_the_other_node(status: int) -> None:
    lab = house(gateway("one", "203.0.113.1"), gateway("two", "203.0.113.2"), outbound=frozenset({"1001"}))
    first, second = Carrier(lab, "203.0.113.1"), Carrier(lab, "203.0.113.2")
    lab.wait(0.1)
    lab.share()
    phone = lab.registered("1001", "198.51.100.1")
    phone.invite(f"sip:+493012345@{HOME}")
    rung = first if first.asked("INVITE") else second
    invite = rung.asked("INVITE")[-1]
    rung.answer(invite, 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    rung.answer(invite, status, "Whatever")
    assert "node.others-lost" in moments(lab)
    assert phone.statuses()[-1] == (486 if status == 486 else 500)
    assert not lab.edge.core.calls


# --- a node that still stands


def test_who_still_stands_lets_go_of_a_call_that_rings_without_a_word() -> None:
    lab = Lab()
    a, b, invite, _ = ringing(lab)
    (key,) = lab.copies
    lab.edge.keeping.let_go(key, "b", lab.now)
    lab.wait(40.0)
    assert a.inbox == b.inbox == []
    assert not lab.edge.core.calls
    assert lab.edge.core.transactions.clients == {}
    assert lab.edge.core.transactions.servers == {}
    assert "node.went-over" in moments(lab)
    assert invite


def test_an_answer_that_a_script_wants_changed_does_not_pass_without_it() -> None:
    lab = Lab()
    a, b = phones(lab)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    (running,) = lab.edge.core.calls.values()
    assert isinstance(running.unanswered, Fork)
    running.unanswered.branches[0].heading.changes = Changes(answer=lambda description: description)
    b.answer(b.last(), 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    assert a.statuses()[-1] == 500
    assert b.methods()[-1] == "CANCEL"
    assert not lab.edge.core.calls


def test_what_is_changed_in_the_fields_of_an_answer_is_changed_at_the_other_node_too() -> None:
    lab = Lab()
    a, b = phones(lab)
    a.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = b.last()
    (running,) = lab.edge.core.calls.values()
    assert isinstance(running.unanswered, Fork)
    changes = Changes(answer_removed=("Server",), answer_added="X-Way: ours\r\n")
    running.unanswered.branches[0].heading.changes = changes
    b.answer(invite, 180, "Ringing")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    b.answer(invite, 200, "OK", body=OFFER, extra="Server: secret")
    assert (a.last().status, a.last().first("X-Way"), a.last().first("Server")) == (200, "ours", None)


def test_a_call_that_was_not_sent_on_yet_is_refused() -> None:
    lab = house(gateway("one", "carrier.example.com"), outbound=frozenset({"1001"}))
    lab.names["carrier.example.com"] = [Target(Transport.UDP, Address("203.0.113.1", 5060))]
    Carrier(lab, "203.0.113.1")
    lab.wait(0.1)
    lab.share()
    phone = lab.registered("1001", "198.51.100.1")
    lab.lookups = []
    phone.invite(f"sip:+493012345@{HOME}")
    lab.wait(RINGS_S)
    lab.shared()
    lab.die()
    assert phone.statuses() == [100, 500]
    assert ended(lab) == ("server", "node-died")

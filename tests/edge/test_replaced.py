"""A process takes the place of another (`talkpath upgrade`): calls go on in it, and nobody is told of an end."""

import pytest
from tests.edge.lab import HOME, OFFER, Lab, call

from talkpath.base.address import Transport


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_a_call_that_runs_goes_on_and_ends_as_any_other(by: str) -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    invite, ok = call(anna, bob, body=OFFER)
    assert lab.be_replaced() == []
    assert not anna.inbox
    assert not bob.inbox
    anna.in_dialog("INVITE", ok, body=OFFER)
    bob.answer(next(one for one in bob.inbox if one.method == "INVITE"), 200, "OK", body=OFFER)
    assert anna.last().status == 200
    hanging_up, other, dialog = (anna, bob, ok) if by == "caller" else (bob, anna, invite)
    hanging_up.in_dialog("BYE", dialog)
    other.answer(next(one for one in other.inbox if one.method == "BYE"), 200, "OK")
    assert hanging_up.last().status == 200
    assert not lab.edge.core.calls
    kinds = lab.kinds("c1")
    assert kinds.count("node.replaced") == kinds.count("node.handed-over") == 1


def test_a_call_that_rings_is_answered_in_the_process_that_came() -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    anna.invite(f"sip:1002@{HOME}", body=OFFER)
    invite = bob.last()
    bob.answer(invite, 180, "Ringing")
    assert lab.be_replaced() == []
    bob.answer(invite, 200, "OK", body=OFFER)
    assert anna.last().status == 200
    (running,) = lab.edge.core.calls.values()
    assert running.winner is not None


def test_a_phone_on_a_connection_comes_back_to_its_call() -> None:
    lab = Lab()
    anna = lab.registered("1001", "198.51.100.7")
    bob = lab.phone("1002", "198.51.100.8", transport=Transport.TCP)
    bob.register()
    _, ok = call(anna, bob, body=OFFER)
    assert lab.be_replaced() == []
    bob.reconnect(5070)
    bob.register()
    anna.in_dialog("BYE", ok)
    assert "BYE" in bob.methods()


def test_the_process_that_leaves_tells_nobody_of_an_end() -> None:
    lab = Lab()
    anna, bob = lab.registered("1001", "198.51.100.7"), lab.registered("1002", "198.51.100.8")
    call(anna, bob, body=OFFER)
    assert lab.edge.keeping.prepare(lab.now)
    assert len(lab.edge.keeping.bequeath(lab.now)) == 1
    lab.edge.stop_calls(lab.now)
    lab.pump()
    assert not anna.inbox
    assert not bob.inbox
    lab.ledger.close_all(lab.now)
    assert lab.ledger.drain() == []

"""Messages that cross, come twice or come late: each call ends the same for both sides."""

import pytest

from harness.agent import connect, hang_up
from harness.sip import acknowledgement

pytestmark = pytest.mark.live


@pytest.mark.parametrize("cancel_first", [True, False])
def test_a_cancel_that_crosses_the_answer(agents, cancel_first) -> None:
    """RFC 3261 9.1: either the CANCEL wins everywhere (487), or the 200 does and the caller hangs up."""
    alice, bob = agents.agent(), agents.agent()
    offer, answer = agents.talker().offer(), agents.talker().offer()
    for _ in range(40):
        call = alice.dial(bob.identity.user, offer)
        incoming = bob.incoming()
        incoming.ring()
        call.provisional(180)
        if cancel_first:
            call.cancel()
            incoming.accept(answer)
        else:
            incoming.accept(answer)
            call.cancel()
        final = call.final()
        assert final.status in (200, 487), final.start
        if final.status == 200:
            incoming.wait_ack()
            hang_up(call.dialog, incoming.dialog)


def test_a_cancel_before_anything_rings(agents) -> None:
    """The edge may not CANCEL before the callee gave a provisional response (9.1), and must not forget to."""
    alice, bob = agents.agent(), agents.agent()
    for _ in range(10):
        call = alice.dial(bob.identity.user, agents.talker().offer())
        call.cancel()
        incoming = bob.incoming()
        incoming.ring()
        incoming.wait_cancel()
        assert call.final().status == 487


def test_an_answer_that_is_repeated_reaches_the_caller_each_time(agents) -> None:
    """13.3.1.4: the callee repeats its 200 until it has an ACK; each one goes through, and so does each ACK."""
    alice, bob = agents.agent(), agents.agent()
    call = alice.dial(bob.identity.user, agents.talker().offer())
    incoming = bob.incoming()
    body = agents.talker().offer()
    incoming.accept(body)
    assert call.final().status == 200
    incoming.wait_ack()
    for _ in range(3):
        incoming.accept(body)
        again = alice.endpoint.final(call.invite)
        assert again.body == call.answer.body
        call.acknowledge()
        incoming.wait_ack()
    hang_up(incoming.dialog, call.dialog)


def test_an_invite_that_is_repeated_rings_once(agents) -> None:
    alice, bob = agents.agent(), agents.agent("tcp")
    call = alice.dial(bob.identity.user, agents.talker().offer())
    incoming = bob.incoming()
    for _ in range(3):
        alice.endpoint.send(call.invite)
    incoming.ring()
    call.provisional(180)
    assert not bob.endpoint.has(lambda item: item.method == "INVITE" and not item.status)
    incoming.accept(agents.talker().offer())
    assert call.final().status == 200
    incoming.wait_ack()
    hang_up(call.dialog, incoming.dialog)


def test_an_answer_that_comes_after_half_a_minute_of_ringing(agents) -> None:
    """A provisional response stops the INVITE's timer B; only timer C ends ringing, minutes later."""
    alice, bob = agents.agent(), agents.agent("tcp")
    call = alice.dial(bob.identity.user, agents.talker().offer())
    incoming = bob.incoming()
    incoming.ring()
    call.provisional(180)
    alice.endpoint.pause(34)
    incoming.accept(agents.talker().offer())
    assert call.final().status == 200
    incoming.wait_ack()
    hang_up(call.dialog, incoming.dialog)


def test_both_sides_hang_up_at_once(agents) -> None:
    alice, bob = agents.agent(), agents.agent("tcp")
    for _ in range(10):
        call, incoming = connect(alice, bob, agents.talker().offer(), agents.talker().offer())
        ours, theirs = call.dialog.request("BYE"), incoming.dialog.request("BYE")
        alice.endpoint.send(ours)
        bob.endpoint.send(theirs)
        arrived = [side.wait("BYE") for side in (incoming.dialog, call.dialog)]
        bob.endpoint.reply(arrived[0], "200 OK")
        alice.endpoint.reply(arrived[1], "200 OK")
        assert {alice.endpoint.final(ours).status, bob.endpoint.final(theirs).status} <= {200, 481}


def test_reinvites_that_cross_are_told_from_each_other(agents) -> None:
    """14.2: both get 491 from the other's user agent; the edge keeps the two transactions apart."""
    alice, bob = agents.agent(), agents.agent("tcp")
    talkers = agents.talker(), agents.talker()
    call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
    ours = call.dialog.offer_again(talkers[0].offer(version=2))
    theirs = incoming.dialog.offer_again(talkers[1].offer(version=2))
    alice.endpoint.send(ours)
    bob.endpoint.send(theirs)
    at_bob, at_alice = incoming.dialog.wait("INVITE"), call.dialog.wait("INVITE")
    bob.endpoint.reply(at_bob, "491 Request Pending")
    alice.endpoint.reply(at_alice, "491 Request Pending")
    for endpoint, request in ((alice.endpoint, ours), (bob.endpoint, theirs)):
        refusal = endpoint.final(request)
        assert refusal.status == 491
        endpoint.send(acknowledgement(request, refusal))
    hang_up(call.dialog, incoming.dialog)

"""How calls begin and end, between agents whose every message the test decides."""

import pytest

from harness.agent import Agent, hang_up
from harness.process import wait_until
from harness.sip import Received, Request

pytestmark = pytest.mark.live


@pytest.mark.parametrize("callee", ["udp", "tcp"])
@pytest.mark.parametrize("status", ["486 Busy Here", "603 Decline", "480 Temporarily Unavailable"])
def test_refusal_reaches_the_caller(edge, agents, callee, status) -> None:
    alice, bob = agents.agent(), agents.agent(callee)
    call = alice.dial(bob.identity.user, agents.talker().offer())
    incoming = bob.incoming()
    incoming.ring()
    call.provisional(180)
    incoming.refuse(status)
    assert call.final().status == int(status[:3])
    incoming.wait_ack()


def test_cancel_while_ringing_reaches_the_callee(edge, agents) -> None:
    alice, bob = agents.agent(), agents.agent()
    call = alice.dial(bob.identity.user, agents.talker().offer())
    incoming = bob.incoming()
    incoming.ring()
    call.provisional(180)
    call.cancel()
    incoming.wait_cancel()
    assert call.final().status == 487


def test_nobody_of_that_name_and_nobody_registered(edge, agents) -> None:
    alice = agents.agent()
    assert alice.dial("nobody-at-all", agents.talker().offer()).final().status == 404
    absent = edge.identity()
    assert alice.dial(absent.user, agents.talker().offer()).final().status in (404, 480)


def test_of_two_phones_one_answers_and_the_other_is_cancelled(edge, agents) -> None:
    alice = agents.agent()
    who = edge.identity()
    desk, mobile = agents.agent(identity=who), agents.agent(identity=who)
    call = alice.dial(who.user, agents.talker().offer())
    at_desk, at_mobile = desk.incoming(), mobile.incoming()
    at_desk.ring()
    at_mobile.ring()
    call.provisional(180)
    at_mobile.accept(agents.talker().offer())
    assert call.final().status == 200
    at_mobile.wait_ack()
    at_desk.wait_cancel()
    hang_up(call.dialog, at_mobile.dialog)


def test_of_two_phones_both_refuse_and_the_best_answer_wins(edge, agents) -> None:
    """RFC 3261 16.7 step 6: a 6xx wins at once; otherwise the lowest class, with care for 401 and the like."""
    alice = agents.agent()
    who = edge.identity()
    desk, mobile = agents.agent(identity=who), agents.agent(identity=who)
    call = alice.dial(who.user, agents.talker().offer())
    at_desk, at_mobile = desk.incoming(), mobile.incoming()
    at_desk.refuse("500 Server Internal Error")
    at_desk.wait_ack()
    at_mobile.refuse("486 Busy Here")
    at_mobile.wait_ack()
    assert call.final().status == 486


def test_decline_of_one_phone_ends_the_ringing_of_the_other(edge, agents) -> None:
    alice = agents.agent()
    who = edge.identity()
    desk, mobile = agents.agent(identity=who), agents.agent(identity=who)
    call = alice.dial(who.user, agents.talker().offer())
    at_desk, at_mobile = desk.incoming(), mobile.incoming()
    at_mobile.ring()
    call.provisional(180)
    at_desk.refuse("603 Decline")
    at_desk.wait_ack()
    at_mobile.wait_cancel()
    assert call.final().status == 603


@pytest.mark.parametrize("method", ["MESSAGE", "INFO", "OPTIONS", "SUBSCRIBE", "NOTIFY", "UPDATE", "REFER"])
@pytest.mark.parametrize("callee", ["udp", "tcp", "tls"])
def test_other_methods_pass_to_a_user(agents, method, callee) -> None:
    alice, bob = agents.agent(), agents.agent(callee)
    request = alice.request(method, bob.identity.user)
    request.extra = ["Event: presence", alice.endpoint.contact("alice"), "Content-Type: text/plain"]
    request.extra += ["Refer-To: <sip:x@example.com>"] if method == "REFER" else []
    request.body = "nǐ hǎo".encode()
    arrived = _delivered(alice, bob, request)
    assert arrived.body == "nǐ hǎo".encode()
    bob.endpoint.reply(arrived, "202 Accepted", [bob.endpoint.contact("bob")], tag="b")
    answer = alice.endpoint.final(request)
    assert answer.status == 202


def test_requests_within_a_call_pass_both_ways(edge, agents) -> None:
    alice, bob = agents.agent(), agents.agent("tcp")
    call = alice.dial(bob.identity.user, agents.talker().offer())
    incoming = bob.incoming()
    incoming.accept(agents.talker().offer())
    call.established()
    incoming.wait_ack()
    for method in ("INFO", "MESSAGE", "REFER", "NOTIFY", "OPTIONS"):
        for sender, receiver in ((call.dialog, incoming.dialog), (incoming.dialog, call.dialog)):
            request = sender.request(method, ["Refer-To: <sip:x@example.com>", "Event: refer"], b"hello")
            sender.agent.endpoint.send(request)
            arrived = receiver.wait(method)
            assert arrived.body == b"hello"
            receiver.agent.endpoint.reply(arrived, "200 OK")
            assert sender.agent.endpoint.final(request).status == 200
    hang_up(call.dialog, incoming.dialog)


def _delivered(alice: Agent, bob: Agent, request: Request) -> Received:
    """What arrives at bob, whether or not the edge asks alice for credentials first."""
    alice.endpoint.send(request)
    here, there = alice.endpoint, bob.endpoint
    assert wait_until(lambda: here.has(lambda item: item.status >= 300) or there.has(_is_request), 10)
    if not there.has(_is_request):
        request.answer_challenge(here.final(request), alice.identity.user, alice.identity.password)
        here.send(request)
    return there.wait(_is_request)


def _is_request(item: Received) -> bool:
    return not item.status

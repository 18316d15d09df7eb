"""Phones on TCP, TLS and WebSocket: the connection they have is the one that is used, and it may die."""

import pytest

from harness.agent import connect, hang_up

pytestmark = pytest.mark.live

INSTANCE = '+sip.instance="<urn:uuid:11111111-2222-4333-8444-{:012d}>"'


@pytest.mark.parametrize("transport", ["tcp", "tls", "ws", "wss"])
def test_a_call_to_a_phone_whose_connection_died_is_refused_and_not_lost(edge, agents, transport) -> None:
    if edge.is_reference:
        pytest.skip("the reference has no WebSocket and tries to connect to the phone first")
    alice, bob = agents.agent(), agents.agent(transport)
    user = bob.identity.user
    bob.stop()
    final = alice.dial(user, agents.talker().offer()).final(10)
    assert final.status in (404, 408, 410, 430, 480), final.start


@pytest.mark.parametrize("transport", ["tcp", "tls", "ws", "wss"])
def test_hang_up_reaches_a_phone_that_came_back_on_a_new_connection(edge, agents, transport) -> None:
    """Case 1 of the notebook: the flow is gone, the current registration of the same instance is used."""
    if edge.is_reference:
        pytest.skip("the reference answers 477")
    instance = INSTANCE.format(("tcp", "tls", "ws", "wss").index(transport))
    who = edge.identity(transport)
    alice, bob = agents.agent(), agents.agent(transport, who, instance, "reg-id=1")
    call, incoming = connect(alice, bob, agents.talker().offer(), agents.talker().offer())
    bob.stop()
    again = agents.agent(transport, who, instance, "reg-id=1")
    incoming.dialog.agent = again
    hang_up(call.dialog, incoming.dialog)


def test_hang_up_towards_a_phone_that_is_gone_is_answered(edge, agents) -> None:
    """Nobody is there any more: the one who hangs up is told so at once, and the call is over."""
    if edge.is_reference:
        pytest.skip("the reference answers 477")
    alice, bob = agents.agent(), agents.agent("tcp")
    call, _ = connect(alice, bob, agents.talker().offer(), agents.talker().offer())
    bob.stop()
    assert call.bye().status in (200, 408, 410, 430, 480, 481)


@pytest.mark.parametrize("transport", ["tcp", "tls", "wss"])
def test_a_phone_that_answers_a_caller_whose_connection_died_is_hung_up(edge, agents, phones, transport) -> None:
    """The answer comes within the seconds in which the caller might have come back."""
    if edge.is_reference:
        pytest.skip("the reference lets the phone wait")
    alice, bob = agents.agent(transport), phones.baresip("udp")
    call = alice.dial(bob.identity.user, agents.talker().offer())
    call.provisional()
    alice.stop()
    bob.accept()
    bob.closed(20)
    told = edge.calls(call.invite.call_id)
    assert (told["ended_by"], told["ended_how"]) == ("server", "flow-gone")


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_a_websocket_phone_with_an_invalid_contact_calls_and_is_called(edge, agents, transport) -> None:
    if edge.is_reference:
        pytest.skip("the reference has no WebSocket")
    web, desk = agents.agent(transport), agents.agent("udp")
    for caller, callee in ((web, desk), (desk, web)):
        call, incoming = connect(caller, callee, agents.talker().offer(), agents.talker().offer())
        call.dialog.renegotiate(incoming.dialog, agents.talker().offer(version=2), agents.talker().offer())
        hang_up(incoming.dialog, call.dialog)
        call, incoming = connect(caller, callee, agents.talker().offer(), agents.talker().offer())
        hang_up(call.dialog, incoming.dialog)


def test_keepalives_are_answered(edge, agents) -> None:
    """RFC 5626 3.5.1 and 4.4.1: a double CRLF on a connection gets a single one back; on UDP it is silence."""
    phone = agents.agent("tcp")
    phone.endpoint.send(b"\r\n\r\n")
    assert phone.endpoint.raw(2, 5) == b"\r\n"
    quiet = agents.agent("udp")
    quiet.endpoint.send(b"\r\n\r\n")
    assert quiet.register().status == 200


def test_messages_cut_anywhere_and_several_at_once_on_a_stream(agents) -> None:
    phone = agents.agent("tcp")
    requests = [phone.request("OPTIONS", f"sip:{phone.identity.authority}") for _ in range(20)]
    data = b"".join(request.text(phone.endpoint.via) for request in requests)
    for at in range(0, len(data), 77):
        phone.endpoint.send(data[at : at + 77])
    for request in requests:
        assert phone.endpoint.final(request).status == 200


def test_linphone_is_reached_by_its_gruu_like_contact(edge, phones, agents) -> None:
    """Its Contact carries +sip.instance; a BYE sent to the Contact it gave reaches it."""
    bob, alice = phones.linphone("tls"), agents.agent("udp")
    talker = agents.talker()
    call = alice.dial(bob.identity.user, talker.offer())
    bob.accept()
    talker.start(call.established())
    bob.established()
    assert call.bye().status == 200
    bob.closed()

"""Two phones behind one branch answer the same INVITE; the caller keeps one of them, and hears it."""

import pytest

from harness.agent import Call, Incoming, hang_up

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("healthy")]


@pytest.mark.parametrize("kept", ["first", "second"])
def test_whom_the_caller_keeps_goes_on_talking(agents, kept) -> None:
    alice, gateway = agents.agent("tcp"), agents.agent("udp")
    caller, one, other = agents.talker(), agents.talker(), agents.talker()
    call = alice.dial(gateway.identity.user, caller.offer())
    first = gateway.incoming()
    first.accept(one.offer())
    assert call.established()
    first.wait_ack()
    second, also = Incoming(gateway, first.invite), Call(alice, call.invite)
    second.accept(other.offer())
    assert also.established()
    second.wait_ack()
    assert call.dialog.remote_tag != also.dialog.remote_tag
    for talker, described in ((caller, call.answer.body), (one, first.invite.body), (other, first.invite.body)):
        talker.start(described)
    caller.wait_received(50)
    lasting, ending = ((call, first, one), (also, second, other))[:: 1 if kept == "first" else -1]
    hang_up(ending[0].dialog, ending[1].dialog)
    ending[2].fall_silent()
    heard, said = len(caller.received), len(lasting[2].received)
    caller.wait_received(heard + 100)
    lasting[2].wait_received(said + 100)
    hang_up(lasting[1].dialog, lasting[0].dialog)

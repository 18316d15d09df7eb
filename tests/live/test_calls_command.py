"""`talkpath calls` tells what was, while it is and afterwards."""

import json

import pytest

from harness.agent import connect, hang_up
from harness.process import wait_until

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def _has_command(edge):
    if edge.is_reference:
        pytest.skip("the reference keeps no calls")


def test_a_running_call_and_a_past_one_are_listed(edge, agents) -> None:
    alice, bob = agents.agent("udp"), agents.agent("tcp")
    talkers = agents.talker(), agents.talker()
    call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
    talkers[0].start(call.answer.body)
    talkers[1].start(incoming.invite.body)
    talkers[0].wait_received(60)
    assert call.invite.call_id in edge.command("calls", "--json")
    hang_up(call.dialog, incoming.dialog)
    assert wait_until(lambda: call.invite.call_id in edge.command("calls", "--json"), 5)
    text = edge.command("calls")
    assert alice.identity.user in text
    assert bob.identity.user in text


def test_one_call_is_told_with_its_ladder(edge, agents) -> None:
    alice, bob = agents.agent("udp"), agents.agent("tls")
    call, incoming = connect(alice, bob, agents.talker().offer(), agents.talker().offer())
    hang_up(incoming.dialog, call.dialog)
    text = edge.command("calls", call.invite.call_id)
    for word in ("INVITE", "180", "200", "ACK", "BYE"):
        assert word in text
    told = json.loads(edge.command("calls", call.invite.call_id, "--json"))
    assert call.invite.call_id in json.dumps(told)


def test_a_refused_call_says_so(edge, agents) -> None:
    alice = agents.agent()
    call = alice.dial("nobody-there", agents.talker().offer())
    assert call.final().status == 404
    assert "404" in edge.command("calls", call.invite.call_id)

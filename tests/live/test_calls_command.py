"""`talkpath calls` tells what was, while it is and afterwards."""

import json

import numpy as np
import pytest

from harness.agent import connect, hang_up
from harness.process import wait_until
from harness.sound import RATE_HZ

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


def test_a_phone_whose_packets_are_silent_is_named_while_it_talks_and_afterwards(edge, agents) -> None:
    """As with the plug in the wrong socket: every packet is there, and nothing in them."""
    alice, bob = agents.agent("udp"), agents.agent("tcp")
    heard, mute = agents.talker(), agents.player(np.zeros(RATE_HZ * 30, dtype=np.int16))
    call, incoming = connect(alice, bob, heard.offer(), mute.offer())
    heard.start(call.answer.body)
    mute.start(incoming.invite.body)
    heard.wait_received(50 * 8)
    name = call.invite.call_id
    assert _codes(edge, name) == ["digital-silence"]
    assert "✗ the caller hears nothing of the callee" in edge.command("calls", name, "--lang", "en")
    hang_up(call.dialog, incoming.dialog)
    assert wait_until(lambda: _codes(edge, name) == ["digital-silence"], 5)
    assert "digital-silence" in edge.command("explain", "--own", "--call", name, failing=True)


def _codes(edge, name: str) -> list[str]:
    return [finding["code"] for finding in edge.calls(name)["findings"]]

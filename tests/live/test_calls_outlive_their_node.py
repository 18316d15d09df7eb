"""A node is killed and begun again while two phones talk, or one rings: they go on."""

import time

import pytest

from harness.agent import connect, hang_up
from harness.edge import Edge
from harness.nats import Nats
from harness.sound import RATE_HZ, assert_alike

pytestmark = pytest.mark.live


def test_a_call_goes_on_when_its_node_is_killed_and_begun_again(tmp_path, agents_of) -> None:
    with Nats(tmp_path) as nats, Edge(tmp_path / "a", settings=nats.settings("a")) as edge:
        agents = agents_of(edge)
        alice, bob = agents.agent("udp"), agents.agent("udp")
        here, there = agents.talker(), agents.talker()
        call, incoming = connect(alice, bob, here.offer(), there.offer())
        here.start(call.answer.body)
        there.start(incoming.invite.body)
        here.wait_received(50)
        time.sleep(0.2)  # what other nodes know of a call is a twentieth of a second old
        edge.kill()
        before = len(here.received)
        edge.start()
        here.wait_received(before + 150)
        there.wait_received(100)
        hang_up(incoming.dialog, call.dialog)
        assert_alike(there.voice, here.heard()[-2 * RATE_HZ :])
        (row,) = edge.calls()
        assert (row["ended_how"], row["ended_by"]) == ("bye", "callee")
        assert "Taken over from node a" in edge.command("calls", row["id"])
        assert not edge.complaints()


def test_a_call_that_rings_is_answered_when_its_node_is_killed_and_begun_again(tmp_path, agents_of) -> None:
    with Nats(tmp_path) as nats, Edge(tmp_path / "a", settings=nats.settings("a")) as edge:
        agents = agents_of(edge)
        alice, bob = agents.agent("udp"), agents.agent("udp")
        here, there = agents.talker(), agents.talker()
        call = alice.dial(bob.identity.user, here.offer())
        incoming = bob.incoming()
        incoming.ring()
        call.provisional()
        given_up = bob.dial(alice.identity.user, there.offer())
        other = alice.incoming()
        other.ring()
        given_up.provisional()
        time.sleep(0.4)  # a call is told of when it has rung for a tenth of a second
        edge.kill()
        edge.start()
        given_up.cancel()
        other.wait_cancel()
        assert given_up.final().status == 487
        incoming.accept(there.offer())
        here.start(call.established())
        there.start(incoming.invite.body)
        incoming.wait_ack()
        here.wait_received(150)
        there.wait_received(150)
        hang_up(incoming.dialog, call.dialog)
        assert_alike(there.voice, here.heard()[-2 * RATE_HZ :])
        rows = {row["ended_how"]: row for row in edge.calls()}
        assert sorted(rows) == ["bye", "cancel"]
        assert "Taken over from node a" in edge.command("calls", rows["bye"]["id"])
        assert not edge.complaints()

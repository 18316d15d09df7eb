"""The node that has the address dies under phones that talk: another gets it and goes on with their calls."""

import time

import pytest

from harness.agent import connect, hang_up
from harness.nodes import OURS, Nodes, Wiretap

pytestmark = pytest.mark.live


def test_phones_go_on_talking_when_the_node_under_them_is_killed(tmp_path, agents_of) -> None:
    with Nodes(tmp_path) as nodes, Wiretap() as tap:
        agents = agents_of(nodes.holder.edge, OURS)
        alice, bob = (agents.agent("udp", nodes.identity("udp")) for _ in range(2))
        here, there = agents.talker(), agents.talker()
        call, incoming = connect(alice, bob, here.offer(), there.offer())
        here.start(call.answer.body)
        there.start(incoming.invite.body)
        here.wait_received(50)
        there.wait_received(50)
        dead, killed_at = nodes.holder, time.monotonic()
        heir = nodes.other(dead)
        dead.edge.kill()
        nodes.wait(lambda: heir.has_address, "nobody got the address")
        here.wait_received(len(here.received) + 100)
        there.wait_received(len(there.received) + 100)
        hang_up(incoming.dialog, call.dialog)
        gaps = tap.gaps(killed_at)
        print(gaps)
        assert max(gaps[here.port], gaps[there.port]) < 1, gaps
        (row,) = heir.edge.calls()
        assert (row["ended_how"], row["ended_by"]) == ("bye", "callee")
        assert f"Taken over from node {dead.name}" in heir.edge.command("calls", row["id"])
        assert not heir.edge.complaints()

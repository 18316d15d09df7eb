"""The node that has the address dies under phones that talk: another gets it and goes on with their calls."""

import signal
import time

import pytest

from harness.agent import connect, hang_up
from harness.network import HOME
from harness.nodes import Nodes, Wiretap
from harness.webphone import WebPhone

pytestmark = pytest.mark.live


def test_phones_go_on_talking_when_the_node_under_them_is_killed(tmp_path, agents_of) -> None:
    with Nodes(tmp_path) as nodes, Wiretap() as tap:
        agents = agents_of(nodes.holder.edge, HOME)
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
        assert max(gaps[here.port], gaps[there.port]) < 1, gaps
        (row,) = heir.edge.calls()
        assert (row["ended_how"], row["ended_by"]) == ("bye", "callee")
        assert f"Taken over from node {dead.name}" in heir.edge.command("calls", row["id"])
        assert not heir.edge.complaints()


def test_a_call_outlives_a_node_that_stands_still_and_wakes_and_one_that_is_drained(tmp_path, agents_of) -> None:
    with Nodes(tmp_path) as nodes, Wiretap() as tap:
        agents = agents_of(nodes.holder.edge, HOME)
        alice, bob = (agents.agent("udp", nodes.identity("udp")) for _ in range(2))
        here, there = agents.talker(), agents.talker()
        call, incoming = connect(alice, bob, here.offer(), there.offer())
        here.start(call.answer.body)
        there.start(incoming.invite.body)

        def hear() -> None:
            for talker, before in [(one, len(one.received)) for one in (here, there)]:
                talker.wait_received(before + 25)

        hear()
        first, began = nodes.holder, time.monotonic()
        heir = nodes.other(first)
        first.send(signal.SIGSTOP)
        nodes.wait(lambda: heir.has_address, "nobody got the address of who stands still")
        hear()
        first.send(signal.SIGCONT)
        nodes.wait(lambda: not first.has_address and nodes.is_joined(first), "it does not find back")
        nodes.wait(lambda: first.keepalived.is_ready, "its keepalived does not hear that it is back")
        hear()
        first.edge.command("drain", heir.name)
        nodes.wait(lambda: first.has_address and not heir.has_address, "the address is not handed over")
        heir.edge.stop()
        hear()
        hang_up(call.dialog, incoming.dialog)
        gaps = tap.gaps(began)
        assert max(gaps[here.port], gaps[there.port]) < 1, gaps
        (row,) = first.edge.calls("--limit", "1")
        assert row["ended_how"] == "bye"
        story = first.edge.command("calls", row["id"])
        assert f"Taken over from node {first.name}" in story, story
        assert f"Taken over from node {heir.name}" in story
        assert not first.edge.complaints()
        assert not heir.edge.complaints()


def test_a_keepalived_that_was_killed_does_not_leave_the_address_at_two_nodes(tmp_path) -> None:
    with Nodes(tmp_path) as nodes:
        first = nodes.holder
        heir = nodes.other(first)
        first.keepalived.kill()
        nodes.wait(lambda: heir.has_address, "nobody got the address")
        nodes.wait(lambda: not first.has_address, "the address stays at two nodes")
        assert heir.has_address
        assert "took it later. This node lets go of it" in first.edge.process.text


def test_a_page_goes_on_talking_when_the_node_under_it_is_killed(tmp_path, browser) -> None:
    """Its connection dies with the node; its media go on by ICE consent and the same DTLS-SRTP keys."""
    with Nodes(tmp_path) as nodes, Wiretap() as tap:
        place = tmp_path / "page"
        place.mkdir()
        with WebPhone(browser, nodes.identity("wss"), place, hertz=440) as page:
            page.registered().dial("echo")
            page.established()
            page.wait_heard(1)
            dead, killed_at = nodes.holder, time.monotonic()
            heir = nodes.other(dead)
            dead.edge.kill()
            nodes.wait(lambda: heir.has_address, "nobody got the address")
            page.wait_heard(2)
            gaps = tap.gaps(killed_at)
            assert gaps
            assert max(gaps.values()) < 1, gaps
        (row,) = heir.edge.calls()
        assert f"Taken over from node {dead.name}" in heir.edge.command("calls", row["id"])
        assert not heir.edge.complaints()

"""Calls until the edge may open no more files: the next one is refused and told why, and all others end."""

import socket

import pytest

from harness.agent import Agent, Call, Incoming, connect, hang_up
from harness.edge import Edge, usage
from harness.network import free_port
from harness.process import wait_until

# By itself: dozens of calls have to stand at a time.
pytestmark = [pytest.mark.live, pytest.mark.load]

LIMIT = 256
# What is left when nobody gets any more.
KEPT = 16


@pytest.fixture
def scarce_edge(tmp_path):
    with Edge(tmp_path, users=4, media="timeout_s = 0", under=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]) as edge:
        yield edge
        assert not edge.complaints()


def _description(host: str) -> bytes:
    audio = f"m=audio {free_port()} RTP/AVP 8"
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", audio, ""]
    return "\r\n".join(lines).encode()


def _one_more(alice: Agent, bob: Agent) -> tuple[Call, Incoming | None]:
    """One call more; None where it is refused. An OPTIONS that is asked after it is answered after a refusal."""
    host = alice.identity.host
    call = alice.dial(bob.identity.user, _description(host))
    alice.ask(alice.request("OPTIONS", f"sip:{alice.identity.authority}"))
    if alice.endpoint.has(lambda item: item.status >= 300 and item.first("call-id") == call.invite.call_id):
        return call, None
    incoming = bob.incoming()
    incoming.accept(_description(host))
    call.final()
    incoming.wait_ack()
    return call, incoming


def test_calls_beyond_the_descriptors_are_refused_and_all_others_end(scarce_edge) -> None:
    edge = scarce_edge
    assert f"may open {LIMIT} files, enough for about" in edge.process.text
    at_rest = usage(edge.process.pid).files
    with Agent(edge.identity()) as alice, Agent(edge.identity()) as bob:
        alice.registered()
        bob.registered()
        running: list[tuple[Call, Incoming]] = []
        while True:
            call, incoming = _one_more(alice, bob)
            if incoming is None:
                break
            running.append((call, incoming))
        assert call.final(10).status == 503
        assert len(running) >= 35
        assert usage(edge.process.pid).files <= LIMIT - KEPT

        # Who looks for the reason finds it while it lasts.
        assert len(edge.calls()) == len(running) + 1
        story = edge.command("calls", call.invite.call_id)
        assert "the edge may open no more files" in story
        assert "media port" not in story

        for ending, incoming in running:
            hang_up(ending.dialog, incoming.dialog)
        assert wait_until(lambda: usage(edge.process.pid).files <= at_rest + 2)
        again, incoming = _one_more(alice, bob)
        assert incoming is not None
        hang_up(again.dialog, incoming.dialog)


def test_strangers_connections_leave_files_for_calls(scarce_edge) -> None:
    """They say nothing, half of them not even a ClientHello, and get half of what there is; nobody spins."""
    edge = scarce_edge
    with Agent(edge.identity()) as alice, Agent(edge.identity()) as bob:
        alice.registered()
        bob.registered()
        doors = (edge.doors.tls, edge.doors.tcp)
        held = [socket.create_connection((edge.host, doors[number % 2]), timeout=5) for number in range(LIMIT)]
        body = _description(edge.host)
        call, incoming = connect(alice, bob, body, body)
        before = usage(edge.process.pid)
        assert before.files <= LIMIT / 2 + 48
        alice.endpoint.pause(2)
        assert usage(edge.process.pid).cpu_s - before.cpu_s < 1
        hang_up(call.dialog, incoming.dialog)
        for each in held:
            each.close()

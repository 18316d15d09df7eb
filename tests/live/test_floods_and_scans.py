"""Floods, scanners and guessers meet a running edge: the call beside them notices nothing, phones go on calling."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.agent import connect, hang_up
from harness.crowd import EDGE, crowd
from harness.edge import Edge, usage
from harness.rtp import Talker
from harness.sound import assert_alike

pytestmark = pytest.mark.live


@pytest.fixture
def own_edge(request, tmp_path):
    """An edge for one test, which keeps its bans."""
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about our guard")
    with Edge(tmp_path / "edge", settings=getattr(request, "param", ""), users=10) as edge:
        yield edge
        assert not edge.complaints()


@contextmanager
def running_call(agents) -> Iterator[None]:
    """A call with sound both ways, which hears every packet meanwhile, and its parties call others."""
    alice, bob, carol = agents.agent("udp"), agents.agent("tcp"), agents.agent("udp")
    talkers = agents.talker(), agents.talker()
    call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
    talkers[0].start(call.answer.body)
    talkers[1].start(incoming.invite.body)
    for talker in talkers:
        talker.wait_received(50)
    yield
    other, answered = connect(carol, alice, agents.talker().offer(), agents.talker().offer())
    hang_up(other.dialog, answered.dialog)
    assert carol.register().status == 200
    for talker in talkers:
        talker.wait_received(len(talker.received) + 10)
    hang_up(call.dialog, incoming.dialog)
    for talker, other_side in (talkers, talkers[::-1]):
        assert_alike(other_side.voice, talker.heard())
        assert missing(talker) == 0


def missing(talker: Talker) -> int:
    """Packets that never came, up to the last that did."""
    numbers = {packet.sequence for packet in talker.received}
    return max(numbers) - min(numbers) + 1 - len(numbers)


def bans(edge: Edge) -> list[dict[str, object]]:
    listed = json.loads(edge.command("bans", "--json"))
    return [ban for ban in listed if str(ban["source"]).startswith("10.66.")]


@pytest.mark.parametrize("count", [1, 100])
def test_a_flood_draws_little_and_the_call_beside_it_hears_every_packet(
    own_edge, own_agents, tmp_path, count
) -> None:
    with crowd(count, tmp_path) as strangers, running_call(own_agents):
        before = usage(own_edge.process.pid)
        flood = strangers.flood(own_edge.doors.udp, 4_000, 3)
        who = own_agents.agent("udp")
        assert who.register().status == 200
        drawn = flood.end()
        banned = bans(own_edge)
        again = strangers.flood(own_edge.doors.udp, 4_000, 1).end()
        later = usage(own_edge.process.pid)
    print(drawn, again, f"CPU {later.cpu_s - before.cpu_s:.2f} s")
    print(f"{later.resident_mib - before.resident_mib:.1f} MiB more")
    assert drawn.sent > 10_000
    assert drawn.answer_bytes < drawn.sent_bytes
    # Fifty at once, five a second while it lasts, and a repeated answer or two.
    assert drawn.answers <= 80 * count
    assert len({str(ban["source"]).rpartition(":")[0] for ban in banned if ban["kind"] == "INVITE"}) == count
    assert {ban["code"] for ban in banned} == {"scanner"}
    # Who is banned draws nothing more, and leaves nothing; what was heard of the first time has been filed by now.
    assert again.answers <= count
    assert later.resident_mib - before.resident_mib < 20 + count / 2


@pytest.mark.parametrize("own_edge", ['[guard]\nanswer = "503"'], indirect=True)
def test_where_floods_are_answered_they_draw_less_than_they_send(own_edge, own_agents, tmp_path) -> None:
    with crowd(20, tmp_path) as strangers, running_call(own_agents):
        drawn = strangers.flood(own_edge.doors.udp, 2_000, 3).end()
    assert drawn.answer_bytes < drawn.sent_bytes / 2
    assert drawn.answers > 50 * 20


def test_svmap_finds_somebody_without_a_name(own_edge, own_agents, tmp_path) -> None:
    with crowd(1, tmp_path) as scanner, running_call(own_agents):
        found = scanner.tool("svmap", "-p", str(own_edge.doors.udp), EDGE, seconds=5)
        assert "talkpath" not in found.lower()
        assert "python" not in found.lower()


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_svwar_tells_nobody_apart(own_edge, own_agents, tmp_path, method) -> None:
    """user100 to user103 exist, and some are registered; nobody else does."""
    names = [f"user{number}" for number in range(100, 110)] + [f"user{number}" for number in range(9_000, 9_400)]
    (tmp_path / "names").write_text("".join(f"{name}\n" for name in names))
    with crowd(1, tmp_path) as scanner, running_call(own_agents):
        options = ["-p", str(own_edge.doors.udp), "-m", method, "-d", "names", "--force", "--maximumtime", "2"]
        found = scanner.tool("svwar", *options, EDGE, seconds=5)
    real = {name for name in names[:10] if f"{name} " in found}
    unreal = {name for name in names[10:] if f"{name} " in found}
    print(found)
    assert not real or unreal, found


def test_svcrack_has_few_tries_and_the_account_stays_open(own_edge, own_agents, tmp_path) -> None:
    victim = own_edge.identity()
    guesses = [f"guess{number}" for number in range(300)]
    guesses[200] = victim.password
    (tmp_path / "passwords").write_text("".join(f"{guess}\n" for guess in guesses))
    with crowd(1, tmp_path) as cracker, running_call(own_agents):
        options = ["-p", str(own_edge.doors.udp), "-u", victim.user, "-d", "passwords", "--maximumtime", "2"]
        found = cracker.tool("svcrack", *options, EDGE, seconds=5)
        banned = bans(own_edge)
        assert own_agents.agent("udp", victim)
    assert victim.password not in found, found
    assert banned, found

"""Two nodes on a real nats-server: a phone registers at one and is called at the other, whatever dies between."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.agent import connect, hang_up
from harness.edge import COMMAND, Edge, Identity
from harness.nats import CURRENT, DEBIANS, Nats
from harness.process import Process, wait_until

pytestmark = pytest.mark.live


def cluster(edge: Edge) -> dict[str, object]:
    """What `talkpath cluster` says."""
    return json.loads(edge.command("cluster", "--json"))


def states(edge: Edge) -> dict[str, str]:
    return {node["name"]: node["state"] for node in cluster(edge)["nodes"]}  # type: ignore[union-attr, index]


def nodes(nats: Nats, place: Path) -> tuple[Edge, Edge]:
    """Two that know of each other."""
    made = [Edge(place / name, settings=nats.settings(name)) for name in ("a", "b")]
    for edge in made:
        assert wait_until(lambda edge=edge: "there" in states(edge).values(), 15), edge.process.text
    return made[0], made[1]


@pytest.fixture(params=[DEBIANS, CURRENT], ids=["2.9 of Debian", "current"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Edge, Edge]]:
    """Two nodes on one server."""
    with Nats(tmp_path, request.param) as nats:
        a, b = nodes(nats, tmp_path)
        with a, b:
            yield a, b
            assert not a.complaints()
            assert not b.complaints()


def _at(edge: Edge, who: Identity, transport: str) -> Identity:
    """The same user at another node."""
    return Identity(who.user, who.password, edge.host, edge.doors.of(transport), transport)


def test_a_phone_of_one_node_is_called_at_the_other(pair, agents_of) -> None:
    a, b = pair
    own_agents = agents_of(a)
    alice = own_agents.agent("udp", a.identity("udp"))
    bob = own_agents.agent("tcp", _at(b, a.identity("tcp"), "tcp"))
    assert wait_until(lambda: bob.identity.user in a.command("phones"), 5)
    call, incoming = connect(alice, bob, own_agents.talker().offer(), own_agents.talker().offer())
    assert [len(edge.calls()) for edge in (a, b)] == [1, 1]
    # The one has its media, the other its connection.
    assert [row["calls"] for row in cluster(a)["nodes"]] == [1, 0]
    hang_up(call.dialog, incoming.dialog)
    assert "node b" in a.command("calls", a.calls()[0]["id"])
    # The other way, and the callee hangs up.
    call, incoming = connect(bob, alice, own_agents.talker().offer(), own_agents.talker().offer())
    hang_up(incoming.dialog, call.dialog)


def test_a_node_that_dies_is_missed_and_one_that_starts_without_the_engine_joins_later(tmp_path, agents_of) -> None:
    with Nats(tmp_path) as nats:
        a, b = nodes(nats, tmp_path)
        with a, b:
            own_agents = agents_of(a)
            bob = own_agents.agent("tcp", _at(b, a.identity("tcp"), "tcp"))
            assert wait_until(lambda: bob.identity.user in a.command("phones"), 5)
            b.kill()
            assert wait_until(lambda: states(a)["b"] == "gone", 6)
            alice = own_agents.agent("udp", a.identity("udp"))
            assert alice.dial(bob.identity.user, b"v=0\r\n").final().status == 480
            nats.kill(0)
            assert wait_until(lambda: cluster(a)["engine"] == "away", 6)
            # It goes on without: who registers is called.
            carol = own_agents.agent("tcp", a.identity("tcp"))
            connect(alice, carol, own_agents.talker().offer(), own_agents.talker().offer())
            b.start()
            assert cluster(b)["engine"] == "away"
            nats.start_again(0)
            assert wait_until(lambda: states(b).get("a") == states(a)["b"] == "there", 15)
            assert wait_until(lambda: carol.identity.user in b.command("phones"), 5)


def test_one_of_three_servers_dies_the_one_that_a_node_speaks_to(tmp_path, agents_of) -> None:
    with Nats(tmp_path, count=3) as nats:
        a, b = nodes(nats, tmp_path)
        with a, b:
            assert cluster(a)["replicas"] == 3
            victim = next(n for n, port in enumerate(nats.ports) if str(cluster(a)["server"]).endswith(f":{port}"))
            nats.kill(victim)
            bob = agents_of(a).agent("tcp")
            assert wait_until(lambda: bob.identity.user in b.command("phones"), 25)
            assert wait_until(lambda: cluster(a)["engine"] == "live", 10)


@pytest.mark.parametrize(
    ("options", "secret", "node", "said"),
    [
        ("jetstream", "another secret altogether", "b", "sealed with another secret"),
        ("jetstream", "a secret of the tests", "a", "is called a already"),
        ("none", "a secret of the tests", "b", "no JetStream"),
    ],
)
def test_what_hinders_a_node_is_said_at_start(tmp_path, options, secret, node, said) -> None:
    with Nats(tmp_path, options=options) as nats:
        if options == "none":
            _fails(nats.settings(node, secret), tmp_path, said)
            return
        with Edge(tmp_path / "a", settings=nats.settings("a")) as a:
            _fails(nats.settings(node, secret), tmp_path, said)
            assert states(a) == {"a": "here"}


def _fails(settings: str, place: Path, said: str) -> None:
    config = place / "talkpath.toml"
    config.write_text(f'{settings}[[listeners]]\ntransport = "UDP"\nport = 7999\n')
    argv = [str(COMMAND), "run", "--config", str(config), "--state", str(place / "state")]
    ended = Process(argv, place / "log", env={"LC_ALL": "C.UTF-8"})
    assert ended.wait_ended() == 1
    assert said in ended.text

"""An agent that is handed over as data, at any moment: the peers find together, and consent lives on."""

import msgspec
import pytest

from talkpath.ice.agent import IceAgent
from talkpath.ice.events import ConsentLost
from talkpath.ice.record import AgentRecord

from .network import Network, description, entropy, peer


def agents(*, lite: bool, components: int = 1) -> Network:
    # A lite peer sends no checks that would heal what is forgotten, and one address leaves no other way.
    hosts = ("192.0.2.1",) if lite else ("192.0.2.1", "192.0.2.9")
    first = peer(1, *hosts, controlling=True, components=components)
    return Network([first, peer(2, "203.0.113.2", lite=lite, components=components)])


def hand_over(net: Network, who: int) -> None:
    """Another process goes on."""
    each = net.peers[who]
    record = each.agent.save()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=AgentRecord) == record
    each.agent = IceAgent.resumed(record, entropy(77), net.now)
    assert each.agent.save() == record


def they_found_together(net: Network) -> bool:
    one, other = net.peers
    pairs = {(one.sockets[socket], remote) for socket, remote in one.agent.selected.values()}
    back = {(remote, other.sockets[socket]) for socket, remote in other.agent.selected.values()}
    return bool(pairs) and pairs == back


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.03, 0.05, 0.07, 0.11, 0.3, 0.55, 0.6, 1.0, 7.0])
@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("lite", [False, True])
def test_whenever_it_happens_the_same_pairs_are_found_and_kept(lite: bool, who: int, after_s: float) -> None:
    net = agents(lite=lite, components=2)
    net.connect()
    net.run(after_s)
    before = dict(net.peers[who].agent.selected)
    hand_over(net, who)
    assert net.peers[who].agent.selected == before
    net.run(100)
    assert they_found_together(net)
    assert not any(each.seen(ConsentLost) for each in net.peers)


@pytest.mark.parametrize("who", [0, 1])
def test_a_peer_that_is_gone_is_missed_thirty_seconds_after(who: int) -> None:
    net = agents(lite=False)
    net.connect()
    net.run(10)
    hand_over(net, who)
    net.passes = lambda data, source, destination: False
    at = net.now
    net.run(29)
    assert not net.peers[who].seen(ConsentLost)
    net.run(2, until=lambda: bool(net.peers[who].seen(ConsentLost)))
    assert net.peers[who].seen(ConsentLost)
    assert net.now - at >= 30


def test_a_restart_that_is_handed_over_between_offer_and_answer_goes_on() -> None:
    net = agents(lite=False)
    net.connect()
    net.run(5)
    other = net.peers[1]
    again = peer(3, "198.51.100.7", controlling=True)
    net.peers[0] = again
    net.tell(other, description(again))
    hand_over(net, 1)
    net.tell(again, description(other))
    net.run(5)
    assert they_found_together(net)


def test_of_two_generations_the_old_pairs_are_good_until_the_new_ones_are() -> None:
    net = agents(lite=False)
    net.connect()
    net.run(5)
    other = net.peers[1]
    before = dict(other.agent.selected)
    net.tell(other, description(peer(3, "198.51.100.7", controlling=True)))
    hand_over(net, 1)
    assert other.agent.selected == before
    net.run(2)
    assert not other.seen(ConsentLost)

"""Agents against each other through a simulated network: who is believed, and which pair wins."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.base.limits import ICE_PEER_REFLEXIVE, ICE_REMOTE_CANDIDATES
from talkpath.base.octets import text
from talkpath.ice import stun
from talkpath.ice.events import (
    CandidateIgnored,
    CandidateLearnt,
    CandidatesTrickled,
    CheckReceived,
    ComponentClosed,
    ConsentLost,
    Credentials,
    DatagramArrived,
    Failed,
    PairNominated,
    PairRetired,
    RemoteDescribed,
    RestartCancelled,
    RestartWanted,
    RoleChanged,
    SendDatagram,
)
from talkpath.ice.stun import Attr, Kind, Stun

from .network import START, Network, Peer, description, peer

ELSEWHERE = Address("198.51.100.66", 6666)


def full_and_full(**network: float) -> Network:
    peers = [peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2")]
    return Network(peers, **network)


def full_and_lite() -> Network:
    return Network([peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2", lite=True)])


def both_nominated(net: Network) -> bool:
    return all(p.nominated for p in net.peers)


def check(
    to: Peer,
    ufrag: str = "them",
    *more: tuple[Attr, bytes],
    password: str | None = None,
    transaction: bytes = bytes(12),
    role: Attr = Attr.ICE_CONTROLLING,
) -> bytes:
    credentials = to.agent.credentials
    attributes = [
        (Attr.USERNAME, f"{credentials.ufrag}:{ufrag}".encode()),
        (Attr.PRIORITY, (1853817087).to_bytes(4, "big")),
        (role, bytes(8)),
        *more,
    ]
    key = credentials.password if password is None else password
    return stun.write(Kind.REQUEST, transaction, attributes, key.encode())


def lite_peer() -> tuple[Network, Peer]:
    """A lite agent whose peer signalled no candidate: all is learnt from checks."""
    ours = peer(2, "203.0.113.2", lite=True)
    net = Network([ours])
    net.tell(ours, RemoteDescribed(Credentials("them", "their-password-of-22-ch")))
    return net, ours


USE = (Attr.USE_CANDIDATE, b"")


@pytest.mark.parametrize("make", [full_and_full, full_and_lite])
def test_two_agents_nominate_the_same_pair_within_some_round_trips(make: object) -> None:
    net = make()
    net.connect()
    net.run(1.0, until=lambda: both_nominated(net))
    one, two = net.peers
    assert one.nominated == [(0, two.sockets[0])]
    assert two.nominated == [(0, one.sockets[0])]
    assert one.authenticated == one.nominated
    assert net.now - START < 0.2


@pytest.mark.parametrize("seed", range(8))
def test_a_bad_network_only_takes_longer(seed: int) -> None:
    net = full_and_full(loss=0.2, jitter_s=0.08, duplicates=0.2)
    net.dice.seed(seed)
    net.connect()
    net.run(20.0, until=lambda: both_nominated(net))
    assert both_nominated(net)


def test_round_trips_longer_than_the_retransmission_timer() -> None:
    net = full_and_full(delay_s=0.9)
    net.connect()
    net.run(10.0, until=lambda: both_nominated(net))
    assert both_nominated(net)


def test_the_best_common_family_and_both_components() -> None:
    hosts = ("2001:db8::1", "192.0.2.1"), ("2001:db8::2", "203.0.113.2")
    net = Network([peer(1, *hosts[0], controlling=True, components=2), peer(2, *hosts[1], components=2)])
    net.connect()
    net.run(3.0)
    for each in net.peers:
        assert {socket: remote.is_ipv6 for socket, remote in each.nominated} == {0: True, 1: True}


def test_a_dead_family_falls_back_to_the_other() -> None:
    net = Network(
        [peer(1, "2001:db8::1", "192.0.2.1", controlling=True), peer(2, "2001:db8::2", "203.0.113.2")],
        passes=lambda data, source, destination: not source.is_ipv6,
    )
    net.connect()
    net.run(3.0, until=lambda: both_nominated(net))
    assert not net.peers[0].nominated[0][1].is_ipv6


def test_a_symmetric_nat_is_learnt_from_the_checks() -> None:
    phone = peer(1, "10.0.0.1", controlling=True)
    phone.nat = lambda socket, remote: Address("198.51.100.9", 40_000 + remote.port % 1000)
    phone.open_to = set()
    net = Network([phone, peer(2, "203.0.113.2", lite=True)])
    net.connect()
    net.run(3.0, until=lambda: both_nominated(net))
    public = Address("198.51.100.9", 40_000)
    assert net.peers[1].nominated == [(0, public)]
    learnt = [o for o in phone.outputs if isinstance(o, CandidateLearnt)]
    assert [(o.candidate.address, o.local) for o in learnt] == [(public, True)]


def test_checks_that_overtake_the_answer_are_answered_and_remembered() -> None:
    one, two = peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2")
    net = Network([one, two])
    net.tell(two, description(one))
    net.run(0.2)
    assert one.authenticated == [(0, two.sockets[0])]
    assert one.nominated == []
    net.tell(one, description(two))
    net.run(1.0)
    assert both_nominated(net)


def test_trickled_candidates_join_the_checks() -> None:
    one, two = peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2", lite=True)
    net = Network([one, two])
    net.tell(two, replace(description(one), candidates=(), ended=False))
    net.tell(one, replace(description(two), candidates=(), ended=False))
    net.run(1.0)
    assert not one.seen(SendDatagram)
    net.tell(one, CandidatesTrickled(description(two).candidates, ended=True))
    net.run(1.0)
    assert both_nominated(net)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 1 udp 2122260223 3f2e-77.local 51472 typ host generation 0", "mdns"),
        ("1 1 udp 2122260223 phone.example.org 51472 typ host", "name"),
        ("1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active", "tcp"),
        ("1 1 udp 2122260223 192.0.2.7 51472 typ quantum", "type"),
        ("1 1 udp 2122260223 224.0.0.1 51472 typ host", "name"),
        ("1 2 udp 2122260223 192.0.2.7 51472 typ host", "component"),
        ("1 1 udp 99999999999 192.0.2.7 51472 typ host", "malformed"),
        ("typ host", "malformed"),
    ],
)
def test_candidates_we_cannot_use_are_told_and_passed_over(line: str, reason: str) -> None:
    net = full_and_full()
    net.tell(net.peers[0], description(net.peers[1], f"candidate:{line}"))
    assert [(o.line, o.reason) for o in net.peers[0].seen(CandidateIgnored)] == [(f"candidate:{line}", reason)]


def test_signalled_candidates_are_capped() -> None:
    net = full_and_full()
    lines = [f"1 1 udp 1 192.0.2.9 {port} typ host" for port in range(1, 200)]
    net.tell(net.peers[0], description(net.peers[1], *lines))
    ignored = net.peers[0].seen(CandidateIgnored)
    assert len(ignored) == 200 - ICE_REMOTE_CANDIDATES


@pytest.mark.parametrize("controlling", [True, False])
def test_a_role_conflict_is_decided_by_the_tie_breakers(controlling: bool) -> None:
    net = Network([peer(s, host, controlling=controlling) for s, host in ((1, "192.0.2.1"), (2, "203.0.113.2"))])
    net.connect()
    net.run(5.0)
    one, two = net.peers
    assert one.agent.is_controlling is not two.agent.is_controlling
    assert len(one.seen(RoleChanged)) + len(two.seen(RoleChanged)) == 1
    assert both_nominated(net)


def test_a_lite_agent_never_controls() -> None:
    net, ours = lite_peer()
    net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours, role=Attr.ICE_CONTROLLED)))
    answer = Stun.parse(ours.seen(SendDatagram)[0].data)
    assert (answer.kind, answer.error_code) == (Kind.ERROR, 487)
    assert ours.authenticated == []


def test_two_lite_sides_still_connect() -> None:
    net = Network([peer(1, "192.0.2.1", lite=True, controlling=True), peer(2, "203.0.113.2", lite=True)])
    net.connect()
    net.run(5.0)
    assert both_nominated(net)


@pytest.mark.parametrize("lite", [True, False])
def test_wrong_integrity_has_no_effect_but_a_counter(lite: bool) -> None:
    ours = peer(2, "203.0.113.2", lite=lite)
    net = Network([ours])
    net.tell(ours, RemoteDescribed(Credentials("them", "their-password-of-22-ch")))
    before = ours.agent.deadline()
    net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours, "them", USE, password="guessed")))
    net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours, "wrong", USE)))
    net.tell(ours, DatagramArrived(0, ELSEWHERE, b"\0\1" + bytes(50)))
    assert ours.outputs == []
    assert ours.agent.counters == {"unauthentic": 1, "foreign": 1, "malformed": 1}
    assert ours.agent.deadline() == before


def test_a_forged_answer_does_not_validate_a_pair() -> None:
    one, two = peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2")
    net = Network([one, two], passes=lambda data, source, destination: False)
    net.connect()
    sent = Stun.parse(one.seen(SendDatagram)[0].data)
    forged = stun.write(Kind.SUCCESS, sent.transaction, [], b"guessed")
    net.tell(one, DatagramArrived(0, two.sockets[0], forged))
    assert one.authenticated == []
    assert one.agent.counters["unauthentic"] == 1


def test_an_answer_from_elsewhere_does_not_validate_a_pair() -> None:
    one, two = peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2")
    net = Network([one, two], passes=lambda data, source, destination: False)
    net.connect()
    sent = Stun.parse(one.seen(SendDatagram)[0].data)
    key = two.agent.credentials.password.encode()
    net.tell(one, DatagramArrived(0, ELSEWHERE, stun.write(Kind.SUCCESS, sent.transaction, [], key)))
    assert one.authenticated == []


def test_unknown_required_attributes_are_answered_420() -> None:
    net, ours = lite_peer()
    strange = check(ours).replace(b"\x00\x24\x00\x04", b"\x70\x01\x00\x04")
    body = [(Attr.USERNAME, f"{ours.agent.credentials.ufrag}:them".encode()), (0x7001, b"what")]
    strange = stun.write(Kind.REQUEST, bytes(12), body, ours.agent.credentials.password.encode())
    net.tell(ours, DatagramArrived(0, ELSEWHERE, strange))
    answer = Stun.parse(ours.seen(SendDatagram)[0].data)
    assert (answer.error_code, answer.first(Attr.UNKNOWN_ATTRIBUTES)) == (420, b"\x70\x01")
    assert ours.authenticated == []


def test_a_flood_is_answered_within_a_rate_and_the_peer_is_not_starved() -> None:
    net, ours = lite_peer()
    net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours, "them", USE)))
    for port in range(1, 5000):
        net.now += 0.0002
        net.tell(ours, DatagramArrived(0, Address("192.0.2.200", port), check(ours, password="guessed")))
    assert ours.agent.counters["unauthentic"] <= 110
    assert ours.agent.counters["throttled"] >= 4800
    sent = len(ours.seen(SendDatagram))
    net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours, "them", USE)))
    assert len(ours.seen(SendDatagram)) == sent + 1


def test_learnt_addresses_are_capped() -> None:
    net, ours = lite_peer()
    for port in range(1, 100):
        net.now += 0.1
        net.tell(ours, DatagramArrived(0, Address("192.0.2.200", port), check(ours)))
    assert len(ours.authenticated) == ICE_PEER_REFLEXIVE
    assert len(ours.seen(SendDatagram)) == ICE_PEER_REFLEXIVE


def test_any_authenticated_pair_may_speak_but_only_a_nominated_one_is_sent_to() -> None:
    net, ours = lite_peer()
    for port in (1, 2):
        net.tell(ours, DatagramArrived(0, Address("192.0.2.200", port), check(ours)))
    assert len(ours.authenticated) == 2
    assert ours.agent.selected == {}


def nominate(net: Network, ours: Peer, port: int, after: float, *more: tuple[Attr, bytes]) -> None:
    net.run(after)
    net.tell(ours, DatagramArrived(0, Address("192.0.2.200", port), check(ours, "them", *(more or (USE,)))))


def test_the_last_nominated_wins() -> None:
    net, ours = lite_peer()
    nominate(net, ours, 1, 0.0)
    nominate(net, ours, 2, 2.0)
    nominate(net, ours, 1, 2.0)
    assert [remote.port for _, remote in ours.nominated] == [1, 2, 1]


def test_the_best_of_an_aggressive_peer_wins_whatever_the_order() -> None:
    low = (Attr.PRIORITY, (1).to_bytes(4, "big"))
    for order in ((1, 2), (2, 1)):
        net, ours = lite_peer()
        for port in order:
            body = check(ours, "them", USE)
            if port == 2:
                credentials = ours.agent.credentials
                attributes = [(Attr.USERNAME, f"{credentials.ufrag}:them".encode()), low, USE]
                body = stun.write(Kind.REQUEST, bytes(12), attributes, credentials.password.encode())
            net.run(0.05)
            net.tell(ours, DatagramArrived(0, Address("192.0.2.200", port), body))
        assert ours.agent.selected[1][1].port == 1


def test_a_renomination_number_outranks_the_order_of_arrival() -> None:
    net, ours = lite_peer()
    for port, number in ((1, 1), (2, 3), (1, 2)):
        nominate(net, ours, port, 2.0, (Attr.NOMINATION, number.to_bytes(4, "big")))
    assert [remote.port for _, remote in ours.nominated] == [1, 2]


@pytest.mark.parametrize("make", [full_and_full, full_and_lite])
@pytest.mark.parametrize("who", [0, 1])
def test_a_restart_moves_to_new_credentials_while_the_old_pair_stays(make: object, who: int) -> None:
    net = make()
    net.connect()
    net.run(2.0)
    one, two = net.peers if who == 0 else reversed(net.peers)
    old = one.agent.credentials
    selected = one.agent.selected
    net.tell(one, RestartWanted())
    assert one.agent.credentials != old
    assert one.agent.selected == selected
    net.run(8.0)
    assert not one.seen(ConsentLost)
    net.tell(two, description(one))
    net.tell(one, description(two))
    net.run(2.0)
    assert [len(each.nominated) for each in net.peers] == [2, 2]
    assert one.agent.selected == selected
    assert not one.seen(PairRetired)


def test_a_restart_from_another_network_retires_the_old_address() -> None:
    phone, ours = peer(1, "192.0.2.1", controlling=True), peer(2, "203.0.113.2", lite=True)
    net = Network([phone, ours])
    net.connect()
    net.run(2.0)
    moved = peer(3, "198.51.100.3", controlling=True)
    net.peers[0] = moved
    net.connect()
    net.run(2.0)
    assert ours.nominated[-1] == (0, moved.sockets[0])
    assert [(o.socket, o.remote) for o in ours.seen(PairRetired)] == [(0, phone.sockets[0])]


def test_a_refused_restart_leaves_all_as_it_was() -> None:
    net = full_and_full()
    net.connect()
    net.run(2.0)
    one = net.peers[0]
    old = one.agent.credentials
    net.tell(one, RestartWanted())
    net.tell(one, RestartCancelled())
    assert one.agent.credentials == old
    net.run(60.0)
    assert not one.seen(ConsentLost)


@pytest.mark.parametrize("make", [full_and_full, full_and_lite])
def test_consent_lasts_while_the_peer_answers_and_ends_when_it_goes(make: object) -> None:
    net = make()
    net.connect()
    net.run(300.0)
    assert not net.peers[0].seen(ConsentLost)
    assert not net.peers[1].seen(ConsentLost)
    net.passes = lambda data, source, destination: False
    gone_at = net.now
    net.run(45.0, until=lambda: all(p.seen(ConsentLost) for p in net.peers))
    assert 23.0 < net.now - gone_at <= 30.0
    assert net.peers[0].agent.selected == {}


def test_consent_that_was_lost_comes_back_with_the_peer_s_checks() -> None:
    net, ours = lite_peer()
    for _ in range(3):
        nominate(net, ours, 1, 2.0)
    net.run(40.0)
    assert ours.seen(ConsentLost)
    nominate(net, ours, 1, 2.0)
    assert len(ours.nominated) == 2
    assert len(ours.authenticated) == 2


def test_a_lite_agent_does_not_doubt_a_peer_that_never_repeats_checks() -> None:
    net, ours = lite_peer()
    nominate(net, ours, 1, 0.0)
    net.run(300.0)
    assert not ours.seen(ConsentLost)


@pytest.mark.parametrize(
    ("events", "reason"), [((), "unheard"), (("check",), "unnominated")], ids=["unheard", "unnominated"]
)
def test_failure_says_what_was_missing(events: tuple[str, ...], reason: str) -> None:
    net, ours = lite_peer()
    for _ in events:
        net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours)))
    net.run(60.0)
    assert ours.seen(Failed) == [Failed(1, reason)]


def test_failure_when_our_checks_get_no_answer() -> None:
    net = full_and_full(passes=lambda data, source, destination: source.host == "192.0.2.1")
    net.connect()
    net.run(60.0)
    assert net.peers[0].seen(Failed) == [Failed(1, "unheard")]
    assert net.peers[1].seen(Failed) == [Failed(1, "unanswered")]
    net.run(60.0)
    assert net.peers[1].agent.deadline() is None


def test_a_closed_component_is_not_waited_for() -> None:
    net = Network([peer(1, "192.0.2.1", controlling=True, components=2), peer(2, "203.0.113.2", components=2)])
    for each in net.peers:
        net.tell(each, ComponentClosed(2))
    net.connect()
    net.run(50.0)
    assert [o.component for o in net.peers[0].seen(PairNominated)] == [1]
    assert not net.peers[0].seen(Failed)


def test_a_duplicate_check_is_told_once() -> None:
    net, ours = lite_peer()
    for _ in range(3):
        net.tell(ours, DatagramArrived(0, ELSEWHERE, check(ours)))
    assert len(ours.seen(CheckReceived)) == 1
    assert len(ours.seen(SendDatagram)) == 3


@settings(max_examples=settings.default.max_examples * 3 // 5)
@given(data=st.data())
def test_no_datagram_ever_raises(data: st.DataObject) -> None:
    net, ours = lite_peer()
    good = check(ours, "them", USE)
    for _ in range(5):
        cut = data.draw(st.integers(0, len(good)))
        net.tell(ours, DatagramArrived(0, ELSEWHERE, good[:cut] + data.draw(st.binary(max_size=60))))


def test_credentials_that_are_no_text_are_used_as_the_bytes_that_they_are() -> None:
    """Nothing in a description may raise, and least of all in a timer."""
    ours = peer(1, "192.0.2.1", controlling=True)
    net = Network([ours])
    theirs = Credentials(text(b"the\xb2"), text(b"their-\xff-password-of-22-"))
    net.tell(ours, RemoteDescribed(theirs, ("1 1 udp 1 203.0.113.2 4000 typ host",)))
    net.run(1.0)
    sent = [Stun.parse(one.data) for one in ours.seen(SendDatagram)]
    assert sent
    for one in sent:
        assert one.first(Attr.USERNAME) == b"the\xb2:" + ours.agent.credentials.ufrag.encode()
        assert one.is_authentic(b"their-\xff-password-of-22-")

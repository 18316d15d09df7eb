"""Whatever comes to a port: the engine neither stops nor lets it through, and running calls never notice."""

import random

from hypothesis import given
from hypothesis import strategies as st
from tests.native.rtp_peers import DTLS, HIGH, LOW, PCMA, STUN, Peer, Peers, next_events, peers, rtcp, rtp, until

from talkpath._native import Port, Relay

SEEDS = [rtp(1), rtcp(), STUN, DTLS, rtp(2, payload=b""), b"\x90" + rtp(3)[1:], b"\xbf" + rtp(4)[1:]]


@st.composite
def broken_packets(draw: st.DrawFn) -> bytes:
    """A good packet cut, with some bytes changed."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 255)), max_size=4)):
        if at < len(data):
            data[at] = value
    return bytes(data[: draw(st.integers(0, len(data)))])


def bridged(relay: Relay, one: Peer, two: Peer) -> tuple[Port, Port]:
    ports = (relay.open("127.0.0.1", LOW, HIGH), relay.open("127.0.0.1", LOW, HIGH))
    for port, peer in zip(ports, (one, two), strict=True):
        relay.expect(port, rtp=peer.address, formats=PCMA)
    relay.route(ports[0], ports[1])
    relay.route(ports[1], ports[0])
    return ports


@given(st.lists(st.one_of(broken_packets(), st.binary(max_size=300)), max_size=20))
def test_garbage_of_the_right_peer_never_stops_its_call(packets: list[bytes]) -> None:
    with peers() as peer:
        relay = Relay()
        alice, bob = peer(), peer()
        a, _ = bridged(relay, alice, bob)
        for data in packets:
            alice.send(a, data)
            alice.send(a, data, to_rtcp=True)
        last = rtp(7, ssrc=0x7777, payload=b"last of all, after the garbage")
        alice.send(a, last)
        while bob.receive()[0] != last:
            pass
        until(lambda: _judged(relay, a) == 2 * len(packets) + 1)
        assert relay.counters()["panics"] == 0
        relay.shutdown()


def _judged(relay: Relay, port: Port) -> int:
    totals = relay.totals(port)
    return totals.heard_packets + totals.heard_rtcp + totals.malformed + totals.strangers


def test_a_flood_of_strangers_costs_the_call_nothing(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridged(relay, alice, bob)
    thieves = [peer(f"127.0.0.{n}") for n in range(10, 20)]
    noise = random.Random(7)
    for sequence in range(200):
        for thief in thieves:
            thief.send(noise.choice((a, b)), noise.choice(SEEDS), to_rtcp=noise.random() < 0.5)
        alice.send(a, rtp(sequence))
        assert bob.receive()[0] == rtp(sequence)
        # What passes in the kernel overtakes them, and a socket holds some hundred only.
        seen = len(thieves) * (sequence + 1)
        until(lambda seen=seen: relay.totals(a).strangers + relay.totals(b).strangers == seen)
    assert relay.totals(a).lost == 0
    assert all(thief.has_nothing() for thief in thieves)


def test_a_flood_of_stun_is_bounded_and_media_goes_on(relay: Relay, peer: Peers) -> None:
    browser, thief, bob = peer(), peer(), peer()
    a, b = bridged(relay, browser, bob)
    relay.expect(a, rtp=browser.address, mux=True, ice=True, formats=PCMA)
    relay.approve(a, browser.address)
    for sequence in range(100):
        for _ in range(50):
            thief.send(a, STUN)
        browser.send(a, rtp(sequence))
        assert bob.receive()[0] == rtp(sequence)
    climbed = next_events(relay)
    assert len(climbed) < 5000
    assert relay.totals(b).sent_packets == 100


def test_calls_come_and_go_under_traffic(relay: Relay, peer: Peers) -> None:
    """Ports are closed while packets for them wait, and their numbers are leased to others at once."""
    alice, bob = peer(), peer()
    # A worker that looks at a port keeps it until it is done: two pairs are leased, and each of three may keep two.
    first, last = 24000, 24015
    for round_ in range(300):
        a, b = relay.open("127.0.0.6", first, last), relay.open("127.0.0.6", first, last)
        relay.expect(a, rtp=alice.address, formats=PCMA)
        relay.expect(b, rtp=bob.address, formats=PCMA)
        relay.route(a, b)
        relay.route(b, a)
        relay.watch(a, 60.0)
        data = rtp(round_, payload=str(round_).encode())
        alice.send(a, data)
        while bob.receive()[0] != data:
            pass
        for _ in range(5):
            alice.send(a, rtp(0))
            bob.send(b, rtp(0))
        relay.tone(a, 8, "PCMA")
        relay.close(a)
        relay.close(b)
    counters = relay.counters()
    assert (counters["ports"], counters["opened"], counters["panics"]) == (0, 600, 0)

"""RTP and RTCP pass between two peers, muxed or not, each side its own way; raw media, echo and tone."""

import struct

import pytest
from tests.native.rtp_peers import DTLS, HIGH, LOW, PCMA, STUN, Peer, Peers, next_events, rtcp, rtp, until

from talkpath._native import FirstHeard, Port, Relay


def bridge(relay: Relay, one: Peer, two: Peer) -> tuple[Port, Port]:
    ports = (relay.open("127.0.0.1", LOW, HIGH), relay.open("127.0.0.1", LOW, HIGH))
    for port, peer in zip(ports, (one, two), strict=True):
        relay.expect(port, rtp=peer.address, formats=PCMA)
    relay.route(ports[0], ports[1])
    relay.route(ports[1], ports[0])
    return ports


def test_a_port_pair_is_even_and_odd(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    assert port.rtp % 2 == 0
    assert port.rtcp == port.rtp + 1
    assert port.host == "127.0.0.1"
    assert LOW <= port.rtp < HIGH


def test_rtp_passes_unchanged_both_ways(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    for sequence in range(50):
        alice.send(a, rtp(sequence))
        assert bob.receive() == (rtp(sequence), b.rtp)
        bob.send(b, rtp(sequence, ssrc=9))
        assert alice.receive() == (rtp(sequence, ssrc=9), a.rtp)


def test_rtcp_goes_to_the_port_above_unless_muxed(relay: Relay, peer: Peers) -> None:
    (alice, alice_rtcp), bob = peer.pair(), peer()
    a, b = bridge(relay, alice, bob)
    relay.expect(b, rtp=bob.address, mux=True, formats=PCMA)
    alice_rtcp.send(a, rtcp(), to_rtcp=True)
    assert bob.receive() == (rtcp(), b.rtp)
    bob.send(b, rtcp(7))
    assert alice_rtcp.receive() == (rtcp(7), a.rtcp)


def test_rtcp_goes_where_it_was_signalled(relay: Relay, peer: Peers) -> None:
    alice, bob, bob_rtcp = peer(), peer(), peer()
    a, b = bridge(relay, alice, bob)
    relay.expect(b, rtp=bob.address, rtcp=bob_rtcp.address, formats=PCMA)
    alice.send(a, rtcp(), to_rtcp=True)
    assert bob_rtcp.receive() == (rtcp(), b.rtcp)


def test_a_route_ends_and_begins_again(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    relay.route(a, None)
    alice.send(a, rtp(1))
    next_events(relay)
    relay.route(a, b)
    alice.send(a, rtp(2))
    assert bob.receive()[0] == rtp(2)
    assert relay.totals(a).heard_packets == 2
    assert relay.totals(b).sent_packets == 1


def test_ipv4_and_ipv6_meet(relay: Relay, peer: Peers) -> None:
    alice, bob = peer("::1"), peer()
    a, b = relay.open("::1", LOW, HIGH), relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(a, rtp=alice.address, formats=PCMA)
    relay.expect(b, rtp=bob.address, formats=PCMA)
    relay.route(a, b)
    relay.route(b, a)
    alice.send(a, rtp(1))
    assert bob.receive()[0] == rtp(1)
    bob.send(b, rtp(2))
    assert alice.receive()[0] == rtp(2)


def test_raw_media_passes_whatever_it_is(relay: Relay, peer: Peers) -> None:
    alice, bob, stranger = peer(), peer(), peer()
    a, b = bridge(relay, alice, bob)
    for port, end in ((a, alice), (b, bob)):
        relay.expect(port, rtp=end.address, raw=True)
    for data in (b"\0\1udptl", b"\x80", STUN, DTLS, b"", bytes(9000)):
        stranger.send(a, data)
        alice.send(a, data)
        assert bob.receive()[0] == data
    assert relay.totals(a).strangers == 6


def test_media_of_unsignalled_type_passes_and_is_counted(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, _ = bridge(relay, alice, bob)
    alice.send(a, rtp(1, payload_type=0))
    assert bob.receive()[0] == rtp(1, payload_type=0)
    assert relay.totals(a).unnegotiated == 1


def test_a_type_that_looks_like_rtcp_is_rtp_where_negotiated(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    relay.expect(a, rtp=alice.address, formats=[(72, 90000, "H261")])
    frame = rtp(1, payload_type=72 | 0x80)
    alice.send(a, frame)
    assert bob.receive() == (frame, b.rtp)


def test_echo_comes_back_under_another_source(relay: Relay, peer: Peers) -> None:
    alice = peer()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=alice.address, formats=PCMA)
    relay.reflect(port)
    alice.send(port, rtcp(), to_rtcp=True)
    sources = set()
    for sequence in range(3):
        alice.send(port, rtp(sequence))
        back, source = alice.receive()
        assert source == port.rtp
        assert (back[:8], back[12:]) == (rtp(sequence)[:8], rtp(sequence)[12:])
        sources.add(back[8:12])
    assert len(sources) == 1
    assert sources != {struct.pack("!I", 0x1234)}
    assert relay.totals(port).sent_rtcp == 0


@pytest.mark.parametrize(
    ("codec", "payload_type", "clock"),
    [("PCMU", 0, 8000), ("PCMA", 8, 8000), ("G722", 9, 8000), ("opus", 96, 48_000)],
)
def test_a_tone_is_a_steady_stream(relay: Relay, peer: Peers, codec: str, payload_type: int, clock: int) -> None:
    alice = peer()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=alice.address, formats=[(payload_type, clock, codec)])
    relay.tone(port, payload_type, codec)
    heard = [alice.receive()[0] for _ in range(6)]
    words = [struct.unpack("!BBHII", packet[:12]) for packet in heard]
    assert [word[1] for word in words] == [0x80 | payload_type] + [payload_type] * 5
    assert codec == "opus" or {len(packet) for packet in heard} == {172}
    assert [(word[2] - words[0][2]) % 65536 for word in words] == list(range(6))
    assert [(word[3] - words[0][3]) % 2**32 for word in words] == [clock // 50 * n for n in range(6)]
    assert len({word[4] for word in words}) == 1
    relay.quiet(port)


def test_another_tone_takes_the_place_of_the_first(relay: Relay, peer: Peers) -> None:
    alice = peer()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=alice.address, formats=PCMA)
    relay.tone(port, 8, "PCMA")
    first = alice.receive()[0]
    relay.tone(port, 8, "PCMA", frequency=440, level_dbm0=-20.0)
    while (packet := alice.receive()[0])[8:12] == first[8:12]:
        pass
    assert all(alice.receive()[0][8:12] == packet[8:12] for _ in range(4))


def test_nothing_is_sent_to_a_peer_without_address(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    relay.expect(b, rtp=None)
    alice.send(a, rtp(1))
    until(lambda: relay.totals(b).unsendable == 1)
    relay.expect(b, rtp=bob.address, formats=PCMA)
    alice.send(a, rtp(2))
    assert bob.receive()[0] == rtp(2)
    assert relay.totals(b).unsendable == 1


def test_the_first_packet_is_told_once_for_each_address(relay: Relay, peer: Peers) -> None:
    alice, other = peer(), peer()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=alice.address, formats=PCMA)
    alice.send(port, rtp(1))
    (first,) = next_events(relay)
    assert isinstance(first, FirstHeard)
    assert (first.port, first.source) == (port.id, alice.address)
    alice.send(port, rtp(2))
    relay.expect(port, rtp=other.address, formats=PCMA)
    other.send(port, rtp(1))
    (second,) = next_events(relay)
    assert isinstance(second, FirstHeard)
    assert second.source == other.address
    assert second.at > first.at

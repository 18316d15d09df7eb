"""Who is heard: the signalled address, a peer behind its NAT within strict limits, and nobody else."""

import pytest
from tests.native.rtp_peers import (
    DTLS,
    HIGH,
    LOW,
    PCMA,
    STUN,
    Peer,
    Peers,
    next_events,
    rtcp,
    rtp,
    stun_message,
    until,
)

from talkpath._native import Climbed, FirstHeard, Latched, Port, Relay
from talkpath.ice import stun

NAT = "127.0.0.7"
PRIVATE = ("192.168.77.5", 4000)


class Call:
    """One listened-to port whose media goes on to `bob`."""

    def __init__(self, relay: Relay, peer: Peers) -> None:
        self.relay = relay
        self.bob = peer()
        self.port = relay.open("127.0.0.1", LOW, HIGH)
        self.far = relay.open("127.0.0.1", LOW, HIGH)
        relay.expect(self.far, rtp=self.bob.address, formats=PCMA)
        relay.route(self.port, self.far)
        relay.route(self.far, self.port)

    def expect_nat(self, rtp: tuple[str, int] = PRIVATE) -> None:
        self.relay.expect(self.port, rtp=rtp, latch=NAT, formats=PCMA)

    def passes(self, peer: Peer, sequence: int) -> None:
        """A packet of this peer comes out, and none that was sent before it."""
        peer.send(self.port, rtp(sequence))
        assert self.bob.receive()[0] == rtp(sequence)

    def latch(self, peer: Peer) -> None:
        peer.send(self.port, rtp(1))
        self.passes(peer, 2)
        latched, first = next_events(self.relay, 2)
        assert isinstance(latched, Latched)
        assert isinstance(first, FirstHeard)
        assert (latched.source, latched.rtcp, latched.rebound) == (peer.address, False, False)

    def reaches(self, peer: Peer) -> None:
        """What the far side says now comes to this peer."""
        self.bob.send(self.far, rtp(99, ssrc=5))
        assert peer.receive()[0] == rtp(99, ssrc=5)


@pytest.fixture(name="call")
def a_call(relay: Relay, peer: Peers) -> Call:
    return Call(relay, peer)


def strangers(relay: Relay, port: Port) -> int:
    return relay.totals(port).strangers


def test_nobody_is_heard_before_anything_was_signalled(relay: Relay, call: Call, peer: Peers) -> None:
    alice = peer()
    alice.send(call.port, rtp(1))
    alice.send(call.port, rtcp(), to_rtcp=True)
    alice.send(call.port, STUN)
    until(lambda: strangers(relay, call.port) == 3)
    relay.expect(call.port, rtp=alice.address, formats=PCMA)
    call.passes(alice, 2)


def test_a_stranger_never_takes_over_a_plain_call(relay: Relay, call: Call, peer: Peers) -> None:
    alice, same_host, other_host = peer(), peer(), peer("127.0.0.9")
    relay.expect(call.port, rtp=alice.address, formats=PCMA)
    for sequence in range(30):
        same_host.send(call.port, rtp(sequence))
        other_host.send(call.port, rtp(sequence))
        other_host.send(call.port, rtcp(), to_rtcp=True)
    call.passes(alice, 1)
    other_host.send(call.port, rtp(2))
    call.passes(alice, 2)
    call.reaches(alice)
    assert same_host.has_nothing()
    assert other_host.has_nothing()
    assert strangers(relay, call.port) >= 61


def test_before_anything_is_latched_we_send_where_it_was_signalled(call: Call, peer: Peers) -> None:
    signalled = peer()
    call.expect_nat(signalled.address)
    call.reaches(signalled)


def test_a_peer_behind_its_nat_is_found(call: Call, peer: Peers) -> None:
    alice = peer(NAT)
    call.expect_nat()
    call.latch(alice)
    call.reaches(alice)


def test_another_host_is_never_latched(relay: Relay, call: Call, peer: Peers) -> None:
    alice, thief = peer(NAT), peer("127.0.0.9")
    call.expect_nat()
    for sequence in range(30):
        thief.send(call.port, rtp(sequence))
    call.latch(alice)
    for sequence in range(30):
        thief.send(call.port, rtp(sequence))
    call.passes(alice, 3)
    call.reaches(alice)
    assert thief.has_nothing()
    assert strangers(relay, call.port) == 61


def test_another_port_of_the_same_nat_is_a_stranger_while_the_first_is_heard(call: Call, peer: Peers) -> None:
    alice, neighbour = peer(NAT), peer(NAT)
    call.expect_nat()
    call.latch(alice)
    for sequence in range(30):
        neighbour.send(call.port, rtp(sequence))
    call.passes(alice, 3)
    call.reaches(alice)


def test_nothing_but_steady_media_is_latched(call: Call, peer: Peers) -> None:
    junk, alice = peer(NAT), peer(NAT)
    call.expect_nat()
    for data in (STUN, DTLS, rtcp(), b"", b"\x80", rtp(1)[:11], rtp(1, payload_type=77), b"\r\n\r\n"):
        for _ in range(4):
            junk.send(call.port, data)
            junk.send(call.port, data, to_rtcp=True)
    for sequence in (1, 500, 20, 9000):
        junk.send(call.port, rtp(sequence))
    call.latch(alice)


def test_the_signalled_address_wins_over_the_latched(relay: Relay, call: Call, peer: Peers) -> None:
    alice, found = peer(), peer(NAT)
    call.expect_nat(alice.address)
    call.latch(found)
    call.passes(alice, 3)
    (latched,) = next_events(relay)
    assert isinstance(latched, Latched)
    assert (latched.source, latched.rebound) == (alice.address, True)
    found.send(call.port, rtp(4))
    call.passes(alice, 5)
    call.reaches(alice)


def test_rtcp_of_the_latched_stream_is_found_too(relay: Relay, call: Call, peer: Peers) -> None:
    alice, alice_rtcp, thief = peer(NAT), peer(NAT), peer(NAT)
    call.expect_nat()
    call.latch(alice)
    thief.send(call.port, rtcp(0x6666), to_rtcp=True)
    alice_rtcp.send(call.port, rtcp(0x1234), to_rtcp=True)
    (latched,) = next_events(relay)
    assert isinstance(latched, Latched)
    assert (latched.source, latched.rtcp) == (alice_rtcp.address, True)
    call.bob.send(call.far, rtcp(5), to_rtcp=True)
    assert alice_rtcp.receive()[0] == rtcp(5)


def test_the_same_address_again_keeps_what_was_latched(call: Call, peer: Peers) -> None:
    alice = peer(NAT)
    call.expect_nat()
    call.latch(alice)
    call.expect_nat()
    call.passes(alice, 3)
    call.reaches(alice)


def test_a_new_address_starts_afresh(call: Call, peer: Peers) -> None:
    alice, moved = peer(NAT), peer()
    call.expect_nat()
    call.latch(alice)
    call.expect_nat(moved.address)
    alice.send(call.port, rtp(50))
    call.passes(moved, 3)
    call.reaches(moved)


def test_rtcp_from_the_rtp_port_is_heard(relay: Relay, call: Call, peer: Peers) -> None:
    alice = peer()
    relay.expect(call.port, rtp=alice.address, formats=PCMA)
    alice.send(call.port, rtcp(), to_rtcp=True)
    alice.send(call.port, rtcp())
    call.passes(alice, 1)
    while relay.totals(call.port).heard_rtcp < 2:
        call.passes(alice, 2)


def test_broken_media_from_the_right_address_is_dropped_and_counted(relay: Relay, call: Call, peer: Peers) -> None:
    alice = peer()
    relay.expect(call.port, rtp=alice.address, formats=PCMA)
    broken = [
        b"",
        b"\x80",
        rtp(1)[:11],
        b"\x8f" + rtp(1)[1:20],
        b"\xb0" + rtp(1)[1:12],
        STUN,
        DTLS,
        b"\r\n",
        b"\xff" * 400,
    ]
    for data in broken:
        alice.send(call.port, data)
    call.passes(alice, 1)
    assert relay.totals(call.port).malformed == len(broken)


def test_under_ice_only_stun_is_believed(relay: Relay, call: Call, peer: Peers) -> None:
    browser, thief = peer(), peer()
    relay.expect(call.port, rtp=PRIVATE, mux=True, ice=True, formats=PCMA)
    relay.checks(call.port, [("ours", "secret")])
    check = stun_message(stun.Kind.REQUEST, "ours:theirs", "secret")
    thief.send(call.port, rtp(1))
    thief.send(call.port, DTLS)
    thief.send(call.port, STUN)
    browser.send(call.port, DTLS)
    browser.send(call.port, check)
    (climbed,) = next_events(relay)
    assert isinstance(climbed, Climbed)
    assert (climbed.port, climbed.source, climbed.rtcp, climbed.data) == (call.port.id, browser.address, False, check)
    relay.approve(call.port, browser.address)
    thief.send(call.port, DTLS)
    browser.send(call.port, DTLS)
    (hello,) = next_events(relay)
    assert isinstance(hello, Climbed)
    assert (hello.source, hello.data) == (browser.address, DTLS)
    relay.send(call.port, b"answer", browser.address)
    assert browser.receive() == (b"answer", call.port.rtp)
    thief.send(call.port, rtp(1))
    call.passes(browser, 2)
    call.reaches(browser)
    relay.revoke(call.port, browser.address)
    browser.send(call.port, rtp(3))
    relay.approve(call.port, thief.address)
    call.passes(thief, 4)


def test_stun_and_dtls_climb_without_ice_where_asked(relay: Relay, call: Call, peer: Peers) -> None:
    alice, thief = peer(), peer()
    relay.expect(call.port, rtp=alice.address, formats=PCMA, climb=True)
    thief.send(call.port, DTLS)
    alice.send(call.port, DTLS, to_rtcp=True)
    (climbed,) = next_events(relay)
    assert isinstance(climbed, Climbed)
    assert (climbed.source, climbed.rtcp, climbed.data) == (alice.address, True, DTLS)


def test_a_long_call_lets_no_stranger_in_either(relay: Relay, call: Call, peer: Peers) -> None:
    """After a second of audio the relay sends over a socket connected to the peer; who is heard stays the same."""
    alice, thief, moved = peer(), peer(), peer()
    relay.expect(call.port, rtp=alice.address, formats=PCMA)
    for sequence in range(200):
        thief.send(call.port, rtp(sequence, ssrc=666))
        call.passes(alice, sequence)
        call.reaches(alice)
    until(lambda: strangers(relay, call.port) == 200)
    assert relay.totals(call.port).heard_packets == 200
    relay.expect(call.port, rtp=moved.address, formats=PCMA)
    call.reaches(moved)
    alice.send(call.port, rtp(200))
    call.passes(moved, 1)
    for sequence in range(2, 100):
        call.passes(moved, sequence)
        call.reaches(moved)
    assert alice.has_nothing()
    assert thief.has_nothing()
    assert relay.totals(call.port).unsendable == 0


def test_a_peer_that_is_gone_for_a_while_is_reached_again(relay: Relay, call: Call, peer: Peers) -> None:
    """Its host answers our packets with ICMP errors meanwhile, which must not stop what follows."""
    alice = peer()
    relay.expect(call.port, rtp=alice.address, formats=PCMA)
    for _ in range(60):
        call.reaches(alice)
    alice.close()
    for _ in range(60):
        call.bob.send(call.far, rtp(1))
    until(lambda: relay.totals(call.far).heard_packets == 120)
    back = peer(*alice.address)
    for sequence in range(20):
        call.reaches(back)
        call.passes(back, sequence)
